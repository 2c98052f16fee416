"""Session state: what survives a run. Variables by name, random counters, statistics."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterable

import numpy as np

from graphc.ir.graph import Operation
from graphc.ir.random import seed_key


class SessionState:
    """The state of one session over one graph.

    Attributes:
        variables: value by the name of the variable's operation; missing while uninitialised.
            Arrays
            are C-contiguous and owned by the state; whoever hands one out copies it.
        lock: held by a run that writes, for each native stretch (never while a host operation
            runs).
        statistics: counters: "runs", "compilations" (functions compiled), "kernels_compiled", ….
    """

    def __init__(self) -> None:
        self.variables: dict[str, np.ndarray] = {}
        self.lock = threading.RLock()
        self.statistics: Counter[str] = Counter()
        self._entropy = secrets.randbits(63)
        self._random_runs: Counter[str] = Counter()

    def variable_shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a variable's value, or None while it has none."""
        value = self.variables.get(name)
        return None if value is None else value.shape

    def random_state(self, op: Operation) -> tuple[int, int]:
        """The Philox key and run counter that a random operation of a function draws with next.

        Without seeds (both 0) the key comes from this session's entropy and the operation's name.
        """
        name = op.attrs["_random"]
        seeds = (op.attrs.get("seed", 0), op.attrs.get("seed2", 0))
        return self.random_key(name, *seeds), self._random_runs[name]

    def random_key(self, name: str, seed: int, seed2: int) -> int:
        """The Philox key of a random operation."""
        if seed == 0 and seed2 == 0:
            mixed = seed_key(self._entropy & 0xFFFFFFFF, self._entropy >> 32)
            for byte in name.encode():
                mixed = seed_key(mixed ^ byte, mixed >> 32)
            return mixed
        return seed_key(seed, seed2)

    def random_run(self, name: str) -> int:
        """How often a random operation has run in this session."""
        return self._random_runs[name]

    def advance_random(self, names: Iterable[str]) -> None:
        """Count a successful run of random operations."""
        for name in names:
            self._random_runs[name] += 1

    def close(self) -> None:
        """Give up all values."""
        self.variables.clear()
