"""Branches and loops: nested functions as executables of their own, run by Python.

A loop has a *private state*: the session state in which its carries and captures are variables.
An iteration is a run that updates the carries, so the planner writes them in place or into shadows
as it does for any variable, and a bound record makes an iteration one native call. What a failing
loop leaves behind is thrown away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.codegen.bound import Structure
from graphc.codegen.cpu import entry as native
from graphc.codegen.cpu.words import address_of
from graphc.codegen.state import SessionState
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.function import Function
from graphc.ir.graph import Operation
from graphc.ir.nested import (
    branch_results,
    calls_host,
    found_sizes,
    named,
    nested_functions,
    row_order,
    stacked,
)

if TYPE_CHECKING:
    from graphc.codegen.executable import Executable

Build = Callable[[Function, SessionState], "Executable"]


class NestedRunner:
    """The compiled functions of one branch or loop operation. Shared by threads."""

    def __init__(self, op: Operation, state: SessionState, build: Build) -> None:
        self.op = op
        self.parts = {
            name: build(function, state) for name, function in nested_functions(op).items()
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
        self.names = [name for name, _ in self.body.function.updates]
        structure = "list" if len(self.body.function.results) != 1 else "tensor"
        items = tuple(range(len(self.body.function.results)))
        self.structure = Structure(native.LIST if structure == "list" else native.SINGLE, items)
        self.entry: native.Entry | None = None
        self.attempts = 3
        self.step: Callable[[], Any] = self._slow
        self.rows: list[tuple[int, str]] = []

    def run(
        self, values: dict[str, Any], state: SessionState
    ) -> tuple[list[np.ndarray | None], Counter[str]]:
        private = self.state
        before = _follow(private, state, self.random_names)
        self._enter(values)
        saved: list[Any] = []
        if self.counts:
            count = int(values["count"])
            self._count(values, count, saved)
        else:
            count = self._while(saved)
        private_values = private.variables
        carries = [private_values[name].copy() for name in self.names]
        try:
            stacks = stacked(self.op, saved, self.body.function, int(not self.counts))
        except ValueError:
            raise InvalidArgumentError(
                None, self.op, "gradients through this loop need values whose shapes change from "
                "one iteration to the next; they cannot be kept") from None  # fmt: skip
        return [*carries, *stacks, np.asarray(count, np.int32)], _draws(private, before)

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
        if fresh or self.entry is None or self.entry.record is None:
            private.update({**fresh, **moved})
        else:
            self._move(moved)

    def _move(self, values: dict[str, np.ndarray]) -> None:
        """Let a bound record read captures from where they are now."""
        self.state.variables.update(values)
        assert self.entry is not None and self.entry.record is not None
        buffers = self.entry.record.frame.buffers
        for slot, parameter in self.body.tables.variables:
            value = values.get(parameter.name)
            if value is not None and value.dtype != object:
                buffers[slot] = address_of(value)
        # sizes that captures hold are read when a record is bound
        if any(b.element >= 0 for b in self.body.tables.bindings):
            self.state.update(values)

    def _while(self, saved: list[Any]) -> int:
        first = self.parts["cond"]
        going = accepted(first, first.run([], self.state), [])[0]
        count = 0
        if len(self.body.function.results) == 1:
            while going:
                going = self.step()
                count += 1
            return count
        while going:
            going, *kept = self.step()
            saved.append(kept)
            count += 1
        return count

    def _count(self, values: dict[str, Any], count: int, saved: list[Any]) -> None:
        rows = {name: value for name, value in values.items() if name.startswith("r")}
        for position in row_order(self.op, count):
            here = {name: stack[position, ...] for name, stack in rows.items()}
            if rows and self.entry is not None and self.entry.record is not None:
                self._move(here)
            else:
                self.state.variables.update({n: np.ascontiguousarray(v).reshape(v.shape)
                                             for n, v in here.items()})  # fmt: skip
            kept = self.step()
            saved.append(kept if len(self.body.function.results) != 1 else [kept])

    # -- one iteration

    def _slow(self) -> Any:
        """An iteration run from Python; bound for the next time where that is possible."""
        results = accepted(self.body, self.body.run([], self.state), [])
        if self.attempts and native.available():
            if self.entry is None:
                self.entry = native.Entry(self._slow)
                self.step = self.entry.call
            record = self.body.bind([], self.state, self.structure)
            if record is None:
                self.attempts -= 1
                if not self.attempts:
                    self.step = self._slow
            else:
                self.entry.install(record)
        return results[0] if len(results) == 1 else results
