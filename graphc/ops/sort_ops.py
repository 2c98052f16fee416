"""The greatest elements, and order: `tf.nn.top_k`, `tf.nn.in_top_k`, `tf.sort`, `tf.argsort`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor


class TopKV2(NamedTuple):
    """The greatest elements of rows, and their positions (int32)."""

    values: Tensor
    indices: Tensor


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The k greatest elements along the last dimension, greatest first; of equals the first.

    Args:
        input: numbers of at least one dimension.
        k: a number or an int32 scalar, at most the size of the last dimension.
        sorted: accepted; unsorted results are sorted too.

    Returns:
        (values, indices), both [..., k].

    Raises:
        ValueError: k is negative or too large; InvalidArgumentError where that is known in the run
            alone.
    """
    with name_scope(name, "TopKV2", [input, k]) as scope:
        x = convert_to_tensor(input, name="input")
        count = convert_to_tensor(k, dtypes.int32, name="k")
        return TopKV2(*apply("TopKV2", x, count, sorted=bool(sorted), name=scope))


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether predictions[b, targets[b]] is among the k greatest of row b: a bool per row.

    Ties with the k-th count as in; rows with a prediction that is not finite are False.
    """
    with name_scope(name, "in_top_k", [predictions, targets, k]):
        values = convert_to_tensor(predictions, name="predictions")
        rows = convert_to_tensor(targets, name="targets")
        count = convert_to_tensor(k, rows.dtype, name="k")
        return apply("InTopKV2", values, rows, count, name="InTopKV2")


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """The elements in order along `axis`; NaN stands at the small end.

    Raises:
        ValueError: the rank is unknown, the axis out of range, or the direction neither ASCENDING
            nor DESCENDING.
    """
    with name_scope(name, "sort", [values]):
        return _ordered(values, axis, direction, 0)


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """The positions (int32) that put the elements in order along `axis`; equals stay in order.

    `stable` is accepted: the order is always stable. Errors are those of `sort`.
    """
    with name_scope(name, "argsort", [values]):
        return _ordered(values, axis, direction, 1)


def _ordered(values: Any, axis: int, direction: str, output: int) -> Tensor:
    x = convert_to_tensor(values, name="values")
    rank = x.type.rank
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(located(f"direction must be ASCENDING or DESCENDING, not {direction!r}"))
    if rank is None or not -rank <= axis < rank:
        raise ValueError(located(f"axis {axis} is out of range for {x}, whose rank must be known"))
    order = np.arange(rank, dtype=np.int32)
    order[[axis, -1]] = order[[-1, axis]]
    is_last = axis in (-1, rank - 1)
    rows = x if is_last else apply("Transpose", x, order)
    count = apply("GatherV2", apply("Shape", rows), np.int32(rank - 1), np.int32(0))
    result = apply("TopKV2", _reversed(rows) if direction == "ASCENDING" else rows, count)[output]
    if output == 0 and direction == "ASCENDING":
        result = _reversed(result)
        if result.dtype is not x.dtype:
            result = apply("Cast", result, DstT=x.dtype)
    return result if is_last else apply("Transpose", result, order)


def _reversed(x: Tensor) -> Any:
    """Elements of the opposite order; taken twice the same again."""
    if x.dtype.is_floating:
        return apply("Neg", x)
    if x.dtype is dtypes.uint8:
        x = apply("Cast", x, DstT=dtypes.int32)
    return apply("Sub", convert_to_tensor(-1, x.dtype), x)
