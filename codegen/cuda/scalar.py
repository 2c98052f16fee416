"""Scalar code: one instruction becomes one typed Python expression.

Every literal carries its dtype and every integer result is cast back to its own, because numba
widens (`int32 * int32` is int64 there). Products that might be contracted with an addition into an
fma are written as `libdevice.fmul_rn` or `dmul_rn`, which compilers leave alone: the float64
transforms behind random numbers give the same bits as on every other target.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.codegen.kernel import D, Instruction, Size
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.errors import UnimplementedError


def size_text(size: Size) -> str:
    return f"d{size.index}" if isinstance(size, D) else str(size)


def type_text(dtype: DType) -> str:
    """The name of a dtype in generated sources; bool values are numba's booleans."""
    if dtype.is_bool:
        return "boolean"
    if dtype.is_integer or dtype.name in ("float32", "float64"):
        return dtype.name
    raise UnimplementedError(None, None, f"the CUDA target does not compute with {dtype.name}")


def storage_text(dtype: DType) -> str:
    """The name of a dtype in memory, where a bool is a byte."""
    return "uint8" if dtype.is_bool else type_text(dtype)


def read_text(dtype: DType, element: str) -> str:
    """The value of an element of memory."""
    return f"{element} != uint8(0)" if dtype.is_bool else element


def written_text(dtype: DType, value: str) -> str:
    """What is stored for a value."""
    return f"uint8({value})" if dtype.is_bool else value


def literal(value: Any, dtype: DType) -> str:
    """A typed constant."""
    if dtype.is_bool:
        return str(bool(value))
    if not dtype.is_floating:
        return f"{type_text(dtype)}({int(value)})"
    number = float(value)
    if math.isnan(number):
        text = "nan"
    elif math.isinf(number):
        text = "inf" if number > 0 else "-inf"
    else:
        text = repr(number)
    return f"{type_text(dtype)}({text})"


def expression(i: Instruction, args: Sequence[str], source: DType | None, exact: bool) -> str:
    """The value of an arithmetic instruction.

    `args` are texts of its arguments, `source` is the first argument's dtype; with `exact` products
    are kept apart from additions.
    """
    match i.op:
        case "convert":
            assert source is not None
            return convert(args[0], source, i.dtype)
        case "bitcast":
            assert source is not None
            return _bitcast(args[0], source, i.dtype)
        case "check":
            bound, op = i.data
            return f"checked({args[0]}, {size_text(bound)}, {size_text(op)}, failure)"
        case "select":
            return f"{args[1]} if {args[0]} else {args[2]}"
        case "philox":
            return f"philox({', '.join(args)})"
        case "mulhi":
            return f"uint32((uint64({args[0]}) * uint64({args[1]})) >> uint64(32))"
    if i.op in _COMPARISONS:
        return f"{args[0]} {_COMPARISONS[i.op]} {args[1]}"
    assert source is not None, i
    if source.is_floating:
        return _float(i.op, args, source, exact)
    if source.is_bool:
        return _BOOL[i.op].format(*args)
    return _integer(i, args)


def combine(kind: str, dtype: DType, x: str, y: str) -> str:
    """`x kind y`, as reductions and accumulating stores need it."""
    if dtype.is_bool:
        return f"{x} & {y}" if kind in ("prod", "mul", "min", "all") else f"{x} | {y}"
    if kind in ("max", "min"):
        if dtype.is_floating:
            return f"{kind}imum({x}, {y})"
        return f"{x} if {x} {'>' if kind == 'max' else '<'} {y} else {y}"
    if kind == "div" and dtype.is_integer:
        return f"quotient_{dtype.name}({x}, {y})"
    sign = {"sum": "+", "add": "+", "sub": "-", "prod": "*", "mul": "*", "div": "/"}[kind]
    return f"{x} {sign} {y}" if dtype.is_floating else f"{type_text(dtype)}({x} {sign} {y})"


