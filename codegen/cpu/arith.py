"""Arithmetic: every op of `SCALAR_OPS` and the conversions, on registers of any width.

Nothing here is undefined behaviour: divisors are made safe first, shift counts are masked, float to
int saturates. Failures (division by zero) are recorded by `body`; here they just give 0.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.cpu import vecmath
from graphc.codegen.cpu.numeric import BITS, Num, fma, where
from graphc.codegen.cpu.philox import philox
from graphc.codegen.cpu.text import element_type, suffix
from graphc.codegen.kernel import MATH
from graphc.ir.dtypes import DType

_COMPARISONS = {
    # name: (float, signed, unsigned predicate)
    "eq": ("oeq", "eq", "eq"), "ne": ("une", "ne", "ne"),
    "lt": ("olt", "slt", "ult"), "le": ("ole", "sle", "ule"),
    "gt": ("ogt", "sgt", "ugt"), "ge": ("oge", "sge", "uge"),
}  # fmt: skip


def scalar_op(op: str, dtype: DType, *args: Num) -> Num:
    """The value of `op` on registers; `dtype` is the arguments' element type (its signedness
    counts).

    For select it is the type of the second argument. Integer division by zero gives 0.
    """
    if op == "select":
        return where(args[0], args[1], args[2])
    if op in _COMPARISONS:
        kind = 0 if dtype.is_floating else 1 if dtype.kind == "int" else 2
        return args[0].compare(_COMPARISONS[op][kind], args[1])
    if op == "philox":
        return philox(*args)
    if dtype.name == "float16" and (op in MATH or op in ("rem", "floormod")):
        wide = [x.cast("fpext", "float") for x in args]
        return _FLOAT[op](*wide).cast("fptrunc", "half")
    if dtype.is_floating:
        return _FLOAT[op](*args)
    if dtype.is_bool:
        return _BOOL[op](*args)
    return _UNSIGNED[op](*args) if dtype.is_unsigned and op in _UNSIGNED else _INT[op](*args)


def convert(x: Num, source: DType, target: DType) -> Num:
    """x as `target`, as in C, but float to int saturates, NaN becomes 0, and to bool is x != 0."""
    element = element_type(target)
    if source == target:
        return x
    if target.is_bool:
        return x.ne(0)
    if source.is_floating:
        if target.is_floating:
            wider = BITS[element] > BITS[x.element]
            return x.cast("fpext" if wider else "fptrunc", element)
        return _convert_saturating(x, target)
    signed = source.kind == "int"
    if target.is_floating:
        return x.cast("sitofp" if signed else "uitofp", element)
    if BITS[element] == BITS[x.element]:
        return x
    if BITS[element] < BITS[x.element]:
        return x.cast("trunc", element)
    return x.cast("sext" if signed else "zext", element)


def _convert_saturating(x: Num, target: DType) -> Num:
    code, element = x.code, element_type(target)
    low, high = int(target.min), int(target.max)
    if x.element != "half" and high < 2**31:
        # clamped, conversion to i32 cannot fail; 2^31 - 1 itself is no float32
        top = float(high) if high < 2**24 or x.element == "double" else float(2**31 - 128)
        inside = where(x > low, x, low)
        inside = where(inside < top, inside, top)
        number = where(x.is_nan(), 0, inside.cast("fptosi", "i32"))
        if top != high:
            number = where(x > top, high, number)
        return number.cast("trunc", element)
    name = "fptoui.sat" if target.is_unsigned else "fptosi.sat"
    mangled = f"{suffix(element, code.width)}.{suffix(x.element, code.width)}"
    text = f"call {code.type(element)} @llvm.{name}.{mangled}({x.type} {x.name})"
    return code.let(text, element, "toint")


def maximum(x: Num, y: Num) -> Num:
    """The greater float; NaN if either is NaN.

    `a > b ? a : b` gives b whenever either is NaN, so one that is known to be a number goes first.
    """
    if _is_number(x) or _is_number(y):
        x, y = (x, y) if _is_number(x) else (y, x)
        return where(x > y, x, y)
    return where(x.is_nan(), x, where(x > y, x, y))


def minimum(x: Num, y: Num) -> Num:
    """The lesser float; NaN if either is NaN."""
    if _is_number(x) or _is_number(y):
        x, y = (x, y) if _is_number(x) else (y, x)
        return where(x < y, x, y)
    return where(x.is_nan(), x, where(x < y, x, y))


def _is_number(x: Num) -> bool:
    """Whether x is a float constant other than NaN."""
    if not is_literal(x):
        return False
    bits = int(
        x.name.removeprefix(f"splat ({x.element} ").removesuffix(")").removeprefix("0xH"), 16
    )
    exponent, sign = (0x7C00, 1 << 15) if x.element == "half" else (0x7FF << 52, 1 << 63)
    return bits & sign - 1 <= exponent


def _sign(x: Num) -> Num:
    return where(x > 0, 1.0, where(x < 0, -1.0, where(x.is_nan(), x, 0.0)))


def _intrinsic(name: str) -> Callable[[Num], Num]:
    return lambda x: x.code.intrinsic(name, x)


def _intrinsic2(name: str) -> Callable[[Num, Num], Num]:
    return lambda x, y: x.code.intrinsic(name, x, y)


def _math(op: str) -> Callable[..., Num]:
    return lambda *args: vecmath.call(op, *args)


def _floormod_float(x: Num, y: Num) -> Num:
    """x - floor(x / y) * y exactly: the C remainder moved to y's side of zero."""
    r = vecmath.call("fmod", x, y)
    moved = where((r < 0) ^ (y < 0), r + y, r)
    return where(r.eq(0), r.lift(0.0).copysign(y), moved)


