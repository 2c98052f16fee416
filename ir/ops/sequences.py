"""Operations on batches of sequences of different lengths: ReverseSequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.positions import index_operand, reshaped
from graphc.ir.ops.rows import counting
from graphc.ir.types import TensorType


def _axes(c: Any, rank: int) -> tuple[int, int]:
    """The non-negative (sequence, batch) dimensions."""
    return c.attrs["seq_dim"] % rank, c.attrs["batch_dim"] % rank


def _type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    lengths = c.require_rank(1, 1)
    x = c.inputs[0]
    if x.shape is None:
        return x
    rank = len(x.shape)
    for name in ("seq_dim", "batch_dim"):
        if not -rank <= c.attrs[name] < rank:
            c.fail(f"{name} = {c.attrs[name]} is no dimension of an input of rank {rank}")
    seq, batch = _axes(c, rank)
    if seq == batch:
        c.fail(f"seq_dim and batch_dim are both {seq}")
    if lengths is not None:
        c.merge(x.shape[batch], lengths[0], "the batch size and the number of lengths")
    return x


def _reference(c: Any, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    seq, batch = _axes(c, x.ndim)
    rows = np.moveaxis(x, (batch, seq), (0, 1))
    result = rows.copy()
    for i, length in enumerate(lengths.tolist()):
        if length > rows.shape[1]:
            c.fail(f"seq_lengths[{i}] = {length} is greater than the size {rows.shape[1]}")
        if length > 0:
            result[i, :length] = rows[i, length - 1 :: -1][:length]
    return np.ascontiguousarray(np.moveaxis(result, (0, 1), (batch, seq)))


def _decompose(op: Operation) -> Tensor:
    """A gather along the sequences, brought to the form [batch, sequence, …]."""
    graph, (x, lengths) = op.graph, op.inputs
    rank = len(x.type.dims)
    seq, batch = _axes(op, rank)
    order = [batch, seq, *(d for d in range(rank) if d not in (seq, batch))]
    size = x.type.dims[seq]
    steps = counting(graph, size, lengths.dtype)
    ends = reshaped(lengths, (x.type.dims[batch], 1))
    one = graph.constant(1, lengths.dtype)
    mirrored = graph.op("Sub", graph.op("Sub", ends, one), steps)
    inside = graph.op("Less", steps, ends)
    same = graph.op("Add", graph.op("ZerosLike", mirrored), steps)
    rows = graph.op("SelectV2", inside, mirrored, same)
    turned = graph.op(
        "GatherV2", _permuted(x, order), rows, graph.constant(np.int32(1)), batch_dims=1
    )
    return _permuted(turned, [order.index(d) for d in range(rank)])


def _permuted(x: Tensor, order: list[int]) -> Tensor:
    if order == sorted(order):
        return x
    result: Tensor = x.graph.op("Transpose", x, x.graph.constant(np.array(order, np.int32)))
    return result


register(OpDef(
    name="ReverseSequence",
    doc="The first lengths[b] elements of each sequence b in reverse order, the others as they "
        "are; lengths below 1 change nothing, longer ones than the sequence are errors.",
    inputs=("input", "seq_lengths"),
    attrs={"seq_dim": Attr("int"), "batch_dim": Attr("int", 0)},
    infer=_type,
    reference=_reference,
    gradient=lambda op, dy: [
        op.graph.op("ReverseSequence", dy, op.inputs[1], seq_dim=op.attrs["seq_dim"],
                    batch_dim=op.attrs["batch_dim"]),
        None,
    ],
    decompose=_decompose,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 4)), index_operand([2, 0, 4])), {"seq_dim": 1}),
        Sample((Operand((4, 2, 3)), index_operand([3, 1], dtypes.int64)),
               {"seq_dim": 0, "batch_dim": 1}),
        Sample((Operand((2, 3, 2)), index_operand([2, 1])), {"seq_dim": -1, "batch_dim": -3}),
        Sample((Operand((0, 3)), index_operand(np.zeros(0))), {"seq_dim": 1}),
    ),
))  # fmt: skip
