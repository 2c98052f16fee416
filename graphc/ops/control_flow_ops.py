"""Order: operations grouped, tied to one another, and made to do nothing."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

from graphc.framework.conversion import (
    convert_to_tensor,
    convert_to_tensor_or_indexed_slices,
)
from graphc.framework.default_graph import element_of, get_default_graph, graph_of
from graphc.framework.errors import located
from graphc.ir.graph import IndexedSlices, Operation, Tensor

__all__ = ["group", "identity", "identity_n", "no_op", "tuple"]


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing; control dependencies order others by it."""
    return get_default_graph().create("NoOp", (), name=name)


def group(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that has run when all `inputs` (operations, tensors, nested lists) have.

    Raises:
        ValueError: an unknown keyword (only `name` is known); TypeError: an input is None or no
            element.
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(located(f"Unknown keyword arguments: {', '.join(kwargs)}"))
    operations = [_operation(value, "group") for value in _flatten(inputs)]
    graph = graph_of(*operations)
    return graph.create("NoOp", (), name=name or "group_deps", control_inputs=operations)


def _flatten(values: Any) -> Iterable[Any]:
    pending = list(reversed(list(values)))
    while pending:
        value = pending.pop()
        if isinstance(value, (list, builtins.tuple)):
            pending += reversed(value)
        elif isinstance(value, dict):
            pending += reversed(list(value.values()))
        else:
            yield value


def _operation(value: Any, function: str) -> Operation:
    element = element_of(value)
    if element is None:
        raise TypeError(
            located(
                f"Expected tf.{function}() expected Tensor, Variable or Operation objects, not "
                f"{value!r} of type '{type(value).__name__}'"
            )
        )
    return element.op if isinstance(element, Tensor) else element


def with_dependencies(dependencies: Any, output_tensor: Any, name: str | None = None) -> Any:
    """`output_tensor`, which is given only when all `dependencies` have run."""
    graph = graph_of(output_tensor, *dependencies)
    with (
        graph.name_scope(name or "control_dependency") as scope,
        graph.control_dependencies(dependencies),
    ):
        output = convert_to_tensor_or_indexed_slices(output_tensor)
        if isinstance(output, IndexedSlices):
            values = graph.op("Identity", output.values)
            return IndexedSlices(values, output.indices, output.dense_shape)
        return graph.op("Identity", output, name=scope)


def tuple(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """The same tensors, each given only when all of them (and `control_inputs`) have run.

    None entries stay None.

    Raises:
        ValueError: nothing but None is given; TypeError: an entry is neither tensor nor operation.
    """
    present = [t for t in tensors if t is not None]
    if not present:
        raise ValueError(located(f"Must have at least one Tensor: {tensors}"))
    graph = graph_of(*present)
    gates = [_operation(t, "tuple") for t in present]
    gates += [_operation(c, "tuple") for c in control_inputs or ()]
    with graph.name_scope(name or "tuple"):
        gate = group(*gates)
        return [_gated(t, gate) for t in tensors]


def _gated(value: Any, gate: Operation) -> Any:
    if value is None:
        return None
    if isinstance(value, Operation):
        return with_dependencies([gate], value.outputs[0]) if value.outputs else gate
    return with_dependencies([gate], value)


def identity(input: Any, name: str | None = None) -> Tensor:
    """The same values as a new tensor, made at this place among control dependencies."""
    tensor = convert_to_tensor(input, as_ref=True)
    return tensor.op.graph.op("Identity", tensor, name=name)


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """`identity` of each of a list of tensors."""
    graph = graph_of(*input)
    with graph.name_scope(name or "IdentityN"):
        return [identity(value) for value in input]
