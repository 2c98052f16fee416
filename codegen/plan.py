"""Planning: the order of launches, where every tensor lives, and the arena.

A *storage* is the memory of one tensor (reshapes share it). Feeds, variables, constants and results
bring their own memory; everything else lives in the arena, in *slots* found by interval colouring
guided by the hints. A slot is as large as its largest member's formula, so the plan serves every
size.

A variable's new value is written in place only if no later launch reads the old one and neither
this nor any later launch can fail; otherwise it goes to a shadow array that replaces the old one on
commit.
"""

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass, field
from typing import Any, Literal

from graphc.codegen.draft import Draft, Launch
from graphc.codegen.finish import finish
from graphc.codegen.fusion import Fused, dims
from graphc.codegen.lower import Lowering
from graphc.ir.dims import Symbol, product
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.records import record

ALIGNMENT = 64


@record
class Place:
    """Where a storage lives.

    kind: "feed" (number), "variable" (name), "constant" (array), "result" (number), "shadow" (name
    of the variable it replaces), "arena" (slot number), "heap" (allocated in mid-run: its size is
    dynamic).
    """

    kind: Literal["feed", "variable", "constant", "result", "shadow", "arena", "heap"]
    name: Any


@record
class HostStep:
    """A host operation, a branch or a loop, run by Python between two native stretches."""

    operation: Operation
    inputs: tuple[Tensor, ...]


@record
class SizeStep:
    """Sizes that become known here: (symbol, storage of the integer tensor, element)."""

    sizes: tuple[tuple[Symbol, Tensor, int], ...]


Step = Launch | HostStep | SizeStep


@dataclass
class Schedule:
    """A function as steps over storages. Targets turn it into something that runs.

    `slots` are the member sizes (bytes) of each arena slot. `results[i]` and `updates` say which
    storage holds what the run returns or commits; where that is not the result's own memory it is
    copied.
    """

    function: Function
    fused: Fused
    steps: list[Step]
    places: dict[Tensor, Place]
    slots: list[list[Any]]
    results: list[Tensor]
    updates: list[tuple[str, Tensor]]
    launches: list[Launch] = field(init=False)

    def __post_init__(self) -> None:
        self.launches = [s for s in self.steps if isinstance(s, Launch)]


def plan(fused: Fused, private: bool = False) -> Schedule:
    """Order, place and finish the kernels of a fused function.

    `private`: nobody sees the variables after a failure, so new values need no shadow for its sake.
    """
    return _Planner(fused, private).run()


