"""Functions: what a run needs of a graph, as passes see it.

Feeds, variables and flags are parameters, effects are explicit, every value is SSA and every type
concrete. A pass takes a `Function` and returns a new one; `Rebuild` is the tool for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from graphc.ir.dims import Symbol
from graphc.ir.graph import Graph, Operation, Tensor
from graphc.ir.records import record
from graphc.ir.shapes import ShapeEnvironment


@record
class Parameter:
    """An input of a function: the op of type "Parameter" behind `tensor` carries the same facts.

    kind: "feed" (name: the fed tensor's), "variable" (the value at the start of the run; name: the
    variable operation's), "initialized" (whether that variable has a value: a bool scalar).
    """

    tensor: Tensor
    kind: Literal["feed", "variable", "initialized"]
    name: str


@record
class Function:
    """A straight-line program over a body graph.

    `body.operations` is in an order that respects data and control inputs. `results` are what the
    run returns; `updates` pair a variable's name with its new value; `effects` are operations kept
    for what they do (checks, host calls). `sizes` are symbols computed in mid-run: (symbol, integer
    tensor, element of it). Nothing else is live.
    """

    name: str
    body: Graph
    parameters: tuple[Parameter, ...]
    results: tuple[Tensor, ...]
    updates: tuple[tuple[str, Tensor], ...] = ()
    effects: tuple[Operation, ...] = ()
    sizes: tuple[tuple[Symbol, Tensor, int], ...] = ()

    @property
    def environment(self) -> ShapeEnvironment:
        assert self.body.environment is not None
        return self.body.environment

    @property
    def operations(self) -> list[Operation]:
        return self.body.operations

    @property
    def live(self) -> list[Tensor]:
        """Results, updates and mid-run sizes: the tensors that must be computed."""
        return [
            *self.results,
            *(tensor for _, tensor in self.updates),
            *(tensor for _, tensor, _ in self.sizes),
        ]


@dataclass
class Rebuild:
    """Copies a function operation by operation, replacing some.

    rebuild = Rebuild(function)
    for op in function.operations:
        rebuild.copy(op)                                  # or rebuild.replace(op, new_outputs)
    return rebuild.finish()
    """

    function: Function
    body: Graph = field(init=False)
    tensors: dict[Tensor, Tensor] = field(init=False, default_factory=dict)
    operations: dict[Operation, Operation] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.body = Graph(self.function.environment)

    def __getitem__(self, tensor: Tensor) -> Tensor:
        return self.tensors[tensor]

    def inputs(self, op: Operation) -> tuple[Tensor, ...]:
        """The new tensors that stand for an operation's inputs."""
        tensors = self.tensors
        return tuple([tensors[t] for t in op.inputs])

    def copy(self, op: Operation, inputs: Sequence[Tensor] | None = None) -> Operation:
        """Append the same operation over the new inputs (types are kept, not inferred again)."""
        tensors, outputs = self.tensors, op.outputs
        new = Operation(
            self.body,
            op.definition,
            op.name,
            tuple([tensors[t] for t in op.inputs]) if inputs is None else tuple(inputs),
            op.attrs,
            [t.type for t in outputs],
            self.controls(op) if op.control_inputs else (),
            op.source,
            op.role,
            op.device,
        )
        body = self.body.operations
        new.number = len(body)
        body.append(new)
        self.operations[op] = new
        if len(outputs) == 1:
            tensors[outputs[0]] = new.outputs[0]
        else:
            tensors.update(zip(outputs, new.outputs, strict=True))
        return new

    def replace(self, op: Operation, outputs: Sequence[Tensor]) -> None:
        """Let tensors of the new body stand for an operation's outputs."""
        assert len(outputs) == len(op.outputs), op
        for old, fresh in zip(op.outputs, outputs, strict=True):
            assert fresh.op.graph is self.body, fresh
            self.tensors[old] = fresh
        if outputs:
            self.operations[op] = outputs[0].op

    def controls(self, op: Operation) -> tuple[Operation, ...]:
        kept = [self.operations[c] for c in op.control_inputs if c in self.operations]
        return tuple(dict.fromkeys(kept))

    def finish(self) -> Function:
        """The new function; every live tensor must have been copied or replaced."""
        old = self.function
        for name, tensor, element in old.sizes:
            old.environment.keep_dynamic(name, self.tensors[tensor], element)
        parameters = tuple(
            Parameter(self.tensors[p.tensor], p.kind, p.name)
            for p in old.parameters
            if p.tensor in self.tensors
        )
        return Function(
            old.name,
            self.body,
            parameters,
            tuple(self.tensors[t] for t in old.results),
            tuple((name, self.tensors[t]) for name, t in old.updates),
            tuple(self.operations[op] for op in old.effects if op in self.operations),
            tuple((symbol, self.tensors[t], element) for symbol, t, element in old.sizes),
        )


def pruned(function: Function, keep: Any = None) -> list[Operation]:
    """The operations that results, updates and effects need, in order (dead ones left out).

    Parameters always stay: they are the function's signature.
    """
    live: set[Operation] = {t.op for t in function.live} | set(function.effects)
    live |= {p.tensor.op for p in function.parameters}
    for op in reversed(function.operations):
        if op in live:
            for tensor in op.inputs:
                live.add(tensor.op)
            if op.control_inputs:
                live.update(op.control_inputs)
    return [op for op in function.operations if op in live]
