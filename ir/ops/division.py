"""Division and remainders. An integer divided by zero is an error of the run, never undefined.

Three roundings: Floor* round down (Python's), Truncate*, Div and Mod round to zero (C's), True* and
Real* divide exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Unknown, floordiv, mod
from graphc.ir.dtypes import DType
from graphc.ir.graph import (
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.ops.pointwise import (
    apply,
    binary,
    binary_samples,
    quietly,
    sum_to,
    unary,
    unary_samples,
    value_rule,
    wanted,
    wrap,
)
from graphc.ir.types import TensorType


def _refuse_zero(c: Any, x: np.ndarray, y: np.ndarray) -> None:
    if y.dtype.kind in "iu" and x.size and (y == 0).any():
        c.fail("Integer division by zero")


def _truncated_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return np.asarray(x / y)
    return _integers(lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1), x, y)


def _truncated_remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        return np.asarray(np.fmod(x, y))
    return _integers(lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1), x, y)


def _integers(function: Callable[[int, int], int], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Apply a function of exact Python integers and wrap the results into the dtype."""
    dtype = dtypes.as_dtype(x.dtype)
    elements = np.frompyfunc(lambda a, b: wrap(dtype, function(int(a), int(b))), 2, 1)
    return np.asarray(elements(x, y), dtype=object).astype(x.dtype)


def _floor_quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.floor(x / y) if x.dtype.kind == "f" else _integers(lambda a, b: a // b, x, y)


def _floor_remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "f":
        return _integers(lambda a, b: a % b, x, y)
    rest = np.fmod(x, y)
    return np.asarray(np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest))


