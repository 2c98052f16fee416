"""Rows of tables by their numbers: `tf.nn.embedding_lookup`."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.ops import generated, math_ops
from graphc.ops.gather_ops import gather
from graphc.ops.joining_ops import concat
from graphc.ops.reduction_ops import reduce_sum


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """Rows of `params` at `ids`, an integer tensor of any shape.

    Args:
        params: a tensor or variable, or a list of them that shares the rows out: with strategy
            "mod" row i is row i // n of number i % n, with "div" they follow one another.
        validate_indices: accepted; ids out of range are always errors.
        max_norm: the norm that rows are scaled down to where they exceed it.

    Raises:
        ValueError: no params, or an unknown strategy; InvalidArgumentError (in the run): an id is
            out of range.
    """
    parts = list(params) if isinstance(params, (list, tuple)) else [params]
    if not parts:
        raise ValueError(located("Need at least one param"))
    if partition_strategy not in ("mod", "div"):
        raise ValueError(located(f"Unrecognized partition strategy: {partition_strategy}"))
    with name_scope(name, "embedding_lookup", [*parts, ids]) as scope:
        numbers = convert_to_tensor(ids, name="ids")
        tables = [convert_to_tensor(part, name="params") for part in parts]
        if len(tables) == 1:
            rows = gather(tables[0], numbers, name=scope)
        else:
            where = numbers if partition_strategy == "div" else _row_of(tables, numbers)
            rows = gather(concat(tables, 0), where, name=scope)
        return rows if max_norm is None else _clipped(rows, numbers, float(max_norm))


def _row_of(tables: list[Tensor], ids: Tensor) -> Tensor:
    """The row of the concatenated tables that holds each id under strategy "mod".

    An id that its table lacks gets a row beyond all of them.
    """
    counts = [apply("Shape", table, out_type=ids.dtype)[0] for table in tables]
    starts = [math_ops.zeros_like(counts[0])]
    for count in counts:
        starts.append(starts[-1] + count)
    number = convert_to_tensor(len(tables), ids.dtype)
    owner, row = ids % number, ids // number
    start = gather(apply("Pack", *starts[:-1], axis=0), owner)
    is_there = math_ops.less(row, gather(apply("Pack", *counts, axis=0), owner))
    return apply("SelectV2", is_there, start + row, starts[-1])


def _clipped(rows: Tensor, ids: Tensor, max_norm: float) -> Tensor:
    """Rows scaled down to a norm; what belongs to one id is one row."""
    if rows.type.rank is None or ids.type.rank is None:
        raise ValueError(
            located("embedding_lookup with max_norm needs ids and params of known rank")
        )
    axes = list(range(ids.type.rank, rows.type.rank))
    norm = generated.sqrt(reduce_sum(generated.square(rows), axes, keepdims=True))
    return rows * max_norm / math_ops.maximum(norm, max_norm)
