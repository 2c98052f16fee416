"""Sharing launches out between threads: chunks, failures, forks, the end of the process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from graphc.codegen.cpu import pool, share, tiles
from graphc.codegen.cpu.driver import Frame
from graphc.codegen.cpu.jit import host_target
from graphc.codegen.cpu.share import divisible
from graphc.codegen.cpu.share_ir import CHUNKS, LEAST, WORTH
from graphc.codegen.cpu.words import address_of
from graphc.codegen.kernel import CODES, Kernel
from graphc.ir.dtypes import float32, int64
from tests.codegen.kit import Kit
from tests.codegen.test_driver import CALL, doubling, program

PARALLEL = 9
THREADS = range(1, 9)
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def frame_of(extent: int, cost: int, threads: int = 1) -> Frame:
    frame = Frame(np.zeros(8, np.int64), np.zeros(8, np.int64))
    frame.dims[:2] = extent, cost
    frame.threads = threads
    return frame


def ranges(
    extent: int, cost: int, threads: int, granule: int, merge: bool
) -> list[tuple[int, int]]:
    """The calls that PARALLEL makes, in order of their starts."""
    seen = []

    def call(frame: int, slots: int, begin: int, end: int) -> None:
        seen.append((begin, end))

    callback = _KERNEL(call)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    table = program((PARALLEL, address, 0, 1, granule, int(merge)))
    assert frame_of(extent, cost, threads).drive(table) == 0
    return sorted(seen)


@pytest.mark.parametrize("granule", [1, 6, 64])
@pytest.mark.parametrize("extent", [1, 63, 64, 65, 1000, 123457])
@pytest.mark.parametrize("cost", [0, 1, 1000, LEAST // 3, 10 * WORTH, 2**62])
def test_chunks_depend_on_sizes_alone(extent: int, cost: int, granule: int) -> None:
    first = ranges(extent, cost, 1, granule, False)
    assert [begin for begin, _ in first] == [0, *(end for _, end in first[:-1])]
    assert first[-1][1] == extent
    assert len(first) <= CHUNKS
    assert all(end % granule == 0 for _, end in first[:-1])
    if extent * max(cost, 1) < WORTH or extent <= granule:
        assert first == [(0, extent)]
    for begin, end in first[:-1]:
        assert (end - begin) * cost >= min(LEAST, cost)
    for threads in (2, 3, 8, 100):
        assert ranges(extent, cost, threads, granule, False) == first


@pytest.mark.parametrize("threads", THREADS)
def test_merged_chunks_are_at_most_one_a_thread(threads: int) -> None:
    chunks = ranges(1000, WORTH, 1, 6, False)
    runs = ranges(1000, WORTH, threads, 6, True)
    assert len(runs) <= threads
    assert runs[0][0] == 0
    assert runs[-1][1] == 1000
    assert {end for _, end in runs} <= {end for _, end in chunks}


def test_nothing_is_called_for_an_empty_axis() -> None:
    assert frame_of(0, 1, 2).drive(program((PARALLEL, 0, 0, 1, 1, 0))) == 0


@pytest.mark.parametrize("threads", THREADS)
def test_shared_work_is_all_done(threads: int) -> None:
    kernel = host_target().compile(doubling())
    frame = frame_of(100_003, 1_000, threads)
    x, y = np.arange(100_003, dtype=np.float32), np.zeros(100_003, np.float32)
    frame.buffers[:2] = address_of(x), address_of(y)
    for _ in range(50):
        y[:] = 0
        assert frame.drive(program((PARALLEL, kernel.address, 0, 1, 64, 0, 0, 1, 0))) == 0
        np.testing.assert_array_equal(y, x * 2)


def checking() -> Kernel:
    """y[i] = x[k[i]], with checked indices: operation 4; then of another tensor: operation 3."""
    kit = Kit()
    i = kit.axis(kit.dim())
    k, m = kit.buffer(int64), kit.buffer(int64)
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    first = kit.op("check", int64, kit.load(k, {i: 1}), data=(10, 4))
    second = kit.op("check", int64, kit.load(m, {i: 1}), data=(10, 3))
    total = kit.op("add", float32, kit.load(x, {}, values={first: 1}),
                   kit.load(x, {}, values={second: 1}))  # fmt: skip
    kit.store(y, {i: 1}, total)
    return kit.kernel(1, 0)


@pytest.mark.parametrize("threads", THREADS)
def test_the_lowest_failure_is_reported(threads: int) -> None:
    kernel = host_target().compile(checking())
    size = 20_000
    k, m = np.zeros(size, np.int64), np.zeros(size, np.int64)
    x, y = np.ones(10, np.float32), np.zeros(size, np.float32)
    frame = frame_of(size, 10_000, threads)
    frame.buffers[:4] = address_of(k), address_of(m), address_of(x), address_of(y)
    table = program((PARALLEL, kernel.address, 0, 1, 64, 0, 0, 1, 2, 3, 0))
    assert frame.drive(table) == 0
    k[[4_000, 4_001, 9_000, 19_999]] = -1, -2, -3, -4
    for _ in range(20):
        assert frame.drive(table) == CODES["INDEX"]
        assert (frame.op, frame.operands) == (4, (-1, 10))
        frame.clear()
    m[[19_000, 19_500]] = 99, 98  # the lower operation, in a later chunk
    for _ in range(20):
        assert frame.drive(table) == CODES["INDEX"]
        assert (frame.op, frame.operands) == (3, (99, 10))
        frame.clear()


def test_many_threads_share_the_pool() -> None:
    """Those that find it taken work alone, in the same chunks."""
    kernel = host_target().compile(doubling())
    wrong: list[int] = []

    def work(seed: int) -> None:
        size = 30_000 + seed
        frame = frame_of(size, 1_000, 1 + seed % 4)
        x, y = np.arange(size, dtype=np.float32), np.zeros(size, np.float32)
        frame.buffers[:2] = address_of(x), address_of(y)
        table = program((PARALLEL, kernel.address, 0, 1, 64, 0, 0, 1, 0))
        for _ in range(200):
            y[:] = 0
            if frame.drive(table) != 0 or not np.array_equal(y, x * 2):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def shared_step(threads: int) -> Callable[[], bool]:
    """A step that needs workers; it tells whether the result was right."""
    kernel = host_target().compile(doubling())
    size = 100_000
    frame = frame_of(size, 1_000, threads)
    x, y = np.arange(size, dtype=np.float32), np.zeros(size, np.float32)
    frame.buffers[:2] = address_of(x), address_of(y)
    table = program((PARALLEL, kernel.address, 0, 1, 64, 0, 0, 1, 0))

    def step() -> bool:
        y[:] = 0
        return frame.drive(table) == 0 and bool((y == x * 2).all())

    return step


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_its_own_workers() -> None:
    step = shared_step(3)
    assert step()
    assert pool.workers() >= 2
    for _ in range(5):
        child = os.fork()
        if child == 0:
            good = pool.workers() == 0 and step() and step() and pool.workers() == 2
            os._exit(0 if good else 1)
        assert step()
        assert os.waitpid(child, 0)[1] == 0
    assert step()


def test_idle_workers_sleep() -> None:
    step = shared_step(2)
    assert step()
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.4)
    assert time.process_time() - before < 0.1
    assert step()


_ENDING = """
import threading
from tests.codegen.test_threads import shared_step
step = shared_step(4)
assert step()
def forever():
    while True:
        step()