_FLOAT: dict[str, Callable[..., Num]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "rem": _math("fmod"),
    "floordiv": lambda x, y: (x / y).floor(),
    "floormod": _floormod_float,
    "max": maximum,
    "min": minimum,
    "fma": lambda x, y, z: _exact_fma(x, y, z),
    "neg": lambda x: -x,
    "abs": lambda x: x.abs(),
    "sign": _sign,
    "sqrt": lambda x: x.sqrt(),
    "rsqrt": lambda x: 1.0 / x.sqrt(),
    "floor": lambda x: x.floor(),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "rint": _intrinsic("roundeven"),
    "isnan": lambda x: x.is_nan(),
    "isinf": lambda x: x.abs().eq(float("inf")),
    "isfinite": lambda x: x.abs() < float("inf"),
    **{name: _math(name) for name in sorted(MATH)},
}


def _exact_fma(x: Num, y: Num, z: Num) -> Num:
    """fma as an op promises one rounding, so without the instruction it is a library call."""
    return x.code.intrinsic("fma", x, y, z) if not x.code.features.fma else fma(x, y, z)


_BOOL: dict[str, Callable[..., Num]] = {
    "and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y,
    "not": lambda x: ~x, "max": lambda x, y: x | y, "min": lambda x, y: x & y,
    "add": lambda x, y: x | y, "mul": lambda x, y: x & y, "sub": lambda x, y: x ^ y,
}  # fmt: skip


def _shift(op: str) -> Callable[[Num, Num], Num]:
    def shift(x: Num, y: Num) -> Num:
        count = y & (BITS[x.element] - 1)
        return {"shl": x.__lshift__, "ashr": x.ashr, "lshr": x.__rshift__}[op](count)

    return shift


def is_literal(x: Num) -> bool:
    """Whether x is written as a constant."""
    return not x.name.startswith("%")


def literal_int(x: Num) -> int | None:
    """The value of an integer constant operand (plain or splat), else None."""
    if not is_literal(x):
        return None
    text = x.name.removeprefix(f"splat ({x.element} ").removesuffix(")")
    return int(text) if text.lstrip("-").isdigit() else None


