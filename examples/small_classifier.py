"""Small networks on ten numbers: two classes by cross entropy, and one output by squared error.

The first is 10-64-2 with relu, Adam and class numbers as labels; the second 10-20-1 with a sigmoid
and plain gradient descent. Labels follow a rule, so that there is something to learn: random ones
could only be learnt by heart.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf


def points(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ten numbers in [0, 1), and whether the first five add up to more than the others."""
    x = generator.random((count, 10)).astype(np.float32)
    return x, (x[:, :5].sum(1) > x[:, 5:].sum(1)).astype(np.int64)


def classes(epochs: int, batch_size: int) -> float:
    """Train 10-64-2; gives the accuracy on new points."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    generator = np.random.default_rng(0)
    x_train, y_train = points(1000, generator)
    x_test, y_test = points(500, generator)
    x, y = tf.placeholder(tf.float32, [None, 10]), tf.placeholder(tf.int64, [None])
    logits = tf.layers.dense(tf.layers.dense(x, 64, activation=tf.nn.relu), 2)
    loss = tf.losses.softmax_cross_entropy(tf.one_hot(y, 2), logits)
    step = tf.train.AdamOptimizer(0.005).minimize(loss)
    predicted = tf.argmax(tf.nn.softmax(logits), axis=1)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            order = generator.permutation(len(x_train))
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                _, value = session.run([step, loss], {x: x_train[rows], y: y_train[rows]})
            if epoch % max(epochs // 10, 1) == 0:
                print(f"epoch [{epoch}/{epochs}], loss {value:.4f}")
        accuracy = float((session.run(predicted, {x: x_test}) == y_test).mean())
    print(f"accuracy on new points {accuracy:.2%}")
    return accuracy


def one_step() -> tuple[float, float]:
    """One forward pass, one backward pass and one step of 10-20-1; gives the losses around it."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    x, target = tf.random_normal([1, 10], seed=3), tf.constant([[1.0]])
    x = tf.Variable(x, trainable=False)
    output = tf.layers.dense(tf.layers.dense(x, 20, activation=tf.sigmoid), 1)
    loss = tf.losses.mean_squared_error(target, output)
    step = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = float(session.run(loss))
        session.run(step)
        after = float(session.run(loss))
    print(f"squared error {before:.4f}, after a step {after:.4f}")
    return before, after


def main(epochs: int = 50, batch_size: int = 32) -> tuple[float, float, float]:
    """Train both; returns the accuracy and the losses around a step."""
    return classes(epochs, batch_size), *one_step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    main(options.epochs, options.batch_size)
