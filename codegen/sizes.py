"""Sizes at run time: expressions over symbols become driver instructions over dimension slots.

A `SizeTable` hands out slots. Constants are written into the template once; symbols, random keys
and counters are written by whoever starts a run; every other expression is computed by `DIMS` code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.codegen.draft import OperationId
from graphc.ir.dims import Apply, Dim, Symbol
from graphc.ir.shapes import Guard

# operations of the DIMS instruction (see cpu/ABI.md)
LITERAL, ADD, SUB, MUL, FLOORDIV, FLOORMOD, MIN, MAX = range(8)
GUARDS = {"==": 8, "!=": 9, "<=": 10, "<": 11}
ROUND_UP = 12
_APPLY = {"floordiv": FLOORDIV, "mod": FLOORMOD, "min": MIN, "max": MAX}


class SizeTable:
    """Dimension slots, and the code that fills them.

    `code` collects (operation, destination, a, b) words; `take_code` hands over what has been
    collected, so that a stretch of the step computes just the sizes that are new in it.
    """

    def __init__(self) -> None:
        self.template: list[int] = []
        self.code: list[int] = []
        self._slots: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.template)

    def supplied(self, key: Any) -> int:
        """A slot that the starter of a run writes (a Symbol, a RandomDim)."""
        return self._slot(key, 0)

    def slot(self, size: Any) -> int:
        """The slot that holds a size."""
        if isinstance(size, OperationId):
            size = size.number
        if isinstance(size, int):
            return self._slot(size, size)
        found = self._slots.get(size)
        if found is not None:
            return found
        assert isinstance(size, Dim), size
        return self._compute(size)

    def take_code(self) -> list[int]:
        code, self.code = self.code, []
        return code

    def maximum(self, sizes: list[Any], alignment: int) -> int:
        """A slot with the largest of some sizes, rounded up."""
        slots = [self.slot(s) for s in sizes]
        current = slots[0]
        for other in slots[1:]:
            current = self._emit(MAX, current, other)
        return self._emit(ROUND_UP, current, alignment)

    def add(self, a: int, b: int) -> int:
        """A slot with the sum of two slots."""
        return self._emit(ADD, a, b)

    def guard(self, guard: Guard, number: int) -> None:
        """Code that fails with the guard's number unless it holds."""
        a, b = self.slot(guard.a), self.slot(guard.b)
        self.code += [GUARDS[guard.relation], number, a, b]

    def array(self) -> np.ndarray:
        """A fresh dims array for a frame."""
        return np.array(self.template or [0], np.int64)

    def _slot(self, key: Any, value: int) -> int:
        found = self._slots.get(key)
        if found is None:
            found = self._new(value)
            self._slots[key] = found
        return found

    def _new(self, value: int = 0) -> int:
        self.template.append(value)
        return len(self.template) - 1

    def _emit(self, operation: int, a: int, b: int) -> int:
        slot = self._new()
        self.code += [operation, slot, a, b]
        return slot

    def _compute(self, dim: Dim) -> int:
        total: int | None = None
        for monomial, coefficient in dim.terms:
            current = (
                self._slot(coefficient, coefficient) if coefficient != 1 or not monomial else None
            )
            for atom in monomial:
                factor = self._atom(atom)
                current = factor if current is None else self._emit(MUL, current, factor)
            assert current is not None
            total = current if total is None else self._emit(ADD, total, current)
        assert total is not None, dim
        self._slots[dim] = total
        return total

    def _atom(self, atom: Symbol | Apply) -> int:
        found = self._slots.get(atom)
        if found is None:
            assert isinstance(atom, Apply), f"{atom} is not supplied"
            found = self._emit(_APPLY[atom.op], self.slot(atom.a), self.slot(atom.b))
            self._slots[atom] = found
        return found
