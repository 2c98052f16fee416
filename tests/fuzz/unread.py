"""Errors that may be left out: those of operations whose values nobody reads.

The interpreter evaluates everything, and fails where an operation does. Compiled code need not
compute what is asked for its shape alone, or multiplied by 0. So what fails is made to give
arbitrary values instead, different ones each time: where the run's results do not show which, they
are what a run without the error must give.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.ir.errors import InvalidArgumentError
from graphc.ir.function import Function
from graphc.ir.graph import Operation
from graphc.ir.interpreter import Results
from graphc.ir.ops.positions import dim_values
from graphc.ir.passes.transfer import Transfer

VALUES = (0, 1, 77)  # of operations that fail
MAY_VANISH = ("pure", "random")  # effects
NAME = "unread"  # of the operations that give these values


def unread(
    function: Function, evaluate: Callable[[Function], Results]
) -> tuple[Function, Results] | None:
    """A function without the errors that nobody need see, and what it gives.

    None if the results depend on an operation that fails, or if it is there to fail.
    """
    found: list[tuple[Function, Results]] = []
    for value in VALUES:
        answer = _forced(function, evaluate, value)
        if answer is None or (found and not _same(found[0][1], answer[1])):
            return None
        found.append(answer)
    return found[0]


def _forced(
    function: Function, evaluate: Callable[[Function], Results], value: int
) -> tuple[Function, Results] | None:
    """The function with one value for all elements of what fails, and its results."""
    while True:
        try:
            return function, evaluate(function)
        except InvalidArgumentError as error:
            failing = error.op
        if failing not in function.operations or failing.definition.effect not in MAY_VANISH:
            return None
        if failing.name == NAME:
            return None  # the value is a size that does not fit
        function = _replaced(function, failing, value)


def _replaced(function: Function, failing: Operation, value: int) -> Function:
    rebuild = Transfer(function)
    for op in function.operations:
        if op is not failing:
            rebuild.copy(op)
            continue
        outputs = []
        for tensor in op.outputs:
            scalar = np.asarray(value).astype(tensor.dtype.numpy)
            sizes = dim_values(rebuild.body, tensor.type.dims)
            filled = rebuild.body.op("BroadcastTo", rebuild.body.constant(scalar), sizes)
            filled.op.name = NAME
            outputs.append(filled)
        rebuild.replace(op, outputs)
    return rebuild.finish()


def _same(one: Results, other: Results) -> bool:
    """Whether two runs gave the same, bit by bit but for NaNs and the signs of zeros."""
    pairs = list(zip(one.results, other.results, strict=True))
    pairs += [(array, other.updates[name]) for name, array in one.updates.items()]
    return all(
        a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs
    )
