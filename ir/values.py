"""Value-of-shape analysis: what small integer tensors hold, symbolically.

`tf.stack([tf.shape(x)[0], -1])` is worked out to `[s0, -1]`, so reshapes, fills and random shapes
with computed sizes stay symbolic. A value is an object array of ints, Dims and UNKNOWN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.graph import Graph, Operation, Tensor, TypeContext

# Larger constants are data, not sizes; nobody asks for their symbolic value.
LARGEST = 1024


def value_of(graph: Graph, tensor: Tensor) -> Any:
    """The symbolic value of a tensor, the NumPy constant that it is, or None.

    Iterative: a chain of any length may stand behind a shape.
    """
    known = graph.values
    pending = [tensor]
    while pending:
        current = pending[-1]
        if current in known:
            pending.pop()
            continue
        missing = [t for t in _operands(current) if t not in known]
        if missing:
            pending += missing
            continue
        pending.pop()
        _evaluate(graph, current.op)
    return known[tensor]


def _operands(tensor: Tensor) -> tuple[Tensor, ...]:
    op = tensor.op
    return op.inputs if op.definition.value is not None and _is_small(tensor) else ()


def _is_small(tensor: Tensor) -> bool:
    if not (tensor.dtype.is_integer or tensor.dtype.is_bool):
        return False
    size = tensor.type.size
    return not isinstance(size, int) or size <= LARGEST


def _evaluate(graph: Graph, op: Operation) -> None:
    if op.type == "Const":
        array = op.attrs["value"]
        exact = array.dtype.kind in "iu" and array.size <= LARGEST
        # astype(object) turns NumPy integers into Python ones
        graph.values[op.outputs[0]] = array.astype(object) if exact else array
        return
    results: Any = None
    rule = op.definition.value
    if rule is not None and all(_is_small(t) for t in op.outputs):
        context = TypeContext(op.definition, op.inputs, op.attrs, graph.environment, graph.value_of)
        results = rule(context)
    names = op.definition.outputs
    if len(names) == 1 and not names[0].startswith("*"):  # of "*output" the rule gives a list
        results = (results,)
    for tensor, value in zip(op.outputs, results or [None] * len(op.outputs), strict=True):
        if value is not None:
            value = np.asarray(value, dtype=object)
            if graph.environment is not None:
                value = np.frompyfunc(graph.environment.canonical, 1, 1)(value)
                value = np.asarray(value, dtype=object)
        graph.values[tensor] = value
