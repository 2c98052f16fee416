"""Functions of one number: roots, exponentials, trigonometry, hyperbolics, rounding.

Gradients are written with tensor operators, in terms of the result y wherever that saves work.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import NoGradient, Operand, Operation, Sample, Tensor
from graphc.ir.ops.derivatives import by_result
from graphc.ir.ops.pointwise import (
    apply,
    binary,
    binary_samples,
    sum_to,
    unary,
    unary_samples,
    value_rule,
    wanted,
)

# ------------------------------------------------------------------------------ powers and roots

unary(
    "Sqrt",
    "Square root; NaN for x < 0.",
    lambda b, x: b.sqrt(x),
    np.sqrt,
    by_result("SqrtGrad"),
    cost=5,
    samples=unary_samples(0.2, 3.0),
    public="sqrt",
)


unary(
    "Rsqrt",
    "Reciprocal of the square root: y = 1 / sqrt(x).",
    lambda b, x: b.rsqrt(x),
    lambda x: np.ones_like(x) / np.sqrt(x),
    by_result("RsqrtGrad"),
    cost=6,
    samples=unary_samples(0.2, 3.0),
    public="rsqrt",
)

# -------------------------------------------------------------------- exponentials and logarithms

unary(
    "Exp",
    "y = e^x.",
    lambda b, x: b.exp(x),
    np.exp,
    lambda op, dy: [dy * op.outputs[0]],
    cost=10,
    public="exp",
)

unary(
    "Expm1",
    "y = e^x - 1, accurate near 0.",
    lambda b, x: b.expm1(x),
    np.expm1,
    lambda op, dy: [dy * apply("Exp", op.inputs[0])],
    cost=12,
    public="expm1",
)

unary(
    "Log",
    "Natural logarithm.",
    lambda b, x: b.log(x),
    np.log,
    lambda op, dy: [dy / op.inputs[0]],
    cost=10,
    samples=unary_samples(0.1, 3.0),
    public="log",
)

unary(
    "Log1p",
    "y = log(1 + x), accurate near 0.",
    lambda b, x: b.log1p(x),
    np.log1p,
    lambda op, dy: [dy / (op.inputs[0] + 1)],
    cost=12,
    samples=unary_samples(-0.7, 3.0),
    public="log1p",
)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)), x.dtype)


unary(
    "Sigmoid",
    "Logistic function: y = 1 / (1 + e^-x), without overflow.",
    lambda b, x: b.sigmoid(x),
    _sigmoid,
    by_result("SigmoidGrad"),
    cost=14,
    public="sigmoid",
)

# --------------------------------------------------------------------------------- trigonometry

unary(
    "Sin",
    "Sine of x in radians.",
    lambda b, x: b.sin(x),
    np.sin,
    lambda op, dy: [dy * apply("Cos", op.inputs[0])],
    cost=12,
    public="sin",
)

unary(
    "Cos",
    "Cosine of x in radians.",
    lambda b, x: b.cos(x),
    np.cos,
    lambda op, dy: [-(dy * apply("Sin", op.inputs[0]))],
    cost=12,
    public="cos",
)

unary(
    "Tan",
    "Tangent of x in radians.",
    lambda b, x: b.tan(x),
    np.tan,
    lambda op, dy: [dy * (_square(op.outputs[0]) + 1)],
    cost=20,
    samples=unary_samples(-1.2, 1.2),
    public="tan",
)


def _square(x: Tensor) -> Tensor:
    return apply("Square", x)


unary(
    "Asin",
    "Arc sine in [-pi/2, pi/2].",
    lambda b, x: b.asin(x),
    np.arcsin,
    lambda op, dy: [dy * apply("Rsqrt", 1 - _square(op.inputs[0]))],
    cost=20,
    samples=unary_samples(-0.8, 0.8),
    public="asin",
)

unary(
    "Acos",
    "Arc cosine in [0, pi].",
    lambda b, x: b.acos(x),
    np.arccos,
    lambda op, dy: [-(dy * apply("Rsqrt", 1 - _square(op.inputs[0])))],
    cost=20,
    samples=unary_samples(-0.8, 0.8),
    public="acos",
)

unary(
    "Atan",
    "Arc tangent in [-pi/2, pi/2].",
    lambda b, x: b.atan(x),
    np.arctan,
    lambda op, dy: [dy / (_square(op.inputs[0]) + 1)],
    cost=20,
    public="atan",
)


def _atan2_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    y, x = op.inputs
    inverse = dz / (_square(x) + _square(y))
    dy = sum_to(x * inverse, y) if wanted(y) else None
    return [dy, sum_to(-(y * inverse), x) if wanted(x) else None]


binary(
    "Atan2",
    "The angle of the point (x, y) in [-pi, pi]: arc tangent of y / x by the signs of both.",
    lambda b, y, x: b.atan2(y, x),
    np.arctan2,
    _atan2_gradient,
    allowed=dtypes.FLOATS,
    cost=25,
    samples=(*binary_samples((0.5, 2.0), (-2.0, -0.5)), *binary_samples((-2.0, 2.0), (0.5, 2.0))),
    inputs=("y", "x"),
)

# ---------------------------------------------------------------------------------- hyperbolics

unary(
    "Sinh",
    "Hyperbolic sine.",
    lambda b, x: b.sinh(x),
    np.sinh,
    lambda op, dy: [dy * apply("Cosh", op.inputs[0])],
    cost=15,
    public="sinh",
)

unary(
    "Cosh",
    "Hyperbolic cosine.",
    lambda b, x: b.cosh(x),
    np.cosh,
    lambda op, dy: [dy * apply("Sinh", op.inputs[0])],
    cost=15,
    public="cosh",
)

unary(
    "Tanh",
    "Hyperbolic tangent.",
    lambda b, x: b.tanh(x),
    np.tanh,
    by_result("TanhGrad"),
    cost=14,
    public="tanh",
)

unary(
    "Asinh",
    "Inverse hyperbolic sine.",
    lambda b, x: b.asinh(x),
    np.arcsinh,
    lambda op, dy: [dy * apply("Rsqrt", _square(op.inputs[0]) + 1)],
    cost=20,
    public="asinh",
)

unary(
    "Acosh",
    "Inverse hyperbolic cosine; NaN for x < 1.",
    lambda b, x: b.acosh(x),
    np.arccosh,
    lambda op, dy: [dy * apply("Rsqrt", (op.inputs[0] - 1) * (op.inputs[0] + 1))],
    cost=20,
    samples=unary_samples(1.3, 3.0),
    public="acosh",
)

unary(
    "Atanh",
    "Inverse hyperbolic tangent; NaN for |x| > 1.",
    lambda b, x: b.atanh(x),
    np.arctanh,
    lambda op, dy: [dy / (1 - _square(op.inputs[0]))],
    cost=20,
    samples=unary_samples(-0.8, 0.8),
    public="atanh",
)

# -------------------------------------------------------------------------------------- rounding

_CONSTANT = NoGradient("piecewise constant")
_ROUNDED = (
    *unary_samples(-3.0, 3.0, differentiable=False),
    Sample((Operand((7,), value=[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.0]),), differentiable=False),
)

unary("Floor", "The greatest integer <= x.", lambda b, x: b.floor(x), np.floor, _CONSTANT,
      samples=_ROUNDED, public="floor")  # fmt: skip
unary("Ceil", "The least integer >= x.", lambda b, x: b.ceil(x), np.ceil, _CONSTANT,
      samples=_ROUNDED, public="ceil")  # fmt: skip
unary("Trunc", "x rounded to zero.", lambda b, x: b.trunc(x), np.trunc, _CONSTANT,
      samples=_ROUNDED)  # fmt: skip
unary("Rint", "The nearest integer, ties to even.", lambda b, x: b.rint(x), np.rint, _CONSTANT,
      samples=_ROUNDED, public="rint")  # fmt: skip


def _round_scalar(b: Any, x: Any) -> Any:
    return x if b.dtype_of(x).is_integer else b.rint(x)


unary(
    "Round",
    "The nearest integer, ties to even; integers stay.",
    _round_scalar,
    lambda x: x if x.dtype.kind in "iu" else np.rint(x),
    _CONSTANT,
    allowed=dtypes.NUMERIC,
    value=value_rule(lambda x: x),
    samples=(
        *unary_samples(-3.0, 3.0, differentiable=False),
        Sample(_ROUNDED[-1].operands, dtypes=dtypes.FLOATS, differentiable=False),
    ),
)

# ------------------------------------------------------------------------------ kinds of numbers

_BOOL = NoGradient("bool")
_KINDS = (
    Sample(
        (Operand((2, 3), value=[[0.0, np.inf, -np.inf], [np.nan, 1.5, -2.0]]),),
        differentiable=False,
    ),
    *unary_samples(differentiable=False),
)

unary("IsNan", "Whether x is not a number.", lambda b, x: b.isnan(x), np.isnan, _BOOL,
      result=dtypes.bool_, samples=_KINDS, public="is_nan")  # fmt: skip
unary("IsInf", "Whether x is plus or minus infinity.", lambda b, x: b.isinf(x), np.isinf, _BOOL,
      result=dtypes.bool_, samples=_KINDS, public="is_inf")  # fmt: skip
unary("IsFinite", "Whether x is neither infinite nor NaN.", lambda b, x: b.isfinite(x), np.isfinite,
      _BOOL, result=dtypes.bool_, samples=_KINDS, public="is_finite")  # fmt: skip
