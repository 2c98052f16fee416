"""Exponentials and logarithms, and the hyperbolic functions made of them."""

from __future__ import annotations

from graphc.codegen.cpu.numeric import Num, fma, paired, polynomial, where
from graphc.ir.records import record

INF, NAN = float("inf"), float("nan")


@record
class Format:
    """An IEEE format and the constants that go with it.

    `round_` is 1.5 * 2^mantissa: adding it rounds to an integer, which is then in the low bits.
    """

    integer: str
    mantissa: int
    bias: int
    round_: float
    smallest: float  # smallest normal number
    ln2_high: float  # ln 2 = high + low; n * high is exact for every exponent n
    ln2_low: float
    exp_range: tuple[float, float]  # outside, exp is 0 or infinite
    tiny: float  # below this, f(x) = x for the functions with f(x) = x + O(x^2)


FLOAT = Format(
    "i32", 23, 127, 12582912.0, 2.0**-126, 6.9313812256e-01, 9.0580006145e-06,
    (-104.0, 89.0), 2.0**-26,
)  # fmt: skip
DOUBLE = Format(
    "i64", 52, 1023, 6755399441055744.0, 2.0**-1022,
    6.93147180369123816490e-01, 1.90821492927058770002e-10, (-746.0, 710.0), 2.0**-55,
)  # fmt: skip


def format_of(x: Num) -> Format:
    return FLOAT if x.element == "float" else DOUBLE


LOG2E = 1.4426950408889634
# exp(r) = 1 + r + r^2 q(r) on |r| <= ln 2 / 2 (relative error 2^-28, 2^-57)
_EXP = {
    "float": (0.49999994, 0.166665152, 0.041668456, 0.00836941972, 0.00138131459),
    "double": (
        0.5000000000000012, 0.16666666666666383, 0.04166666666651933, 0.008333333333509056,
        0.0013888888946895913, 0.00019841269483969375, 2.48014893639795e-05,
        2.755759862623484e-06, 2.763168616029782e-07, 2.4998656448760518e-08,
    ),
}  # fmt: skip
# expm1(r) = r + r^2 q(r) on |r| <= ln 2 / 2 (2^-31, 2^-68)
_EXPM1 = {
    "float": (0.5, 0.166666672, 0.0416663401, 0.00833329745, 0.00139421597, 0.000199004411),
    "double": (
        0.5, 0.16666666666666666, 0.04166666666666669, 0.008333333333333335,
        0.001388888888887048, 0.0001984126984125757, 2.4801587353097503e-05,
        2.7557319258319924e-06, 2.7557249168853017e-07, 2.5052061689452825e-08,
        2.0922481826949526e-09, 1.6089523400634991e-10,
    ),
}  # fmt: skip
# float: log(1 + f) = f - f^2/2 + f^3 P(f); double: = f - f^2/2 + s (f^2/2 + z P(z)) with s =
# f/(2+f), z = s^2; on 1 + f in [sqrt(1/2), sqrt(2)] (2^-30, 2^-58)
_LOG = {
    "float": (
        0.333333105, -0.250000089, 0.200022176, -0.16668193, 0.142175406, -0.124004588,
        0.118988246, -0.117135547, 0.067691803,
    ),
    "double": (
        0.6666666666666745, 0.3999999999933934, 0.28571428760596534, 0.22222196569880845,
        0.18183674843824657, 0.1531107188334701, 0.14827156805873465,
    ),
}  # fmt: skip
# sinh(x) = x + x^3 P(x^2) on |x| <= 1
_SINH = {
    "float": (0.166666672, 0.00833335053, 0.000198360663, 2.81743951e-06),
    "double": (
        0.16666666666666669, 0.008333333333333139, 0.0001984126984143768,
        2.7557319155336905e-06, 2.5052123398551906e-08, 1.6057240341493977e-10,
        7.759312195864424e-13,
    ),
}  # fmt: skip


def power_of_two(k: Num, like: Num) -> Num:
    """2^k for an integer k in the normal range."""
    form = format_of(like)
    return ((k + form.bias) << form.mantissa).as_float()


def scale(p: Num, k: Num) -> Num:
    """p * 2^k, rounded once, also where 2^k itself is not normal."""
    half = k.ashr(1)
    return p * power_of_two(half, p) * power_of_two(k - half, p)


