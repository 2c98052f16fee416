"""The error function and the gamma function's logarithm and its derivative."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

from graphc.codegen.cpu.functions import apply
from graphc.codegen.cpu.math_exp import INF, NAN, exp_negative, log
from graphc.codegen.cpu.math_trig import sin, tan
from graphc.codegen.cpu.numeric import Num, fma, polynomial, where

# erf(x) = x + x P(x^2) on |x| <= 1 (2^-29, 2^-62)
_ERF = {
    "float": (
        0.128379166, -0.37612626, 0.112835854, -0.0268538129, 0.00518832775, -0.000801019371,
        7.85386073e-05,
    ),
    "double": (
        0.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072903,
        0.005223977624780938, -0.000854832697874625, 0.00012055331037042933,
        -1.4925593510203918e-05, 1.64609728677924e-06, -1.6350025733547183e-07,
        1.465788308746588e-08, -1.1365677755616526e-09, 5.945280432035236e-11,
    ),
}  # fmt: skip
# erf(t) = 1 - exp(-T(t)) on [1, 4] (float), [1, 6] (double) (2^-35, 2^-62 in the result)
_ERF_TAIL = {
    "float": (
        -0.000188466438, 1.12958026, 0.633216441, 0.108422086, -0.0252103284, 0.00420528091,
        -0.000441471813, 2.16975423e-05,
    ),
    "double": (
        1.855412474021671e-08, 1.1283790100236244, 0.6366202844798995, 0.1027721485527806,
        -0.019130796683520628, -0.00019809953158894477, 0.001670033928177664,
        -0.0005478196439342754, -2.53401181866934e-05, 0.00011274865264491065,
        -6.569614200228496e-05, 2.4639230553038e-05, -6.894880339156106e-06,
        1.496910390090233e-06, -2.533848049254638e-07, 3.2970537068612586e-08,
        -3.193046749991161e-09, 2.1698934454723783e-10, -9.23448430392239e-12,
        1.8514256054081552e-13,
    ),
}  # fmt: skip
# erfc(x) exp(x^2) (1 + 2x) = H(u), u = (x - 4)/(x + 4), 0 <= x <= 10.2 (27.3) (2^-26, 2^-56)
_ERFC = {
    "float": (
        1.23299515, -0.139621064, 0.0153773576, 0.0680931434, -0.10099116, 0.0938232914,
        -0.0666272938, 0.0364133865, -0.0159338284, 0.00698327087, 0.000871810771,
    ),
    "double": (
        1.2329951186255526, -0.13962111684056286, 0.01537965210262014, 0.06809705425473353,
        -0.10103906603632361, 0.09373283499691482, -0.06633036581203777, 0.03716751556069841,
        -0.01619773405473161, 0.005031969770625113, -0.0007577733613686454,
        -0.0001992555795758356, 0.00015062228998238863, -2.440295385941932e-05,
        -1.1224821173642085e-05, 5.717498644032664e-06, 3.012730402239489e-07,
        -8.347663173646467e-07, 6.288827388831699e-08, 1.1516043615019058e-07,
        -7.841924573535705e-09, -1.3650016177850724e-08, -1.8001888874984652e-09,
    ),
}  # fmt: skip
# lgamma(x) = (x - 1)(x - 2) L(x - 7/4) on [3/4, 11/4] (2^-57)
_LGAMMA = (
    0.4501393121092563, -0.11948158662524272, 0.04452044719851076, -0.019053957830251583,
    0.00877637042515974, -0.004226194125699983, 0.002095533883310751, -0.0010605660808326767,
    0.0005448969287875369, -0.00028319054276600033, 0.00014851744604199783,
    -7.846248847322984e-05, 4.170052499821867e-05, -2.2276752443258682e-05,
    1.19737193783032e-05, -6.4577049842217646e-06, 3.4224239963757847e-06,
    -1.8342330286247466e-06, 1.1673724150415004e-06, -6.775000122498194e-07,
    5.617644256667337e-08, 2.848207522873152e-08, 4.0812413893632944e-07,
    -2.849562917729862e-07, -2.5776975815358505e-07, 1.8579002564835227e-07,
    1.8318054304514658e-07, -1.221203072443432e-07, -6.396516268475943e-08,
    4.139081525479883e-08, 1.3336751814725114e-08, -8.167917205373409e-09,
)  # fmt: skip
# Stirling: lgamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + sum B_2k / (2k (2k-1) x^(2k-1))
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
)
_HALF_LOG_2PI = 0.9189385332046728
# digamma(x) = log x - 1/(2x) - sum B_2k / (2k x^2k)
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
_LOG_PI = 1.1447298858494002


def erf(x: Num) -> Num:
    size = x.abs()
    z = x * x
    small = fma(x, polynomial(z, _ERF[x.element]), x)
    limit = 4.0 if x.element == "float" else 6.0
    t = where(size > limit, limit, size)
    large = (1.0 - exp_negative(-polynomial(t, _ERF_TAIL[x.element]))).copysign(x)
    return where(size <= 1.0, small, where(x.is_nan(), x, large))


def erfc(x: Num) -> Num:
    """H(u)/(1 + 2x) exp(-x^2) with the rounding error of x^2; 2 - erfc(-x) for x < 0; 1 - erf below
    1/2.
    """
    limit = 10.2 if x.element == "float" else 27.3
    size = x.abs()
    t = where(size > limit, limit, size)
    u = (t - 4.0) / (t + 4.0)
    square = t * t
    error = fma(t, t, -square)
    factor = polynomial(u, _ERFC[x.element]) / fma(t, 2.0, 1.0)
    e = exp_negative(-square)
    tail = fma(-error, e * factor, e * factor)
    z = x * x
    near = 1.0 - fma(x, polynomial(z, _ERF[x.element]), x)
    result = where(x < 0.0, 2.0 - tail, tail)
    result = where(size < 0.5, near, result)
    return where(x.is_nan(), x, result)


def shared_log(x: Num) -> Num:
    """log as a function, since a formula takes several."""
    return apply("log", log, [x], inline=False)


def _in_double(x: Num, formula: Callable[[Num], Num]) -> Num:
    if x.element == "double":
        return formula(x)
    return formula(x.cast("fpext", "double")).cast("fptrunc", "float")


def lgamma(x: Num) -> Num:
    """log|gamma(x)|; float through double."""
    return _in_double(x, _lgamma)


def _lgamma(x: Num) -> Num:
    """Reflection for x < 0: gamma(x) gamma(1 - x) = pi / sin(pi x)."""
    negative = x < 0.0
    positive = _lgamma_positive(where(negative, 1.0 - x, x))
    nearest = x.code.intrinsic("roundeven", x)
    mirrored = (_LOG_PI - shared_log(sin((x - nearest) * pi, huge=False).abs())) - positive
    result = where(negative, mirrored, positive)
    result = where(x.eq(nearest) & (x <= 0.0), INF, result)
    result = where(x.abs().eq(INF), INF, result)
    return where(x.is_nan(), x, result)


def _lgamma_positive(x: Num) -> Num:
    below = x < 0.75
    shifted = where(below, x + 1.0, x)
    middle = where(shifted > 8.0, 2.0, shifted)
    product = x.lift(1.0)
    for _ in range(6):  # down to [7/4, 11/4]
        down = middle >= 2.75
        lower = middle - 1.0
        product = where(down, product * lower, product)
        middle = where(down, lower, middle)
    core = (middle - 1.0) * (middle - 2.0) * polynomial(middle - 1.75, _LGAMMA)
    offset = shared_log(where(below, x, product))
    near = core + where(below, -offset, offset)
    far_x = where(shifted > 8.0, x, 8.0)
    inverse = 1.0 / far_x
    series = inverse * polynomial(inverse * inverse, _STIRLING)
    far = fma(far_x - 0.5, shared_log(far_x) - 1.0, (_HALF_LOG_2PI - 0.5) + series)
    return where(shifted > 8.0, far, near)


def digamma(x: Num) -> Num:
    """The derivative of lgamma; float through double."""
    return _in_double(x, _digamma)


def _digamma(x: Num) -> Num:
    reflected = x < 0.0
    y = where(reflected, 1.0 - x, x)
    top, bottom = y.lift(0.0), y.lift(1.0)
    shifted = y
    for _ in range(10):  # up to 10 and more: sum of 1/(y + k) as top / bottom
        low = shifted < 10.0
        top = where(low, fma(top, shifted, bottom), top)
        bottom = where(low, bottom * shifted, bottom)
        shifted = where(low, shifted + 1.0, shifted)
    inverse = 1.0 / shifted
    z = inverse * inverse
    value = shared_log(shifted) - inverse * 0.5 - z * polynomial(z, _DIGAMMA) - top / bottom
    nearest = x.code.intrinsic("roundeven", x)
    mirrored = value - pi / tan((x - nearest) * pi, huge=False)
    result = where(reflected, mirrored, value)
    result = where(x.eq(nearest) & (x <= 0.0), NAN, result)
    result = where(x.eq(INF), x, result)
    return where(x.is_nan() | x.eq(-INF), NAN, result)
