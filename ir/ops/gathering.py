"""Reading at computed positions: GatherV2, GatherNd, OneHot, and the adjoint of a gather.

An index out of range is an error on every target: the `bound` of an `Indirect` term is checked
natively.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import (
    Attr,
    IndexedSlices,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Index, Indirect, Scatter, View, along, at
from graphc.ir.ops.positions import (
    axis_of,
    context_of,
    index_operand,
    known,
    plain_ints,
    scalar_axis,
)
from graphc.ir.types import TensorType


def check_rows(c: Any, indices: np.ndarray, bound: int) -> None:
    """Fail as TensorFlow does at the first index outside [0, bound)."""
    wrong = np.argwhere((indices < 0) | (indices >= bound))
    if len(wrong):  # a scalar index gives a row of no columns
        place = tuple(wrong[0].tolist())
        where = f"[{','.join(map(str, place))}]" if place else ""
        c.fail(f"indices{where} = {indices[place]} is not in [0, {bound})")


# -------------------------------------------------------------------------------------- GatherV2

_BATCH_DIMS = {"batch_dims": Attr("int", 0, "leading dimensions that params and indices share")}


def _gather_shape(c: TypeContext, params: Any, indices: Any, axis: int | None) -> Any:
    """params[:axis] + indices[batch_dims:] + params[axis + 1:]."""
    if params is None or indices is None or axis is None:
        if params is not None and indices is not None:
            return (UNKNOWN,) * (len(params) + len(indices) - 1 - c.attrs["batch_dims"])
        return None
    batch = c.attrs["batch_dims"]
    if not 0 <= batch <= min(len(indices), axis):
        c.fail(f"batch_dims = {batch} must be between 0 and the axis {axis} and rank of indices")
    for a, b in zip(params[:batch], indices[:batch], strict=True):
        c.merge(a, b, "batch dimensions of params and indices")
    return (*params[:axis], *indices[batch:], *params[axis + 1 :])


def _gather_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    params, indices = c.inputs[0], c.inputs[1]
    if params.rank == 0:
        c.fail("params must have at least one dimension")
    axis = scalar_axis(c, 2, params.rank)
    return params.with_shape(_gather_shape(c, params.shape, indices.shape, axis))


def _take(c: Any, params: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
    axis, batch = axis % params.ndim, c.attrs["batch_dims"]
    shape = (*params.shape[:axis], *indices.shape[batch:], *params.shape[axis + 1 :])
    if 0 in shape:
        return np.empty(shape, params.dtype)  # an index counts where it reads an element
    check_rows(c, indices, params.shape[axis])
    if batch == 0:
        return np.take(params, indices, axis)
    lead = params.shape[:batch]
    result = np.empty(shape, params.dtype)
    for place in np.ndindex(*lead):
        result[place] = np.take(params[place], indices[place], axis - batch)
    return result


def _rows(op: Operation, operand: int, axis: int, bound: Any) -> Index:
    """The row that the index operand names, for the output axes of a gather along `axis`."""
    batch, rank = op.attrs["batch_dims"], op.inputs[operand].type.rank
    assert rank is not None, op
    position = [along(i) for i in range(batch)]
    position += [along(axis + i) for i in range(rank - batch)]
    return Index((), 0, (Indirect(operand, tuple(position), bound),))


def _gather_along(
    op: Operation, operand: int, axis: int, sizes: tuple[Any, ...]
) -> tuple[Index, ...]:
    """Where each element of a gather lies in params (of those sizes)."""
    extra = (op.inputs[operand].type.rank or 0) - op.attrs["batch_dims"] - 1
    return tuple(
        along(d) if d < axis else _rows(op, operand, axis, n) if d == axis else along(d + extra)
        for d, n in enumerate(sizes)
    )


def _gather_index(op: Operation) -> tuple[Index, ...]:
    dims = op.inputs[0].type.dims
    return _gather_along(op, 1, axis_of(op, 2, len(dims)), dims)


def _gather_value(c: TypeContext) -> Any:
    params, indices, axis = known(c, 0), c.value(1), plain_ints(c, 2)
    rows = plain_ints(c, 1)
    if params is None or indices is None or rows is None or axis is None or c.attrs["batch_dims"]:
        return None
    if any(not 0 <= row < params.shape[axis[0]] for row in rows):
        return None
    return np.take(params, np.asarray(indices).astype(np.int64), axis[0])


def _gather_gradient(op: Operation, dy: Tensor) -> list[Any]:
    graph, (params, indices, axis) = op.graph, op.inputs
    number = graph.value_of(axis)
    is_first = number is not None and np.ravel(number).tolist() == [0]
    if is_first and op.attrs["batch_dims"] == 0:
        return [row_slices(params, indices, dy), None, None]
    dx = graph.op("GatherGrad", dy, indices, axis, params, batch_dims=op.attrs["batch_dims"])
    return [dx, None, None]


def row_slices(params: Tensor, indices: Tensor, dy: Tensor) -> IndexedSlices:
    """The cotangent of rows gathered from params, as the rows that were touched."""
    graph = params.graph
    shape = graph.op("Shape", params)
    count = graph.op("ExpandDims", graph.op("Size", indices), 0)
    rest = graph.op("StridedSlice", shape, [1], [0], [1], end_mask=1)
    values = graph.op("Reshape", dy, graph.op("ConcatV2", count, rest, 0))
    return IndexedSlices(values, graph.op("Reshape", indices, count), shape)


register(OpDef(
    name="GatherV2",
    doc="Slices of params along `axis`: y[i…, j…, k…] = params[i…, indices[j…], k…].",
    inputs=("params", "indices", "axis"),
    attrs=_BATCH_DIMS,
    infer=_gather_type,
    reference=lambda c, params, indices, axis: _take(c, params, indices, int(axis)),
    gradient=_gather_gradient,
    lowering=View(_gather_index),
    value=_gather_value,
    shape_inputs=(2,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((4, 3)), index_operand([2, 0, 2]), index_operand(0))),
        Sample((Operand((2, 4, 3)), index_operand([[1, 3], [0, 0]]), index_operand(-2))),
        Sample((Operand((5,)), index_operand(3), index_operand(0))),
        Sample((Operand((3, 2)), index_operand(np.zeros((0, 2))), index_operand(1))),
        Sample(
            (Operand((2, 4, 3)), index_operand([[1, 3], [0, 0]], dtypes.int64), index_operand(1)),
            {"batch_dims": 1},
        ),
    ),
))  # fmt: skip


def _gather_v1_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    params, indices = c.inputs[0].shape, c.inputs[1].shape
    if params == ():
        c.fail("params must have at least one dimension")
    if params is None or indices is None:
        return c.inputs[0].with_shape(None)
    return c.inputs[0].with_shape((*indices, *params[1:]))


def _gather_v1_reference(c: Any, params: np.ndarray, indices: np.ndarray) -> np.ndarray:
    check_rows(c, indices, params.shape[0])
    return np.take(params, indices, 0)


register(OpDef(
    name="Gather",
    doc="Rows of params: y[i…, k…] = params[indices[i…], k…].",
    inputs=("params", "indices"),
    attrs={"validate_indices": Attr("bool", True)},
    infer=_gather_v1_type,
    reference=_gather_v1_reference,
    gradient=lambda op, dy: [row_slices(op.inputs[0], op.inputs[1], dy), None],
    decompose=lambda op: op.graph.op("GatherV2", *op.inputs, op.graph.constant(0)),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((4, 3)), index_operand([2, 0, 2]))),
        Sample((Operand((5,)), index_operand(3))),
    ),
))  # fmt: skip


def _gather_grad_type(c: TypeContext) -> TensorType:
    x, dy = c.inputs[3], c.inputs[0]
    axis = scalar_axis(c, 2, x.rank)
    shape = _gather_shape(c, x.shape, c.inputs[1].shape, axis)
    c.merge_shapes(shape, dy.shape, "shapes of the gather and of its gradient")
    return dy.with_shape(x.shape)


def _gather_grad_reference(
    c: Any, dy: np.ndarray, indices: np.ndarray, axis: np.ndarray, x: np.ndarray
) -> np.ndarray:
    origin = np.arange(x.size).reshape(x.shape)
    dx = np.zeros(x.size, dy.dtype)
    np.add.at(dx, _take(c, origin, indices, int(axis)).ravel(), dy.ravel())
    return dx.reshape(x.shape)


def _gather_grad_gradient(op: Operation, ddx: Tensor) -> list[Any]:
    batch = op.attrs["batch_dims"]
    ddy = op.graph.op("GatherV2", ddx, op.inputs[1], op.inputs[2], batch_dims=batch)
    return [ddy, None, None, None]


def _gather_grad_index(op: Operation) -> tuple[Index, ...]:
    dims = op.outputs[0].type.dims
    return _gather_along(op, 1, axis_of(op, 2, len(dims)), dims)


register(OpDef(
    name="GatherGrad",
    doc="The adjoint of GatherV2 in params: zeros of the shape of x, to which every element of dy "
        "is added where it was read.",
    inputs=("dy", "indices", "axis", "x"),
    attrs=_BATCH_DIMS,
    infer=_gather_grad_type,
    reference=_gather_grad_reference,
    gradient=_gather_grad_gradient,
    lowering=Scatter("add", None, 0, _gather_grad_index),
    shape_inputs=(2, 3),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((2, 3)), index_operand([2, 0, 2]), index_operand(1), Operand((2, 4)))),
        Sample((Operand((2, 2, 3)), index_operand([[1, 3], [0, 0]]), index_operand(1),
                Operand((2, 4, 3))), {"batch_dims": 1}),
    ),
))  # fmt: skip


# -------------------------------------------------------------------------------------- GatherNd


def index_depth(c: TypeContext, indices: Any) -> int | None:
    """How many leading dimensions a row of `indices` addresses; None: not known yet."""
    if indices is None:
        return None
    if not indices:
        c.fail("indices must have at least one dimension")
    depth = indices[-1]
    if c.environment is not None:
        return c.environment.constant(depth)
    return depth if isinstance(depth, int) else None


def _gather_nd_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    params, indices = c.inputs[0].shape, c.inputs[1].shape
    depth = index_depth(c, indices)
    if params is None or indices is None or depth is None:
        return c.inputs[0].with_shape(None)
    if depth > len(params):
        c.fail(f"indices address {depth} dimensions of params, which has rank {len(params)}")
    return c.inputs[0].with_shape((*indices[:-1], *params[depth:]))


def nd_index(
    rank: int, sizes: tuple[Any, ...], depth: int, operand: int, is_checked: bool = False
) -> tuple[Index, ...]:
    """Positions in a tensor of those sizes, for axes (rank - 1 of the indices, then the rest).

    Indices that were checked before are not checked again.
    """
    lead = tuple(along(i) for i in range(rank - 1))
    return tuple(
        Index((), 0, (Indirect(operand, (*lead, at(d)), None if is_checked else n),))
        if d < depth
        else along(rank - 1 + d - depth)
        for d, n in enumerate(sizes)
    )


def _gather_nd_index(op: Operation) -> tuple[Index, ...]:
    indices = op.inputs[1].type.dims
    depth = index_depth(context_of(op), indices)
    assert depth is not None, op
    return nd_index(len(indices), op.inputs[0].type.dims, depth, 1)


def nd_rows(c: Any, indices: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The NumPy index that an array of indices [..., depth] stands for."""
    for d in range(indices.shape[-1]):
        wrong = np.argwhere((indices[..., d] < 0) | (indices[..., d] >= shape[d]))
        if wrong.size:
            place = wrong[0].tolist()
            c.fail(f"indices{place} = {indices[tuple(place)].tolist()} does not index into {shape}")
    return tuple(np.moveaxis(indices, -1, 0))


