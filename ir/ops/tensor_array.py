"""Tensor arrays: one dense tensor [size, *element] each; writing gives a new one with one row set.

An array of unknown element shape starts as `EmptyArray` without rows' sizes; resolving a run
settles them from the first write. Rows that nobody wrote are zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Unknown, maximum
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    TypeContext,
    register,
)
from graphc.ir.lowering import Index, Indirect, Scatter, along
from graphc.ir.ops.positions import dim_values, has_unknown, require
from graphc.ir.types import TensorType


def settled_element(attrs: dict[str, Any]) -> tuple[Any, ...] | None:
    """The sizes of an `EmptyArray`'s rows, or None while they are not all known."""
    for shape in (attrs["element"], *attrs.get("_written", ())):
        if shape is not None and not any(d is None or isinstance(d, Unknown) for d in shape):
            return tuple(shape)
    return None


def _empty_type(c: TypeContext) -> TensorType:
    sizes = c.sizes(0)
    size = UNKNOWN if sizes is None else sizes[0]
    element = settled_element(c.attrs)
    if c.environment is None:
        given = c.attrs["element"]
        known = element if element is not None else given
        if known is None:
            return TensorType(c.attrs["dtype"], None)
        return TensorType(c.attrs["dtype"], (size, *(UNKNOWN if d is None else d for d in known)))
    return TensorType(c.attrs["dtype"], (size, 0) if element is None else (size, *element))


def _zeros(op: Operation) -> Any:
    type = op.outputs[0].type
    shape = dim_values(op.graph, type.dims, (len(type.dims),), dtypes.int64)
    zero = op.graph.constant(np.zeros((), type.dtype.numpy))
    return op.graph.op("Fill", shape, zero)


register(OpDef(
    name="EmptyArray",
    doc="A tensor array of `size` rows of zeros; their shape `element` may be settled later.",
    inputs=("size",),
    attrs={"dtype": Attr("dtype"), "element": Attr("any", None, "the shape of a row, or None")},
    infer=_empty_type,
    reference=lambda c, size: np.zeros(c.types[0].shape, c.types[0].dtype.numpy),
    gradient=NoGradient("it is constant"),
    decompose=_zeros,
    shape_inputs=(0,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample(
            (Operand(dtype=dtypes.int32, value=np.int32(3)),),
            {"dtype": dtypes.float32, "element": (2,)}, differentiable=False,
        ),
    ),
))  # fmt: skip


def _write_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    c.same_dtype(0, 2)
    array, value = c.inputs[0], c.inputs[2]
    c.require_rank(1, 0)
    if array.shape is None:
        return array if value.shape is None else array.with_shape((UNKNOWN, *value.shape))
    if not array.shape:
        c.fail("a tensor array has at least one dimension")
    element = c.merge_shapes(
        array.shape[1:], value.shape, "shapes of an element and of what is written to it"
    )
    return array if c.compiling else array.with_shape((array.shape[0], *element))


def _write_reference(c: Any, array: np.ndarray, index: np.ndarray, value: np.ndarray) -> np.ndarray:
    if not 0 <= index < len(array):
        c.fail(f"index {index} is not in [0, {len(array)}); check the values of its indices")
    result = array.copy()
    result[index] = value
    return result


def _write_gradient(op: Operation, dy: Any) -> list[Any]:
    graph, (_, index, value) = op.graph, op.inputs
    row = graph.op("GatherV2", dy, index, graph.constant(0, dtypes.int32))
    return [graph.op("TensorArrayWrite", dy, index, graph.op("ZerosLike", value)), None, row]


def _row_index(op: Operation) -> tuple[Index, ...]:
    dims = op.outputs[0].type.dims
    row = Index((), 0, (Indirect(1, (), dims[0]),))
    return (row, *(along(axis) for axis in range(len(dims) - 1)))


register(OpDef(
    name="TensorArrayWrite",
    doc="The array with row `index` set to `value`.",
    inputs=("array", "index", "value"),
    infer=_write_type,
    reference=_write_reference,
    gradient=_write_gradient,
    lowering=Scatter("set", 0, 2, _row_index),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 2)), Operand(dtype=dtypes.int32, value=np.int32(1)), Operand((2,)))),
        Sample((Operand((3,)), Operand(dtype=dtypes.int64, value=np.int64(2)), Operand(()))),
    ),
))  # fmt: skip


def _scatter_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    c.same_dtype(0, 2)
    c.require_rank(1, 1)
    array, indices, value = (t.shape for t in c.inputs)
    if value is not None and indices is not None:
        c.merge(indices[0], value[0], "numbers of indices and of rows")
    if array is None:
        return c.inputs[0].with_shape(None if value is None else (UNKNOWN, *value[1:]))
    element = c.merge_shapes(
        array[1:], None if value is None else value[1:], "shapes of an element and of rows"
    )
    return c.inputs[0].with_shape((array[0], *element))


