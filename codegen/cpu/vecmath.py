"""Vector mathematics without a library: elementary and special functions on registers of any width.

Each (function, type) that a kernel needs becomes one LLVM function of its module, such as
`@tanh.v16f32`, written from the same formula for scalars and vectors, float and double. Light ones
are inlined. `math_exp`, `math_trig`, `math_pow`, `math_special` hold the formulas.

Conventions: results are right to a few units in the last place everywhere, including denormals,
signed zeros, infinities, NaN and huge arguments; coefficients are minimax (Remez) on the range that
each comment gives.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.cpu import math_exp, math_pow, math_special, math_trig
from graphc.codegen.cpu.functions import Formula, apply
from graphc.codegen.cpu.numeric import Code, Num

FORMULAS: dict[str, Formula] = {
    "exp": math_exp.exp,
    "expm1": math_exp.expm1,
    "log": math_exp.log,
    "log1p": math_exp.log1p,
    "sinh": math_exp.sinh,
    "cosh": math_exp.cosh,
    "tanh": math_exp.tanh,
    "asinh": math_exp.asinh,
    "acosh": math_exp.acosh,
    "atanh": math_exp.atanh,
    "sigmoid": math_exp.sigmoid,
    "sin": math_trig.sin,
    "cos": math_trig.cos,
    "tan": math_trig.tan,
    "asin": math_trig.asin,
    "acos": math_trig.acos,
    "atan": math_trig.atan,
    "atan2": math_trig.atan2,
    "pow": math_pow.power,
    "fmod": math_pow.fmod,
    "ipow": math_pow.integer_power,
    "upow": math_pow.unsigned_power,
    "erf": math_special.erf,
    "erfc": math_special.erfc,
    "lgamma": math_special.lgamma,
    "digamma": math_special.digamma,
}
# Inlined where a vector fills few registers: a call would cost as much as the function.
_LIGHT = frozenset({"exp", "expm1", "log", "log1p", "tanh", "sigmoid", "sin", "cos"})
# Of these, the float version computes in double.
_THROUGH_DOUBLE = frozenset({"pow", "fmod", "lgamma", "digamma"})


def call(op: str, *args: Num) -> Num:
    """The value of `op` on `args` (one type), as a call of its function in this module.

    Vectors of doubles are cut into pieces of two registers, so that a formula's values fit the
    registers there are.
    """
    code, element = args[0].code, args[0].element
    width = code.width
    doubles = element in ("double", "i64") or (element == "float" and op in _THROUGH_DOUBLE)
    most = 16 if code.features.avx512 else 8
    if not doubles or width is None or width <= most:
        return apply(op, FORMULAS[op], args, inline=op in _LIGHT and not doubles)
    assert width % most == 0, (op, width)
    pieces = []
    for start in range(0, width, most):
        part = Code(code.builder, code.features, most, code.hint)
        sliced = [_slice(x, part, start) for x in args]
        pieces.append(apply(op, FORMULAS[op], sliced, inline=False))
    return _concatenate(pieces, code)


def _slice(x: Num, part: Code, start: int) -> Num:
    """`part.width` lanes of x from `start` on."""
    assert part.width is not None
    lanes = ", ".join(f"i32 {start + lane}" for lane in range(part.width))
    text = f"shufflevector {x.type} {x.name}, {x.type} poison, <{part.width} x i32> <{lanes}>"
    return part.let(text, x.element)


def _concatenate(pieces: Sequence[Num], whole: Code) -> Num:
    """One vector of pieces of equal width, joined in pairs."""
    while len(pieces) > 1:
        joined = []
        for low, high in zip(pieces[::2], pieces[1::2], strict=True):
            width = 2 * (low.code.width or 1)
            code = Code(whole.builder, whole.features, width, whole.hint)
            lanes = ", ".join(f"i32 {lane}" for lane in range(width))
            text = f"shufflevector {low.type} {low.name}, {low.type} {high.name}"
            joined.append(code.let(f"{text}, <{width} x i32> <{lanes}>", low.element))
        pieces = joined
    return whole.num(pieces[0].name, pieces[0].element)
