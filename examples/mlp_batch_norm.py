"""A 784-256-128-10 network with batch normalisation between each product and its activation.

While training, each unit is normalised by mean and variance of the batch, and operations in
UPDATE_OPS move their averages; at test time these averages are used. The training step must run the
updates: `tf.control_dependencies` sees to it.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


def layer(x, units, training, name):
    """relu(batch norm(x W)): the normalisation has an offset of its own, so there is no bias."""
    product = tf.layers.dense(x, units, use_bias=False, name=name)
    normal = tf.layers.batch_normalization(
        product, momentum=0.9, training=training, name=f"{name}_norm"
    )
    return tf.nn.relu(normal)


def main(epochs: int = 5, batch_size: int = 100) -> tuple[float, float]:
    """Train on 8,000 digits; prints and returns the accuracy on 2,000 held back, and how far the
    averages of the first layer are from the statistics of all digits, in deviations."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, test = data.load(held_back=2000)

    images = tf.placeholder(tf.float32, [None, 784], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    training = tf.placeholder_with_default(False, [], name="training")
    hidden = layer(images, 256, training, "hidden_1")
    hidden = layer(hidden, 128, training, "hidden_2")
    logits = tf.layers.dense(hidden, 10, name="logits")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(1e-3).minimize(loss)

    generator = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            for rows in data.batches(train, batch_size, generator):
                feed = {images: train.images[rows], labels: train.labels[rows], training: True}
                _, value = session.run([step, loss], feed)
            held_back = {images: test.images, labels: test.labels}
            result = float(session.run(accuracy, held_back))
            print(f"epoch {epoch:2}   loss {value:.4f}   accuracy on held back digits {result:.2%}")
        product, mean, variance = session.run(
            ["hidden_1/MatMul:0", "hidden_1_norm/moving_mean:0", "hidden_1_norm/moving_variance:0"],
            {images: train.images},
        )
    apart = float(np.abs((product.mean(0) - mean) / np.sqrt(variance)).mean())
    print(f"averages of the first layer are {apart:.3f} deviations from those of all digits")
    return result, apart


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args()
    main(options.epochs, options.batch_size)
