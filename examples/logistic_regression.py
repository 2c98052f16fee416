"""Softmax regression on real digits: one matrix, one bias, plain gradient descent.

Written as a TensorFlow 1 program, the way its first tutorial was.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


def main(epochs: int = 10, batch_size: int = 100) -> float:
    """Train on 8,000 digits; prints and returns the accuracy on 2,000 held back."""
    tf.reset_default_graph()
    train, test = data.load(held_back=2000)

    x = tf.placeholder(tf.float32, [None, 784], name="images")
    y = tf.placeholder(tf.float32, [None, 10], name="labels")
    weights = tf.Variable(tf.zeros([784, 10]), name="weights")
    bias = tf.Variable(tf.zeros([10]), name="bias")
    logits = tf.matmul(x, weights) + bias
    cross_entropy = tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits), name="cross_entropy"
    )
    step = tf.train.GradientDescentOptimizer(0.5).minimize(cross_entropy)
    correct = tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1))
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32), name="accuracy")

    one_hot = np.eye(10, dtype=np.float32)
    held_back = {x: test.images, y: one_hot[test.labels]}
    generator = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            losses = []
            for rows in data.batches(train, batch_size, generator):
                feed = {x: train.images[rows], y: one_hot[train.labels[rows]]}
                losses.append(session.run([step, cross_entropy], feed)[1])
            print(f"epoch {epoch:2}   cross entropy {np.mean(losses):.4f}")
        result = float(session.run(accuracy, held_back))
    print(f"accuracy on {len(test):,} held back digits   {result:.2%}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args()
    main(options.epochs, options.batch_size)