def convert(x: str, source: DType, target: DType) -> str:
    """`x` as another dtype; float to integer saturates."""
    if source == target:
        return x
    if target.is_bool:
        return f"{x} != {literal(0, source)}"
    if source.is_floating and target.is_integer:
        return f"saturate_{source.name}_{target.name}({x})"
    return f"{type_text(target)}({x})"


def _bitcast(x: str, source: DType, target: DType) -> str:
    if source.is_floating == target.is_floating:
        return convert(x, source, target)
    wide = source.size == 8
    whole = as_dtype("int64" if wide else "int32")
    if source.is_floating:
        name = "double_as_longlong" if wide else "float_as_int"
        return convert(f"libdevice.{name}({x})", whole, target)
    name = "longlong_as_double" if wide else "int_as_float"
    return f"libdevice.{name}({convert(x, source, whole)})"


def _float(op: str, args: Sequence[str], dtype: DType, exact: bool) -> str:
    t, wide = type_text(dtype), dtype.size == 8
    suffix = "" if wide else "f"
    if op == "mul" and exact:
        return f"libdevice.{'d' if wide else 'f'}mul_rn({', '.join(args)})"
    if op == "sqrt":
        return f"libdevice.{'d' if wide else 'f'}sqrt_rn({args[0]})"
    if op in _LIBDEVICE:
        return f"libdevice.{_LIBDEVICE[op]}{suffix}({', '.join(args)})"
    if op in ("sigmoid", "digamma"):
        return f"{op}_{t}({args[0]})"
    return _FLOAT[op].format(*args, t=t, f=suffix, d="d" if wide else "f")


def _integer(i: Instruction, args: Sequence[str]) -> str:
    if i.op in _DIVISIONS:
        name = f"{_DIVISIONS[i.op]}_{i.dtype.name}"
        return f"{name}({', '.join(args)}, {size_text(i.data)}, failure)"
    t = type_text(i.dtype)
    text = _INTEGER[i.op].format(*args, t=t, bits=f"{t}({i.dtype.size * 8 - 1})")
    return text if i.op in ("max", "min") else f"{t}({text})"


_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_DIVISIONS = {"div": "div", "rem": "rem", "floordiv": "floordiv", "floormod": "floormod",
              "pow": "power"}  # fmt: skip
_LIBDEVICE = {
    "rem": "fmod", "abs": "fabs",
    **{name: name for name in (
        "pow", "atan2", "fma", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos",
        "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "floor",
        "ceil", "trunc", "rint",
    )},
}  # fmt: skip
_FLOAT = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}",
    "floordiv": "libdevice.floor{f}({0} / {1})", "floormod": "modulo_{t}({0}, {1})",
    "max": "maximum({0}, {1})", "min": "minimum({0}, {1})", "neg": "-{0}",
    "sign": "{t}(1) if {0} > {t}(0) else ({t}(-1) if {0} < {t}(0) else {0})",
    "rsqrt": "{t}(1) / libdevice.{d}sqrt_rn({0})",
    "isnan": "{0} != {0}", "isinf": "libdevice.fabs{f}({0}) == {t}(inf)",
    "isfinite": "libdevice.fabs{f}({0}) < {t}(inf)",
}  # fmt: skip
_INTEGER = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}",
    "max": "{0} if {0} > {1} else {1}", "min": "{0} if {0} < {1} else {1}",
    "neg": "{t}(0) - {0}", "abs": "{0} if {0} >= {t}(0) else {t}(0) - {0}",
    "sign": "{t}({0} > {t}(0)) - {t}({0} < {t}(0))",
    "and": "{0} & {1}", "or": "{0} | {1}", "xor": "{0} ^ {1}", "not": "~{0}",
    "shl": "{0} << ({1} & {bits})", "shr": "{0} >> ({1} & {bits})",
}  # fmt: skip
_BOOL = {
    "add": "{0} | {1}", "mul": "{0} & {1}", "max": "{0} | {1}", "min": "{0} & {1}",
    "and": "{0} & {1}", "or": "{0} | {1}", "xor": "{0} != {1}", "not": "not {0}",
}  # fmt: skip
