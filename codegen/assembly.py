"""Assembly: a schedule becomes the tables that the native driver runs.

Everything a run needs to know is worked out here once: buffer and dimension slots, the program that
prepares sizes and offsets, one program for each native stretch, and what Python binds before a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.codegen.cpu.share import Sharings
from graphc.codegen.draft import Launch, RandomDim
from graphc.codegen.fusion import dims
from graphc.codegen.plan import ALIGNMENT, HostStep, Schedule, SizeStep
from graphc.codegen.sizes import SizeTable
from graphc.ir.dims import Symbol, as_symbol, symbols
from graphc.ir.function import Parameter
from graphc.ir.graph import Tensor
from graphc.ir.records import record

# driver instructions (see cpu/ABI.md)
END, CALL, DIMS, BIND, PARALLEL = 0, 1, 2, 4, 9


@record
class Binding:
    """A symbol's slot and where its value comes from: a size (axis) or an element of a source.

    Sources are the fed arrays, then the variables' values.
    """

    slot: int
    source: int
    axis: int
    element: int = -1


@record
class Allocation:
    """An array made for a run: a result, a variable's shadow, or a tensor of dynamic size."""

    storage: Tensor
    slot: int
    shape: tuple[int, ...]  # dimension slots


@record
class Stretch:
    """Native code, and what Python does before (allocate) and after it."""

    allocations: tuple[Allocation, ...]
    program: np.ndarray
    after: HostStep | SizeStep | None


@record
class Tables:
    """What an executable runs. All slots are numbers in a frame's buffer or dimension table."""

    sizes: SizeTable
    prepare: np.ndarray
    stretches: tuple[Stretch, ...]
    bindings: tuple[Binding, ...]
    feeds: tuple[tuple[int, Tensor], ...]
    variables: tuple[tuple[int, Parameter], ...]
    flags: tuple[tuple[int, str, Tensor], ...]
    constants: tuple[tuple[int, np.ndarray], ...]
    allocations: tuple[Allocation, ...]
    randoms: tuple[tuple[int, RandomDim], ...]
    random_names: tuple[str, ...]
    buffer_slot: dict[Tensor, int]
    arena_slot: int


def assemble(schedule: Schedule, addresses: Sequence[int]) -> Tables:
    """The tables of a schedule whose launches' kernels are at `addresses`."""
    return _Assembly(schedule, addresses).run()


