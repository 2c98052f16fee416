"""Moving elements without changing them: Transpose, Slice, ReverseV2, BroadcastTo, Tile.

All are views: the output element at a position is the input element at an affine position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import (
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Index, View, along, at
from graphc.ir.ops.positions import (
    context_of,
    dim_values,
    has_unknown,
    index_operand,
    is_minus_one,
    known,
    non_negative_sizes,
    plain_ints,
    require,
    reshaped,
    sizes_of,
)
from graphc.ir.types import TensorType

# ------------------------------------------------------------------------------------- Transpose


def _transpose_type(c: TypeContext) -> TensorType:
    x = c.inputs[0]
    c.require_rank(1, 1)
    perm = c.constants(1)
    if perm is None:
        sizes = c.inputs[1].shape
        rank = x.rank if sizes is None or not isinstance(sizes[0], int) else sizes[0]
        return x.with_shape(None if rank is None else [UNKNOWN] * rank)
    if sorted(perm) != list(range(len(perm))):
        c.fail(f"perm must be a permutation of 0 to {len(perm) - 1}, not {perm}")
    if x.shape is None:
        return x.with_shape([UNKNOWN] * len(perm))
    if len(perm) != len(x.shape):
        c.fail(f"perm has {len(perm)} axes for an input of rank {len(x.shape)}")
    return x.with_shape(x.shape[axis] for axis in perm)


def _transpose_index(op: Operation) -> tuple[Index, ...]:
    perm = context_of(op).constants(1)
    assert perm is not None, op
    return tuple(along(perm.index(dim)) for dim in range(len(perm)))


def _transpose_value(c: TypeContext) -> Any:
    value, perm = known(c, 0), plain_ints(c, 1)
    return None if value is None or perm is None else value.transpose(perm)


def _transpose_gradient(op: Operation, dy: Tensor) -> list[Any]:
    inverse = op.graph.op("InvertPermutation", op.inputs[1])
    return [op.graph.op("Transpose", dy, inverse), None]


register(OpDef(
    name="Transpose",
    doc="Permuted dimensions: dimension i of the result is dimension perm[i] of x.",
    inputs=("x", "perm"),
    infer=_transpose_type,
    reference=lambda c, x, perm: np.transpose(x, perm.tolist()),
    gradient=_transpose_gradient,
    lowering=View(_transpose_index),
    value=_transpose_value,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 5)), index_operand([1, 0]))),
        Sample((Operand((2, 3, 4)), index_operand([2, 0, 1]))),
        Sample((Operand((2, 0, 4, 1)), index_operand([0, 2, 1, 3]))),
        Sample((Operand(()), index_operand([]))),
    ),
))  # fmt: skip


def _invert_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.INDICES)
    c.require_rank(0, 1)
    return c.inputs[0]


def _invert_reference(c: Any, x: np.ndarray) -> np.ndarray:
    if sorted(x.tolist()) != list(range(x.size)):
        c.fail(f"{x.tolist()} is not a permutation")
    return np.argsort(x).astype(x.dtype)


def _invert_value(c: TypeContext) -> Any:
    perm = plain_ints(c, 0)
    if perm is None or sorted(perm) != list(range(len(perm))):
        return None
    return np.array([perm.index(i) for i in range(len(perm))], dtype=object)


def _invert_decompose(op: Operation) -> Tensor:
    graph, x = op.graph, op.inputs[0]
    inverse = _invert_value(context_of(op))
    if inverse is not None:
        return dim_values(graph, inverse.tolist(), dtype=x.dtype)
    (size,) = x.type.dims
    numbers = graph.op("Sequence", start=0, delta=1, size=size, dtype=x.dtype)
    rows = reshaped(x, (size, 1))
    found = graph.op("ScatterNd", rows, numbers, dim_values(graph, (size,)))
    # Numbers that share a place add up there, so one of them is not found again: fail the run.
    again = graph.op("Equal", graph.op("GatherV2", found, x, graph.constant(0)), numbers)
    places = graph.op("SelectV2", again, numbers, graph.constant(np.array(-1, x.dtype.numpy)))
    result: Tensor = graph.op("GatherV2", found, places, graph.constant(0))
    return result


register(OpDef(
    name="InvertPermutation",
    doc="The inverse of a permutation: y[x[i]] = i.",
    inputs=("x",),
    infer=_invert_type,
    reference=_invert_reference,
    gradient=NoGradient("integers"),
    decompose=_invert_decompose,
    value=_invert_value,
    dtypes=dtypes.INDICES,
    samples=(
        Sample((index_operand([2, 0, 3, 1]),), dtypes=(dtypes.int32,)),
        Sample((index_operand([], dtypes.int64),), dtypes=(dtypes.int64,)),
    ),
))  # fmt: skip


# ----------------------------------------------------------------------------------------- Slice


def _slice_type(c: TypeContext) -> TensorType:
    x, begin, size = c.inputs[0], c.sizes(1), c.sizes(2)
    count = next((len(s) for s in (begin, size) if s is not None), x.rank)
    if count is None:
        return x.with_shape(None)
    begin = (UNKNOWN,) * count if begin is None else begin
    size = (UNKNOWN,) * count if size is None else size
    shape = (UNKNOWN,) * count if x.shape is None else x.shape
    if not len(begin) == len(size) == len(shape):
        c.fail(f"begin has {len(begin)} and size {len(size)} elements for a rank of {len(shape)}")
    return x.with_shape(
        [_slice_size(c, i, *spec) for i, spec in enumerate(zip(shape, begin, size, strict=True))]
    )


def _slice_size(c: TypeContext, axis: int, n: Any, begin: Any, size: Any) -> Any:
    """The size of the result along an axis; -1 is all that is left."""
    message = f"begin[{axis}] = {{}} is not in [0, {{}}]"
    if not has_unknown(begin):
        require(c, 0, "<=", begin, message, begin, n)
    wild = is_minus_one(c, size)
    if wild is None:
        return UNKNOWN
    if has_unknown(begin, n):
        return UNKNOWN if wild else size
    if wild:
        require(c, begin, "<=", n, message, begin, n)
        return n - begin
    message = f"size[{axis}] = {{}} is not in [0, {{}}]"
    require(c, begin + size, "<=", n, message, size, n - begin)
    return size


def _slice_reference(c: Any, x: np.ndarray, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    key = []
    for axis, (n, low, count) in enumerate(
        zip(x.shape, begin.tolist(), size.tolist(), strict=True)
    ):
        high = n if count == -1 else low + count
        if not 0 <= low <= high <= n:
            c.fail(f"begin[{axis}] = {low} and size[{axis}] = {count} do not fit in [0, {n}]")
        key.append(slice(low, high))
    return x[tuple(key)]


def _slice_value(c: TypeContext) -> Any:
    value, begin, size = known(c, 0), plain_ints(c, 1), plain_ints(c, 2)
    if value is None or begin is None or size is None:
        return None
    pairs = zip(begin, size, strict=True)
    return value[tuple(slice(b, None if s == -1 else b + s) for b, s in pairs)]


def _slice_gradient(op: Operation, dy: Tensor) -> list[Any]:
    """Zeros around dy: begin before it, shape - begin - size behind it."""
    graph, (x, begin, _) = op.graph, op.inputs
    whole, part = (graph.op("Shape", t, out_type=begin.dtype) for t in (x, dy))
    behind = graph.op("Sub", graph.op("Sub", whole, begin), part)
    return [graph.op("Pad", dy, graph.op("Pack", begin, behind, axis=1)), None, None]


register(OpDef(
    name="Slice",
    doc="The block of `input` at `begin` with shape `size`; size[i] = -1 is all that is left.",
    inputs=("input", "begin", "size"),
    infer=_slice_type,
    reference=_slice_reference,
    gradient=_slice_gradient,
    lowering=View(lambda op: tuple(along(i, 1, b) for i, b in enumerate(sizes_of(op, 1)))),
    value=_slice_value,
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 4)), index_operand([1, 0]), index_operand([2, 3]))),
        Sample((Operand((3, 4)), index_operand([0, 1]), index_operand([-1, 1]))),
        Sample((Operand((3, 4)), index_operand([3, 0]), index_operand([0, -1]))),
        Sample((Operand(()), index_operand([]), index_operand([]))),
    ),
))  # fmt: skip


# ------------------------------------------------------------------------------------- ReverseV2


def _reverse_type(c: TypeContext) -> TensorType:
    axes, rank = c.constants(1), c.inputs[0].rank
    if axes is not None and rank is not None:
        positive = [c.axis(axis, rank) for axis in axes]
        if len(set(positive)) < len(positive):
            c.fail(f"an axis is named twice in {axes}")
    return c.inputs[0]


def _reverse_index(op: Operation) -> tuple[Index, ...]:
    dims = op.inputs[0].type.dims
    axes = [axis % len(dims) for axis in context_of(op).constants(1) or ()]
    return tuple(along(i, -1, n - 1) if i in axes else along(i) for i, n in enumerate(dims))


def _reverse_value(c: TypeContext) -> Any:
    value, axes = known(c, 0), plain_ints(c, 1)
    return None if value is None or axes is None else np.flip(value, axes)


def _reverse_gradient(op: Operation, dy: Tensor) -> list[Any]:
    return [op.graph.op("ReverseV2", dy, op.inputs[1]), None]


register(OpDef(
    name="ReverseV2",
    doc="The elements in reverse order along each of the axes.",
    inputs=("tensor", "axis"),
    infer=_reverse_type,
    reference=lambda c, x, axes: np.flip(x, tuple(axes.tolist())),
    gradient=_reverse_gradient,
    lowering=View(_reverse_index),
    value=_reverse_value,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 4)), index_operand([0]))),
        Sample((Operand((3, 4, 2)), index_operand([-1, 0]))),
        Sample((Operand((0, 5)), index_operand([0, 1]))),
        Sample((Operand((5,)), index_operand([]))),
    ),
))  # fmt: skip


# ----------------------------------------------------------------------------- BroadcastTo, Tile


def _broadcast_to_type(c: TypeContext) -> TensorType:
    x, sizes = c.inputs[0], non_negative_sizes(c, 1)
    if sizes is None:
        return x.with_shape(None)
    if x.shape is not None:
        missing = len(sizes) - len(x.shape)
        if missing < 0:
            c.fail(f"a tensor of rank {len(x.shape)} has no form of rank {len(sizes)}")
        for have, want in zip(x.shape, sizes[missing:], strict=True):
            if isinstance(have, int) and have == 1:
                continue  # fits any size: asking whether they are equal would pin the size to 1
            if c.equal(have, want) is False and c.equal(have, 1) is False:
                c.fail(f"cannot broadcast to {c.show_shape(sizes)}")
    return x.with_shape(sizes)


def _broadcast_to_index(op: Operation) -> tuple[Index, ...]:
    """The type rule has asked the same questions, so nothing new is guarded here."""
    have, want = op.inputs[0].type.dims, op.outputs[0].type.dims
    missing, c = len(want) - len(have), context_of(op)
    return tuple(
        at(0) if (isinstance(n, int) and n == 1) or c.equal(n, want[axis]) is False else along(axis)
        for axis, n in enumerate(have, start=missing)
    )


def _broadcast_to_value(c: TypeContext) -> Any:
    value, shape = known(c, 0), plain_ints(c, 1)
    return None if value is None or shape is None else np.broadcast_to(value, shape)


register(OpDef(
    name="BroadcastTo",
    doc="`input` repeated to `shape` as NumPy broadcasts it.",
    inputs=("input", "shape"),
    infer=_broadcast_to_type,
    reference=lambda c, x, shape: np.broadcast_to(x, shape.tolist()),
    gradient=lambda op, dy: [op.graph.op("SumToShapeOf", dy, op.inputs[0]), None],
    lowering=View(_broadcast_to_index),
    value=_broadcast_to_value,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 1)), index_operand([2, 3, 4]))),
        Sample((Operand(()), index_operand([2, 2]))),
        Sample((Operand((1, 3)), index_operand([0, 3]))),
        Sample((Operand((1,)), index_operand([1]))),
    ),
))  # fmt: skip


def _tile_type(c: TypeContext) -> TensorType:
    x, multiples = c.inputs[0], non_negative_sizes(c, 1)
    count = x.rank if multiples is None else len(multiples)
    if count is None:
        return x.with_shape(None)
    multiples = (UNKNOWN,) * count if multiples is None else multiples
    shape = (UNKNOWN,) * count if x.shape is None else x.shape
    if len(shape) != len(multiples):
        c.fail(f"{len(multiples)} multiples are given for rank {len(shape)}")
    return x.with_shape(n * m for n, m in zip(shape, multiples, strict=True))


def _tile_decompose(op: Operation) -> Tensor:
    """[d0, d1] -> [1, d0, 1, d1] -> [m0, d0, m1, d1] -> [m0 * d0, m1 * d1]."""
    graph, x = op.graph, op.inputs[0]
    narrow: list[Any] = []
    wide: list[Any] = []
    for n, multiple in zip(x.type.dims, sizes_of(op, 1), strict=True):
        if isinstance(multiple, int) and multiple == 1:
            narrow.append(n)
            wide.append(n)
        else:
            narrow += [1, n]
            wide += [multiple, n]
    if len(wide) == len(x.type.dims):
        return x
    repeated = graph.op("BroadcastTo", reshaped(x, narrow), dim_values(graph, wide))
    return reshaped(repeated, op.outputs[0].type.dims)


def _tile_gradient(op: Operation, dy: Tensor) -> list[Any]:
    """dy as [m0, d0, m1, d1, …], summed over the even axes."""
    graph, (x, multiples) = op.graph, op.inputs
    shape = graph.op("Shape", x, out_type=multiples.dtype)
    pairs = graph.op("Reshape", graph.op("Pack", multiples, shape, axis=1), [-1])
    axes = graph.op("Range", 0, graph.op("Size", pairs), 2)
    return [graph.op("Sum", graph.op("Reshape", dy, pairs), axes), None]


def _tile_value(c: TypeContext) -> Any:
    value, multiples = known(c, 0), plain_ints(c, 1)
    return None if value is None or multiples is None else np.tile(value, multiples)


register(OpDef(
    name="Tile",
    doc="`input` repeated multiples[i] times along dimension i.",
    inputs=("input", "multiples"),
    infer=_tile_type,
    reference=lambda c, x, multiples: np.tile(x, multiples.tolist()),
    gradient=_tile_gradient,
    decompose=_tile_decompose,
    value=_tile_value,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 3)), index_operand([2, 1]))),
        Sample((Operand((3,)), index_operand([3], dtypes.int64))),
        Sample((Operand((2, 1)), index_operand([0, 2]))),
        Sample((Operand(()), index_operand([]))),
    ),
))  # fmt: skip
