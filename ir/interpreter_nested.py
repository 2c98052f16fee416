"""The interpreter's branches and loops: nested functions run again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.function import Function
from graphc.ir.graph import Operation
from graphc.ir.nested import (
    branch,
    branch_results,
    found_sizes,
    named,
    row_order,
    stacked,
    untaken,
)

# Evaluates (function, values of its parameters by name, draws before) and counts draws itself.
Evaluate = Callable[[Function, dict[str, Any]], Any]


def run_nested(
    op: Operation, arrays: Sequence[np.ndarray], evaluate: Evaluate, sizes: Any
) -> list[np.ndarray]:
    """The results of a branch or loop. `evaluate` runs a nested function."""
    values = named(op, arrays)
    if op.type == "If":
        function, _, _ = branch(op, values["pred"])
        given = branch_results(op, values["pred"], evaluate(function, values).results)
    else:
        given = _loop(op, values, evaluate)
    results = [
        untaken(tensor.type, lambda d: sizes[d] if _is_known(sizes, d) else None)
        if value is None
        else value
        for tensor, value in zip(op.outputs, given, strict=False)
    ]
    return [*results, found_sizes(op, given)]


def _is_known(sizes: Any, dim: Any) -> bool:
    return not isinstance(dim, Dim) or sizes.knows(dim)


def _loop(op: Operation, values: dict[str, Any], evaluate: Evaluate) -> list[Any]:
    body: Function = op.attrs["body"]
    state = dict(values)
    rows = {name: values[name] for name in values if name.startswith("r")}
    order = iter(row_order(op, int(values["count"]))) if op.type == "Scan" else None
    going = order is not None or bool(evaluate(op.attrs["cond"], state).results[0])
    saved: list[list[np.ndarray]] = []
    while going:
        if order is not None:
            position = next(order, None)
            if position is None:
                break
            state.update({name: stack[position] for name, stack in rows.items()})
        done = evaluate(body, state)
        state.update(done.updates)
        saved.append(done.results[order is None :])
        going = order is not None or bool(done.results[0])
    try:
        stacks = stacked(op, saved, body, int(order is None))
    except ValueError:
        message = "what a loop keeps of every iteration must have one shape in all of them"
        raise InvalidArgumentError(None, op, message) from None
    carries = [state[name] for name, _ in body.updates]
    return [*carries, *stacks, np.asarray(len(saved), np.int32)]
