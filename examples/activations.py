"""The usual activation functions and their derivatives, against the formulas in NumPy."""

from __future__ import annotations

import numpy as np

import graphc as tf

POINTS = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Function in the graph, formula, and formula of the derivative.
FUNCTIONS = {
    "sigmoid": (tf.sigmoid, sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (tf.tanh, np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": (tf.nn.relu, lambda x: np.maximum(0, x), lambda x: (x > 0) * 1.0),
    "leaky relu": (
        lambda x: tf.nn.leaky_relu(x, alpha=0.01),
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x: np.where(x > 0, 1.0, 0.01),
    ),
}


def softmax(x: np.ndarray) -> np.ndarray:
    """Rows of probabilities; the greatest of a row is subtracted against overflow."""
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def main() -> float:
    """Print values and derivatives; returns the greatest difference from the formulas."""
    tf.reset_default_graph()
    x = tf.placeholder(tf.float64, [None])
    print(f"{'x':10} " + " ".join(f"{p:8.2f}" for p in POINTS))
    apart = 0.0
    with tf.Session() as session:
        for name, (function, formula, derivative) in FUNCTIONS.items():
            y = function(x)
            found = session.run([y, tf.gradients(y, x)[0]], {x: POINTS})
            for label, a, b in zip(
                (name, "  slope"), found, (formula(POINTS), derivative(POINTS)), strict=True
            ):
                print(f"{label:10} " + " ".join(f"{v:8.4f}" for v in a))
                apart = max(apart, float(np.abs(a - b).max()))
        rows = np.array([[1.0, 2.0, 3.0], [1000.0, 1000.0, 1001.0]])
        probabilities = session.run(tf.nn.softmax(rows))
    apart = max(apart, float(np.abs(probabilities - softmax(rows)).max()))
    print(f"softmax of {rows.tolist()}:\n{probabilities.round(4)}")
    print(f"greatest difference from the formulas {apart:.1e}")
    return apart


if __name__ == "__main__":
    main()