def _quotient(x: Num, y: Num) -> Num:
    """Truncated x / y of signed integers, y not 0 and not -1."""
    bits = BITS[x.element]
    if x.code.width is None or bits == 64:
        return _binary("sdiv", x, y)
    # The float quotient is exact enough: a quotient below an integer k is below it by at least
    # 1/|x|, which is far more than the rounding error of the wider type.
    wide = "float" if bits < 32 else "double"
    ratio = x.cast("sitofp", wide) / y.cast("sitofp", wide)
    return ratio.cast("fptosi", "i32").cast("trunc", x.element)


def _binary(op: str, x: Num, y: Num) -> Num:
    return x.code.let(f"{op} {x.type} {x.name}, {y.name}", x.element)


def _divide(x: Num, y: Num) -> Num:
    known = literal_int(y)
    if known == 0:
        return x.lift(0)
    if known is not None:
        return -x if known == -1 else _binary("sdiv", x, y)
    zero, minus = y.eq(0), y.eq(-1)
    quotient = _quotient(x, where(zero | minus, 1, y))
    return where(zero, 0, where(minus, -x, quotient))


def _divide_unsigned(x: Num, y: Num) -> Num:
    known = literal_int(y)
    if known is not None:
        return _binary("udiv", x, y) if known else x.lift(0)
    zero = y.eq(0)
    safe = where(zero, 1, y)
    if x.code.width is not None and BITS[x.element] < 32:
        ratio = x.cast("uitofp", "float") / safe.cast("uitofp", "float")
        quotient = ratio.cast("fptosi", "i32").cast("trunc", x.element)
    else:
        quotient = _binary("udiv", x, safe)
    return where(zero, 0, quotient)


def _remainder(divide: Callable[[Num, Num], Num]) -> Callable[[Num, Num], Num]:
    return lambda x, y: where(y.eq(0), 0, x - divide(x, y) * y)


def _floor_divide(x: Num, y: Num) -> Num:
    quotient = _divide(x, y)
    inexact = (x - quotient * y).ne(0) & ((x ^ y) < 0) & y.ne(0)
    return where(inexact, quotient - 1, quotient)


def _floor_mod(x: Num, y: Num) -> Num:
    r = _remainder(_divide)(x, y)
    return where(r.ne(0) & ((r ^ y) < 0), r + y, r)


def _integer_power(x: Num, y: Num) -> Num:
    """x ** y by repeated squaring, wrapping; 0 for a negative exponent (recorded by `body`)."""
    return vecmath.call("ipow", x, y)


def _absolute(x: Num) -> Num:
    return where(x < 0, -x, x)


_INT: dict[str, Callable[..., Num]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": _divide,
    "rem": _remainder(_divide),
    "floordiv": _floor_divide,
    "floormod": _floor_mod,
    "pow": _integer_power,
    "max": _intrinsic2("smax"),
    "min": _intrinsic2("smin"),
    "neg": lambda x: -x,
    "abs": _absolute,
    "sign": lambda x: x.code.intrinsic("smin", x.code.intrinsic("smax", x, x.lift(-1)), x.lift(1)),
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "not": lambda x: ~x,
    "shl": _shift("shl"),
    "shr": _shift("ashr"),
}
_UNSIGNED: dict[str, Callable[..., Num]] = {
    "div": _divide_unsigned,
    "rem": _remainder(_divide_unsigned),
    "floordiv": _divide_unsigned,
    "floormod": _remainder(_divide_unsigned),
    "pow": lambda x, y: vecmath.call("upow", x, y),
    "max": _intrinsic2("umax"),
    "min": _intrinsic2("umin"),
    "abs": lambda x: x,
    "sign": lambda x: x.code.intrinsic("umin", x, x.lift(1)),
    "shr": _shift("lshr"),
    "mulhi": lambda x, y: ((x.cast("zext", "i64") * y.cast("zext", "i64")) >> 32).cast(
        "trunc", "i32"
    ),
}
