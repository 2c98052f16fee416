"""The reader of the text form: a small grammar, no evaluation, and every error with its line.

Text may come from anywhere: sizes, depths and references are checked before they are used.
"""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np

from graphc.ir.dims import Dim, Symbol, Unknown
from graphc.ir.errors import InternalError, OpError
from graphc.ir.function import Function, Parameter
from graphc.ir.graph import (
    Graph,
    OpDef,
    Operation,
    Source,
    Tensor,
    complete_attrs,
    definition,
)
from graphc.ir.records import record
from graphc.ir.shapes import Guard, ShapeEnvironment
from graphc.ir.text import FUNCTION_HEADER, GRAPH_HEADER
from graphc.ir.text_values import FUNCTION, ParseError, Scanner, has_kind
from graphc.ir.types import TensorType
from graphc.ir.verify import verify

_SOURCE = re.compile(r"^(.*):(\d{1,9})(?:, in ([^:]*))?$", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)")
_DEEPEST = 32
_ROLES = ("forward", "gradient", "update", "init")


@record
class _Line:
    """What the line of an operation says."""

    found: OpDef
    name: str
    inputs: tuple[Tensor, ...]
    attrs: dict[str, Any]
    types: list[TensorType]
    controls: tuple[Operation, ...]
    source: Source | None
    role: str
    device: str


