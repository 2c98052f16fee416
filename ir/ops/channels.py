"""LRN: local response normalization over neighbouring channels.

The sum over neighbours is its own adjoint, so the gradient of LRN is made of differentiable parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
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
from graphc.ir.lowering import Index, View, along
from graphc.ir.ops.rows import fold
from graphc.ir.ops.windows import known_shape, padded
from graphc.ir.types import TensorType


def _rows_type(c: TypeContext) -> TensorType:
    *outer, size = known_shape(c, 0, 4)
    return c.inputs[0].with_shape((*outer, size - 2 * c.attrs["radius"], 2 * c.attrs["radius"] + 1))


def _rows_reference(c: Any, x: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, 2 * c.attrs["radius"] + 1, -1).copy()


register(OpDef(
    name="NeighbourRows",
    doc="y[…, c, k] = x[…, c + k] for 0 <= k <= 2 * radius: the neighbours of every channel of x, "
        "which has `radius` channels more on either side.",
    inputs=("x",),
    attrs={"radius": Attr("int")},
    infer=_rows_type,
    reference=_rows_reference,
    gradient=NoGradient("kernels are made of it; NeighbourSum has a gradient"),
    lowering=View(lambda op: (along(0), along(1), along(2), Index(((3, 1), (4, 1))))),
    dtypes=dtypes.FLOATS,
    samples=(
        Sample((Operand((2, 1, 3, 7)),), {"radius": 2}, differentiable=False),
        Sample((Operand((1, 2, 1, 3)),), {"radius": 0}, differentiable=False),
    ),
))  # fmt: skip


def _sum_decompose(op: Operation) -> Tensor:
    radius = op.attrs["radius"]
    whole = padded(op.inputs[0], [(0, 0)] * 3 + [(radius, radius)])
    return fold("Sum", op.graph.op("NeighbourRows", whole, radius=radius), keep=False)


def _sum_reference(c: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(_neighbours(x.astype(np.float64), c.attrs["radius"]), x.dtype)


def _neighbours(x: np.ndarray, radius: int) -> np.ndarray:
    whole = np.pad(x, [(0, 0)] * 3 + [(radius, radius)])
    found = np.lib.stride_tricks.sliding_window_view(whole, 2 * radius + 1, -1)
    return np.asarray(found.sum(-1))


register(OpDef(
    name="NeighbourSum",
    doc="The sum over the channels that are at most `radius` away: y[…, c] = sum of x[…, d] with "
        "|c - d| <= radius.",
    inputs=("x",),
    attrs={"radius": Attr("int")},
    infer=lambda c: TensorType(c.require_dtype(0, dtypes.FLOATS), known_shape(c, 0, 4)),
    reference=_sum_reference,
    gradient=lambda op, dy: [op.graph.op("NeighbourSum", dy, radius=op.attrs["radius"])],
    decompose=_sum_decompose,
    dtypes=dtypes.FLOATS,
    samples=(
        Sample((Operand((2, 1, 3, 7)),), {"radius": 2}),
        Sample((Operand((1, 2, 1, 3)),), {"radius": 5}),
        Sample((Operand((0, 2, 1, 3)),), {"radius": 1}),
    ),
))  # fmt: skip

_ATTRS = {
    "depth_radius": Attr("int", 5),
    "bias": Attr("float", 1.0),
    "alpha": Attr("float", 1.0),
    "beta": Attr("float", 0.5),
}


def _type(c: TypeContext) -> TensorType:
    if c.attrs["depth_radius"] < 0:
        c.fail(f"depth_radius must not be negative: {c.attrs['depth_radius']}")
    shape = known_shape(c, 0, 4)
    for index in range(1, len(c.inputs)):
        c.same_dtype(0, index)
        shape = c.merge_shapes(shape, known_shape(c, index, 4))
    return TensorType(c.require_dtype(0, dtypes.FLOATS), shape)


def _number(op: Operation, value: float) -> Tensor:
    return op.graph.constant(value, op.outputs[0].dtype)


def _norm(op: Operation, x: Tensor) -> Any:
    """bias + alpha * sum of the neighbours' squares."""
    total = op.graph.op("NeighbourSum", x * x, radius=op.attrs["depth_radius"])
    return total * _number(op, op.attrs["alpha"]) + _number(op, op.attrs["bias"])


def _power(op: Operation, norm: Tensor) -> Tensor:
    power: Tensor = op.graph.op("Pow", norm, _number(op, -op.attrs["beta"]))
    return power


def _decompose(op: Operation) -> Any:
    return op.inputs[0] * _power(op, _norm(op, op.inputs[0]))


def _cotangent(op: Operation, dy: Tensor, x: Tensor, y: Tensor) -> Any:
    """dy norm^-beta - 2 alpha beta x * the neighbours' sum of dy y / norm."""
    norm = _norm(op, x)
    inner = op.graph.op("NeighbourSum", dy * y / norm, radius=op.attrs["depth_radius"])
    factor = 2 * op.attrs["alpha"] * op.attrs["beta"]
    return dy * _power(op, norm) - x * inner * _number(op, factor)


def _norm_array(attrs: dict[str, Any], x: np.ndarray) -> np.ndarray:
    return np.asarray(attrs["bias"] + attrs["alpha"] * _neighbours(x * x, attrs["depth_radius"]))


def _reference(c: Any, x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return np.asarray(wide * _norm_array(c.attrs, wide) ** -c.attrs["beta"], x.dtype)


def _grad_reference(c: Any, dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    dy, wide, y = (a.astype(np.float64) for a in (dy, x, y))
    norm, beta = _norm_array(c.attrs, wide), c.attrs["beta"]
    inner = _neighbours(dy * y / norm, c.attrs["depth_radius"])
    return np.asarray(dy * norm**-beta - 2 * c.attrs["alpha"] * beta * wide * inner, x.dtype)


_ROWS: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 1, 3, 7), {"depth_radius": 2, "bias": 2.0, "alpha": 0.5, "beta": 0.75}),
    ((1, 2, 2, 3), {}),
    ((0, 2, 1, 3), {"depth_radius": 1}),
)

register(OpDef(
    name="LRN",
    doc="Local response normalization: input / (bias + alpha * s)^beta, where s is the sum of the "
        "squares of the channels at most depth_radius away.",
    inputs=("input",),
    attrs=_ATTRS,
    infer=_type,
    reference=_reference,
    gradient=lambda op, dy: [_cotangent(op, dy, op.inputs[0], op.outputs[0])],
    decompose=_decompose,
    dtypes=dtypes.FLOATS,
    samples=tuple(Sample((Operand(shape),), attrs, tolerance=8) for shape, attrs in _ROWS),
))  # fmt: skip

register(OpDef(
    name="LRNGrad",
    doc="The cotangent of LRN's input: with norm = bias + alpha * s it is input_grads * norm^-beta "
        "- 2 * alpha * beta * input_image * the sum over neighbours of input_grads * output_image "
        "/ norm.",
    inputs=("input_grads", "input_image", "output_image"),
    attrs=_ATTRS,
    infer=_type,
    reference=_grad_reference,
    gradient=NoGradient("TensorFlow has none; the gradient of LRN is made of other operations"),
    decompose=lambda op: _cotangent(op, *op.inputs),
    dtypes=dtypes.FLOATS,
    samples=tuple(
        Sample((Operand(shape),) * 3, attrs, tolerance=8, differentiable=False)
        for shape, attrs in _ROWS
    ),
))  # fmt: skip
