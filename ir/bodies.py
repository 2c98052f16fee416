"""Bodies: the operations of a branch or of one iteration of a loop, inside a user's graph.

A body is a graph of its own that shares names, scopes, settings and collections with the graph
around it. While it is being built, whatever is created lands in it, and tensors from outside become
arguments. `captures` says which: the outer operation (`If`, `While`, `Scan`) takes them as inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Graph, Operation, Tensor, definition
from graphc.ir.settings import Settings, Within
from graphc.ir.sources import Source, user_source
from graphc.ir.types import TensorType

# Constants of at most so many elements are made again inside instead of being taken in: integers
# while a graph is built, for they may be sizes; all of them when a run is resolved.
LARGEST_COPIED = 64


class Body(Graph):
    """A part of a graph that runs any number of times.

    Attributes:
        outer: the graph or body around it.
        arguments: what the operation hands in by position (the carries of a loop).
        captures: outer tensor -> the argument that stands for it, in order of first use. The outer
            tensors are of `outer`.
        results: what it gives.
        controls: outer operations that something inside waits for.
    """

    def __init__(self, outer: Graph) -> None:
        super().__init__()
        root = outer.root
        self.root, self.outer = root, outer
        self.lock, self.collections = root.lock, root.collections
        self._names, self._valid, self._local = root._names, root._valid, root._local
        self.arguments: list[Tensor] = []
        self.captures: dict[Tensor, Tensor] = {}
        self.results: list[Tensor] = []
        self.controls: dict[Operation, None] = {}
        self._taken: dict[Tensor, Tensor] = {}

    def building(self) -> AbstractContextManager[None]:
        """Within this, new operations land here."""

        def change(settings: Settings) -> None:
            settings.block, settings.control_groups = self, ()

        return Within(self._local, change)

    def argument(self, type: TensorType, name: str) -> Tensor:
        """A new positional argument."""
        tensor = self._argument("BodyArgument", type, name, user_source())
        self.arguments.append(tensor)
        return tensor

    def _argument(
        self, kind: str, type: TensorType, name: str, source: Source | None, **attrs: Any
    ) -> Tensor:
        given = {"dtype": type.dtype, "shape": type.shape, **attrs}
        return self.add(definition(kind), name, (), given, [type], (), source).outputs[0]

    def adopt(self, tensor: Tensor) -> Tensor:
        if tensor.op.graph is self:
            return tensor
        if tensor.op.graph.root is not self.root:
            raise ValueError(f"{tensor} is not an element of this graph.")
        found = self._taken.get(tensor)
        if found is None:
            found = self._taken[tensor] = self.take(tensor)
        return found

    def adopt_controls(self, controls: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """Those of this body; what waits for others makes the whole operation wait for them."""
        for control in controls:
            if control.graph is not self:
                self.controls[control] = None
        return tuple([c for c in controls if c.graph is self])

    def take(self, tensor: Tensor) -> Tensor:
        """What stands here for a tensor of another body or graph."""
        op = tensor.op
        if is_small_constant(tensor) and not tensor.dtype.is_differentiable:
            return self.repeat(op, ()).outputs[0]
        if op.attrs.get("_alias"):  # a variable's value is that at the place of whoever reads it
            return self.repeat(op, (self.adopt(op.inputs[0]),)).outputs[0]
        outer = self.outer.adopt(tensor)
        found = self.captures.get(outer)
        if found is None:
            kind = "BodyReference" if tensor.is_ref else "BodyArgument"
            value = None if tensor.is_ref else known_sizes(outer)
            attrs = {} if value is None else {"_value": value}
            found = self.captures[outer] = self._argument(
                kind, outer.type, "Enter", tensor.op.source, **attrs
            )
        return found

    def repeat(self, op: Operation, inputs: Sequence[Tensor]) -> Operation:
        """The same operation in this body, over other inputs."""
        types = [t.type for t in op.outputs]
        return self.add(op.definition, op.name.rpartition("/")[2], inputs, op.attrs, types, (),
                        op.source)  # fmt: skip

    def outer_of(self, argument: Tensor) -> Tensor | None:
        """The outer tensor that a capturing argument stands for."""
        return next((o for o, a in self.captures.items() if a is argument), None)


def is_small_constant(tensor: Tensor) -> bool:
    """Whether a tensor is a constant that bodies hold themselves."""
    return tensor.op.type == "Const" and tensor.op.attrs["value"].size <= LARGEST_COPIED


def known_sizes(tensor: Tensor) -> Any:
    """What is known of the value of a small integer tensor while a graph is built, or None."""
    if not tensor.dtype.is_integer or tensor.type.rank not in (0, 1):
        return None
    value = tensor.op.graph.value_of(tensor)
    if value is None or all(d is UNKNOWN for d in value.ravel()):
        return None
    return tuple(value.ravel().tolist())


def bodies(op: Operation) -> list[Body]:
    """The bodies of an operation of a user's graph."""
    return [value for value in op.attrs.values() if isinstance(value, Body)]


def share_captures(parts: Sequence[Body]) -> list[Tensor]:
    """Outer tensors that any of the bodies takes in, each once, in order of first use."""
    return list(dict.fromkeys(outer for body in parts for outer in body.captures))


def built(outer: Graph, build: Callable[[Body], Sequence[Tensor]]) -> Body:
    """A body made by a function that gives its results."""
    body = Body(outer)
    with body.building():
        body.results = [body.adopt(t) for t in build(body)]
    return body
