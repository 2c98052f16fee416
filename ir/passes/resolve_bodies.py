"""Resolving branches and loops: bodies become functions nested in an operation's attributes.

A nested function stands alone: its sizes are its own symbols, each known to be a size of the
function around it (*imported*), or changing from one iteration to the next (*varying*: no hint
tells anything, guards about it are errors). What it asks about imported sizes becomes guards
outside. Loops are traced until what their carries are (which variables are written, which sizes
vary) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.bodies import Body, is_small_constant
from graphc.ir.dims import UNKNOWN, Unknown, as_symbol, substitute, symbols
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor, definition
from graphc.ir.passes.resolve import MOST_SIZES, Resolver, size_tensors, slice_operations
from graphc.ir.passes.resolve_arrays import is_open, settle
from graphc.ir.shapes import Guard
from graphc.ir.types import TensorType, shape_text


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
class _Outputs:
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


def _append(
    outer: Resolver,
    op: Operation,
    inputs: Sequence[Tensor],
    attrs: dict[str, Any],
    outputs: _Outputs,
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


def resolve_branches(outer: Resolver, op: Operation, seen: dict[Operation, int]) -> None:
    """Append what an `If` of the user's graph means."""
    pred = outer.value(op.inputs[0], seen, op)
    if pred.type.dims != ():
        raise InvalidArgumentError(None, op, f"The pred of tf.cond is no scalar: {pred.type}")
    saves = outer.saves.get(op, [])
    taken: dict[Tensor, int] = {}
    parts: list[Inner] = []
    for name in ("then_branch", "else_branch"):
        body = op.attrs[name]
        kept = [s.attrs["tensor"] for s in saves if s.attrs["tensor"].op.graph is body]
        operations = sliced(body, [*body.results, *kept])
        part = Inner({}, outer.variable_shape, *size_tensors(operations), outer=outer, op=op,
                     seen=seen, kind="feed", taken=taken,
                     has_arrays=outer.has_arrays)  # fmt: skip
        part.enter(body)
        part.visit_all(operations)
        parts.append(part)
    outer.has_arrays |= any(part.has_arrays for part in parts)
    variables = list(dict.fromkeys(v for part in parts for v in part.versions))
    both = [
        [part.value_at_end(t) for t in op.attrs[name].results]
        + [part.latest(v, op) for v in variables]
        for part, name in zip(parts, ("then_branch", "else_branch"), strict=True)
    ]
    outputs = _Outputs(op)
    _settle_alike(parts, both)
    for a, b in zip(*both, strict=True):
        if len(a.type.dims) != len(b.type.dims):
            raise InvalidArgumentError(
                None, op, f"the branches of tf.cond give tensors of rank {len(a.type.dims)} and "
                f"{len(b.type.dims)}; what they give must have one rank")  # fmt: skip
        exported = [[p.export(d) for d in t.type.dims]
                    for p, t in zip(parts, (a, b), strict=True)]  # fmt: skip
        outputs.add(a.dtype, [x if x == y else None for x, y in zip(*exported, strict=True)])
    common = len(outputs.types)
    order = []
    for part, name, values in zip(parts, ("then_branch", "else_branch"), both, strict=True):
        for save in saves:
            if save.attrs["tensor"].op.graph is op.attrs[name]:
                value = part.value_at_end(save.attrs["tensor"])
                values.append(value)
                outputs.add(value.dtype, [part.export(d) for d in value.type.dims])
                order.append(save)
    functions = [
        part.close(f"{op.name}/{word}", values)
        for part, word, values in zip(parts, ("then", "else"), both, strict=True)
    ]
    names = ("pred", *(f"k{number}" for number in taken.values()))
    attrs = {"then_branch": functions[0], "else_branch": functions[1], "common": common,
             "names": names}  # fmt: skip
    new = _append(outer, op, (pred, *taken), attrs, outputs)
    count = len(op.outputs) - 1
    outer.tensors.update(zip(op.outputs[:-1], new.outputs[:count], strict=True))
    outer.tensors.update((s.outputs[0], t) for s, t in zip(order, new.outputs[common:-1],
                                                           strict=True))  # fmt: skip
    outer.written(op, seen, dict(zip(variables, new.outputs[count:common], strict=True)))


