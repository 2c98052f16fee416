"""An autoencoder: 784 pixels through 32 numbers and back, so these 32 hold what digits are like."""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


def picture(image: np.ndarray) -> list[str]:
    """An image of 784 pixels as 14 lines of text."""
    small = image.reshape(14, 2, 14, 2).mean((1, 3))
    return ["".join(" .:-=+*#%@"[min(int(p * 10), 9)] * 2 for p in row) for row in small]


def main(epochs: int = 8, code_size: int = 32, batch_size: int = 100) -> tuple[float, float]:
    """Train; prints and returns the mean squared error per pixel on 2,000 digits held back, and
    that of giving the mean digit always."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, test = data.load(held_back=2000)

    images = tf.placeholder(tf.float32, [None, 784], name="images")
    with tf.variable_scope("encoder"):
        hidden = tf.layers.dense(images, 128, activation=tf.nn.relu)
        code = tf.layers.dense(hidden, code_size, name="code")
    with tf.variable_scope("decoder"):
        hidden = tf.layers.dense(code, 128, activation=tf.nn.relu)
        output = tf.layers.dense(hidden, 784, activation=tf.nn.sigmoid, name="image")
    loss = tf.losses.mean_squared_error(images, output)
    step = tf.train.AdamOptimizer(2e-3).minimize(loss)

    generator = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            losses = [
                session.run([loss, step], {images: train.images[rows]})[0]
                for rows in data.batches(train, batch_size, generator)
            ]
            print(f"epoch {epoch:2}   error {np.mean(losses):.5f}")
        error = float(session.run(loss, {images: test.images}))
        again = session.run(output, {images: test.images[:2]})
    plain = float(((test.images - train.images.mean(0)) ** 2).mean())
    print(f"error on held back digits {error:.5f}; that of the mean digit {plain:.5f}")
    for before, after in zip(test.images, again, strict=False):
        for left, right in zip(picture(before), picture(after), strict=True):
            print(f"{left}  |  {right}")
    return error, plain


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--code-size", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args()
    main(options.epochs, options.code_size, options.batch_size)
