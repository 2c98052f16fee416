"""What hand-written wrappers share: an operation under its scope, bare inputs as constants."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of, graph_of
from graphc.framework.errors import located, relocated
from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, Tensor


@contextlib.contextmanager
def scope_of(name: str | None, default: str, *values: Any) -> Iterator[tuple[Graph, str]]:
    """Enter the scope of a function: the graph that `values` belong to, and the scope's name.

    An operation created under the name that is given has exactly the function's name.
    """
    graph = graph_of(*values)
    with graph.as_default(), graph.name_scope(name or default) as scope:
        yield graph, scope


def create(
    graph: Graph, scope: str | None, type: str, *inputs: Tensor, **attrs: Any
) -> tuple[Tensor, ...]:
    """The outputs of a new operation; errors carry the user's line."""
    try:
        return graph.create(type, inputs, attrs, scope).outputs
    except (TypeError, ValueError) as error:
        raise relocated(error) from None


def build(type: str, name: str | None, *inputs: tuple[str, Any, Any], **attrs: Any) -> Any:
    """An operation of (argument name, value, dtype) triples, named `name` or after its type.

    The dtype is None for that of the value, "index" for int32 or int64. Gives one tensor, or the
    tuple of outputs where there is another number of them.
    """
    with scope_of(name, type, *[value for _, value, _ in inputs]) as (graph, scope):
        tensors = [
            index_tensor(value, word) if dtype == "index" else convert_to_tensor(value, dtype, word)
            for word, value, dtype in inputs
        ]
        outputs = create(graph, scope, type, *tensors, **attrs)
    return outputs[0] if len(outputs) == 1 else outputs


def index_tensor(value: Any, name: str | None = None) -> Tensor:
    """A tensor of sizes, axes or positions: tensors and arrays as they are, bare numbers as int32,
    or int64 where they do not fit.

    Raises:
        TypeError: the value is not made of integers.
    """
    if isinstance(value, (np.ndarray, np.generic)) or holds_tensor(value):
        tensor = convert_to_tensor(value, name=name)
    else:
        try:
            tensor = convert_to_tensor(value, dtypes.int32, name=name)
        except TypeError:
            tensor = convert_to_tensor(value, dtypes.int64, name=name)
    if not tensor.dtype.is_integer:
        raise relocated(TypeError(f"Expected integers, got {value!r} of dtype {tensor.dtype.name}"))
    return tensor


def holds_tensor(value: Any) -> bool:
    """Whether a value is, or nested lists hold, a tensor or a variable."""
    pending = [value]
    while pending:
        current = pending.pop()
        if element_of(current) is not None:
            return True
        if isinstance(current, (list, tuple)):
            pending += current
    return False


def convert_values(values: Sequence[Any], name: str) -> list[Tensor]:
    """Tensors of one dtype: that of the first tensor among the values, else of the first value."""
    elements = [element_of(value) for value in values]
    dtype: DType | None = next((e.dtype for e in elements if isinstance(e, Tensor)), None)
    tensors: list[Tensor] = []
    for number, value in enumerate(values):
        suffix = name if len(values) == 1 else f"{name}_{number}"
        tensors.append(convert_to_tensor(value, dtype, suffix))
        dtype = tensors[0].dtype if dtype is None else dtype
    return tensors


def plain_shape(value: Any) -> tuple[int, ...] | None:
    """A shape written with numbers alone; None where it holds tensors or unknown sizes."""
    if holds_tensor(value):
        return None
    as_list = getattr(value, "as_list", None)
    if as_list is not None:
        value = as_list()
    if value is None:
        return None
    if isinstance(value, (int, np.integer)):
        value = [value]
    try:
        return tuple(int(d) for d in value)
    except TypeError:
        return None


def one_of(name: str, value: Any, old_name: str, old_value: Any) -> Any:
    """An argument that also has an old name; ValueError if both are given."""
    if value is not None and old_value is not None:
        raise ValueError(located(f"Cannot specify both '{name}' and '{old_name}'"))
    return old_value if value is None else value
