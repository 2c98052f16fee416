"""Timing calls: how many make a sample, and what a set of samples says."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from graphc.bench.workload import Prepared, Unseen

SAMPLE_SECONDS = 0.02
WARM_SHARE = 0.2  # of a sample's calls run before it, untimed: caches and clocks forget in between
UNSEEN_PER_SAMPLE = 5
UNSEEN_FIRST_BATCH = 33


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds per call, once or several times, and who worked meanwhile.

    cores: processor time of this process by time passed, so below 1 on a machine that is not idle.
    others: the share of that processor time which threads other than the calling one had.
    """

    seconds: list[float]
    cores: float
    others: float


class Stopwatch:
    """Time passed, processor time of the process and of the thread, since it was made."""

    def __init__(self) -> None:
        self._process, self._thread = time.process_time(), time.thread_time()
        self._begin = time.perf_counter()

    def sample(self, seconds: list[float]) -> Sample:
        """A sample with these times."""
        passed = max(time.perf_counter() - self._begin, 1e-9)
        process = max(time.process_time() - self._process, 1e-9)
        thread = time.thread_time() - self._thread
        return Sample(seconds, process / passed, max(0.0, 1 - thread / process))


def time_calls(function: Callable[..., Any], arguments: tuple[Any, ...], count: int) -> float:
    """Seconds for `count` calls; the loop around them costs about 15 ns a call."""
    clock = time.perf_counter
    if len(arguments) == 1:
        (argument,) = arguments
        begin = clock()
        for _ in repeat(None, count):
            function(argument)
        return clock() - begin
    begin = clock()
    for _ in repeat(None, count):
        function(*arguments)
    return clock() - begin


class Repeated:
    """Samples of many calls, of about SAMPLE_SECONDS each."""

    def __init__(self, prepared: Prepared, sample_seconds: float = SAMPLE_SECONDS) -> None:
        self.function, self.arguments = prepared.function, prepared.arguments
        self.count = 1
        while True:
            took = time_calls(self.function, self.arguments, self.count)
            if took >= sample_seconds / 4:
                break
            self.count *= 4 if took < sample_seconds / 16 else 2
        self.estimate = took / self.count
        self.count = max(1, round(sample_seconds / self.estimate))

    def sample(self) -> Sample:
        """Warm up, then measure once."""
        time_calls(self.function, self.arguments, max(1, int(self.count * WARM_SHARE)))
        gc.collect()
        gc.disable()
        try:
            stopwatch = Stopwatch()
            took = time_calls(self.function, self.arguments, self.count)
            return stopwatch.sample([took / self.count])
        finally:
            gc.enable()


class FirstCalls:
    """Samples of the first call at a new batch size, less what a later call of that size costs."""

    def __init__(self, prepared: Prepared, unseen: Unseen) -> None:
        self.function, self.inputs_of_batch = prepared.function, unseen.inputs_of_batch
        self.batch = UNSEEN_FIRST_BATCH
        inputs = self.inputs_of_batch(self.batch)
        self.estimate = UNSEEN_PER_SAMPLE * time_calls(self.function, inputs, 1)

    def sample(self) -> Sample:
        """Measure some new batch sizes; differences below the clock's noise count as nothing."""
        found = []
        stopwatch = Stopwatch()
        for _ in range(UNSEEN_PER_SAMPLE):
            # The calls before fill the caches with everything but the new size.
            time_calls(self.function, self.inputs_of_batch(self.batch), 5)
            self.batch += 1
            inputs = self.inputs_of_batch(self.batch)
            first = time_calls(self.function, inputs, 1)
            later = statistics.median(time_calls(self.function, inputs, 1) for _ in range(5))
            found.append(max(0.0, first - later))
        return stopwatch.sample(found)


def rounds_for(slowest: float, wanted: int, budget: float, least: int = 3) -> int:
    """How many rounds fit a budget of seconds if the slowest call takes so long."""
    per_round = max(slowest, SAMPLE_SECONDS) * (1 + WARM_SHARE)
    return min(wanted, max(least, int(budget / per_round)))


def summary(samples: Sequence[float]) -> tuple[float, float]:
    """(median, minimum)."""
    return statistics.median(samples), min(samples)
