"""Public functions that are one operation and nothing more.

Generated from the registry by `python -m graphc.ops.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from graphc.framework.op_support import apply

__all__ = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "check_numerics",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "is_finite",
    "is_inf",
    "is_nan",
    "lgamma",
    "log",
    "log1p",
    "logical_not",
    "negative",
    "reciprocal",
    "rint",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "stop_gradient",
    "tan",
    "tanh",
]


def abs(x: Any, name: str | None = None) -> Any:
    """y = |x|; the derivative at 0 is 0."""
    return apply("Abs", x, name=name)


def acos(x: Any, name: str | None = None) -> Any:
    """Arc cosine in [0, pi]."""
    return apply("Acos", x, name=name)


def acosh(x: Any, name: str | None = None) -> Any:
    """Inverse hyperbolic cosine; NaN for x < 1."""
    return apply("Acosh", x, name=name)


def asin(x: Any, name: str | None = None) -> Any:
    """Arc sine in [-pi/2, pi/2]."""
    return apply("Asin", x, name=name)


def asinh(x: Any, name: str | None = None) -> Any:
    """Inverse hyperbolic sine."""
    return apply("Asinh", x, name=name)


def atan(x: Any, name: str | None = None) -> Any:
    """Arc tangent in [-pi/2, pi/2]."""
    return apply("Atan", x, name=name)


def atanh(x: Any, name: str | None = None) -> Any:
    """Inverse hyperbolic tangent; NaN for |x| > 1."""
    return apply("Atanh", x, name=name)


def ceil(x: Any, name: str | None = None) -> Any:
    """The least integer >= x."""
    return apply("Ceil", x, name=name)


def check_numerics(tensor: Any, message: Any, name: str | None = None) -> Any:
    """y = x; fails the run with InvalidArgumentError where x holds NaN or infinities."""
    return apply("CheckNumerics", tensor, message=message, name=name)


def cos(x: Any, name: str | None = None) -> Any:
    """Cosine of x in radians."""
    return apply("Cos", x, name=name)


def cosh(x: Any, name: str | None = None) -> Any:
    """Hyperbolic cosine."""
    return apply("Cosh", x, name=name)


def digamma(x: Any, name: str | None = None) -> Any:
    """Derivative of the logarithm of the gamma function."""
    return apply("Digamma", x, name=name)


def erf(x: Any, name: str | None = None) -> Any:
    """Error function: y = 2 / sqrt(pi) * integral of e^(-t^2) over 0 … x."""
    return apply("Erf", x, name=name)


def erfc(x: Any, name: str | None = None) -> Any:
    """Complementary error function: y = 1 - erf(x), accurate for large x."""
    return apply("Erfc", x, name=name)


def exp(x: Any, name: str | None = None) -> Any:
    """y = e^x."""
    return apply("Exp", x, name=name)


def expm1(x: Any, name: str | None = None) -> Any:
    """y = e^x - 1, accurate near 0."""
    return apply("Expm1", x, name=name)


def floor(x: Any, name: str | None = None) -> Any:
    """The greatest integer <= x."""
    return apply("Floor", x, name=name)


def is_finite(x: Any, name: str | None = None) -> Any:
    """Whether x is neither infinite nor NaN."""
    return apply("IsFinite", x, name=name)


def is_inf(x: Any, name: str | None = None) -> Any:
    """Whether x is plus or minus infinity."""
    return apply("IsInf", x, name=name)


def is_nan(x: Any, name: str | None = None) -> Any:
    """Whether x is not a number."""
    return apply("IsNan", x, name=name)


def lgamma(x: Any, name: str | None = None) -> Any:
    """Logarithm of the absolute value of the gamma function."""
    return apply("Lgamma", x, name=name)


def log(x: Any, name: str | None = None) -> Any:
    """Natural logarithm."""
    return apply("Log", x, name=name)


def log1p(x: Any, name: str | None = None) -> Any:
    """y = log(1 + x), accurate near 0."""
    return apply("Log1p", x, name=name)


def logical_not(x: Any, name: str | None = None) -> Any:
    """Whether x is false."""
    return apply("LogicalNot", x, name=name)


def negative(x: Any, name: str | None = None) -> Any:
    """y = -x."""
    return apply("Neg", x, name=name)


def reciprocal(x: Any, name: str | None = None) -> Any:
    """y = 1 / x."""
    return apply("Reciprocal", x, name=name)


def rint(x: Any, name: str | None = None) -> Any:
    """The nearest integer, ties to even."""
    return apply("Rint", x, name=name)


def rsqrt(x: Any, name: str | None = None) -> Any:
    """Reciprocal of the square root: y = 1 / sqrt(x)."""
    return apply("Rsqrt", x, name=name)


def sigmoid(x: Any, name: str | None = None) -> Any:
    """Logistic function: y = 1 / (1 + e^-x), without overflow."""
    return apply("Sigmoid", x, name=name)


def sign(x: Any, name: str | None = None) -> Any:
    """y = -1, 0 or 1 as x is negative, zero or positive; NaN stays."""
    return apply("Sign", x, name=name)


def sin(x: Any, name: str | None = None) -> Any:
    """Sine of x in radians."""
    return apply("Sin", x, name=name)


def sinh(x: Any, name: str | None = None) -> Any:
    """Hyperbolic sine."""
    return apply("Sinh", x, name=name)


def sqrt(x: Any, name: str | None = None) -> Any:
    """Square root; NaN for x < 0."""
    return apply("Sqrt", x, name=name)


def square(x: Any, name: str | None = None) -> Any:
    """y = x * x."""
    return apply("Square", x, name=name)


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """The same values, taken as constant by the differentiator: y = x, dy/dx = 0."""
    return apply("StopGradient", input, name=name)


def tan(x: Any, name: str | None = None) -> Any:
    """Tangent of x in radians."""
    return apply("Tan", x, name=name)


def tanh(x: Any, name: str | None = None) -> Any:
    """Hyperbolic tangent."""
    return apply("Tanh", x, name=name)
