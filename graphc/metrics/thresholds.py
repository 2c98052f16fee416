"""Metrics of probabilities at many thresholds: counts, precision and recall, areas under curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.framework import logging
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.metrics.streaming import (
    Metric,
    added,
    aligned,
    finished,
    flat,
    metric_scope,
    metric_variable,
)
from graphc.ops import check_ops, generated
from graphc.ops.control_flow_ops import with_dependencies
from graphc.ops.math_ops import cast, div_no_nan, logical_and, maximum, minimum, multiply
from graphc.ops.reduction_ops import argmax, argmin, reduce_sum
from graphc.ops.weights_broadcast_ops import broadcast_weights

# (label, prediction) of each count, in the order in which TF1 makes the variables.
_COUNTS = {
    "true_positives": (True, True),
    "false_negatives": (True, False),
    "true_negatives": (False, False),
    "false_positives": (False, True),
}
_LEAST = 1e-7  # how far the outermost thresholds lie outside [0, 1]


def counts_at(
    labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any, wanted: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Per name: the counts so far and after this batch, [thresholds]; p > threshold is positive."""
    x = cast(convert_to_tensor(predictions, name="predictions"), dtypes.float32)
    y = cast(convert_to_tensor(labels, name="labels"), dtypes.bool_)
    x, y, w = aligned(_in_unit_interval(x), y, weights)
    w = None if w is None else flat(broadcast_weights(cast(w, dtypes.float32), x))
    column = np.array(thresholds, np.float32)[:, None]
    positive = apply("Greater", apply("ExpandDims", flat(x), np.int32(0)), column)
    label = apply("ExpandDims", flat(y), np.int32(0))
    found = {}
    for name in (name for name in _COUNTS if name in wanted):
        is_label, is_positive = _COUNTS[name]
        both = logical_and(_is(label, is_label), _is(positive, is_positive))
        numbers = cast(both, dtypes.float32)
        if w is not None:
            numbers = multiply(numbers, w)
        variable = metric_variable([len(thresholds)], dtypes.float32, name)
        value = apply("Identity", variable)
        found[name] = value, added(variable, reduce_sum(numbers, 1))
    return found


def _is(x: Tensor, value: bool) -> Tensor:
    return x if value else apply("LogicalNot", x)


def _in_unit_interval(x: Tensor) -> Tensor:
    message = "predictions must be in [0, 1]"
    low = check_ops.assert_greater_equal(x, 0.0, message=message)
    high = check_ops.assert_less_equal(x, 1.0, message=message)
    return with_dependencies([low, high], x)


def even_thresholds(count: int) -> list[float]:
    """`count` thresholds: those between lie evenly in (0, 1), the first below 0, the last above 1.

    Raises:
        ValueError: there are fewer than two.
    """
    if count < 2:
        raise ValueError(located(f"num_thresholds must be at least 2, not {count}"))
    inner = [(i + 1) * 1.0 / (count - 1) for i in range(count - 2)]
    return [0.0 - _LEAST, *inner, 1.0 + _LEAST]


# ------------------------------------------------------------------------------------------- areas


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Sequence[float] | None = None,
) -> Metric:
    """The area under a curve, from counts at thresholds.

    Args:
        labels: bools, or numbers that are cast to them.
        predictions: probabilities in [0, 1], of the shape of `labels`.
        num_thresholds: how many thresholds, evenly in [0, 1]; more give a better approximation.
        curve: "ROC", recall over the share of negatives taken for positives, or "PR", precision
            over recall.
        summation_method: "trapezoidal", "careful_interpolation" (right for PR), "minoring" (from
            below) or "majoring" (from above).
        thresholds: in [0, 1], instead of even ones.

    Returns:
        (value, update), float32 scalars.

    Raises:
        ValueError: an unknown curve or method, or shapes that differ; InvalidArgumentError (in the
            run): a prediction is outside [0, 1].
    """
    if curve not in ("ROC", "PR"):
        raise ValueError(located(f"curve must be either ROC or PR, {curve} unknown"))
    if summation_method not in _SUMS:
        raise ValueError(located(f"Invalid summation_method: {summation_method}"))
    if curve == "PR" and summation_method == "trapezoidal":
        logging.warning(
            "Trapezoidal rule is known to produce incorrect PR-AUCs; please switch to "
            '"careful_interpolation" instead.'
        )
    if thresholds is None:
        listed = even_thresholds(num_thresholds)
    else:
        listed = [0.0 - _LEAST, *sorted(thresholds), 1.0 + _LEAST]
    with metric_scope(name, "auc", labels, predictions, weights):
        found = counts_at(labels, predictions, listed, weights, list(_COUNTS))
        old, new = ({key: pair[i] for key, pair in found.items()} for i in (0, 1))
        value = _area(old, curve, summation_method, "value")
        update = _area(new, curve, summation_method, "update_op")
        return finished(value, update, metrics_collections, updates_collections)


_SUMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "trapezoidal": lambda a, b: (a + b) / 2.0,
    "careful_interpolation": lambda a, b: (a + b) / 2.0,
    "minoring": minimum,
    "majoring": maximum,
}


def _area(counts: dict[str, Tensor], curve: str, method: str, name: str) -> Tensor:
    tp, fn = counts["true_positives"], counts["false_negatives"]
    tn, fp = counts["true_negatives"], counts["false_positives"]
    if curve == "PR" and method == "careful_interpolation":
        return _interpolated(tp, fp, fn)
    small = 1e-6
    recalled = (tp + small) / (tp + fn + small)
    if curve == "ROC":
        x, y = fp / (fp + tn + small), recalled
    else:
        x, y = recalled, (tp + small) / (tp + fp + small)
    return reduce_sum(multiply(x[:-1] - x[1:], _SUMS[method](y[:-1], y[1:])), name=name)


