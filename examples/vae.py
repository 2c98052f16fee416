"""A variational autoencoder (Kingma and Welling, 2013): codes are distributions, so one can draw.

The encoder gives mean and log variance of a normal code; noise is drawn in the graph and scaled, so
that gradients reach both. The loss is the cross entropy of the pixels and the divergence of the
code from a standard normal one: -1/2 sum(1 + log v - m^2 - v).
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

try:
    from examples import digits as data
    from examples.autoencoder import picture
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]
    from autoencoder import picture  # type: ignore[no-redef]


def decoder(code):
    """Logits of 784 pixels; a second call shares the variables."""
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        hidden = tf.layers.dense(code, 200, activation=tf.nn.relu, name="hidden")
        return tf.layers.dense(hidden, 784, name="pixels")


def main(epochs: int = 10, code_size: int = 10, batch_size: int = 100) -> tuple[float, float]:
    """Train; prints and returns the loss per image in the first epoch and on digits held back."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, test = data.load(held_back=2000)

    images = tf.placeholder(tf.float32, [None, 784], name="images")
    with tf.variable_scope("encoder"):
        hidden = tf.layers.dense(images, 200, activation=tf.nn.relu, name="hidden")
        mean = tf.layers.dense(hidden, code_size, name="mean")
        log_variance = tf.layers.dense(hidden, code_size, name="log_variance")
    noise = tf.random_normal(tf.shape(mean))
    code = mean + tf.exp(0.5 * log_variance) * noise
    logits = decoder(code)
    pixels = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    divergence = -0.5 * tf.reduce_sum(
        1 + log_variance - tf.square(mean) - tf.exp(log_variance), axis=1
    )
    loss = tf.reduce_mean(tf.reduce_sum(pixels, axis=1) + divergence)
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)
    drawn = tf.sigmoid(decoder(tf.random_normal([3, code_size], seed=5)))

    generator = np.random.default_rng(0)
    history = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            losses = [
                session.run([loss, step], {images: train.images[rows]})[0]
                for rows in data.batches(train, batch_size, generator)
            ]
            history.append(float(np.mean(losses)))
            print(f"epoch {epoch:2}   loss per image {history[-1]:.2f}")
        held_back = float(session.run(loss, {images: test.images}))
        samples = session.run(drawn)
    print(f"loss on held back digits {held_back:.2f}; three digits nobody wrote:")
    for lines in zip(*map(picture, samples), strict=True):
        print("  ".join(lines))
    return history[0], held_back


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--code-size", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args()
    main(options.epochs, options.code_size, options.batch_size)
