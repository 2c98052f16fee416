"""One weight and one bias on the points (1, 2), (2, 4), (3, 6), (4, 8), by gradient descent.

The gradients of the mean squared error are 2/n sum((w x + b - y) x) and 2/n sum(w x + b - y); the
first ones are shown beside what `tf.gradients` finds.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf


def main(epochs: int = 1000) -> tuple[float, list[float], list[float]]:
    """Train; prints and returns the last loss, and the first gradients by rule and by formula."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    inputs = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
    targets = 2 * inputs
    outputs = tf.layers.dense(tf.constant(inputs), 1)
    loss = tf.losses.mean_squared_error(targets, outputs)
    weight, bias = tf.trainable_variables()
    gradients = tf.gradients(loss, [weight, bias])
    step = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        w, b, *found = session.run([weight, bias, *gradients])
        error = inputs * w + b - targets
        expected = [float((error * inputs).mean() * 2), float(error.mean() * 2)]
        by_rule = [g.item() for g in found]
        print(f"gradients {by_rule[0]:.5f} and {by_rule[1]:.5f}, "
              f"by formula {expected[0]:.5f} and {expected[1]:.5f}")  # fmt: skip
        for _ in range(epochs):
            session.run(step)
        final = float(session.run(loss))
        w, b = session.run([weight, bias])
    print(f"final loss {final:.2e}: y = {w.item():.4f} x + {b.item():.4f}")
    return final, by_rule, expected


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1000)
    main(parser.parse_args().epochs)
