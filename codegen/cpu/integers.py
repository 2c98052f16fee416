"""Index arithmetic on i64 operands given as text, folded where both are numbers.

Sizes known when compiling are decimal strings, so one piece of generator code serves constant and
run-time sizes, and what is constant leaves no instruction behind.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.cpu.text import Builder


def known(operand: str) -> int | None:
    """The value of an operand known when compiling, else None."""
    return None if operand.startswith("%") else int(operand)


class Integers:
    """Arithmetic on non-negative i64 operands, written through `builder.let`."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def add(self, x: str, y: str) -> str:
        a, b = known(x), known(y)
        if a is not None and b is not None:
            return str(a + b)
        if a == 0:
            return y
        return x if b == 0 else self.builder.let("add", f"add nsw i64 {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        a, b = known(x), known(y)
        if a is not None and b is not None:
            return str(a - b)
        return x if b == 0 else self.builder.let("sub", f"sub nsw i64 {x}, {y}")

    def mul(self, x: str, y: str) -> str:
        a, b = known(x), known(y)
        if a is not None and b is not None:
            return str(a * b)
        if a == 0 or b == 0:
            return "0"
        if a == 1:
            return y
        return x if b == 1 else self.builder.let("mul", f"mul nsw i64 {x}, {y}")

    def div(self, x: str, y: str) -> str:
        """x / y rounded down; the caller makes sure that y > 0 wherever its operands exist."""
        a, b = known(x), known(y)
        if a is not None and b is not None:
            return str(a // b)
        return x if b == 1 else self.builder.let("div", f"udiv i64 {x}, {y}")

    def round_down(self, x: str, step: int) -> str:
        """The largest multiple of `step`, a power of two, up to x."""
        a = known(x)
        return (
            str(a - a % step)
            if a is not None
            else self.builder.let("full", f"and i64 {x}, {-step}")
        )

    def blocks(self, x: str, step: str) -> str:
        """x / step rounded up."""
        return self.div(self.add(x, self.sub(step, "1")), step)

    def min(self, x: str, y: str) -> str:
        return self._extreme("smin", min, x, y)

    def max(self, x: str, y: str) -> str:
        return self._extreme("smax", max, x, y)

    def _extreme(self, name: str, fold: Callable[[int, int], int], x: str, y: str) -> str:
        a, b = known(x), known(y)
        if a is not None and b is not None:
            return str(fold(a, b))
        if x == y:
            return x
        return self.builder.let(name[1:], f"call i64 @llvm.{name}.i64(i64 {x}, i64 {y})")

    def compare(self, predicate: str, x: str, y: str) -> str:
        """The i1 of a signed comparison ("slt", "sle", "eq"...): "true", "false" or a name."""
        a, b = known(x), known(y)
        if a is not None and b is not None:
            result = {
                "slt": a < b,
                "sle": a <= b,
                "sgt": a > b,
                "sge": a >= b,
                "eq": a == b,
                "ne": a != b,
            }
            return "true" if result[predicate] else "false"
        return self.builder.let("is", f"icmp {predicate} i64 {x}, {y}")

    def invert(self, condition: str) -> str:
        if condition in ("true", "false"):
            return "false" if condition == "true" else "true"
        return self.builder.let("not", f"xor i1 {condition}, true")

    def both(self, x: str, y: str) -> str:
        if "false" in (x, y):
            return "false"
        if x == "true":
            return y
        return x if y == "true" else self.builder.let("and", f"and i1 {x}, {y}")

    def select(self, condition: str, x: str, y: str, kind: str = "i64") -> str:
        if condition in ("true", "false") or x == y:
            return y if condition == "false" else x
        return self.builder.let("pick", f"select i1 {condition}, {kind} {x}, {kind} {y}")

    def address(self, base: str, byte_offset: str) -> str:
        """The pointer `byte_offset` bytes after `base`."""
        if byte_offset == "0":
            return base
        return self.builder.let("at", f"getelementptr i8, ptr {base}, i64 {byte_offset}")
