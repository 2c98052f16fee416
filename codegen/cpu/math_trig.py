"""Trigonometric functions and their inverses.

Arguments are reduced to [-pi/4, pi/4] by Cody and Waite's method with fma while n = x * 2/pi is
small, and by Payne and Hanek's otherwise, in a function that is called only then.
"""

from __future__ import annotations

from graphc.codegen.cpu.math_exp import NAN, format_of
from graphc.codegen.cpu.math_huge import reduce_huge
from graphc.codegen.cpu.numeric import Num, fma, polynomial, where
from graphc.codegen.cpu.points import any_lane

# sin(x) = x + x^3 S(x^2), cos(x) = 1 - x^2/2 + x^4 C(x^2) on |x| <= pi/4 (2^-28, 2^-57; 2^-33,
# 2^-63)
_SIN = {
    "float": (-0.166666538, 0.00833210815, -0.000195076573),
    "double": (
        -0.16666666666666624, 0.00833333333332069, -0.0001984126982838264,
        2.7557313183923004e-06, -2.5050676738217834e-08, 1.5891985982591235e-10,
    ),
}  # fmt: skip
_COS = {
    "float": (0.0416666456, -0.00138872757, 2.44276562e-05),
    "double": (
        0.04166666666666659, -0.0013888888888871794, 2.4801587287977017e-05,
        -2.7557313904954897e-07, 2.087566096775887e-09, -1.1356353859591185e-11,
    ),
}  # fmt: skip
# asin(x) = x + x^3 P(x^2) on |x| <= 1/2 (2^-27, 2^-56)
_ASIN = {
    "float": (0.166667536, 0.0749524236, 0.0454770587, 0.0241477918, 0.0422182456),
    "double": (
        0.16666666666665383, 0.07500000000343011, 0.044642856823501706, 0.030381959330573874,
        0.022371753539507405, 0.017359770846665176, 0.013884601243597349, 0.012173259827656054,
        0.006510942578611832, 0.019573649718044282, -0.016293654042721827, 0.031958667605880335,
    ),
}  # fmt: skip
# atan(x) = x + x^3 P(x^2) on |x| <= tan(pi/8) (2^-30, 2^-59)
_ATAN = {
    "float": (-0.333333135, 0.199984342, -0.142427415, 0.105873644, -0.0606053025),
    "double": (
        -0.33333333333333187, 0.1999999999994973, -0.14285714279788655, 0.11111110762227432,
        -0.09090897125801732, 0.07692048632818303, -0.06662968873715396, 0.0584688230483286,
        -0.05034670328830899, 0.03794454378061698, -0.017773478707839428,
    ),
}  # fmt: skip
# pi/2 in parts: full precision where fma makes n * part exact, short parts otherwise; and the
# largest |x| for which they serve.
_PARTS = {
    ("float", True): ("0x1.921fb6p+0", "-0x1.777a5cp-25", "-0x1.ee59dap-50"),
    ("double", True): (
        "0x1.921fb54442d18p+0", "0x1.1a62633145c07p-54", "-0x1.f1976b7ed8fbcp-110",
    ),
    ("float", False): ("0x1.921p+0", "0x1.f6ap-13", "0x1.11p-26", "0x1.68cp-39", "0x1.1a6p-54"),
    ("double", False): (
        "0x1.921fb54p+0", "0x1.10b46118p-30", "0x1.313198ap-61", "0x1.701b8398p-92",
    ),
}  # fmt: skip
_LIMIT = {
    ("float", True): 2.0**15, ("double", True): 2.0**30,
    ("float", False): 2.0**10, ("double", False): 2.0**21,
}  # fmt: skip
# pi as a sum of two numbers of the format
PI = {
    "float": (3.1415927410125732, -8.742277657347586e-08),
    "double": (3.141592653589793, 1.2246467991473532e-16),
}


