"""Gradient descent, RMSProp and Adam as formulas, held against `tf.train` step by step.

The running averages of Adam are m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2:
each keeps a share of what it was. (Without these terms, as the formulas are sometimes printed,
nothing would be averaged.) Both start at 0, so they are divided by 1 - beta^t. RMSProp has v alone
and corrects nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

import graphc as tf

START = np.array([3.0, -2.0, 0.5])
SCALES = np.array([1.0, 4.0, 0.25])
Rule = Callable[[], Iterator[np.ndarray]]


def gradient(w: np.ndarray) -> np.ndarray:
    """The gradient of sum(scales w^2) / 2."""
    return SCALES * w


def descent(rate: float = 0.1) -> Iterator[np.ndarray]:
    """w <- w - rate g."""
    w = START.copy()
    while True:
        w = w - rate * gradient(w)
        yield w


def rmsprop(rate: float = 0.1, decay: float = 0.9, small: float = 1e-10) -> Iterator[np.ndarray]:
    """w <- w - rate g / sqrt(v + small); TF1's v starts at 1."""
    w, v = START.copy(), np.ones_like(START)
    while True:
        g = gradient(w)
        v = decay * v + (1 - decay) * g * g
        w = w - rate * g / np.sqrt(v + small)
        yield w


def adam(
    rate: float = 0.1, beta1: float = 0.9, beta2: float = 0.999, small: float = 1e-8
) -> Iterator[np.ndarray]:
    """w <- w - rate m^ / (sqrt(v^) + small), with averages corrected for their start at 0.

    TF1 adds `small` before the correction: small / sqrt(1 - beta2^t) in this form.
    """
    w, m, v = START.copy(), np.zeros_like(START), np.zeros_like(START)
    t = 0
    while True:
        t += 1
        g = gradient(w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        corrected = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - rate * corrected[0] / (np.sqrt(corrected[1]) + small / np.sqrt(1 - beta2**t))
        yield w


RULES: dict[str, tuple[Callable[..., Iterator[np.ndarray]], Callable[[], tf.train.Optimizer]]] = {
    "gradient descent": (descent, lambda: tf.train.GradientDescentOptimizer(0.1)),
    "RMSProp": (rmsprop, lambda: tf.train.RMSPropOptimizer(0.1)),
    "Adam": (adam, lambda: tf.train.AdamOptimizer(0.1)),
}


def main(steps: int = 50) -> dict[str, float]:
    """Run all of them; prints and returns the greatest difference of any step."""
    apart = {}
    for name, (rule, make) in RULES.items():
        tf.reset_default_graph()
        w = tf.Variable(START)
        loss = tf.reduce_sum(SCALES * w * w) / 2
        step = make().minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            differences = []
            for expected, _ in zip(rule(), range(steps), strict=False):
                session.run(step)
                differences.append(float(np.abs(session.run(w) - expected).max()))
            final = float(session.run(loss))
        apart[name] = max(differences)
        print(f"{name:17} loss after {steps} steps {final:.6f}   difference {apart[name]:.1e}")
    return apart


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50)
    main(parser.parse_args().steps)
