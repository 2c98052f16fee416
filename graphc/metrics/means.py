"""Means over all batches: of values, of errors, of what is correct."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.metrics.streaming import (
    Metric,
    added,
    aligned,
    finished,
    metric_scope,
    metric_variable,
    ratio,
)
from graphc.ops import generated
from graphc.ops.math_ops import cast, div_no_nan, equal, less, multiply, subtract
from graphc.ops.reduction_ops import reduce_sum
from graphc.ops.weights_broadcast_ops import broadcast_weights


def mean(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean of all elements of all batches, weighted by `weights`.

    Args:
        values: numbers of any shape.
        weights: a scalar, or of the rank of `values` with their sizes or 1.
        metrics_collections, updates_collections: names of collections that value and update join.

    Returns:
        (value, update), float32 scalars; the local variables are `total` and `count`.
    """
    with metric_scope(name, "mean", values, weights):
        x = cast(convert_to_tensor(values, name="values"), dtypes.float32)
        total = metric_variable([], dtypes.float32, "total")
        count = metric_variable([], dtypes.float32, "count")
        if weights is None:
            number = cast(apply("Size", x), dtypes.float32)
        else:
            x, _, w = aligned(x, None, weights)
            w = broadcast_weights(cast(w, dtypes.float32), x)
            x, number = multiply(x, w), reduce_sum(w)
        new_total = added(total, reduce_sum(x))
        with get_default_graph().control_dependencies([x]):
            new_count = added(count, number)
        value = ratio(total, count, "value")
        update = ratio(new_total, new_count, "update_op")
        return finished(value, update, metrics_collections, updates_collections)


def accuracy(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """How often predictions equal labels: `mean` of 1.0 where they do, else 0.0.

    Raises:
        ValueError: the shapes differ.
    """
    x, y, w = aligned(predictions, labels, weights)
    x = cast(x, y.dtype)
    correct = cast(equal(x, y), dtypes.float32)
    return mean(correct, w, metrics_collections, updates_collections, name or "accuracy")


def mean_absolute_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean of |predictions - labels|.

    Raises:
        ValueError: the shapes differ.
    """
    x, y, w = aligned(predictions, labels, weights)
    errors = generated.abs(subtract(x, cast(y, x.dtype)))
    return mean(errors, w, metrics_collections, updates_collections, name or "mean_absolute_error")


def mean_relative_error(
    labels: Any,
    predictions: Any,
    normalizer: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean of |labels - predictions| / normalizer, 0 where the normalizer is 0.

    Raises:
        ValueError: the shapes differ.
    """
    x, y, w = aligned(predictions, labels, weights)
    x, scale = _scaled(x, normalizer)
    errors = div_no_nan(generated.abs(subtract(cast(y, x.dtype), x)), scale)
    return mean(errors, w, metrics_collections, updates_collections, name or "mean_relative_error")


def _scaled(x: Tensor, normalizer: Any) -> tuple[Tensor, Tensor]:
    """Predictions and what they are divided by, in one shape and dtype."""
    scale = cast(convert_to_tensor(normalizer, name="normalizer"), x.dtype)
    x, scale, _ = aligned(x, scale)
    return x, scale


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean of (predictions - labels)^2.

    Raises:
        ValueError: the shapes differ.
    """
    return _squared(
        labels, predictions, weights, metrics_collections, updates_collections,
        name or "mean_squared_error",
    )  # fmt: skip


def _squared(
    labels: Any, predictions: Any, weights: Any, metrics: Any, updates: Any, name: str
) -> Metric:
    x, y, w = aligned(predictions, labels, weights)
    return mean(generated.square(subtract(cast(y, x.dtype), x)), w, metrics, updates, name)


def root_mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The square root of the mean of (predictions - labels)^2.

    Raises:
        ValueError: the shapes differ.
    """
    value, update = _squared(
        labels, predictions, weights, None, None, name or "root_mean_squared_error"
    )
    return finished(
        generated.sqrt(value), generated.sqrt(update), metrics_collections, updates_collections
    )


def mean_cosine_distance(
    labels: Any,
    predictions: Any,
    dim: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """1 minus the mean of sum(predictions * labels) along `dim`, for unit vectors.

    Raises:
        ValueError: the shapes differ.
    """
    x, y, w = aligned(predictions, labels, weights)
    products = reduce_sum(multiply(x, cast(y, x.dtype)), [dim], keepdims=True)
    value, update = mean(products, w, None, None, name or "mean_cosine_distance")
    return finished(
        subtract(1.0, value), subtract(1.0, update), metrics_collections, updates_collections
    )


def percentage_below(
    values: Any,
    threshold: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The share of values less than `threshold`, in [0, 1]."""
    x = convert_to_tensor(values, name="values")
    below = cast(less(x, threshold), dtypes.float32)
    return mean(
        below,
        weights,
        metrics_collections,
        updates_collections,
        name or "percentage_below_threshold",
    )


def mean_tensor(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Metric:
    """The mean over batches of each element by itself: (value, update) of the shape of `values`.

    Raises:
        ValueError: the shape of `values` is not known before the run.
    """
    with metric_scope(name, "mean", values, weights):
        x = cast(convert_to_tensor(values, name="values"), dtypes.float32)
        shape = x.shape.as_list()
        total = metric_variable(shape, dtypes.float32, "total_tensor")
        count = metric_variable(shape, dtypes.float32, "count_tensor")
        number = apply("OnesLike", x)
        if weights is not None:
            x, _, w = aligned(x, None, weights)
            w = broadcast_weights(cast(w, dtypes.float32), x)
            x, number = multiply(x, w), w
        update = ratio(added(total, x), added(count, number), "update_op")
        value = ratio(total, count, "value")
        return finished(value, update, metrics_collections, updates_collections)
