"""Precision and recall of the k best predictions of each row, whose labels are sets of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.metrics.streaming import Metric, added, finished, metric_scope, metric_variable
from graphc.ops.array_ops import expand_dims
from graphc.ops.math_ops import cast, equal, logical_and, multiply
from graphc.ops.reduction_ops import reduce_any, reduce_sum
from graphc.ops.sort_ops import top_k
from graphc.ops.weights_broadcast_ops import require_broadcastable


def precision_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The share of the k best predictions of the rows that are among the rows' labels.

    Args:
        labels: class numbers [..., number of labels], or [...] where each row has one.
        predictions: floats [..., classes].
        class_id: the class to look at alone.
        weights: a scalar, or one per row.

    Returns:
        (value, update), float64 scalars; NaN where there are no predictions.
    """
    with metric_scope(name, _name("precision", k, class_id), predictions, labels, weights) as s:
        best = top_k(predictions, k).indices
        return _precision(
            labels, best, k, class_id, weights, metrics_collections, updates_collections, s
        )


def precision_at_top_k(
    labels: Any,
    predictions_idx: Any,
    k: int | None = None,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """`precision_at_k` of the class numbers [..., k] that were predicted; k is for names only."""
    with metric_scope(name, _name("precision", k, class_id), predictions_idx, labels, weights) as s:
        return _precision(
            labels,
            predictions_idx,
            k,
            class_id,
            weights,
            metrics_collections,
            updates_collections,
            s,
        )


def recall_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The share of the labels of the rows that are among the rows' k best predictions.

    The arguments are those of `precision_at_k`. Equal labels of a row count once.
    """
    with metric_scope(name, _name("recall", k, class_id), predictions, labels, weights) as s:
        best = top_k(predictions, k).indices
        return _recall(
            labels, best, k, class_id, weights, metrics_collections, updates_collections, s
        )


def recall_at_top_k(
    labels: Any,
    predictions_idx: Any,
    k: int | None = None,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """`recall_at_k` of the class numbers [..., k] that were predicted; k is for names only."""
    with metric_scope(name, _name("recall", k, class_id), predictions_idx, labels, weights) as s:
        return _recall(
            labels,
            predictions_idx,
            k,
            class_id,
            weights,
            metrics_collections,
            updates_collections,
            s,
        )


def _name(kind: str, k: int | None, class_id: int | None) -> str:
    name = f"{kind}_at_k" if k is None else f"{kind}_at_{k}"
    return name if class_id is None else f"{name}_class{class_id}"


def _sets(labels: Any, predicted: Any) -> tuple[Tensor, Tensor]:
    """Labels [..., labels] and predicted classes [..., k] as int64."""
    x = cast(convert_to_tensor(predicted, name="predictions_idx"), dtypes.int64)
    y = cast(convert_to_tensor(labels, name="labels"), dtypes.int64)
    ranks = x.shape.ndims, y.shape.ndims
    if None in ranks:
        raise ValueError(located(f"the ranks of {x} and {y} must be known; set_shape them"))
    if ranks[1] == ranks[0] - 1:
        y = expand_dims(y, -1)
    elif ranks[1] != ranks[0]:
        raise ValueError(located(f"Unexpected rank of labels: {y.shape} for predictions {x.shape}"))
    return y, x


def _precision(
    labels: Any, predicted: Any, k: Any, class_id: Any, weights: Any, metrics: Any, updates: Any,
    scope: str,
) -> Metric:  # fmt: skip
    y, x = _sets(labels, predicted)
    hit = reduce_any(equal(expand_dims(x, -1), expand_dims(y, -2)), -1)
    chosen = _of_class(x, class_id)
    right = _total("true_positive", k, class_id, logical_and(hit, chosen), weights)
    missed = logical_and(apply("LogicalNot", hit), chosen)
    wrong = _total("false_positive", k, class_id, missed, weights)
    return _shares(right, wrong, metrics, updates, scope)


def _recall(
    labels: Any, predicted: Any, k: Any, class_id: Any, weights: Any, metrics: Any, updates: Any,
    scope: str,
) -> Metric:  # fmt: skip
    y, x = _sets(labels, predicted)
    hit = reduce_any(equal(expand_dims(y, -1), expand_dims(x, -2)), -1)
    chosen = logical_and(_of_class(y, class_id), _first(y))
    right = _total("true_positive", k, class_id, logical_and(hit, chosen), weights)
    missed = logical_and(apply("LogicalNot", hit), chosen)
    wrong = _total("false_negative", k, class_id, missed, weights)
    return _shares(right, wrong, metrics, updates, scope)


def _of_class(x: Tensor, class_id: int | None) -> Tensor:
    """Which elements are of the class; all where none is asked for."""
    return equal(x, x) if class_id is None else equal(x, np.int64(class_id))


def _first(labels: Tensor) -> Tensor:
    """Which labels have no equal before them in their row."""
    count = apply("Shape", labels)[-1]
    order = apply("Range", np.int32(0), count, np.int32(1))
    before = apply("Less", apply("ExpandDims", order, np.int32(0)), expand_dims(order, -1))
    same = equal(expand_dims(labels, -1), expand_dims(labels, -2))
    return apply("LogicalNot", reduce_any(logical_and(same, before), -1))


def _total(kind: str, k: Any, class_id: Any, flags: Tensor, weights: Any) -> tuple[Tensor, Tensor]:
    """The number of true flags of all rows, each times its row's weight, so far and with these."""
    with name_scope(None, _name(kind, k, class_id)) as scope:
        numbers = reduce_sum(cast(flags, dtypes.float64), -1)
        if weights is not None:
            w = cast(convert_to_tensor(weights, name="weights"), dtypes.float64)
            require_broadcastable(w, numbers)
            numbers = multiply(numbers, w)
        variable = metric_variable([], dtypes.float64, scope)
        return variable.value(), added(variable, reduce_sum(numbers), "update")


def _shares(
    right: tuple[Tensor, Tensor], wrong: tuple[Tensor, Tensor], metrics: Any, updates: Any,
    scope: str,
) -> Metric:  # fmt: skip
    value = apply("RealDiv", right[0], right[0] + wrong[0], name=scope)
    update = apply("RealDiv", right[1], right[1] + wrong[1], name="update")
    return finished(value, update, metrics, updates)
