"""Weights of losses and metrics: scalars, or of the values' rank with the values' sizes or 1."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.ops.array_ops import expand_dims, squeeze


def require_broadcastable(weights: Tensor, values: Tensor) -> None:
    """Hold the shapes to the rule, as far as they are known.

    Raises:
        ValueError: they do not follow it. What is found out in the run fails there, when
            `broadcast_weights` repeats the weights.
    """
    given, wanted = weights.shape, values.shape
    if given.ndims in (0, None) or wanted.ndims is None:
        return
    shapes = f"values.shape={wanted}. weights.shape={given}."
    if given.ndims != wanted.ndims:
        raise ValueError(
            located(
                "weights can not be broadcast to values. "
                f"values.rank={wanted.ndims}. weights.rank={given.ndims}. {shapes}"
            )
        )
    for axis, (a, b) in enumerate(zip(given.as_list(), wanted.as_list(), strict=True)):
        if a not in (1, None) and b is not None and a != b:
            raise ValueError(
                located(f"weights can not be broadcast to values. Mismatch at dim {axis}. {shapes}")
            )


def broadcast_weights(weights: Any, values: Any) -> Tensor:
    """The weights repeated to the shape of the values.

    Raises:
        ValueError: the shapes do not follow the rule; InvalidArgumentError in the run.
    """
    with name_scope(None, "broadcast_weights", [weights, values]) as scope:
        x = convert_to_tensor(values, name="values")
        w = convert_to_tensor(weights, x.dtype, name="weights")
        require_broadcastable(w, x)
        shape = w.type.shape
        if shape == x.type.shape and shape is not None and all(isinstance(d, int) for d in shape):
            return w
        return apply("BroadcastToShapeOf", w, x, name=scope)


def without_last(x: Tensor, rank: int | None) -> Tensor:
    """x without its last dimension of size 1, where it has one dimension more than `rank`."""
    own = x.shape.ndims
    if own is None or rank is None or own != rank + 1:
        return x
    return squeeze(x, [-1])


def with_rank(x: Tensor, rank: int | None) -> Tensor:
    """x with one dimension more or less at its end, if that gives it `rank` (scalars stay)."""
    own = x.shape.ndims
    if own in (0, None) or rank is None:
        return x
    return expand_dims(x, -1) if own == rank - 1 else without_last(x, rank)


def remove_squeezable_dimensions(
    labels: Any, predictions: Any, expected_rank_diff: int = 0, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Labels and predictions, one without its last dimension of size 1 where it has one too many.

    `expected_rank_diff` is the rank that predictions have more than labels. Where a rank is unknown
    both are given as they are.
    """
    with name_scope(name, "remove_squeezable_dimensions", [labels, predictions]):
        x = convert_to_tensor(predictions, name="predictions")
        y = convert_to_tensor(labels, name="labels")
        if x.shape.ndims is None or y.shape.ndims is None:
            return y, x
        difference = x.shape.ndims - y.shape.ndims - expected_rank_diff
        if difference == 1 and x.shape[-1].is_compatible_with(1):
            x = squeeze(x, [-1])
        elif difference == -1 and y.shape[-1].is_compatible_with(1):
            y = squeeze(y, [-1])
        return y, x