def _settle_alike(parts: list[Inner], both: list[list[Tensor]]) -> None:
    """Give an open array that one branch hands on the element shape it has in the other."""
    for number, pair in enumerate(zip(*both, strict=True)):
        for mine, other in ((0, 1), (1, 0)):
            if is_open(pair[mine]) and not is_open(pair[other]):
                sizes = [parts[other].export(d) for d in pair[other].type.dims[1:]]
                if None not in sizes:
                    element = [parts[mine].import_size(d) for d in sizes]
                    both[mine][number] = settle(pair[mine], element)


def resolve_loop(outer: Resolver, op: Operation, seen: dict[Operation, int]) -> None:
    """Append what a `While` or `Scan` of the user's graph means."""
    loop = _Loop(outer, op, seen)
    loop.trace()
    loop.append()


@dataclass
class _Loop:
    """A loop in the making. `variables` are those it writes: they are carries after the user's."""

    outer: Resolver
    op: Operation
    seen: dict[Operation, int]
    variables: dict[Operation, None] = field(default_factory=dict)
    varying: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        op, outer = self.op, self.outer
        self.body: Body = op.attrs["body"]
        self.cond: Body | None = op.attrs.get("cond")
        self.explicit: int = op.attrs["carries"]
        rows: int = op.attrs.get("rows", 0)
        tail = rows + (self.cond is None)
        values = [outer.value(t, self.seen, op) for t in op.inputs[: self.explicit]]
        self.starts = values
        last = [outer.value(t, self.seen, op) for t in op.inputs[len(op.inputs) - tail :]]
        self.rows = last[:rows]
        self.count = last[rows] if self.cond is None else None
        self.saves = [s for s in outer.saves.get(op, []) if s.type == "Saved"]

    @cached_property
    def _slices(self) -> tuple[list[Operation], list[Operation]]:
        kept = [s.attrs["tensor"] for s in self.saves]
        body = sliced(self.body, [*self.body.results, *kept])
        cond = [] if self.cond is None else sliced(self.cond, self.cond.results)
        return body, cond

    @property
    def carries(self) -> list[Tensor]:
        """What the carries start from, in the outer function."""
        return [*self.starts, *(self.outer.latest(v, self.op) for v in self.variables)]

    def trace(self) -> None:
        """Trace the body until variables written and sizes that vary stay the same."""
        while not self._trace_once():
            pass

    def _inner(self) -> Inner:
        found: Any = [size_tensors(part) for part in self._slices]
        sizes, whole = (found[0][i] | found[1][i] for i in (0, 1))
        outer = self.outer
        return Inner({}, outer.variable_shape, sizes, whole, outer=outer, op=self.op,
                     seen=self.seen, taken=self.taken, has_arrays=outer.has_arrays)  # fmt: skip

    def _start(self, inner: Inner) -> list[Tensor]:
        """The parameters for carries; those of written variables are their values."""
        parameters = []
        for number, start in enumerate(self.carries):
            hint = self.outer.environment.hint
            shape = tuple([
                inner.varying(hint(d)) if (number, axis) in self.varying else inner.import_size(d)
                for axis, d in enumerate(start.type.dims)
            ])  # fmt: skip
            type = TensorType(start.dtype, shape)
            parameters.append(inner.parameter_of(f"c{number}", type, start, "variable"))
        inner.initial.update(zip(self.variables, parameters[self.explicit :], strict=True))
        return parameters

    def _trace_once(self) -> bool:
        self.taken: dict[Tensor, int] = {}
        inner = self.inner = self._inner()
        parameters = self._start(inner)
        inner.enter(self.body)
        own = self.body.arguments[: self.explicit]
        inner.tensors.update(zip(own, parameters, strict=False))
        for number, rows in enumerate(self.rows):
            dims = [inner.import_size(d) for d in rows.type.dims[1:]]
            row = TensorType(rows.dtype, tuple(dims))
            inner.tensors[self.body.arguments[self.explicit + number]] = inner.parameter_of(
                f"r{number}", row, rows, "variable"
            )
        inner.visit_all(self._slices[0])
        fresh = [v for v in inner.versions if v not in self.variables]
        if fresh:
            self.variables.update(dict.fromkeys(fresh))
            return False
        self.outer.has_arrays |= inner.has_arrays
        results = [inner.value_at_end(t) for t in self.body.results]
        self.results = [*results, *(inner.latest(v, self.op) for v in self.variables)]
        self.saved = [inner.value_at_end(s.attrs["tensor"]) for s in self.saves]
        stable = self._is_stable(parameters)
        if stable and self.cond is not None:
            self.going = self._trace_cond(inner, results)
        return stable

    def _is_stable(self, parameters: list[Tensor]) -> bool:
        """Whether each iteration gives carries of the sizes it was given; notes what does not."""
        canonical = self.inner.environment.canonical
        before = len(self.varying)
        if self._settle_starts():
            return False
        for number, (old, new) in enumerate(zip(parameters, self.results, strict=True)):
            if len(old.type.dims) != len(new.type.dims):
                raise InvalidArgumentError(
                    None, self.op,
                    f"a loop variable has shape {shape_text(old.type.dims)} before and "
                    f"{shape_text(new.type.dims)} after an iteration; its rank must not change",
                )  # fmt: skip
            for axis, (a, b) in enumerate(zip(old.type.dims, new.type.dims, strict=True)):
                if (number, axis) not in self.varying and canonical(a) != canonical(b):
                    self.varying.add((number, axis))
        return len(self.varying) == before

    def _settle_starts(self) -> bool:
        """Settle open arrays that the body writes to; whether there are any."""
        found = False
        for number, start in enumerate(self.starts):
            if is_open(start) and not is_open(self.results[number]):
                sizes = [self.inner.export(d) for d in self.results[number].type.dims[1:]]
                if None in sizes:
                    raise InvalidArgumentError(
                        None, self.op, "the elements written to a TensorArray must have one shape, "
                        "known before the loop; pass element_shape to tf.TensorArray")  # fmt: skip
                self.starts[number] = settle(start, sizes)
                found = True
        return found

    def _trace_cond(self, inner: Inner, values: Sequence[Tensor]) -> Tensor:
        """Go on with the condition over the carries `values`; whether to do an iteration."""
        assert self.cond is not None
        inner.enter(self.cond)
        inner.base = {v: len(chain) for v, chain in inner.versions.items()}
        inner.tensors.update(zip(self.cond.arguments, values, strict=True))
        inner.visit_all(self._slices[1])
        going = inner.value_at_end(self.cond.results[0])
        if going.type.dims != ():
            raise InvalidArgumentError(None, self.op, f"The condition is no scalar: {going.type}")
        return going

    def append(self) -> None:
        """The operation of the outer function."""
        outer, op, inner = self.outer, self.op, self.inner
        attrs: dict[str, Any] = {"carries": len(self.results)}
        results = list(self.saved)
        if self.cond is not None:
            first = self._inner()
            going = self._trace_cond(first, self._start(first)[: self.explicit])
            attrs["cond"] = first.close(f"{op.name}/cond", [going])
            results.insert(0, self.going)
        else:
            attrs |= {"rows": len(self.rows), "reverse": op.attrs["reverse"]}
        updates = [(f"c{number}", t) for number, t in enumerate(self.results)]
        attrs["body"] = inner.close(f"{op.name}/body", results, updates)
        outputs = _Outputs(op, count=len(self.results) + len(self.saved))
        for number, start in enumerate(self.carries):
            outputs.add(start.dtype, [None if (number, axis) in self.varying else d
                                      for axis, d in enumerate(start.type.dims)])  # fmt: skip
        length = self._length()
        for value in self.saved:
            outputs.add(value.dtype, [length, *(inner.export(d) for d in value.type.dims)])
        outputs.add(dtypes.int32, ())
        ends = [] if self.count is None else [*self.rows, self.count]
        attrs["names"] = (
            *(name for name, _ in updates),
            *(f"k{number}" for number in self.taken.values()),
            *(f"r{number}" for number in range(len(self.rows))),
            *(() if self.count is None else ("count",)),
        )
        new = _append(outer, op, (*self.carries, *self.taken, *ends), attrs, outputs)
        self._bind(new)

    def _length(self) -> Any:
        """How many iterations there are, as a size; COUNTED: only the run knows."""
        if self.count is None:
            return COUNTED
        value = self.outer.body.value_of(self.count)
        if value is None or isinstance(value.item(), Unknown):
            return COUNTED
        return value.item()

    def _bind(self, new: Operation) -> None:
        outer, op, count = self.outer, self.op, len(self.results)
        outer.tensors.update(zip(op.outputs[: self.explicit], new.outputs, strict=False))
        stacks = new.outputs[count : count + len(self.saved)]
        outer.tensors.update((s.outputs[0], t) for s, t in zip(self.saves, stacks, strict=True))
        for save in outer.saves.get(op, []):
            if save.type == "LoopCount":
                outer.tensors[save.outputs[0]] = new.outputs[-2]
        values = dict(zip(self.variables, new.outputs[self.explicit : count], strict=True))
        outer.written(op, self.seen, values)
