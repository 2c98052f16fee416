"""The inside of branches and loops: the walk over bodies that become one nested function.

A nested function stands alone: its sizes are its own symbols, each known to be a size of the
function around it (*imported*), or changing from one iteration to the next (*varying*: no hint
tells anything, guards about it are errors). What it asks about imported sizes becomes guards
outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.bodies import Body, is_small_constant
from graphc.ir.dims import UNKNOWN, Unknown, as_symbol, substitute, symbols
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor, definition
from graphc.ir.passes.resolve import MOST_SIZES, Resolver, slice_operations
from graphc.ir.passes.resolve_arrays import is_open
from graphc.ir.shapes import Guard
from graphc.ir.types import TensorType


@dataclass
class Inner(Resolver):
    """The walk over bodies that become one nested function.

    `taken` are the captures so far, shared by the functions of one operation: a tensor of the outer
    function -> the number of its capture.
    """

    outer: Any = None
    op: Any = None
    seen: dict[Operation, int] = field(default_factory=dict)
    kind: Any = "variable"
    taken: dict[Tensor, int] = field(default_factory=dict)
    exports: dict[Any, Any] = field(default_factory=dict)
    imports: dict[Any, Any] = field(default_factory=dict)
    arguments: dict[Tensor, Tensor] = field(default_factory=dict)  # argument -> outer user tensor
    captured: dict[Tensor, Tensor] = field(default_factory=dict)  # outer tensor -> parameter
    carried: set[Operation] = field(default_factory=set)  # variables that are carries

    def enter(self, body: Body) -> None:
        """Let a body's captures be known."""
        for tensor, argument in body.captures.items():
            if argument.is_ref:
                self.aliases[argument] = self.outer.aliases[tensor]
            else:
                self.arguments[argument] = tensor

    def visit(self, op: Operation) -> None:
        if op.type == "BodyReference":
            return
        if op.type != "BodyArgument":
            super().visit(op)
            return
        argument = op.outputs[0]
        if argument not in self.tensors:
            value = self.outer.value(self.arguments[argument], self.seen, self.op)
            if is_small_constant(value):
                self.tensors[argument] = self.body.constant(value.op.attrs["value"])
            else:
                self.tensors[argument] = self.capture(value, argument)

    # -- what comes from outside

    def capture(self, tensor: Tensor, argument: Tensor | None = None) -> Tensor:
        """The parameter for a tensor of the outer function."""
        found = self.captured.get(tensor)
        if found is None:
            number = self.taken.setdefault(tensor, len(self.taken))
            attrs = {}
            if argument is not None and argument in self.sizes:
                value = self._imported_value(tensor)
                if value is not None:
                    attrs["_value"] = value
            found = self.parameter(f"k{number}", tensor, self.kind, **attrs)
            self.captured[tensor] = found
        return found

    def parameter(self, name: str, like: Tensor, kind: str, **attrs: Any) -> Tensor:
        """A parameter of the type of an outer tensor."""
        shape = tuple([self.import_size(d) for d in like.type.dims])
        return self.parameter_of(name, TensorType(like.dtype, shape), like, kind, **attrs)

    def parameter_of(
        self, name: str, type: TensorType, like: Tensor, kind: str, **attrs: Any
    ) -> Tensor:
        """A parameter that stands for an outer tensor, maybe of more general type."""
        if self.has_arrays and is_open(like):
            attrs["_open"] = True
        found = self._parameter(kind, name, type.dtype, type.dims, **attrs)
        found.op.source = like.op.source
        if "_value" in attrs:
            value = np.empty(type.dims, dtype=object)
            value.ravel()[:] = list(attrs["_value"])
            self.body.values[found] = value
        return found

    def _imported_value(self, tensor: Tensor) -> tuple[Any, ...] | None:
        """What an integer tensor holds, in sizes of this function; None where nothing is known."""
        if not tensor.dtype.is_integer or len(tensor.type.dims) > 1 or not tensor.type.is_static:
            return None
        value = tensor.op.graph.value_of(tensor)
        if value is None:
            if tensor.type.size > MOST_SIZES:
                return None
            value = np.full(tensor.type.dims, UNKNOWN, dtype=object)
        return tuple([self._element(d) for d in np.asarray(value, dtype=object).ravel()])

    def _element(self, size: Any) -> Any:
        if isinstance(size, Unknown):
            found = self.varying()
        elif isinstance(size, (int, np.integer)):
            return int(size)
        else:
            found = self.import_size(size, "e")
        self.environment.mark_signed([found])
        return found

    def import_size(self, size: Any, use: str = "") -> Any:
        """An outer size as one of this function."""
        if isinstance(size, int):
            return size
        environment = self.outer.environment
        size = environment.canonical(size)
        if isinstance(size, int):
            return size
        found = self.imports.get((size, use))
        if found is None:
            found = self.imports[size, use] = self._new_symbol(environment.hint(size))
            self.exports[as_symbol(found)] = size
            if environment.is_dynamic(size):
                self.environment.mark_unhinted(found)
        return found

    def varying(self, hint: int = 7) -> Any:
        """A new size that may change from one iteration to the next."""
        found = self._new_symbol(hint)
        self.environment.mark_unhinted(found)
        return found

    def export(self, size: Any) -> Any:
        """A size of this function as an outer one, or None where there is no such."""
        size = self.environment.canonical(size)
        if any(s not in self.exports for s in symbols(size)):
            return None
        return substitute(size, lambda s: self.exports[s])

    # -- variables

    def _initial(self, variable: Operation, reader: Operation) -> Tensor:
        found = self.initial.get(variable)
        if found is None:
            count = self.seen.get(variable, 0)
            value = (
                self.outer.versions[variable][count - 1]
                if count
                else self.outer._initial(variable, self.op)
            )
            found = self.initial[variable] = self.capture(value)
        return found

    def latest(self, variable: Operation, reader: Operation) -> Tensor:
        chain = self.versions.get(variable)
        if chain:
            return chain[-1]
        if variable in self.carried:
            return self._initial(variable, reader)
        return self.capture(self.outer.latest(variable, self.op))

    def flag(self, variable: Operation, seen: dict[Operation, int]) -> Tensor:
        if seen.get(variable, 0):
            return super().flag(variable, seen)
        return self.capture(self.outer.flag(variable, self.seen))

    # -- the end

    def value_at_end(self, tensor: Tensor) -> Tensor:
        """What a tensor of the body holds when it was computed."""
        return self.value(tensor, self.after.get(tensor.op, self.base), tensor.op)

    def lift_guards(self) -> None:
        """Ask outside what was asked here about imported sizes."""
        outer, mine = self.outer.environment, self.environment
        for guard in mine.guards:
            names = (*symbols(guard.a), *symbols(guard.b))
            if all(s in self.exports and s not in mine.unhinted for s in names):
                _ask(outer, guard, *(substitute(d, self.exports.__getitem__)
                                     for d in (guard.a, guard.b)))  # fmt: skip

    def close(
        self, name: str, results: Sequence[Tensor], updates: Sequence[tuple[str, Tensor]] = ()
    ) -> Function:
        """The function of what was visited."""
        environment = self.environment
        self.lift_guards()
        sizes = tuple((s, tensor, element) for s, (tensor, element) in environment.dynamic.items())
        if environment.has_substitutions:
            self._canonicalize()
        return Function(
            name, self.body, tuple(self.parameters), tuple(results), tuple(updates),
            tuple(self.effects), sizes,
        )  # fmt: skip


