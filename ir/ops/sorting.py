"""The greatest elements of rows: TopKV2, of keys that are integers of the elements' order.

Floats become integers of the same order (bits, with the order of negative ones turned round), so
that one kernel per width selects from rows of anything. -0 and 0 are equal, NaN is less than all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Unknown
from graphc.ir.dtypes import DType
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Elementwise, Special
from graphc.ir.ops.positions import dim_values, non_negative_sizes, require, reshaped
from graphc.ir.types import TensorType

# -------------------------------------------------------------------------------------------- keys


def key_dtype(dtype: DType) -> DType:
    """The dtype of keys: int64 for elements of 8 bytes, else int32."""
    return dtypes.int64 if dtype.size == 8 else dtypes.int32


def _key(b: Any, x: Any) -> Any:
    given, wanted = b.dtype_of(x), b.dtype
    if not given.is_floating:
        return b.convert(x, wanted)
    least, most = b.const(wanted.min), b.const(wanted.max)
    bits = b.bitcast(b.add(x, b.const(0, given)), wanted)  # -0 + 0 = 0
    ordered = b.select(b.lt(bits, b.const(0)), b.xor(bits, most), bits)
    return b.select(b.isnan(x), least, ordered)


def keys_of(x: np.ndarray) -> Any:
    """The keys of an array."""
    wanted = key_dtype(dtypes.as_dtype(x.dtype)).numpy
    if x.dtype.kind != "f":
        return x.astype(wanted)
    bits = (x + x.dtype.type(0)).view(wanted)
    info = np.iinfo(wanted)
    return np.where(np.isnan(x), info.min, np.where(bits < 0, bits ^ info.max, bits)).astype(wanted)


_EXTREMES = np.array([[0.0, -0.0, np.inf], [-np.inf, np.nan, -1e-30]])

register(OpDef(
    name="SortKey",
    doc="Integers in the order of x: -0 and 0 are equal, NaN is less than all numbers.",
    inputs=("x",),
    infer=lambda c: TensorType(key_dtype(c.require_dtype(0, dtypes.NUMERIC)), c.inputs[0].shape),
    reference=lambda c, x: keys_of(x),
    gradient=NoGradient("integers"),
    lowering=Elementwise(_key, 4),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((3, 5)),)),
        Sample((Operand((0,)),)),
        Sample((Operand((2, 3), value=_EXTREMES),), dtypes=dtypes.FLOATS),
    ),
))  # fmt: skip

# ---------------------------------------------------------------------------------------- indices


def _count(c: TypeContext, columns: Any) -> Any:
    """The number k, which must be a size and at most that of the columns."""
    c.require_dtype(1, dtypes.INDICES)
    c.require_rank(1, 0)
    sizes = non_negative_sizes(c, 1)
    count = UNKNOWN if sizes is None else sizes[0]
    if not isinstance(count, Unknown) and not isinstance(columns, Unknown):
        require(c, count, "<=", columns, "input must have at least k columns: k is {}, there are "
                "{} columns", count, columns)  # fmt: skip
    return count


def _indices_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.INDICES)
    shape = c.require_rank(0, 2) or (UNKNOWN, UNKNOWN)
    return TensorType(dtypes.int32, (shape[0], _count(c, shape[1])))


def _greatest(keys: np.ndarray, count: int) -> Any:
    """The positions of the greatest of each row, in order; of equals the first comes first."""
    return np.argsort(~keys, axis=-1, kind="stable")[..., :count].astype(np.int32)


_KEYS = np.array([[3, 1, 3, -2, 0], [5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [7, 7, 7, 7, 7]])


def _many() -> np.ndarray:
    return np.random.default_rng(3).integers(-50, 50, (3, 70))


register(OpDef(
    name="TopKIndices",
    doc="The positions of the k greatest keys of each row, greatest first; of equals the first.",
    inputs=("keys", "k"),
    outputs=("indices",),
    infer=_indices_type,
    reference=lambda c, keys, k: _greatest(keys, int(k)),
    gradient=NoGradient("positions"),
    lowering=Special(
        "top_k", lambda op: (*op.inputs[0].type.dims, op.outputs[0].type.dims[1])
    ),
    shape_inputs=(1,),
    dtypes=dtypes.INDICES,
    samples=tuple(
        Sample((Operand(keys.shape, value=keys), Operand((), dtypes.int32, value=np.array(k))))
        for keys, k in ((_KEYS, 1), (_KEYS, 3), (_KEYS, 5), (_KEYS, 0), (_KEYS[:0], 2),
                        (_many(), 4), (_many(), 70), (np.sort(_many()), 17))
    ),
))  # fmt: skip

# ------------------------------------------------------------------------------------------ TopKV2


def _top_type(c: TypeContext) -> tuple[TensorType, TensorType]:
    dtype = c.require_dtype(0, dtypes.NUMERIC)
    shape = c.inputs[0].shape
    if shape == ():
        c.fail("input must have at least one dimension")
    count = _count(c, UNKNOWN if shape is None else shape[-1])
    result = None if shape is None else (*shape[:-1], count)
    return TensorType(dtype, result), TensorType(dtypes.int32, result)


def _top_reference(c: Any, x: np.ndarray, k: Any) -> tuple[np.ndarray, np.ndarray]:
    indices = _greatest(keys_of(x), int(k))
    return np.take_along_axis(x, indices.astype(np.int64), -1), indices


def _top_decompose(op: Operation) -> tuple[Tensor, Tensor]:
    x, graph = op.inputs[0], op.graph
    *lead, columns = x.type.dims
    rows: Any = 1
    for size in lead:
        rows = rows * size
    matrix = reshaped(x, (rows, columns)) if len(lead) != 1 else x
    count = op.outputs[0].type.dims[-1]
    k = dim_values(graph, (count,), ())
    indices = graph.op("TopKIndices", graph.op("SortKey", matrix), k)
    one = graph.constant(np.int32(1))
    values = graph.op("GatherV2", matrix, indices, one, batch_dims=1)
    if len(lead) == 1:
        return values, indices
    return reshaped(values, (*lead, count)), reshaped(indices, (*lead, count))


def _as_rows(x: Tensor, columns: Any) -> Any:
    graph = x.graph
    shape = graph.op("Pack", graph.constant(np.int32(-1)), columns, axis=0)
    return graph.op("Reshape", x, shape)


def _top_gradient(op: Operation, dvalues: Any, dindices: Any) -> list[Any]:
    if dvalues is None:
        return [None, None]
    x, graph = op.inputs[0], op.graph
    # An empty result has no rows of k elements to count: sizes of at least 1 serve for the reshape.
    one = graph.constant(np.int32(1))
    sizes = [
        graph.op("Maximum", graph.op("GatherV2", graph.op("Shape", t),
                                     graph.op("Rank", t) - one, graph.constant(np.int32(0))), one)
        for t in (x, op.outputs[1])
    ]  # fmt: skip
    dy, indices = (_as_rows(t, sizes[1]) for t in (dvalues, op.outputs[1]))
    dx = graph.op("GatherGrad", dy, indices, one, _as_rows(x, sizes[0]), batch_dims=1)
    return [graph.op("ReshapeToShapeOf", dx, x), None]


def _k(value: int) -> Operand:
    return Operand((), dtypes.int32, value=np.array(value))


register(OpDef(
    name="TopKV2",
    doc="The k greatest elements along the last dimension, greatest first, and where they are; of "
    "equals the first comes first. NaN counts as less than all numbers. (Unsorted results are "
    "sorted too.)",
    inputs=("input", "k"),
    outputs=("values", "indices"),
    attrs={"sorted": Attr("bool", True)},
    infer=_top_type,
    reference=_top_reference,
    gradient=_top_gradient,
    decompose=_top_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((4, 7)), _k(3)), dtypes=dtypes.FLOATS),
        Sample((Operand((5,)), _k(5)), dtypes=dtypes.FLOATS),
        Sample((Operand((2, 3, 4)), _k(2)), dtypes=dtypes.FLOATS),
        Sample((Operand((2, 5), value=_KEYS[:2]), _k(4)), differentiable=False),
        Sample((Operand((3, 4)), _k(1)), {"sorted": False}, dtypes=dtypes.FLOATS),
    ),
))  # fmt: skip
