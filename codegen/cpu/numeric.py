"""Formulas as Python expressions: `Num` is a register whose operators write LLVM instructions.

    def sigmoid(x: Num) -> Num:
        e = exp(-x.abs())
        return where(x < 0, e, 1.0) / (e + 1.0)

The same formula serves scalars (width None) and vectors of any width, and any float element.
"""

from __future__ import annotations

from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, float_literal, suffix, vector
from graphc.ir.records import record

FLOATS = ("half", "float", "double")
BITS = {"half": 16, "float": 32, "double": 64, "i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64}


@record
class Code:
    """Where formulas write: a builder, the number of lanes, what the processor can do, and how to
    name results (empty: after the LLVM instruction)."""

    builder: Builder
    features: Features
    width: int | None
    hint: str = ""

    def num(self, name: str, element: str) -> Num:
        """The register (or constant operand) `name` as a `Num`; `name` has this code's width."""
        return Num(name, element, self)

    def constant(self, value: float | int | bool, element: str) -> Num:
        if element in FLOATS:
            text = float_literal(float(value), element)
        elif element == "i1":
            text = "true" if value else "false"
        else:
            bits = BITS[element]
            wrapped = int(value) & ((1 << bits) - 1)
            text = str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)
        return Num(text if self.width is None else f"splat ({element} {text})", element, self)

    def type(self, element: str) -> str:
        return vector(element, self.width)

    def let(self, text: str, element: str, hint: str = "") -> Num:
        """Write a pure instruction."""
        return Num(self.builder.let(self.hint or hint or text.split()[0], text), element, self)

    def intrinsic(self, name: str, *args: Num, hint: str = "") -> Num:
        """Call the overloaded intrinsic llvm.<name> on arguments of one type."""
        kind = self.type(args[0].element)
        operands = ", ".join(f"{kind} {a.name}" for a in args)
        mangled = suffix(args[0].element, self.width)
        text = f"call {kind} @llvm.{name}.{mangled}({operands})"
        return self.let(text, args[0].element, hint or name)