def reduce_exp(x: Num) -> tuple[Num, Num]:
    """(r, k) with x = k ln 2 + r, |r| <= ln 2 / 2, k an integer register."""
    r, shifted = _reduce(x, format_of(x).round_)
    return r, shifted.bits() - x.lift(format_of(x).round_).bits()


def reduce_biased(x: Num, bias: int) -> tuple[Num, Num]:
    """(r, bits of k + bias as a float's exponent) for k and r as in `reduce_exp`."""
    form = format_of(x)
    r, shifted = _reduce(x, form.round_ + bias)
    return r, shifted.bits() << form.mantissa


def _reduce(x: Num, round_: float) -> tuple[Num, Num]:
    """(r, round_ + k)."""
    form = format_of(x)
    shifted = fma(x, LOG2E, round_)
    n = shifted - round_
    return fma(n, -form.ln2_low, fma(n, -form.ln2_high, x)), shifted


def clamp(x: Num, low: float, high: float) -> Num:
    """x within [low, high]; NaN stays."""
    x = where(x < low, low, x)
    return where(x > high, high, x)


def exp(x: Num) -> Num:
    """p 2^k as p * 2^(k+64) * 2^-64 for x < 0, else p * 2^(k-1) * 2: only the last multiplication
    rounds or overflows.
    """
    form = format_of(x)
    x = clamp(x, *form.exp_range)
    r, exponent = reduce_biased(x, 0)
    negative = x.bits() < 0
    low, high = (form.bias + move << form.mantissa for move in (64, -1))
    power = (exponent + where(negative, exponent.lift(low), high)).as_float()
    return _exp_reduced(r) * power * where(negative, x.lift(2.0**-64), 2.0)


def exp_negative(x: Num) -> Num:
    """exp(x) for x < 1 or NaN."""
    form = format_of(x)
    low = form.exp_range[0]
    r, power = reduce_biased(where(x < low, low, x), form.bias + 64)
    return _exp_reduced(r) * power.as_float() * 2.0**-64


def _exp_reduced(r: Num) -> Num:
    square = r * r
    return fma(square, paired(r, square, _EXP[r.element]), r) + 1.0


def expm1_reduced(r: Num) -> Num:
    square = r * r
    return fma(square, paired(r, square, _EXPM1[r.element]), r)


def expm1(x: Num) -> Num:
    """2^k (p + 1) - 1 = 2 (h p + (h - 1/2)) with h = 2^(k-1), which cannot overflow too early."""
    form = format_of(x)
    low = -20.0 if form is FLOAT else -40.0
    r, power = reduce_biased(clamp(x, low, form.exp_range[1]), form.bias - 1)
    h = power.as_float()
    result = fma(h, expm1_reduced(r), h - 0.5)
    return where(x.abs() < form.tiny, x, result + result)


def tanh(x: Num) -> Num:
    """q = m / (m + 2) with m = expm1(2 |x|), less what rounding m + 2 added: 1 / (m + 2) = (1 - q)
    / 2.
    """
    form = format_of(x)
    limit = 9.5 if form is FLOAT else 20.0
    size = x.abs()
    double = where(size > limit, limit, size)
    r, power = reduce_biased(double + double, form.bias)
    h = power.as_float()
    m = fma(h, expm1_reduced(r), h - 1.0)
    d = m + 2.0
    q = m / d
    lost = where(m < 1024.0, m - (d - 2.0), 0.0)
    q = fma(q * lost, fma(q, 0.5, -0.5), q)
    return where(size < form.tiny, x, q.copysign(x))


def sigmoid(x: Num) -> Num:
    """q = 1 / (1 + e) for x >= 0, e / (1 + e) for x < 0, with e = exp(-|x|): no overflow; less what
    rounding 1 + e added: 1 / (1 + e) is q or 1 - q."""
    e = exp_negative(-x.abs())
    negative = x < 0
    d = e + 1.0
    q = where(negative, e, 1.0) / d
    lost = e - (d - 1.0)
    return fma(-(q * lost), where(negative, 1.0 - q, q), q)


def sinh(x: Num) -> Num:
    """A polynomial below 1; t - 1/(4t) with t = exp|x| / 2 above."""
    size = x.abs()
    z = x * x
    small = fma(x * z, polynomial(z, _SINH[x.element]), x)
    t = _half_exp(size)
    return where(size < 1.0, small, (t - 0.25 / t).copysign(x))


