"""Branches and loops: nested functions as executables of their own, run by Python.

A loop has a *private state*: the session state in which its carries and captures are variables.
An iteration is a run that updates the carries, so the planner writes them in place or into shadows
as it does for any variable, and a bound record makes an iteration one native call. What a failing
loop leaves behind is thrown away.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.codegen.bound import BoundIteration, bind_iteration
from graphc.codegen.cpu import entry as native
from graphc.codegen.cpu.words import address_of
from graphc.codegen.plan import HostStep
from graphc.codegen.stacks import LEAST_ROWS, Stacks
from graphc.codegen.state import SessionState
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.function import Function, Rebuild
from graphc.ir.graph import Operation
from graphc.ir.nested import (
    branch_results,
    calls_host,
    found_sizes,
    named,
    nested_functions,
    row_order,
)

if TYPE_CHECKING:
    from graphc.codegen.executable import Executable

Build = Callable[[Function, SessionState], "Executable"]


def runners(
    steps: Sequence[Any], state: SessionState, build: Build
) -> dict[Operation, NestedRunner]:
    """What runs the branches and loops among the steps of a schedule."""
    operations = [step.operation for step in steps if isinstance(step, HostStep)]
    return {
        op: NestedRunner(op, state, build) for op in operations if op.definition.effect == "nested"
    }


class NestedRunner:
    """The compiled functions of one branch or loop operation. Shared by threads."""

    def __init__(self, op: Operation, state: SessionState, build: Build) -> None:
        self.op = op
        self.parts = {
            name: build(with_own_updates(function), state)
            for name, function in nested_functions(op).items()
        }
        self.blocks = calls_host(op)
        self.random_names: tuple[str, ...] = tuple(
            dict.fromkeys(n for part in self.parts.values() for n in part.random_names)
        )
        self._pool: list[_Loop] = []

    def run(
        self, arrays: Sequence[np.ndarray], state: SessionState
    ) -> tuple[list[np.ndarray | None], Counter[str]]:
        """The results (None: not computed), and how often random operations drew."""
        if self.op.type == "If":
            return self._branch(named(self.op, arrays), state)
        try:
            loop = self._pool.pop()
        except IndexError:
            loop = _Loop(self)
        given = loop.run(named(self.op, arrays), state)
        self._pool.append(loop)  # not after a failure
        results, draws = given
        return [*results, found_sizes(self.op, results)], draws

    def _branch(
        self, values: dict[str, Any], state: SessionState
    ) -> tuple[list[np.ndarray | None], Counter[str]]:
        pred = bool(values["pred"])
        part = self.parts["then_branch" if pred else "else_branch"]
        private = SessionState()
        before = _follow(private, state, part.random_names)
        feeds = [np.ascontiguousarray(values[p.name]).reshape(values[p.name].shape)
                 for p in part.function.parameters]  # fmt: skip
        given = accepted(part, part.run(feeds, private), feeds)
        results = branch_results(self.op, pred, given)
        return [*results, found_sizes(self.op, results)], _draws(private, before)


def with_own_updates(function: Function) -> Function:
    """The function with copies where a new value is the old one of another carry: carries that
    trade places can then be written one after the other."""
    traded = {t for _, t in function.updates if t.op.type == "Parameter"}
    if not traded:
        return function
    rebuild = Rebuild(function)
    for op in function.operations:
        rebuild.copy(op)
    copied = rebuild.finish()
    body = copied.body
    updates = [
        (name, body.create("Identity", (t,), source=t.op.source).outputs[0]
         if t.op.type == "Parameter" else t)
        for name, t in copied.updates
    ]  # fmt: skip
    return dataclasses.replace(copied, updates=tuple(updates))


def _follow(private: SessionState, state: SessionState, names: Sequence[str]) -> Counter[str]:
    """Let random operations of a private state go on where a session is; their counters."""
    private.follow(state)
    before: Counter[str] = Counter()
    for name in names:
        before[name] = private.random_counter(name)[0] = state.random_run(name)
    return before


def _draws(private: SessionState, before: Counter[str]) -> Counter[str]:
    return Counter({name: private.random_run(name) - count for name, count in before.items()})


def accepted(part: Executable, results: Any, arrays: Sequence[np.ndarray]) -> Any:
    """The results of a nested run.

    Raises:
        InvalidArgumentError: a decision about sizes does not hold any more.
    """
    if results is None:
        raise InvalidArgumentError(
            None, None, f"sizes inside of {part.function.name} do not fit together: they are "
            "related in another way than when it was compiled")  # fmt: skip
    return results


class _Loop:
    """A private state with what is bound to it. One run at a time."""

    def __init__(self, runner: NestedRunner) -> None:
        self.op, self.parts = runner.op, runner.parts
        self.body = runner.parts["body"]
        self.random_names = runner.random_names
        self.state = SessionState()
        self.counts = "cond" not in self.parts
        self.lead = int(not self.counts)  # results before those that are kept
        self.names = [name for name, _ in self.body.function.updates]
        self.kept = self.body.function.results[self.lead :]
        self.entry: native.Entry | None = None
        self.bound: BoundIteration | None = None
        self.attempts = 3
        self.step: Callable[[], Any] = self._slow
        self.stepped: list[np.ndarray] | None = None  # results of an iteration run from Python
        self.rows: list[np.ndarray] = []  # what was kept of an iteration, for the shapes
        self.expected = LEAST_ROWS

    def run(
        self, values: dict[str, Any], state: SessionState
    ) -> tuple[list[np.ndarray], Counter[str]]:
        private = self.state
        before = _follow(private, state, self.random_names)
        self._enter(values)
        capacity = int(values["count"]) if self.counts else self.expected
        self.stacks = Stacks(self.op, self.kept, capacity)
        self._place()
        count = self._count(values, capacity) if self.counts else self._while()
        self.expected = max(count, LEAST_ROWS)
        variables = private.variables
        carries = [variables[name].copy() for name in self.names]
        results = [*carries, *self.stacks.finish(count), np.asarray(count, np.int32)]
        return results, _draws(private, before)

    def _enter(self, values: dict[str, Any]) -> None:
        """Set the variables of the private state; where shapes are as they were, what is bound
        stays bound."""
        private = self.state
        old = private.variables
        fresh: dict[str, np.ndarray] = {}
        moved: dict[str, np.ndarray] = {}
        carried = set(self.names)
        for name, value in values.items():
            if name == "count":
                continue
            if name.startswith("r"):
                value = value[0, ...] if len(value) else np.zeros(value.shape[1:], value.dtype)
            known = old.get(name)
            same = known is not None and known.shape == value.shape
            if name in carried:
                if same:
                    np.copyto(old[name], value)
                else:
                    fresh[name] = np.array(value, order="C")
            elif same:
                moved[name] = value
            else:
                fresh[name] = value
        if fresh or self.bound is None:
            self.bound = None
            private.update({**fresh, **moved})
        else:
            self._move(moved)

    def _move(self, values: dict[str, np.ndarray]) -> None:
        """Let a bound record read captures from where they are now."""
        self.state.variables.update(values)
        assert self.bound is not None
        buffers = self.bound.record.frame.buffers
        for slot, parameter in self.body.tables.variables:
            value = values.get(parameter.name)
            if value is not None and value.dtype != object:
                buffers[slot] = address_of(value)
        # sizes that captures hold are read when a record is bound
        if any(b.element >= 0 for b in self.body.tables.bindings):
            self.state.update(values)
            self.bound = None

    def _while(self) -> int:
        first = self.parts["cond"]
        going = bool(accepted(first, first.run([], self.state), [])[0])
        count = 0
        if self.kept:
            while going:
                going = bool(self._iterate(count))
                count += 1
            return count
        while going:
            going = self.step()
            count += 1
        self.stepped = None
        return count

    def _count(self, values: dict[str, Any], count: int) -> int:
        rows = {name: value for name, value in values.items() if name.startswith("r")}
        for position in row_order(self.op, count):
            if rows:
                self._take_rows({name: stack[position, ...] for name, stack in rows.items()})
            self._iterate(position)
        return count

    def _take_rows(self, rows: dict[str, np.ndarray]) -> None:
        if self.bound is not None:
            self._move(rows)
        else:
            self.state.variables.update(rows)

    # -- one iteration

    def _iterate(self, position: int) -> Any:
        """Run an iteration and keep what is to be kept; whether to go on, of a `While`."""
        bound, stacks = self.bound, self.stacks
        if bound is not None and bound.slots:
            stacks.aim(position, bound.record.frame.buffers)
        given = self.step()
        if self.stepped is not None:
            results, self.stepped = self.stepped, None
            stacks.put_all(position, results[self.lead :])
            self._place()
            return results[0] if self.lead else None
        assert bound is not None, "an iteration that is not bound runs from Python"
        if bound.given == (0,):
            given = [given]
        for number, value in zip(bound.given, given, strict=True):
            if number >= self.lead:
                stacks.put(position, number - self.lead, value)
        return given[0] if self.lead else None

    def _place(self) -> None:
        """Let bound iterations write into the stacks, which must exist for that."""
        if self.bound is None:
            return
        if not self.stacks.arrays:
            self.stacks.make(self.rows)
        self.stacks.place({n - self.lead: slot for n, slot in self.bound.slots.items()})

    def _slow(self) -> Any:
        """An iteration run from Python; bound for the next time where that is possible."""
        results = accepted(self.body, self.body.run([], self.state), [])
        self.stepped = results
        self.rows = results[self.lead :]
        if self.attempts and native.available():
            if self.entry is None:
                self.entry = native.Entry(self._slow)
                self.step = self.entry.call
            kept = range(self.lead, len(results))
            bound = bind_iteration(self.body, self.state, kept)
            if bound is None:
                self.attempts -= 1
                if not self.attempts:
                    self.step = self._slow
            elif self.entry.install(bound.record):
                self.bound = bound
        return results[0] if results else None
