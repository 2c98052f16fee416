"""Where operations come from: the user's file, line and function."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

Source = tuple[str, int, str]

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOTS = tuple(f"{_PACKAGE / name}/" for name in ("graphc", "ir", "codegen"))
_INSIDE: dict[str, bool] = {}  # by file name


def _is_inside(file: str) -> bool:
    """Whether a file is graphc's own, or one that stands between the user's call and ours."""
    found = file.startswith("<frozen") or file.endswith("/contextlib.py")
    if not found and ("/graphc/" in file or file.startswith(_ROOTS)):
        found = str(Path(file).resolve()).startswith((*_ROOTS, f"{_PACKAGE}/ops/"))
    _INSIDE[file] = found
    return found


def user_source() -> Source | None:
    """The nearest line up the stack that is not graphc's own."""
    known = _INSIDE
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        inside = known.get(file)
        if not (_is_inside(file) if inside is None else inside):
            return (file, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None