class _Assembly:
    def __init__(self, schedule: Schedule, addresses: Sequence[int]) -> None:
        self.schedule = schedule
        self.addresses = iter(addresses)
        self.function = schedule.function
        self.environment = schedule.function.environment
        self.table = SizeTable()
        self.sharings = Sharings()
        self.parameters = {p.name: p.tensor for p in self.function.parameters
                           if p.kind == "variable"}  # fmt: skip
        self.buffer_slot: dict[Tensor, int] = {}
        self.offsets: list[int] = []
        self.bound = 0  # how many buffer slots have been looked at for arena bindings
        self.waiting = [
            (n, g) for n, g in enumerate(self.environment.guards) if self._is_dynamic(g.a, g.b)
        ]

    def run(self) -> Tables:
        bindings = tuple(self._bindings())
        for symbol in self.environment.dynamic:
            self.table.supplied(symbol)
        randoms = {
            size: self.table.supplied(size)
            for launch in self.schedule.launches
            for size in launch.dims
            if isinstance(size, RandomDim)
        }
        parameters = self.function.parameters
        slots = {p.tensor: self._slot(p.tensor) for p in parameters}
        arena_slot = self._offsets()
        self._live_sizes(set())
        self._stretch_sizes(0, set())
        allocations = tuple(self._fixed_allocations())
        prepare = _program([_dims(self.table.take_code())])
        stretches = tuple(self._stretches())
        return Tables(
            sizes=self.table,
            prepare=prepare,
            stretches=stretches,
            bindings=bindings,
            feeds=tuple((slots[p.tensor], p.tensor) for p in parameters if p.kind == "feed"),
            variables=tuple((slots[p.tensor], p) for p in parameters if p.kind == "variable"),
            flags=tuple(
                (slots[p.tensor], p.name, p.tensor) for p in parameters if p.kind == "initialized"
            ),
            constants=tuple(
                (self.buffer_slot[t], place.name)
                for t, place in self.schedule.places.items()
                if isinstance(place.name, np.ndarray) and t in self.buffer_slot and t.dtype.size
            ),
            allocations=allocations,
            randoms=tuple((slot, dim) for dim, slot in randoms.items()),
            random_names=tuple(dict.fromkeys(dim.name for dim in randoms)),
            buffer_slot=self.buffer_slot,
            arena_slot=arena_slot,
        )

    def _is_dynamic(self, *sizes: Any) -> bool:
        return any(s in self.environment.dynamic for size in sizes for s in symbols(size))

    def _bindings(self) -> list[Binding]:
        feeds = [p.tensor for p in self.function.parameters if p.kind == "feed"]
        bindings = []
        for number, tensor in enumerate([*feeds, *self.parameters.values()]):
            for axis, size in enumerate(tensor.type.dims):
                symbol = as_symbol(size)
                if symbol is not None:
                    bindings.append(Binding(self.table.supplied(symbol), number, axis))
            for element, size in enumerate(tensor.op.attrs.get("_value", ())):
                if isinstance(size, int):
                    continue
                symbol = as_symbol(size)
                assert symbol is not None, size
                bindings.append(Binding(self.table.supplied(symbol), number, -1, element))
        return bindings

    def _offsets(self) -> int:
        """Guards, slot sizes and offsets: known before the run starts. Gives the arena's size."""
        table = self.table
        for number, guard in enumerate(self.environment.guards):
            if not self._is_dynamic(guard.a, guard.b):
                table.guard(guard, number)
        total = table.slot(0)
        for members in self.schedule.slots:
            self.offsets.append(total)
            total = table.add(total, table.maximum(members, ALIGNMENT))
        return total

    def _live_sizes(self, known: set[Symbol]) -> None:
        """Slots for the sizes of everything a run returns, where they are known by now."""
        for tensor in self.function.live:
            self._known_sizes(tensor, known)

    def _known_sizes(self, tensor: Tensor, known: set[Symbol]) -> None:
        """Slots for a tensor's sizes, but those over dynamic symbols that are not known yet."""
        for size in dims(tensor):
            if not any(s in self.environment.dynamic and s not in known for s in symbols(size)):
                self.table.slot(size)

    def _slot(self, storage: Tensor) -> int:
        """The buffer slot of a storage; a new value written in place shares the variable's."""
        place = self.schedule.places[storage]
        if place.kind == "variable":
            storage = self.parameters[place.name]
        return self.buffer_slot.setdefault(storage, len(self.buffer_slot))

    def _allocation(self, storage: Tensor) -> Allocation:
        shape = tuple(self.table.slot(d) for d in dims(storage))
        return Allocation(storage, self._slot(storage), shape)

    def _fixed_allocations(self) -> list[Allocation]:
        """Results and shadows whose sizes are known before the run."""
        return [
            self._allocation(storage)
            for storage, place in self.schedule.places.items()
            if place.kind in ("result", "shadow")
            and storage.dtype.size
            and not self._is_dynamic(*dims(storage))
        ]

    def _stretch_sizes(self, start: int, known: set[Symbol]) -> None:
        """Slots for all sizes that the native stretch from step `start` on uses, and its end."""
        for step in self.schedule.steps[start:]:
            if isinstance(step, HostStep):
                operation = step.operation
                for tensor in (*step.inputs, *operation.inputs, *operation.outputs):
                    self._known_sizes(tensor, known)
                return
            if isinstance(step, SizeStep):
                for _, storage, _ in step.sizes:
                    self._known_sizes(storage, known)
                return
            for size in step.dims:
                if not isinstance(size, RandomDim):
                    self.table.slot(size)
            if step.extent is not None:
                self.table.slot(step.extent)
            shared = self.sharings.of(step)
            if shared is not None:
                self.table.slot(shared.cost)
            for storage in step.buffers:
                if self._is_allocated_late(storage):
                    for size in dims(storage):
                        self.table.slot(size)

    def _is_allocated_late(self, storage: Tensor) -> bool:
        """Whether memory is made for a storage before the stretch that is the first to use it."""
        place = self.schedule.places[storage]
        dynamic = place.kind in ("result", "shadow") and self._is_dynamic(*dims(storage))
        return (place.kind == "heap" or dynamic) and storage not in self.buffer_slot

    def _stretches(self) -> list[Stretch]:
        stretches: list[Stretch] = []
        known: set[Symbol] = set()
        calls: list[list[int]] = []
        allocations: list[Allocation] = []
        code: list[int] = []
        for number, step in enumerate([*self.schedule.steps, None]):
            if isinstance(step, Launch):
                calls.append(self._call(step, allocations))
                continue
            if isinstance(step, HostStep):
                for tensor in (*step.inputs, *step.operation.outputs):
                    if tensor in self.schedule.places:
                        self._slot(tensor)
            code += self.table.take_code()
            program = _program([_dims(code), self._binds(), *calls])
            stretches.append(Stretch(tuple(allocations), program, step))
            calls, allocations, code = [], [], []
            if step is None:
                break
            if isinstance(step, SizeStep):
                known.update(s for s, _, _ in step.sizes)
            else:
                known.update(
                    s
                    for t in step.operation.outputs
                    for d in dims(t)
                    for s in symbols(d)
                    if s in self.environment.dynamic
                )
            self._known_guards(known)
            self._stretch_sizes(number + 1, known)
            self._live_sizes(known)
            code = self.table.take_code()
            stretches.append(Stretch((), _program([_dims(code)]), None))
            code = []
        return stretches

    def _known_guards(self, known: set[Symbol]) -> None:
        """Check the guards over sizes that have just become known."""
        for number, guard in list(self.waiting):
            involved = (*symbols(guard.a), *symbols(guard.b))
            if all(s in known or s not in self.environment.dynamic for s in involved):
                self.table.guard(guard, number)
                self.waiting.remove((number, guard))

    def _call(self, launch: Launch, allocations: list[Allocation]) -> list[int]:
        slots = []
        for storage in launch.buffers:
            if self._is_allocated_late(storage):
                allocations.append(self._allocation(storage))
            slots.append(self._slot(storage))
        slots += [
            self.table.supplied(d) if isinstance(d, RandomDim) else self.table.slot(d)
            for d in launch.dims
        ]
        extent = -1 if launch.extent is None else self.table.slot(launch.extent)
        shared = self.sharings.of(launch)
        if shared is None:
            return [CALL, 4 + len(slots), next(self.addresses), extent, *slots]
        how = (self.table.slot(shared.cost), shared.granule, int(shared.merge))
        return [PARALLEL, 7 + len(slots), next(self.addresses), extent, *how, *slots]

    def _binds(self) -> list[int]:
        """Bind the arena storages that were met since the last stretch."""
        words: list[int] = []
        for storage, slot in list(self.buffer_slot.items())[self.bound :]:
            place = self.schedule.places[storage]
            if place.kind == "arena":
                words += [slot, self.offsets[place.name]]
        self.bound = len(self.buffer_slot)
        return [BIND, 2 + len(words), *words] if words else []


def _dims(code: list[int]) -> list[int]:
    return [DIMS, 2 + len(code), *code] if code else []


def _program(parts: list[list[int]]) -> np.ndarray:
    words = [word for part in parts for word in part]
    return np.array([*words, END, 2], np.int64)
