"""Weights and reductions: how the losses of elements become one loss."""

from __future__ import annotations

from typing import Any

from graphc.framework.collections import GraphKeys, add_to_collection
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.surface import get_static_value
from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Tensor
from graphc.ops.math_ops import cast, div_no_nan, multiply
from graphc.ops.reduction_ops import reduce_sum
from graphc.ops.weights_broadcast_ops import broadcast_weights, require_broadcastable


class Reduction:
    """What is done with weighted losses.

    NONE: nothing; SUM: their sum; MEAN: it divided by the sum of the weights; SUM_OVER_BATCH_SIZE:
    by the number of elements; SUM_BY_NONZERO_WEIGHTS (also SUM_OVER_NONZERO_WEIGHTS): by that of
    elements whose weight is not 0. A division by 0 gives 0.
    """

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All keys."""
        return (
            cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_OVER_NONZERO_WEIGHTS,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )  # fmt: skip

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise ValueError unless `key` is one of them."""
        if key not in cls.all():
            raise ValueError(located(f"Invalid Reduction Key: {key}."))


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The losses of elements times weights, reduced, and added to a collection.

    Args:
        losses: floats of any shape; float64 is reduced in float64, other dtypes in float32.
        weights: a scalar, or of the rank of `losses` with sizes 1 or those of `losses`.
        loss_collection: the collection that the result joins; None for none.
        reduction: a key of `Reduction`.

    Returns:
        A scalar of the dtype of the losses; with Reduction.NONE a tensor of their shape.

    Raises:
        ValueError: an unknown reduction, or weights that do not fit.
    """
    Reduction.validate(reduction)
    with name_scope(scope, "weighted_loss", [losses, weights]):
        values = convert_to_tensor(losses, name="losses")
        given = values.dtype
        values = cast(values, working_dtype(given))
        factors = cast(convert_to_tensor(weights, name="weights"), values.dtype)
        require_broadcastable(factors, values)
        loss = multiply(values, factors)
        if reduction != Reduction.NONE:
            loss = _reduced(loss, values, factors, reduction)
        loss = cast(loss, given)
        add_loss(loss, loss_collection)
        return loss


def working_dtype(dtype: DType) -> DType:
    """What losses of a dtype are computed in."""
    return dtype if dtype is dtypes.float64 else dtypes.float32


def add_loss(loss: Any, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Add a loss to a collection (default LOSSES; None: to none)."""
    if loss_collection:
        add_to_collection(loss_collection, loss)


def _reduced(weighted: Tensor, values: Tensor, weights: Tensor, reduction: str) -> Tensor:
    total = reduce_sum(weighted)
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.MEAN:
        count = reduce_sum(broadcast_weights(weights, values))
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        count = elements(values)
    else:
        count = present(values, weights)
    return div_no_nan(total, count, name="value")


def elements(values: Tensor) -> Tensor:
    """The number of elements, as a float."""
    with name_scope(None, "num_elements", [values]) as scope:
        return apply("Cast", apply("Size", values), DstT=values.dtype, name=scope)


def present(values: Tensor, weights: Tensor, per_row: bool = False) -> Tensor:
    """How many elements, or how many of each row, have a weight that is not 0, as a float."""
    static = get_static_value(weights)
    if not per_row and static is not None and static.shape == () and static != 0:
        return elements(values)
    with name_scope(None, "num_present", [values, weights]) as scope:
        flags = apply("Cast", apply("NotEqual", weights, 0.0), DstT=values.dtype)
        everywhere = broadcast_weights(flags, values)
        if not per_row:
            return reduce_sum(everywhere, name=scope)
        return reduce_sum(everywhere, row_axes(values), keepdims=True, name=scope)


def row_axes(values: Tensor) -> list[int]:
    """All axes but the first."""
    rank = values.shape.ndims
    if rank is None:
        raise ValueError(located(f"the rank of {values} must be known; set_shape it"))
    return list(range(1, rank))