def _ask(environment: Any, guard: Guard, a: Any, b: Any) -> None:
    match guard.relation:
        case "==" | "!=":
            environment.equal(a, b)
        case "<=":
            environment.less_equal(a, b)
        case "<":
            environment.less(a, b)


def sliced(body: Body, wanted: Sequence[Tensor]) -> list[Operation]:
    """The operations of a body that some of its tensors need."""
    return slice_operations([t for t in wanted if t.op.graph is body], (), {})


# ------------------------------------------------------------------------------------ operations


@dataclass
class Outputs:
    """The results of a branch or loop in the outer function, and which sizes only the run knows.

    `count` is the number of the result that counts iterations.
    """

    op: Operation
    count: int = -1
    types: list[TensorType] = field(default_factory=list)
    dynamic: list[tuple[int, int]] = field(default_factory=list)

    def add(self, dtype: Any, dims: Sequence[Any]) -> None:
        """One more result; None stands for a size that only the run knows."""
        number = len(self.types)
        self.dynamic += [(number, axis) for axis, d in enumerate(dims) if d is None]
        self.types.append(TensorType(dtype, tuple(dims)))

    def settle(self, new: Operation, environment: Any) -> None:
        """Give symbols to the sizes that only the run knows."""
        fresh = {
            place: environment.dynamic_value(new.outputs[-1], number)
            for number, place in enumerate(self.dynamic)
        }
        if any(COUNTED in tensor.type.dims for tensor in new.outputs):
            counted = environment.dynamic_value(new.outputs[self.count], 0)
            fresh[-1, -1] = counted
        environment.signed -= {as_symbol(d) for d in fresh.values()}
        for number, tensor in enumerate(new.outputs[:-1]):
            dims = [
                fresh[-1, -1] if d == COUNTED else fresh.get((number, axis), d)
                for axis, d in enumerate(tensor.type.dims)
            ]
            tensor.type = TensorType(tensor.dtype, tuple(dims))


COUNTED = "count"  # stands for the size of a stack until its symbol is there


def append_nested(
    outer: Resolver,
    op: Operation,
    inputs: Sequence[Tensor],
    attrs: dict[str, Any],
    outputs: Outputs,
) -> Operation:
    """The operation of the outer function. Its last result holds the sizes that its run finds."""
    attrs = {**attrs, "sizes": tuple(outputs.dynamic)}
    types = [*outputs.types, TensorType(dtypes.int64, (len(outputs.dynamic),))]
    new = outer.body.append(
        Operation(
            outer.body, definition(op.type), op.name, tuple(inputs), attrs, types, (), op.source,
            op.role, op.device,
        )
    )  # fmt: skip
    outputs.settle(new, outer.environment)
    if any(value.effects for value in attrs.values() if isinstance(value, Function)):
        outer.effects.append(new)
    return new
