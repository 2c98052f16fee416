"""The native driver: every instruction, failures, cancellation, and the special kernels."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from graphc.codegen.cpu.driver import CANCELLED, Frame, array_at, drive
from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.words import address_of
from graphc.codegen.kernel import CODES, Buffer, Kernel
from graphc.ir.dtypes import float32, int32, int64
from graphc.ir.random import permutation
from tests.codegen.kit import Kit, run

END, CALL, DIMS, HOST, BIND, ALIAS, LOAD_DIM, COPY, ZERO = range(9)
BIG = 2**62


@pytest.fixture(scope="module")
def target() -> CpuTarget:
    return CpuTarget(disk=None)


def program(*instructions: tuple[int, ...]) -> np.ndarray:
    """A table of (opcode, operands...), with lengths and the end added."""
    words: list[int] = []
    for opcode, *operands in instructions:
        words += [opcode, 2 + len(operands), *operands]
    return np.array([*words, END, 2], np.int64)


def frame_of(target: CpuTarget, buffers: int = 8, dims: int = 16) -> Frame:
    return Frame(np.zeros(buffers, np.int64), np.zeros(dims, np.int64), target)


def doubling() -> Kernel:
    kit = Kit()
    i = kit.axis(kit.dim())
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    value = kit.load(x, {i: 1})
    kit.store(y, {i: 1}, kit.op("add", float32, value, value))
    return kit.kernel(1, 0)


def failing() -> Kernel:
    """Divides without axes: the outermost range is (0, 1)."""
    kit = Kit()
    x, y = kit.buffer(int32), kit.buffer(int32, "out")
    kit.stage()
    kit.store(y, {}, kit.op("div", int32, kit.const(7, int32), kit.load(x, {}), data=5))
    return kit.kernel(0, None)


def test_dimension_arithmetic(target: CpuTarget) -> None:
    frame = frame_of(target)
    values = [(0, 0, 17, 0), (0, 1, -5, 0), (0, 2, 0, 0)]
    cases = [
        (1, 12), (2, 22), (3, -85), (4, -4), (5, -3), (6, -5), (7, 17),
    ]  # fmt: skip
    code = [*values, *((op, 3 + number, 0, 1) for number, (op, _) in enumerate(cases))]
    code += [(4, 10, 0, 2), (5, 11, 0, 2), (12, 12, 0, 64), (12, 13, 2, 64), (12, 14, 1, 4)]
    table = program((DIMS, *(word for group in code for word in group)))
    assert drive(frame, table) == 0
    assert list(frame.dims[3:10]) == [result for _, result in cases]
    assert list(frame.dims[10:15]) == [0, 0, 64, 0, -4]


@pytest.mark.parametrize(
    ("op", "x", "y"), [(1, BIG, BIG), (3, BIG, 2), (2, -BIG * 2, 1), (12, 2**63 - 2, 64)]
)
def test_overflow(target: CpuTarget, op: int, x: int, y: int) -> None:
    frame = frame_of(target)
    second = y if op == 12 else 1
    table = program((DIMS, 0, 0, x, 0, 0, 1, y, 0, op, 7, 0, second), (DIMS, 0, 9, 1, 0))
    assert frame.drive(table) == CODES["MEMORY"]
    assert (frame.code, frame.op, frame.operands[0]) == (CODES["MEMORY"], 7, x)
    assert frame.dims[9] == 0


def test_division_by_minus_one_wraps(target: CpuTarget) -> None:
    frame = frame_of(target)
    table = program((DIMS, 0, 0, -(2**63), 0, 0, 1, -1, 0, 4, 2, 0, 1, 5, 3, 0, 1))
    assert frame.drive(table) == 0
    assert list(frame.dims[2:4]) == [-(2**63), 0]


@pytest.mark.parametrize(
    ("op", "pairs"),
    [
        (8, {(3, 3): True, (3, 4): False}),
        (9, {(3, 3): False, (3, 4): True}),
        (10, {(3, 3): True, (4, 3): False}),
        (11, {(3, 3): False, (2, 3): True}),
    ],
)
def test_guards(target: CpuTarget, op: int, pairs: dict[tuple[int, int], bool]) -> None:
    for (x, y), holds in pairs.items():
        frame = frame_of(target)
        table = program((DIMS, 0, 0, x, 0, 0, 1, y, 0, op, 21, 0, 1, 0, 5, 9, 0))
        assert frame.drive(table) == (0 if holds else CODES["GUARD"])
        assert frame.dims[5] == (9 if holds else 0)
        if not holds:
            assert (frame.op, frame.operands) == (21, (x, y))
            frame.clear()
            assert (frame.code, frame.op, frame.operands) == (0, 0, (0, 0))


def test_kernels_and_buffers(target: CpuTarget) -> None:
    kernel = target.compile(doubling())
    frame = frame_of(target)
    x, y = np.arange(40, dtype=np.float32), np.zeros(40, np.float32)
    arena = np.zeros(4096, np.uint8)
    frame.arena = address_of(arena)
    assert frame.arena == address_of(arena)
    frame.buffers[:2] = address_of(x), address_of(y)
    dims = (DIMS, 0, 0, 40, 0, 0, 1, 256, 0, 0, 2, 160, 0, 0, 3, 16, 0)
    table = program(
        dims,
        (BIND, 2, 1, 3, 3),
        (CALL, kernel.address, 0, 0, 2, 0),
        (CALL, kernel.address, 0, 2, 1, 0),
        (ALIAS, 4, 1, -1, 5, 1, 3),
        (COPY, 3, 4, 2),
        (ZERO, 5, 3),
    )
    assert frame.drive(table) == 0
    np.testing.assert_array_equal(y[:4], x[:4] * 4)
    assert (y[4:8] == 0).all()
    np.testing.assert_array_equal(y[8:], x[8:] * 4)
    np.testing.assert_array_equal(arena[16 : 16 + 160].view(np.float32), x * 4)
    assert frame.buffers[5] - frame.buffers[4] == 16


def test_an_empty_range_calls_nothing(target: CpuTarget) -> None:
    frame = frame_of(target)
    assert frame.drive(program((CALL, 0, 0, 0, 0, 0))) == 0


def test_failures_stop_the_program(target: CpuTarget) -> None:
    kernel = target.compile(failing())
    frame = frame_of(target)
    x, y = np.zeros(1, np.int32), np.ones(1, np.int32)
    frame.buffers[:2] = address_of(x), address_of(y)
    table = program((CALL, kernel.address, -1, 0, 1), (DIMS, 0, 3, 8, 0))
    assert frame.drive(table) == CODES["DIVIDE"]
    assert (frame.op, frame.operands, frame.dims[3], y[0]) == (5, (7, 0), 0, 0)
    frame.clear()
    x[0] = 2
    assert frame.drive(table) == 0
    assert (y[0], frame.dims[3]) == (3, 8)


def test_load_dim(target: CpuTarget) -> None:
    frame = frame_of(target)
    short, long = np.array([1, -7], np.int32), np.array([2**40, 5], np.int64)
    frame.buffers[:2] = address_of(short), address_of(long)
    table = program((LOAD_DIM, 0, 0, 1, 4), (LOAD_DIM, 1, 1, 0, 8))
    assert frame.drive(table) == 0
    assert list(frame.dims[:2]) == [-7, 2**40]


def test_host_calls(target: CpuTarget) -> None:
    seen: list[int] = []

    def call(argument: int) -> int:
        seen.append(argument)
        return 0 if argument < 10 else 3

    callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(call)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    frame = frame_of(target)
    table = program((HOST, address, 4), (HOST, address, 11), (HOST, address, 5))
    assert frame.drive(table) == CODES["HOST"]
    assert seen == [4, 11]
    assert (frame.op, frame.operands[0]) == (11, 3)


def test_cancel(target: CpuTarget) -> None:
    frame = frame_of(target)
    frame.cancel()
    assert frame.drive(program((DIMS, 0, 0, 1, 0))) == CANCELLED
    assert frame.dims[0] == 0
    frame.clear()
    assert frame.drive(program((DIMS, 0, 0, 1, 0))) == 0


def test_an_unknown_instruction_is_a_failure(target: CpuTarget) -> None:
    frame = frame_of(target)
    assert frame.drive(program((77, 1))) == CODES["HOST"]


def test_tables_are_checked(target: CpuTarget) -> None:
    good = np.zeros(4, np.int64)
    for bad in (np.zeros(4, np.int32), np.zeros((2, 2), np.int64), np.zeros(8, np.int64)[::2]):
        with pytest.raises(ValueError, match="contiguous int64"):
            Frame(good, bad, target)


def test_arrays_over_memory() -> None:
    x = np.arange(6, dtype=np.int64)
    view = array_at(address_of(x), (2, 3), np.int64)
    view[1, 2] = 70
    assert x[5] == 70
    assert array_at(0, (0, 3), np.float32).shape == (0, 3)
    assert array_at(address_of(x), (), np.int64) == 0


def test_permutation(target: CpuTarget) -> None:
    kernel = Kernel((Buffer("p", int64, "out"),), 3, (), 0, (), special="permutation")
    for n, key, counter in ((0, 1, 2), (1, 1, 2), (2, 5, 6), (500, -(2**60) - 77, 3)):
        order = np.full(n, -1, np.int64)
        run(target, kernel, [order], [n, key, counter])
        np.testing.assert_array_equal(order, permutation(n, key, counter))
