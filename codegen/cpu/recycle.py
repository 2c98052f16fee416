"""Recycled memory: big results are NumPy arrays whose memory comes back when they go.

NumPy lets an array name the allocator that its memory goes back to (NEP 49). Results of at least
`LEAST` bytes name the recycler, which keeps up to `MOST` bytes for later results. All other arrays
of the process are as they were.
"""

from __future__ import annotations

import ctypes
import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from graphc.codegen.cpu.jit import host_target
from graphc.codegen.cpu.recycle_ir import BLOCKS, SYMBOLS, recycle_ir
from graphc.codegen.cpu.words import address_of

LEAST = 256 << 10
MOST = 128 << 20


class _Handler(ctypes.Structure):
    """NumPy's `PyDataMem_Handler`, version 1."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


@dataclass(frozen=True)
class Recycler:
    """The pool's words, the functions that take memory from it and give it back, and the capsule
    with the handler that arrays are marked with.
    """

    pool: np.ndarray
    take: int
    give: int
    capsule: Any
    handler: Any

    @property
    def kept(self) -> int:
        """Bytes that wait for their next use."""
        return int(self.pool[1])


@cache
def recycler() -> Recycler:
    """The process's recycler; it is never given up, since arrays may outlive everything else."""
    target = host_target()
    loaded = target.load_text(recycle_ir(target.features), SYMBOLS, quick=True)
    take, zeros, again, give = (loaded[name] for name in SYMBOLS)
    pool = np.zeros(3 + 2 * BLOCKS, np.int64)
    pool[2] = MOST
    handler = _Handler(b"graphc", 1, address_of(pool), take, zeros, again, give)
    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    capsule = make(ctypes.addressof(handler), b"mem_handler", None)
    found = Recycler(pool, take, give, capsule, handler)
    # arrays may outlive everything else in the process, so their handler and its code never go
    for thing in (found, target):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return found


def recycled(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array; if it is big, its memory is recycled."""
    if dtype.hasobject or dtype.itemsize * int(np.prod(shape, dtype=np.float64)) < LEAST:
        return np.empty(shape, dtype)
    change = _set_handler()
    before = change(recycler().capsule)
    try:
        return np.empty(shape, dtype)
    finally:
        change(before)


@cache
def _set_handler() -> Any:
    """NumPy's `PyDataMem_SetHandler`."""
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(numpy_api()[304])


@cache
def numpy_api() -> Any:
    """NumPy's table of C functions (`numpy/__multiarray_api.h`)."""
    module: Any = importlib.import_module("numpy._core._multiarray_umath")
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    address = pointer(module._ARRAY_API, None)
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_ssize_t))