def reduce(x: Num, huge: bool = True) -> tuple[Num, Num, Num]:
    """(r, low, q): x = (4j + q) pi/2 + r + low with |r| <= pi/4; q an integer register, mod 4.

    `huge`: whether x may be beyond the limit of Cody and Waite's method.
    """
    form = format_of(x)
    key = x.element, x.code.features.fma
    parts = [float.fromhex(part) for part in _PARTS[key]]
    shifted = fma(x, 0.6366197723675814, form.round_)
    n = shifted - form.round_
    q = shifted.bits()
    r = fma(n, -parts[0], x)  # exact
    low = x.lift(0.0)
    if x.code.features.fma:
        second = n * parts[1]
        first, r = r, r - second
        low = (first - r) - second  # what this rounding lost (r may be much smaller than both)
        low = low - fma(n, parts[1], -second)
        low = fma(n, -parts[2], low)
    else:  # every n * part is exact; the last ones may be larger than what is left of r
        for part in parts[1:]:
            term = n * -part
            total = r + term
            added = total - r
            low = low + ((r - (total - added)) + (term - added))
            r = total
        r, low = r + low, (r - (r + low)) + low
    if not huge:
        return r, low, q
    builder = x.code.builder
    big = x.abs() > _LIMIT[key]
    some = any_lane(builder, big.name, x.code.width)
    carried = [("r", x.type, r.name), ("low", x.type, low.name), ("q", q.type, q.name)]
    with builder.when("huge", some, carried) as region:
        huge_r, huge_q = reduce_huge(where(big, x, 1.0))
        region.next = (
            where(big, huge_r, r).name, where(big, 0.0, low).name, where(big, huge_q, q).name,
        )  # fmt: skip
    names = region.results
    code = x.code
    return (
        code.num(names[0], x.element),
        code.num(names[1], x.element),
        code.num(names[2], q.element),
    )


def _sin_reduced(r: Num, low: Num) -> Num:
    """sin(r + low), |r| <= pi/4: low enters through cos(r) ~ 1 - r^2/2."""
    z = r * r
    odd = r * z
    tail = fma(odd, polynomial(z, _SIN[r.element]), fma(low * z, -0.5, low))
    return r + tail


def _cos_reduced(r: Num, low: Num) -> Num:
    """cos(r + low): 1 - z/2 with its rounding error, + z^2 C(z) - r low."""
    z = r * r
    half = z * 0.5
    w = 1.0 - half
    lost = (1.0 - w) - half
    return w + (lost + fma(z * z, polynomial(z, _COS[r.element]), -(r * low)))


def _sin_quadrant(r: Num, low: Num, q: Num) -> Num:
    """sin(q pi/2 + r + low)."""
    value = where((q & 1).ne(0), _cos_reduced(r, low), _sin_reduced(r, low))
    shift = {"i32": 30, "i64": 62}[q.element]
    flip = (q & 2) << shift
    return (value.bits() ^ flip).as_float()


def sin(x: Num, huge: bool = True) -> Num:
    result = _sin_quadrant(*reduce(x, huge))
    return where(x.abs() < format_of(x).tiny, x, result)  # also keeps -0


def cos(x: Num) -> Num:
    r, low, q = reduce(x)
    return _sin_quadrant(r, low, q + 1)


def tan(x: Num, huge: bool = True) -> Num:
    r, low, q = reduce(x, huge)
    s, c = _sin_reduced(r, low), _cos_reduced(r, low)
    odd = (q & 1).ne(0)
    result = where(odd, -c, s) / where(odd, s, c)
    return where(x.abs() < format_of(x).tiny, x, result)


def _asin_reduced(x: Num, z: Num) -> Num:
    """asin(x) - x for |x| <= 1/2, z = x^2."""
    return x * z * polynomial(z, _ASIN[x.element])


def _asin_parts(x: Num) -> tuple[Num, Num, Num]:
    """For |x| > 1/2: asin|x| = pi/2 - 2 (s + low + asin_tail), s = sqrt((1 - |x|)/2)."""
    z = (1.0 - x.abs()) * 0.5
    s = z.sqrt()
    low = where(s > 0.0, fma(-s, s, z) / (s + s), 0.0)
    return s, low, _asin_reduced(s, z)