class _Planner:
    def __init__(self, fused: Fused, private: bool) -> None:
        self.fused, self.private = fused, private
        self.function = fused.function
        self.steps: list[Draft | HostStep | SizeStep] = []
        self.places: dict[Tensor, Place] = {}
        self.writer: dict[Tensor, list[int]] = {}
        self.readers: dict[Tensor, list[int]] = {}
        self.dropped: set[int] = set()  # steps that turned out to have nothing to do

    def run(self) -> Schedule:
        self._order()
        self._source_places()
        results = [self.fused.storage(t) for t in self.function.results]
        for number, storage in enumerate(results):
            if storage not in self.places:
                self.places[storage] = Place("result", number)
        updates = [(name, self.fused.storage(t)) for name, t in self.function.updates]
        self._updates(updates, results)
        slots = self._arena()
        steps: list[Step] = [
            finish(s) if isinstance(s, Draft) else s
            for number, s in enumerate(self.steps)
            if number not in self.dropped
        ]
        return Schedule(self.function, self.fused, steps, self.places, slots, results, updates)

    def _order(self) -> None:
        waiting: dict[Tensor, list[Any]] = {}
        for symbol, tensor, element in self.function.sizes:
            storage = self.fused.storage(tensor)
            waiting.setdefault(storage, []).append((symbol, storage, element))
        ready = [
            s for t, found in waiting.items() if t.op not in self.fused.group_of for s in found
        ]
        if ready:
            self.steps.append(SizeStep(tuple(ready)))
        lowering = Lowering(self.fused)
        recorded: list[tuple[Any, Any, Any]] = []
        for group in self.fused.groups:
            op = group.operations[0]
            if group.kind == "host":
                inputs = tuple(self.fused.storage(t) for t in op.inputs)
                recorded.append((HostStep(op, inputs), inputs, op.outputs))
            for draft in lowering.drafts(group):
                recorded.append((draft, draft.reads, draft.written))
            sizes = [
                s for member in group.operations for t in member.outputs for s in waiting.get(t, ())
            ]
            if sizes:
                recorded.append((SizeStep(tuple(sizes)), [s[1] for s in sizes], ()))

        for step in self._scatters_last(recorded):
            self._record(*step)

    def _scatters_last(self, recorded: list[tuple[Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
        """The steps with scatters into new values of variables at the end: by then all that read
        the old value have done so, and it may be overwritten."""
        kept: set[Tensor] = {self.fused.storage(t) for t in self.function.live}
        kept -= {self.fused.storage(t) for _, t in self.function.updates}
        early: list[tuple[Any, Any, Any]] = []
        late: list[tuple[Any, Any, Any]] = []
        moved: set[Tensor] = set()
        for step in reversed(recorded):
            draft, reads, written = step
            targets = set(written)
            if isinstance(draft, Draft) and targets <= moved and len(targets) == 1:
                late.append(step)  # the copy that comes before a scatter which was moved
            elif isinstance(draft, Draft) and draft.accumulates and targets.isdisjoint(kept):
                late.append(step)
                moved |= targets
                continue
            else:
                early.append(step)
                kept.update(reads)
        return [*reversed(early), *reversed(late)]

    def _record(self, step: Any, reads: Any, writes: Any) -> None:
        number = len(self.steps)
        self.steps.append(step)
        for tensor in reads:
            self.readers.setdefault(tensor, []).append(number)
        for tensor in writes:
            self.writer.setdefault(tensor, []).append(number)

    def _source_places(self) -> None:
        feeds = 0
        for parameter in self.function.parameters:
            if parameter.kind == "variable":
                place = Place("variable", parameter.name)
            elif parameter.kind == "initialized":
                place = Place("constant", ("initialized", parameter.name))
            else:
                place = Place("feed", feeds)
                feeds += 1
            self.places[parameter.tensor] = place
        live = {self.fused.storage(t) for t in self.function.live}
        for tensor in [*self.readers, *live]:
            if tensor.op.type == "Const":
                self.places[tensor] = Place("constant", tensor.op.attrs["value"])

    # -- variables

    def _updates(self, updates: list[tuple[str, Tensor]], results: list[Tensor]) -> None:
        parameters = {p.name: p.tensor for p in self.function.parameters if p.kind == "variable"}
        self.names = {tensor: name for name, tensor in parameters.items()}
        self.kept = {*results, *(storage for _, storage in updates)}
        safe_from = self._first_safe_step()
        # an old value that is another variable's new value must outlive the run
        assigned = {storage for _, storage in updates}
        taken: set[Tensor] = set()
        for name, storage in updates:
            if storage in self.places or storage in taken:
                continue  # a source, a result, or another variable's value: copied on commit
            taken.add(storage)
            old = parameters.get(name)
            replaces = old is not None and old not in assigned
            if old is not None and replaces and self._write_through(storage, old, safe_from):
                continue
            if old is not None and replaces and self._may_write_in_place(storage, old, safe_from):
                step = self.steps[self.writer[storage][0]]
                assert isinstance(step, Draft)
                step.in_place[storage] = old
                self.places[storage] = Place("variable", name)
            else:
                self.places[storage] = Place("shadow", name)

    def _first_safe_step(self) -> int:
        """The first step from which on nothing can fail; past the end if not all are native."""
        if self.private:
            return 0
        if any(not isinstance(s, Draft) for s in self.steps):
            return len(self.steps)
        for number in range(len(self.steps) - 1, -1, -1):
            step = self.steps[number]
            if isinstance(step, Draft) and step.can_fail:
                return number + 1
        return 0

    def _may_write_in_place(self, storage: Tensor, old: Tensor, safe_from: int) -> bool:
        writers = self.writer.get(storage, [])
        if len(writers) != 1 or writers[0] < safe_from or dims(storage) != dims(old):
            return False
        number = writers[0]
        if any(reader > number for reader in self.readers.get(old, ())):
            return False
        step = self.steps[number]
        if not isinstance(step, Draft):
            return False
        if number not in self.readers.get(old, ()):
            return self._adopt(step, old)
        return old not in step.in_place.values() and step.may_overwrite(storage, old)

    def _write_through(self, storage: Tensor, old: Tensor, safe_from: int) -> bool:
        """Whether a new value that is the old one with places set (by one scatter, or several one
        after the other) may be made in the old one's memory; then the copies go away.
        """
        chain: list[tuple[Tensor, int]] = []
        current = storage
        while current is not old:
            number = self.writer.get(current, [-1])[0]
            step = self.steps[number] if number >= safe_from else None
            if not isinstance(step, Draft) or step.copy is None or current in self.places:
                return False
            target, source = step.copy
            if target is not current or dims(target) != dims(source):
                return False
            later = [n for n in self.readers.get(source, ()) if n > number]
            if later or (source is not old and source in self.kept):
                return False
            chain.append((current, number))
            current = source
        for tensor, number in chain:
            self.dropped.add(number)
            self.places[tensor] = Place("variable", self.names[old])
        return True

    def _adopt(self, step: Draft, old: Tensor) -> bool:
        """A launch that does not read the old value may write over it all the same."""
        if old in step.in_place.values():
            return False
        step.buffers.append(old)
        return True

    # -- arena

    def _arena(self) -> list[list[Any]]:
        """Place every other storage in a slot."""
        hint = self.function.environment.hint
        free: list[tuple[int, int]] = []  # (width, slot), sorted
        busy: list[tuple[int, int]] = []  # heap of (last use, slot)
        slots: list[list[Any]] = []
        widths: list[int] = []
        for storage in sorted(self.writer, key=lambda t: self.writer[t][0]):
            if storage in self.places:
                continue
            start = self.writer[storage][0]
            last = max([*self.writer[storage], *self.readers.get(storage, ())])
            size = product(dims(storage)) * storage.dtype.size
            if self.function.environment.is_late(size) or storage.dtype.size == 0:
                self.places[storage] = Place("heap", len(self.places))
                continue
            while busy and busy[0][0] < start:
                _, slot = heapq.heappop(busy)
                bisect.insort(free, (widths[slot], slot))
            width = size if isinstance(size, int) else hint(size)
            if free:
                slot = _take(free, width)
            else:
                slot = len(slots)
                slots.append([])
                widths.append(0)
            slots[slot].append(size)
            widths[slot] = max(widths[slot], width)
            heapq.heappush(busy, (last, slot))
            self.places[storage] = Place("arena", slot)
        return [list(dict.fromkeys(members)) for members in slots]


def _take(free: list[tuple[int, int]], width: int) -> int:
    """Remove the free slot that fits best: the smallest that is large enough, else the largest."""
    position = min(bisect.bisect_left(free, (width, -1)), len(free) - 1)
    return free.pop(position)[1]
