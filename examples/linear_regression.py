"""A line through noisy points, by gradient descent, held against the closed form.

Written as a TensorFlow 1 program: placeholders, two variables, an optimizer, a session.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import graphc as tf


class Line(NamedTuple):
    """y = slope * x + intercept."""

    slope: float
    intercept: float


def closed_form(x: np.ndarray, y: np.ndarray) -> Line:
    """The least squares line: slope = cov(x, y) / var(x)."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    return Line(slope, float(y.mean() - slope * x.mean()))


def main(points: int = 200, steps: int = 400) -> tuple[Line, Line]:
    """Fit the line; prints and returns what descent found and what the closed form says."""
    tf.reset_default_graph()
    generator = np.random.default_rng(0)
    x_data = generator.uniform(-1, 1, points).astype(np.float32)
    y_data = (3 * x_data + 2 + 0.3 * generator.standard_normal(points)).astype(np.float32)

    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.placeholder(tf.float32, [None], name="y")
    slope = tf.Variable(0.0, name="slope")
    intercept = tf.Variable(0.0, name="intercept")
    loss = tf.reduce_mean(tf.square(slope * x + intercept - y), name="loss")
    step = tf.train.GradientDescentOptimizer(0.3).minimize(loss)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for number in range(steps):
            _, value = session.run([step, loss], feed_dict={x: x_data, y: y_data})
            if number % max(steps // 5, 1) == 0:
                print(f"step {number:4}   loss {value:.6f}")
        found = Line(*map(float, session.run([slope, intercept])))

    exact = closed_form(x_data, y_data)
    print(f"gradient descent   y = {found.slope:.5f} x + {found.intercept:.5f}")
    print(f"closed form        y = {exact.slope:.5f} x + {exact.intercept:.5f}")
    apart = max(abs(a - b) for a, b in zip(found, exact, strict=True))
    print(f"largest difference {apart:.1e}")
    return found, exact


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    main(options.points, options.steps)
