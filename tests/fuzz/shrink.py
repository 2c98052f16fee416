"""Shrinking: make a failing case as small as it stays failing.

A case is copied with something left out: a fetch, a target, a run, a control dependency, or an
operation, whose result is then a placeholder fed with what the interpreter says it is, or another
tensor of the same type. Whatever still fails is kept, until nothing more can go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from graphc.ir.errors import OpError
from graphc.ir.graph import Graph, Operation, Tensor
from tests.fuzz.case import Case
from tests.fuzz.check import Truth, new_state

Fails = Callable[[Case], bool]
Candidate = tuple[str, Callable[[], Case | None]]
SOURCES = ("Const", "Placeholder", "VariableV2")
MOST_ATTEMPTS = 400


def shrink(case: Case, fails: Fails) -> Case:
    """A case that still fails and is no larger; `fails` says whether one does."""
    attempts = 0
    hopeless: set[str] = set()  # what did not help before is tried again at the end
    complete = True  # nothing has changed since `hopeless` was empty
    while attempts < MOST_ATTEMPTS:
        found = None
        for label, make in _candidates(case):
            if label in hopeless or attempts >= MOST_ATTEMPTS:
                continue
            attempts += 1
            smaller = make()
            if smaller is not None and fails(smaller):
                found = smaller
                break
            hopeless.add(label)
        if found is not None:
            case, complete = found, False
        elif complete:
            break
        else:
            hopeless.clear()
            complete = True
    return case


def _candidates(case: Case) -> Iterator[Candidate]:
    """Smaller cases with what was done to get them, the much smaller ones first."""
    count = len(case.runs)
    if count > 1:
        for number in range(count):
            only, others = (case.runs[number],), case.runs[:number] + case.runs[number + 1 :]
            yield f"run {number}", partial(replace, case, runs=only)
            yield f"not run {number}", partial(replace, case, runs=others)
    if len(case.fetches) > 1:
        for fetch in case.fetches:
            yield f"fetch {fetch.name}", partial(_copy, replace(case, fetches=(fetch,)))
        for fetch in case.fetches:
            kept = tuple(t for t in case.fetches if t is not fetch)
            yield f"not {fetch.name}", partial(_copy, replace(case, fetches=kept))
    if case.targets:
        yield "no targets", partial(_copy, replace(case, targets=()))
        for target in case.targets if len(case.targets) > 1 else ():
            rest = tuple(op for op in case.targets if op is not target)
            yield f"not {target.name}", partial(_copy, replace(case, targets=rest))
    if any(op.control_inputs for op in case.graph.operations):
        yield "no controls", partial(_copy, case, controls=False)
    yield from _inner_fetches(case)
    yield from _without_operations(case)


def _inner_fetches(case: Case) -> Iterator[Candidate]:
    """The inputs of a fetched tensor's operation fetched instead of it."""
    for fetch in case.fetches:
        for other in dict.fromkeys(fetch.op.inputs):
            if other.op.type != "Const" and other not in case.fetches and not other.is_ref:
                fetches = tuple(other if t is fetch else t for t in case.fetches)
                yield (
                    f"{other.name} for {fetch.name}",
                    partial(_copy, replace(case, fetches=fetches)),
                )


def _without_operations(case: Case) -> Iterator[Candidate]:
    """An operation replaced by one of its inputs, or by a placeholder for its value."""
    values = _values(case)
    for op in reversed(case.graph.operations):
        if op.type in SOURCES or len(op.outputs) != 1 or op.definition.effect == "state":
            continue
        tensor = op.outputs[0]
        for other in dict.fromkeys(op.inputs):
            if other.type == tensor.type and not other.is_ref:
                yield f"{other.name} is {tensor.name}", partial(_copy, case, {tensor: other})
        if tensor in values:
            fed = {tensor: values[tensor]}
            yield f"{tensor.name} is fed", partial(_copy, case, None, fed)


