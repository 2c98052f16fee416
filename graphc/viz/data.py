"""What the page knows of a graph: plain lists and dicts, ready for JSON.

Operations are numbered by their place in the list; names may repeat in the body of a function, so
everything refers to numbers. The page's scripts (`model.js` …) document how they use each entry.
"""

from __future__ import annotations

import linecache
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from graphc.ir.dtypes import DType
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Source, Tensor
from graphc.ir.types import TensorType, shape_text

Groups = Sequence[tuple[str, Collection[str | Operation]]]

# Operation types that the page draws with a shape of their own.
SHAPES = {
    "VariableV2": "variable",
    "Placeholder": "placeholder",
    "PlaceholderWithDefault": "placeholder",
    "Const": "constant",
}
PARAMETER_SHAPES = {"feed": "placeholder", "variable": "variable", "initialized": "placeholder"}
LONGEST_TEXT = 120


def graph_data(
    operations: Sequence[Operation],
    fetches: Iterable[Tensor | Operation] = (),
    groups: Groups | None = None,
) -> dict[str, Any]:
    """The view of a graph; see `_view_data`."""
    marks = {fetch.op if isinstance(fetch, Tensor) else fetch: "fetched" for fetch in fetches}
    return _view_data("graph", operations, marks, groups, _initialisers(operations, marks))


def function_data(function: Function, groups: Groups | None = None) -> dict[str, Any]:
    """The view of a compiled function. What it does for initialisation is shown like the rest."""
    marks = {tensor.op: "written" for _, tensor in function.updates}
    marks |= {tensor.op: "fetched" for tensor in function.results}
    return _view_data("compiled function", function.operations, marks, groups, set())


def _view_data(
    label: str,
    operations: Sequence[Operation],
    marks: dict[Operation, str],
    groups: Groups | None,
    initialisers: set[Operation],
) -> dict[str, Any]:
    """The entries of one view: its operations, their source lines, kernels and documentation.

    Args:
        marks: what becomes of results.
        groups: (kernel name, names or operations that were fused into it).
        initialisers: operations to hide at first.
    """
    numbers = {op: number for number, op in enumerate(operations)}
    kernels = _kernel_numbers(operations, groups or ())
    sources: dict[Source, int] = {}
    entries = []
    for op in operations:
        entry = _operation_data(op, numbers)
        if op in initialisers:
            entry["role"] = "init"
        if op in marks:
            entry["mark"] = marks[op]
        if op in kernels:
            entry["kernel"] = kernels[op]
        if op.source is not None:
            entry["source"] = sources.setdefault(op.source, len(sources))
        entries.append(entry)
    return {
        "label": label,
        "initialisers": len(initialisers) in (0, len(operations)),  # whether they are shown
        "operations": entries,
        "kernels": [name for name, _ in groups or ()],
        "sources": [_source_data(source) for source in sources],
        "documentation": {op.type: _first_paragraph(op.definition.doc) for op in operations},
    }


def needed_operations(fetches: Iterable[Tensor | Operation]) -> list[Operation]:
    """The fetched operations and all before them, in creation order."""
    pending = [fetch.op if isinstance(fetch, Tensor) else fetch for fetch in fetches]
    found = set(pending)
    while pending:
        op = pending.pop()
        for before in (*(tensor.op for tensor in op.inputs), *op.control_inputs):
            if before not in found:
                found.add(before)
                pending.append(before)
    return sorted(found, key=lambda op: op.number)


def _operation_data(op: Operation, numbers: dict[Operation, int]) -> dict[str, Any]:
    names = op.definition.inputs
    entry: dict[str, Any] = {
        "name": op.name,
        "type": op.type,
        "role": op.role,
        "inputs": [
            [numbers.get(tensor.op, -1), tensor.index, _input_name(names, place), tensor.name]
            for place, tensor in enumerate(op.inputs)
        ],
        "outputs": [[t.dtype.name, _shape(t.type)] for t in op.outputs],
        "attrs": [
            [name, value_text(value)] for name, value in op.attrs.items() if value is not None
        ],
    }
    shape = SHAPES.get(op.type)
    if op.type == "Parameter":
        shape = PARAMETER_SHAPES[op.attrs["kind"]]
    if shape is not None:
        entry["shape"] = shape
    if shape == "constant":
        entry["value"] = value_text(op.attrs["value"], 24)
    controls = [numbers[control] for control in op.control_inputs if control in numbers]
    if controls:
        entry["controls"] = controls
    if op.device:
        entry["device"] = op.device
    return entry


def _input_name(names: tuple[str, ...], place: int) -> str:
    if not names:
        return str(place)
    name = names[min(place, len(names) - 1)]
    return f"{name[1:]}[{place - len(names) + 1}]" if name.startswith("*") else name


def _shape(type: TensorType) -> str:
    if type.shape is None:
        return "unknown"
    return "scalar" if not type.shape else "×".join(map(repr, type.shape))


def _initialisers(operations: Sequence[Operation], fetched: Collection[Any]) -> set[Operation]:
    """The operations that only serve to give variables their first values.

    Those whose role says so, operations without results that only wait for such, and whatever only
    such operations read (an initial value that was computed beforehand).
    """
    found: set[Operation] = set()
    readers: dict[Operation, list[Operation]] = {op: [] for op in operations}
    for op in operations:
        before = [*(tensor.op for tensor in op.inputs), *op.control_inputs]
        for other in before:
            if other in readers:
                readers[other].append(op)
        waits = not op.outputs and bool(before) and all(other in found for other in before)
        if op.role == "init" or waits:
            found.add(op)
    sources = SHAPES.keys() - {"Const"}
    for op in reversed(operations):
        only = bool(readers[op]) and all(reader in found for reader in readers[op])
        if only and op.type not in sources and op not in fetched:
            found.add(op)
    return found


def _kernel_numbers(operations: Sequence[Operation], groups: Groups) -> dict[Operation, int]:
    """The kernel of each operation. An operation of a function also stands for the one of the graph
    that it was copied from: of the same name, type and source line."""
    numbers: dict[Any, int] = {}
    for number, (_, members) in enumerate(groups):
        for member in members:
            numbers[member] = number
            if isinstance(member, Operation):
                numbers[member.name, member.type, member.source] = number
    found: dict[Operation, int] = {}
    for op in operations:
        for key in (op, op.name, (op.name, op.type, op.source)):
            if key in numbers:
                found[op] = numbers[key]
                break
    return found


def _source_data(source: Source) -> list[Any]:
    file, line, function = source
    return [file, line, function, linecache.getline(file, line).strip()]


def _first_paragraph(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split())


def value_text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """An attribute's value for people, in at most `longest` characters."""
    if isinstance(value, DType):
        text = value.name
    elif isinstance(value, TensorType):
        text = str(value)
    elif isinstance(value, np.ndarray):
        text = _array_text(value)
    elif isinstance(value, tuple) and all(isinstance(part, DType) for part in value) and value:
        text = "(" + ", ".join(part.name for part in value) + ")"
    elif callable(value):
        text = getattr(value, "__qualname__", type(value).__name__)
    else:
        text = repr(value)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _array_text(array: np.ndarray) -> str:
    if array.ndim == 0:
        item = array.item()
        return f"{item:.6g}" if isinstance(item, float) else str(item)
    if array.size > 16:
        shape = shape_text(array.shape)
        first = array.ravel()[0]
        return f"all {first}" if (array == first).all() else f"{array.dtype} {shape}"
    return np.array2string(array, precision=4, separator=", ", threshold=16).replace("\n", "")
