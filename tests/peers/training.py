"""TensorFlow 1 programs of losses and metrics, for TensorFlow itself or graphc (see `programs`)."""

from __future__ import annotations

from typing import Any

import numpy as np


def losses(tf: Any) -> list[Any]:
    """Every loss under every reduction and weighting, and their total."""
    generator = np.random.default_rng(0)
    y, p = generator.normal(size=(2, 3, 4)).astype(np.float32)
    bits, probability = (y > 0).astype(np.float32), 1 / (1 + np.exp(-p))
    rows = np.array([[1.0], [0.0], [2.0]], np.float32)
    classes = np.array([0, 3, 1])
    one_hot = np.eye(4, dtype=np.float32)[classes]
    of = tf.losses
    found = [
        of.mean_squared_error(y, p, weights, reduction=reduction, loss_collection=None)
        for reduction in of.Reduction.all()
        for weights in (1.0, 2.0, rows, np.zeros((1, 1), np.float32))
    ]
    found += [
        of.absolute_difference(y, p, rows), of.huber_loss(y, p, rows, 0.5),
        of.log_loss(bits, probability, rows), of.hinge_loss(bits, p, rows),
        of.cosine_distance(y, p, 1, rows), of.mean_pairwise_squared_error(y, p, rows),
        of.sigmoid_cross_entropy(bits, p, rows, 0.1),
        of.softmax_cross_entropy(one_hot, p, rows[:, 0], 0.2),
        of.sparse_softmax_cross_entropy(classes, p, rows),
    ]  # fmt: skip
    found.append(of.get_total_loss())
    names = [tensor.name for tensor in found]
    with tf.Session() as session:
        return [*names, *session.run(found)]


def metrics(tf: Any) -> list[Any]:
    """The names of variables, and updates and values after each of three batches."""
    numbers = {"labels": tf.int32, "guesses": tf.int32, "w": tf.float32, "p": tf.float32,
               "y": tf.float32}  # fmt: skip
    t = {name: tf.placeholder(dtype, [None]) for name, dtype in numbers.items()}
    t["bits"] = tf.placeholder(tf.bool, [None])
    t["scores"] = tf.placeholder(tf.float32, [None, 6])
    t["sets"] = tf.placeholder(tf.int64, [None, 3])
    pairs = [pair for w in (None, t["w"]) for pair in _metrics(tf.metrics, t, w)]
    generator = np.random.default_rng(0)
    found: list[Any] = [v.name for v in tf.local_variables()]
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        for _ in range(3):
            feed = {
                t["labels"]: generator.integers(0, 6, 30),
                t["guesses"]: generator.integers(0, 6, 30),
                t["w"]: generator.uniform(size=30), t["p"]: generator.uniform(size=30),
                t["y"]: generator.normal(size=30), t["bits"]: generator.uniform(size=30) > 0.5,
                t["scores"]: generator.normal(size=(30, 6)),
                t["sets"]: generator.integers(0, 6, (30, 3)),
            }  # fmt: skip
            found += session.run([update for _, update in pairs], feed)
            found += session.run([value for value, _ in pairs])
    return found


def _metrics(m: Any, t: dict[str, Any], w: Any) -> list[tuple[Any, Any]]:
    bits, p, y = t["bits"], t["p"], t["y"]
    return [
        m.mean(p, w), m.accuracy(t["labels"], t["guesses"], w), m.precision(bits, p > 0.5, w),
        m.recall(bits, p > 0.5, w), m.auc(bits, p, w),
        m.auc(bits, p, w, curve="PR", summation_method="careful_interpolation"),
        m.auc(bits, p, w, curve="PR", summation_method="minoring", num_thresholds=20),
        m.auc(bits, p, w, summation_method="majoring", thresholds=[0.3, 0.1, 0.6]),
        m.mean_squared_error(y, p, w), m.root_mean_squared_error(y, p, w),
        m.mean_absolute_error(y, p, w), m.mean_relative_error(y, p, y, w),
        m.true_positives(bits, p > 0.5, w), m.true_negatives(bits, p > 0.5, w),
        m.false_positives(bits, p > 0.5, w), m.false_negatives(bits, p > 0.5, w),
        m.mean_per_class_accuracy(t["labels"], t["guesses"], 6, w),
        m.mean_iou(t["labels"], t["guesses"], 6, w),
        m.precision_at_k(t["sets"], t["scores"], 2, weights=w),
        m.recall_at_k(t["sets"], t["scores"], 2, weights=w),
        m.recall_at_k(t["sets"], t["scores"], 3, class_id=2, weights=w),
        m.precision_at_thresholds(bits, p, [0.2, 0.5, 0.9], w),
        m.recall_at_thresholds(bits, p, [0.2, 0.5, 0.9], w),
        m.sensitivity_at_specificity(bits, p, 0.6, w),
        m.specificity_at_sensitivity(bits, p, 0.6, w), m.percentage_below(p, 0.3, w),
    ]  # fmt: skip


TRAINING = (losses, metrics)
