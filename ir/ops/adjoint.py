"""Adjoints that depend on shapes, in a form that holds for unknown ranks.

Gradient rules must not branch on shapes that only a run decides, so what they need of a shape is
said by operations over a second operand x of which only the type is read: "sum to the shape of x".
When a run compiles all types are concrete, and these decompose into sums, reshapes and broadcasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, product
from graphc.ir.graph import (
    Attr,
    Graph,
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.ops.pointwise import apply
from graphc.ir.types import TensorType

# --------------------------------------------------------------------- tools for decompositions


def dim_values(graph: Graph, dims: Sequence[Any]) -> Tensor:
    """Sizes as an int64 vector of a function's body."""
    sizes: Tensor = graph.op("DimValues", dims=tuple(dims), dtype=dtypes.int64, shape=(len(dims),))
    return sizes


def _has_dims(x: Tensor, dims: Sequence[Any]) -> bool:
    """Whether a tensor of a function has these sizes by what is known, without a guard."""
    environment = x.graph.environment
    assert environment is not None, x
    canonical = environment.canonical
    return len(x.type.dims) == len(dims) and all(
        canonical(a) == canonical(b) for a, b in zip(x.type.dims, dims, strict=True)
    )


def reshape(x: Tensor, dims: Sequence[Any]) -> Tensor:
    """`x` with other sizes; `x` itself where they are the same."""
    if _has_dims(x, dims):
        return x
    return apply("Reshape", x, dim_values(x.graph, dims))


def broadcast(x: Tensor, dims: Sequence[Any]) -> Tensor:
    """`x` repeated to other sizes; `x` itself where they are the same."""
    if _has_dims(x, dims):
        return x
    return apply("BroadcastTo", x, dim_values(x.graph, dims))


def axes_constant(graph: Graph, axes: Sequence[int]) -> Tensor:
    return graph.constant(np.array(axes, np.int32))


def reduction_axes(c: TypeContext, index: int, rank: int) -> tuple[int, ...] | None:
    """The axes that input `index` names, non-negative and in order; None while they are unknown."""
    shape = c.inputs[index].shape
    c.require_dtype(index, dtypes.INDICES)
    if shape is not None and len(shape) > 1:
        c.fail(f"the axes must be a number or a vector, not of rank {len(shape)}")
    given = c.constants(index)
    if given is None:
        return None
    axes = sorted(c.axis(a, rank) for a in given)
    for a, b in pairwise(axes):
        if a == b:
            c.fail(f"Invalid reduction arguments: Axes contains duplicate dimension: {a}")
    return tuple(axes)


def axes_of(op: Operation, index: int = 1, of: int = 0) -> tuple[int, ...]:
    """The axes that an operation of a function names, for its operand `of`."""
    environment = op.graph.environment
    assert environment is not None, op
    rank = len(op.inputs[of].type.dims)
    value = np.asarray(op.graph.value_of(op.inputs[index]), dtype=object).ravel()
    return tuple(sorted(environment.constant(a) % rank for a in value))


def _axes_array(axes: np.ndarray, rank: int) -> tuple[int, ...]:
    return tuple(sorted(int(a) % rank for a in axes.ravel()))


# ------------------------------------------------------------------------- adjoints of shapes


def _shape_of_second(c: TypeContext) -> TensorType:
    x, y = c.inputs[:2]
    return y if x.dtype is y.dtype else TensorType(x.dtype, y.shape)


def repeated_axes(op: Operation) -> tuple[tuple[int, ...], int]:
    """The axes of dy along which x was repeated, and how many of them x does not have."""
    dy, x = (t.type.dims for t in op.inputs[:2])
    environment = op.graph.environment
    assert environment is not None, op
    leading = len(dy) - len(x)
    axes = list(range(leading))
    for axis, (wide, narrow) in enumerate(zip(dy[leading:], x, strict=True), leading):
        if wide == narrow:
            continue
        if (isinstance(narrow, int) and narrow == 1) or not environment.equal(wide, narrow):
            axes.append(axis)
    return tuple(axes), leading


