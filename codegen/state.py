"""Session state: what survives a run. Variables by name, random counters, statistics.

Native code reads a few of its words (version, holders, runs), so that a step bound to this state
notices by itself that a variable moved or that somebody is writing.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from graphc.ir.graph import Operation
from graphc.ir.random import seed_key

# the words that native code shares
VERSION, HELD, HELD_NATIVE, RUNS = range(4)


class StateLock:
    """A lock that may be taken again by its holder, and that native runs respect.

    A native run marks `HELD_NATIVE` instead of taking the lock, and does so only while `HELD` is 0;
    both are changed under the interpreter's lock.
    """

    def __init__(self, words: np.ndarray) -> None:
        self._lock = threading.RLock()
        self._words = words

    def acquire(self) -> None:
        self._lock.acquire()
        self._words[HELD] += 1
        while self._words[HELD_NATIVE]:
            time.sleep(20e-6)

    def release(self) -> None:
        self._words[HELD] -= 1
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class SessionState:
    """The state of one session over one graph.

    Attributes:
        lock: held by a run that writes, for each native stretch (never while a host operation
            runs).
        words: what native code shares: the version of the variables' arrays (another number
            whenever one is replaced), how often the lock is held, whether a native run writes, and
            the number of runs.
        threads: how many threads a run may use; 0 for what the process may use.
    """

    def __init__(self) -> None:
        self.words = np.zeros(4, np.int64)
        self.threads = 0
        self.lock = StateLock(self.words)
        self._variables: dict[str, np.ndarray] = {}
        self._statistics: Counter[str] = Counter()
        self._entropy = secrets.randbits(63)
        self._random_runs: dict[str, np.ndarray] = {}

    @property
    def variables(self) -> dict[str, np.ndarray]:
        """Value by the name of the variable's operation; missing while uninitialised.

        Arrays are C-contiguous and owned by the state; whoever hands one out copies it. To change
        the dictionary, use `update` or set it as a whole.
        """
        return self._variables

    @variables.setter
    def variables(self, values: dict[str, np.ndarray]) -> None:
        self._variables = values
        self.words[VERSION] += 1

    def update(self, values: Mapping[str, np.ndarray]) -> None:
        """Replace variables' values."""
        if values:
            self._variables.update(values)
            self.words[VERSION] += 1

    @property
    def statistics(self) -> Counter[str]:
        """Counters: "runs", "compilations" (functions compiled), "kernels_compiled", ...."""
        self._statistics["runs"] = int(self.words[RUNS])
        return self._statistics

    def count_run(self) -> None:
        """Count a successful run."""
        self.words[RUNS] += 1

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
        return self.random_key(name, *seeds), self.random_run(name)

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
        return int(self.random_counter(name)[0])

    def random_counter(self, name: str) -> np.ndarray:
        """The counter of `random_run`, one word that stays where it is."""
        found = self._random_runs.get(name)
        if found is None:
            found = self._random_runs.setdefault(name, np.zeros(1, np.int64))
        return found

    def advance_random(self, names: Iterable[str]) -> None:
        """Count a successful run of random operations."""
        for name in names:
            self.random_counter(name)[0] += 1

    def follow(self, other: SessionState) -> None:
        """Draw the same random numbers and use the same threads as another state."""
        self._entropy, self.threads = other._entropy, other.threads

    def close(self) -> None:
        """Give up all values."""
        self.variables = {}
