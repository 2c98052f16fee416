"""One implementation, ready to prepare workloads and to measure them when told.

`python -m graphc.bench.worker NAME THREADS` serves a `Worker` over a pipe, one line of JSON a
request and one an answer: see `processes`, which starts it. Tests use a `Worker` in their own
process.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
from typing import Any, Protocol

import numpy as np

from graphc.bench.implementations import BY_NAME
from graphc.bench.measure import SAMPLE_SECONDS, FirstCalls, Repeated, Sample
from graphc.bench.roofline import Roofline, measure_roofline
from graphc.bench.tables import workload_named
from graphc.bench.workload import Array, Missing, Unseen, Workload


class Runner(Protocol):
    """What the suite asks of an implementation, in this process or in another one."""

    def prepare(self, workload: Workload) -> list[Array]:
        """Make a workload ready; returns its outputs. Raises Missing, or what went wrong."""

    def calibrate(self) -> float:
        """Find how many calls make a sample; returns the seconds that one call takes."""

    def sample(self) -> Sample:
        """Measure the prepared workload once."""

    def release(self) -> None:
        """Forget the prepared workload."""

    def close(self) -> None:
        """End."""


class Worker:
    """A Runner in this process."""

    def __init__(self, name: str, threads: int, sample_seconds: float = SAMPLE_SECONDS) -> None:
        self.threads = threads
        self._sample_seconds = sample_seconds
        self._prepare = BY_NAME[name].load()
        self._workload: Workload | None = None
        self._prepared: Any = None
        self._timer: Repeated | FirstCalls | None = None

    def prepare(self, workload: Workload) -> list[Array]:
        self._workload = workload
        self._prepared = self._prepare(workload, workload.inputs(), self.threads)
        return [np.array(output) for output in self._prepared.outputs()]

    def calibrate(self) -> float:
        assert self._workload is not None
        task = self._workload.task
        if isinstance(task, Unseen):
            self._timer = FirstCalls(self._prepared, task)
        else:
            self._timer = Repeated(self._prepared, self._sample_seconds)
        return self._timer.estimate

    def sample(self) -> Sample:
        assert self._timer is not None, "calibrate first"
        return self._timer.sample()

    def release(self) -> None:
        self._workload = self._prepared = self._timer = None

    def roofline(self) -> Roofline:
        """The limits of the machine with this worker's threads."""
        return measure_roofline(self.threads)

    def close(self) -> None:
        self.release()


def serve(name: str, threads: int) -> None:
    """Answer requests from standard input until it ends."""
    # Libraries may print what they like: the answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(name, threads)
    print(json.dumps({}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _answer(worker, request)
        except Missing as missing:
            answer = {"missing": str(missing)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "prepare":
            outputs = worker.prepare(workload_named(request["workload"]))
            for number, output in enumerate(outputs):
                np.save(f"{request['folder']}/{number}.npy", output)
            return {"outputs": len(outputs)}
        case "calibrate":
            return {"estimate": worker.calibrate()}
        case "sample":
            return dataclasses.asdict(worker.sample())
        case "release":
            worker.release()
            return {}
        case "roofline":
            return dataclasses.asdict(worker.roofline())
        case what:
            raise ValueError(f"no such request: {what}")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