def _safely(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A quotient of sizes, UNKNOWN where the divisor is zero."""
    return lambda x, y: UNKNOWN if isinstance(y, int) and y == 0 else function(x, y)


def _truncated_sizes(x: Any, y: Any) -> Any:
    if isinstance(x, Unknown) or isinstance(y, Unknown):
        return UNKNOWN
    if isinstance(x, int) and isinstance(y, int):
        return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    exact = floordiv(x, y)  # rounding does not matter where the quotient is exact
    return exact if exact * y == x else UNKNOWN


_SAMPLES = binary_samples((0.7, 5.0), (0.6, 4.0))
_ROUNDED_SAMPLES = (
    *binary_samples((1.0, 9.0), (1.0, 4.0), differentiable=False),
    Sample((Operand((4,), value=[7, -7, 7, -7]), Operand((4,), value=[2, 2, -2, -2])),
           dtypes=tuple(d for d in dtypes.NUMERIC if not d.is_unsigned),
           differentiable=False),
)  # fmt: skip


def _quotient_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    dx = op.graph.op("RealDiv", dz, y)
    dy = sum_to(-(dx * op.outputs[0]), y) if wanted(y) else None
    return [sum_to(dx, x) if wanted(x) else None, dy]


binary(
    "RealDiv",
    "Quotient of floating-point numbers with broadcasting: z = x / y.",
    lambda b, x, y: b.div(x, y),
    lambda x, y: x / y,
    _quotient_gradient,
    allowed=dtypes.FLOATS,
    cost=4,
    samples=_SAMPLES,
)

binary(
    "Div",
    "Quotient with broadcasting: z = x / y; of integers, rounded to zero.",
    lambda b, x, y: b.div(x, y),
    _truncated_quotient,
    _quotient_gradient,
    value=value_rule(_safely(_truncated_sizes)),
    cost=8,
    samples=_SAMPLES,
    check=_refuse_zero,
)


def _divide_no_nan_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    dx = op.graph.op("DivNoNan", dz, y)
    dy = sum_to(-(dx * op.outputs[0]), y) if wanted(y) else None
    return [sum_to(dx, x) if wanted(x) else None, dy]


binary(
    "DivNoNan",
    "Quotient that is 0 wherever y is 0: z = y == 0 ? 0 : x / y.",
    lambda b, x, y: b.select(b.eq(y, b.const(0)), b.const(0), b.div(x, y)),
    lambda x, y: np.where(y == 0, np.zeros_like(x), x / y),
    _divide_no_nan_gradient,
    allowed=dtypes.FLOATS,
    cost=5,
    samples=(
        *_SAMPLES,
        Sample((Operand((3,)), Operand((3,), value=[0.0, 2.0, 0.0])), differentiable=False),
    ),
)


# ------------------------------------------------------------------------------------ true division


def true_quotient_dtype(dtype: DType) -> DType:
    """The dtype of x / y for operands of a dtype: small integers give float32, others float64."""
    if dtype.is_floating:
        return dtype
    return dtypes.float32 if dtype.bits <= 16 else dtypes.float64


def _true_type(c: TypeContext) -> TensorType:
    dtype = c.same_dtype(0, 1)
    c.require_dtype(0, dtypes.NUMERIC)
    return TensorType(true_quotient_dtype(dtype), c.broadcast(c.inputs[0].shape, c.inputs[1].shape))


def _true_reference(c: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    dtype = c.types[0].dtype.numpy
    return quietly(c, lambda a, b: a.astype(dtype) / b.astype(dtype), x, y)


def _true_gradient(op: Operation, dz: Tensor) -> list[Any]:
    return _quotient_gradient(op, dz) if op.inputs[0].dtype.is_floating else [None, None]


def _true_decompose(op: Operation) -> Tensor:
    dtype = op.outputs[0].dtype
    x, y = (t if t.dtype is dtype else op.graph.op("Cast", t, DstT=dtype) for t in op.inputs)
    return apply("RealDiv", x, y)


register(OpDef(
    name="TrueDiv",
    doc="Python 3's quotient with broadcasting: z = x / y. int8, int16 and uint8 give float32, "
        "int32 and int64 give float64.",
    inputs=("x", "y"),
    outputs=("z",),
    infer=_true_type,
    reference=_true_reference,
    gradient=_true_gradient,
    decompose=_true_decompose,
    dtypes=dtypes.NUMERIC,
    samples=_SAMPLES,
))  # fmt: skip


# ------------------------------------------------------------------------- quotients and remainders

binary(
    "FloorDiv",
    "Quotient rounded down: z = floor(x / y).",
    lambda b, x, y: b.floordiv(x, y),
    _floor_quotient,
    NoGradient("piecewise constant"),
    value=value_rule(_safely(floordiv)),
    cost=10,
    samples=_ROUNDED_SAMPLES,
    check=_refuse_zero,
)

binary(
    "TruncateDiv",
    "Quotient of integers rounded to zero: z = trunc(x / y).",
    lambda b, x, y: b.div(x, y),
    _truncated_quotient,
    NoGradient("integers"),
    allowed=dtypes.INTS,
    value=value_rule(_safely(_truncated_sizes)),
    cost=8,
    samples=tuple(
        Sample(s.operands, dtypes=tuple(d for d in s.dtypes or dtypes.INTS if d.is_integer),
               differentiable=False)
        for s in _ROUNDED_SAMPLES
    ),
    check=_refuse_zero,
)  # fmt: skip


def _remainder_gradient(rounded: str) -> Any:
    """z = x - round(x / y) * y: dz/dx = 1, dz/dy = -round(x / y)."""

    def gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
        x, y = op.inputs
        dx = sum_to(dz, x) if wanted(x) else None
        if not wanted(y):
            return [dx, None]
        quotient = op.graph.op("FloorDiv", x, y)
        if rounded == "trunc":
            quotient = op.graph.op("Trunc", op.graph.op("RealDiv", x, y))
        return [dx, sum_to(-(dz * quotient), y)]

    return gradient


# Values away from the jumps of the quotient, for finite differences.
_SMOOTH = (
    Sample((Operand((2, 3), value=[[1.3, 2.7, -1.4], [4.4, -5.2, 0.5]]),
            Operand((3,), value=[1.0, 1.9, 3.1])),
           dtypes=dtypes.FLOATS),
    Sample((Operand((), value=7.3), Operand((), value=2.0)), dtypes=dtypes.FLOATS),
)  # fmt: skip


def _truncated_mod(x: Any, y: Any) -> Any:
    quotient = _truncated_sizes(x, y)
    return UNKNOWN if isinstance(quotient, Unknown) else x - quotient * y


binary(
    "FloorMod",
    "Remainder with the sign of y: z = x - floor(x / y) * y.",
    lambda b, x, y: b.floormod(x, y),
    _floor_remainder,
    _remainder_gradient("floor"),
    value=value_rule(_safely(mod)),
    cost=10,
    samples=(*_SMOOTH, *_ROUNDED_SAMPLES),
    check=_refuse_zero,
)

for _name in ("TruncateMod", "Mod"):
    binary(
        _name,
        "Remainder with the sign of x, C's: z = x - trunc(x / y) * y.",
        lambda b, x, y: b.rem(x, y),
        _truncated_remainder,
        _remainder_gradient("trunc"),
        value=value_rule(_safely(_truncated_mod)),
        cost=10,
        samples=(*_SMOOTH, *_ROUNDED_SAMPLES),
        check=_refuse_zero,
    )

unary(
    "Reciprocal",
    "y = 1 / x.",
    lambda b, x: b.div(b.const(1), x),
    lambda x: np.ones_like(x) / x,
    lambda op, dy: [-(dy * op.outputs[0] * op.outputs[0])],
    cost=4,
    samples=(*unary_samples(0.5, 3.0), *unary_samples(-3.0, -0.5)),
    public="reciprocal",
)
