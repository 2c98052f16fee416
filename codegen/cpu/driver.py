"""The native driver: one fixed function that runs a step's table of instructions (see ABI.md).

It is compiled once per machine, like a kernel, and calls kernels through the addresses in the
table. `Frame` is its Python side: a ctypes structure over NumPy tables, and `drive`, which releases
the GIL.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from graphc.codegen.cpu.driver_ir import driver_ir
from graphc.codegen.cpu.jit import CpuTarget, host_target
from graphc.codegen.cpu.pool import default_threads, pool_address
from graphc.codegen.cpu.pool_ir import has_pool
from graphc.codegen.cpu.words import address_of

CANCELLED = -1
_WORDS = ctypes.POINTER(ctypes.c_int64)
_MANAGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_DRIVE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


class FrameStructure(ctypes.Structure):
    """The memory of a frame, as native code sees it."""

    _fields_ = (
        ("buffers", ctypes.c_void_p),
        ("dims", ctypes.c_void_p),
        ("code", ctypes.c_int64),
        ("op", ctypes.c_int64),
        ("operands", ctypes.c_int64 * 2),
        ("cancel", ctypes.c_int64),
        ("arena", ctypes.c_void_p),
        ("threads", ctypes.c_int64),
        ("pool", ctypes.c_void_p),
    )


class Frame:
    """One run's state. `buffers` (addresses) and `dims` are int64 arrays that native code reads and
    writes in place; they may be changed between runs, not replaced.

    Raises:
        ValueError: a table is no contiguous int64 vector.
    """

    __slots__ = (
        "_address", "_default_threads", "_drive", "_programs", "_structure", "buffers", "dims",
    )  # fmt: skip

    def __init__(
        self, buffers: np.ndarray, dims: np.ndarray, target: CpuTarget | None = None
    ) -> None:
        for table in (buffers, dims):
            if table.dtype != np.int64 or table.ndim != 1 or not table.flags.c_contiguous:
                raise ValueError(f"a frame's table is a contiguous int64 vector, not {table!r}")
        self.buffers = buffers
        self.dims = dims
        self._drive, pool = _driver(target or host_target())
        self._default_threads = default_threads()
        self._structure = FrameStructure(
            address_of(buffers), address_of(dims), threads=self._default_threads, pool=pool
        )
        self._address = ctypes.addressof(self._structure)
        self._programs: dict[int, tuple[int, np.ndarray]] = {}

    def drive(self, program: np.ndarray) -> int:
        """Run a table of instructions; returns the failure code, 0 for success, -1 if cancelled.

        The frame keeps `program` (its address takes longer to find than a small step to run).
        """
        known = self._programs.get(id(program))
        if known is None:
            assert program.dtype == np.int64 and program.flags.c_contiguous, program
            known = self._programs[id(program)] = address_of(program), program
        result: int = self._drive(self._address, known[0])
        return result

    def clear(self) -> None:
        """Forget a failure and a cancellation, so that the frame can run again."""
        structure = self._structure
        structure.code = structure.op = structure.cancel = 0
        structure.operands[0] = structure.operands[1] = 0

    def cancel(self) -> None:
        """Stop a run that another thread has under way, before its next instruction."""
        self._structure.cancel = 1

    @property
    def address(self) -> int:
        """Where the native structure is; valid while this object lives."""
        return self._address

    @property
    def code(self) -> int:
        return int(self._structure.code)

    @property
    def op(self) -> int:
        """The failing operation's id."""
        return int(self._structure.op)

    @property
    def operands(self) -> tuple[int, int]:
        """What failed: for example the index and its bound."""
        return int(self._structure.operands[0]), int(self._structure.operands[1])

    @property
    def threads(self) -> int:
        """How many threads a run may use, with the one that drives it. The results do not depend
        on it. Setting 0 means the default: see `pool.default_threads`.
        """
        return int(self._structure.threads)

    @threads.setter
    def threads(self, number: int) -> None:
        self._structure.threads = number or self._default_threads

    @property
    def arena(self) -> int:
        """The address of the run's arena; set it before a program that binds buffers."""
        return int(self._structure.arena or 0)

    @arena.setter
    def arena(self, address: int) -> None:
        self._structure.arena = address


def drive(frame: Frame, program: np.ndarray) -> int:
    """Run `program` on `frame`: see `Frame.drive`."""
    return frame.drive(program)


def array_at(address: int, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array over the memory at `address`, C order; the memory must outlive it."""
    kind = np.dtype(dtype)
    size = kind.itemsize
    for extent in shape:
        size *= extent
    if size == 0:
        return np.empty(shape, kind)
    memory = (ctypes.c_char * size).from_address(address)
    return np.frombuffer(memory, kind).reshape(shape)


def driver_address(target: CpuTarget | None = None) -> int:
    """Where the compiled driver is, for native code that calls it."""
    target = target or host_target()
    return target.load_text(driver_ir(target.features), ("graphc_drive",), quick=True)[
        "graphc_drive"
    ]


@cache
def _driver(target: CpuTarget) -> tuple[Any, int]:
    """The compiled driver, and the address of the process's pool (0: this system has none)."""
    if not has_pool(target.features):
        found = target.load_text(driver_ir(target.features), ("graphc_drive",), quick=True)
        return _DRIVE(found["graphc_drive"]), 0
    symbols = ("graphc_drive", "graphc_pool_reset", "graphc_pool_stop")
    found = target.load_text(driver_ir(target.features), symbols, quick=True)
    drive, reset, stop = (found[symbol] for symbol in symbols)
    return _DRIVE(drive), pool_address(_MANAGE(reset), _MANAGE(stop))