def asin(x: Num) -> Num:
    high, rest = (part * 0.5 for part in PI[x.element])
    s, low, tail = _asin_parts(x)
    large = high - (s + s - (rest - 2.0 * (low + tail)))
    small = x.abs() + _asin_reduced(x.abs(), x * x)
    return where(x.abs() <= 0.5, small, large).copysign(x)


def acos(x: Num) -> Num:
    high, rest = (part * 0.5 for part in PI[x.element])
    s, low, tail = _asin_parts(x)
    double = 2.0 * (s + (low + tail))
    negative = 2.0 * high - (double - 2.0 * rest)
    middle = high - (x - (rest - _asin_reduced(x, x * x)))
    return where(x.abs() <= 0.5, middle, where(x < 0.0, negative, double))


def _atan_ratio(n: Num, d: Num) -> tuple[Num, Num]:
    """atan(n / d) for 0 <= n <= d as a sum of two parts."""
    high, rest = (part * 0.25 for part in PI[n.element])
    turn = n > d * 0.41421356237309503  # tan(pi/8): atan(t) = pi/4 + atan((t - 1)/(t + 1))
    top, bottom = where(turn, n - d, n), where(turn, n + d, d)
    t = top / bottom
    error = fma(-t, bottom, top) / bottom  # what the division lost
    z = t * t
    tail = fma(t * z, polynomial(z, _ATAN[n.element]), error)
    return where(turn, high, n.lift(0.0)), _fast_sum(where(turn, rest, n.lift(0.0)), t, tail)


def _fast_sum(rest: Num, t: Num, tail: Num) -> Num:
    return t + (tail + rest)


def atan(x: Num) -> Num:
    size = x.abs()
    high, rest = (part * 0.5 for part in PI[x.element])
    outside = size > 1.0
    # for huge x the quotient's numerator is 1 and its error term vanishes
    n, d = where(outside, 1.0, size), where(outside, size, x.lift(1.0))
    huge = size > 2.0 ** (2 * format_of(x).mantissa)
    base, offset = _atan_ratio(n, where(huge, 1.0, d))
    flipped = high - (base - (rest - offset))
    result = where(huge, high, where(outside, flipped, base + offset))
    result = where(size < format_of(x).tiny, size, result)
    return where(x.is_nan(), x, result.copysign(x))


def atan2(y: Num, x: Num) -> Num:
    """The angle of (x, y): atan of the smaller over the larger, moved to its octant."""
    form = format_of(x)
    ax, ay = x.abs(), y.abs()
    steep = ay > ax
    n, d = where(steep, ax, ay), where(steep, ay, ax)
    both = (n.eq(d)) & (d.eq(float("inf")))
    n, d = where(both, 1.0, n), where(both, 1.0, d)
    # scale so that neither products nor the remainder under- or overflow
    large, small = d > 2.0 ** (form.bias - 3), d < 2.0 ** (3 - form.bias + 2 * form.mantissa)
    factor = where(large, 2.0**-8, where(small, 2.0 ** (2 * form.mantissa), x.lift(1.0)))
    n, d = n * factor, d * factor
    d = where(d.eq(0.0), 1.0, d)
    infinite = d.eq(float("inf"))
    base, offset = _atan_ratio(where(infinite, 0.0, n), where(infinite, 1.0, d))
    half, half_rest = (part * 0.5 for part in PI[x.element])
    base, offset = where(steep, half - base, base), where(steep, half_rest - offset, offset)
    left = x.bits() < 0
    whole, whole_rest = PI[x.element]
    base, offset = where(left, whole - base, base), where(left, whole_rest - offset, offset)
    result = (base + offset).copysign(y)
    return where(x.is_nan() | y.is_nan(), NAN, result)