@record
class Num:
    """A register or constant of one element type. Comparisons of floats are ordered (false on NaN)
    except `ne`; those of integers are signed unless they say otherwise; `>>` is logical."""

    name: str
    element: str
    code: Code

    @property
    def is_float(self) -> bool:
        return self.element in FLOATS

    @property
    def type(self) -> str:
        return self.code.type(self.element)

    def lift(self, value: Num | float | int) -> Num:
        """`value` itself, or the constant of this number's element type."""
        return value if isinstance(value, Num) else self.code.constant(value, self.element)

    def _binary(self, float_op: str, int_op: str, other: Num | float, swap: bool = False) -> Num:
        y = self.lift(other)
        assert y.element == self.element, (self, y)
        a, b = (y, self) if swap else (self, y)
        op = float_op if self.is_float else int_op
        return self.code.let(f"{op} {self.type} {a.name}, {b.name}", self.element)

    def _compare(self, predicate: str, other: Num | float) -> Num:
        y = self.lift(other)
        assert y.element == self.element, (self, y)
        kind = "fcmp" if self.is_float else "icmp"
        text = f"{kind} {predicate} {self.type} {self.name}, {y.name}"
        return self.code.let(text, "i1", "is")

    def __add__(self, other: Num | float) -> Num:
        return self._binary("fadd", "add", other)

    def __radd__(self, other: float) -> Num:
        return self._binary("fadd", "add", other)

    def __sub__(self, other: Num | float) -> Num:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: float) -> Num:
        return self._binary("fsub", "sub", other, swap=True)

    def __mul__(self, other: Num | float) -> Num:
        return self._binary("fmul", "mul", other)

    def __rmul__(self, other: float) -> Num:
        return self._binary("fmul", "mul", other)

    def __truediv__(self, other: Num | float) -> Num:
        assert self.is_float, self
        return self._binary("fdiv", "", other)

    def __rtruediv__(self, other: float) -> Num:
        return self._binary("fdiv", "", other, swap=True)

    def __neg__(self) -> Num:
        if not self.is_float:
            return 0 - self
        return self.code.let(f"fneg {self.type} {self.name}", self.element)

    def __and__(self, other: Num | int) -> Num:
        return self._binary("", "and", other)

    def __or__(self, other: Num | int) -> Num:
        return self._binary("", "or", other)

    def __xor__(self, other: Num | int) -> Num:
        return self._binary("", "xor", other)

    def __invert__(self) -> Num:
        return self ^ (1 if self.element == "i1" else -1)

    def __lshift__(self, other: Num | int) -> Num:
        return self._binary("", "shl", other)

    def __rshift__(self, other: Num | int) -> Num:
        return self._binary("", "lshr", other)

    def ashr(self, other: Num | int) -> Num:
        return self._binary("", "ashr", other)

    def __lt__(self, other: Num | float) -> Num:
        return self._compare("olt" if self.is_float else "slt", other)

    def __le__(self, other: Num | float) -> Num:
        return self._compare("ole" if self.is_float else "sle", other)

    def __gt__(self, other: Num | float) -> Num:
        return self._compare("ogt" if self.is_float else "sgt", other)

    def __ge__(self, other: Num | float) -> Num:
        return self._compare("oge" if self.is_float else "sge", other)

    def eq(self, other: Num | float) -> Num:
        return self._compare("oeq" if self.is_float else "eq", other)

    def ne(self, other: Num | float) -> Num:
        return self._compare("une" if self.is_float else "ne", other)

    def compare(self, predicate: str, other: Num | float) -> Num:
        """Any other LLVM predicate: "ult", "uno", ..."""
        return self._compare(predicate, other)

    def is_nan(self) -> Num:
        return self._compare("uno", self)

    def abs(self) -> Num:
        """|x| of a float (also of NaN and -0)."""
        return self.code.intrinsic("fabs", self)

    def sqrt(self) -> Num:
        return self.code.intrinsic("sqrt", self)

    def floor(self) -> Num:
        return self.code.intrinsic("floor", self)

    def copysign(self, sign: Num) -> Num:
        return self.code.intrinsic("copysign", self, sign)

    def cast(self, op: str, element: str) -> Num:
        """A conversion instruction: "sitofp", "trunc", "fpext", "bitcast"..."""
        if element == self.element:
            return self
        return self.code.let(f"{op} {self.type} {self.name} to {self.code.type(element)}", element)

    def bits(self) -> Num:
        """The bits of a float as an integer of its size."""
        return self.cast("bitcast", f"i{BITS[self.element]}")

    def as_float(self) -> Num:
        """The float with these bits (i32: float, i64: double)."""
        return self.cast("bitcast", {"i16": "half", "i32": "float", "i64": "double"}[self.element])


def fma(x: Num, y: Num | float, z: Num | float) -> Num:
    """x * y + z, rounded once where the processor can."""
    name = "fma" if x.code.features.fma else "fmuladd"
    return x.code.intrinsic(name, x, x.lift(y), x.lift(z), hint="fma")


def where(condition: Num, x: Num | float, y: Num | float) -> Num:
    """x where the condition holds, else y; at least one of them is a Num."""
    if not isinstance(x, Num):
        assert isinstance(y, Num), (x, y)
        x = y.lift(x)
    y = x.lift(y)
    code = x.code
    text = f"select {condition.type} {condition.name}, {x.type} {x.name}, {y.type} {y.name}"
    return code.let(text, x.element)


def polynomial(x: Num, coefficients: tuple[float, ...]) -> Num:
    """c0 + c1 x + c2 x^2 + ... by Horner's rule with fma."""
    result = x.lift(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = fma(result, x, coefficient)
    return result


def paired(x: Num, square: Num, coefficients: tuple[float, ...]) -> Num:
    """`polynomial` of x, as one of x^2 in pairs c0 + c1 x: as many instructions, half as long a
    wait for each other.
    """
    pairs = [
        fma(x, high[0], low) if high else x.lift(low)
        for low, *high in (coefficients[i : i + 2] for i in range(0, len(coefficients), 2))
    ]
    result = pairs[-1]
    for pair in reversed(pairs[:-1]):
        result = fma(square, result, pair)
    return result


def largest(x: Num, y: Num | float) -> Num:
    """x if x > y else y: one instruction on x86; gives y if x is NaN."""
    return where(x > y, x, y)


def least(x: Num, y: Num | float) -> Num:
    return where(x < y, x, y)
