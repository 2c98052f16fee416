"""The losses of a graph: those in collection LOSSES, those of regularizers, and their sum."""

from __future__ import annotations

from typing import Any

from graphc.framework.collections import GraphKeys, get_collection
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.ir.graph import Tensor
from graphc.ops.math_ops import add_n


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """The losses in a collection; `scope` is as for `tf.get_collection`."""
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The losses in REGULARIZATION_LOSSES."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Tensor:
    """The sum of the losses in REGULARIZATION_LOSSES: 0.0 if there are none."""
    losses = get_regularization_losses(scope)
    return add_n(losses, name=name) if losses else convert_to_tensor(0.0, name=name)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of the losses in LOSSES, and of those of regularizers.

    Raises:
        ValueError: there are none.
    """
    losses = get_losses(scope=scope)
    if add_regularization_losses:
        losses += get_regularization_losses(scope=scope)
    if not losses:
        raise ValueError(
            located("get_total_loss: there are no losses; tf.losses.add_loss adds one")
        )
    return add_n(losses, name=name)
