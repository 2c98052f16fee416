"""How good is a classifier? Is this digit a 3: ROC curve, AUC, confusion matrix, precision, recall.

The metrics are `tf.metrics`: local variables that update operations add to, batch by batch. F1 is
the harmonic mean of precision and recall.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


class Report(NamedTuple):
    """What was measured on the digits held back."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    auc: float
    matrix: np.ndarray  # [label, prediction]
    curve: np.ndarray  # (false positive rate, recall) at thresholds from high to low


def main(steps: int = 800, digit: int = 3) -> Report:
    """Train a logistic regression, and report on the digits held back."""
    tf.reset_default_graph()
    train, test = data.load(held_back=2000)
    images = tf.placeholder(tf.float32, [None, 784])
    is_digit = tf.placeholder(tf.bool, [None])
    logits = tf.squeeze(tf.layers.dense(images, 1, kernel_initializer=tf.zeros_initializer()), 1)
    loss = tf.losses.sigmoid_cross_entropy(is_digit, logits)
    step = tf.train.AdamOptimizer(0.01).minimize(loss)

    probability = tf.sigmoid(logits)
    predicted = probability > 0.5
    thresholds = np.linspace(0.99, 0.01, 25).tolist()
    metrics = {
        "accuracy": tf.metrics.accuracy(is_digit, predicted),
        "precision": tf.metrics.precision(is_digit, predicted),
        "recall": tf.metrics.recall(is_digit, predicted),
        "auc": tf.metrics.auc(is_digit, probability, num_thresholds=500),
        "true": tf.metrics.true_positives_at_thresholds(is_digit, probability, thresholds),
        "false": tf.metrics.false_positives_at_thresholds(is_digit, probability, thresholds),
    }
    updates = [update for _, update in metrics.values()]
    matrix = tf.confusion_matrix(is_digit, predicted, num_classes=2)

    generator = np.random.default_rng(0)
    total = np.zeros((2, 2), np.int64)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            rows = generator.integers(0, len(train), 100)
            feed = {images: train.images[rows], is_digit: train.labels[rows] == digit}
            session.run(step, feed)
        session.run(tf.local_variables_initializer())
        for start in range(0, len(test), 500):
            part = slice(start, start + 500)
            feed = {images: test.images[part], is_digit: test.labels[part] == digit}
            total += session.run([matrix, *updates], feed)[0]
        found = session.run({name: value for name, (value, _) in metrics.items()})

    positives = int((test.labels == digit).sum())
    f1 = 2 * found["precision"] * found["recall"] / (found["precision"] + found["recall"])
    curve = np.stack([found["false"] / (len(test) - positives), found["true"] / positives], 1)
    print(f"is it a {digit}? of {len(test):,} digits held back {positives} are")
    print(f"             taken for another   taken for a {digit}")
    print(f"another      {total[0, 0]:17}   {total[0, 1]:13}")
    print(f"a {digit}          {total[1, 0]:17}   {total[1, 1]:13}")
    for name in ("accuracy", "precision", "recall", "auc"):
        print(f"{name:9}    {found[name]:.4f}")
    print(f"F1           {f1:.4f}")
    print("ROC curve, recall by false positive rate:")
    for wrong, right in curve[::4]:
        print(f"  {wrong:.3f}   {right:.3f} {'#' * round(40 * right)}")
    shares = [float(found[name]) for name in ("accuracy", "precision", "recall")]
    return Report(*shares, float(f1), float(found["auc"]), total, curve)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--digit", type=int, default=3)
    options = parser.parse_args()
    main(options.steps, options.digit)