def cosh(x: Num) -> Num:
    t = _half_exp(x.abs())
    return t + 0.25 / t


def _half_exp(size: Num) -> Num:
    """exp(x) / 2 for x >= 0, finite as long as sinh(x) is."""
    limit = 90.0 if size.element == "float" else 720.0
    r, k = reduce_exp(where(size > limit, limit, size))
    return scale(_exp_reduced(r), k - 1)


def split(x: Num) -> tuple[Num, Num]:
    """(k, m) with x = 2^k m and m in [sqrt(1/2), sqrt(2)), for normal positive x; k an integer."""
    form = format_of(x)
    bits = x.bits()
    k = (bits - x.lift(0.5**0.5).bits()).ashr(form.mantissa)
    return k, (bits - (k << form.mantissa)).as_float()


def split_any(x: Num) -> tuple[Num, Num]:
    """`split` for denormal numbers too, with k as a float."""
    form = format_of(x)
    up = form.mantissa + 2
    small = x < form.smallest
    k, m = split(where(small, x * 2.0**up, x))
    exponent = to_float(k, x)
    return where(small, exponent - float(up), exponent), m


def to_float(k: Num, like: Num) -> Num:
    """A small integer as a float, without a conversion instruction for 64 bits."""
    form = format_of(like)
    if form is FLOAT:
        return k.cast("sitofp", "float")
    return (k + like.lift(form.round_).bits()).as_float() - form.round_


def _log1p_reduced(f: Num, exponent: Num, correction: Num | float) -> Num:
    """exponent * ln 2 + log(1 + f) + correction."""
    form = format_of(f)
    z = f * f
    if form is FLOAT:
        tail = fma(z, -0.5, f * z * paired(f, z, _LOG["float"]))
    else:
        s = f / (f + 2.0)
        half = z * 0.5
        w = s * s
        tail = fma(s, fma(w, polynomial(w, _LOG["double"]), half), -half)
    tail = fma(exponent, form.ln2_low, tail + correction if isinstance(correction, Num) else tail)
    return fma(exponent, form.ln2_high, f + tail)


def log(x: Num) -> Num:
    exponent, m = split_any(x)
    result = _log1p_reduced(m - 1.0, exponent, 0.0)
    result = where(x.eq(0.0), -INF, result)
    result = where(x < INF, result, x)  # infinity and NaN
    return where(x < 0.0, NAN, result)


def log1p(x: Num) -> Num:
    """log(u) + c / u with u = 1 + x rounded and c what the rounding lost."""
    form = format_of(x)
    u = x + 1.0
    k, m = split(u)
    lost = where(x > 1.0, 1.0 - (u - x), x - (u - 1.0)) / u
    result = _log1p_reduced(m - 1.0, to_float(k, x), lost)
    result = where(x.eq(-1.0), -INF, result)
    result = where(x < INF, result, x)
    result = where(x < -1.0, NAN, result)
    return where(x.abs() < form.tiny, x, result)


def asinh(x: Num) -> Num:
    """log1p(|x| + x^2 / (1 + sqrt(1 + x^2))), for huge x log|x| + ln 2."""
    size, huge = x.abs(), 2.0 ** (format_of(x).mantissa + 5)
    big = size > huge
    y = where(big, 1.0, size)
    z = y * y
    inner = where(big, size, y + z / ((z + 1.0).sqrt() + 1.0))
    result = log1p(inner) + where(big, 0.6931471805599453, x.lift(0.0))
    return result.copysign(x)


def acosh(x: Num) -> Num:
    """log1p(t + sqrt(2t + t^2)) with t = x - 1, for huge x log x + ln 2."""
    big = x > 2.0 ** (format_of(x).mantissa + 5)
    t = where(big, 1.0, x) - 1.0
    inner = where(big, x, t + fma(t, t, t + t).sqrt())
    result = log1p(inner) + where(big, 0.6931471805599453, x.lift(0.0))
    return where(x < 1.0, NAN, result)


def atanh(x: Num) -> Num:
    """log1p(2|x| / (1 - |x|)) / 2."""
    size = x.abs()
    result = log1p((size + size) / (1.0 - size)) * 0.5
    return where(size > 1.0, NAN, result).copysign(x)
