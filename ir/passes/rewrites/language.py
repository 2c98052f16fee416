"""The language of rewrites: patterns over operations, written as the expressions they match.

    x, y = variables("x", "y")
    Rewrite("neg-neg", -(-x), x)
    Rewrite("neg-sub", -(x - y), y - x, integers)

A variable matches any tensor, the same one wherever it occurs. A number matches a constant all of
whose elements are that number. `op("Cast", x, label="outer")` matches an operation type, and gives
the operation to guards and to replacements that are functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir.graph import Graph, Operation, Tensor, definition
from graphc.ir.records import record


class Term:
    """A pattern; arithmetic makes larger ones."""

    __slots__ = ()

    def __add__(self, other: Any) -> Node:
        return op("Add", self, other)

    def __radd__(self, other: Any) -> Node:
        return op("Add", other, self)

    def __sub__(self, other: Any) -> Node:
        return op("Sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return op("Sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return op("Mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        return op("Mul", other, self)

    def __neg__(self) -> Node:
        return op("Neg", self)


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Term):
    """Matches any tensor."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Term):
    """Matches a constant whose elements all equal `value`."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Node(Term):
    """Matches an operation with one result. `attrs` must be equal where they are given."""

    type: str
    operands: tuple[Term, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    label: str = ""


def variables(*names: str) -> tuple[Variable, ...]:
    """Variables of these names."""
    return tuple(map(Variable, names))


def op(type: str, *operands: Any, label: str = "", **attrs: Any) -> Node:
    """The pattern of an operation type over operands (patterns or numbers)."""
    terms = tuple(t if isinstance(t, Term) else Literal(t) for t in operands)
    return Node(type, terms, attrs, label)


@dataclass(slots=True)
class Match:
    """What a pattern matched: tensors by variable, operations by label, the root operation."""

    root: Operation
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The body that replacements are built on."""
        return self.root.graph

    def __getitem__(self, name: str) -> Any:
        """A variable's tensor, or a label's operation."""
        return self.tensors[name] if name in self.tensors else self.operations[name]


Guard = Callable[[Match], bool]
Replacement = Term | Callable[[Match], Tensor | None]
Example = Callable[[Graph, Tensor], Tensor]


def always(match: Match) -> bool:
    """The guard that holds."""
    return True


@record
class Rewrite:
    """A row: what matches `pattern` and satisfies `guard` becomes `replacement`.

    The driver applies it only where dtype and shape stay the same. `replacement` may be a function
    that builds on `match.graph` and returns None where it does not apply after all. `example` makes
    a matching tensor for the test, which calls it with a graph and a `float32` matrix; without one
    the test makes the pattern itself, with variables of the dtype `example_dtype`.
    """

    name: str
    pattern: Node
    replacement: Replacement
    guard: Guard = always
    example: Example | None = None
    example_dtype: str = "float32"

    @property
    def producers(self) -> frozenset[str]:
        """Operation types that must be among the producers of the root's inputs."""
        found = set()
        for term in self.pattern.operands:
            if isinstance(term, Node):
                found.add(term.type)
            elif isinstance(term, Literal):
                found.add("Const")
        return frozenset(found)

    def match(self, root: Operation) -> Match | None:
        """The first way in which the pattern matches and the guard holds."""
        for match in _matches(self.pattern, root):
            if self.guard(match):
                return match
        return None

    def build(self, match: Match) -> Tensor | None:
        """The tensor that stands for the root's result; None if the rewrite does not apply."""
        if isinstance(self.replacement, Term):
            return instantiate(self.replacement, match, match.root.outputs[0])
        return self.replacement(match)


def instantiate(term: Term, match: Match, like: Tensor) -> Tensor:
    """Build a pattern with a match's variables; numbers become scalars of the dtype of `like`."""
    if isinstance(term, Variable):
        return match.tensors[term.name]
    if isinstance(term, Literal):
        return match.graph.constant(term.value, like.dtype)
    assert isinstance(term, Node), term
    operands = [instantiate(t, match, like) for t in term.operands]
    return match.graph.create(term.type, operands, term.attrs).outputs[0]


def _matches(pattern: Node, root: Operation) -> Iterator[Match]:
    """All matches: of patterns of commutative operations both orders are tried at the root."""
    match = Match(root)
    if _operation(pattern, root, root.inputs, match):
        yield match
    if len(root.inputs) == 2 and definition(pattern.type).commutative:
        match = Match(root)
        if _operation(pattern, root, root.inputs[::-1], match):
            yield match


def _operation(pattern: Node, found: Operation, inputs: tuple[Tensor, ...], match: Match) -> bool:
    """Whether an operation, taken with these inputs, matches. Patterns are small: this recurses."""
    if found.definition.name != pattern.type or len(inputs) != len(pattern.operands):
        return False
    for name, value in pattern.attrs.items():
        if found.attrs.get(name) != value:
            return False
    for term, tensor in zip(pattern.operands, inputs, strict=True):
        if not _tensor(term, tensor, match):
            return False
    if pattern.label:
        match.operations[pattern.label] = found
    return True


def _tensor(term: Term, tensor: Tensor, match: Match) -> bool:
    if isinstance(term, Variable):
        return match.tensors.setdefault(term.name, tensor) is tensor
    producer = tensor.op
    if isinstance(term, Literal):
        return producer.definition.name == "Const" and is_splat(producer, term.value)
    assert isinstance(term, Node), term
    return (
        len(producer.outputs) == 1
        and producer.definition.name == term.type
        and _operation(term, producer, producer.inputs, match)
    )


def is_splat(constant: Operation, value: Any) -> bool:
    """Whether all elements of a `Const` are one number (empty ones have none); -0.0 counts as 0."""
    array: np.ndarray = constant.attrs["value"]
    if array.size == 0 or array.dtype.kind not in "fiub" or array.flat[0] != value:
        return False
    return bool(array.size == 1 or (array == value).all())


# ---------------------------------------------------------------------------------------- guards


def integers(match: Match) -> bool:
    """The result is of an integer dtype."""
    return match.root.outputs[0].dtype.is_integer


def floats(match: Match) -> bool:
    """The result is of a floating-point dtype."""
    return match.root.outputs[0].dtype.is_floating


def same_type(match: Match) -> bool:
    """The result has the type of its first operand: nothing was reduced, repeated or cut off."""
    return match.root.outputs[0].type == match.root.inputs[0].type
