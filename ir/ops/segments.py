"""Sums over segments: scatters of rows by id, where negative ids drop their rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import (
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Elementwise
from graphc.ir.ops.positions import (
    dim_values,
    index_operand,
    non_negative_sizes,
    reshaped,
)
from graphc.ir.types import TensorType


def _prefix_rest(c: TypeContext, data: Any, ids: Any) -> Any:
    """data.shape without the leading dimensions, which must be those of the segment ids."""
    if data is None or ids is None:
        return None
    if len(ids) > len(data):
        c.fail(f"segment_ids of rank {len(ids)} do not fit data of rank {len(data)}")
    c.merge_shapes(data[: len(ids)], ids, "leading dimensions of data and segment_ids")
    return data[len(ids) :]


def _segment_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    c.require_rank(2, 0)
    rest = _prefix_rest(c, c.inputs[0].shape, c.inputs[1].shape)
    sizes = non_negative_sizes(c, 2)
    if rest is None:
        return c.inputs[0].with_shape(None)
    return c.inputs[0].with_shape((UNKNOWN if sizes is None else sizes[0], *rest))


def _segment_reference(c: Any, data: np.ndarray, ids: np.ndarray, count: np.ndarray) -> np.ndarray:
    rest = data.shape[ids.ndim :]
    flat, rows = ids.ravel(), data.reshape(ids.size, *rest)
    result = np.zeros((int(count), *rest), data.dtype)
    if rows.size == 0:
        return result
    if flat.max() >= count:
        c.fail(f"segment id {flat.max()} is not in [0, {count})")
    np.add.at(result, flat[flat >= 0], rows[flat >= 0])
    return result


def _segment_decompose(op: Operation) -> Tensor:
    """A scatter of the data, with zero in place of what has a negative id."""
    graph, (data, ids, _) = op.graph, op.inputs
    rows = graph.op("Maximum", ids, graph.constant(0, ids.dtype))
    kept = graph.op("DropNegative", data, ids)
    shape = dim_values(graph, op.outputs[0].type.dims)
    result: Tensor = graph.op("ScatterNd", reshaped(rows, (*ids.type.dims, 1)), kept, shape)
    return result


def _segment_gradient(op: Operation, dy: Tensor) -> list[Any]:
    graph, ids = op.graph, op.inputs[1]
    rows = graph.op("Maximum", ids, graph.constant(0, ids.dtype))
    taken = graph.op("GatherV2", dy, rows, graph.constant(0))
    return [graph.op("DropNegative", taken, ids), None, None]


register(OpDef(
    name="UnsortedSegmentSum",
    doc="Row j of the result is the sum of data[i…] over all i with segment_ids[i…] = j. Negative "
        "ids drop their data.",
    inputs=("data", "segment_ids", "num_segments"),
    infer=_segment_type,
    reference=_segment_reference,
    gradient=_segment_gradient,
    decompose=_segment_decompose,
    shape_inputs=(2,),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((4, 2)), index_operand([2, 0, 2, -1]), index_operand(3))),
        Sample((Operand((2, 2)), index_operand([[0, 1], [1, 1]]), index_operand(2))),
        Sample((Operand((0, 2)), index_operand([]), index_operand(2))),
    ),
))  # fmt: skip


def _drop_type(c: TypeContext) -> TensorType:
    _prefix_rest(c, c.inputs[0].shape, c.inputs[1].shape)
    return c.inputs[0]


def _drop_reference(c: Any, x: np.ndarray, ids: np.ndarray) -> np.ndarray:
    keep = (ids >= 0).reshape(ids.shape + (1,) * (x.ndim - ids.ndim))
    return np.where(keep, x, x.dtype.type(0))


def _drop_decompose(op: Operation) -> Tensor:
    x, ids = op.inputs
    missing = len(x.type.dims) - len(ids.type.dims)
    result: Tensor = op.graph.op(
        "ZeroWhereNegative", x, reshaped(ids, (*ids.type.dims, *[1] * missing))
    )
    return result


register(OpDef(
    name="DropNegative",
    doc="x with zeros in the parts x[i…] whose id ids[i…] is negative.",
    inputs=("x", "ids"),
    infer=_drop_type,
    reference=_drop_reference,
    gradient=lambda op, dy: [op.graph.op("DropNegative", dy, op.inputs[1]), None],
    decompose=_drop_decompose,
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((3, 2)), index_operand([0, -1, 1]))),
        Sample((Operand((2,)), index_operand([-1, 1]))),
    ),
))  # fmt: skip


def _zero_scalar(b: Any, x: Any, i: Any) -> Any:
    dtype = b.dtype_of(i)
    return b.select(b.ge(i, b.const(0, dtype)), x, b.const(0))


register(OpDef(
    name="ZeroWhereNegative",
    doc="x where ids >= 0, else 0; ids broadcasts to the shape of x.",
    inputs=("x", "ids"),
    infer=lambda c: c.inputs[0],
    reference=lambda c, x, ids: np.where(ids >= 0, x, x.dtype.type(0)),
    gradient=lambda op, dy: [op.graph.op("ZeroWhereNegative", dy, op.inputs[1]), None],
    lowering=Elementwise(_zero_scalar, cost=2),
    dtypes=dtypes.NUMERIC,
    samples=(Sample((Operand((3, 2)), index_operand([[0], [-1], [1]]))),),
))  # fmt: skip
