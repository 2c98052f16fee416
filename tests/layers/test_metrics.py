"""`tf.metrics`: results over several batches against NumPy, names, collections, misuse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
CLASSES = 5
BATCHES = 3


def batch(rows: int) -> dict[str, np.ndarray]:
    return {
        "labels": RNG.integers(0, CLASSES, rows),
        "predictions": RNG.integers(0, CLASSES, rows),
        "bits": RNG.uniform(size=rows) > 0.4,
        "p": RNG.uniform(size=rows).astype(np.float32),
        "y": RNG.normal(size=rows).astype(np.float32),
        "scores": RNG.normal(size=(rows, CLASSES)).astype(np.float32),
        "sets": RNG.integers(0, CLASSES, (rows, 3)),
        "weights": RNG.integers(1, 4, rows).astype(np.float32),
    }


DATA = [batch(rows) for rows in (7, 4, 9)]
KINDS = {"labels": tf.int64, "predictions": tf.int32, "bits": tf.bool, "sets": tf.int64}


def placeholders() -> dict[str, tf.Tensor]:
    return {
        name: tf.placeholder(KINDS.get(name, tf.float32), [None, *value.shape[1:]], name=name)
        for name, value in DATA[0].items()
    }


def average(values: np.ndarray, w: np.ndarray) -> float:
    return float((values * w).sum() / w.sum())


def area(d: dict[str, np.ndarray], w: np.ndarray) -> float:
    """The share of pairs (positive, negative) that are in order."""
    order = np.sign(d["p"][:, None] - d["p"]) / 2 + 0.5
    pairs = (d["bits"][:, None] & ~d["bits"]) * w[:, None] * w
    return float((order * pairs).sum() / pairs.sum())


def matrix(d: dict[str, np.ndarray], w: np.ndarray) -> np.ndarray:
    found = np.zeros((CLASSES, CLASSES))
    np.add.at(found, (d["labels"], d["predictions"]), w)
    return found


def iou(d: dict[str, np.ndarray], w: np.ndarray) -> float:
    m = matrix(d, w)
    union = m.sum(0) + m.sum(1) - m.diagonal()
    return float((m.diagonal()[union > 0] / union[union > 0]).mean())


def per_class(d: dict[str, np.ndarray], w: np.ndarray) -> float:
    m = matrix(d, w)
    return float((m.diagonal() / np.maximum(m.sum(1), 1e-30)).mean())


def of_best(kind: str, k: int, class_id: int | None = None) -> Callable[..., float]:
    def share(d: dict[str, np.ndarray], w: np.ndarray) -> float:
        hits = all_of_them = 0.0
        for scores, labels, weight in zip(d["scores"], d["sets"], w, strict=True):
            best, wanted = set(np.argsort(-scores)[:k]), set(labels)
            asked = best if kind == "precision" else wanted
            chosen = {c for c in asked if class_id in (None, c)}
            hits += weight * len(chosen & best & wanted)
            all_of_them += weight * len(chosen)
        return hits / all_of_them

    return share


M = tf.metrics
Case = tuple[Callable[..., Any], Callable[..., Any]]
CASES: dict[str, Case] = {
    "mean": (lambda t, w: M.mean(t["y"], w), lambda d, w: average(d["y"], w)),
    "accuracy": (
        lambda t, w: M.accuracy(t["labels"], t["predictions"], w),
        lambda d, w: average(d["labels"] == d["predictions"], w),
    ),
    "mean_squared_error": (
        lambda t, w: M.mean_squared_error(t["y"], t["p"], w),
        lambda d, w: average((d["y"] - d["p"]) ** 2, w),
    ),
    "root_mean_squared_error": (
        lambda t, w: M.root_mean_squared_error(t["y"], t["p"], w),
        lambda d, w: average((d["y"] - d["p"]) ** 2, w) ** 0.5,
    ),
    "mean_absolute_error": (
        lambda t, w: M.mean_absolute_error(t["y"], t["p"], w),
        lambda d, w: average(np.abs(d["y"] - d["p"]), w),
    ),
    "mean_relative_error": (
        lambda t, w: M.mean_relative_error(t["y"], t["p"], t["p"] + 1.0, w),
        lambda d, w: average(np.abs(d["y"] - d["p"]) / (d["p"] + 1), w),
    ),
    "percentage_below_threshold": (
        lambda t, w: M.percentage_below(t["p"], 0.3, w), lambda d, w: average(d["p"] < 0.3, w),
    ),
    "precision": (
        lambda t, w: M.precision(t["bits"], t["p"] > 0.5, w),
        lambda d, w: average(d["bits"], w * (d["p"] > 0.5)),
    ),
    "recall": (
        lambda t, w: M.recall(t["bits"], t["p"] > 0.5, w),
        lambda d, w: average(d["p"] > 0.5, w * d["bits"]),
    ),
    "true_positives": (
        lambda t, w: M.true_positives(t["bits"], t["p"] > 0.5, w),
        lambda d, w: float((w * d["bits"] * (d["p"] > 0.5)).sum()),
    ),
    "true_negatives": (
        lambda t, w: M.true_negatives(t["bits"], t["p"] > 0.5, w),
        lambda d, w: float((w * ~d["bits"] * (d["p"] <= 0.5)).sum()),
    ),
    "false_positives": (
        lambda t, w: M.false_positives(t["bits"], t["p"] > 0.5, w),
        lambda d, w: float((w * ~d["bits"] * (d["p"] > 0.5)).sum()),
    ),
    "false_negatives": (
        lambda t, w: M.false_negatives(t["bits"], t["p"] > 0.5, w),
        lambda d, w: float((w * d["bits"] * (d["p"] <= 0.5)).sum()),
    ),
    "auc": (lambda t, w: M.auc(t["bits"], t["p"], w, num_thresholds=2000), area),
    "mean_iou": (lambda t, w: M.mean_iou(t["labels"], t["predictions"], CLASSES, w), iou),
    "mean_accuracy": (
        lambda t, w: M.mean_per_class_accuracy(t["labels"], t["predictions"], CLASSES, w),
        per_class,
    ),
    "precision_at_2": (
        lambda t, w: M.precision_at_k(t["sets"], t["scores"], 2, weights=w),
        of_best("precision", 2),
    ),
    "recall_at_3": (
        lambda t, w: M.recall_at_k(t["sets"], t["scores"], 3, weights=w), of_best("recall", 3),
    ),
    "recall_at_2_class1": (
        lambda t, w: M.recall_at_k(t["sets"], t["scores"], 2, class_id=1, weights=w),
        of_best("recall", 2, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_over_batches(name: str, weighted: bool, sess: tf.Session) -> None:
    make, expected = CASES[name]
    tensors = placeholders()
    value, update = make(tensors, tensors["weights"] if weighted else None)
    sess.run(tf.local_variables_initializer())
    for number in range(BATCHES):
        after = sess.run(update, {tensors[k]: v for k, v in DATA[number].items()})
        so_far = {k: np.concatenate([d[k] for d in DATA[: number + 1]]) for k in DATA[0]}
        weights = so_far["weights"] if weighted else np.ones(len(so_far["weights"]))
        wanted = expected(so_far, weights)
        found = sess.run(value)
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6 if name != "auc" else 3e-3)
        if np.ndim(after) == 0:
            assert after == pytest.approx(found, rel=1e-6)
    local = tf.local_variables()
    assert local == tf.get_collection(tf.GraphKeys.METRIC_VARIABLES)
    assert all(v.name.startswith(f"{name}/") for v in local) and tf.global_variables() == []
    sess.run(tf.local_variables_initializer())
    assert not np.nan_to_num(sess.run(local[0])).any()


def test_names_and_collections(sess: tf.Session) -> None:
    value, update = M.accuracy([1, 2], [1, 1], metrics_collections="m", updates_collections=["u"])
    assert (value.name, update.name) == ("accuracy/value:0", "accuracy/update_op:0")
    assert tf.get_collection("m") == [value] and tf.get_collection("u") == [update]
    M.accuracy([1], [1])
    M.recall([True], [True], name="found")
    assert [v.name for v in tf.local_variables()] == [
        "accuracy/total:0", "accuracy/count:0", "accuracy_1/total:0", "accuracy_1/count:0",
        "found/true_positives/count:0", "found/false_negatives/count:0",
    ]  # fmt: skip
    sess.run(tf.local_variables_initializer())
    assert sess.run(value) == 0
    assert sess.run(update) == 0.5


def test_resetting_some(sess: tf.Session) -> None:
    _, first = M.mean([1.0], name="a")
    _, second = M.mean([3.0], name="b")
    sess.run(tf.local_variables_initializer())
    sess.run([first, second])
    reset = tf.variables_initializer(tf.get_collection(tf.GraphKeys.METRIC_VARIABLES, "b"))
    sess.run(reset)
    assert sess.run(["a/count:0", "b/count:0"]) == [1, 0]


def test_at_thresholds(sess: tf.Session) -> None:
    thresholds = [0.2, 0.5, 0.95]
    d = DATA[2]
    bits, p = tf.constant(d["bits"]), tf.constant(d["p"])
    pairs = {
        "precision": M.precision_at_thresholds(bits, p, thresholds),
        "recall": M.recall_at_thresholds(bits, p, thresholds),
        "tp": M.true_positives_at_thresholds(bits, p, thresholds),
        "fn": M.false_negatives_at_thresholds(bits, p, thresholds, weights=2.0),
        "tn": M.true_negatives_at_thresholds(bits, p, thresholds),
        "fp": M.false_positives_at_thresholds(bits, p, thresholds),
    }
    sess.run(tf.local_variables_initializer())
    updates = sess.run({k: update for k, (_, update) in pairs.items()})
    positive = d["p"] > np.array(thresholds)[:, None]
    tp, fp = (positive & d["bits"]).sum(1), (positive & ~d["bits"]).sum(1)
    expected = {
        "precision": tp / (tp + fp + 1e-7), "recall": tp / d["bits"].sum(), "tp": tp, "fp": fp,
        "fn": 2 * (~positive & d["bits"]).sum(1), "tn": (~positive & ~d["bits"]).sum(1),
    }  # fmt: skip
    for key, wanted in expected.items():
        np.testing.assert_allclose(updates[key], wanted, rtol=1e-5)
        np.testing.assert_array_equal(sess.run(pairs[key][0]), updates[key])


@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_areas_bound_one_another(curve: str, sess: tf.Session) -> None:
    d = DATA[2]
    methods = ["minoring", "careful_interpolation", "trapezoidal", "majoring"]
    areas = [
        M.auc(d["bits"], d["p"], num_thresholds=4, curve=curve, summation_method=m)[1]
        for m in methods
    ]
    sess.run(tf.local_variables_initializer())
    low, careful, between, high = sess.run(areas)
    assert low <= between <= high and low <= careful <= high and low < high
    assert between == pytest.approx((low + high) / 2, rel=1e-5)


def test_perfect_predictions(sess: tf.Session) -> None:
    bits, p = [0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9]
    updates = [
        M.auc(bits, p)[1],
        M.auc(bits, p, curve="PR", summation_method="careful_interpolation")[1],
        M.sensitivity_at_specificity(bits, p, 1.0)[1],
        M.specificity_at_sensitivity(bits, p, 1.0)[1],
    ]
    sess.run(tf.local_variables_initializer())
    np.testing.assert_allclose(sess.run(updates), 1, rtol=1e-5)


def test_mean_tensor_and_cosine(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2, 2])
    value, update = M.mean_tensor(x)
    unit = np.array([[0.6, 0.8], [1.0, 0.0]], np.float32)
    distance = M.mean_cosine_distance(unit, x, dim=1)[1]
    sess.run(tf.local_variables_initializer())
    sess.run(update, {x: np.ones((2, 2))})
    assert sess.run([update, distance], {x: unit})[1] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(sess.run(value), (unit + 1) / 2, rtol=1e-6)


def test_misuse(sess: tf.Session) -> None:
    with pytest.raises(ValueError, match=r"Shapes \(3,\) and \(2,\) are incomp.*test_metrics"):
        M.accuracy([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="curve must be either ROC or PR, XY unknown"):
        M.auc([True], [0.5], curve="XY")
    with pytest.raises(ValueError, match="Invalid summation_method: sum"):
        M.auc([True], [0.5], summation_method="sum")
    with pytest.raises(ValueError, match="at least 2"):
        M.auc([True], [0.5], num_thresholds=1)
    with pytest.raises(ValueError, match=r"`specificity` must be in the range \[0, 1\]"):
        M.sensitivity_at_specificity([True], [0.5], 2.0)
    with pytest.raises(ValueError, match="must be known; set_shape them"):
        M.recall_at_top_k(tf.placeholder(tf.int64), [[1]])
    with pytest.raises(ValueError, match="Unexpected rank of labels"):
        M.precision_at_top_k([[[1, 2]]], [1, 2])
    p = tf.placeholder(tf.float32, [None])
    _, update = M.auc([True, False], p)
    labels = tf.placeholder(tf.int64, [None])
    _, overlap = M.mean_iou(labels, [0, 1], 3)
    sess.run(tf.local_variables_initializer())
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"predictions must be in \[0, 1\]"):
        sess.run(update, {p: [0.5, 1.5]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="`labels` out of bound"):
        sess.run(overlap, {labels: [0, 7]})