def _values(case: Case) -> dict[Tensor, list[np.ndarray]]:
    """What the interpreter computes for each tensor in each run (nothing where it fails)."""
    tensors = [
        t
        for op in case.graph.operations
        for t in op.outputs
        if not t.is_ref and op.type not in SOURCES
    ]
    wide = replace(case, fetches=tuple(tensors))
    found: dict[Tensor, list[np.ndarray]] = {t: [] for t in tensors}
    state = new_state(case)
    for number in range(len(case.runs)):
        truth = Truth(wide, number)
        truth.run(state)
        if truth.outcome.error is not None:
            return {}
        for tensor, value in zip(tensors, truth.outcome.results, strict=True):
            found[tensor].append(value)
    return found


def _copy(
    case: Case,
    same: dict[Tensor, Tensor] | None = None,
    fed: dict[Tensor, list[np.ndarray]] | None = None,
    controls: bool = True,
) -> Case | None:
    """A case over a new graph that holds only what is needed; None if it cannot be built.

    `same` replaces tensors by others, `fed` by placeholders with a value for each run.
    """
    same, fed = same or {}, fed or {}
    try:
        return _Copy(case, same, fed, controls).case()
    except (ValueError, TypeError, OpError, KeyError, AssertionError):
        return None


class _Copy:
    def __init__(
        self,
        case: Case,
        same: dict[Tensor, Tensor],
        fed: dict[Tensor, list[np.ndarray]],
        controls: bool,
    ) -> None:
        self.old, self.same, self.fed, self.controls = case, same, fed, controls
        self.graph = Graph()
        self.tensors: dict[Tensor, Tensor] = {}
        self.operations: dict[Operation, Operation] = {}

    def case(self) -> Case:
        old = self.old
        needed = self._needed()
        for op in old.graph.operations:
            if op in needed:
                self._operation(op)
        feeds = [t for t in old.feeds if t in self.tensors]
        columns = [[run[old.feeds.index(t)] for run in old.runs] for t in feeds]
        new = [self.tensors[t] for t in feeds]
        for tensor, values in self.fed.items():
            if tensor in self.tensors:
                new.append(self.tensors[tensor])
                columns.append(values)
        count = len(old.runs)
        runs = tuple(tuple(column[i] for column in columns) for i in range(count))
        names = {op.name for op in self.graph.operations}
        variables = {n: v for n, v in old.variables.items() if n in names}
        fetches = tuple(self.tensors[self.same.get(t, t)] for t in old.fetches)
        targets = tuple(self.operations[op] for op in old.targets)
        return Case(self.graph, fetches, targets, tuple(new), runs, variables, old.seed)

    def _needed(self) -> set[Operation]:
        pending = [self.same.get(t, t).op for t in self.old.fetches] + list(self.old.targets)
        found = set(pending)
        while pending:
            op = pending.pop()
            if any(t in self.fed for t in op.outputs):
                continue
            inputs = [self.same.get(t, t).op for t in op.inputs]
            for other in (*inputs, *(op.control_inputs if self.controls else ())):
                if other not in found:
                    found.add(other)
                    pending.append(other)
        return found

    def _operation(self, op: Operation) -> None:
        if len(op.outputs) == 1 and op.outputs[0] in self.fed:
            tensor = op.outputs[0]
            shapes = {a.shape for a in self.fed[tensor]}
            ranks = {len(shape) for shape in shapes}
            columns = list(zip(*shapes, strict=True)) if len(ranks) == 1 else None
            shape = None if columns is None else tuple(
                c[0] if len(set(c)) == 1 else None for c in columns
            )  # fmt: skip
            fed = self.graph.op("Placeholder", dtype=tensor.dtype, shape=shape, name=f"{op.name}/")
            fed.op.source = op.source
            self.tensors[tensor] = fed
            return
        inputs = [self.tensors[self.same.get(t, t)] for t in op.inputs]
        controls = [self.operations[c] for c in op.control_inputs if c in self.operations]
        new = self.graph.create(
            op.type, inputs, op.attrs, f"{op.name}/", controls if self.controls else ()
        )
        new.role, new.source = op.role, op.source
        self.operations[op] = new
        for old, fresh in zip(op.outputs, new.outputs, strict=True):
            self.tensors[old] = fresh
