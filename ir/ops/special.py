"""Special functions: the error function and the family of the gamma function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import Operand, Operation, Sample, Tensor
from graphc.ir.ops.pointwise import apply, binary, sum_to, unary, unary_samples


def _special(function: Any) -> Any:
    """A reference from a function of Python floats."""
    elements = np.frompyfunc(lambda x: function(float(x)), 1, 1)
    return lambda x: np.asarray(elements(x), dtype=object).astype(x.dtype)


_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


def _gauss(x: Tensor) -> Any:
    """d erf(x) / dx = 2 / sqrt(pi) e^(-x^2)."""
    return apply("Exp", -apply("Square", x)) * _TWO_OVER_ROOT_PI


unary(
    "Erf",
    "Error function: y = 2 / sqrt(pi) * integral of e^(-t^2) over 0 … x.",
    lambda b, x: b.erf(x),
    _special(math.erf),
    lambda op, dy: [dy * _gauss(op.inputs[0])],
    cost=20,
    public="erf",
)

unary(
    "Erfc",
    "Complementary error function: y = 1 - erf(x), accurate for large x.",
    lambda b, x: b.erfc(x),
    _special(math.erfc),
    lambda op, dy: [-(dy * _gauss(op.inputs[0]))],
    cost=20,
    public="erfc",
)


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


unary(
    "Lgamma",
    "Logarithm of the absolute value of the gamma function.",
    lambda b, x: b.lgamma(x),
    _special(_lgamma),
    lambda op, dy: [dy * apply("Digamma", op.inputs[0])],
    cost=30,
    samples=unary_samples(0.5, 4.0),
    public="lgamma",
)


def _digamma(x: float) -> float:
    """Recurrence up to x >= 16, then the asymptotic series; reflection for x < 0."""
    if math.isnan(x) or x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x < 0:
        return _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    total = 0.0
    while x < 16:
        total -= 1 / x
        x += 1
    s = 1 / (x * x)
    series = s * (
        1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (5 / 660 - s * 691 / 32760))))
    )
    return total + math.log(x) - 0.5 / x - series


def _digamma_gradient(op: Operation, dy: Tensor) -> list[Tensor]:
    x = op.inputs[0]
    return [dy * apply("Polygamma", op.graph.constant(1, x.dtype), x)]


unary(
    "Digamma",
    "Derivative of the logarithm of the gamma function.",
    lambda b, x: b.digamma(x),
    _special(_digamma),
    _digamma_gradient,
    cost=30,
    samples=unary_samples(0.6, 4.0),
    public="digamma",
)

# Euler-Maclaurin: B(2k) / (2k)! for the tail of the Hurwitz zeta function.
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)
_TERMS = 10


def _polygamma_scalar(b: Any, a: Any, x: Any) -> Any:
    """(-1)^(a+1) a! zeta(a + 1, x): ten terms of the sum, then its Euler-Maclaurin tail."""
    one = b.const(1)
    s = b.add(a, one)
    total = b.const(0)
    for k in range(_TERMS):
        total = b.add(total, b.pow(b.add(x, b.const(k)), b.neg(s)))
    end = b.add(x, b.const(_TERMS))
    power = b.pow(end, b.neg(s))
    total = b.add(total, b.div(b.mul(power, end), a))
    total = b.add(total, b.mul(power, b.const(0.5)))
    factor = b.div(b.mul(power, s), end)
    for k, coefficient in enumerate(_BERNOULLI):
        total = b.add(total, b.mul(factor, b.const(coefficient)))
        rising = b.mul(b.add(s, b.const(2 * k + 1)), b.add(s, b.const(2 * k + 2)))
        factor = b.div(b.mul(factor, rising), b.mul(end, end))
    odd = b.ne(b.floormod(a, b.const(2)), b.const(0))
    sign = b.select(odd, one, b.const(-1))
    value = b.mul(b.mul(sign, b.exp(b.lgamma(s))), total)
    value = b.select(b.gt(x, b.const(0)), value, b.const(math.nan))
    return b.select(b.eq(a, b.const(0)), b.digamma(x), value)


def _polygamma(a: float, x: float) -> float:
    if a == 0:
        return _digamma(x)
    if not x > 0 or a < 0 or a != math.floor(a):
        return math.nan
    total: float = math.fsum((x + k) ** -(a + 1) for k in range(400))
    end = x + 400
    total += end**-a / a + end ** -(a + 1) / 2 + (a + 1) * end ** -(a + 2) / 12
    value: float = math.gamma(a + 1) * total
    return value if a % 2 else -value


def _polygamma_reference(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    elements = np.frompyfunc(lambda n, v: _polygamma(float(n), float(v)), 2, 1)
    return np.asarray(elements(a, x), dtype=object).astype(x.dtype)


def _polygamma_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    a, x = op.inputs
    return [None, sum_to(dz * apply("Polygamma", a + 1, x), x)]


binary(
    "Polygamma",
    "The derivative of order a + 1 of the logarithm of the gamma function, for integers a >= 0 and "
    "x > 0 (NaN elsewhere, except that a = 0 is Digamma).",
    _polygamma_scalar,
    _polygamma_reference,
    _polygamma_gradient,
    allowed=dtypes.FLOATS,
    cost=600,
    samples=(
        Sample((Operand((), value=1.0), Operand((3, 5), low=0.6, high=4)),
               gradient_inputs=(1,), tolerance=8),
        Sample((Operand((2, 1), value=[[2.0], [3.0]]), Operand((3,), low=0.8, high=4)),
               gradient_inputs=(1,), tolerance=8),
        Sample((Operand((), value=1.0), Operand((0, 2), low=1, high=2)), gradient_inputs=(1,)),
    ),
    inputs=("a", "x"),
)  # fmt: skip
