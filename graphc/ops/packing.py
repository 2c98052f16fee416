"""Packing: lists that hold tensors become one tensor, at any depth: `[[x, 0.0], [y, z]]`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.default_graph import element_of, graph_of
from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, Tensor, convert


def auto_pack(values: Any, dtype: DType | None = None, name: str | None = None) -> Tensor:
    """The tensor of a list or tuple that holds tensors beside numbers, arrays and further lists.

    The elements take `dtype`, or that of the first tensor found; numbers beside it must fit.

    Raises:
        TypeError: a tensor has another dtype, or a number does not fit; ValueError: shapes differ.
    """
    graph = graph_of(values)
    wanted = dtype if dtype is not None else _common_dtype(values)
    with graph.name_scope(name or "packed") as scope:
        return _pack(graph, values, wanted, scope)


def _pack(graph: Graph, values: Any, dtype: DType, name: str | None) -> Tensor:
    """Pack nested lists from the inside out, with a stack in place of recursion."""
    if not _is_list(values):
        return _element(graph, values, dtype)
    done: list[list[Tensor]] = [[]]
    pending: list[Any] = [iter(values)]
    while True:
        value = next(pending[-1], pending)
        if value is pending:
            pending.pop()
            parts = done.pop()
            if not pending:
                return _joined(graph, parts, dtype, name)
            done[-1].append(_joined(graph, parts, dtype, None))
        elif _is_list(value) and _holds_tensor(value):
            pending.append(iter(value))
            done.append([])
        else:
            done[-1].append(_element(graph, value, dtype))


def _joined(graph: Graph, parts: list[Tensor], dtype: DType, name: str | None) -> Tensor:
    if not parts:
        return graph.constant(np.zeros(0, dtype.numpy), name=name)
    return graph.create("Pack", parts, {"axis": 0}, name or "Pack").outputs[0]


def _element(graph: Graph, value: Any, dtype: DType) -> Tensor:
    element = element_of(value)
    if isinstance(element, Tensor) and element.dtype is not dtype:
        raise TypeError(
            f"Cannot convert a list containing a tensor of dtype {element.dtype.name} to a tensor "
            f"of dtype {dtype.name} (Tensor is: {element}); use tf.cast"
        )
    return convert(value, dtype, graph)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and element_of(value) is None


def _tensors(values: Any) -> list[Tensor]:
    """The tensors in nested lists, in order."""
    found = []
    pending = [values]
    while pending:
        value = pending.pop()
        if _is_list(value):
            pending += reversed(value)
            continue
        element = element_of(value)
        if isinstance(element, Tensor):
            found.append(element)
    return found


def _holds_tensor(values: Any) -> bool:
    return bool(_tensors(values))


def _common_dtype(values: Any) -> DType:
    tensors = _tensors(values)
    return tensors[0].dtype if tensors else dtypes.float32
