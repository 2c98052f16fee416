"""Forward, backward and one step of a three-layer network, with numbers one can check by hand.

Two inputs pass through three layers that weigh each number by itself: relu, sigmoid, and none. The
loss is -sum(y log y^). Such calculations are often printed with slips: 1 * 0.1 + 0.1 is 0.2 and not
0.3, -log of a number below 1 is positive, and a gradient holds a factor for every layer it passes.
Here each number is computed twice, by the chain rule written out and by `tf.gradients`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import graphc as tf

X, Y, RATE = np.array([1.0, 2.0]), np.array([1.0, 0.0]), 0.1
WEIGHTS = [np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.array([0.5, 0.6])]
BIASES = [np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.array([0.5, 0.6])]


class Calculation(NamedTuple):
    """What one finds: the layers' results, the loss, all gradients, the loss after a step."""

    layers: list[np.ndarray]  # z1, a1, z2, a2, y^
    loss: float
    gradients: list[np.ndarray]  # of W1, b1, W2, b2, W3, b3
    after: float


def by_hand() -> Calculation:
    """The chain rule, written out."""
    (w1, w2, w3), (b1, b2, b3) = WEIGHTS, BIASES

    def run(w1, b1, w2, b2, w3, b3):
        z1 = X * w1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 * w2 + b2
        a2 = 1 / (1 + np.exp(-z2))
        y = a2 * w3 + b3
        return [z1, a1, z2, a2, y], float(-(Y * np.log(y)).sum())

    layers, loss = run(w1, b1, w2, b2, w3, b3)
    z1, a1, _, a2, y = layers
    dy = -Y / y
    dz2 = dy * w3 * a2 * (1 - a2)
    dz1 = dz2 * w2 * (z1 > 0)
    gradients = [dz1 * X, dz1, dz2 * a1, dz2, dy * a2, dy]
    parameters = [w1, b1, w2, b2, w3, b3]
    moved = [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]
    return Calculation(layers, loss, gradients, run(*moved)[1])


def by_graph() -> Calculation:
    """The same as a graph with `tf.gradients` and an optimizer."""
    tf.reset_default_graph()
    pairs = [
        (tf.Variable(w, name=f"W{n}"), tf.Variable(b, name=f"b{n}"))
        for n, (w, b) in enumerate(zip(WEIGHTS, BIASES, strict=True), 1)
    ]
    (w1, b1), (w2, b2), (w3, b3) = pairs
    z1 = X * w1 + b1
    a1 = tf.nn.relu(z1)
    z2 = a1 * w2 + b2
    a2 = tf.sigmoid(z2)
    y = a2 * w3 + b3
    loss = -tf.reduce_sum(Y * tf.log(y))
    variables = [v for pair in pairs for v in pair]
    step = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run([[z1, a1, z2, a2, y], loss, tf.gradients(loss, variables)])
        session.run(step)
        return Calculation(*found, float(session.run(loss)))


def main() -> tuple[Calculation, Calculation]:
    """Print both calculations side by side, and return them."""
    hand, graph = by_hand(), by_graph()
    names = ["z1", "a1", "z2", "a2", "y^", "dW1", "db1", "dW2", "db2", "dW3", "db3"]
    ours, theirs = hand.layers + hand.gradients, graph.layers + graph.gradients
    for name, a, b in zip(names, ours, theirs, strict=True):
        print(f"{name:4} by hand [{a[0]:8.5f} {a[1]:8.5f}]   graph [{b[0]:8.5f} {b[1]:8.5f}]")
    print(f"loss by hand {hand.loss:.5f}, after a step {hand.after:.5f}")
    print(f"     graph   {graph.loss:.5f}, after a step {graph.after:.5f}")
    return hand, graph


if __name__ == "__main__":
    main()
