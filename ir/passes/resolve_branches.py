"""Resolving branches: each body of an `If` becomes a function; what both give gets one type.

The operation's results are what both branches give, then the new values of variables that either
writes, then the values inside either that gradients ask for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphc.ir.bodies import Body
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.resolve import Resolver, size_tensors
from graphc.ir.passes.resolve_arrays import is_open, settle
from graphc.ir.passes.resolve_inner import Inner, Outputs, append_nested, sliced


def resolve_branches(outer: Resolver, op: Operation, seen: dict[Operation, int]) -> None:
    """Append what an `If` of the user's graph means."""
    branches = _Branches(outer, op, seen)
    branches.trace()
    branches.append()


@dataclass
class _Branches:
    """Two branches in the making. `values` are what each gives."""

    outer: Resolver
    op: Operation
    seen: dict[Operation, int]
    taken: dict[Tensor, int] = field(default_factory=dict)
    parts: list[Inner] = field(default_factory=list)
    values: list[list[Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        op = self.op
        self.pred = self.outer.value(op.inputs[0], self.seen, op)
        if self.pred.type.dims != ():
            raise InvalidArgumentError(
                None, op, f"The pred of tf.cond is no scalar: {self.pred.type}"
            )
        self.bodies: list[Body] = [op.attrs["then_branch"], op.attrs["else_branch"]]
        saves = self.outer.saves.get(op, [])
        self.saves = [
            [s for s in saves if s.attrs["tensor"].op.graph is body] for body in self.bodies
        ]

    def trace(self) -> None:
        """Walk over both bodies."""
        outer = self.outer
        for body, saves in zip(self.bodies, self.saves, strict=True):
            operations = sliced(body, [*body.results, *(s.attrs["tensor"] for s in saves)])
            part = Inner({}, outer.variable_shape, *size_tensors(operations), outer=outer,
                         op=self.op, seen=self.seen, kind="feed", taken=self.taken,
                         has_arrays=outer.has_arrays)  # fmt: skip
            part.enter(body)
            part.visit_all(operations)
            self.parts.append(part)
        outer.has_arrays |= any(part.has_arrays for part in self.parts)
        self.variables = list(dict.fromkeys(v for part in self.parts for v in part.versions))
        self.values = [
            [part.value_at_end(t) for t in body.results]
            + [part.latest(v, self.op) for v in self.variables]
            for part, body in zip(self.parts, self.bodies, strict=True)
        ]

    def append(self) -> None:
        """The operation of the outer function."""
        op, outer, outputs = self.op, self.outer, Outputs(self.op)
        self._settle_alike()
        for a, b in zip(*self.values, strict=True):
            outputs.add(a.dtype, self._common_sizes(a, b))
        common = len(outputs.types)
        for part, saves, values in zip(self.parts, self.saves, self.values, strict=True):
            for save in saves:
                value = part.value_at_end(save.attrs["tensor"])
                values.append(value)
                outputs.add(value.dtype, [part.export(d) for d in value.type.dims])
        functions = [
            part.close(f"{op.name}/{word}", values)
            for part, word, values in zip(self.parts, ("then", "else"), self.values, strict=True)
        ]
        names = ("pred", *(f"k{number}" for number in self.taken.values()))
        attrs: dict[str, Any] = {
            "then_branch": functions[0], "else_branch": functions[1], "common": common,
            "names": names,
        }  # fmt: skip
        new = append_nested(outer, op, (self.pred, *self.taken), attrs, outputs)
        count = len(op.outputs) - 1
        outer.tensors.update(zip(op.outputs[:-1], new.outputs[:count], strict=True))
        saved = [s.outputs[0] for s in (*self.saves[0], *self.saves[1])]
        outer.tensors.update(zip(saved, new.outputs[common:-1], strict=True))
        written = dict(zip(self.variables, new.outputs[count:common], strict=True))
        outer.written(op, self.seen, written)

    def _common_sizes(self, a: Tensor, b: Tensor) -> list[Any]:
        """The sizes of what both branches give; None where they differ."""
        if len(a.type.dims) != len(b.type.dims):
            raise InvalidArgumentError(
                None, self.op,
                f"the branches of tf.cond give tensors of rank {len(a.type.dims)} and "
                f"{len(b.type.dims)}; what they give must have one rank",
            )  # fmt: skip
        then, other = self.parts
        pairs = zip(a.type.dims, b.type.dims, strict=True)
        exported = [(then.export(x), other.export(y)) for x, y in pairs]
        return [x if x == y else None for x, y in exported]

    def _settle_alike(self) -> None:
        """Give an open array that one branch hands on the element shape it has in the other."""
        for number, pair in enumerate(zip(*self.values, strict=True)):
            for mine, other in ((0, 1), (1, 0)):
                if is_open(pair[mine]) and not is_open(pair[other]):
                    sizes = [self.parts[other].export(d) for d in pair[other].type.dims[1:]]
                    if None not in sizes:
                        element = [self.parts[mine].import_size(d) for d in sizes]
                        self.values[mine][number] = settle(pair[mine], element)
