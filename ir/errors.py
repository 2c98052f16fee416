"""TensorFlow 1's exception classes, and how an error says where.

An error about an operation names the user's line that made it: `OpError(None, op, message)`
appends ``(train.py:12, in model)`` from the operation's provenance.
"""

from __future__ import annotations

from typing import Any


class DTypeMismatchError(TypeError, ValueError):
    """A tensor stands where one of another dtype is wanted.

    TensorFlow 1 raises TypeError where it is an operand, ValueError where it is to be converted.
    """


class OpError(Exception):
    """Raised when running a graph fails.

    Attributes: `op` (the Operation or None), `message`, `error_code` (TensorFlow's number).
    """

    error_code = 2

    def __init__(self, node_def: Any = None, op: Any = None, message: str = "") -> None:
        self.node_def, self.op, self.message = node_def, op, with_source(message, op)
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


def with_source(message: str, op: Any) -> str:
    """The message with the operation's name and the user's line, unless it is there already."""
    if op is None:
        return message
    name = getattr(op, "name", "")
    if name and f"'{name}'" not in message:
        message += f" [op '{name}' of type {op.type}]"
    source = getattr(op, "source", None)
    if source is None:
        return message
    where = format_source(source)
    return message if where in message else f"{message} ({where})"


def format_source(source: tuple[str, int, str]) -> str:
    """``train.py:12, in model`` for (file, line, function)."""
    file, line, function = source
    inside = "" if function in ("", "<module>") else f", in {function}"
    return f"{file}:{line}{inside}"


class CancelledError(OpError):
    """The run was cancelled."""

    error_code = 1


class UnknownError(OpError):
    """Nothing more precise is known."""

    error_code = 2


class InvalidArgumentError(OpError):
    """A value an operation cannot take."""

    error_code = 3


class DeadlineExceededError(OpError):
    """A time limit ran out."""

    error_code = 4


class NotFoundError(OpError):
    """A file or entity does not exist."""

    error_code = 5


class AlreadyExistsError(OpError):
    """An entity exists already."""

    error_code = 6


class PermissionDeniedError(OpError):
    """The caller may not do this."""

    error_code = 7


class ResourceExhaustedError(OpError):
    """Memory ran out."""

    error_code = 8


class FailedPreconditionError(OpError):
    """Uninitialised state was used."""

    error_code = 9


class AbortedError(OpError):
    """The operation was aborted."""

    error_code = 10


class OutOfRangeError(OpError):
    """Iteration went past the end."""

    error_code = 11


class UnimplementedError(OpError):
    """The operation is not available."""

    error_code = 12


class InternalError(OpError):
    """An invariant of graphc was broken."""

    error_code = 13


class UnavailableError(OpError):
    """A device or service is not there."""

    error_code = 14


class DataLossError(OpError):
    """Data is lost or corrupted."""

    error_code = 15


class UnauthenticatedError(OpError):
    """The caller is not known."""

    error_code = 16
