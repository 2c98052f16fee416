"""The process's pool of worker threads: its memory, how many threads to use, forks and the end.

There is one pool, which all sessions share; the native driver starts workers when a run first
needs them (see `pool_ir`). A forked child has none and starts its own. When the interpreter ends,
the workers are joined before their code goes away; later runs work alone.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable

from graphc.codegen.cpu.pool_ir import POOL_BYTES
from graphc.codegen.cpu.share_ir import WORKERS
from graphc.ir import environment

MOST = WORKERS + 1  # threads of a run; more are not used
_LINE = 64
_lock = threading.Lock()
_memory: list[tuple[ctypes.Array[ctypes.c_char], int]] = []  # the pool, once it is made


def default_threads() -> int:
    """How many threads a run may use: GRAPHC_NUM_THREADS, or the processors of this process.

    Raises:
        ValueError: GRAPHC_NUM_THREADS is no positive integer.
    """
    wanted = environment.num_threads()
    if wanted is not None:
        return wanted
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def pool_address(reset: Callable[[int], object], stop: Callable[[int], object]) -> int:
    """The address of the process's pool, made with the first caller's native functions."""
    with _lock:
        if not _memory:
            memory = (ctypes.c_char * (POOL_BYTES + _LINE))()
            base = ctypes.addressof(memory)
            address = base + -base % _LINE
            reset(address)
            _memory.append((memory, address))
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=lambda: _after_fork(reset, address))
            atexit.register(stop, address)
        return _memory[0][1]


def workers() -> int:
    """How many workers run now."""
    if not _memory:
        return 0
    return ctypes.c_int64.from_address(_memory[0][1] + 8).value


def _after_fork(reset: Callable[[int], object], address: int) -> None:
    """The child has this thread only: whatever the others held is free, and no worker is left."""
    global _lock
    _lock = threading.Lock()
    reset(address)