class _Reader(ABC):
    """What graphs and functions share: lines, and the line of an operation."""

    def __init__(self, text: str, constants: Mapping[str, np.ndarray], header: str) -> None:
        self.lines = text.split("\n")
        self.depth = 0  # of nested functions
        self.first = 1  # the number of the first line, of a nested function that in the whole text
        self.read_until = 0  # the lines of nested functions so far
        self.constants = constants
        self.number = 1
        self.operations: list[Operation] = []
        if not self.lines[0].startswith(header):
            self.fail(f"the first line must be '{header}', not {self.lines[0][:60]!r}")

    def fail(self, message: str) -> NoReturn:
        raise ParseError(f"line {self.number + self.first - 1}: {message}")

    @contextlib.contextmanager
    def checked(self) -> Iterator[None]:
        """Turn what type rules and value checks raise into errors of the line."""
        try:
            yield
        except ParseError as error:
            if str(error).startswith("line "):
                raise
            self.fail(str(error))
        except (OpError, ValueError, TypeError, OverflowError, MemoryError) as error:
            self.fail(str(error))

    def scanners(self) -> Iterator[Scanner]:
        """A scanner for each line that holds a statement."""
        for number, line in enumerate(self.lines[1:], start=2):
            if number <= self.read_until:
                continue
            self.number = number
            if line.strip() and not line.lstrip().startswith("//"):
                with self.checked():
                    scanner = Scanner(line, self.constants)
                yield scanner

    def value(self, scanner: Scanner) -> Tensor:
        """A tensor: `%3` or `%3:1`."""
        op = self.operation(scanner)
        index = scanner.integer() if scanner.accept(":") else 0
        if not 0 <= index < len(op.outputs):
            self.fail(f"%{op.number} has {len(op.outputs)} results, there is no number {index}")
        return op.outputs[index]

    def operation(self, scanner: Scanner) -> Operation:
        scanner.expect("%")
        number = scanner.integer()
        if not 0 <= number < len(self.operations):
            self.fail(f"%{number} is not defined before its use")
        return self.operations[number]

    def read_operation(self, scanner: Scanner) -> None:
        """Read `%n = Type(inputs) {attrs} : types "name" after(…) role(…) device("…") // …`."""
        scanner.expect("%")
        number = scanner.integer()
        if number != len(self.operations):
            self.fail(f"%{number} stands where %{len(self.operations)} is due")
        scanner.expect("=")
        found = self.definition(scanner.word())
        inputs = tuple(scanner.items("(", ")", lambda: self.value(scanner)))
        least = len(found.inputs) - found.variadic
        if len(inputs) < least or (len(inputs) > least and not found.variadic):
            self.fail(f"{found.name} takes {len(found.inputs)} inputs, got {len(inputs)}")
        attrs = self.attrs(scanner, found)
        scanner.expect(":")
        types = scanner.items("(", ")", scanner.type) if scanner.sees("(") else [scanner.type()]
        name = scanner.string()
        controls: tuple[Operation, ...] = ()
        role, device = "forward", ""
        if scanner.accept("after"):
            controls = tuple(scanner.items("(", ")", lambda: self.operation(scanner)))
        if scanner.accept("role"):
            role = scanner.items("(", ")", scanner.word)[0]
            if role not in _ROLES:
                self.fail(f"unknown role {role!r}")
        if scanner.accept("device"):
            device = scanner.items("(", ")", scanner.string)[0]
        source = self.source(scanner.comment())
        scanner.end()
        if any(value is FUNCTION for value in attrs.values()):
            attrs = self._with_functions(attrs)
        line = _Line(found, name, inputs, attrs, types, controls, source, role, device)
        self.operations.append(self.make(line))

    def _with_functions(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The attributes with the functions that the following lines say."""
        found = dict(attrs)
        self.read_until = self.number
        for name in [name for name, value in attrs.items() if value is FUNCTION]:
            start = self.read_until + 1
            head = f"  {name} = "
            if start > len(self.lines) or not self.lines[start - 1].startswith(head):
                self.fail(f"the function '{name}' must follow, indented")
            end = start
            while end < len(self.lines) and self.lines[end].startswith("    "):
                end += 1
            text = [self.lines[start - 1][len(head) :], *(x[4:] for x in self.lines[start:end])]
            found[name] = self._function(text, start)
            self.read_until = end
        return found

    def _function(self, lines: list[str], first: int) -> Function:
        if self.depth >= _DEEPEST:
            self.fail(f"functions are nested more than {_DEEPEST} times")
        reader = FunctionReader("\n".join(lines), self.constants, self.first + first - 1)
        reader.depth = self.depth + 1
        return reader.read()

    def definition(self, name: str) -> OpDef:
        try:
            return definition(name)
        except KeyError:
            self.fail(f"unknown operation type '{name}'")

    def attrs(self, scanner: Scanner, found: OpDef) -> dict[str, Any]:
        if not scanner.sees("{"):
            return complete_attrs(found, {})
        given: dict[str, Any] = {}

        def item() -> None:
            name = scanner.word()
            scanner.expect("=")
            value = scanner.attribute()
            if name in given:
                self.fail(f"attribute '{name}' is given twice")
            if name in found.attrs and not has_kind(value, found.attrs[name]):
                self.fail(
                    f"{found.name}: attribute '{name}' is no {found.attrs[name].kind}: {value!r}"
                )
            given[name] = value

        scanner.items("{", "}", item)
        complete = complete_attrs(found, given)
        # in the order of the text: printing again gives the same
        return {name: complete[name] for name in (*given, *(n for n in complete if n not in given))}

    def source(self, comment: str | None) -> Source | None:
        if comment is None:
            return None
        plain = _ESCAPE.sub(lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), comment)
        match = _SOURCE.match(plain)
        if match is None:
            self.fail(f"a source is written file:line, in function; not {comment!r}")
        file, line, function = match.groups()
        return (file, int(line), "<module>" if function is None else function)

    @abstractmethod
    def make(self, line: _Line) -> Operation:
        """The operation of a line, as the last of the graph."""


class GraphReader(_Reader):
    """Reads a user graph: type rules run again, and must agree with the types in the text."""

    def __init__(self, text: str, constants: Mapping[str, np.ndarray]) -> None:
        super().__init__(text, constants, GRAPH_HEADER)
        self.graph = Graph()

    def read(self) -> Graph:
        if self.lines[0].strip() != GRAPH_HEADER:
            self.fail(f"the first line must be '{GRAPH_HEADER}'")
        for scanner in self.scanners():
            with self.checked():
                if scanner.accept("seed"):
                    self.graph.seed = scanner.integer()
                    scanner.end()
                else:
                    self.read_operation(scanner)
        self._mark_scopes()
        return self.graph

    def make(self, line: _Line) -> Operation:
        graph, name, type = self.graph, line.name, line.found.name
        if not name or name.endswith("/") or graph.unique_name(name) != name:
            self.fail(f"the name {name!r} is taken or not valid")
        with graph.role(line.role), graph.device(line.device):
            op = graph.create(
                type, line.inputs, line.attrs, f"{name}/", line.controls, line.source or _NOWHERE
            )
        op.source = line.source
        if len(op.outputs) != len(line.types):
            self.fail(f"{type} gives {len(op.outputs)} results, not {len(line.types)}")
        for tensor, given in zip(op.outputs, line.types, strict=True):
            if not _agree(tensor.type, given):
                self.fail(f"{type} gives {tensor.type}, the text says {given}")
            tensor.type = given
        return op

    def _mark_scopes(self) -> None:
        """Let later operations avoid the names of scopes."""
        scopes: dict[str, None] = {}
        for op in self.operations:
            parts = op.name.split("/")[:-1]
            for count in range(1, len(parts) + 1):
                scopes["/".join(parts[:count])] = None
        names = {op.name for op in self.operations}
        for scope in scopes:
            if scope not in names:
                self.graph.unique_name(scope)


_NOWHERE: Source = ("", 0, "")


def _agree(inferred: TensorType, given: TensorType) -> bool:
    """Whether a type in the text may be what the rule gives, or more precise."""
    if inferred.dtype is not given.dtype:
        return False
    if any(isinstance(d, Dim) or (isinstance(d, int) and d < 0) for d in given.shape or ()):
        return False
    if inferred.shape is None or given.shape is None:
        return True
    return len(inferred.shape) == len(given.shape) and all(
        a == b or isinstance(a, Unknown) or isinstance(b, Unknown)
        for a, b in zip(inferred.shape, given.shape, strict=True)
    )


class FunctionReader(_Reader):
    """Reads a function: types are those in the text, and the verifier looks at the whole."""

    def __init__(self, text: str, constants: Mapping[str, np.ndarray], first: int = 1) -> None:
        super().__init__(text, constants, FUNCTION_HEADER)
        self.first = first
        self.environment = ShapeEnvironment()
        self.body = Graph(self.environment)
        self.parameters: list[Parameter] = []
        self.results: list[Tensor] = []
        self.updates: list[tuple[str, Tensor]] = []
        self.effects: list[Operation] = []
        self.sizes: list[tuple[Symbol, Tensor, int]] = []

    def read(self) -> Function:
        with self.checked():
            header = Scanner(self.lines[0][len(FUNCTION_HEADER) :], {})
            name = header.string()
            header.end()
        statements: dict[str, Callable[[Scanner], None]] = {
            "symbol": self._symbol,
            "same": self._same,
            "guard": self._guard,
            "parameter": self._parameter,
            "result": lambda scanner: self.results.append(self.value(scanner)),
            "update": self._update,
            "effect": lambda scanner: self.effects.append(self.operation(scanner)),
            "size": self._size,
        }
        for scanner in self.scanners():
            with self.checked():
                if scanner.sees("%"):
                    self.read_operation(scanner)
                    continue
                word = scanner.word()
                if word not in statements:
                    self.fail(f"unknown statement '{word}'")
                statements[word](scanner)
                scanner.end()
        return self._finish(name)

    def _finish(self, name: str) -> Function:
        function = Function(
            name,
            self.body,
            tuple(self.parameters),
            tuple(self.results),
            tuple(self.updates),
            tuple(self.effects),
            tuple(self.sizes),
        )
        try:
            verify(function, infer_types=False)
        except InternalError as error:
            self.fail(error.message)
        return function

    def make(self, line: _Line) -> Operation:
        value = line.attrs.get("value")
        if line.found.name == "Const" and isinstance(value, np.ndarray):
            (type,) = line.types
            if type.shape != value.shape or type.dtype.numpy != value.dtype:
                self.fail(f"a constant of shape {value.shape} cannot have type {type}")
        operation = Operation(
            self.body, line.found, line.name, line.inputs, line.attrs, line.types, line.controls,
            line.source, line.role, line.device,
        )  # fmt: skip
        return self.body.append(operation)

    def _symbol(self, scanner: Scanner) -> None:
        name = scanner.word()
        scanner.expect("=")
        hint = scanner.signed()
        if Symbol(name) in self.environment.hints:
            self.fail(f"the symbol {name} is declared twice")
        dim = self.environment.new_symbol(name, hint)
        if scanner.accept("signed"):
            self.environment.mark_signed([dim])
        if scanner.accept("dynamic"):
            self.environment.dynamic[Symbol(name)] = None
        if scanner.accept("unhinted"):
            self.environment.mark_unhinted(dim)

    def _same(self, scanner: Scanner) -> None:
        name = Symbol(scanner.word())
        scanner.expect("=")
        self.environment.substitutions[name] = scanner.dim()

    def _guard(self, scanner: Scanner) -> None:
        a = scanner.dim()
        relation = scanner.relation()
        b = scanner.dim()
        reason = scanner.string() if scanner.sees('"') else ""
        self.environment.guards.append(Guard(relation, a, b, reason))

    def _parameter(self, scanner: Scanner) -> None:
        kind = scanner.word()
        if kind not in ("feed", "variable", "initialized"):
            self.fail(f"unknown kind of parameter: {kind!r}")
        name = scanner.string()
        scanner.expect("=")
        self.parameters.append(Parameter(self.value(scanner), kind, name))  # type: ignore[arg-type]

    def _update(self, scanner: Scanner) -> None:
        name = scanner.string()
        scanner.expect("=")
        self.updates.append((name, self.value(scanner)))

    def _size(self, scanner: Scanner) -> None:
        name = Symbol(scanner.word())
        scanner.expect("=")
        tensor = self.value(scanner)
        scanner.expect("[")
        element = scanner.integer()
        scanner.expect("]")
        if not tensor.dtype.is_integer:
            self.fail(f"the size {name} is read from {tensor.type}, not from integers")
        self.environment.dynamic[name] = (tensor, element)
        self.sizes.append((name, tensor, element))
