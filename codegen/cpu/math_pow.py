"""Powers and remainders."""

from __future__ import annotations

from graphc.codegen.cpu.math_exp import (
    INF,
    NAN,
    clamp,
    expm1_reduced,
    power_of_two,
    reduce_exp,
    scale,
    split_any,
)
from graphc.codegen.cpu.numeric import Num, fma, polynomial, where
from graphc.codegen.cpu.points import any_lane

# log2((1 + s)/(1 - s)) = s P(s^2) on |s| <= (sqrt 2 - 1)/(sqrt 2 + 1) (2^-43, of 2^-34 needed)
_LOG2 = (
    2.8853900817778397, 0.96179669413388, 0.5770779359548539, 0.41220993926102495,
    0.3198760949007474, 0.2833414606401881,
)  # fmt: skip
# 2^r on |r| <= 1/2 (2^-40)
_EXP2 = (
    0.9999999999997629, 0.6931471805465118, 0.2402265069887683, 0.055504109393484095,
    0.00961812854345848, 0.001333345205679749, 0.00015403851405383802, 1.5309738710375085e-05,
    1.317592169831258e-06,
)  # fmt: skip
# log((1 + s)/(1 - s)) = 2s + s^3 (2/3 + z (2/5 + z Q(z))), z = s^2; Q by its series
_LOG_TAIL = tuple(2.0 / k for k in (7, 9, 11, 13, 15, 17, 19, 21, 23, 25))
_TWO_THIRDS = (0.6666666666666666, float.fromhex("0x1.5555555555555p-55"))
_TWO_FIFTHS = (0.4, float.fromhex("-0x1.999999999999ap-56"))
_LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
_SHIFT = 6755399441055744.0

Pair = tuple[Num, Num]  # an unevaluated sum, the first part nearest to the whole


def power(x: Num, y: Num) -> Num:
    """x ** y as C's pow: float through double, double through pairs of doubles."""
    if x.element == "float":
        wide_x, wide_y = x.cast("fpext", "double"), y.cast("fpext", "double")
        size = _power_of_size(wide_x.abs(), wide_y).cast("fptrunc", "float")
    else:
        size = _power_of_size_exact(x.abs(), y)
    whole = y.eq(x.code.intrinsic("trunc", y))
    half = y * 0.5
    odd = whole & half.ne(x.code.intrinsic("trunc", half)) & (y.abs() < INF)
    negative = x.bits() < 0
    result = where(negative & odd, -size, size)
    impossible = (x < 0.0) & ~whole & (x > -INF)
    result = where(impossible, NAN, result)
    result = where(x.is_nan() | y.is_nan(), NAN, result)
    return where(y.eq(0.0) | x.eq(1.0), 1.0, result)


def _edges(size: Num, product: Num, y: Num) -> Num:
    """y log|x| where |x| is 0, 1 or infinite."""
    infinite = size.eq(INF) | size.eq(0.0)
    at_infinity = where(size.eq(INF), y, -y) * INF
    return where(size.eq(1.0), 0.0, where(infinite, at_infinity, product))


def _power_of_size(size: Num, y: Num) -> Num:
    """|x| ** y in double, good to 2^-34 (for results in float)."""
    exponent, m = split_any(size)
    s = (m - 1.0) / (m + 1.0)
    logarithm = fma(s, polynomial(s * s, _LOG2), exponent)
    t = clamp(_edges(size, y * logarithm, y), -400.0, 400.0)
    shifted = t + _SHIFT
    r = t - (shifted - _SHIFT)
    k = shifted.bits() - t.lift(_SHIFT).bits()
    return polynomial(r, _EXP2) * power_of_two(k, t)


def _two_sum(a: Num, b: Num) -> Pair:
    """a + b exactly, |a| >= |b| or a == 0."""
    total = a + b
    return total, b - (total - a)


def _product(a: Num, b: Num) -> Pair:
    """a * b exactly."""
    p = a * b
    if a.code.features.fma:
        return p, fma(a, b, -p)
    (a1, a2), (b1, b2) = _halves(a), _halves(b)  # Dekker
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def _halves(x: Num) -> Pair:
    """x as a sum of two numbers with half the bits (Veltkamp)."""
    up = x * 134217729.0
    high = up - (up - x)
    return high, x - high


def _multiply(a: Pair, b: Pair) -> Pair:
    p, e = _product(a[0], b[0])
    return _two_sum(p, fma(a[0], b[1], fma(a[1], b[0], e)))


def _add(a: Pair, b: Pair) -> Pair:
    """a + b, |a| >= |b|."""
    total, e = _two_sum(a[0], b[0])
    return _two_sum(total, e + (a[1] + b[1]))


def _power_of_size_exact(size: Num, y: Num) -> Num:
    """|x| ** y: exp(y log|x|) with the logarithm and the product as pairs."""
    high, low = _log_pair(size)
    product, error = _product(y, high)
    error = fma(y, low, error)
    limited = clamp(_edges(size, product, y), -800.0, 800.0)
    error = where(product.abs() < 800.0, error, 0.0)
    error = where(size.eq(1.0), 0.0, error)
    r, k = reduce_exp(limited)
    grown = expm1_reduced(r)
    return scale((grown + fma(grown, error, error)) + 1.0, k)


