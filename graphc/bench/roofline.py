"""The machine's limits, measured on the spot: arithmetic in registers, and memory copied.

The peak is a kernel of independent multiply-adds that touches no memory, emitted for the host's
widest vectors. Bandwidth is the better of `numpy.copyto` and a plain loop of vector loads and
stores, bytes read plus bytes written, for footprints that lie in the second-level cache, in the
last-level cache and in main memory. (The C library's copy is far slower than the loop for some
sizes and alignments.) No program runs faster than `max(flops / peak, bytes / bandwidth)`.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from graphc.bench.workload import Workload
from graphc.codegen.cpu.jit import host_target
from graphc.codegen.cpu.target import Features

CHAINS = 12  # independent sums: enough to hide the latency of any present multiply-add
ITERATIONS = 200_000
FOOTPRINTS = (2**18, 2**22, 2**27)  # bytes of source and destination together
COPY_SECONDS = 0.01
COPY_STEP = 256  # bytes that one turn of the loop copies
TRIES = 20  # short ones: on a busy machine some fall between the others' turns


@dataclass(frozen=True, slots=True)
class Roofline:
    """flops: per second; bandwidth: (footprint in bytes, bytes per second), by footprint."""

    threads: int
    flops: float
    bandwidth: tuple[tuple[int, float], ...]

    def seconds(self, workload: Workload) -> float | None:
        """The least time for a workload; None if its work is not known."""
        times = []
        if workload.flops is not None:
            times.append(workload.flops / self.flops)
        if workload.bytes is not None:
            times.append(workload.bytes / self.bandwidth_for(workload.bytes))
        return max(times, default=None)

    def bandwidth_for(self, footprint: float) -> float:
        """Bytes per second at the measured footprint that is nearest, by their ratio."""
        _, rate = min(self.bandwidth, key=lambda pair: abs(math.log(footprint / pair[0])))
        return rate


def better(a: Roofline, b: Roofline) -> Roofline:
    """The higher limits of two measurements with the same threads: noise only ever lowers them."""
    pairs = zip(a.bandwidth, b.bandwidth, strict=True)
    bandwidth = tuple((size, max(rate, other)) for (size, rate), (_, other) in pairs)
    return Roofline(a.threads, max(a.flops, b.flops), bandwidth)


def measure_roofline(threads: int) -> Roofline:
    """Measure both limits with so many threads, the best of several tries; takes about a second."""
    with ThreadPoolExecutor(threads) as pool:
        flops = _peak(pool, threads)
        bandwidth = tuple((size, _copy_rate(pool, threads, size)) for size in FOOTPRINTS)
    return Roofline(threads, flops, bandwidth)


def _best_time(pool: ThreadPoolExecutor, jobs: Sequence[Callable[[], object]]) -> float:
    """The least time, of several tries, for all jobs at once."""
    best = float("inf")
    for _ in range(TRIES):
        begin = time.perf_counter()
        waiting = [pool.submit(job) for job in jobs]
        for job in waiting:
            job.result()
        best = min(best, time.perf_counter() - begin)
    return best


def _peak(pool: ThreadPoolExecutor, threads: int) -> float:
    width = _width(host_target().features)
    function = _compiled(_peak_ir, "graphc_peak", ctypes.c_int64, ctypes.c_void_p)
    memory = [np.full(width, 0.5, np.float32) for _ in range(threads)]
    jobs = [partial(function, ITERATIONS, array.ctypes.data) for array in memory]
    return 2.0 * width * CHAINS * ITERATIONS * threads / _best_time(pool, jobs)


@cache
def _compiled(text: Callable[[Features, int], str], name: str, *types: Any) -> Callable[..., None]:
    """A native function; the interpreter's lock is released while it runs."""
    target = host_target()
    ir = text(target.features, _width(target.features))
    return ctypes.CFUNCTYPE(None, *types)(target.load_text(ir, [name])[name])


def _width(features: Features) -> int:
    """Floats in the host's widest vectors."""
    if features.avx512:
        return 16
    return 8 if "+avx," in f"{features.flags}," else 4


def _peak_ir(features: Features, width: int) -> str:
    """`graphc_peak(n, p)`: n times CHAINS independent x = x * m + m, with m loaded from p."""
    vector = f"<{width} x float>"
    multiply_add = "fma" if features.fma else "fmuladd"
    intrinsic = f"@llvm.{multiply_add}.v{width}f32"
    chains = range(CHAINS)
    phis = "\n".join(f"  %x{i} = phi {vector} [ %m, %entry ], [ %y{i}, %loop ]" for i in chains)
    steps = "\n".join(
        f"  %y{i} = call {vector} {intrinsic}({vector} %x{i}, {vector} %m, {vector} %m)"
        for i in chains
    )
    sums = "\n".join(
        f"  %s{i} = fadd {vector} %{'y0' if i == 1 else f's{i - 1}'}, %y{i}" for i in chains if i
    )
    return f"""
declare {vector} {intrinsic}({vector}, {vector}, {vector})
define void @graphc_peak(i64 %n, ptr %p) {features.attributes} {{
entry:
  %m = load {vector}, ptr %p, align 4
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{phis}
{steps}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
{sums}
  store {vector} %s{CHAINS - 1}, ptr %p, align 4
  ret void
}}
"""


def _copy_rate(pool: ThreadPoolExecutor, threads: int, footprint: int) -> float:
    size = footprint // 2 // threads
    pairs = [(np.ones(size, np.uint8), np.zeros(size, np.uint8)) for _ in range(threads)]
    repeats = max(1, int(COPY_SECONDS * 10e9 / footprint))
    words = (ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    loop = _compiled(_copy_ir, "graphc_copy", *words)

    def by_numpy(source: np.ndarray, destination: np.ndarray) -> None:
        for _ in range(repeats):
            np.copyto(destination, source)

    def by_loop(source: np.ndarray, destination: np.ndarray) -> None:
        loop(repeats, size, source.ctypes.data, destination.ctypes.data)

    times = [_best_time(pool, [partial(job, *p) for p in pairs]) for job in (by_numpy, by_loop)]
    return 2.0 * size * threads * repeats / min(times)


def _copy_ir(features: Features, width: int) -> str:
    """`graphc_copy(repeats, bytes, source, destination)`; bytes is a multiple of COPY_STEP."""
    vector, size = f"<{width} x float>", 4 * width
    moves = "\n".join(
        f"""  %at{i} = add i64 %offset, {i * size}
  %from{i} = getelementptr i8, ptr %source, i64 %at{i}
  %to{i} = getelementptr i8, ptr %destination, i64 %at{i}
  %value{i} = load {vector}, ptr %from{i}, align 4
  store {vector} %value{i}, ptr %to{i}, align 4"""
        for i in range(COPY_STEP // size)
    )
    return f"""
define void @graphc_copy(i64 %repeats, i64 %bytes, ptr %source, ptr %destination)
    {features.attributes} {{
entry:
  br label %again
again:
  %turn = phi i64 [ 0, %entry ], [ %next_turn, %end ]
  br label %loop
loop:
  %offset = phi i64 [ 0, %again ], [ %next, %loop ]
{moves}
  %next = add i64 %offset, {COPY_STEP}
  %more = icmp slt i64 %next, %bytes
  br i1 %more, label %loop, label %end
end:
  %next_turn = add i64 %turn, 1
  %turns = icmp slt i64 %next_turn, %repeats
  br i1 %turns, label %again, label %done
done:
  ret void
}}
"""
