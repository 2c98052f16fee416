"""Structural equality: do two graphs or functions say the same, and where do they first differ?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphc.ir.function import Function
from graphc.ir.graph import Graph, Operation, Tensor

# Arrays of more bytes are compared by digest.
_LARGEST_KEY = 256


def attribute_key(value: Any) -> Any:
    """A hashable value, equal for equal attributes.

    It tells 1, 1.0 and True apart, and 0.0 and -0.0.
    """
    if isinstance(value, np.ndarray):
        return _array_key(value)
    if isinstance(value, Function):
        from graphc.ir.text import print_function

        return ("function", print_function(value))
    if isinstance(value, dict):
        return tuple([(k, attribute_key(v)) for k, v in sorted(value.items())])
    if isinstance(value, (tuple, list)):
        return tuple(map(attribute_key, value))
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return ("float", value.hex())
    return (type(value).__name__, value)


def _array_key(value: np.ndarray) -> Any:
    if value.dtype == object:
        content: Any = tuple(map(attribute_key, value.ravel().tolist()))
    elif value.nbytes <= _LARGEST_KEY:
        content = value.tobytes()
    else:
        content = hashlib.blake2b(np.ascontiguousarray(value).view(np.uint8).data).digest()
    return (value.dtype.str, value.shape, content)


def graph_difference(a: Graph, b: Graph, names: bool = True, sources: bool = True) -> str | None:
    """The first difference of two graphs as a sentence; None if there is none.

    Compares operations in order (types, inputs, attributes, result types, control inputs, roles,
    devices), names and sources if wanted, and the seeds.
    """
    if a.seed != b.seed:
        return f"the seeds differ: {a.seed} and {b.seed}"
    return _operations_difference(a.operations, b.operations, names, sources)


def function_difference(
    a: Function, b: Function, names: bool = True, sources: bool = True
) -> str | None:
    """The first difference of two functions as a sentence; None if there is none.

    Compares bodies like graphs, what the functions take and give, hints and guards.
    """
    found = _operations_difference(a.operations, b.operations, names, sources)
    if found is not None:
        return found
    for what, left, right in zip(_ENDS, _ends(a), _ends(b), strict=True):
        if left != right:
            return f"{what} differ: {left} and {right}"
    return None


def _operations_difference(
    a: list[Operation], b: list[Operation], names: bool, sources: bool
) -> str | None:
    for left, right in zip(a, b, strict=False):
        for what, x, y in zip(_FACTS, _facts(left), _facts(right), strict=True):
            if x != y:
                return f"{left.name}: {what} differ: {x} and {y}"
        if names and left.name != right.name:
            return f"names differ: {left.name} and {right.name}"
        if sources and left.source != right.source:
            return f"{left.name}: sources differ: {left.source} and {right.source}"
    if len(a) != len(b):
        return f"one has {len(a)} operations, the other {len(b)}"
    return None


_FACTS = ("types", "inputs", "attributes", "result types", "control inputs", "roles", "devices")


def _facts(op: Operation) -> tuple[Any, ...]:
    return (
        op.type,
        _places(op.inputs),
        attribute_key(op.attrs),
        [str(t.type) for t in op.outputs],
        [control.number for control in op.control_inputs],
        op.role,
        op.device,
    )


_ENDS = (
    "parameters", "results", "updates", "effects", "sizes", "hints", "signed symbols", "guards",
    "substitutions",
)  # fmt: skip


def _ends(function: Function) -> tuple[Any, ...]:
    environment = function.environment
    return (
        [(p.kind, p.name, _place(p.tensor)) for p in function.parameters],
        _places(function.results),
        [(name, _place(tensor)) for name, tensor in function.updates],
        [op.number for op in function.effects],
        [(name, _place(tensor), element) for name, tensor, element in function.sizes],
        environment.hints,
        environment.signed,
        environment.guards,
        environment.substitutions,
    )


def _place(tensor: Tensor) -> tuple[int, int]:
    return (tensor.op.number, tensor.index)


def _places(tensors: Iterable[Tensor]) -> list[tuple[int, int]]:
    return [_place(t) for t in tensors]