def _log_pair(x: Num) -> Pair:
    """log x as a pair, relative error about 2^-66, for finite x > 0."""
    exponent, m = split_any(x)
    f = m - 1.0
    d = m + 1.0
    d_low = m - (d - 1.0)
    inverse = 1.0 / d
    s = f * inverse
    back, error = _product(s, d)
    s_low = (((f - back) - error) - s * d_low) * inverse
    pair = _two_sum(s, s_low)
    z = _multiply(pair, pair)
    tail = z[0] * polynomial(z[0], _LOG_TAIL)
    five = _add((x.lift(_TWO_FIFTHS[0]), x.lift(_TWO_FIFTHS[1])), (tail, x.lift(0.0)))
    three = _add((x.lift(_TWO_THIRDS[0]), x.lift(_TWO_THIRDS[1])), _multiply(z, five))
    cube = _multiply(_multiply(pair, z), three)
    log_m = _add((pair[0] + pair[0], pair[1] + pair[1]), cube)
    base = exponent * _LN2[0]  # exact
    total, e = _two_sum(base, log_m[0])
    total, e = where(base.eq(0.0), log_m[0], total), where(base.eq(0.0), 0.0, e)
    return _two_sum(total, e + fma(exponent, _LN2[1], log_m[1]))


def fmod(x: Num, y: Num) -> Num:
    """x - n y with n = trunc(x / y), exactly, by subtracting multiples q y that are exact.

    With q the leading 50 bits of the quotient r / y, the rest r - q y is a number of the format, so
    one fma gives it exactly.
    """
    if x.element == "float":
        rest = _fmod_loop(x.cast("fpext", "double").abs(), y.cast("fpext", "double").abs())
        rest = rest.cast("fptrunc", "float")
    else:
        rest = _fmod_loop(x.abs(), y.abs())
    bad = x.is_nan() | y.is_nan() | x.abs().eq(INF) | y.eq(0.0)
    result = where(y.abs().eq(INF), x, rest.copysign(x))
    return where(bad, NAN, result)


def _fmod_loop(size: Num, divisor: Num) -> Num:
    """The rest of size / divisor in each lane; 0 where that has no meaning."""
    code, builder = size.code, size.code.builder
    sane = (size < INF) & (divisor > 0.0) & (divisor < INF)
    memory = builder.entry("rest.p", f"alloca {size.type}, align 64")
    builder.line(f"store {size.type} {where(sane, size, 0.0).name}, ptr {memory}, align 64")
    safe = where(sane, divisor, 1.0)
    loop, work, end = (builder.label(name) for name in ("step", "reduce", "done"))
    builder.line(f"br label %{loop}")
    builder.begin_block(loop)
    rest = code.num(builder.here("rest", f"load {size.type}, ptr {memory}, align 64"), "double")
    left = rest >= safe
    some = any_lane(builder, left.name, code.width)
    builder.line(f"br i1 {some}, label %{work}, label %{end}")
    builder.begin_block(work)
    unit = safe
    for _ in range(2):  # where the quotient overflows, subtract multiples of a large multiple first
        unit = where((rest / unit).eq(INF), unit * 2.0**900, unit)
    ratio = rest / unit
    integer = ratio < 2.0**49
    q = where(integer, code.intrinsic("trunc", ratio), (ratio.bits() & -8).as_float())
    smaller = code.intrinsic("fma", -q, unit, rest)
    below = where(integer, q - 1.0, (q.bits() - 8).as_float())  # the quotient was rounded up
    smaller = where(smaller < 0.0, code.intrinsic("fma", -below, unit, rest), smaller)
    builder.line(f"store {size.type} {where(left, smaller, rest).name}, ptr {memory}, align 64")
    builder.line(f"br label %{loop}")
    builder.begin_block(end)
    return rest


def integer_power(x: Num, y: Num) -> Num:
    """x ** y by repeated squaring, wrapping; a negative exponent gives 0."""
    return where(y < 0, 0, unsigned_power(x, where(y < 0, 0, y)))


def unsigned_power(x: Num, y: Num) -> Num:
    """x ** y by repeated squaring, wrapping, y without sign."""
    code, builder = x.code, x.code.builder
    names = ("power", "square", "left")
    places = [builder.entry(f"{name}.p", f"alloca {x.type}, align 64") for name in names]
    for place, start in zip(places, (x.lift(1), x, y), strict=True):
        builder.line(f"store {x.type} {start.name}, ptr {place}, align 64")
    loop, end = builder.label("step"), builder.label("done")
    builder.line(f"br label %{loop}")
    builder.begin_block(loop)
    result, square, left = (
        code.num(builder.here(name, f"load {x.type}, ptr {place}, align 64"), x.element)
        for name, place in zip(names, places, strict=True)
    )
    result = where((left & 1).ne(0), result * square, result)
    left = left >> 1
    for place, value in zip(places, (result, square * square, left), strict=True):
        builder.line(f"store {x.type} {value.name}, ptr {place}, align 64")
    more = any_lane(builder, left.ne(0).name, code.width)
    builder.line(f"br i1 {more}, label %{loop}, label %{end}")
    builder.begin_block(end)
    return result
