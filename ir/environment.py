"""Environment variables: the only module that reads them.

Values are read when asked for, so a test may change them.
"""

from __future__ import annotations

import os


def cache_dir() -> str | None:
    """GRAPHC_CACHE_DIR: where compiled kernels are kept; None for the user's cache folder."""
    return os.environ.get("GRAPHC_CACHE_DIR") or None


def use_disk_cache() -> bool:
    """Whether compiled kernels may be kept on disk: GRAPHC_NO_DISK_CACHE is empty, 0 or not set."""
    return os.environ.get("GRAPHC_NO_DISK_CACHE", "") in ("", "0")


def use_entry() -> bool:
    """Whether calls may go to native code directly: GRAPHC_NO_ENTRY is empty, 0 or not set."""
    return os.environ.get("GRAPHC_NO_ENTRY", "") in ("", "0")


def num_threads() -> int | None:
    """GRAPHC_NUM_THREADS: how many threads kernels may use; None for as many as there are cores.

    Raises:
        ValueError: it is no positive integer.
    """
    text = os.environ.get("GRAPHC_NUM_THREADS", "")
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"GRAPHC_NUM_THREADS must be a positive integer, not {text!r}")
    return int(text)
