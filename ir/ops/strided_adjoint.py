"""StridedSliceGrad: the adjoint of a strided slice, by reversal, dilation and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import maximum, minimum
from graphc.ir.graph import OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.positions import (
    context_of,
    dim_values,
    index_operand,
    reshaped,
)
from graphc.ir.ops.strided import MASK_ATTRS, MASKS, Part, numpy_index, parts_of, result_shape
from graphc.ir.types import TensorType


def _grad_type(c: TypeContext) -> TensorType:
    shape = c.sizes(0)
    parts = parts_of(c, shape)
    if parts is not None:
        c.merge_shapes(
            result_shape(parts), c.inputs[4].shape, "shapes of the slice and of its gradient"
        )
    return c.inputs[4].with_shape(shape)


def _grad_reference(
    c: Any, shape: np.ndarray, begin: Any, end: Any, strides: Any, dy: np.ndarray
) -> np.ndarray:
    dx = np.zeros(shape.tolist(), dy.dtype)
    dx[numpy_index(c, dx, begin, end, strides)] = dy
    return dx


def _grad_gradient(op: Operation, ddx: Tensor) -> list[Any]:
    _, begin, end, strides, _ = op.inputs
    masks = {name: op.attrs[name] for name in MASKS}
    return [None] * 4 + [op.graph.op("StridedSlice", ddx, begin, end, strides, **masks)]


def _grad_decompose(op: Operation) -> Tensor:
    """Turn dy the right way round, spread it out by the strides, and pad it to the whole shape."""
    shape = op.outputs[0].type.dims
    found = parts_of(context_of(op), shape)
    assert found is not None, op
    parts = [part for part in found if part.kind != "new"]
    dx = reshaped(op.inputs[4], [part.size for part in parts])
    backward = [i for i, part in enumerate(parts) if _is_backward(op, part)]
    if backward:
        dx = op.graph.op("ReverseV2", dx, op.graph.constant(np.array(backward, np.int32)))
    dx = _dilated(dx, [-p.stride if i in backward else p.stride for i, p in enumerate(parts)])
    paddings: list[Any] = []
    for i, (part, size, whole) in enumerate(zip(parts, dx.type.dims, shape, strict=True)):
        before = _lowest(part, whole - size) if i in backward else part.first
        paddings += [before, whole - size - before]
    if all(isinstance(p, int) and p == 0 for p in paddings):
        return dx
    result: Tensor = op.graph.op("Pad", dx, dim_values(op.graph, paddings, (len(parts), 2)))
    return result


def _is_backward(op: Operation, part: Part) -> bool:
    if isinstance(part.stride, int):
        return part.stride < 0
    return bool(context_of(op).less(part.stride, 0))


def _lowest(part: Part, room: Any) -> Any:
    """The least position of a part that runs backwards; of an empty one anything within `room`."""
    lowest = part.first + (part.size - 1) * part.stride
    return minimum(lowest, room) if not isinstance(part.size, int) or part.size == 0 else lowest


def _dilated(x: Tensor, steps: list[Any]) -> Tensor:
    """Put step - 1 zeros between neighbours along every axis."""
    sizes = x.type.dims
    wide = [i for i, step in enumerate(steps) if not (isinstance(step, int) and step == 1)]
    if not wide:
        return x
    graph = x.op.graph
    split: list[Any] = []
    paddings: list[Any] = []
    for i, size in enumerate(sizes):
        split.append(size)
        paddings += [0, 0]
        if i in wide:
            split.append(1)
            paddings += [0, steps[i] - 1]
    padded = graph.op("Pad", reshaped(x, split), dim_values(graph, paddings, (len(split), 2)))
    merged = reshaped(padded, [size * step for size, step in zip(sizes, steps, strict=True)])
    # nothing may follow the last element: it could lie outside the whole
    kept = [
        maximum((size - 1) * step + 1, 0) if i in wide else size
        for i, (size, step) in enumerate(zip(sizes, steps, strict=True))
    ]
    begin = graph.constant(np.zeros(len(kept), np.int64))
    result: Tensor = graph.op("Slice", merged, begin, dim_values(graph, kept))
    return result


register(OpDef(
    name="StridedSliceGrad",
    doc="The adjoint of StridedSlice: zeros of `shape` with dy at the positions of the slice.",
    inputs=("shape", "begin", "end", "strides", "dy"),
    attrs=MASK_ATTRS,
    infer=_grad_type,
    reference=_grad_reference,
    gradient=_grad_gradient,
    decompose=_grad_decompose,
    shape_inputs=(0, 1, 2, 3),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((index_operand([5, 4]), index_operand([1, 0]), index_operand([4, 3]),
                index_operand([1, 2]), Operand((3, 2)))),
        Sample((index_operand([7]), index_operand([-1]), index_operand([-8]), index_operand([-3]),
                Operand((3,)))),
        Sample((index_operand([3, 4]), index_operand([0, 0, -1]), index_operand([2, 0, 0]),
                index_operand([1, 1, 1]), Operand((2, 1))),
               {"new_axis_mask": 2, "shrink_axis_mask": 4}),
        Sample((index_operand([4]), index_operand([3]), index_operand([1]), index_operand([1]),
                Operand((0,)))),
    ),
))  # fmt: skip
