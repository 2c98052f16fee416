"""Workers: cases are checked in processes of their own, so that a crash is a finding like others.

A seed goes to a process, a `Finding` (or nothing) comes back. A process that dies or takes too long
is replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from tests.fuzz.check import Mismatch, check, variants
from tests.fuzz.generate import generate


@dataclass(frozen=True)
class Finding:
    """A seed whose case fails: where (None: no case could even be made), and how."""

    seed: int
    mismatch: Mismatch


@dataclass(frozen=True)
class Plan:
    """What to check: `count` seeds from `first` on, on a target.

    `thorough` compiles all variants of every case instead of one beside the default. A case may
    take `limit` seconds.
    """

    first: int
    count: int
    target: str = "cpu"
    thorough: bool = False
    limit: float = 300.0


def check_seed(seed: int, target: str = "cpu", thorough: bool = False) -> Finding | None:
    """Make the case of a seed and check it."""
    try:
        case = generate(seed)
        ways = list(variants(target, None if thorough else seed))
        found = check(case, ways)
    except Exception:  # what the generator stumbles over is a finding, too
        found = Mismatch("generator", 0, traceback.format_exc(limit=-3))
    return None if found is None else Finding(seed, found)


def run_plan(plan: Plan, jobs: int) -> Iterator[tuple[int, Finding | None]]:
    """Check all seeds in `jobs` processes: each seed with its finding, as they come."""
    seeds = iter(range(plan.first, plan.first + plan.count))
    pool = [_Worker(plan) for _ in range(min(jobs, plan.count))]
    try:
        busy = [worker for worker in pool if worker.give(seeds)]
        while busy:
            patience = max(0.0, min(1.0, plan.limit))
            ready = wait([worker.connection for worker in busy], timeout=patience)
            for worker in list(busy):
                if worker.connection in ready or worker.is_late:
                    yield worker.seed, worker.take()
                    if not worker.give(seeds):
                        busy.remove(worker)
    finally:
        for worker in pool:
            worker.stop()


class _Worker:
    """A process, and the seed it works on."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seed = -1
        self.started = 0.0
        self.connection: Connection
        self.process: BaseProcess
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.plan), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, seeds: Iterator[int]) -> bool:
        """Hand out the next seed; whether there was one."""
        seed = next(seeds, None)
        if seed is None:
            return False
        self.seed, self.started = seed, time.monotonic()
        self.connection.send(seed)
        return True

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self.started > self.plan.limit

    def take(self) -> Finding | None:
        """What became of the seed; a process that is gone or late is replaced."""
        try:
            if self.connection.poll():
                found: Finding | None = self.connection.recv()
                return found
            what = f"no result after {self.plan.limit:.0f} s"
        except (EOFError, ConnectionError):
            self.process.join(5)
            what = f"the process died, exit code {self.process.exitcode}"
        self.stop()
        self._start()
        return Finding(self.seed, Mismatch("process", 0, what))

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, plan: Plan) -> None:
    """The loop of a worker process. What it compiles is of no use to anybody later."""
    os.environ["GRAPHC_NO_DISK_CACHE"] = "1"
    while True:
        try:
            seed = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        connection.send(check_seed(seed, plan.target, plan.thorough))
