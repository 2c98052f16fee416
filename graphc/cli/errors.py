"""What can go wrong with a command, and the exit code that says so."""

from __future__ import annotations

USAGE = 2
FAILURE = 1


class UsageError(Exception):
    """The command line asks for something that is not there."""


class StageError(Exception):
    """A stage cannot be shown: the program does not compile so far, or a part is not installed."""
