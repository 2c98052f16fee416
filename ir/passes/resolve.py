"""Resolve: the slice of a user graph that one run needs, as a function in SSA form.

Three things happen in one walk over the sliced operations in creation order (which is a topological
order, since graphs are append-only): feeds and variables become parameters, variable versions
become SSA values, and the type rules run again with every unknown size as a symbol.

The version of a variable that an operation sees is the latest write among its data and control
ancestors, else the value at the start of the run. Writes that nothing orders are chained by
creation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import numpy as np

from graphc.ir import collector, dtypes
from graphc.ir.bodies import bodies
from graphc.ir.dims import UNKNOWN, Unknown
from graphc.ir.errors import FailedPreconditionError, InvalidArgumentError, OpError
from graphc.ir.function import Function, Parameter
from graphc.ir.graph import Graph, Operation, Tensor, TypeContext, infer
from graphc.ir.passes.resolve_arrays import is_open, settled_inputs
from graphc.ir.shapes import ShapeEnvironment
from graphc.ir.types import TensorType, shape_text

# A fed integer tensor of at most this many elements may hold sizes.
MOST_SIZES = 16


def resolve(
    graph: Graph,
    fetches: Sequence[Tensor],
    targets: Sequence[Operation],
    feeds: Mapping[Tensor, np.ndarray],
    variable_shape: Callable[[str], tuple[int, ...] | None],
    name: str = "main",
) -> Function:
    """The function that computes `fetches` and runs `targets`.

    Args:
        feeds: fed tensors with this run's arrays, of which shapes and small integer values are
            hints.
        variable_shape: the shape of a variable's present value by name; None if it has none.

    Raises:
        InvalidArgumentError: a placeholder is not fed, or shapes do not fit together.
        FailedPreconditionError: a variable of unknown shape is read before it has a value.
    """
    with collector.held():
        operations = slice_operations(fetches, targets, feeds)
        resolver = Resolver(feeds, variable_shape, *size_tensors(operations))
        resolver.visit_all(operations)
        results = [resolver.fetch(tensor) for tensor in fetches]
        return resolver.finish(name, results)


def slice_operations(
    fetches: Sequence[Tensor], targets: Sequence[Operation], feeds: Mapping[Tensor, Any]
) -> list[Operation]:
    """The operations a run needs, in creation order. Fed tensors cut the graph."""
    pending = [t.op for t in fetches if t not in feeds] + list(targets)
    found = set(pending)
    while pending:
        op = pending.pop()
        for tensor in op.inputs:
            producer = tensor.op
            if producer not in found and tensor not in feeds:
                found.add(producer)
                pending.append(producer)
        for control in op.control_inputs:
            if control not in found and not (
                control.outputs and all(t in feeds for t in control.outputs)
            ):
                found.add(control)
                pending.append(control)
    return sorted(found, key=attrgetter("number"))


def size_tensors(operations: Sequence[Operation]) -> tuple[set[Tensor], set[Tensor]]:
    """The tensors that may flow into a shape, and among them those that type rules read whole.

    The former are found by walking backwards from the latter, the shape inputs.
    """
    wanted: set[Tensor] = set()
    whole: set[Tensor] = set()
    for op in reversed(operations):
        definition = op.definition
        for index in definition.shape_inputs:
            if index < len(op.inputs):
                whole.add(op.inputs[index])
                wanted.add(op.inputs[index])
        if definition.effect == "nested":
            for outer, is_whole in sizes_taken_in(op):
                wanted.add(outer)
                if is_whole:
                    whole.add(outer)
        if definition.value is not None and not wanted.isdisjoint(op.outputs):
            unread = () if op.type not in _OF_SHAPES else op.inputs
            wanted.update(
                t for t in op.inputs if (t.dtype.is_integer or t.dtype.is_bool) and t not in unread
            )
    return wanted, whole


def sizes_taken_in(op: Operation) -> list[tuple[Tensor, bool]]:
    """The tensors that bodies take in and that may flow into a shape there, and whether whole."""
    found = []
    for body in bodies(op):
        if not any(o.dtype.is_integer for o in body.captures):
            continue
        wanted, whole = size_tensors(body.operations)
        found += [(o, a in whole) for o, a in body.captures.items() if a in wanted]
    return found


@dataclass
class Resolver:
    """The walk over sliced operations, and the function that grows by it."""

    feeds: Mapping[Tensor, np.ndarray]
    variable_shape: Callable[[str], tuple[int, ...] | None]
    sizes: set[Tensor]
    whole: set[Tensor]
    body: Graph = field(init=False)
    tensors: dict[Tensor, Tensor] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    effects: list[Operation] = field(default_factory=list)
    initial: dict[Operation, Tensor] = field(default_factory=dict)
    flags: dict[Operation, Tensor] = field(default_factory=dict)
    # per variable, the values written so far, in order
    versions: dict[Operation, list[Tensor]] = field(default_factory=dict)
    # per operation, how many writes of each variable it and its ancestors have made
    after: dict[Operation, dict[Operation, int]] = field(default_factory=dict)
    aliases: dict[Tensor, Operation] = field(default_factory=dict)  # ref tensor -> its variable
    symbols: int = 0
    # per branch or loop, the operations that ask for values inside
    saves: dict[Operation, list[Operation]] = field(default_factory=dict)
    has_arrays: bool = False  # whether there may be arrays of unknown element shape
    # the writes that everything visited comes after
    base: dict[Operation, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = ShapeEnvironment()
        self.body = Graph(self.environment)
        for tensor, array in self.feeds.items():
            self._feed(tensor, array)

    # -- sources

    def _new_symbol(self, hint: int) -> Any:
        self.symbols += 1
        return self.environment.new_symbol(f"s{self.symbols - 1}", hint)

    def _shape(self, declared: Any, actual: tuple[int, ...]) -> tuple[Any, ...]:
        if declared is None:
            declared = (UNKNOWN,) * len(actual)
        return tuple(
            self._new_symbol(n) if isinstance(d, Unknown) else d
            for d, n in zip(declared, actual, strict=True)
        )

    def _parameter(self, kind: Any, name: str, dtype: Any, shape: Any, **attrs: Any) -> Tensor:
        given = {"kind": kind, "name": name, "dtype": dtype, "shape": shape, **attrs}
        tensor = self.body.create("Parameter", (), given).outputs[0]
        tensor.op.name = name
        self.parameters.append(Parameter(tensor, kind, name))
        return tensor

    def _feed(self, tensor: Tensor, array: np.ndarray) -> None:
        shape = self._shape(tensor.type.shape, array.shape)
        attrs: dict[str, Any] = {}
        values = None
        if (
            tensor in self.sizes
            and array.dtype.kind in "iu"
            and array.ndim <= 1
            and array.size <= MOST_SIZES
            and (tensor in self.whole or all(isinstance(d, int) for d in shape))
        ):
            for size in shape:
                self.environment.constant(size)  # another length is another variant
            values = [self._new_symbol(int(v)) for v in array.ravel()]
            self.environment.mark_signed(values)
            attrs["_value"] = tuple(values)
        parameter = self._parameter("feed", tensor.name, tensor.dtype, shape, **attrs)
        parameter.op.source = tensor.op.source
        if values is not None:
            self.body.values[parameter] = np.array(values, dtype=object).reshape(array.shape)
        self.tensors[tensor] = parameter

    def _initial(self, variable: Operation, reader: Operation) -> Tensor:
        """The value a variable has at the start of the run."""
        found = self.initial.get(variable)
        if found is None:
            declared = variable.outputs[0].type
            if declared.is_static:
                shape: Any = declared.shape
            else:
                actual = self.variable_shape(variable.name)
                if actual is None:
                    raise uninitialized(variable)
                shape = self._shape(declared.shape, actual)
            found = self._parameter("variable", variable.name, declared.dtype, shape)
            found.op.source = variable.source
            self.initial[variable] = found
        return found

    # -- operations

    def visit_all(self, operations: Sequence[Operation]) -> None:
        """Visit operations in creation order."""
        for op in operations:
            self.has_arrays |= op.definition.name == "EmptyArray"
            if op.definition.name in ("Saved", "LoopCount"):
                self.saves.setdefault(op.inputs[0].op, []).append(op)
        for op in operations:
            self.visit(op)

    def visit(self, op: Operation) -> None:
        """Append what an operation of the user's graph means."""
        outputs, feeds = op.outputs, self.feeds
        is_fed = not feeds.keys().isdisjoint(outputs)
        if is_fed and all(t in feeds for t in outputs):
            return
        seen = self._seen(op)
        if seen:
            self.after[op] = seen
        definition = op.definition
        type = definition.name
        if type == "VariableV2":
            self.aliases[outputs[0]] = op
        elif op.attrs.get("_alias") and op.inputs[0] in self.aliases:
            self.aliases[outputs[0]] = self.aliases[op.inputs[0]]
        elif type == "Placeholder":
            raise missing_feed(op)
        elif type == "IsVariableInitialized":
            self.tensors[outputs[0]] = self._initialized(op, seen)
        elif definition.effect == "nested":
            self._nested(op, seen)
        elif definition.update is not None:
            self._write(op, seen)
        elif outputs or definition.effect in ("host", "check"):
            self._plain(op, seen)
        if is_fed:
            for tensor in outputs:
                if tensor in feeds:
                    self.aliases.pop(tensor, None)

    def _seen(self, op: Operation) -> dict[Operation, int]:
        """The writes an operation comes after, by variable (dicts are shared, never changed)."""
        result: dict[Operation, int] = self.base
        after = self.after
        if not after:
            return result  # nothing has been written so far
        owned = False
        for ancestor in (*[t.op for t in op.inputs if t not in self.feeds], *op.control_inputs):
            other = after.get(ancestor, _NOTHING)
            if other is result or not other:
                continue
            if not result:
                result = other
                continue
            if not owned:
                result, owned = dict(result), True
            for variable, count in other.items():
                if count > result.get(variable, 0):
                    result[variable] = count
        return result

    def value(self, tensor: Tensor, seen: dict[Operation, int], reader: Operation) -> Tensor:
        """What a tensor of the user's graph holds for an operation that comes after `seen`."""
        variable = self.aliases.get(tensor)
        if variable is None:
            return self.tensors[tensor]
        count = seen.get(variable, 0)
        return self.versions[variable][count - 1] if count else self._initial(variable, reader)

    def _plain(self, op: Operation, seen: dict[Operation, int]) -> None:
        tensors, feeds = self.tensors, self.feeds
        if self.aliases:
            inputs = tuple([self.value(t, seen, op) for t in op.inputs])
        else:
            inputs = tuple([tensors[t] for t in op.inputs])
        definition = op.definition
        if self.has_arrays and op.inputs:
            if definition.name == "Identity" and is_open(inputs[0]):
                tensors[op.outputs[0]] = inputs[0]
                return
            inputs = settled_inputs(op, inputs)
        if definition.name in _FITTING:
            given, like = inputs[0].type, inputs[1].type
            if given is like or given == like:
                tensors[op.outputs[0]] = inputs[0]
                return
        attrs = op.attrs
        if definition.effect == "random":
            attrs = {**attrs, "_random": op.name}
        new = self._create(op, inputs, attrs)
        if len(new.outputs) == 1:  # then it is not fed, or nobody would have asked for it
            tensors[op.outputs[0]] = new.outputs[0]
        else:
            for old, fresh in zip(op.outputs, new.outputs, strict=True):
                if old not in feeds:
                    tensors[old] = fresh
        if definition.effect in ("host", "check"):
            self.effects.append(new)

    def _create(
        self, op: Operation, inputs: tuple[Tensor, ...], attrs: dict[str, Any]
    ) -> Operation:
        """Append the operation over new inputs; its type rule runs again, with all sizes known."""
        definition, body = op.definition, self.body
        guards = self.environment.guards
        known = len(guards)
        context = TypeContext(definition, inputs, attrs, self.environment, body.value_of)
        try:
            types = infer(definition, context)
        except OpError as error:
            if error.op is not None:
                raise
            raise type(error)(None, op, error.message) from None
        except (ValueError, TypeError) as error:
            raise InvalidArgumentError(None, op, str(error)) from None
        if len(guards) > known:
            guards[known:] = [replace(guard, op=op) for guard in guards[known:]]
        return body.append(
            Operation(
                body, definition, op.name, inputs, attrs, types, (), op.source, op.role, op.device
            )
        )

    def _initialized(self, op: Operation, seen: dict[Operation, int]) -> Tensor:
        return self.flag(self.aliases[op.inputs[0]], seen)

    def flag(self, variable: Operation, seen: dict[Operation, int]) -> Tensor:
        """Whether a variable has a value for an operation that comes after `seen`."""
        if seen.get(variable, 0):
            return self.body.constant(np.bool_(True))
        if variable not in self.flags:
            dtype = dtypes.bool_
            self.flags[variable] = self._parameter("initialized", variable.name, dtype, ())
        return self.flags[variable]

    def _nested(self, op: Operation, seen: dict[Operation, int]) -> None:
        from graphc.ir.passes.resolve_branches import resolve_branches
        from graphc.ir.passes.resolve_loops import resolve_loop

        if op.type == "If":
            resolve_branches(self, op, seen)
        elif op.type in ("While", "Scan"):
            resolve_loop(self, op, seen)

    def latest(self, variable: Operation, reader: Operation) -> Tensor:
        """The newest value of a variable: what the next write in the chain starts from."""
        chain = self.versions.get(variable)
        return chain[-1] if chain else self._initial(variable, reader)

    def written(
        self, op: Operation, seen: dict[Operation, int], values: Mapping[Operation, Tensor]
    ) -> None:
        """Note the new values of variables that an operation has written."""
        seen = dict(seen)
        for variable, value in values.items():
            chain = self.versions.setdefault(variable, [])
            chain.append(value)
            seen[variable] = len(chain)
        self.after[op] = seen

    def _write(self, op: Operation, seen: dict[Operation, int]) -> None:
        """Append the new values of the variables an operation writes."""
        writes = op.definition.writes
        variables = []
        for index in writes:
            if op.inputs[index] not in self.aliases:
                raise InvalidArgumentError(
                    None, op, f"{op.type} needs a variable, but {op.inputs[index].name} is fed"
                )
            variables.append(self.aliases[op.inputs[index]])
        inputs: list[Any] = []
        for index, tensor in enumerate(op.inputs):
            if op.type == "Assign" and index == 0:
                inputs.append(None)  # overwritten unread: it may have no value yet
            elif index in writes:
                inputs.append(self.latest(variables[writes.index(index)], op))
            else:
                inputs.append(self.value(tensor, seen, op))
        first = len(self.body.operations)
        with self.body.provenance(op), self.body.role("update"):
            try:
                values = op.definition.update(op, *inputs) if op.definition.update else ()
            except (ValueError, TypeError, OpError) as error:
                raise InvalidArgumentError(None, op, str(error)) from None
        for number in range(first, len(self.body.operations)):
            self.body.operations[number].name = op.name
        self._check_new_values(op, variables, values)
        self.written(op, seen, dict(zip(variables, values, strict=True)))
        for tensor in op.outputs:
            self.aliases[tensor] = variables[0]

    def _check_new_values(
        self, op: Operation, variables: list[Operation], values: Sequence[Tensor]
    ) -> None:
        if not op.attrs.get("validate_shape", True):
            return
        for variable, value in zip(variables, values, strict=True):
            declared = variable.outputs[0].type.shape
            if declared is None:
                continue
            actual = value.type.dims
            same = len(declared) == len(actual) and all(
                isinstance(d, Unknown) or self.environment.equal(d, a)
                for d, a in zip(declared, actual, strict=True)
            )
            if not same:
                hints = tuple(self.environment.hint(d) for d in actual)
                raise InvalidArgumentError(
                    None, op,
                    f"{op.type} requires shapes of both tensors to match: variable "
                    f"'{variable.name}' has shape {shape_text(declared)}, its new value "
                    f"{shape_text(hints)}",
                )  # fmt: skip

    # -- results

    def fetch(self, tensor: Tensor) -> Tensor:
        """What a fetch returns."""
        if tensor in self.feeds:
            return self.tensors[tensor]
        return self.value(tensor, self.after.get(tensor.op, _NOTHING), tensor.op)

    def finish(self, name: str, results: list[Tensor]) -> Function:
        updates = tuple((v.name, chain[-1]) for v, chain in self.versions.items())
        environment = self.environment
        sizes = tuple((s, tensor, element) for s, (tensor, element) in environment.dynamic.items())
        if environment.has_substitutions:
            self._canonicalize()
        parameters = tuple(self.parameters)
        if any(p.kind != "feed" for p in parameters):
            used = {t for op in self.body.operations for t in op.inputs}
            used.update(results, (t for _, t in updates), (t for _, t, _ in sizes))
            parameters = tuple(p for p in parameters if p.kind == "feed" or p.tensor in used)
        dropped = {p.tensor.op for p in self.parameters} - {p.tensor.op for p in parameters}
        if dropped:
            self.body.operations = [op for op in self.body.operations if op not in dropped]
            for number, op in enumerate(self.body.operations):
                op.number = number
        return Function(
            name, self.body, parameters, tuple(results), updates, tuple(self.effects), sizes
        )

    def _canonicalize(self) -> None:
        """Write sizes that were found equal as one, in all types."""
        canonical = self.environment.canonical
        for op in self.body.operations:
            for tensor in op.outputs:
                dims = tensor.type.dims
                if not all(isinstance(d, int) for d in dims) and op.type != "Parameter":
                    tensor.type = TensorType(tensor.dtype, tuple(canonical(d) for d in dims))
        for tensor, value in self.body.values.items():
            if isinstance(value, np.ndarray) and value.dtype == object and value.size:
                fresh = np.empty(value.shape, dtype=object)
                fresh.ravel()[:] = [canonical(d) for d in value.ravel()]
                self.body.values[tensor] = fresh


# These work out sizes from their input's type, not from what it holds.
_OF_SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank"})
_NOTHING: dict[Operation, int] = {}
# These give their first operand where it has the type of the second: nothing is to be done then.
_FITTING = frozenset({"SumToShapeOf", "BroadcastToShapeOf", "ReshapeToShapeOf"})


def uninitialized(variable: Operation) -> FailedPreconditionError:
    """The error for a variable that is read before it has a value."""
    return FailedPreconditionError(
        None, variable,
        f"Attempting to use uninitialized value {variable.name}; run its initializer first, for "
        "instance sess.run(tf.global_variables_initializer())",
    )  # fmt: skip


def missing_feed(op: Operation) -> InvalidArgumentError:
    """The error for a placeholder that is not fed."""
    shape = op.outputs[0].type.shape
    text = "<unknown>" if shape is None else f"[{','.join(map(repr, shape))}]"
    dtype = {"float32": "float", "float64": "double"}.get(op.outputs[0].dtype.name)
    return InvalidArgumentError(
        None, op,
        f"You must feed a value for placeholder tensor '{op.name}' with dtype "
        f"{dtype or op.outputs[0].dtype.name} and shape {text}; add it to feed_dict",
    )  # fmt: skip
