"""Metrics over classes: what is common to labels and predictions, and accuracies by class."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.metrics.streaming import (
    Metric,
    finished,
    flat,
    metric_scope,
    metric_variable,
    ratio,
)
from graphc.ops.confusion_matrix import confusion_matrix
from graphc.ops.gather_ops import diag_part
from graphc.ops.math_ops import cast, div_no_nan, equal, multiply, not_equal
from graphc.ops.reduction_ops import reduce_mean, reduce_sum
from graphc.ops.state_ops import assign_add, scatter_add


def mean_iou(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean over classes of intersection over union: tp / (tp + fp + fn).

    Classes that neither labels nor predictions name are left out.

    Args:
        labels, predictions: class numbers in [0, num_classes), of one shape.
        weights: of the same shape.

    Returns:
        (value, update): a float32 scalar, and the confusion matrix with this batch, float64.

    Raises:
        ValueError: shapes differ; InvalidArgumentError (in the run): a number is out of range.
    """
    with metric_scope(name, "mean_iou", predictions, labels, weights):
        x, y, w = _class_numbers(predictions, labels, weights)
        matrix = metric_variable(
            [num_classes, num_classes], dtypes.float64, "total_confusion_matrix"
        )
        batch = confusion_matrix(y, x, num_classes, dtypes.float64, weights=w)
        update = assign_add(matrix, batch)
        return finished(
            _intersection_over_union(matrix.value()), update, metrics_collections,
            updates_collections,
        )  # fmt: skip


def _intersection_over_union(matrix: Tensor) -> Tensor:
    both = cast(diag_part(matrix), dtypes.float32)
    sums = [cast(reduce_sum(matrix, axis), dtypes.float32) for axis in (0, 1)]
    union = sums[0] + sums[1] - both
    number = reduce_sum(cast(not_equal(union, 0.0), dtypes.float32))
    return div_no_nan(reduce_sum(div_no_nan(both, union), name="mean_iou"), number)


def _class_numbers(
    predictions: Any, labels: Any, weights: Any
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Predictions, labels and weights as vectors."""
    x = convert_to_tensor(predictions, name="predictions")
    y = cast(convert_to_tensor(labels, name="labels"), dtypes.int64)
    if not x.shape.is_compatible_with(y.shape):
        raise ValueError(located(f"Shapes {x.shape} and {y.shape} are incompatible"))
    w = None if weights is None else flat(convert_to_tensor(weights, name="weights"))
    return flat(cast(x, dtypes.int64)), flat(y), w


def mean_per_class_accuracy(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean over all classes of the share of their labels that were predicted right.

    Args:
        labels, predictions: class numbers of one shape; labels in [0, num_classes).
        weights: of the same shape.

    Returns:
        (value, update): a float32 scalar, and the accuracy of each class, [num_classes].

    Raises:
        ValueError: shapes differ; InvalidArgumentError (in the run): a label is out of range.
    """
    with metric_scope(name, "mean_accuracy", predictions, labels, weights):
        x, y, w = _class_numbers(predictions, labels, weights)
        total = metric_variable([num_classes], dtypes.float32, "total")
        count = metric_variable([num_classes], dtypes.float32, "count")
        correct = cast(equal(x, y), dtypes.float32)
        ones = apply("OnesLike", correct)
        if w is not None:
            w = cast(w, dtypes.float32)
            correct, ones = multiply(correct, w), multiply(ones, w)
        totals, counts = scatter_add(total, y, correct), scatter_add(count, y, ones)
        value = reduce_mean(ratio(total, count), name="mean_accuracy")
        update = ratio(apply("Identity", totals), apply("Identity", counts), "update_op")
        return finished(value, update, metrics_collections, updates_collections)
