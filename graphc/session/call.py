"""Calls: one pair of fetches and feed keys, made ready to run again and again.

`Call.run` is a built-in function that goes straight to native code; what native code does not take
(values that must be converted, sizes not seen yet, variables that moved) comes to `slow`, which
runs the step from Python and binds it for the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.ir.graph import Tensor
from graphc.session.feeds import Feeds
from graphc.session.fetches import Fetches

if TYPE_CHECKING:
    from graphc.codegen.cpu.entry import Entry
    from graphc.codegen.program import Program
    from graphc.session.base import BaseSession

ATTEMPTS = 3  # to bind a step that cannot be bound


class Call:
    """A pair of fetches and feed keys, and its programs by the ranks of feeds of unknown rank.

    Attributes:
        run: takes one value per feed, in the order of `feeds.slots`.
        flat: whether each feed key stands for one tensor.
        key: (fetches, feed keys) that the session finds it by; None if it does not keep it.
    """

    def __init__(self, session: BaseSession, graph: Graph, fetches: Fetches, feeds: Feeds) -> None:
        self.session, self.fetches, self.feeds = session, fetches, feeds
        self.free_ranks = [i for i, slot in enumerate(feeds.slots) if slot.rank is None]
        self.programs: dict[Any, Program] = {}
        self.runs_something = bool(fetches.tensors or fetches.targets)
        self.lazy = _lazy_values(graph, fetches, feeds)
        self.flat = feeds.flat
        self.key: tuple[Any, tuple[Any, ...]] | None = None
        self.run: Callable[..., Any] = self.slow
        self._entry: Entry | None = None
        self._ran = False
        bindable = session.sess_str == "cpu" and self.runs_something and not self.lazy
        is_plain = all(slot.plain is not None for slot in feeds.slots)  # text is always converted
        self._attempts = ATTEMPTS if bindable and is_plain else 0

    def slow(self, *values: Any) -> Any:
        """Run with these values fed: converted, compiled for and bound as they need.

        Raises:
            TypeError, ValueError: a value that does not fit. OpError: the run failed.
        """
        arrays = self.convert(values)
        if self._entry is not None and any(a is not v for a, v in zip(arrays, values, strict=True)):
            return self.run(*arrays)  # what was refused may only have needed conversion
        result = self.session._execute(self, arrays)
        if self._attempts and (self._ran or self._entry is not None):
            self._bind(arrays)
        self._ran = True  # what runs only once is not worth binding
        return result

    def convert(self, values: Sequence[Any]) -> list[np.ndarray]:
        """One array per feed.

        Raises:
            RuntimeError: the session is closed.
            TypeError: there are more or fewer values than feeds, or one does not fit.
            ValueError: an array's shape does not fit.
        """
        self.session._check_open()
        slots = self.feeds.slots
        if len(values) != len(slots):
            raise TypeError(
                located(f"this callable takes {len(slots)} values to feed, not {len(values)}")
            )
        return [slot.convert(value) for slot, value in zip(slots, values, strict=True)]

    def enter(self) -> bool:
        """Make `run` a native function, if this call may have one."""
        if self._entry is None and self._attempts:
            from graphc.codegen.cpu.entry import Entry, available

            if available():
                self._entry = Entry(self.slow)
                self.run = self._entry.call
                self.session._know(self)
            else:
                self._attempts = 0
        return self._entry is not None

    def _bind(self, arrays: list[np.ndarray]) -> None:
        """Let native code take over where the step allows it."""
        if not self.enter():
            return
        program, arrays = self.session._find(self, arrays)
        old = None if self._entry is None else self._entry.record
        least = 0 if old is None else old.room
        record = program.bind(arrays, self.session._state, self._structure(), least)
        if record is None:
            self._attempts -= 1
            return
        self._attempts = ATTEMPTS
        assert self._entry is not None
        self._entry.install(record)

    def _structure(self) -> Any:
        from graphc.codegen.bound import STRUCTURES, Structure

        fetches = self.fetches
        return Structure(STRUCTURES[fetches.kind], fetches.items, fetches.build)


def _lazy_values(graph: Graph, fetches: Fetches, feeds: Feeds) -> list[tuple[Tensor, str]]:
    """Tensors that give way to a variable's value if it has one: (tensor, name of the variable)."""
    if not graph.lazy_values:
        return []
    from graphc.ir.passes.resolve import slice_operations

    fed = {slot.tensor: None for slot in feeds.slots}
    return [
        (op.outputs[0], op.attrs["_unless_initialized"])
        for op in slice_operations(fetches.tensors, fetches.targets, fed)
        if "_unless_initialized" in op.attrs and op.outputs[0] not in fed
    ]