if {busy}:
    threading.Thread(target=forever, daemon=True).start()
print("good")
"""


@pytest.mark.parametrize("busy", [False, True])
def test_the_process_ends_well(busy: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENDING.format(busy=busy)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")


def test_a_cancelled_launch_stops() -> None:
    frame = frame_of(1000, WORTH, 1)

    def call(_frame: int, slots: int, begin: int, end: int) -> None:
        frame.cancel()

    callback = _KERNEL(call)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    assert frame.drive(program((PARALLEL, address, 0, 1, 1, 0), (CALL, 0, 0))) == -1


# -- which kernels


def test_ordered_and_accumulating_kernels_are_not_divided() -> None:
    assert divisible(doubling())
    kit = Kit()
    i, j = kit.axis(kit.dim()), kit.axis(kit.dim())
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage(j, ordered=True)
    kit.store(y, {i: 1}, kit.load(x, {i: 1, j: 1}), mode="add")
    assert not divisible(kit.kernel(1, None))


def test_an_element_written_by_all_rows_is_not_divided() -> None:
    kit = Kit()
    i, j = kit.axis(kit.dim()), kit.axis(kit.dim())
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    kit.store(y, {j: 1}, kit.load(x, {j: 1}))
    assert i == 0
    assert not divisible(kit.kernel(2, 1))


def test_tiles_are_not_cut() -> None:
    assert share.TILE_ROWS == tiles.ROWS


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_NUM_THREADS", "3")
    assert frame_of(1, 1).threads == 1
    assert Frame(np.zeros(1, np.int64), np.zeros(1, np.int64)).threads == 3
    monkeypatch.delenv("GRAPHC_NUM_THREADS")
    assert pool.default_threads() >= 1