def _scatter(op: Operation) -> Any:
    array, indices, value = op.inputs
    column = op.graph.op("ExpandDims", indices, op.graph.constant(-1, dtypes.int32))
    return op.graph.op("TensorScatterUpdate", array, column, value)


def _scatter_reference(c: Any, array: np.ndarray, indices: Any, value: np.ndarray) -> np.ndarray:
    result = array.copy()
    for index, row in zip(indices, value, strict=True):
        if not 0 <= index < len(array):
            c.fail(f"index {index} is not in [0, {len(array)}); check the values of its indices")
        result[index] = row
    return result


def _scatter_gradient(op: Operation, dy: Any) -> list[Any]:
    graph, (_, indices, value) = op.graph, op.inputs
    hidden = graph.op("TensorArrayScatter", dy, indices, graph.op("ZerosLike", value))
    return [hidden, None, graph.op("GatherV2", dy, indices, graph.constant(0, dtypes.int32))]


register(OpDef(
    name="TensorArrayScatter",
    doc="The array with the rows `indices` set to the rows of `value`.",
    inputs=("array", "indices", "value"),
    infer=_scatter_type,
    reference=_scatter_reference,
    gradient=_scatter_gradient,
    decompose=_scatter,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((
            Operand((4, 2)), Operand(dtype=dtypes.int32, value=np.array([3, 1], np.int32)),
            Operand((2, 2)),
        )),
    ),
))  # fmt: skip


def _count(number: int) -> Operand:
    return Operand(dtype=dtypes.int32, value=np.int32(number))


def _grow_type(c: TypeContext) -> TensorType:
    array, sizes = c.inputs[0], c.sizes(1)
    if array.shape is None:
        return array
    if sizes is None:
        return array.with_shape((UNKNOWN, *array.shape[1:]))
    return array.with_shape((maximum(array.shape[0], sizes[0]), *array.shape[1:]))


def _grow(op: Operation) -> Any:
    array, graph = op.inputs[0], op.graph
    old, new = array.type.dims, op.outputs[0].type.dims
    rest = dim_values(graph, (new[0] - old[0], *old[1:]), (len(old),), dtypes.int64)
    zeros = graph.op("Fill", rest, graph.constant(np.zeros((), array.dtype.numpy)))
    return graph.op("ConcatV2", array, zeros, graph.constant(0, dtypes.int32))


def _grow_reference(c: Any, array: np.ndarray, size: np.ndarray, old: np.ndarray) -> np.ndarray:
    missing = max(int(size) - len(array), 0)
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])


register(OpDef(
    name="TensorArrayGrow",
    doc=(
        "The array with zeros appended until it has at least `size` rows. `old` is how many it "
        "has: the gradient reads that, where it would have to keep the array."
    ),
    inputs=("array", "size", "old"),
    infer=_grow_type,
    reference=_grow_reference,
    gradient=lambda op, dy: [op.graph.op("TensorArrayShrink", dy, op.inputs[2]), None, None],
    decompose=_grow,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 2)), _count(5), _count(3))),
        Sample((Operand((3,)), _count(2), _count(3))),
    ),
))  # fmt: skip


def _shrink_type(c: TypeContext) -> TensorType:
    array, sizes = c.inputs[0], c.sizes(1)
    if array.shape is None:
        return array
    if sizes is None:
        return array.with_shape((UNKNOWN, *array.shape[1:]))
    if not has_unknown(sizes[0], array.shape[0]):
        message = "an array of {} rows cannot shrink to {}"
        require(c, sizes[0], "<=", array.shape[0], message, array.shape[0], sizes[0])
    return array.with_shape((sizes[0], *array.shape[1:]))


def _shrink(op: Operation) -> Any:
    graph, type = op.graph, op.outputs[0].type
    shape = dim_values(graph, type.dims, (len(type.dims),), dtypes.int64)
    begin = graph.constant(np.zeros(len(type.dims), np.int64))
    return graph.op("Slice", op.inputs[0], begin, shape)


def _shrink_gradient(op: Operation, dy: Any) -> list[Any]:
    graph = op.graph
    rows = graph.op("GatherV2", graph.op("Shape", op.inputs[0]), graph.constant(0),
                    graph.constant(0))  # fmt: skip
    return [graph.op("TensorArrayGrow", dy, rows, op.inputs[1]), None]


register(OpDef(
    name="TensorArrayShrink",
    doc="The first `size` rows of the array.",
    inputs=("array", "size"),
    infer=_shrink_type,
    reference=lambda c, array, size: array[: int(size)],
    gradient=_shrink_gradient,
    decompose=_shrink,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 2)), _count(2))),
        Sample((Operand((3,)), _count(3))),
    ),
))  # fmt: skip
