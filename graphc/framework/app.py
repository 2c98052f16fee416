"""`tf.app`: the entry point of programs with flags."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from graphc.framework import flags as flags


def run(
    main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None
) -> NoReturn:
    """Read the flags, call `main(argv)` (default: that of `__main__`) and exit with its result."""
    arguments = flags.FLAGS(list(sys.argv if argv is None else argv), known_only=True)
    function = main or sys.modules["__main__"].main
    sys.exit(function(arguments))
