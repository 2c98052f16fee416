"""OneHot, and `OneHotAlong`, the pointwise comparison behind it."""

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
from graphc.ir.lowering import Elementwise
from graphc.ir.ops.positions import (
    index_operand,
    non_negative_sizes,
    reshaped,
)
from graphc.ir.types import TensorType


def _one_hot_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, (dtypes.uint8, *dtypes.INDICES))
    dtype = c.same_dtype(2, 3)
    for i in (1, 2, 3):
        c.require_rank(i, 0)
    sizes, shape = non_negative_sizes(c, 1), c.inputs[0].shape
    if shape is None:
        return TensorType(dtype, None)
    axis = len(shape) if c.attrs["axis"] == -1 else c.attrs["axis"]
    if not 0 <= axis <= len(shape):
        c.fail(f"Expected axis to be -1 or between [0, {len(shape)}], but it is {c.attrs['axis']}")
    depth = UNKNOWN if sizes is None else sizes[0]
    return TensorType(dtype, (*shape[:axis], depth, *shape[axis:]))


def _one_hot(indices: np.ndarray, axis: int, depth: int, on: Any, off: Any) -> np.ndarray:
    """`indices` has size 1 along the axis."""
    shape = [1] * indices.ndim
    shape[axis] = depth
    hit = indices == np.arange(depth).reshape(shape)
    return np.asarray(np.where(hit, on, off), on.dtype)


def _one_hot_reference(
    c: Any, indices: np.ndarray, depth: np.ndarray, on: np.ndarray, off: np.ndarray
) -> np.ndarray:
    axis = c.attrs["axis"] % (indices.ndim + 1)
    return _one_hot(np.expand_dims(indices, axis), axis, int(depth), on, off)


def _one_hot_decompose(op: Operation) -> Tensor:
    indices, _, on, off = op.inputs
    dims = indices.type.dims
    axis = op.attrs["axis"] % (len(dims) + 1)
    wide = reshaped(indices, (*dims[:axis], 1, *dims[axis:]))
    depth = op.outputs[0].type.dims[axis]
    result: Tensor = op.graph.op("OneHotAlong", wide, on, off, axis=axis, depth=depth)
    return result


register(OpDef(
    name="OneHot",
    doc="on_value where the index equals the position along the new dimension `axis`, else "
        "off_value; an index out of range has off_value everywhere.",
    inputs=("indices", "depth", "on_value", "off_value"),
    attrs={"axis": Attr("int", -1)},
    infer=_one_hot_type,
    reference=_one_hot_reference,
    gradient=NoGradient("indices are integers, and on and off are taken as constants"),
    decompose=_one_hot_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((index_operand([1, -1, 4, 3]), index_operand(4), Operand(()), Operand(()))),
        Sample((index_operand([[0, 2], [1, 1]], dtypes.int64), index_operand(3), Operand(()),
                Operand(())), {"axis": 0}),
        Sample((index_operand(2, dtypes.uint8), index_operand(3), Operand(()), Operand(()))),
        Sample((index_operand([0, 1]), index_operand(0), Operand(()), Operand(())), {"axis": 1}),
    ),
))  # fmt: skip


def _one_hot_along_type(c: TypeContext) -> TensorType:
    dtype, shape, axis = c.same_dtype(1, 2), c.inputs[0].shape, c.attrs["axis"]
    if shape is None:
        return TensorType(dtype, None)
    return TensorType(dtype, (*shape[:axis], c.attrs["depth"], *shape[axis + 1 :]))


def _one_hot_scalar(b: Any, index: Any, on: Any, off: Any) -> Any:
    hit = b.eq(b.convert(index, dtypes.int64), b.index(b.attrs["axis"]))
    return b.select(hit, on, off)


register(OpDef(
    name="OneHotAlong",
    doc="OneHot for indices that have size 1 along the axis; `depth` is an attribute.",
    inputs=("indices", "on_value", "off_value"),
    attrs={"axis": Attr("int"), "depth": Attr("any")},
    infer=_one_hot_along_type,
    reference=lambda c, indices, on, off: _one_hot(
        indices, c.attrs["axis"], c.attrs["depth"], on, off
    ),
    gradient=NoGradient("indices are integers, and on and off are taken as constants"),
    lowering=Elementwise(_one_hot_scalar, cost=2),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((index_operand([[1], [-1]]), Operand(()), Operand(())), {"axis": 1, "depth": 3}),
        Sample((index_operand([[1, 0]]), Operand(()), Operand(())), {"axis": 0, "depth": 2}),
    ),
))  # fmt: skip
