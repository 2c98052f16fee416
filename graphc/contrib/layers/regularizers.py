"""Regularizers: functions of a variable that give a scalar to add to the loss, or None."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

from graphc.framework import logging
from graphc.framework.collections import GraphKeys, add_to_collection, get_collection
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir.graph import Tensor
from graphc.ops import generated
from graphc.ops.math_ops import add_n, multiply
from graphc.ops.nn_impl import l2_loss
from graphc.ops.reduction_ops import reduce_sum

Regularizer = Callable[..., Any]


def l1_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """weights -> scale * sum |weights|; a scale of 0.0 gives a function that gives None.

    Args:
        scale: a float that is not negative, or a scalar tensor.
        scope: the name of the result (default "l1_regularizer").

    Raises:
        ValueError: the scale is an integer or negative.
    """
    if _is_off(scale):
        return lambda _: None

    def l1(weights: Any, name: str | None = None) -> Tensor:
        return _scaled(scale, lambda w: reduce_sum(generated.abs(w)), weights, scope or name, "l1")

    return l1


def l2_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """weights -> scale * sum(weights^2) / 2; a scale of 0.0 gives a function that gives None.

    Args:
        scale: a float that is not negative, or a scalar tensor.
        scope: the name of the result (default "l2_regularizer").

    Raises:
        ValueError: the scale is an integer or negative.
    """
    if _is_off(scale):
        return lambda _: None

    def l2(weights: Any, name: str | None = None) -> Tensor:
        return _scaled(scale, l2_loss, weights, scope or name, "l2")

    return l2


def _is_off(scale: Any) -> bool:
    _refuse_integer("scale", scale)
    if not isinstance(scale, numbers.Real):
        return False
    if scale < 0.0:
        raise ValueError(located(f"Setting a scale less than 0 on a regularizer: {scale:g}"))
    if scale == 0.0:
        logging.info("Scale of 0 disables regularizer.")
    return scale == 0.0


def _refuse_integer(argument: str, scale: Any) -> None:
    if isinstance(scale, numbers.Integral):
        raise ValueError(located(f"{argument} cannot be an integer: {scale}"))


def _scaled(
    scale: Any, norm: Callable[[Any], Tensor], weights: Any, name: str | None, kind: str
) -> Tensor:
    with name_scope(name, f"{kind}_regularizer", [weights]) as scope:
        factor = convert_to_tensor(scale, weights.dtype, name="scale")
        return multiply(factor, norm(weights), name=scope)


def l1_l2_regularizer(
    scale_l1: Any = 1.0, scale_l2: Any = 1.0, scope: str | None = None
) -> Regularizer:
    """The sum of `l1_regularizer(scale_l1)` and `l2_regularizer(scale_l2)`.

    Raises:
        ValueError: a scale is an integer or negative.
    """
    _refuse_integer("scale_l1", scale_l1)
    _refuse_integer("scale_l2", scale_l2)
    scope = scope or "l1_l2_regularizer"
    if _is_number(scale_l1, 0.0):
        return l2_regularizer(scale_l2, scope)
    if _is_number(scale_l2, 0.0):
        return l1_regularizer(scale_l1, scope)
    both = sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope)
    assert both is not None
    return both


def _is_number(value: Any, number: float) -> bool:
    return isinstance(value, numbers.Real) and value == number


def sum_regularizer(
    regularizer_list: Sequence[Regularizer | None], scope: str | None = None
) -> Regularizer | None:
    """The sum of regularizers; None ones are left out, and None is given where no other is."""
    present = [regularizer for regularizer in regularizer_list if regularizer is not None]
    if not present:
        return None

    def total(weights: Any) -> Tensor | None:
        with name_scope(scope, "sum_regularizer", [weights]) as name:
            losses = [regularizer(weights) for regularizer in present]
            found = [loss for loss in losses if loss is not None]
            return add_n(found, name=name) if found else None

    return total


def apply_regularization(
    regularizer: Regularizer, weights_list: Sequence[Any] | None = None
) -> Tensor:
    """The sum of a regularizer over variables, which joins REGULARIZATION_LOSSES.

    Args:
        weights_list: the variables (default collection WEIGHTS).

    Raises:
        ValueError: there are no weights, or the regularizer gives something that is no scalar.
    """
    weights = list(weights_list or get_collection(GraphKeys.WEIGHTS))
    if not weights:
        raise ValueError(located("No weights to regularize."))
    with name_scope("get_regularization_penalty", values=weights) as scope:
        given = [regularizer(w) for w in weights]
        penalties = [convert_to_tensor(0.0 if p is None else p) for p in given]
        for penalty in penalties:
            if penalty.shape.ndims != 0:
                raise ValueError(
                    located(
                        "regularizer must return a scalar Tensor instead of a Tensor with rank "
                        f"{penalty.shape.ndims}."
                    )
                )
        total = add_n(penalties, name=scope)
    add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total
