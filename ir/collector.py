"""The garbage collector, held off while the compiler makes many objects that all live on.

Python's collector walks young objects after every few hundred allocations, and all of them now and
then. What a compilation makes lives until it ends, so those walks find nothing meanwhile; with
100,000 operations they took a third of the time.
"""

from __future__ import annotations

import gc
import threading
from types import TracebackType

_lock = threading.Lock()
_holders = 0  # how many `held()` blocks are open, in all threads
_was_enabled = False


class held:
    """Context manager: no automatic collection inside. Blocks may nest and may be in many threads;
    the collector is as it was before once the last of them ends."""

    __slots__ = ()

    def __enter__(self) -> None:
        global _holders, _was_enabled
        with _lock:
            if _holders == 0:
                _was_enabled = gc.isenabled()
                gc.disable()
            _holders += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        global _holders
        with _lock:
            _holders -= 1
            if _holders == 0 and _was_enabled:
                gc.enable()