def _interpolated(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """The area under precision over recall, with counts interpolated (Davis, Goadrich 2006)."""
    positives = tp + fp
    more = tp[:-1] - tp[1:]
    slope = div_no_nan(more, maximum(positives[:-1] - positives[1:], 0.0))
    intercept = tp[1:] - multiply(slope, positives[1:])
    some = logical_and(positives[:-1] > 0, positives[1:] > 0)
    quotient = div_no_nan(positives[:-1], maximum(positives[1:], 0.0))
    quotient = apply("SelectV2", some, quotient, apply("OnesLike", quotient))
    area = slope * (more + intercept * generated.log(quotient))
    return reduce_sum(div_no_nan(area, maximum(tp[1:] + fn[1:], 0.0)), name="interpolate_pr_auc")


# ---------------------------------------------------------------------------- shares at thresholds


def _at_thresholds(
    scope: str,
    parts: tuple[str, str],
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any,
    metrics: Any,
    updates: Any,
    name: str | None,
) -> Metric:
    with metric_scope(name, scope, predictions, labels, weights):
        found = counts_at(labels, predictions, list(thresholds), weights, parts)
        results = []
        kind = scope.partition("_")[0]
        for index, word in ((0, "value"), (1, "update_op")):
            part, rest = (found[key][index] for key in parts)
            results.append(apply("RealDiv", part, 1e-7 + part + rest, name=f"{kind}_{word}"))
        return finished(results[0], results[1], metrics, updates)


def precision_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """`precision` where a probability above a threshold is positive: one for each threshold."""
    return _at_thresholds(
        "precision_at_thresholds", ("true_positives", "false_positives"), labels, predictions,
        thresholds, weights, metrics_collections, updates_collections, name,
    )  # fmt: skip


def recall_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """`recall` where a probability above a threshold is positive: one for each threshold."""
    return _at_thresholds(
        "recall_at_thresholds", ("true_positives", "false_negatives"), labels, predictions,
        thresholds, weights, metrics_collections, updates_collections, name,
    )  # fmt: skip


def _count_at(kind: str) -> Callable[..., Metric]:
    def count(
        labels: Any,
        predictions: Any,
        thresholds: Sequence[float],
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> Metric:
        with metric_scope(name, kind, predictions, labels, weights):
            pair = counts_at(labels, predictions, list(thresholds), weights, [kind])[kind]
            return finished(*pair, metrics_collections, updates_collections)

    count.__name__ = count.__qualname__ = f"{kind}_at_thresholds"
    count.__doc__ = f"`{kind}` where a probability above a threshold is positive, for each of them."
    return count


true_positives_at_thresholds = _count_at("true_positives")
true_negatives_at_thresholds = _count_at("true_negatives")
false_positives_at_thresholds = _count_at("false_positives")
false_negatives_at_thresholds = _count_at("false_negatives")


def sensitivity_at_specificity(
    labels: Any,
    predictions: Any,
    specificity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The recall at the threshold whose specificity (share of negatives kept) is nearest to one.

    Raises:
        ValueError: `specificity` is outside [0, 1].
    """
    if not 0 <= specificity <= 1:
        raise ValueError(located("`specificity` must be in the range [0, 1]."))
    thresholds = even_thresholds(num_thresholds)
    with metric_scope(name, "sensitivity_at_specificity", predictions, labels, weights):
        found = counts_at(labels, predictions, thresholds, weights, list(_COUNTS))
        results = []
        for index, word in ((0, "value"), (1, "update_op")):
            tp, fn, tn, fp = (found[key][index] for key in _COUNTS)
            distance = generated.abs(tn / (tn + fp + 1e-7) - specificity)
            best = argmin(distance, 0, output_type=dtypes.int32)
            results.append(apply("RealDiv", tp[best], tp[best] + fn[best] + 1e-7, name=word))
        return finished(results[0], results[1], metrics_collections, updates_collections)


def specificity_at_sensitivity(
    labels: Any,
    predictions: Any,
    sensitivity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The specificity at the greatest threshold whose recall is nearest to `sensitivity`.

    Raises:
        ValueError: `sensitivity` is outside [0, 1].
    """
    if not 0 <= sensitivity <= 1:
        raise ValueError(located("`sensitivity` must be in the range [0, 1]."))
    thresholds = even_thresholds(num_thresholds)
    with metric_scope(name, "specificity_at_sensitivity", predictions, labels, weights):
        found = counts_at(labels, predictions, thresholds, weights, list(_COUNTS))
        results = []
        for index, word in ((0, "value"), (1, "update_op")):
            tp, fn, tn, fp = (found[key][index] for key in _COUNTS)
            distance = generated.abs(tp / (tp + fn + 1e-7) - sensitivity)
            nearest = apply("Equal", distance, apply("Min", distance, np.array([0], np.int32)))
            place = cast(nearest, dtypes.int32) * np.arange(len(thresholds), dtype=np.int32)
            best = argmax(place, 0, output_type=dtypes.int32)
            results.append(apply("RealDiv", tn[best], tn[best] + fp[best] + 1e-7, name=word))
        return finished(results[0], results[1], metrics_collections, updates_collections)
