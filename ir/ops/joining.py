"""Joining along an axis: ConcatV2, Pack, and `Concat`, the form that kernels are made of.

The inputs of a `Concat` are placed one after the other in one buffer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
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
from graphc.ir.lowering import Placement
from graphc.ir.ops.positions import (
    axis_of,
    index_operand,
    known,
    plain_ints,
    reshaped,
    scalar_axis,
)
from graphc.ir.types import TensorType

# ---------------------------------------------------------------------------------------- Concat


def _concat_type(c: TypeContext, values: range, axis_input: int) -> TensorType:
    dtype = c.same_dtype(*values)
    shapes = [c.inputs[i].shape for i in values]
    rank = next((len(s) for s in shapes if s is not None), None)
    if rank == 0:
        c.fail("Can't concatenate scalars (use tf.stack instead)")
    for shape in shapes:
        if shape is not None and len(shape) != rank:
            c.fail(f"Shapes must be equal rank, but are {rank} and {len(shape)}")
    axis = scalar_axis(c, axis_input, rank)
    if rank is None:
        return TensorType(dtype, None)
    known_shapes = [s if s is not None else (UNKNOWN,) * rank for s in shapes]
    if axis is None:
        return TensorType(dtype, (UNKNOWN,) * rank)
    result = list(known_shapes[0])
    for shape in known_shapes[1:]:
        for i, dim in enumerate(shape):
            result[i] = (
                result[i] + dim if i == axis else c.merge(result[i], dim, f"sizes in dimension {i}")
            )
    return TensorType(dtype, tuple(result))


def _concat_value(c: TypeContext, values: range, axis_input: int) -> Any:
    axis = plain_ints(c, axis_input)
    found = [known(c, i) for i in values]
    if axis is None or any(v is None for v in found):
        return None
    return np.concatenate(found, axis[0])


def _concat_gradient(op: Operation, dy: Tensor, axis: Tensor, xs: tuple[Tensor, ...]) -> list[Any]:
    graph = op.graph
    if len(xs) == 1:
        return [dy]
    shapes = [graph.op("Shape", x) for x in xs]
    offsets = graph.create("ConcatOffset", (axis, *shapes)).outputs
    return [graph.op("Slice", dy, *spec) for spec in zip(offsets, shapes, strict=True)]


def _last(c: Any) -> tuple[range, int]:
    """Which inputs of ConcatV2 are the values, and which is the axis."""
    count = len(c.inputs) - 1
    if count < 1:
        c.fail_type("at least one value and the axis are needed")
    return range(count), count


register(OpDef(
    name="Concat",
    doc="The values one after the other along dimension `concat_dim`.",
    inputs=("concat_dim", "*values"),
    infer=lambda c: _concat_type(c, range(1, len(c.inputs)), 0),
    reference=lambda c, axis, *xs: np.concatenate(xs, int(axis)),
    gradient=lambda op, dy: [None, *_concat_gradient(op, dy, op.inputs[0], op.inputs[1:])],
    lowering=Placement(lambda op: axis_of(op, 0, op.outputs[0].type.rank)),
    value=lambda c: _concat_value(c, range(1, len(c.inputs)), 0),
    shape_inputs=(0,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((index_operand(1), Operand((2, 3)), Operand((2, 1)))),
        Sample((index_operand(-2), Operand((2, 3)), Operand((0, 3)), Operand((1, 3)))),
        Sample((index_operand(0), Operand((4,)))),
    ),
))  # fmt: skip

register(OpDef(
    name="ConcatV2",
    doc="The values one after the other along a dimension: the last input is the axis.",
    inputs=("*values",),
    infer=lambda c: _concat_type(c, *_last(c)),
    reference=lambda c, *xs: np.concatenate(xs[:-1], int(xs[-1])),
    gradient=lambda op, dy: [*_concat_gradient(op, dy, op.inputs[-1], op.inputs[:-1]), None],
    decompose=lambda op: op.graph.op("Concat", op.inputs[-1], *op.inputs[:-1]),
    value=lambda c: _concat_value(c, *_last(c)),
    shape_inputs=(-1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 3)), Operand((2, 1)), index_operand(1))),
        Sample((Operand((2, 3)), Operand((0, 3)), Operand((1, 3)), index_operand(-2))),
        Sample((Operand((4,)), index_operand(0))),
    ),
))  # fmt: skip


def _offsets(axis: int, shapes: list[Any]) -> list[np.ndarray]:
    """Where each input of a concatenation begins in the result."""
    found = []
    place: Any = 0
    for shape in shapes:
        offset = np.array([0] * len(shape), dtype=object)
        offset[axis] = place
        place = place + shape[axis]
        found.append(offset)
    return found


def _offset_value(c: TypeContext) -> Any:
    axis = plain_ints(c, 0)
    shapes = [known(c, i) for i in range(1, len(c.inputs))]
    if axis is None or any(s is None for s in shapes):
        return None
    return _offsets(axis[0], shapes)


def _offset_type(c: TypeContext) -> list[TensorType]:
    for i in range(1, len(c.inputs)):
        c.require_rank(i, 1)
    return [TensorType(t.dtype, t.shape or (UNKNOWN,)) for t in c.inputs[1:]]


def _offset_decompose(op: Operation) -> tuple[Tensor, ...]:
    """Running sums of the shapes, along the axis only."""
    graph, shapes = op.graph, op.inputs[1:]
    assert graph.environment is not None
    rank = graph.environment.constant(shapes[0].type.dims[0])
    mask = np.zeros(rank, shapes[0].dtype.numpy)
    mask[axis_of(op, 0, rank)] = 1
    found = [graph.constant(np.zeros_like(mask))]
    for shape in shapes[:-1]:
        found.append(graph.op("Add", found[-1], graph.op("Mul", shape, graph.constant(mask))))
    return tuple(found)


register(OpDef(
    name="ConcatOffset",
    doc="Where each of the tensors with these shapes begins in their concatenation.",
    inputs=("concat_dim", "*shape"),
    outputs=("*offset",),
    infer=_offset_type,
    reference=lambda c, axis, *shapes: tuple(
        o.astype(s.dtype) for o, s in zip(_offsets(int(axis), list(shapes)), shapes, strict=True)
    ),
    gradient=NoGradient("integers"),
    decompose=_offset_decompose,
    value=_offset_value,
    shape_inputs=(0,),
    dtypes=dtypes.INDICES,
    samples=(
        Sample((index_operand(1), index_operand([2, 3]), index_operand([2, 5]))),
        Sample((index_operand(-2), index_operand([2, 3]), index_operand([0, 3]))),
    ),
))  # fmt: skip


# ------------------------------------------------------------------------------------------ Pack


def _pack_type(c: TypeContext) -> TensorType:
    if not c.inputs:
        c.fail("at least one value is needed")
    dtype = c.same_dtype()
    shape: Any = None
    for t in c.inputs:
        shape = c.merge_shapes(shape, t.shape, "shapes of the packed values")
    if shape is None:
        return TensorType(dtype, None)
    axis = c.axis(c.attrs["axis"], len(shape) + 1)
    return TensorType(dtype, (*shape[:axis], len(c.inputs), *shape[axis:]))


def _pack_value(c: TypeContext) -> Any:
    values = [known(c, i) for i in range(len(c.inputs))]
    return None if any(v is None for v in values) else np.stack(values, c.attrs["axis"])


def _pack_decompose(op: Operation) -> Tensor:
    dims = op.outputs[0].type.dims
    axis = op.attrs["axis"] % len(dims)
    single = (*dims[:axis], 1, *dims[axis + 1 :])
    result: Tensor = op.graph.op(
        "Concat", op.graph.constant(axis), *[reshaped(x, single) for x in op.inputs]
    )
    return result


register(OpDef(
    name="Pack",
    doc="Tensors of one shape joined along a new dimension `axis`.",
    inputs=("*values",),
    attrs={"axis": Attr("int", 0)},
    infer=_pack_type,
    reference=lambda c, *xs: np.stack(xs, c.attrs["axis"]),
    gradient=lambda op, dy: op.graph.create(
        "Unpack", (dy,), {"num": len(op.inputs), "axis": op.attrs["axis"]}
    ).outputs,
    decompose=_pack_decompose,
    value=_pack_value,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 3)), Operand((2, 3)))),
        Sample((Operand((2, 3)), Operand((2, 3)), Operand((2, 3))), {"axis": -1}),
        Sample((Operand(()), Operand(()))),
        Sample((Operand((0, 2)),), {"axis": 1}),
    ),
))  # fmt: skip
