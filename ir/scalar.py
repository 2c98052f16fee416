"""Scalar expressions on NumPy arrays: the `ScalarBuilder` that references and the interpreter use.

A scalar function written once against `ScalarBuilder` becomes machine code through the targets and
arrays through `NumpyBuilder`. Whatever is exact by IEEE (add, mul, div, sqrt, fma, comparisons, bit
operations, conversions) has the same bits here as on every target; exp and its kin may differ in
the last places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.random import random_bits
from graphc.ir.types import TensorType

Array = np.ndarray[Any, Any]
RandomBits = Callable[[Any, int], Array]


def evaluate(c: Any, scalar: Callable[..., Any], *arrays: Array) -> Array:
    """What `Elementwise(scalar)` computes: `c` is a reference context, `arrays` the inputs that it
    reads.

    Returns an array of the output's type.
    """
    type = c.types[0]
    random = c.random_bits if c.op.definition.effect == "random" else None
    builder = NumpyBuilder(type, c.attrs, random, c.fail)
    with np.errstate(all="ignore"):
        result = scalar(builder, *arrays)
    assert result.dtype == type.dtype.numpy, (c.op, result.dtype, type)
    return np.array(np.broadcast_to(result, type.dims))


def _fail(message: str) -> NoReturn:
    raise InvalidArgumentError(None, None, message)


class NumpyBuilder:
    """A `ScalarBuilder` whose values are arrays that broadcast to the output's shape.

    Args:
        type: of the output; all its sizes are numbers.
        random: (elements, stream) -> 32 bits per element, for operations whose effect is "random".
        fail: called with a message where a target would record a failure; must raise.
    """

    def __init__(
        self,
        type: TensorType,
        attrs: dict[str, Any] | None = None,
        random: RandomBits | None = None,
        fail: Callable[[str], NoReturn] = _fail,
    ) -> None:
        self.attrs = attrs or {}
        self.dtype = type.dtype
        self.shape: tuple[int, ...] = type.dims
        self._random = random
        self._fail = fail

    def const(self, value: Any, dtype: DType | None = None) -> Any:
        """A constant (default dtype: the output's)."""
        return np.array(value, (dtype or self.dtype).numpy)

    def dtype_of(self, x: Any) -> DType:
        return as_dtype(np.asarray(x).dtype)

    def convert(self, x: Any, dtype: DType) -> Any:
        """`x` as `dtype`: C's meaning, but float to int saturates and sends NaN to 0; to bool is x
        != 0.
        """
        x = np.asarray(x)
        if dtype.is_bool:
            return x != 0
        if x.dtype.kind == "f" and dtype.is_integer:
            return _saturate(x, dtype)
        return x.astype(dtype.numpy)

    def bitcast(self, x: Any, dtype: DType) -> Any:
        """The same bits as another dtype of equal size."""
        x = np.asarray(x)
        assert x.dtype.itemsize == dtype.size, (x.dtype, dtype)
        return x.view(dtype.numpy)

    def index(self, axis: int) -> Any:
        """The position along an axis of the output."""
        shape = [1] * len(self.shape)
        shape[axis] = -1
        return np.arange(self.shape[axis], dtype=np.int64).reshape(shape)

    def linear_index(self) -> Any:
        """The row-major position in the output."""
        return np.arange(math.prod(self.shape), dtype=np.int64).reshape(self.shape)

    def dim(self, size: Any) -> Any:
        """A size, which must be a number here, as int64."""
        return np.array(size.__index__(), np.int64)

    def random_bits(self, element: Any, stream: int = 0) -> Any:
        """32 random bits (uint32) of each element."""
        assert self._random is not None, "this operation has no random state"
        return self._random(np.asarray(element), stream)

    def checked(self, index: Any, bound: Any) -> Any:
        """The indices; the operation fails if one is outside of [0, bound)."""
        wrong = (index < 0) | (index >= bound)
        if np.any(wrong):
            self._fail(f"index {np.asarray(index)[wrong][0]} is not in [0, {bound})")
        return index

    def fail_if(self, condition: Any) -> Any:
        """The condition itself; the operation fails if it holds anywhere."""
        if np.any(condition):
            self._fail("the operation cannot take these values")
        return condition

    def __getattr__(self, name: str) -> Callable[..., Any]:
        known = name.removesuffix("_")
        if known in OPERATIONS:
            return OPERATIONS[known]
        if known in _DIVISIONS:
            return lambda x, y: self._divide(known, np.asarray(x), np.asarray(y))
        raise AttributeError(f"no scalar operation is called {name}")

    def _divide(self, name: str, x: Array, y: Array) -> Any:
        floating, integer = _DIVISIONS[name]
        if x.dtype.kind == "f":
            return floating(x, y)
        if name == "pow":
            if np.any(y < 0):
                self._fail("integer to a negative power")
            return integer(x, y)
        if np.any(y == 0):
            self._fail("integer division by zero")
        with np.errstate(all="ignore"):
            return integer(x, y)


# ------------------------------------------------------------------------------------ conversions


def _saturate(x: Array, dtype: DType) -> Array:
    low, high = int(dtype.min), int(dtype.max)
    x = x.astype(np.float64)
    inside = (x > float(low) - 1) & (x < float(high) + 1)
    result = np.where(inside, x, 0).astype(np.int64 if low < 0 else np.uint64)
    # float(high) + 1 rounds up to 2**63 for int64: everything below it converts exactly
    result = np.where(x >= float(high), result.dtype.type(high), result)
    result = np.where(x <= float(low), result.dtype.type(low), result)
    return result.astype(dtype.numpy)


# --------------------------------------------------------------------------- division and powers


def _truncated_quotient(x: Array, y: Array) -> Any:
    quotient = x // y
    inexact = (quotient * y != x) & ((x < 0) != (y < 0))
    return (quotient + inexact.astype(x.dtype)).astype(x.dtype)


# name -> (for floats, for integers whose divisor is not 0)
_DIVISIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "div": (np.divide, _truncated_quotient),
    "rem": (np.fmod, np.fmod),
    "floordiv": (lambda x, y: np.floor(x / y), np.floor_divide),
    "floormod": (np.mod, np.mod),
    "pow": (np.power, np.power),
}


