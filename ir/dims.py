"""Dimensions: integer polynomials over symbols, in one canonical form.

A dimension is a Python int, a `Dim` (an expression over symbols), or `UNKNOWN` (while a graph is
built). Arithmetic works on all three alike and normalises as it goes: two expressions that print
the same are the same. floordiv, mod, min and max become atoms of the polynomial unless they can be
resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Union

from graphc.ir.records import record


class Unknown:
    """A dimension nothing is known about; it absorbs arithmetic."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "?"

    def _absorb(self, other: Any) -> Unknown:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _absorb
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _absorb

    def __neg__(self) -> Unknown:
        return self

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@record
class Symbol:
    """A run-time size. `name` is unique within a function and stable between runs."""

    name: str

    def __str__(self) -> str:
        return self.name


@record
class Apply:
    """An operation that a polynomial cannot hold: floordiv, mod, min, max."""

    op: str
    a: Size
    b: Size

    def __str__(self) -> str:
        return f"{self.op}({self.a}, {self.b})"


Atom = Symbol | Apply
Size = Union[int, "Dim"]
AnyDim = Union[int, "Dim", Unknown]

FLOORDIV, MOD, MIN, MAX = "floordiv", "mod", "min", "max"


class Dim:
    """A canonical polynomial that is not a constant. Make one with `symbol` and arithmetic.

    `terms` pairs monomials (tuples of atoms, sorted by text; () is the constant) with coefficients.
    """

    __slots__ = ("_hash", "_text", "terms")

    def __init__(self, terms: tuple[tuple[tuple[Atom, ...], int], ...]) -> None:
        self.terms = terms
        self._text = _text(terms)
        self._hash = hash(self._text)

    def __repr__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dim) and other._text == self._text)

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return self
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return _sum(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return _sum(self, other, -1)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __neg__(self) -> Any:
        return self * -1

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int):
            if other == 1:
                return self
            return _build({m: c * other for m, c in self.terms})
        if not isinstance(other, Dim):
            return NotImplemented
        product: dict[tuple[Atom, ...], int] = {}
        for left, x in self.terms:
            for right, y in other.terms:
                monomial = tuple(sorted((*left, *right), key=str))
                product[monomial] = product.get(monomial, 0) + x * y
        return _build(product)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return floordiv(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return floordiv(other, self)

    def __mod__(self, other: Any) -> Any:
        return mod(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __rmod__(self, other: Any) -> Any:
        return mod(other, self)

    def __index__(self) -> int:
        raise TypeError(f"dimension {self} is known only at run time")


def symbol(name: str) -> Dim:
    """The dimension that is just the symbol `name`."""
    return Dim((((Symbol(name),), 1),))


def as_symbol(dim: AnyDim) -> Symbol | None:
    """The symbol that `dim` consists of, or None."""
    if isinstance(dim, Dim) and len(dim.terms) == 1:
        monomial, coefficient = dim.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0]
    return None


def floordiv(a: Any, b: Any) -> Any:
    """floor(a / b), exact where b divides every term of a."""
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return UNKNOWN
    if isinstance(b, int) and b == 1:
        return a
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b else 0  # an empty run may divide by 0; whoever cares asks for equality
    if isinstance(a, int) and a == 0:
        return 0
    exact = _divide(a, b)
    return exact if exact is not None else _build({(Apply(FLOORDIV, a, b),): 1})


def mod(a: Any, b: Any) -> Any:
    """a - floor(a / b) * b."""
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return UNKNOWN
    if isinstance(a, int) and isinstance(b, int):
        return a % b if b else 0
    if (isinstance(b, int) and b == 1) or _divide(a, b) is not None:
        return 0
    return _build({(Apply(MOD, a, b),): 1})


def minimum(a: Any, b: Any) -> Any:
    return _extreme(MIN, min, a, b)


def maximum(a: Any, b: Any) -> Any:
    return _extreme(MAX, max, a, b)


def product(dims: Any) -> Any:
    """The product of dimensions (1 for none)."""
    result: Any = 1
    for dim in dims:
        result = result * dim
    return result


def symbols(dim: AnyDim) -> tuple[Symbol, ...]:
    """The symbols of an expression in order of first occurrence, without repeats."""
    found: dict[Symbol, None] = {}
    pending: list[Any] = [dim]
    while pending:
        current = pending.pop(0)
        if not isinstance(current, Dim):
            continue
        for monomial, _ in current.terms:
            for atom in monomial:
                if isinstance(atom, Symbol):
                    found[atom] = None
                else:
                    pending += [atom.a, atom.b]
    return tuple(found)


def substitute(dim: Any, mapping: Callable[[Symbol], Any]) -> Any:
    """Replace every symbol by `mapping(symbol)` (an int or a `Dim`)."""
    if not isinstance(dim, Dim):
        return dim
    total: Any = 0
    for monomial, coefficient in dim.terms:
        term: Any = coefficient
        for atom in monomial:
            term = term * (mapping(atom) if isinstance(atom, Symbol) else _apply(atom, mapping))
        total = total + term
    return total


def evaluate(dim: Any, values: Mapping[Symbol, int]) -> int:
    """The number a dimension has for given values of its symbols."""
    result = substitute(dim, values.__getitem__)
    assert isinstance(result, int), result
    return result


def _apply(atom: Apply, mapping: Callable[[Symbol], Any]) -> Any:
    function = {FLOORDIV: floordiv, MOD: mod, MIN: minimum, MAX: maximum}[atom.op]
    return function(substitute(atom.a, mapping), substitute(atom.b, mapping))


def _extreme(op: str, function: Callable[[int, int], int], a: Any, b: Any) -> Any:
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return UNKNOWN
    if isinstance(a, int) and isinstance(b, int):
        return function(a, b)
    if a == b:
        return a
    difference = a - b
    if isinstance(difference, int):
        return a if (difference > 0) == (op == MAX) else b
    first, second = sorted((a, b), key=str)
    return _build({(Apply(op, first, second),): 1})


def _divide(a: Any, b: Any) -> Any:
    """a / b where it is exact for all values of the symbols, else None."""
    if isinstance(b, int):
        if isinstance(a, int):
            return a // b if b != 0 and a % b == 0 else None
        if b == 0 or any(c % b for _, c in a.terms):
            return None
        return _build({m: c // b for m, c in a.terms})
    if isinstance(a, int) or len(b.terms) != 1:
        return 1 if a == b else None
    monomial, coefficient = b.terms[0]
    quotient: dict[tuple[Atom, ...], int] = {}
    for left, c in a.terms:
        rest = list(left)
        for atom in monomial:
            if atom not in rest:
                return None
            rest.remove(atom)
        if c % coefficient:
            return None
        quotient[tuple(rest)] = c // coefficient
    return _build(quotient)


def _sum(a: Dim, b: Any, sign: int) -> Any:
    terms = dict(a.terms)
    for monomial, c in (((), b),) if isinstance(b, int) else b.terms:
        terms[monomial] = terms.get(monomial, 0) + sign * c
    return _build(terms)


def _build(terms: dict[tuple[Atom, ...], int]) -> Any:
    kept = [(m, c) for m, c in terms.items() if c]
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    kept.sort(key=lambda item: (-len(item[0]), "*".join(map(str, item[0]))))
    return Dim(tuple(kept))


def _text(terms: tuple[tuple[tuple[Atom, ...], int], ...]) -> str:
    parts = []
    for monomial, coefficient in terms:
        factors = [str(atom) for atom in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, str(coefficient))
        parts.append("*".join(factors))
    return "+".join(parts).replace("+-", "-")
