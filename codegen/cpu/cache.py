"""Compiled objects on disk: a damaged or foreign entry is a miss, never a wrong answer.

An entry is one file named by its key: a header line (format, SHA-256 of the content, all keys that
the content serves), then the content. Files are written aside and moved into place; an object with
several kernels is one file under several names (hard links).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from graphc.ir import environment

LIMIT_BYTES = 256 << 20
LIMIT_ENTRIES = 8192
_MAGIC = b"graphc-object-1"
_SWEEP_EVERY = 64  # writes of one process between two looks at the total size
_SWEEP_AFTER = 3600.0  # seconds after which a process that writes less looks, too
_STAMP = "swept"  # the file that says when that was
_TOUCH_AFTER = 24 * 3600.0


class DiskCache:
    """Objects by key in one folder. Errors of the file system make misses, not failures."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        limit: int = LIMIT_BYTES,
        entries: int = LIMIT_ENTRIES,
    ) -> None:
        self.folder = Path(folder)
        self.limit, self.entries = limit, entries
        self._writes = 0
        self._usable: bool | None = None

    def get(self, key: str) -> bytes | None:
        """The content stored under `key`, if it is whole and ours."""
        if not self._ready():
            return None
        path = self._path(key)
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return None
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            if not _ours(status) or not stat.S_ISREG(status.st_mode):
                return None
            try:
                data = file.read()
            except OSError:
                return None
        if time.time() - status.st_mtime > _TOUCH_AFTER:
            with contextlib.suppress(OSError):
                os.utime(path)
        return _checked(data, key)

    def put(self, keys: Sequence[str], content: bytes) -> None:
        """Store `content` under each of `keys`."""
        if not keys or not self._ready():
            return
        checksum = hashlib.sha256(content).hexdigest().encode()
        header = b" ".join([_MAGIC, checksum, ",".join(keys).encode()]) + b"\n"
        try:
            self._write(keys, header + content)
        except OSError:
            return
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0 or (self._writes == 1 and self._is_long_unswept()):
            self._sweep()

    def _write(self, keys: Sequence[str], data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix="tmp-", dir=self.folder)
        try:
            with open(handle, "wb") as file:
                file.write(data)
            for key in keys[1:]:
                self._link(name, key)
            os.replace(name, self._path(keys[0]))
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _link(self, name: str, key: str) -> None:
        """Give the new file one more name, replacing an old entry in one step."""
        other = f"{name}-{key[:16]}"
        os.link(name, other)
        os.replace(other, self._path(key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.o"

    def _ready(self) -> bool:
        """Whether the folder exists (made now if need be) and belongs to this user alone."""
        if self._usable is None:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._usable = _ours(self.folder.stat())
            except OSError:
                self._usable = False
        return self._usable

    def _is_long_unswept(self) -> bool:
        try:
            return time.time() - (self.folder / _STAMP).stat().st_mtime > _SWEEP_AFTER
        except OSError:
            return True

    def _sweep(self) -> None:
        """Delete the longest unused entries until three quarters of the limits are left."""
        with contextlib.suppress(OSError):
            (self.folder / _STAMP).touch(mode=0o600)
        entries = []
        seen: set[int] = set()
        total = 0
        with contextlib.suppress(OSError), os.scandir(self.folder) as found:
            for entry in found:
                if entry.name == _STAMP:
                    continue
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_ino not in seen:
                        total += status.st_size
                    seen.add(status.st_ino)
                    entries.append((status.st_mtime, entry.name, status.st_ino, status.st_size))
        if total <= self.limit and len(entries) <= self.entries:
            return
        count = len(entries)
        names: dict[int, int] = {}
        for _, _, inode, _ in entries:
            names[inode] = names.get(inode, 0) + 1
        for _, name, inode, size in sorted(entries):
            if total <= self.limit * 3 // 4 and count <= self.entries * 3 // 4:
                return
            count -= 1
            with contextlib.suppress(OSError):
                os.unlink(self.folder / name)
                names[inode] -= 1
                total -= size if names[inode] == 0 else 0


def _ours(status: os.stat_result) -> bool:
    """Whether a file or folder is this user's and nobody else may write to it."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _checked(data: bytes, key: str) -> bytes | None:
    """The content of an entry's file, if the header fits it and `key`."""
    header, newline, content = data.partition(b"\n")
    words = header.split(b" ")
    if not newline or len(words) != 3 or words[0] != _MAGIC:
        return None
    if key.encode() not in words[2].split(b","):
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == words[1] else None


def default_cache() -> DiskCache | None:
    """The cache where GRAPHC_CACHE_DIR says, or in the platform's place; None if turned off."""
    if not environment.use_disk_cache():
        return None
    return _cache_at(environment.cache_dir() or _platform_folder())


@cache
def _cache_at(folder: str) -> DiskCache:
    return DiskCache(folder)


@cache
def _platform_folder() -> str:
    from platformdirs import user_cache_dir

    return user_cache_dir("graphc")
