"""Nested functions: the bodies of `If`, `While` and `Scan` in a function, and the rules they share.

Inputs of such an operation go by names (attribute `names`), which are those of the nested
functions' parameters: carries `c0`, …, captures `k0`, …, rows `r0`, …, and `pred` or `count`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir.function import Function
from graphc.ir.graph import Operation
from graphc.ir.lowering import Host
from graphc.ir.types import TensorType


def nested_functions(op: Operation) -> dict[str, Function]:
    """The functions in an operation's attributes, by attribute."""
    if op.definition.effect != "nested":
        return {}
    return {name: value for name, value in op.attrs.items() if isinstance(value, Function)}


def all_functions(function: Function) -> list[Function]:
    """A function and all that are nested in it, at any depth."""
    found = [function]
    for outer in found:
        for op in outer.operations:
            found += nested_functions(op).values()
    return found


def calls_host(op: Operation) -> bool:
    """Whether a host operation runs inside."""
    return any(
        isinstance(inner.definition.lowering, Host)
        for part in nested_functions(op).values()
        for function in all_functions(part)
        for inner in function.operations
    )


def named(op: Operation, values: Sequence[Any]) -> dict[str, Any]:
    """The values of an operation's inputs by name."""
    return dict(zip(op.attrs["names"], values, strict=True))


def found_sizes(op: Operation, results: Sequence[np.ndarray | None]) -> np.ndarray:
    """The last result: the sizes of the others that only this run could tell (0: not computed)."""
    sizes = [0 if (array := results[number]) is None else array.shape[axis]
             for number, axis in op.attrs["sizes"]]  # fmt: skip
    return np.array(sizes, np.int64)


def untaken(type: TensorType, size: Callable[[Any], int | None]) -> np.ndarray:
    """What stands for a value inside the branch that was not taken; unknown sizes are 0."""
    return np.zeros([size(d) or 0 for d in type.dims], type.dtype.numpy)


def branch(op: Operation, pred: Any) -> tuple[Function, int, int]:
    """The function of the branch to take; where its own values begin and end among the results."""
    then, other, common = op.attrs["then_branch"], op.attrs["else_branch"], op.attrs["common"]
    if pred:
        return then, common, len(then.results)
    return other, len(then.results), len(op.outputs) - 1


def branch_results(op: Operation, pred: Any, values: Sequence[Any]) -> list[Any]:
    """All results but the sizes, of which `values` are those of the branch; None: not computed."""
    _, start, end = branch(op, pred)
    common = op.attrs["common"]
    results: list[Any] = [None] * (len(op.outputs) - 1)
    results[:common], results[start:end] = values[:common], values[common:]
    return results


def row_order(op: Operation, count: int) -> range:
    """The positions in rows that the iterations of a `Scan` take, in order."""
    return range(count - 1, -1, -1) if op.attrs.get("reverse") else range(count)


def stacked(op: Operation, values: Sequence[Sequence[Any]], function: Function, first: int) -> Any:
    """The stacks of values saved in each iteration, in the order of rows.

    `values` holds one sequence per iteration, `first` is the number of the first saved result.

    Raises:
        ValueError: the shapes of one value differ between iterations.
    """
    order = values[::-1] if op.attrs.get("reverse") else values
    stacks = []
    for number, tensor in enumerate(function.results[first:]):
        rows = [row[number] for row in order]
        if rows:
            stacks.append(np.stack(rows))
        else:
            shape = [d if isinstance(d, int) else 0 for d in tensor.type.dims]
            stacks.append(np.zeros((0, *shape), tensor.dtype.numpy))
    return stacks
