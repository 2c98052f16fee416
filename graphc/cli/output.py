"""Writing to the terminal: colours only where standard output is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

LEXERS = {"llvm": "llvm", "asm": "gas", "cuda": "python", "ir": "llvm-mir"}


def write(text: str, file: Path | None, language: str) -> None:
    """Write text to a file, or to standard output in colour if that is a terminal.

    language: one of LEXERS, or "plain".
    """
    if file is not None:
        file.write_text(text, encoding="utf-8")
        return
    if sys.stdout.isatty() and language in LEXERS:
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(text, LEXERS[language], background_color="default", word_wrap=True))
        return
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: as a table on a terminal, else one a line with tabs between the cells."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    made = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        made.add_row(*row)
    Console().print(made)


def complain(message: str) -> None:
    """Print an error to standard error."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True).print(Text("error: ", "bold red") + Text(message))
    else:
        print(f"error: {message}", file=sys.stderr)


def note(message: str) -> None:
    """Print a remark to standard error."""
    print(message, file=sys.stderr)