def _sum_decompose(op: Operation) -> Tensor:
    dy, x = op.inputs
    axes, leading = repeated_axes(op)
    if axes:
        keep = leading == 0
        dy = op.graph.op("Sum", dy, axes_constant(op.graph, axes), keep_dims=keep)
    return reshape(dy, x.type.dims)


def _sum_type(c: TypeContext) -> TensorType:
    dy, x = c.inputs[0].shape, c.inputs[1].shape
    if dy is not None and x is not None and dy != x:
        if len(x) > len(dy):
            c.fail("the cotangent has lower rank than the tensor it is for")
        for wide, narrow in zip(dy[len(dy) - len(x) :], x, strict=True):
            if isinstance(narrow, int) and narrow != 1:
                c.merge(wide, narrow, "sizes of the cotangent and of the tensor it is for")
    return _shape_of_second(c)


def _sum_reference(c: Any, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    leading = dy.ndim - x.ndim
    wide = dy.astype(np.float64) if dy.dtype.kind == "f" else dy
    total = wide.sum(axis=tuple(range(leading)), dtype=wide.dtype)
    repeated = tuple(i for i, (a, b) in enumerate(zip(total.shape, x.shape, strict=True)) if a != b)
    total = total.sum(axis=repeated, dtype=wide.dtype, keepdims=True)
    return np.asarray(total.reshape(x.shape), dy.dtype)


_SHAPED = NoGradient("only the shape of x is read")


def _pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[Sample, ...]:
    return tuple(Sample((Operand(a), Operand(b)), gradient_inputs=(0,)) for a, b in shapes)


register(OpDef(
    name="SumToShapeOf",
    doc="The adjoint of broadcasting x: dy summed over the axes along which x was repeated. The "
        "result has x's shape; of x only the type is read.",
    inputs=("dy", "x"),
    infer=_sum_type,
    reference=_sum_reference,
    gradient=lambda op, ddy: [op.graph.op("BroadcastToShapeOf", ddy, op.inputs[0]), None],
    decompose=_sum_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.NUMERIC,
    samples=_pairs(((3, 5), (3, 5)), ((3, 5), (5,)), ((3, 5), (3, 1)), ((2, 3, 5), (1, 5)),
                   ((3, 5), ()), ((0, 4), (4,)), ((2, 0), (2, 1))),
))  # fmt: skip

register(OpDef(
    name="BroadcastToShapeOf",
    doc="dy repeated, as NumPy broadcasts, to the shape of x; of x only the type is read.",
    inputs=("dy", "x"),
    infer=_shape_of_second,
    reference=lambda c, dy, x: np.broadcast_to(dy, x.shape).copy(),
    gradient=lambda op, ddy: [op.graph.op("SumToShapeOf", ddy, op.inputs[0]), None],
    decompose=lambda op: broadcast(op.inputs[0], op.inputs[1].type.dims),
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=_pairs(((3, 5), (3, 5)), ((5,), (3, 5)), ((3, 1), (3, 5)), ((1, 5), (2, 3, 5)),
                   ((), (3, 5)), ((1, 4), (0, 4))),
))  # fmt: skip


def _reshape_type(c: TypeContext) -> TensorType:
    dy, x = c.inputs[0].size, c.inputs[1].size
    if isinstance(dy, int) and isinstance(x, int) and dy != x:
        c.fail(f"cannot reshape {dy} elements into {x}")
    return _shape_of_second(c)


register(OpDef(
    name="ReshapeToShapeOf",
    doc="The elements of dy in the shape of x; of x only the type is read.",
    inputs=("dy", "x"),
    infer=_reshape_type,
    reference=lambda c, dy, x: dy.reshape(x.shape),
    gradient=lambda op, ddy: [op.graph.op("ReshapeToShapeOf", ddy, op.inputs[0]), None],
    decompose=lambda op: reshape(op.inputs[0], op.inputs[1].type.dims),
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=_pairs(((3, 4), (3, 4)), ((12,), (3, 4)), ((2, 3, 2), (4, 3)), ((1, 1), ()),
                   ((0, 4), (2, 0))),
))  # fmt: skip


# --------------------------------------------------------------------- adjoints of reductions


def kept_dims(dims: Sequence[Any], axes: Sequence[int]) -> tuple[Any, ...]:
    """The sizes after a reduction that keeps reduced axes as 1."""
    return tuple(1 if i in axes else d for i, d in enumerate(dims))


def _expand_type(c: TypeContext) -> TensorType:
    if c.inputs[1].shape is not None:
        reduction_axes(c, 2, len(c.inputs[1].shape))
    return _shape_of_second(c)


def _expand_decompose(op: Operation) -> Tensor:
    dims = op.inputs[1].type.dims
    return broadcast(reshape(op.inputs[0], kept_dims(dims, axes_of(op, 2, of=1))), dims)


def _expand_reference(c: Any, dy: np.ndarray, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    kept = kept_dims(x.shape, _axes_array(axes, x.ndim))
    return np.broadcast_to(dy.reshape(kept), x.shape).copy()


def _expanded(dy: tuple[int, ...], x: tuple[int, ...], axes: Any, keep_dims: bool) -> Sample:
    operands = (Operand(dy), Operand(x), Operand(np.shape(axes), dtypes.int32, value=axes))
    return Sample(operands, {"keep_dims": keep_dims}, gradient_inputs=(0,))


def _expand_gradient(op: Operation, ddy: Tensor) -> list[Tensor | None]:
    total = op.graph.op("Sum", ddy, op.inputs[2], keep_dims=op.attrs["keep_dims"])
    return [total, None, None]


register(OpDef(
    name="ExpandReduced",
    doc="The adjoint of a sum: dy, one element per reduced group of x, repeated to x's shape. "
        "`keep_dims` says whether dy still has the reduced axes; of x only the type is read.",
    inputs=("dy", "x", "reduction_indices"),
    attrs={"keep_dims": Attr("bool", False)},
    infer=_expand_type,
    reference=_expand_reference,
    gradient=_expand_gradient,
    decompose=_expand_decompose,
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=(
        _expanded((3,), (3, 5), [1], False),
        _expanded((3, 1), (3, 5), [-1], True),
        _expanded((), (3, 5), [0, 1], False),
        _expanded((5,), (2, 5, 3), [2, 0], False),
        _expanded((4,), (0, 4), 0, False),
    ),
))  # fmt: skip


def _group_size(shape: Any, axes: tuple[int, ...] | None) -> Any:
    return UNKNOWN if shape is None or axes is None else product(shape[a] for a in axes)


def _reduced_size_value(c: TypeContext) -> Any:
    shape = c.inputs[0].shape
    axes = None if shape is None else reduction_axes(c, 1, len(shape))
    value = np.empty((), object)
    value[()] = _group_size(shape, axes)
    return value


def _reduced_size_type(c: TypeContext) -> TensorType:
    if c.inputs[0].shape is not None:
        reduction_axes(c, 1, len(c.inputs[0].shape))
    return TensorType(c.attrs["out_type"], ())


def _reduced_size_decompose(op: Operation) -> Tensor:
    size = _group_size(op.inputs[0].type.dims, axes_of(op))
    dtype = op.outputs[0].dtype
    count: Tensor = op.graph.op("DimValues", dims=(size,), dtype=dtype, shape=())
    return count


def _reduced_size_reference(c: Any, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    count = int(np.prod([x.shape[a] for a in _axes_array(axes, x.ndim)], dtype=np.int64))
    return np.asarray(count, c.types[0].dtype.numpy)


register(OpDef(
    name="ReducedSize",
    doc="How many elements of x a reduction over the axes folds into one; of x only the type is "
        "read.",
    inputs=("x", "reduction_indices"),
    attrs={"out_type": Attr("dtype", dtypes.int64)},
    infer=_reduced_size_type,
    reference=_reduced_size_reference,
    gradient=NoGradient("an integer"),
    decompose=_reduced_size_decompose,
    value=_reduced_size_value,
    shape_inputs=(0, 1),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 5)), Operand((1,), dtypes.int32, value=[-1])), differentiable=False),
        Sample((Operand((3, 0)), Operand((2,), dtypes.int32, value=[0, 1])), differentiable=False),
        Sample((Operand(()), Operand((0,), dtypes.int32, value=[])), {"out_type": dtypes.int32},
               differentiable=False),
    ),
))  # fmt: skip


