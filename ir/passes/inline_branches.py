"""Inline branches: a branch whose choice is known, or costs more than what it saves, goes away.

With a constant predicate the branch taken is inlined. Where both are short, of cheap operations
that cannot fail and have no effects, both are computed and each result is selected: then a loop
around stays one native call.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import Dim, symbols
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.lowering import (
    Dims,
    Elementwise,
    Host,
    Nested,
    Placement,
    Reshape,
    Scatter,
    Source,
    Special,
    View,
)
from graphc.ir.nested import branch, nested_functions
from graphc.ir.passes.outward import copy_outward, outer_sizes, writer
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record
from graphc.ir.shapes import Guard

# These record a failure for some integers.
_FALLIBLE = frozenset({"Div", "FloorDiv", "FloorMod", "Mod", "TruncateDiv", "TruncateMod", "Pow"})


@record
class InlineBranches:
    """Inline branches. `most` is how many operations both branches may have to be computed."""

    name: ClassVar[str] = "inline-branches"
    most: int = 24

    def run(self, function: Function) -> Function:
        chosen = {op: plan for op in function.operations if op.type == "If"
                  and (plan := self._plan(op)) is not None}  # fmt: skip
        if not chosen:
            return function
        rebuild = Transfer(function)
        for op in function.operations:
            if op not in chosen:
                rebuild.copy(op)
            elif chosen[op] == "select":
                _select(rebuild, op)
            else:
                _take(rebuild, op)
        return rebuild.finish()

    def _plan(self, op: Operation) -> str | None:
        """ "take" where the predicate is constant, "select" where both branches are cheap."""
        if op.attrs["sizes"]:
            return None  # sizes are read from its results
        parts = nested_functions(op).values()
        if any(part.sizes or part.effects or _holds_unknown(op, part) for part in parts):
            return None
        if op.inputs[0].op.type == "Const":
            return "take"
        operations = [inner for part in parts for inner in part.operations]
        if sum(inner.type not in _FREE for inner in operations) > self.most:
            return None
        if not all(map(_is_cheap, operations)):
            return None
        if any(guard for part in parts for guard in _own_guards(part)):
            return None
        return "select"


_FREE = frozenset({"Parameter", "Const", "DimValues"})


def _holds_unknown(op: Operation, part: Function) -> bool:
    """Whether a branch takes sizes from an integer input of which nothing is known outside."""
    by_name = dict(zip(op.attrs["names"], op.inputs, strict=True))
    return any(
        isinstance(size, Dim) and op.graph.value_of(by_name[p.name]) is None
        for p in part.parameters
        for size in p.tensor.op.attrs.get("_value", ())
    )


def _is_cheap(op: Operation) -> bool:
    """Whether an operation may be computed in vain: it cannot fail and takes little time."""
    kinds = (Elementwise, View, Reshape, Placement, Source, Dims)
    if op.definition.effect != "pure" or not isinstance(op.definition.lowering, kinds):
        return False
    return not may_fail(op)


def may_fail(op: Operation) -> bool:
    """Whether a pure operation fails for some values of its inputs."""
    integer = bool(op.outputs) and op.outputs[0].dtype.is_integer
    if op.type in _FALLIBLE:
        return integer
    lowering = op.definition.lowering
    if isinstance(lowering, View):
        return any(index.indirect for index in lowering.index(op))
    return isinstance(lowering, (Scatter, Special, Host, Nested))


def _own_guards(part: Function) -> list[Guard]:
    """Decisions that only the branch checks: those about sizes that no hint tells of."""
    environment = part.environment
    return [g for g in environment.guards
            if any(s in environment.unhinted for s in (*symbols(g.a), *symbols(g.b)))]  # fmt: skip


def _take(rebuild: Transfer, op: Operation) -> None:
    """Inline the branch that a constant predicate takes."""
    function, start, end = branch(op, bool(op.inputs[0].op.attrs["value"]))
    results = inlined(rebuild, op, function)
    common = op.attrs["common"]
    values: list[Tensor] = []
    with rebuild.body.provenance(op), rebuild.body.role(op.role):
        for number, tensor in enumerate(op.outputs[:-1]):
            if number < common:
                values.append(results[number])
            elif start <= number < end:
                values.append(results[common + number - start])
            else:
                values.append(_anything(rebuild, tensor))
        values.append(rebuild.body.constant(np.zeros(0, np.int64)))
    rebuild.replace(op, values)


def _anything(rebuild: Transfer, tensor: Tensor) -> Tensor:
    """What stands for a value of the branch that is not taken: zeros."""
    body, dims = rebuild.body, tensor.type.dims
    zero = body.constant(np.zeros((), tensor.dtype.numpy))
    attrs = {"dims": dims, "dtype": dtypes.int64, "shape": (len(dims),)}
    shape = body.create("DimValues", (), attrs).outputs[0]
    return body.create("BroadcastTo", (zero, shape)).outputs[0]


def _select(rebuild: Transfer, op: Operation) -> None:
    """Compute both branches, and select."""
    common = op.attrs["common"]
    then = inlined(rebuild, op, op.attrs["then_branch"])
    other = inlined(rebuild, op, op.attrs["else_branch"])
    pred = rebuild[op.inputs[0]]
    values: list[Tensor] = []
    with rebuild.body.provenance(op), rebuild.body.role(op.role):
        for a, b in zip(then[:common], other[:common], strict=True):
            made = rebuild.body.create("SelectV2", (pred, a, b)).outputs[0]
            made.op.name = op.name
            values.append(made)
        values += [*then[common:], *other[common:]]
        values.append(rebuild.body.constant(np.zeros(0, np.int64)))
    rebuild.replace(op, values)


def inlined(rebuild: Transfer, op: Operation, function: Function) -> list[Tensor]:
    """The results of a branch, its operations copied into the function around it."""
    inputs = rebuild.inputs(op)
    by_name = dict(zip(op.attrs["names"], inputs, strict=True))
    outer = writer(outer_sizes(op, function, inputs))
    tensors = {p.tensor: by_name[p.name] for p in function.parameters}
    for inner in function.operations:
        if inner.type != "Parameter":
            new = copy_outward(rebuild, inner, tuple([tensors[t] for t in inner.inputs]), outer)
            tensors.update(zip(inner.outputs, new.outputs, strict=True))
    guards = rebuild.function.environment.guards
    for guard in _own_guards(function):
        guards.append(Guard(guard.relation, outer(guard.a), outer(guard.b), guard.reason, guard.op))
    return [tensors[t] for t in function.results]
