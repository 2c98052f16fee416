"""Graphs: operations in creation order, with names, scopes, collections and seeds.

The same class serves the user's append-only graph and the bodies of the functions that passes work
on. What a graph is made of is told in `tensor` (Tensor, Operation), `opdef` (definitions and their
registry), `inference` (type rules) and `hooks`; all of it can be imported from here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import AbstractContextManager
from typing import Any

from graphc.ir.arrays import as_array
from graphc.ir.dtypes import DType
from graphc.ir.errors import format_source
from graphc.ir.hooks import HOOKS, Hooks
from graphc.ir.inference import TypeContext, infer
from graphc.ir.opdef import (
    INDEX_INPUTS,
    ZERO,
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Sample,
    check_arity,
    complete_attrs,
    definition,
    definitions,
    register,
    wanted_dtype,
)
from graphc.ir.settings import Local, Settings, Within
from graphc.ir.shapes import ShapeEnvironment
from graphc.ir.sources import Source, user_source
from graphc.ir.tensor import IndexedSlices, Operation, Tensor, convert
from graphc.ir.types import TensorType

__all__ = [
    "HOOKS",
    "INDEX_INPUTS",
    "ZERO",
    "Attr",
    "Graph",
    "Hooks",
    "IndexedSlices",
    "NoGradient",
    "OpDef",
    "Operand",
    "Operation",
    "Sample",
    "Source",
    "Tensor",
    "TypeContext",
    "as_array",
    "complete_attrs",
    "convert",
    "definition",
    "definitions",
    "infer",
    "register",
    "user_source",
    "wanted_dtype",
]

_VALID_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")
_VALID_SCOPE = re.compile(r"^[A-Za-z0-9_.\\/>-]*$")


class Graph:
    """Operations in creation order, with names, scopes, collections and seeds.

    Append-only, and locked while it is being appended to. With `environment` set it is the body of
    a function that is being compiled: types are concrete and nothing is named.
    """

    def __init__(self, environment: ShapeEnvironment | None = None) -> None:
        self.operations: list[Operation] = []
        self.environment = environment
        self.root: Graph = self  # the graph that bodies of branches and loops are nested in
        self.values: dict[Tensor, Any] = {}  # symbolic values already worked out
        self.seed: int | None = None
        self.finalized = False
        self.collections: dict[str, list[Any]] = {}
        self.lock = threading.RLock()
        self._by_name: dict[str, Operation] = {}  # filled when somebody asks
        self._indexed = 0  # how many operations are in it
        self._names: dict[str, int] = {}
        self._valid: set[str] = set()
        self._local = Local()

    # -- building

    def op(self, type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
        """Append an operation; its tensor, tuple of tensors, or itself if it gives none.

        Inputs that are not tensors are converted; the first tensor's dtype helps where inputs of an
        operation share a dtype.
        """
        for x in inputs:
            if not isinstance(x, Tensor):
                operation = self._op_of_values(type, inputs, attrs, name)
                break
        else:
            operation = self.create(type, inputs, attrs, name)
        outputs = operation.outputs
        if len(outputs) == 1:
            return outputs[0]
        return outputs or operation

    def _op_of_values(
        self, type: str, values: Sequence[Any], attrs: dict[str, Any], name: str | None
    ) -> Operation:
        like = next((x.dtype for x in values if isinstance(x, Tensor)), None)
        count = len(values)
        tensors = [
            x if isinstance(x, Tensor) else convert(x, wanted_dtype(type, i, x, like, count), self)
            for i, x in enumerate(values)
        ]
        return self.create(type, tensors, attrs, name)

    def create(
        self,
        type: str,
        inputs: Sequence[Tensor],
        attrs: dict[str, Any] | None = None,
        name: str | None = None,
        control_inputs: Sequence[Operation] = (),
        source: Source | None = None,
    ) -> Operation:
        """Append an operation.

        Raises:
            RuntimeError: the graph is finalized; ValueError, TypeError: the type rule refuses.
        """
        found = definition(type)
        complete = complete_attrs(found, attrs or {})
        if self.environment is not None:
            return self._create_in_function(found, inputs, complete, control_inputs, source)
        settings = self._local.settings
        block = settings.block or self.root
        if block is not self:
            return block.create(type, inputs, attrs, name, control_inputs, source)
        if self.root.finalized:
            self.root._check_not_finalized()
        source = source or settings.source or user_source()
        for tensor in inputs:
            if tensor.op.graph is not self:
                inputs = [self.adopt(t) for t in inputs]
                break
        if len(inputs) != found.arity:
            check_arity(found, len(inputs))
        context = TypeContext(found, inputs, complete, None, self.value_of)
        try:
            types = infer(found, context)
        except (ValueError, TypeError) as error:
            where = f" ({format_source(source)})" if source else ""
            error.args = (f"{error.args[0] if error.args else ''}{where}", *error.args[1:])
            raise
        groups = settings.control_groups
        controls = _controls(groups, inputs, control_inputs) if groups or control_inputs else ()
        if controls:
            controls = self.adopt_controls(controls)
        operation = self.add(found, name or type, inputs, complete, types, controls, source)
        for _, made in groups:
            made.add(operation)
        return operation

    def add(
        self,
        found: OpDef,
        name: str,
        inputs: Sequence[Tensor],
        attrs: dict[str, Any],
        types: Sequence[TensorType],
        controls: tuple[Operation, ...],
        source: Source | None,
    ) -> Operation:
        """Append a checked operation under a unique name."""
        settings = self._local.settings
        with self.lock:
            full_name = self._unique(name, settings.scope, True)
            operation = Operation(
                self, found, full_name, tuple(inputs), attrs, types,
                controls, source, settings.role, settings.device,
            )  # fmt: skip
            operation.number = len(self.operations)
            self.operations.append(operation)
        return operation

    def adopt_controls(self, controls: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """The operations here that one made here waits for, given those anywhere.

        Raises:
            ValueError: one lies inside a branch or loop, or belongs to another graph.
        """
        for control in controls:
            if control.graph is not self:
                raise ValueError(
                    f"{control.name} lies inside a branch of tf.cond or the body of a loop: "
                    "nothing outside can wait for it"
                )
        return controls

    def adopt(self, tensor: Tensor) -> Tensor:
        """The tensor as operations of this graph may read it (bodies take outer tensors in).

        Raises:
            ValueError: it belongs to another graph, or lies inside a branch or loop.
        """
        if tensor.op.graph is self:
            return tensor
        if tensor.op.graph.root is self.root:
            raise ValueError(
                f"{tensor} lies inside a branch of tf.cond or the body of a loop, where alone it "
                f"has a value; return it from there to use it outside (it was made at "
                f"{tensor.op.where})"
            )
        raise ValueError(f"{tensor} is not an element of this graph.")

    def _create_in_function(
        self,
        found: OpDef,
        inputs: Sequence[Tensor],
        attrs: dict[str, Any],
        controls: Sequence[Operation],
        source: Source | None,
    ) -> Operation:
        types = infer(found, TypeContext(found, inputs, attrs, self.environment, self.value_of))
        settings = self._local.settings
        return self.append(
            Operation(
                self, found, "", tuple(inputs), attrs, types, tuple(controls),
                source or settings.source, settings.role,
            )
        )  # fmt: skip

    def append(self, operation: Operation) -> Operation:
        """Add a ready operation to the body of a function."""
        operations = self.operations
        operation.number = len(operations)
        if not operation.name:
            operation.name = f"{operation.definition.name}_{operation.number}"
        operations.append(operation)
        return operation

    def _check_not_finalized(self) -> None:
        if self.finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def constant(self, value: Any, dtype: DType | None = None, name: str | None = None) -> Tensor:
        """A `Const` operation's tensor for a Python or NumPy value."""
        array = as_array(value, dtype)
        if array.flags.writeable:
            array = array.copy()
            array.flags.writeable = False
        return self.create("Const", (), {"value": array}, name or "Const").outputs[0]

    def value_of(self, tensor: Tensor) -> Any:
        """The symbolic value of a small integer tensor, or the constant it is, or None."""
        from graphc.ir.values import value_of

        return value_of(self, tensor)

    # -- names

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` under the current scope, with a suffix _1, _2 … if it is taken.

        A name that ends in "/" is taken as it is, without scope or suffix.

        Raises:
            ValueError: the name holds characters that no operation's name may have.
        """
        return self._unique(name, self._local.settings.scope, mark_as_used)

    def _unique(self, name: str, scope: str, mark_as_used: bool) -> str:
        if name[-1:] == "/":
            return name[:-1]
        if name not in self._valid:
            self._check_name(name, scope)
        full = f"{scope}/{name}" if scope else name
        names = self._names
        key = full.lower()
        count = names.get(key, 0)
        if mark_as_used:
            names[key] = count + 1
        if count == 0:
            return full
        while (other := f"{key}_{count}") in names:
            count += 1
        if mark_as_used:
            names[key] = count + 1
            names[other] = 1
        return f"{full}_{count}"

    def _check_name(self, name: str, scope: str) -> None:
        if not (_VALID_SCOPE if scope else _VALID_NAME).match(name):
            source = user_source()
            where = f" ({format_source(source)})" if source else ""
            raise ValueError(f"'{name}' is not a valid scope or operation name{where}")
        if _VALID_NAME.match(name):
            self._valid.add(name)  # checked once

    @property
    def scope(self) -> str:
        """The current name scope without trailing slash ('' at the top)."""
        return self._local.settings.scope

    def name_scope(self, name: str | None) -> Within[str]:
        """Enter a name scope; gives it with a trailing slash.

        None or "" enters the top scope; a name that ends in "/" re-enters that scope.
        """

        def change(settings: Settings) -> str:
            settings.scope = scope = self.unique_name(name) if name else ""
            return f"{scope}/" if scope else ""

        return Within(self._local, change)

    def operation(self, name: str) -> Operation:
        """The operation of that name.

        Raises:
            KeyError: there is none.
        """
        found = self.find_operation(name)
        if found is None:
            raise KeyError(name)
        return found

    def find_operation(self, name: str) -> Operation | None:
        """The operation of that name, or None."""
        with self.lock:
            for operation in self.operations[self._indexed :]:
                self._by_name[operation.name] = operation
            self._indexed = len(self.operations)
            return self._by_name.get(name)

    # -- contexts

    def control_dependencies(
        self, operations: Iterable[Operation] | None
    ) -> AbstractContextManager[None]:
        """Operations made inside run after `operations`; None clears the outer dependencies."""
        given = None if operations is None else tuple(operations)

        def change(settings: Settings) -> None:
            outer = settings.control_groups
            settings.control_groups = () if given is None else (*outer, (given, set()))

        return Within(self._local, change)

    def outermost(self) -> AbstractContextManager[None]:
        """Operations made inside belong to no branch or loop, and wait for nothing."""

        def change(settings: Settings) -> None:
            settings.block, settings.control_groups = None, ()

        return Within(self._local, change)

    def building(self) -> AbstractContextManager[None]:
        """Within this, new operations land here, not in a branch or loop that is being built."""
        return self.outermost()

    @property
    def block(self) -> Graph:
        """Where operations are added to now: the body that is being built, else the graph."""
        return self._local.settings.block or self.root

    def role(self, role: str) -> AbstractContextManager[None]:
        """Operations made inside have this role: forward, gradient, update or init."""
        return Within(self._local, lambda settings: setattr(settings, "role", role))

    def device(self, device: str) -> AbstractContextManager[None]:
        """Operations made inside carry this device text."""
        return Within(self._local, lambda settings: setattr(settings, "device", device))

    def provenance(self, operation: Operation | None) -> AbstractContextManager[None]:
        """Operations made inside are attributed to the user's line of `operation`."""

        def change(settings: Settings) -> None:
            if operation is not None and operation.source is not None:
                settings.source = operation.source

        return Within(self._local, change)

    # -- differentiation

    def differentiate(
        self,
        operation: Operation,
        cotangents: Sequence[Any],
        active: Set[Tensor],
        rule: Callable[..., Any],
    ) -> Any:
        """Call `rule(operation, *cotangents)`; what it makes has the operation's line, and names in
        a scope of its name. `active` are the tensors whose cotangents are wanted."""
        name = f"{operation.name}_grad"
        self._valid.add(name)  # as the operation's name is
        local = self._local
        before = local.settings
        local.settings = settings = before.copy()
        settings.scope = self._unique(name, before.scope, True)
        settings.source = operation.source or before.source
        settings.active = active
        try:
            return rule(operation, *cotangents)
        finally:
            local.settings = before

    def wants_cotangent(self, tensor: Tensor) -> bool:
        """Whether the differentiator has a use for the cotangent of an operation's input.

        A gradient rule may give None for others. Outside of `gradients` all are wanted.
        """
        active = self._local.settings.active
        return active is None or tensor in active


def _controls(
    groups: Sequence[tuple[tuple[Operation, ...], set[Operation]]],
    inputs: Sequence[Tensor],
    given: Sequence[Operation],
) -> tuple[Operation, ...]:
    found: dict[Operation, None] = dict.fromkeys(given)
    for group, made in groups:
        # an operation that reads one made inside the scope inherits the dependency through it
        if not any(t.op in made for t in inputs):
            found.update(dict.fromkeys(group))
    return tuple(found)
