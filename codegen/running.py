"""Running: what a run does in Python in the same way on every target.

Sizes are bound and guards checked before anything happens, host operations are called with the
session's lock given up, and what a kernel recorded becomes an exception with the user's line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from graphc.codegen.kernel import CODES
from graphc.codegen.state import SessionState
from graphc.ir import lowering as low
from graphc.ir.dims import Symbol, as_symbol, evaluate, symbols
from graphc.ir.errors import InternalError, InvalidArgumentError, OpError
from graphc.ir.function import Function, Parameter
from graphc.ir.graph import Operation
from graphc.ir.passes.resolve import uninitialized


def held(lock: Any) -> AbstractContextManager[Any]:
    """Hold a lock, if there is one."""
    return contextlib.nullcontext() if lock is None else lock


@contextlib.contextmanager
def released(lock: Any) -> Iterator[None]:
    """Give up a held lock for a while, if there is one."""
    if lock is None:
        yield
        return
    lock.release()
    try:
        yield
    finally:
        lock.acquire()


def variable_value(parameter: Parameter, state: SessionState) -> np.ndarray:
    """The session's value of a variable.

    Raises:
        FailedPreconditionError: there is none; InvalidArgumentError: the shape is not the declared.
    """
    op, declared = parameter.tensor.op, parameter.tensor.type.dims
    value = state.variables.get(parameter.name)
    if value is None:
        raise uninitialized(op)
    if value.ndim != len(declared) or any(
        isinstance(d, int) and d != n for d, n in zip(declared, value.shape, strict=True)
    ):
        raise InvalidArgumentError(
            None,
            op,
            f"variable '{parameter.name}' holds a value of shape {value.shape}, but was declared "
            f"with shape {declared}; declare it with validate_shape=False",
        )
    return value


def bind(
    function: Function, arrays: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]
) -> dict[Symbol, int] | None:
    """The symbols' values for a run, or None where a guard does not hold.

    `arrays` are the feeds; `shapes` are those of the feeds, then of the variables.
    """
    values: dict[Symbol, int] = {}
    feeds = [p for p in function.parameters if p.kind == "feed"]
    variables = [p for p in function.parameters if p.kind == "variable"]
    for parameter, shape in zip([*feeds, *variables], shapes, strict=True):
        for dim, size in zip(parameter.tensor.type.dims, shape, strict=True):
            symbol = as_symbol(dim)
            if symbol is not None:
                values[symbol] = size
    for parameter, array in zip(feeds, arrays, strict=True):
        elements = parameter.tensor.op.attrs.get("_value", ())
        if len(elements) > array.size:
            return None  # a shorter list of sizes than the one that was compiled for
        for dim, value in zip(elements, array.ravel(), strict=False):
            if isinstance(dim, int):
                continue
            symbol = as_symbol(dim)
            assert symbol is not None, dim
            values[symbol] = int(value)
    environment = function.environment
    for guard in environment.guards:
        names = (*symbols(guard.a), *symbols(guard.b))
        if any(n in environment.dynamic for n in names):
            continue
        if not guard.holds(evaluate(guard.a, values), evaluate(guard.b, values)):
            return None
    return values


def call_host(op: Operation, inputs: Sequence[np.ndarray], lock: Any) -> Sequence[Any]:
    """Call a host operation, with the lock given up meanwhile; what it returned, one per output.

    `inputs` must be copies: they may be kept or changed.
    """
    lowering = op.definition.lowering
    assert isinstance(lowering, low.Host), op
    with released(lock):
        outputs = lowering.call(op, *inputs)
    if len(op.outputs) == 1 and not isinstance(outputs, (tuple, list)):
        return (outputs,)
    return outputs or ()


def failure(function: Function, code: int, number: int, a: int, b: int) -> OpError:
    """The exception for a failure that a kernel recorded (see kernel.CODES)."""
    if code == CODES["GUARD"]:
        guard = function.environment.guards[number]
        return InvalidArgumentError(None, guard.op, guard.broken(a, b))
    operations = function.operations
    op = operations[number] if 0 <= number < len(operations) else None
    if code == CODES["INDEX"]:
        text = f"index {a} is not in [0, {b}); check the values of its indices"
    elif code == CODES["DIVIDE"]:
        text = "integer division by zero"
    elif code == CODES["POWER"]:
        text = "integers to negative integer powers are not allowed"
    elif code == CODES["CHECK"]:
        text = "a check failed" if op is None else op.attrs.get("message", "a check failed")
    else:
        return InternalError(None, op, f"native code failed with code {code}")
    kind = "operation" if op is None else op.type
    return InvalidArgumentError(None, op, f"{kind}: {text}")
