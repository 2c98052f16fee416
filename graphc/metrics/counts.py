"""True and false positives and negatives, and the shares that are made of them."""

from __future__ import annotations

from typing import Any

from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.metrics.streaming import (
    Metric,
    added,
    as_bools,
    finished,
    metric_scope,
    metric_variable,
    ratio,
)
from graphc.ops.math_ops import add, cast, logical_and, multiply
from graphc.ops.reduction_ops import reduce_sum
from graphc.ops.weights_broadcast_ops import require_broadcastable


def true_positives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The number of elements whose label and prediction are both true (not 0), weighted.

    Returns:
        (value, update), float32 scalars; the local variable is `count`.

    Raises:
        ValueError: the shapes differ.
    """
    return _counted(
        "true_positives", True, True, labels, predictions, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def true_negatives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The number of elements whose label and prediction are both false; as `true_positives`."""
    return _counted(
        "true_negatives", False, False, labels, predictions, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def false_positives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The number of elements whose prediction alone is true; as `true_positives`."""
    return _counted(
        "false_positives", False, True, labels, predictions, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def false_negatives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The number of elements whose label alone is true; as `true_positives`."""
    return _counted(
        "false_negatives", True, False, labels, predictions, weights, metrics_collections,
        updates_collections, name,
    )  # fmt: skip


def _counted(
    default: str,
    label: bool,
    prediction: bool,
    labels: Any,
    predictions: Any,
    weights: Any,
    metrics: Any,
    updates: Any,
    name: str | None,
) -> Metric:
    with metric_scope(name, default, predictions, labels, weights):
        x, y, w = as_bools(predictions, labels, weights)
        counts = logical_and(_is(y, label), _is(x, prediction))
        count = metric_variable([], dtypes.float32, "count")
        numbers = cast(counts, dtypes.float32)
        if w is not None:
            require_broadcastable(w, numbers)
            numbers = multiply(numbers, cast(w, dtypes.float32))
        value = apply("Identity", count)
        return finished(value, added(count, reduce_sum(numbers)), metrics, updates)


def _is(x: Tensor, value: bool) -> Tensor:
    return x if value else apply("LogicalNot", x)


def precision(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """True positives / (true and false positives): what share of the positive predictions is right.

    0 where nothing was predicted to be positive.

    Raises:
        ValueError: the shapes differ.
    """
    with metric_scope(name, "precision", predictions, labels, weights):
        return _share(
            true_positives(labels, predictions, weights),
            false_positives(labels, predictions, weights),
            metrics_collections, updates_collections,
        )  # fmt: skip


def recall(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """True positives / (true positives and false negatives): what share of the positives is found.

    0 where there are no positives.

    Raises:
        ValueError: the shapes differ.
    """
    with metric_scope(name, "recall", predictions, labels, weights):
        return _share(
            true_positives(labels, predictions, weights),
            false_negatives(labels, predictions, weights),
            metrics_collections, updates_collections,
        )  # fmt: skip


def _share(part: Metric, rest: Metric, metrics: Any, updates: Any) -> Metric:
    value = ratio(part[0], add(part[0], rest[0]), "value")
    update = ratio(part[1], add(part[1], rest[1]), "update_op")
    return finished(value, update, metrics, updates)
