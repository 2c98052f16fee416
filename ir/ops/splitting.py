"""Cutting along an axis: Unpack, Split, SplitV. When compiling they become slices."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import (
    Attr,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.ops.positions import (
    axis_of,
    dim_values,
    has_unknown,
    index_operand,
    is_minus_one,
    known,
    plain_ints,
    scalar_axis,
)
from graphc.ir.types import TensorType


def _unpack_type(c: TypeContext) -> list[TensorType]:
    x, count = c.inputs[0], c.attrs["num"]
    if x.shape is None:
        return [x] * count
    axis = c.axis(c.attrs["axis"], len(x.shape))
    c.merge(x.shape[axis], count, f"size of dimension {axis} and num")
    return [x.with_shape(x.shape[:axis] + x.shape[axis + 1 :])] * count


def _unpack_value(c: TypeContext) -> Any:
    value = known(c, 0)
    return None if value is None else list(np.moveaxis(value, c.attrs["axis"], 0))


def _unpack_decompose(op: Operation) -> tuple[Tensor, ...]:
    """x[:, …, i] for every i."""
    graph, x = op.graph, op.inputs[0]
    axis = op.attrs["axis"] % len(x.type.dims)
    others = (1 << axis) - 1
    stride = graph.constant(np.ones(axis + 1, np.int64))
    found = []
    for i in range(len(op.outputs)):
        begin = graph.constant(np.array([0] * axis + [i], np.int64))
        found.append(
            graph.op(
                "StridedSlice",
                x,
                begin,
                begin,
                stride,
                begin_mask=others,
                end_mask=others,
                shrink_axis_mask=1 << axis,
            )
        )
    return tuple(found)


def _filled(op: Operation, dys: tuple[Any, ...]) -> list[Tensor]:
    """The cotangents with zeros for outputs that nothing depends on."""
    return [
        op.graph.op("ZerosLike", y) if dy is None else dy
        for y, dy in zip(op.outputs, dys, strict=True)
    ]


register(OpDef(
    name="Unpack",
    doc="The `num` slices along dimension `axis`, without that dimension.",
    inputs=("value",),
    outputs=("*output",),
    attrs={"num": Attr("int"), "axis": Attr("int", 0)},
    infer=_unpack_type,
    reference=lambda c, x: tuple(np.moveaxis(x, c.attrs["axis"], 0)),
    gradient=lambda op, *dys: [op.graph.op("Pack", *_filled(op, dys), axis=op.attrs["axis"])],
    decompose=_unpack_decompose,
    value=_unpack_value,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 3)),), {"num": 2}),
        Sample((Operand((2, 3, 2)),), {"num": 3, "axis": -2}),
        Sample((Operand((1,)),), {"num": 1}),
    ),
))  # fmt: skip


# ----------------------------------------------------------------------------------------- Split


def _with_size(t: TensorType, axis: int, size: Any) -> TensorType:
    return t.with_shape((*t.dims[:axis], size, *t.dims[axis + 1 :]))


def _split_type(c: TypeContext) -> list[TensorType]:
    x, count = c.inputs[1], c.attrs["num_split"]
    axis = scalar_axis(c, 0, x.rank)
    if count < 1:
        c.fail(f"num_split must be at least 1, not {count}")
    if x.shape is None or axis is None:
        return [x.with_shape(None if x.rank is None else [UNKNOWN] * x.rank)] * count
    n = x.shape[axis]
    if c.equal(n % count, 0) is False:
        c.fail(f"num_split = {count} does not divide dimension {axis} of size {c.show(n)}")
    return [_with_size(x, axis, n // count)] * count


def _blocks(x: Tensor, axis: int, sizes: list[Any]) -> tuple[Tensor, ...]:
    """Slices of the given sizes along an axis."""
    graph, dims = x.op.graph, list(x.type.dims)
    begin: list[Any] = [0] * len(dims)
    found = []
    for size in sizes:
        shape = [*dims[:axis], size, *dims[axis + 1 :]]
        found.append(graph.op("Slice", x, dim_values(graph, begin), dim_values(graph, shape)))
        begin = [*begin[:axis], begin[axis] + size, *begin[axis + 1 :]]
    return tuple(found)


def _split_decompose(op: Operation) -> tuple[Tensor, ...]:
    axis = axis_of(op, 0, op.inputs[1].type.rank or 0)
    return _blocks(op.inputs[1], axis, [y.type.dims[axis] for y in op.outputs])


def _split_reference(c: Any, axis: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.split(x, c.attrs["num_split"], int(axis)))


def _split_value(c: TypeContext) -> Any:
    axis, value = plain_ints(c, 0), known(c, 1)
    if axis is None or value is None or value.shape[axis[0]] % c.attrs["num_split"]:
        return None
    return list(np.split(value, c.attrs["num_split"], axis[0]))


register(OpDef(
    name="Split",
    doc="`value` cut into `num_split` equal parts along dimension `split_dim`.",
    inputs=("split_dim", "value"),
    outputs=("*output",),
    attrs={"num_split": Attr("int")},
    infer=_split_type,
    reference=_split_reference,
    gradient=lambda op, *dys: [
        None, op.graph.op("ConcatV2", *_filled(op, dys), op.inputs[0])
    ],
    decompose=_split_decompose,
    value=_split_value,
    shape_inputs=(0,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((index_operand(1), Operand((2, 6))), {"num_split": 3}),
        Sample((index_operand(-2), Operand((2, 6))), {"num_split": 2}),
        Sample((index_operand(0), Operand((0, 3))), {"num_split": 2}),
        Sample((index_operand(0), Operand((3,))), {"num_split": 1}),
    ),
))  # fmt: skip


def _split_v_type(c: TypeContext) -> list[TensorType]:
    x, count = c.inputs[0], c.attrs["num_split"]
    axis = scalar_axis(c, 2, x.rank)
    sizes = c.sizes(1) or (UNKNOWN,) * count
    if len(sizes) != count:
        c.fail(f"num_split = {count}, but there are {len(sizes)} sizes")
    if x.shape is None or axis is None:
        return [x.with_shape(None if x.rank is None else [UNKNOWN] * x.rank)] * count
    wild = [is_minus_one(c, size) for size in sizes]
    if wild.count(True) > 1:
        c.fail("only one size may be -1")
    if None in wild:
        sizes = tuple(UNKNOWN if w else size for size, w in zip(sizes, wild, strict=True))
    elif True in wild:
        rest = sum(size for size, w in zip(sizes, wild, strict=True) if not w)
        left = x.shape[axis] - rest
        if not has_unknown(left) and c.less_equal(0, left) is False:
            c.fail(f"sizes of {c.show(rest)} do not fit in a dimension of {c.show(x.shape[axis])}")
        sizes = tuple(left if w else size for size, w in zip(sizes, wild, strict=True))
    elif c.equal(sum(sizes), x.shape[axis]) is False:
        c.fail(f"sizes add up to {c.show(sum(sizes))}, the dimension is {c.show(x.shape[axis])}")
    return [_with_size(x, axis, size) for size in sizes]


def _split_v_reference(c: Any, x: np.ndarray, sizes: np.ndarray, axis: np.ndarray) -> Any:
    n, listed = x.shape[int(axis)], sizes.tolist()
    if -1 in listed:
        listed[listed.index(-1)] = n - sum(listed) - 1
    if sum(listed) != n or min(listed) < 0:
        c.fail(f"sizes {sizes.tolist()} do not add up to {n}")
    return tuple(np.split(x, np.cumsum(listed)[:-1], int(axis)))


def _split_v_decompose(op: Operation) -> tuple[Tensor, ...]:
    axis = axis_of(op, 2, op.inputs[0].type.rank or 0)
    return _blocks(op.inputs[0], axis, [y.type.dims[axis] for y in op.outputs])


register(OpDef(
    name="SplitV",
    doc="`value` cut into parts of the given sizes along dimension `split_dim`; one may be -1.",
    inputs=("value", "size_splits", "split_dim"),
    outputs=("*output",),
    attrs={"num_split": Attr("int")},
    infer=_split_v_type,
    reference=_split_v_reference,
    gradient=lambda op, *dys: [
        op.graph.op("ConcatV2", *_filled(op, dys), op.inputs[2]), None, None
    ],
    decompose=_split_v_decompose,
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 6)), index_operand([1, 5]), index_operand(1)), {"num_split": 2}),
        Sample((Operand((5, 2)), index_operand([2, -1, 0]), index_operand(-2)), {"num_split": 3}),
        Sample((Operand((3,)), index_operand([3]), index_operand(0)), {"num_split": 1}),
    ),
))  # fmt: skip
