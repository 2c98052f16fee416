"""Arithmetic on elements: sums, differences, products, powers, extremes, under broadcasting.

Integers wrap around as two's complement. Division has its own file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import maximum, minimum
from graphc.ir.graph import (
    ZERO,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.ops.pointwise import (
    binary,
    binary_samples,
    only_numbers,
    select,
    sum_to,
    unary,
    unary_samples,
    value_rule,
    wanted,
    wrap,
    zero,
)
from graphc.ir.types import TensorType

_SIGNED = (dtypes.float32, dtypes.float64, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)


def _add_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    return [sum_to(dy, x) if wanted(x) else None for x in op.inputs]


for _name in ("Add", "AddV2"):
    binary(
        _name,
        "Sum with broadcasting: z = x + y.",
        lambda b, x, y: b.add(x, y),
        lambda x, y: x + y,
        _add_gradient,
        value=value_rule(lambda x, y: x + y),
        commutative=True,
    )


def _sub_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    return [sum_to(dy, x) if wanted(x) else None, sum_to(-dy, y) if wanted(y) else None]


binary(
    "Sub",
    "Difference with broadcasting: z = x - y.",
    lambda b, x, y: b.sub(x, y),
    lambda x, y: x - y,
    _sub_gradient,
    value=value_rule(lambda x, y: x - y),
)


def _mul_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    return [sum_to(dy * y, x) if wanted(x) else None, sum_to(x * dy, y) if wanted(y) else None]


binary(
    "Mul",
    "Product with broadcasting: z = x * y.",
    lambda b, x, y: b.mul(x, y),
    lambda x, y: x * y,
    _mul_gradient,
    value=value_rule(lambda x, y: x * y),
    commutative=True,
)


def _mul_no_nan_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    graph = op.graph
    return [
        sum_to(graph.op("MulNoNan", dy, y), x) if wanted(x) else None,
        sum_to(graph.op("MulNoNan", x, dy), y) if wanted(y) else None,
    ]


binary(
    "MulNoNan",
    "Product that is 0 wherever y is 0, even if x is infinite or NaN: z = y == 0 ? 0 : x * y.",
    lambda b, x, y: b.select(b.eq(y, b.const(0)), b.const(0), b.mul(x, y)),
    lambda x, y: np.where(y == 0, np.zeros_like(x), x * y),
    _mul_no_nan_gradient,
    allowed=dtypes.FLOATS,
)


def _squared_difference_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    dx = dy * (x - y) * 2
    return [sum_to(dx, x) if wanted(x) else None, sum_to(-dx, y) if wanted(y) else None]


binary(
    "SquaredDifference",
    "Square of the difference with broadcasting: z = (x - y)^2.",
    lambda b, x, y: _square(b, b.sub(x, y)),
    lambda x, y: (x - y) * (x - y),
    _squared_difference_gradient,
    commutative=True,
)


def _square(b: Any, x: Any) -> Any:
    return b.mul(x, x)


def _extreme_gradient(relation: str) -> Any:
    def gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
        x, y = op.inputs
        chosen, nothing = op.graph.op(relation, x, y), zero(dy)
        return [
            sum_to(select(chosen, dy, nothing), x) if wanted(x) else None,
            sum_to(select(chosen, nothing, dy), y) if wanted(y) else None,
        ]

    return gradient


_APART = (  # samples whose operands are never equal: extremes have a kink where x == y
    *binary_samples((-3.0, -1.0), (1.0, 3.0)),
    Sample(
        (Operand((4,), value=[1, 5, 3, 2]), Operand((2, 1), value=[[3], [4]])), differentiable=False
    ),
)

binary(
    "Maximum",
    "The greater of two, NaN if either is: z = max(x, y). Of equals x gets the cotangent.",
    lambda b, x, y: b.max(x, y),
    np.maximum,
    _extreme_gradient("GreaterEqual"),
    value=value_rule(maximum),
    commutative=True,
    samples=_APART,
)

binary(
    "Minimum",
    "The less of two, NaN if either is: z = min(x, y). Of equals x gets the cotangent.",
    lambda b, x, y: b.min(x, y),
    np.minimum,
    _extreme_gradient("LessEqual"),
    value=value_rule(minimum),
    commutative=True,
    samples=_APART,
)


# ----------------------------------------------------------------------------------------- powers


def _pow_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    x, y = op.inputs
    dx = sum_to(dz * y * op.graph.op("Pow", x, y - 1), x) if wanted(x) else None
    return [dx, sum_to(dz * op.outputs[0] * _log_of_base(x), y) if wanted(y) else None]


def _log_of_base(x: Tensor) -> Tensor:
    # log x matters for x > 0 only; elsewhere z is 0 or there is no derivative, and 0 is taken. The
    # inner select keeps log and its own derivative finite at x <= 0.
    positive = x.graph.op("Greater", x, zero(x))
    one = x.graph.constant(1, x.dtype)
    return select(positive, x.graph.op("Log", select(positive, x, one)), zero(x))


def _refuse_negative_exponent(c: Any, x: np.ndarray, y: np.ndarray) -> None:
    if x.size and y.dtype.kind == "i" and (y < 0).any():
        c.fail("Integers to negative integer powers are not allowed")


def _power_of_size(x: Any, y: Any) -> Any:
    if not isinstance(y, int) or not 0 <= y <= 8:
        return only_numbers(lambda a, b: a**b if 0 <= b <= 64 else -1)(x, y)
    result: Any = 1
    for _ in range(y):
        result = result * x
    return result


_INTEGER_POWERS = tuple(
    Sample((Operand(a, low=-3, high=4), Operand(b, low=0, high=4)), dtypes=dtypes.INTS)
    for a, b in (((3, 5), (3, 5)), ((2, 1), (3,)), ((), ()), ((0, 2), (2,)))
)
_FLOAT_POWERS = tuple(
    Sample((Operand(a, low=0.2, high=3), Operand(b, low=-2, high=2)), dtypes=dtypes.FLOATS)
    for a, b in (((3, 5), (3, 5)), ((2, 1), (3,)), ((), ()), ((0, 2), (2,)))
)

binary(
    "Pow",
    "Power with broadcasting: z = x^y. Integers refuse negative exponents.",
    lambda b, x, y: b.pow(x, y),
    lambda x, y: np.power(x, y, dtype=x.dtype),
    _pow_gradient,
    value=value_rule(_power_of_size),
    cost=40,
    samples=(
        *_FLOAT_POWERS,
        *_INTEGER_POWERS,
        Sample(
            (
                Operand((4,), value=[-2.0, 0.0, -1.5, 3.0]),
                Operand((4,), value=[2.0, 1.0, 3.0, 0.0]),
            ),
            dtypes=dtypes.FLOATS,
            differentiable=False,
        ),
    ),
    check=_refuse_negative_exponent,
)

unary(
    "Square",
    "y = x * x.",
    _square,
    lambda x: x * x,
    lambda op, dy: [dy * (op.inputs[0] * 2)],
    allowed=dtypes.NUMERIC,
    value=value_rule(lambda x: x * x),
    public="square",
)

unary(
    "Neg",
    "y = -x.",
    lambda b, x: b.neg(x),
    lambda x: -x,
    lambda op, dy: [-dy],
    allowed=_SIGNED,
    value=value_rule(lambda x: -x),
    public="negative",
)

unary(
    "Abs",
    "y = |x|; the derivative at 0 is 0.",
    lambda b, x: b.abs(x),
    np.abs,
    lambda op, dy: [dy * op.graph.op("Sign", op.inputs[0])],
    allowed=_SIGNED,
    value=value_rule(only_numbers(abs)),
    samples=(
        *unary_samples(0.5, 2.0),
        *unary_samples(-2.0, -0.5),
        *unary_samples(differentiable=False),
    ),
    public="abs",
)

unary(
    "Sign",
    "y = -1, 0 or 1 as x is negative, zero or positive; NaN stays.",
    lambda b, x: b.sign(x),
    np.sign,
    lambda op, dy: [ZERO],
    allowed=dtypes.NUMERIC,
    value=value_rule(only_numbers(lambda x: (x > 0) - (x < 0))),
    samples=unary_samples(differentiable=False),
    public="sign",
)


# --------------------------------------------------------------------------------- many operands


def _add_n_type(c: TypeContext) -> TensorType:
    if not c.inputs:
        c.fail("at least one input is needed")
    dtype = c.same_dtype()
    c.require_dtype(0, dtypes.NUMERIC)
    shape = c.inputs[0].shape
    for other in c.inputs[1:]:
        shape = c.merge_shapes(shape, other.shape, "shapes of the inputs")
    return TensorType(dtype, shape)


def _add_n_reference(c: Any, *arrays: np.ndarray) -> np.ndarray:
    total = arrays[0].copy()
    with np.errstate(all="ignore"):
        for array in arrays[1:]:
            total = total + array
    return np.asarray(total, arrays[0].dtype)


def _add_n_decompose(op: Operation) -> Tensor:
    total = op.inputs[0]
    for other in op.inputs[1:]:
        total = op.graph.op("Add", total, other)
    return total


def _add_n_value(c: TypeContext) -> Any:
    values = [c.value(i) for i in range(len(c.inputs))]
    dtype = c.inputs[0].dtype
    if not dtype.is_integer or any(v is None for v in values):
        return None
    total = values[0]
    for value in values[1:]:
        total = total + value
    return np.asarray(np.frompyfunc(lambda size: wrap(dtype, size), 1, 1)(total), dtype=object)


register(OpDef(
    name="AddN",
    doc="The sum of any number of tensors of one shape, left to right: y = x0 + x1 + …",
    inputs=("*inputs",),
    outputs=("sum",),
    infer=_add_n_type,
    reference=_add_n_reference,
    gradient=lambda op, dy: [dy] * len(op.inputs),
    decompose=_add_n_decompose,
    value=_add_n_value,
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((3, 5)),) * 3),
        Sample((Operand(()), Operand(()))),
        Sample((Operand((7,)),)),
        Sample((Operand((0, 2)),) * 4),
    ),
))  # fmt: skip
