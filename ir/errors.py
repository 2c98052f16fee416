"""TensorFlow 1's exception classes, and how an error says where.

An error about an operation names the user's line that made it: `OpError(None, op, message)`
appends ``(train.py:12, in model)`` from the operation's provenance.
"""

from __future__ import annotations

from typing import Any


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


def _define(name: str, code: int, doc: str) -> type[OpError]:
    return type(name, (OpError,), {"error_code": code, "__doc__": doc, "__module__": __name__})


CancelledError = _define("CancelledError", 1, "The run was cancelled.")
UnknownError = _define("UnknownError", 2, "Nothing more precise is known.")
InvalidArgumentError = _define("InvalidArgumentError", 3, "A value an operation cannot take.")
DeadlineExceededError = _define("DeadlineExceededError", 4, "A time limit ran out.")
NotFoundError = _define("NotFoundError", 5, "A file or entity does not exist.")
AlreadyExistsError = _define("AlreadyExistsError", 6, "An entity exists already.")
PermissionDeniedError = _define("PermissionDeniedError", 7, "The caller may not do this.")
ResourceExhaustedError = _define("ResourceExhaustedError", 8, "Memory ran out.")
FailedPreconditionError = _define("FailedPreconditionError", 9, "Uninitialised state was used.")
AbortedError = _define("AbortedError", 10, "The operation was aborted.")
OutOfRangeError = _define("OutOfRangeError", 11, "Iteration went past the end.")
UnimplementedError = _define("UnimplementedError", 12, "The operation is not available.")
InternalError = _define("InternalError", 13, "An invariant of graphc was broken.")
UnavailableError = _define("UnavailableError", 14, "A device or service is not there.")
DataLossError = _define("DataLossError", 15, "Data is lost or corrupted.")
UnauthenticatedError = _define("UnauthenticatedError", 16, "The caller is not known.")
