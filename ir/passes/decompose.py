"""Decompose: composite operations become what their definitions build from others.

Works through one stack: what a `decompose` builds is taken off the body again and goes through the
same door, so compositions of compositions need no recursion and no second walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from graphc.ir.errors import InternalError
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record
from graphc.ir.shapes import ShapeEnvironment
from graphc.ir.types import TensorType


@record
class Decompose:
    """Replace every operation whose definition has `decompose`, until none is left.

    Options: `only`, the one operation type to replace ("" for all).
    """

    name: ClassVar[str] = "decompose"
    only: str = ""

    def is_composite(self, op: Operation) -> bool:
        return op.definition.decompose is not None and self.only in ("", op.type)

    def run(self, function: Function) -> Function:
        if not any(map(self.is_composite, function.operations)):
            return function
        rebuild = Transfer(function)
        for op in function.operations:
            if op.definition.decompose is not None and self.is_composite(op):
                rebuild.replace(op, _Expansion(self, rebuild, op).run())
            else:
                rebuild.copy(op)
        return rebuild.finish()


@dataclass(slots=True)
class _Expansion:
    """The expansion of one operation of the old function on the new body."""

    step: Decompose
    rebuild: Transfer
    origin: Operation
    # what stands for tensors of operations that were taken off the body
    tensors: dict[Tensor, Tensor] = field(default_factory=dict)

    def run(self) -> list[Tensor]:
        origin, rebuild = self.origin, self.rebuild
        whole = _free_copy(origin, rebuild.inputs(origin), rebuild)
        # an entry is an operation to place, or what stands for an operation's outputs
        pending: list[tuple[Operation, list[Tensor] | None]] = [(whole, None)]
        while pending:
            op, outputs = pending.pop()
            if outputs is not None:
                self._bind(op, outputs)
                continue
            op.inputs = tuple([self.tensors.get(t, t) for t in op.inputs])
            if not self.step.is_composite(op):
                rebuild.body.append(op)
                continue
            outputs, parts = self._build(op)
            pending.append((op, outputs))
            pending += [(part, None) for part in reversed(parts)]
        return [self.tensors[t] for t in whole.outputs]

    def _build(self, op: Operation) -> tuple[list[Tensor], list[Operation]]:
        """Call `decompose`; give its results and the operations it made, off the body again."""
        body = self.rebuild.body
        start = len(body.operations)
        assert op.definition.decompose is not None
        with body.provenance(self.origin), body.role(self.origin.role):
            given: Any = op.definition.decompose(op)
        outputs = [given] if isinstance(given, Tensor) else list(given)
        if len(outputs) != len(op.outputs):
            raise InternalError(
                None,
                op,
                f"decompose of {op.type} gives {len(outputs)} of {len(op.outputs)} results",
            )
        parts = body.operations[start:]
        del body.operations[start:]
        for part in parts:
            self._adopt(part)
        return outputs, parts

    def _adopt(self, part: Operation) -> None:
        """Give an operation that was made the name, source and random state of the original."""
        origin = self.origin
        part.name = f"{origin.name}/{part.type}"
        part.source = origin.source
        part.device = origin.device
        if part.definition.effect == "random" and "_random" in origin.attrs:
            part.attrs = {"_random": origin.attrs["_random"], **part.attrs}
        environment = self.rebuild.function.environment
        if environment.has_substitutions:
            for tensor in part.outputs:
                dims = tuple(map(environment.canonical, tensor.type.dims))
                tensor.type = TensorType(tensor.dtype, dims)

    def _bind(self, op: Operation, outputs: list[Tensor]) -> None:
        """Let tensors stand for an expanded operation's outputs; the types must be the same."""
        environment = self.rebuild.function.environment
        for old, given in zip(op.outputs, outputs, strict=True):
            new = self.tensors.get(given, given)
            if new.type != old.type:
                same = (
                    new.dtype is old.dtype
                    and new.type.rank == old.type.rank
                    and all(map(partial(_agree, environment), new.type.dims, old.type.dims))
                )
                if not same:
                    raise InternalError(
                        None, op, f"decompose of {op.type} gives {new.type}, its type is {old.type}"
                    )
            self.tensors[old] = new


def _agree(environment: ShapeEnvironment, a: Any, b: Any) -> bool:
    """Whether two sizes of the same tensor agree.

    A size that only the run knew may have been folded to 1 meanwhile. To ask whether it is 1 would
    answer no, and demand it of every run.
    """
    if (a == 1 or b == 1) and (environment.is_dynamic(a) or environment.is_dynamic(b)):
        return True
    return environment.equal(a, b)


def _free_copy(op: Operation, inputs: tuple[Tensor, ...], rebuild: Transfer) -> Operation:
    """The operation over new inputs, on the new body's graph but not in it."""
    copy = Operation(
        rebuild.body,
        op.definition,
        op.name,
        inputs,
        op.attrs,
        [t.type for t in op.outputs],
        (),
        op.source,
        op.role,
        op.device,
    )
    copy.number = len(rebuild.body.operations)
    return copy
