"""Bound steps: an executable tied to one session's state, so that a call needs no Python.

What `Executable.run` works out in Python at each run is written once into the record of a native
entry: where each feed and variable goes, what the results are made of, which values are copied on
commit. A step that Python must take part in (host operations, sizes known only in mid-run, flags of
initialisation, variables whose values trade places) cannot be bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.codegen.cpu import entry as native
from graphc.codegen.cpu.words import address_of
from graphc.codegen.fusion import dims
from graphc.codegen.running import variable_value
from graphc.codegen.state import SessionState
from graphc.ir.graph import Tensor
from graphc.ir.records import record

if TYPE_CHECKING:
    from graphc.codegen.executable import Executable


STRUCTURES = {
    "tensor": native.SINGLE,
    "operation": native.NOTHING,
    "list": native.LIST,
    "tuple": native.TUPLE,
    "nested": native.BUILT,
}


@record
class Structure:
    """What a call returns: `kind` is SINGLE, NOTHING, LIST, TUPLE or BUILT (by `builder`, from the
    list of `items`); items are numbers of results, -1 for None.
    """

    kind: int
    items: tuple[int, ...] = ()
    builder: Callable[[list[Any]], Any] | None = None


def bind(
    executable: Executable,
    arrays: Sequence[np.ndarray],
    state: SessionState,
    structure: Structure,
    least: int = 0,
) -> native.Record | None:
    """A record that runs `executable` on `state`, with at least `least` bytes of working memory.

    `arrays` are feeds that it accepts, one each; None where the step cannot be bound.
    """
    if not native.available():
        return None
    return _Binding(executable, state).record(arrays, structure, least)


@record
class BoundIteration:
    """An iteration of a loop, bound: `slots` are the buffers that the caller sets before a call, by
    the number of the result that goes there; a call gives the list of the results `given`.
    """

    record: native.Record
    slots: dict[int, int]
    given: tuple[int, ...]


def bind_iteration(
    executable: Executable, state: SessionState, rows: Sequence[int]
) -> BoundIteration | None:
    """A record of a function without feeds, of which the results `rows` are to be written where the
    caller says, as far as that is possible; None where it cannot be bound.
    """
    if not native.available():
        return None
    binding = _Binding(executable, state)
    binding.place_rows(rows)
    count = len(executable.function.results)
    given = tuple(n for n in range(count) if n not in binding.rows)
    is_single = given == (0,)
    structure = Structure(native.SINGLE if is_single else native.LIST, tuple(range(len(given))))
    made = binding.record([], structure, 0)
    return None if made is None else BoundIteration(made, binding.rows, given)


class _Binding:
    def __init__(self, executable: Executable, state: SessionState) -> None:
        self.executable, self.state = executable, state
        self.schedule, self.tables = executable.schedule, executable.tables
        self.places = self.schedule.places
        self.rows: dict[int, int] = {}  # results that others give memory for, and their slots

    def place_rows(self, numbers: Sequence[int]) -> None:
        """Leave it to the caller where these results go, if they have memory of their own."""
        results = self.schedule.results
        for number in numbers:
            storage = results[number]
            own = self.places[storage].kind == "result" and results.count(storage) == 1
            if own and storage.dtype.size:
                self.rows[number] = self.tables.buffer_slot[storage]

    def record(
        self, arrays: Sequence[np.ndarray], structure: Structure, least: int
    ) -> native.Record | None:
        if not self._can_bind():
            return None
        executable, state = self.executable, self.state
        with state.lock:
            frame = self.frame = executable.new_frame()
            frame.native.threads = state.threads
            variables = [variable_value(p, state) for _, p in self.tables.variables]
            if not executable.prepare(frame, arrays, variables, least):
                return None
            record = native.Record(
                frame.native, self.tables.prepare, self.tables.stretches[0].program, state.words,
                executable.failing(frame),
            )  # fmt: skip
            record.keep(executable, frame.arena, state)
            record.words[native.LOCKS] = executable.locks
            record.words[native.ARENA_SLOT] = self.tables.arena_slot
            record.words[native.ARENA_SIZE] = frame.room
            self._arguments(record)
            for (slot, _), value in zip(self.tables.variables, variables, strict=True):
                record.keep(value)
                frame.buffers[slot] = address_of(value)
            if not self._shadows(record, frame.buffers) or not self._copies(record):
                return None
            self._results(record)
            self._randoms(record, frame.dims)
            counters = [state.random_counter(name) for name in self.tables.random_names]
            record.finish(structure.kind, structure.items, structure.builder, counters)
            return record

    def _can_bind(self) -> bool:
        tables = self.tables
        feeds = [tensor for _, tensor in tables.feeds]
        tensors = [*feeds, *self.schedule.results, *self.executable.function.results]
        return (
            len(tables.stretches) == 1
            and tables.stretches[0].after is None
            and not tables.stretches[0].allocations
            and not tables.flags
            and all(t.dtype.size and len(dims(t)) <= native.MAXIMUM_RANK for t in tensors)
            and all(b.element < 0 or len(dims(feeds[b.source])) <= 1 for b in tables.bindings)
            and not any(self.places[s].kind == "heap" for s in self.schedule.results)
        )

    def _arguments(self, record: native.Record) -> None:
        for number, (slot, tensor) in enumerate(self.tables.feeds):
            symbols = {b.axis: b.slot for b in self.tables.bindings
                       if b.source == number and b.element < 0}  # fmt: skip
            axes = [
                (symbols[axis], 0) if axis in symbols else (-1, _fixed(size))
                for axis, size in enumerate(dims(tensor))
            ]
            elements = [
                (b.slot, b.element)
                for b in self.tables.bindings
                if b.source == number and b.element >= 0
            ]
            record.argument(tensor.dtype.numpy, slot, axes, elements)

    def _shadows(self, record: native.Record, buffers: np.ndarray) -> bool:
        """Memory for new values that must not overwrite the old ones while the step may fail."""
        for allocation in self.tables.allocations:
            storage = allocation.storage
            if self.places[storage].kind != "shadow":
                continue
            sizes = self._fixed_sizes(storage)
            if sizes is None:
                return False
            memory = np.empty(sizes, storage.dtype.numpy)
            record.keep(memory)
            buffers[allocation.slot] = address_of(memory)
        return True

    def _fixed_sizes(self, tensor: Tensor) -> tuple[int, ...] | None:
        """A tensor's sizes, if they are the same in every run of the record: without feeds they
        are, since variables of other shapes make it invalid."""
        sizes = dims(tensor)
        if all(isinstance(size, int) for size in sizes):
            return sizes
        if self.tables.feeds:
            return None
        slot, values = self.tables.sizes.slot, self.frame.dims
        return tuple([s if isinstance(s, int) else int(values[slot(s)]) for s in sizes])

    def _copies(self, record: native.Record) -> bool:
        """What is copied into variables after the run; False where it cannot be."""
        updates = zip(self.schedule.updates, self.executable.function.updates, strict=True)
        for (name, storage), (_, tensor) in updates:
            place = self.places[storage]
            if (place.kind, place.name) == ("variable", name) and storage.op.type != "Parameter":
                continue  # written in place
            value = self.state.variables.get(name)
            if storage.op.type == "Parameter" and place.kind == "variable":
                return False  # an old value, which this run may be replacing as well
            if value is None or value.shape != self._fixed_sizes(tensor):
                return False
            if value.dtype != tensor.dtype.numpy:
                return False
            record.copy(value, self._cell(record, storage))
        return True

    def _results(self, record: native.Record) -> None:
        given: set[Tensor] = set()
        results = zip(self.schedule.results, self.executable.function.results, strict=True)
        for number, (storage, tensor) in enumerate(results):
            if number in self.rows:
                continue
            place = self.places[storage]
            if storage.op.type == "Parameter" and place.kind == "variable":
                kind = native.EARLY
            elif place.kind == "result" and storage not in given:
                kind = native.OWN
            else:
                kind = native.LATE
            given.add(storage)
            shape = [self.tables.sizes.slot(size) for size in dims(tensor)]
            assert max(shape, default=0) < len(record.frame.dims), f"no slots for {tensor}'s sizes"
            record.result(kind, self._cell(record, storage), tensor.dtype.numpy, shape)

    def _cell(self, record: native.Record, storage: Tensor) -> int:
        """Where the address of a storage is kept during a run."""
        place = self.places[storage]
        if place.kind == "variable":
            slot = next(s for s, p in self.tables.variables if p.name == place.name)
            return record.cell(slot)
        if place.kind == "constant" and storage not in self.tables.buffer_slot:
            return record.constant_cell(place.name)
        return record.cell(self.tables.buffer_slot[storage])

    def _randoms(self, record: native.Record, sizes: np.ndarray) -> None:
        for slot, dim in self.tables.randoms:
            if dim.part == "key":
                sizes[slot] = self.state.random_key(dim.name, dim.seed, dim.seed2)
            else:
                record.random(slot, self.state.random_counter(dim.name))


def _fixed(size: Any) -> int:
    assert isinstance(size, int), f"{size} is neither a number nor bound to a symbol"
    return size
