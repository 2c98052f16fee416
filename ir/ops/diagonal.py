"""Diagonals and bands of matrices. All are views whose region is a condition on row - column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import minimum, product
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
from graphc.ir.lowering import Elementwise, Index, Region, View, along
from graphc.ir.ops.positions import context_of, index_operand, reshaped
from graphc.ir.types import TensorType


def _offset(rank: int) -> Index:
    """row - column of a stack of matrices of that rank."""
    return Index(((rank - 2, 1), (rank - 1, -1)))


def _on_diagonal(op: Operation) -> tuple[Region, ...]:
    return (Region(_offset(len(op.outputs[0].type.dims)), 0, 1),)


def _upto_row(op: Operation) -> tuple[Index, ...]:
    """The diagonal's element for a matrix element: batch axes, then the row."""
    return tuple(along(axis) for axis in range(len(op.inputs[0].type.dims)))


def _matrix_shape(c: TypeContext, index: int) -> tuple[Any, ...] | None:
    shape = c.inputs[index].shape
    if shape is not None and len(shape) < 2:
        c.fail(f"a matrix is needed, not a tensor of rank {len(shape)}")
    return shape


def _place(diagonal: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Zeros [..., rows, columns] with these elements on the diagonal."""
    result = np.zeros((*diagonal.shape[:-1], rows, columns), diagonal.dtype)
    places = np.arange(min(rows, columns))
    result[..., places, places] = diagonal
    return result


def _matrix_diag_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    if shape == ():
        c.fail("a diagonal must have at least one dimension")
    return c.inputs[0].with_shape(None if shape is None else (*shape, shape[-1]))


register(OpDef(
    name="MatrixDiag",
    doc="Square matrices with the given diagonals and zeros elsewhere: [..., n] -> [..., n, n].",
    inputs=("diagonal",),
    infer=_matrix_diag_type,
    reference=lambda c, x: _place(x, x.shape[-1], x.shape[-1]),
    gradient=lambda op, dy: [op.graph.op("MatrixDiagPart", dy)],
    lowering=View(_upto_row, _on_diagonal),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((3,)),)), Sample((Operand((2, 3)),)), Sample((Operand((0,)),))),
))  # fmt: skip


def _diag_part_type(c: TypeContext) -> TensorType:
    shape = _matrix_shape(c, 0)
    if shape is None:
        return c.inputs[0]
    return c.inputs[0].with_shape((*shape[:-2], minimum(shape[-2], shape[-1])))


def _diag_part_index(op: Operation) -> tuple[Index, ...]:
    last = len(op.outputs[0].type.dims) - 1
    return (*(along(axis) for axis in range(last)), along(last), along(last))


def _diag_part_gradient(op: Operation, dy: Tensor) -> list[Any]:
    return [op.graph.op("MatrixDiagLike", dy, op.inputs[0])]


register(OpDef(
    name="MatrixDiagPart",
    doc="The diagonals of matrices: [..., m, n] -> [..., min(m, n)].",
    inputs=("input",),
    infer=_diag_part_type,
    reference=lambda c, x: np.diagonal(x, axis1=-2, axis2=-1),
    gradient=_diag_part_gradient,
    lowering=View(_diag_part_index),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((3, 3)),)), Sample((Operand((2, 2, 4)),)), Sample((Operand((3, 2)),))),
))  # fmt: skip


def _diag_like_type(c: TypeContext) -> TensorType:
    shape = _matrix_shape(c, 1)
    if shape is not None:
        wanted = (*shape[:-2], minimum(shape[-2], shape[-1]))
        c.merge_shapes(wanted, c.inputs[0].shape, "shapes of the diagonal and of the matrix's")
    return c.inputs[0].with_shape(shape)


register(OpDef(
    name="MatrixDiagLike",
    doc="Matrices of the shape of x with the given diagonals and zeros elsewhere.",
    inputs=("diagonal", "x"),
    infer=_diag_like_type,
    reference=lambda c, diagonal, x: _place(diagonal, *x.shape[-2:]),
    gradient=lambda op, dy: [op.graph.op("MatrixDiagPart", dy), None],
    lowering=View(_upto_row, _on_diagonal),
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2,)), Operand((2, 4)))),
        Sample((Operand((2, 3)), Operand((2, 3, 3)))),
        Sample((Operand((2,)), Operand((3, 2)))),
    ),
))  # fmt: skip


# --------------------------------------------------------------------------------- MatrixSetDiag


def _set_diag_type(c: TypeContext) -> TensorType:
    c.same_dtype()
    shape = _matrix_shape(c, 0)
    if shape is not None:
        wanted = (*shape[:-2], minimum(shape[-2], shape[-1]))
        c.merge_shapes(wanted, c.inputs[1].shape, "shapes of the diagonal and of the matrix's")
    return c.inputs[0]


def _set_diag_reference(c: Any, x: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    return np.where(np.eye(*x.shape[-2:], dtype=np.bool_), _place(diagonal, *x.shape[-2:]), x)


def _set_diag_decompose(op: Operation) -> Tensor:
    graph, (x, diagonal) = op.graph, op.inputs
    rank = len(x.type.dims)
    whole = graph.op("MatrixDiagLike", diagonal, x)
    result: Tensor = graph.op("ChooseDiagonal", x, whole, axis=rank - 2)
    return result


def _set_diag_gradient(op: Operation, dy: Tensor) -> list[Any]:
    zeros = op.graph.op("ZerosLike", op.inputs[1])
    return [op.graph.op("MatrixSetDiag", dy, zeros), op.graph.op("MatrixDiagPart", dy)]


register(OpDef(
    name="MatrixSetDiag",
    doc="The matrices `input` with their diagonals replaced.",
    inputs=("input", "diagonal"),
    infer=_set_diag_type,
    reference=_set_diag_reference,
    gradient=_set_diag_gradient,
    decompose=_set_diag_decompose,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 3)), Operand((3,)))),
        Sample((Operand((2, 2, 4)), Operand((2, 2)))),
        Sample((Operand((3, 2)), Operand((2,)))),
    ),
))  # fmt: skip


def _choose_scalar(b: Any, x: Any, y: Any) -> Any:
    axis = b.attrs["axis"]
    return b.select(b.eq(b.index(axis), b.index(axis + 1)), y, x)


register(OpDef(
    name="ChooseDiagonal",
    doc="y on the diagonals of matrices, x elsewhere; the rows are along `axis`, the last but one.",
    inputs=("x", "y"),
    attrs={"axis": Attr("int")},
    infer=lambda c: c.inputs[0],
    reference=lambda c, x, y: np.where(np.eye(*x.shape[-2:], dtype=np.bool_), y, x),
    gradient=NoGradient("it is only made while compiling"),
    lowering=Elementwise(_choose_scalar, cost=2),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3, 4)), Operand((2, 3, 4))), {"axis": 1}),),
))  # fmt: skip


# -------------------------------------------------------------------------------- MatrixBandPart


def _band_type(c: TypeContext) -> TensorType:
    for i in (1, 2):
        c.require_rank(i, 0)
        c.constants(i)
    _matrix_shape(c, 0)
    return c.inputs[0]


def _band_regions(op: Operation) -> tuple[Region, ...]:
    """-upper <= row - column <= lower, where a negative limit is none."""
    c, dims = context_of(op), op.inputs[0].type.dims
    (lower,), (upper,) = c.constants(1) or (-1,), c.constants(2) or (-1,)
    if lower < 0 and upper < 0:
        return ()
    low = -upper if upper >= 0 else -dims[-1]
    high = lower + 1 if lower >= 0 else dims[-2]
    return (Region(_offset(len(dims)), low, high),)


def _band_reference(c: Any, x: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(x.shape[-2:])
    below = np.full_like(rows, lower < 0, bool) | (rows - columns <= lower)
    above = np.full_like(rows, upper < 0, bool) | (columns - rows <= upper)
    return np.where(below & above, x, x.dtype.type(0))


def _band_gradient(op: Operation, dy: Tensor) -> list[Any]:
    return [op.graph.op("MatrixBandPart", dy, op.inputs[1], op.inputs[2]), None, None]


register(OpDef(
    name="MatrixBandPart",
    doc="Matrices with zeros outside a band: `num_lower` diagonals below the main one and "
        "`num_upper` above it stay, all of them where the number is negative.",
    inputs=("input", "num_lower", "num_upper"),
    infer=_band_type,
    reference=_band_reference,
    gradient=_band_gradient,
    lowering=View(
        lambda op: tuple(along(axis) for axis in range(len(op.inputs[0].type.dims))), _band_regions
    ),
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 4)), index_operand(1), index_operand(0))),
        Sample((Operand((2, 3, 3)), index_operand(-1), index_operand(0, dtypes.int32))),
        Sample((Operand((4, 3)), index_operand(0), index_operand(-1))),
        Sample((Operand((2, 2)), index_operand(-1), index_operand(-1))),
    ),
))  # fmt: skip


# -------------------------------------------------------------------------------- Diag, DiagPart


def _diag_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    if shape == ():
        c.fail("a diagonal must have at least one dimension")
    return c.inputs[0].with_shape(None if shape is None else (*shape, *shape))


def _diag_decompose(op: Operation) -> Tensor:
    x = op.inputs[0]
    matrix = op.graph.op("MatrixDiag", reshaped(x, (product(x.type.dims),)))
    return reshaped(matrix, op.outputs[0].type.dims)


register(OpDef(
    name="Diag",
    doc="y[i…, i…] = diagonal[i…] and zeros elsewhere; the rank doubles.",
    inputs=("diagonal",),
    infer=_diag_type,
    reference=lambda c, x: _place(x.reshape(x.size), x.size, x.size).reshape(x.shape * 2),
    gradient=lambda op, dy: [op.graph.op("DiagPart", dy)],
    decompose=_diag_decompose,
    dtypes=dtypes.NUMERIC,
    samples=(Sample((Operand((3,)),)), Sample((Operand((2, 3)),)), Sample((Operand((0,)),))),
))  # fmt: skip


def _tensor_diag_part_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    if shape is None:
        return c.inputs[0]
    half, odd = divmod(len(shape), 2)
    if odd or not shape:
        c.fail(f"the rank must be even and at least 2, not {len(shape)}")
    return c.inputs[0].with_shape(
        c.merge_shapes(shape[:half], shape[half:], "first and second half of the shape")
    )


def _tensor_diag_part_decompose(op: Operation) -> Tensor:
    dims = op.outputs[0].type.dims
    size = product(dims)
    diagonal = op.graph.op("MatrixDiagPart", reshaped(op.inputs[0], (size, size)))
    return reshaped(diagonal, dims)


def _tensor_diag_part_reference(c: Any, x: np.ndarray) -> np.ndarray:
    half = x.shape[: x.ndim // 2]
    size = math.prod(half)
    return np.diagonal(x.reshape(size, size)).reshape(half)


register(OpDef(
    name="DiagPart",
    doc="y[i…] = input[i…, i…]; the rank halves.",
    inputs=("input",),
    infer=_tensor_diag_part_type,
    reference=_tensor_diag_part_reference,
    gradient=lambda op, dy: [op.graph.op("Diag", dy)],
    decompose=_tensor_diag_part_decompose,
    dtypes=dtypes.NUMERIC,
    samples=(Sample((Operand((3, 3)),)), Sample((Operand((2, 3, 2, 3)),))),
))  # fmt: skip
