"""Writing files so that no moment of interruption loses anything.

A file is written under a temporary name beside its place, forced to the disk, and renamed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` if the block succeeds, else disappears."""
    new = f"{path}.tempstate{secrets.token_hex(8)}"
    try:
        with open(new, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        raise
    sync_folder(path)


def sync_folder(path: str | Path) -> None:
    """Force the names in the folder of a file to the disk."""
    folder = os.open(Path(path).absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