# ------------------------------------------------------------- reduced groups as rows of a matrix


def _group_order(rank: int, axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation that puts reduced axes last."""
    return (*(i for i in range(rank) if i not in axes), *axes)


def _group_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    axes = None if shape is None else reduction_axes(c, 1, len(shape))
    if shape is None or axes is None:
        return TensorType(c.inputs[0].dtype, (UNKNOWN, UNKNOWN))
    rest = product(d for i, d in enumerate(shape) if i not in axes)
    return TensorType(c.inputs[0].dtype, (rest, _group_size(shape, axes)))


def _transpose(x: Tensor, order: Sequence[int]) -> Tensor:
    if tuple(order) == tuple(range(len(order))):
        return x
    return apply("Transpose", x, x.graph.constant(np.array(order, np.int32)))


def _group_decompose(op: Operation) -> Tensor:
    x = op.inputs[0]
    order = _group_order(len(x.type.dims), axes_of(op))
    return reshape(_transpose(x, order), op.outputs[0].type.dims)


def _group_reference(c: Any, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    order = _group_order(x.ndim, _axes_array(axes, x.ndim))
    return x.transpose(order).reshape(c.types[0].dims)


def _ungroup_decompose(op: Operation) -> Tensor:
    y, x = op.inputs[:2]
    dims = x.type.dims
    order = _group_order(len(dims), axes_of(op, 2, of=1))
    return _transpose(reshape(y, [dims[i] for i in order]), np.argsort(order).tolist())


def _ungroup_reference(c: Any, y: np.ndarray, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    order = _group_order(x.ndim, _axes_array(axes, x.ndim))
    return y.reshape([x.shape[i] for i in order]).transpose(np.argsort(order)).copy()


def _axes_operand(axes: Any) -> Operand:
    return Operand(np.shape(axes), dtypes.int32, value=axes)


register(OpDef(
    name="GroupReduced",
    doc="The elements of x as a matrix: a row for each group that a reduction over the axes folds.",
    inputs=("x", "reduction_indices"),
    infer=_group_type,
    reference=_group_reference,
    gradient=lambda op, dy: [op.graph.op("UngroupReduced", dy, *op.inputs), None],
    decompose=_group_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=tuple(
        Sample((Operand(shape), _axes_operand(axes)), gradient_inputs=(0,))
        for shape, axes in (
            ((3, 5), [0]), ((2, 3, 5), [0, 2]), ((4,), [0]), ((0, 3), [1]), ((2, 3), []),
        )
    ),
))  # fmt: skip

register(OpDef(
    name="UngroupReduced",
    doc="The inverse of GroupReduced: the matrix y in the shape of x; of x only the type is read.",
    inputs=("y", "x", "reduction_indices"),
    infer=_shape_of_second,
    reference=_ungroup_reference,
    gradient=lambda op, dx: [op.graph.op("GroupReduced", dx, op.inputs[2]), None, None],
    decompose=_ungroup_decompose,
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=tuple(
        Sample((Operand(matrix), Operand(shape), _axes_operand(axes)), gradient_inputs=(0,))
        for matrix, shape, axes in (
            ((5, 3), (3, 5), [0]), ((3, 10), (2, 3, 5), [0, 2]), ((1, 4), (4,), [0]),
            ((0, 3), (0, 3), [1]),
        )
    ),
))  # fmt: skip
