"""Shape decisions while compiling: what a type rule asks, answered by hints and kept as guards.

A `ShapeEnvironment` belongs to one compilation. It knows the first run's value of every symbol (the
hint). A question that the canonical form cannot decide (is a == b? is a == 1?) is answered with the
hints and recorded as a `Guard`; the compiled code is right for every run that answers alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Any, Literal

from graphc.ir.dims import Dim, Symbol, as_symbol, evaluate, substitute, symbol, symbols
from graphc.ir.records import record


@record
class Guard:
    """A decision: `a relation b` held when compiling and must hold in every run.

    Guards over dynamic symbols (sizes computed in mid-run) are checked when the value is there and
    are errors, not reasons to compile a variant: then `reason` is shown to the user, with the line
    of the operation `op` whose type rule asks for it.
    """

    relation: Literal["==", "!=", "<=", "<"]
    a: Any
    b: Any
    reason: str = ""
    op: Any = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.a} {self.relation} {self.b}"

    def holds(self, a: int, b: int) -> bool:
        """Whether the relation is true of the values of its sides."""
        match self.relation:
            case "==":
                return a == b
            case "!=":
                return a != b
            case "<=":
                return a <= b
            case "<":
                return a < b

    def broken(self, a: int, b: int) -> str:
        """The message for a run in which it does not hold."""
        reason = self.reason or "sizes computed in this run do not fit together"
        return f"{reason}: {a} {self.relation} {b} is wanted"


class ShapeEnvironment:
    """Symbols with hints, and the guards asked for so far."""

    def __init__(self) -> None:
        self.hints: dict[Symbol, int] = {}
        self.dynamic: dict[Symbol, Any] = {}  # symbol -> (tensor, element) that computes it
        self.unhinted: set[Symbol] = set()  # bound before the run, to values no hint tells
        self.signed: set[Symbol] = set()  # symbols that are values, not sizes: may be negative
        self.guards: list[Guard] = []
        self._same: dict[Symbol, Any] = {}  # symbol -> what it was found equal to
        self._dynamic_values: dict[tuple[Any, int], Dim] = {}
        self._compared: dict[tuple[str, Any, Any], bool] = {}
        self._equal: dict[tuple[Any, Any], bool] = {}

    def new_symbol(self, name: str, hint: int) -> Dim:
        """A fresh symbol with the value it has in this run."""
        dim = symbol(name)
        found = as_symbol(dim)
        assert found is not None and found not in self.hints, name
        self.hints[found] = hint
        return dim

    def new_dynamic(self, name: str, origin: Any, hint: int = 7) -> Dim:
        """A symbol whose value a tensor of this run gives: `origin` is (tensor, element)."""
        dim = self.new_symbol(name, hint)
        self.dynamic[Symbol(name)] = origin
        return dim

    def mark_unhinted(self, dim: Any) -> None:
        """Say that the hint of a symbol tells nothing."""
        found = as_symbol(dim)
        assert found is not None, dim
        self.unhinted.add(found)

    def mark_signed(self, dims: Iterable[Any]) -> None:
        """Say that symbols stand for values that may be negative, not for sizes."""
        for dim in dims:
            found = as_symbol(dim)
            assert found is not None, dim
            self.signed.add(found)

    @property
    def has_substitutions(self) -> bool:
        """Whether any symbol was found equal to something else."""
        return bool(self._same)

    @property
    def substitutions(self) -> dict[Symbol, Any]:
        """What symbols were found equal to."""
        return self._same

    def dynamic_value(self, tensor: Any, element: int) -> Dim:
        """The dynamic symbol for one element of a tensor that is computed in mid-run."""
        found = self._dynamic_values.get((tensor, element))
        if found is None:
            found = self.new_dynamic(f"m{len(self._dynamic_values)}", (tensor, element))
            self._dynamic_values[tensor, element] = found
            self.mark_signed([found])
        return found

    def keep_dynamic(self, name: Symbol, tensor: Any, element: int) -> None:
        """Let the symbol of a tensor's element stand for the same element of its copy, `tensor`."""
        self._dynamic_values[tensor, element] = symbol(name.name)

    def constant(self, dim: Any) -> int:
        """A size as a number: that of this run, held by a guard."""
        dim = self.canonical(dim)
        if isinstance(dim, int):
            return dim
        value = self.hint(dim)
        self.equal(dim, value)
        return value

    def hint(self, dim: Any) -> int:
        """The value of a dimension in the run that is being compiled for."""
        return evaluate(dim, self.hints)

    def canonical(self, dim: Any) -> Any:
        """`dim` with every symbol replaced by what it was found equal to."""
        while self._same and isinstance(dim, Dim):
            following = substitute(dim, lambda s: self._same.get(s, symbol(s.name)))
            if following == dim:
                return dim
            dim = following
        return dim

    def is_dynamic(self, dim: Any) -> bool:
        """Whether hints tell nothing about a size: it comes up in mid-run, or changes in a loop."""
        return any(s in self.dynamic or s in self.unhinted for s in symbols(dim))

    def is_late(self, dim: Any) -> bool:
        """Whether a size is known in mid-run only."""
        return any(s in self.dynamic for s in symbols(dim))

    def equal(self, a: Any, b: Any) -> bool:
        """Whether a == b in this run; a guard holds the answer for later runs."""
        a, b = self.canonical(a), self.canonical(b)
        if a == b:
            return True
        difference = a - b
        if isinstance(difference, int):
            return difference == 0
        if (a, b) in self._equal:
            return self._equal[a, b]
        if self.is_dynamic(a) or self.is_dynamic(b):
            # A mid-run size: two of them are taken to be equal (and checked), a constant 1 is not.
            answer = not (a == 1 or b == 1)
        else:
            answer = self.hint(a) == self.hint(b)
        self.guards.append(Guard("==" if answer else "!=", a, b))
        self._equal[a, b] = self._equal[b, a] = answer
        if answer:
            self._unify(a, b)
        return answer

    def less_equal(self, a: Any, b: Any) -> bool:
        """Whether a <= b in this run, guarded."""
        return self._compare("<=", a, b)

    def less(self, a: Any, b: Any) -> bool:
        """Whether a < b in this run, guarded."""
        return self._compare("<", a, b)

    def _compare(self, relation: Literal["<=", "<"], a: Any, b: Any) -> bool:
        a, b = self.canonical(a), self.canonical(b)
        difference = a - b
        if not isinstance(difference, int):
            if relation == "<=" and a == 0 and self._is_size(b):
                return True
            key = (relation, a, b)
            found = self._compared.get(key)
            if found is None:
                difference = self.hint(difference)
                found = difference <= 0 if relation == "<=" else difference < 0
                opposite: Literal["<=", "<"] = "<" if relation == "<=" else "<="
                self.guards.append(Guard(relation, a, b) if found else Guard(opposite, b, a))
                self._compared[key] = found
            return found
        return difference <= 0 if relation == "<=" else difference < 0

    def _is_size(self, dim: Dim) -> bool:
        """Whether a dimension is a sum of products of sizes, hence never negative."""
        return all(
            c > 0 and all(isinstance(atom, Symbol) and atom not in self.signed for atom in monomial)
            for monomial, c in dim.terms
        )

    def _unify(self, a: Any, b: Any) -> None:
        """Let a symbol stand for what it was found equal to, if that is known no later."""
        for one, other in ((a, b), (b, a)):
            name = as_symbol(one)
            if name is None or name in symbols(other) or name in self._same:
                continue
            if self._known_at(other) <= self._known_at(one):
                self._same[name] = other
                return

    def _known_at(self, dim: Any) -> int:
        """When a dimension is known: 0 before the run, n with the n-th of the mid-run sizes.

        Symbols of these are made in the order of the operations that ask for them, so whatever asks
        for a later one comes after what gives an earlier one.
        """
        if not self.dynamic:
            return 0
        order = list(self.dynamic)
        return max((order.index(s) + 1 for s in symbols(dim) if s in self.dynamic), default=0)
