"""Executables: a schedule that runs, as one table for the native driver.

An `Executable` is immutable and shared by threads; each run takes a *frame* (buffer and dimension
tables, arena) from a pool. A purely numeric step is one native call; host operations and sizes that
only the run can know divide it into native stretches with Python between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graphc.codegen.assembly import Allocation, Stretch, assemble
from graphc.codegen.bound import Structure, bind
from graphc.codegen.cpu import driver
from graphc.codegen.cpu.entry import Record
from graphc.codegen.cpu.jit import host_target
from graphc.codegen.fusion import dims, fuse
from graphc.codegen.kernel import CODES
from graphc.codegen.nested import NestedRunner, runners
from graphc.codegen.plan import ALIGNMENT, HostStep, SizeStep, plan
from graphc.codegen.running import call_host, failure, held, released, variable_value
from graphc.codegen.state import SessionState
from graphc.ir.dims import as_symbol, symbols
from graphc.ir.errors import InvalidArgumentError, OpError, ResourceExhaustedError
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.nested import untaken

GROWTH = 1.5  # of the working memory, when sizes keep growing


@dataclass
class RunFrame:
    """One run's tables. `key` are the supplied sizes that the prepared sizes belong to; `room` is
    how much of the arena a step may use.
    """

    native: Any
    buffers: np.ndarray
    dims: np.ndarray
    arena: np.ndarray
    key: Any = None

    @property
    def room(self) -> int:
        return max(self.arena.size - ALIGNMENT, 0)


class Executable:
    """One variant of a program, compiled for this CPU.

    Attributes:
        schedule: what was planned; its launches hold the kernels.
        tables: what the driver runs.
    """

    def __init__(
        self,
        function: Function,
        state: SessionState,
        fusion: bool = True,
        private: bool = False,
    ) -> None:
        fused = fuse(function, fusion)
        self.function = function
        self.schedule = plan(fused, private)
        target = host_target()
        before = target.statistics.compiled
        kernels = target.compile_many([launch.kernel for launch in self.schedule.launches])
        state.statistics["kernels_compiled"] += target.statistics.compiled - before
        self.tables = assemble(self.schedule, [kernel.address for kernel in kernels])
        self._pool: list[RunFrame] = []
        build = partial(Executable, fusion=fusion, private=True)
        self.nested = runners(self.schedule.steps, state, build)
        inner = [name for runner in self.nested.values() for name in runner.random_names]
        self.random_names = tuple(dict.fromkeys([*self.tables.random_names, *inner]))
        self.locks = bool(self.schedule.updates or self.random_names)

    def run(self, arrays: Sequence[np.ndarray], state: SessionState) -> list[np.ndarray] | None:
        """Run with one array per feed; None where a guard does not hold."""
        frame = self._take()
        try:
            with held(state.lock if self.locks else None):
                variables = self._variables(state)
                if not self.prepare(frame, arrays, variables):
                    return None
                frame.native.threads = state.threads
                results = _Run(self, frame, arrays, variables, state).go()
                state.count_run()
                return results
        finally:
            self._pool.append(frame)

    def bind(
        self,
        arrays: Sequence[np.ndarray],
        state: SessionState,
        structure: Structure,
        least: int = 0,
    ) -> Record | None:
        """See `bound.bind`."""
        return bind(self, arrays, state, structure, least)

    def arena_bytes(self, arrays: Sequence[np.ndarray], state: SessionState) -> int | None:
        """The working memory that a run with such feeds takes; None where a guard does not hold."""
        frame = self._take()
        try:
            if not self.prepare(frame, arrays, self._variables(state)):
                return None
            return int(frame.dims[self.tables.arena_slot])
        finally:
            self._pool.append(frame)

    def _take(self) -> RunFrame:
        try:
            return self._pool.pop()
        except IndexError:
            return self.new_frame()

    def new_frame(self) -> RunFrame:
        """Tables for a run, with the constants in them."""
        buffers = np.zeros(max(len(self.tables.buffer_slot), 1), np.int64)
        for slot, array in self.tables.constants:
            buffers[slot] = _address(array)
        sizes = self.tables.sizes.array()
        return RunFrame(driver.Frame(buffers, sizes), buffers, sizes, np.empty(0, np.uint8))

    def failing(self, frame: RunFrame) -> Callable[[], None]:
        """A function that raises what native code recorded in `frame`, and clears it."""

        def fail() -> None:
            raise self.failure(frame, int(frame.native.code))

        return fail

    def failure(self, frame: RunFrame, code: int) -> OpError:
        """The exception for a failure that native code recorded, which is cleared."""
        number, (a, b) = frame.native.op, frame.native.operands
        frame.native.clear()
        return failure(self.function, code, number, a, b)

    def _variables(self, state: SessionState) -> list[np.ndarray]:
        return [variable_value(parameter, state) for _, parameter in self.tables.variables]

    def prepare(
        self,
        frame: RunFrame,
        arrays: Sequence[np.ndarray],
        variables: list[np.ndarray],
        least: int = 0,
    ) -> bool:
        """Bind the symbols, compute all sizes, make room (at least `least` bytes, and more where
        that is too little, for sizes may go on growing); False where a guard does not hold.
        """
        sources = [*arrays, *variables]
        try:
            key = [
                sources[b.source].shape[b.axis] if b.element < 0
                else int(sources[b.source].flat[b.element])
                for b in self.tables.bindings
            ]  # fmt: skip
        except IndexError:
            return False  # a shorter list of sizes than the one that was compiled for
        if frame.key == key:
            return True
        table = frame.dims
        for binding, value in zip(self.tables.bindings, key, strict=True):
            table[binding.slot] = value
        frame.key = None
        code = frame.native.drive(self.tables.prepare)
        if code:
            frame.native.clear()
        if code == CODES["GUARD"]:
            return False
        need = int(table[self.tables.arena_slot]) + ALIGNMENT
        if code or need < ALIGNMENT:
            raise ResourceExhaustedError(
                None, None, "the sizes of this run's tensors exceed what can be addressed"
            )
        if need > frame.arena.size:
            room = need - ALIGNMENT
            room = least if room <= least else max(room, int(least * GROWTH))
            frame.arena = _allocate((room + ALIGNMENT,), np.dtype(np.uint8), None)
        base = _address(frame.arena)
        frame.native.arena = base + (-base) % ALIGNMENT
        frame.key = key
        return True


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _allocate(shape: Sequence[int], dtype: np.dtype, op: Operation | None) -> np.ndarray:
    """An uninitialised array.

    Raises:
        InvalidArgumentError: a size is negative; ResourceExhaustedError: there is no memory for it.
    """
    if min(shape, default=0) < 0:
        raise InvalidArgumentError(None, op, f"a tensor would get the shape {tuple(shape)}")
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):
        raise ResourceExhaustedError(
            None, op, f"no memory for a tensor of shape {tuple(shape)} and dtype {dtype}"
        ) from None


class _Run:
    """One run of an executable over a prepared frame."""

    def __init__(
        self,
        executable: Executable,
        frame: RunFrame,
        arrays: Sequence[np.ndarray],
        variables: list[np.ndarray],
        state: SessionState,
    ) -> None:
        self.executable, self.frame, self.state = executable, frame, state
        self.tables, self.schedule = executable.tables, executable.schedule
        self.draws: Counter[str] = Counter()  # of random operations in branches and loops
        self.memory: dict[Tensor, np.ndarray] = {}  # arrays by storage, all but the arena's
        for (slot, tensor), array in zip(self.tables.feeds, arrays, strict=True):
            self._hold(tensor, slot, array)
        for (slot, parameter), array in zip(self.tables.variables, variables, strict=True):
            self._hold(parameter.tensor, slot, array)
        for slot, name, tensor in self.tables.flags:
            self._hold(tensor, slot, np.array(name in state.variables))
        for slot, dim in self.tables.randoms:
            key = state.random_key(dim.name, dim.seed, dim.seed2)
            frame.dims[slot] = key if dim.part == "key" else state.random_run(dim.name)

    def go(self) -> list[np.ndarray]:
        early = self._old_values()
        for allocation in self.tables.allocations:
            self._allocation(allocation)
        for stretch in self.tables.stretches:
            self._stretch(stretch)
        return self._commit(early)

    def _hold(self, storage: Tensor, slot: int, array: np.ndarray) -> None:
        self.memory[storage] = array
        if storage.dtype.size:
            self.frame.buffers[slot] = _address(array)

    def _allocation(self, allocation: Allocation) -> None:
        storage = allocation.storage
        shape = [int(self.frame.dims[s]) for s in allocation.shape]
        self._hold(storage, allocation.slot, _allocate(shape, storage.dtype.numpy, storage.op))

    def _old_values(self) -> dict[int, np.ndarray]:
        """Results that are variables' old values: copied before anything is written."""
        return {
            number: self.memory[storage].copy()
            for number, storage in enumerate(self.schedule.results)
            if storage.op.type == "Parameter" and storage.op.attrs["kind"] == "variable"
        }

    def _stretch(self, stretch: Stretch) -> None:
        for allocation in stretch.allocations:
            self._allocation(allocation)
        code = self.frame.native.drive(stretch.program)
        if code:
            raise self.executable.failure(self.frame, code)
        match stretch.after:
            case HostStep() as step:
                self._host(step)
            case SizeStep() as step:
                for symbol, storage, element in step.sizes:
                    slot = self.tables.sizes.supplied(symbol)
                    self.frame.dims[slot] = int(self._array(storage).flat[element])

    def _sizes(self, tensor: Tensor) -> tuple[int, ...]:
        """A tensor's sizes in this run."""
        slot, values = self.tables.sizes.slot, self.frame.dims
        return tuple([d if isinstance(d, int) else int(values[slot(d)]) for d in dims(tensor)])

    def _array(self, storage: Tensor) -> np.ndarray:
        """A storage as an array over the memory it lives in."""
        place = self.schedule.places[storage]
        if place.kind == "variable":
            storage = next(p.tensor for _, p in self.tables.variables if p.name == place.name)
        found = self.memory.get(storage)
        if found is not None:
            return found
        if place.kind == "constant":
            constant: np.ndarray = place.name
            return constant
        address = int(self.frame.buffers[self.tables.buffer_slot[storage]])
        return driver.array_at(address, self._sizes(storage), storage.dtype.numpy)

    # -- host operations

    def _host(self, step: HostStep) -> None:
        op = step.operation
        runner = self.executable.nested.get(op)
        if runner is not None:
            self._nested(step, runner)
            return
        inputs = [
            self._array(storage).reshape(self._sizes(tensor)).copy()
            for tensor, storage in zip(op.inputs, step.inputs, strict=True)
        ]
        outputs = call_host(op, inputs, self.state.lock if self.executable.locks else None)
        for tensor, value in zip(op.outputs, outputs, strict=True):
            self._receive(tensor, np.asarray(value, tensor.dtype.numpy, order="C"))

    def _nested(self, step: HostStep, runner: NestedRunner) -> None:
        """Run a branch or loop; the lock is given up meanwhile if it calls Python."""
        op = step.operation
        inputs = [
            self._array(storage).reshape(self._sizes(tensor))
            for tensor, storage in zip(op.inputs, step.inputs, strict=True)
        ]
        gives_up = runner.blocks and self.executable.locks
        with released(self.state.lock if gives_up else None):
            outputs, draws = runner.run(inputs, self.state)
        self.draws.update(draws)
        for tensor, value in zip(op.outputs, outputs, strict=True):
            self._receive(tensor, self._untaken(tensor) if value is None else value)

    def _untaken(self, tensor: Tensor) -> np.ndarray:
        """What stands for a value of the branch that was not taken."""
        dynamic = self.executable.function.environment.dynamic
        slot, values = self.tables.sizes.slot, self.frame.dims

        def size(d: Any) -> int | None:
            if any(s in dynamic for s in symbols(d)):
                return None
            return d if isinstance(d, int) else int(values[slot(d)])

        return untaken(tensor.type, size)

    def _receive(self, tensor: Tensor, value: np.ndarray) -> None:
        """Take over what a host operation returned."""
        if tensor not in self.schedule.places:
            return
        expected = dims(tensor)
        environment = self.executable.function.environment
        if len(expected) == value.ndim:
            for size, actual in zip(expected, value.shape, strict=True):
                symbol = as_symbol(size)
                if symbol is not None and symbol in environment.dynamic:
                    self.frame.dims[self.tables.sizes.supplied(symbol)] = actual
        if len(expected) != value.ndim or value.shape != self._sizes(tensor):
            raise InvalidArgumentError(
                None, tensor.op,
                f"{tensor.op.type} returned an array of shape {value.shape}, "
                f"declared is {expected}",
            )  # fmt: skip
        if self.schedule.places[tensor].kind == "arena":
            self._array(tensor)[...] = value
        else:
            self._hold(tensor, self.tables.buffer_slot[tensor], value)

    # -- the end

    def _commit(self, early: dict[int, np.ndarray]) -> list[np.ndarray]:
        """Collect the results and replace the variables' values."""
        function, schedule = self.executable.function, self.schedule
        updated: dict[str, np.ndarray] = {}
        for (name, storage), (_, tensor) in zip(schedule.updates, function.updates, strict=True):
            place = schedule.places[storage]
            if (place.kind, place.name) == ("variable", name) and storage.op.type != "Parameter":
                continue  # written in place
            value = self._array(storage)
            if (place.kind, place.name) != ("shadow", name):
                value = value.copy()
            updated[name] = value.reshape(self._sizes(tensor))
        results: list[np.ndarray] = []
        given: set[Tensor] = set()
        for number, (storage, tensor) in enumerate(
            zip(schedule.results, function.results, strict=True)
        ):
            value = early[number] if number in early else self._array(storage)
            if number not in early and (
                schedule.places[storage].kind != "result" or storage in given
            ):
                value = value.copy()
            given.add(storage)
            results.append(value.reshape(self._sizes(tensor)))
        with self.state.lock:
            self.state.update(updated)
            self.state.advance_random(self.tables.random_names)
            self.state.advance_random(self.draws.elements())
        return results
