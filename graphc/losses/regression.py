"""Losses between numbers: differences, angles, pairs, and the logarithms of probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.losses.reduction import (
    Reduction,
    add_loss,
    compute_weighted_loss,
    present,
    row_axes,
    working_dtype,
)
from graphc.ops import generated
from graphc.ops.math_ops import (
    cast,
    div_no_nan,
    maximum,
    multiply,
    squared_difference,
    zeros_like,
)
from graphc.ops.reduction_ops import reduce_sum
from graphc.ops.weights_broadcast_ops import require_broadcastable

_MEAN = Reduction.SUM_BY_NONZERO_WEIGHTS


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """|predictions - labels|, weighted and reduced as `compute_weighted_loss` says.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """
    return _between(
        "absolute_difference", lambda x, y: generated.abs(x - y), labels, predictions, weights,
        scope, loss_collection, reduction,
    )  # fmt: skip


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """(predictions - labels)^2, weighted and reduced as `compute_weighted_loss` says.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """
    return _between(
        "mean_squared_error", squared_difference, labels, predictions, weights, scope,
        loss_collection, reduction,
    )  # fmt: skip


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """d^2 / 2 where d = |predictions - labels| is at most delta, else delta d - delta^2 / 2.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """

    def losses(x: Tensor, y: Tensor) -> Tensor:
        error = generated.abs(x - y)
        quadratic = apply("Minimum", error, delta)
        return 0.5 * (quadratic * quadratic) + delta * (error - quadratic)

    return _between(
        "huber_loss", losses, labels, predictions, weights, scope, loss_collection, reduction
    )


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """-y log(p + epsilon) - (1 - y) log(1 - p + epsilon) of labels y and probabilities p.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """

    def losses(p: Tensor, y: Tensor) -> Tensor:
        positive = multiply(y, generated.log(p + epsilon))
        return -positive - multiply(1 - y, generated.log(1 - p + epsilon))

    return _between(
        "log_loss", losses, labels, predictions, weights, scope, loss_collection, reduction
    )


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """max(0, 1 - y logits) with y = 2 labels - 1, for labels of 0 and 1.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """

    def losses(x: Tensor, labels: Tensor) -> Tensor:
        return apply("Relu", 1.0 - (2 * labels - 1) * x)

    return _between(
        "hinge_loss", losses, labels, logits, weights, scope, loss_collection, reduction, "logits"
    )


def _between(
    name: str,
    losses: Callable[[Tensor, Tensor], Tensor],
    labels: Any,
    predictions: Any,
    weights: Any,
    scope: str | None,
    loss_collection: str | None,
    reduction: str,
    second: str = "predictions",
) -> Tensor:
    """The weighted loss of losses(predictions, labels)."""
    require_given("labels", labels)
    require_given(second, predictions)
    with name_scope(scope, name, [predictions, labels, weights]) as inner:
        x, y = _floats(predictions, labels, second)
        return compute_weighted_loss(losses(x, y), weights, inner, loss_collection, reduction)


def require_given(name: str, value: Any) -> None:
    """Raise ValueError for None."""
    if value is None:
        raise ValueError(located(f"{name} must not be None."))


def _floats(predictions: Any, labels: Any, name: str) -> tuple[Tensor, Tensor]:
    """Both as floats of one dtype and compatible shapes."""
    x = convert_to_tensor(predictions, name=name)
    x = cast(x, working_dtype(x.dtype))
    y = cast(convert_to_tensor(labels, name="labels"), x.dtype)
    require_same_shape(x, y)
    return x, y


def require_same_shape(x: Tensor, y: Tensor) -> None:
    """Raise ValueError if two shapes are known to differ."""
    if not x.shape.is_compatible_with(y.shape):
        raise ValueError(located(f"Shapes {x.shape} and {y.shape} are incompatible"))


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
    dim: int | None = None,
) -> Tensor:
    """1 - sum(predictions * labels) along `axis` (`dim` is its old name), for unit vectors.

    Raises:
        ValueError: no axis or an operand is None, or the shapes differ.
    """
    if axis is not None and dim is not None:
        raise ValueError(located("Cannot specify both 'axis' and 'dim'"))
    along = dim if axis is None else axis
    if along is None:
        raise ValueError(located("You must specify 'axis'."))
    return _between(
        "cosine_distance_loss", lambda x, y: 1 - reduce_sum(x * y, [along], keepdims=True), labels,
        predictions, weights, scope, loss_collection, reduction,
    )  # fmt: skip


def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
) -> Tensor:
    """The mean over pairs (i, j) in a row of (d_i - d_j)^2 with d = predictions - labels.

    It is summed over the rows (the first axis), each times its weight.

    Args:
        weights: a scalar, or [rows] with sizes 1 behind.

    Raises:
        ValueError: an operand is None, the shapes differ, or the rank is unknown.
    """
    require_given("labels", labels)
    require_given("predictions", predictions)
    inputs = [predictions, labels, weights]
    with name_scope(scope, "mean_pairwise_squared_error", inputs):
        x, y = _floats(predictions, labels, "predictions")
        factors = cast(convert_to_tensor(weights, name="weights"), x.dtype)
        require_broadcastable(factors, y)
        difference, axes = x - y, row_axes(x)
        count = present(difference, factors, per_row=True)
        squares = reduce_sum(generated.square(difference), axes, keepdims=True)
        first = 2.0 * div_no_nan(squares, maximum(count - 1, 0.0), name="value")
        square = generated.square(reduce_sum(difference, axes, keepdims=True))
        second = 2.0 * div_no_nan(square, maximum(count * (count - 1), 0.0), name="value")
        loss = reduce_sum(multiply(first - second, factors))
        any_present = reduce_sum(count) > 0
        result = apply("SelectV2", any_present, loss, zeros_like(loss), name="value")
        add_loss(result, loss_collection)
        return result
