"""A two-layer sigmoid network whose backward pass is written by hand, held against `tf.gradients`.

Both passes are graphs: the forward one, the chain rule in formulas, and what the differentiator
makes of the loss. With the cross entropy as loss the cotangent of the last layer is a - y.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf


def forward(x, w1, b1, w2, b2):
    """The activations of both layers."""
    a1 = tf.sigmoid(tf.matmul(x, w1) + b1)
    return a1, tf.sigmoid(tf.matmul(a1, w2) + b2)


def backward(x, y, a1, a2, w2):
    """The gradients of the mean cross entropy by the chain rule: dw1, db1, dw2, db2."""
    m = tf.cast(tf.shape(x)[0], tf.float64)
    dz2 = a2 - y
    dw2 = tf.matmul(a1, dz2, transpose_a=True) / m
    db2 = tf.reduce_sum(dz2, axis=0, keepdims=True) / m
    dz1 = tf.matmul(dz2, w2, transpose_b=True) * a1 * (1 - a1)
    dw1 = tf.matmul(x, dz1, transpose_a=True) / m
    db1 = tf.reduce_sum(dz1, axis=0, keepdims=True) / m
    return [dw1, db1, dw2, db2]


def main(steps: int = 3000, rate: float = 5.0) -> tuple[float, float]:
    """Train on exclusive or by the gradients written by hand; prints and returns the greatest
    difference from the differentiator's, and the last loss."""
    tf.reset_default_graph()
    generator = np.random.default_rng(1)
    x_data = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float64)
    y_data = np.array([[0], [1], [1], [0]], np.float64)

    x = tf.placeholder(tf.float64, [None, 2])
    y = tf.placeholder(tf.float64, [None, 1])
    start = [generator.standard_normal(shape) for shape in ((2, 8), (1, 8), (8, 1), (1, 1))]
    variables = [tf.Variable(v) for v in start]
    w1, b1, w2, b2 = variables
    a1, a2 = forward(x, w1, b1, w2, b2)
    entropy = -(y * tf.log(a2) + (1 - y) * tf.log(1 - a2))
    loss = tf.reduce_sum(entropy) / tf.cast(tf.shape(x)[0], tf.float64)
    by_hand = backward(x, y, a1, a2, w2)
    by_rules = tf.gradients(loss, variables)
    step = tf.train.GradientDescentOptimizer(rate).apply_gradients(
        zip(by_hand, variables, strict=True)
    )

    feed = {x: x_data, y: y_data}
    apart = 0.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for number in range(steps):
            if number % max(steps // 5, 1) == 0:
                ours, theirs, value = session.run([by_hand, by_rules, loss], feed)
                pairs = zip(ours, theirs, strict=True)
                apart = max(apart, *(float(np.abs(a - b).max()) for a, b in pairs))
                print(f"step {number:4}   loss {value:.5f}   difference so far {apart:.1e}")
            session.run(step, feed)
        value, outputs = session.run([loss, a2], feed)
    for row, output in zip(x_data, outputs, strict=True):
        print(f"{row[0]:.0f} xor {row[1]:.0f}: {output[0]:.4f}")
    return apart, float(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    main(parser.parse_args().steps)
