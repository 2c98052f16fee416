"""Implementations in processes of their own: equal threads and processors, crashes held off.

Each implementation has one process for all workloads of a thread count, so that no library sees
another one's thread pool or allocator; the suite takes turns between them. Programs that are
measured as a whole have a new process each time.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import graphc
from graphc.bench.measure import Sample
from graphc.bench.roofline import Roofline
from graphc.bench.workload import Array, Missing, Program, Workload

PROGRAMS = Path(__file__).with_name("programs.py")
TIMEOUT = 300.0  # seconds for one answer


class Failed(Exception):
    """An implementation raised an error, crashed, or did not answer in time."""


def environment(threads: int, cache: str | None = None) -> dict[str, str]:
    """This process's environment with every library's number of threads set.

    cache: a folder for compiled code instead of the user's own folders.
    """
    package = Path(graphc.__file__).parent.parent
    count = str(threads)
    found = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")])),
        "GRAPHC_NUM_THREADS": count,
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
    }
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        found["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    if cache is not None:
        found |= {
            "GRAPHC_CACHE_DIR": cache,
            "JAX_COMPILATION_CACHE_DIR": cache,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "TORCHINDUCTOR_CACHE_DIR": cache,
            "PYTENSOR_FLAGS": f"base_compiledir={cache}",
        }
    return found


@contextmanager
def processors(threads: int) -> Iterator[None]:
    """Start processes that may use as many processors as threads, where the system can see to it.

    Some libraries take all processors whatever they are told about threads.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(usable)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


class ProcessRunner:
    """A Runner in a new process, which is started when first needed and again after a crash."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)

    def prepare(self, workload: Workload) -> list[Array]:
        with tempfile.TemporaryDirectory() as folder:
            answer = self._ask(do="prepare", workload=workload.name, folder=folder)
            return [np.load(f"{folder}/{i}.npy") for i in range(answer["outputs"])]

    def calibrate(self) -> float:
        return float(self._ask(do="calibrate")["estimate"])

    def sample(self) -> Sample:
        return Sample(**self._ask(do="sample"))

    def release(self) -> None:
        if self._process is not None:
            self._ask(do="release")

    def roofline(self) -> Roofline:
        """The limits of the machine with this many threads."""
        answer = self._ask(do="roofline")
        bandwidth = tuple((int(size), float(rate)) for size, rate in answer["bandwidth"])
        return Roofline(answer["threads"], answer["flops"], bandwidth)

    def close(self) -> None:
        self._stop()
        self._errors.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._crashed() from None
        answer = self._read()
        if "missing" in answer:
            raise Missing(answer["missing"])
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def _start(self) -> None:
        self._errors.seek(0)
        self._errors.truncate()
        with processors(self.threads):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "graphc.bench.worker", self.name, str(self.threads)],
                env=environment(self.threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
            )
        self._read()

    def _read(self) -> dict[str, Any]:
        """The next line of the process."""
        assert self._process is not None and self._process.stdout is not None
        stream = self._process.stdout
        deadline = time.monotonic() + TIMEOUT
        data = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while not data.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._stop()
                    raise Failed(f"no answer within {TIMEOUT:.0f} s")
                part = os.read(stream.fileno(), 1 << 16)
                if not part:
                    raise self._crashed()
                data += part
        answer: dict[str, Any] = json.loads(data)
        return answer

    def _crashed(self) -> Failed:
        assert self._process is not None
        code = self._process.wait()
        self._process = None
        self._errors.seek(0)
        return Failed(f"the process ended with code {code}: {_last_line(self._errors.read())}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def run_program(task: Program, name: str, threads: int, cache: str) -> tuple[list[Array], float]:
    """Run a program in a new process: (its results, the metric).

    Raises:
        Missing: the implementation has no such program; Failed: it failed.
    """
    from graphc.bench.programs import PROGRAMS as TABLE

    if name not in TABLE[task.name]:
        raise Missing("no such program")
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        with processors(threads):
            process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAMS), task.name, name],
                env=environment(threads, cache),
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert process.stdout is not None
        with process:
            first = process.stdout.readline()
            seconds = time.perf_counter() - begin
            second = process.stdout.readline()
            process.stdout.read()
        if process.returncode or not second:
            errors.seek(0)
            raise Failed(f"code {process.returncode}: {_last_line(errors.read())}")
    told = {**json.loads(first), **json.loads(second), "first": seconds}
    return [np.array(told["results"])], float(told[task.metric])


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing on standard error"
