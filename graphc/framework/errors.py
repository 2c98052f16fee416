"""`tf.errors`: TF1's exception classes and codes, and the user's line for errors of our own.

Errors about operations get their line from the operation; `located` adds the line of the call for
errors that no operation stands behind.
"""

from __future__ import annotations

from typing import Any

from graphc.ir import errors as _errors
from graphc.ir.errors import (
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnknownError,
)
from graphc.ir.graph import user_source

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
    "exception_type_from_error_code",
    "error_code_from_exception_type",
]

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16

_CLASSES: dict[int, type[OpError]] = {
    error.error_code: error
    for error in vars(_errors).values()
    if isinstance(error, type) and issubclass(error, OpError) and error is not OpError
}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The exception class of a TensorFlow error code; KeyError if there is none."""
    return _CLASSES[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """The TensorFlow error code of an exception class."""
    return cls.error_code


def located(message: str) -> str:
    """The message with the user's line, ``… (train.py:12, in model)``, if it lacks it."""
    source = user_source()
    if source is None:
        return message
    where = _errors.format_source(source)
    return message if where in message else f"{message} ({where})"


def relocated(error: Any) -> Any:
    """The same error with the user's line in its message."""
    if error.args and isinstance(error.args[0], str) and not isinstance(error, OpError):
        error.args = (located(error.args[0]), *error.args[1:])
    return error