# ------------------------------------------------------------------------------- one rounding: fma


def _two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """x + y as rounded sum and exact error (Knuth)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _two_product(x: Any, y: Any) -> tuple[Any, Any]:
    """x * y in float64 as rounded product and exact error (Dekker, Veltkamp)."""
    product = x * y
    splitter = 134217729.0  # 2**27 + 1
    xh, yh = x * splitter, y * splitter
    xh, yh = xh - (xh - x), yh - (yh - y)
    xl, yl = x - xh, y - yh
    return product, ((xh * yh - product) + xh * yl + xl * yh) + xl * yl


def _sum_to_odd(x: Any, y: Any) -> Any:
    """x + y in float64, rounded to odd: rounding the result again to fewer bits is then correct."""
    total, error = _two_sum(np.asarray(x, np.float64), np.asarray(y, np.float64))
    bits = total.view(np.int64)
    towards = np.where((error > 0) == (total > 0), 1, -1)
    odd = np.where((error != 0) & (bits & 1 == 0), bits + towards, bits).view(np.float64)
    return np.where(np.isfinite(total), odd, total)


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z of floats, rounded once (Boldo and Melquiond, 2008).

    Exact unless an intermediate of float64 leaves the normal range.
    """
    dtype = np.asarray(x).dtype
    x, y, z = (np.asarray(v, np.float64) for v in np.broadcast_arrays(x, y, z))
    with np.errstate(all="ignore"):
        plain = x * y + z
        if dtype == np.float64:
            high, low = _two_product(x, y)
            inner, inner_error = _two_sum(z, low)
            outer, outer_error = _two_sum(high, inner)
            exact = outer + _sum_to_odd(inner_error, outer_error)
        else:
            exact = _sum_to_odd(x * y, z)  # the product of two float32 is exact
        return np.where(np.isfinite(exact), exact, plain).astype(dtype)


# -------------------------------------------------------------------------------------- functions


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(e)) / (1 + e)


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of one Python float, applied to every element."""
    apply = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(apply(x)).astype(np.asarray(x).dtype)


def _lgamma(x: float) -> float:
    if x <= 0 and x == math.floor(x):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


# The asymptotic series ln x - 1/(2x) - sum B_2k / (2k x^2k), B_2k the Bernoulli numbers.
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _digamma(x: float) -> float:
    if x <= 0:
        if x == math.floor(x):
            return math.nan
        if x < -1e15 or math.isinf(x):
            return math.nan
        return _digamma(1 - x) - math.pi / math.tan(math.pi * (x - math.floor(x)))
    result = 0.0
    while x < 10:
        result -= 1 / x
        x += 1
    if math.isinf(x) or math.isnan(x):
        return x
    series = 0.0
    for coefficient in reversed(_DIGAMMA):
        series = (series + coefficient) / (x * x)
    return result + math.log(x) - 0.5 / x - series


def _shift(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def shift(x: Any, y: Any) -> Any:
        x = np.asarray(x)
        return function(x, np.asarray(y) & x.dtype.type(x.dtype.itemsize * 8 - 1))

    return shift


def _mulhi(x: Any, y: Any) -> Any:
    product = np.asarray(x).astype(np.uint64) * np.asarray(y).astype(np.uint64)
    return (product >> np.uint64(32)).astype(np.uint32)


def _philox(element: Any, key: Any, run: Any, stream: Any) -> Any:
    return random_bits(element, int(key), int(run), int(stream))


def _rsqrt(x: Any) -> Any:
    return np.reciprocal(np.sqrt(x))


# Every scalar operation that cannot fail, by the name that kernels use.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply,
    "max": np.maximum, "min": np.minimum, "atan2": np.arctan2, "fma": fma,
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "sqrt": np.sqrt, "rsqrt": _rsqrt,
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "sigmoid": _sigmoid, "erf": _each(math.erf), "erfc": _each(math.erfc),
    "lgamma": _each(_lgamma), "digamma": _each(_digamma),
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint,
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.bitwise_not,
    "shl": _shift(np.left_shift), "shr": _shift(np.right_shift),
    "select": np.where, "mulhi": _mulhi, "philox": _philox,
}  # fmt: skip
SCALAR_NAMES = frozenset(OPERATIONS) | frozenset(_DIVISIONS)
