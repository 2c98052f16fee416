"""Common subexpressions: operations that compute the same thing are computed once.

Two operations are the same if their type, their inputs and their attributes by value are, and they
are pure: nothing random, stateful, on the host, or kept for what it checks is ever merged.
"""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.ir.equality import attribute_key
from graphc.ir.function import Function, Rebuild
from graphc.ir.graph import Operation, Tensor
from graphc.ir.records import record


@record
class CommonSubexpressions:
    """Let the first of several equal operations stand for all."""

    name: ClassVar[str] = "cse"

    def run(self, function: Function) -> Function:
        first = duplicates(function.operations)
        if not first:
            return function
        rebuild = Rebuild(function)
        for op in function.operations:
            original = first.get(op)
            if original is None:
                rebuild.copy(op)
            else:
                rebuild.replace(op, [rebuild[t] for t in original.outputs])
        return rebuild.finish()


def duplicates(operations: list[Operation]) -> dict[Operation, Operation]:
    """For each operation that repeats an earlier one, that one."""
    found: dict[Operation, Operation] = {}
    known: dict[Any, Operation] = {}
    stands_for: dict[Tensor, Tensor] = {}
    for op in operations:
        definition = op.definition
        if definition.effect != "pure" or op.control_inputs or not op.outputs:
            continue
        inputs = op.inputs
        if stands_for:
            inputs = tuple([stands_for.get(t, t) for t in inputs])
        if definition.commutative and len(inputs) == 2 and _place(inputs[1]) < _place(inputs[0]):
            inputs = inputs[::-1]
        name, attrs = definition.name, op.attrs
        key = (name, inputs, attribute_key(attrs)) if attrs else (name, inputs)
        original = known.setdefault(key, op)
        if original is op or not _same_types(op, original):
            continue
        found[op] = original
        stands_for.update(zip(op.outputs, original.outputs, strict=True))
    return found


def _place(tensor: Tensor) -> tuple[int, int]:
    return (tensor.op.number, tensor.index)


def _same_types(a: Operation, b: Operation) -> bool:
    return all(x.type == y.type for x, y in zip(a.outputs, b.outputs, strict=True))