def _gather_nd_reference(c: Any, params: np.ndarray, indices: np.ndarray) -> np.ndarray:
    if indices.shape[-1] == 0:
        return np.broadcast_to(params, (*indices.shape[:-1], *params.shape))
    shape = (*indices.shape[:-1], *params.shape[indices.shape[-1] :])
    if 0 in shape:
        return np.empty(shape, params.dtype)
    return np.asarray(params[nd_rows(c, indices, params.shape)])


def _gather_nd_gradient(op: Operation, dy: Tensor) -> list[Any]:
    params, indices = op.inputs
    shape = op.graph.op("Shape", params, out_type=indices.dtype)
    return [op.graph.op("ScatterNd", indices, dy, shape), None]


register(OpDef(
    name="GatherNd",
    doc="y[i…, k…] = params[indices[i…, 0], …, indices[i…, d - 1], k…] for indices [i…, d].",
    inputs=("params", "indices"),
    infer=_gather_nd_type,
    reference=_gather_nd_reference,
    gradient=_gather_nd_gradient,
    lowering=View(_gather_nd_index),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 4)), index_operand([[0, 1], [2, 3], [0, 1]]))),
        Sample((Operand((3, 4)), index_operand([[[1]], [[0]]]))),
        Sample((Operand((3, 4)), index_operand([2, 0], dtypes.int64))),
        Sample((Operand((3,)), index_operand(np.zeros((2, 0))))),
    ),
))  # fmt: skip
