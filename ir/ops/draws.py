"""Random draws as scalar functions: from 32-bit words to uniform, normal and Gumbel numbers.

Written once against `ScalarBuilder` with operations that are exact everywhere (float64 add, mul,
div, sqrt, comparisons, integer bits; never fma, exp or log), so that every target draws the same
bits.
"""

from __future__ import annotations

from typing import Any

from graphc.ir import dtypes

# Wichura's AS 241 (PPND16): rational approximations of the inverse of the normal distribution
# function for |p - 0.5| <= 0.425, for moderate tails and for far tails; relative error about 1e-16.
_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3),
)  # fmt: skip
_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_FAR_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip

# log 2 in two parts: the high one has so few bits that its product with an exponent is exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_MANTISSA = (1 << 52) - 1

# Phi(-2) and Phi(2) - Phi(-2)
_LOWEST = 0.022750131948179207200
_SPAN = 0.95449973610364158560


def uniform(b: Any) -> Any:
    """A multiple of 2^-24 (float32) or 2^-53 (float64) in [0, 1), in the output's dtype."""
    element = b.linear_index()
    if b.dtype is dtypes.float32:
        bits = b.shr(b.random_bits(element), b.const(8, dtypes.uint32))
        whole = b.convert(b.bitcast(bits, dtypes.int32), dtypes.float32)
        return b.mul(whole, b.const(2.0**-24))
    high, low = (b.random_bits(element, stream) for stream in (0, 1))
    high = b.shr(high, b.const(5, dtypes.uint32))
    low = b.shr(low, b.const(6, dtypes.uint32))
    whole = b.add(b.mul(_double(b, high), b.const(2.0**26)), _double(b, low))
    return b.mul(whole, b.const(2.0**-53))


def _double(b: Any, word: Any) -> Any:
    """A uint32 below 2^31 as float64."""
    return b.convert(b.bitcast(word, dtypes.int32), dtypes.float64)


def open_uniform(b: Any) -> Any:
    """A float64 strictly in (0, 1): (n + 1/2) 2^-32, or (n + 1/2) 2^-52 for float64 outputs."""
    element = b.linear_index()
    if b.dtype is dtypes.float32:
        whole = b.convert(b.convert(b.random_bits(element), dtypes.int64), dtypes.float64)
        return b.mul(b.add(whole, _f64(b, 0.5)), _f64(b, 2.0**-32))
    high, low = (b.random_bits(element, stream) for stream in (0, 1))
    high = b.shr(high, b.const(6, dtypes.uint32))
    low = b.shr(low, b.const(6, dtypes.uint32))
    whole = b.add(b.mul(_double(b, high), _f64(b, 2.0**26)), _double(b, low))
    return b.mul(b.add(whole, _f64(b, 0.5)), _f64(b, 2.0**-52))


def _f64(b: Any, value: float) -> Any:
    return b.const(value, dtypes.float64)


def logarithm(b: Any, x: Any) -> Any:
    """log x of a positive normal float64, by exact operations.

    x = m 2^k with m between sqrt(1/2) and sqrt 2; log m = 2 atanh(s) with s = (m - 1) / (m + 1),
    whose series is cut where the rest is below 1e-12 (float32 outputs) or 1e-17 (float64) of the
    sum.
    """
    terms = 7 if b.dtype is dtypes.float32 else 11
    i64 = dtypes.int64
    bits = b.sub(b.bitcast(x, i64), b.const(_SQRT_HALF_BITS, i64))
    exponent = b.convert(b.shr(bits, b.const(52, i64)), dtypes.float64)
    bits = b.add(b.and_(bits, b.const(_MANTISSA, i64)), b.const(_SQRT_HALF_BITS, i64))
    m = b.bitcast(bits, dtypes.float64)
    s = b.div(b.sub(m, _f64(b, 1)), b.add(m, _f64(b, 1)))
    series = _horner(b, b.mul(s, s), tuple(2 / (2 * n + 1) for n in range(terms)))
    rest = b.add(b.mul(s, series), b.mul(exponent, _f64(b, _LN2_LOW)))
    return b.add(b.mul(exponent, _f64(b, _LN2_HIGH)), rest)


def _horner(b: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    result = _f64(b, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = b.add(b.mul(result, x), _f64(b, coefficient))
    return result


def _ratio(b: Any, x: Any, tables: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[Any, Any]:
    return _horner(b, x, tables[0]), _horner(b, x, tables[1])


def inverse_normal(b: Any, p: Any) -> Any:
    """The x with Phi(x) = p, for a float64 p strictly between 0 and 1 (AS 241).

    The far tail, p < 1.4e-11, is left out for float32 outputs, whose draws do not reach it.
    """
    q = b.sub(p, _f64(b, 0.5))
    is_central = b.le(b.abs(q), _f64(b, 0.425))
    inner = b.sub(_f64(b, 0.180625), b.mul(q, q))
    r = b.sqrt(b.neg(logarithm(b, b.min(p, b.sub(_f64(b, 1), p)))))
    near = b.sub(r, _f64(b, 1.6))
    above, below = _ratio(b, near, _TAIL)
    if b.dtype is not dtypes.float32:
        is_far = b.gt(r, _f64(b, 5))
        far_above, far_below = _ratio(b, b.sub(r, _f64(b, 5)), _FAR_TAIL)
        above, below = b.select(is_far, far_above, above), b.select(is_far, far_below, below)
    above = b.select(b.lt(q, _f64(b, 0)), b.neg(above), above)
    central_above, central_below = _ratio(b, inner, _CENTRE)
    above = b.select(is_central, b.mul(q, central_above), above)
    return b.div(above, b.select(is_central, central_below, below))


def normal(b: Any) -> Any:
    """A standard normal number."""
    return b.convert(inverse_normal(b, open_uniform(b)), b.dtype)


def truncated_normal(b: Any) -> Any:
    """A standard normal number given that it lies in [-2, 2]."""
    p = b.add(b.mul(open_uniform(b), _f64(b, _SPAN)), _f64(b, _LOWEST))
    return b.convert(inverse_normal(b, p), b.dtype)


def gumbel(b: Any) -> Any:
    """A standard Gumbel number: -log(-log u)."""
    inner = b.neg(logarithm(b, open_uniform(b)))
    return b.convert(b.neg(logarithm(b, inner)), b.dtype)


def uniform_int(b: Any, low: Any, high: Any) -> Any:
    """An integer in [low, high): low + r mod (high - low), where r has 63 random bits.

    A number's probability is off by at most (high - low) 2^-63 of itself; a span of 2^63 or more,
    which int64 cannot hold, takes 64 bits and subtracts the span where they reach it. low >= high
    records the failure of an integer division by zero.
    """
    i64 = dtypes.int64
    element = b.linear_index()
    words = [b.convert(b.random_bits(element, stream), i64) for stream in (0, 1)]
    bits = b.or_(b.shl(words[0], b.const(32, i64)), words[1])
    start, stop = b.convert(low, i64), b.convert(high, i64)
    span = b.sub(stop, start)
    is_huge = b.and_(b.lt(span, b.const(0, i64)), b.lt(start, stop))
    divisor = b.select(b.lt(start, stop), b.select(is_huge, b.const(1, i64), span), b.const(0, i64))
    rest = b.rem(b.and_(bits, b.const(2**63 - 1, i64)), divisor)
    flip = b.const(-(2**63), i64)
    below = b.lt(b.xor(bits, flip), b.xor(span, flip))
    huge = b.select(below, bits, b.sub(bits, span))
    return b.convert(b.add(start, b.select(is_huge, huge, rest)), b.dtype)
