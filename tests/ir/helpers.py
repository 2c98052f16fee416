"""Small graphs for the tests of the IR."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import as_dtype
from graphc.ir.function import Function
from graphc.ir.graph import Graph, IndexedSlices, Operation, Tensor
from graphc.ir.interpreter import run_function
from graphc.ir.passes.resolve import resolve


def placeholder(graph: Graph, shape: Any, dtype: Any = "float32", name: str = "x") -> Tensor:
    tensor: Tensor = graph.op("Placeholder", dtype=as_dtype(dtype), shape=shape, name=name)
    return tensor


def compile_graph(
    fetches: list[Tensor],
    feeds: dict[Tensor, np.ndarray],
    variables: dict[str, np.ndarray] | None = None,
    targets: tuple[Operation, ...] = (),
) -> Function:
    graph = (fetches[0] if fetches else targets[0]).graph
    known = variables or {}

    def shape(name: str) -> tuple[int, ...] | None:
        return known[name].shape if name in known else None

    return resolve(graph, fetches, list(targets), feeds, shape)


def run_graph(
    fetches: list[Any],
    feeds: dict[Tensor, np.ndarray] | None = None,
    variables: dict[str, np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Values of tensors by the interpreter (sparse gradients dense)."""
    fed = feeds or {}
    dense = [t.dense() if isinstance(t, IndexedSlices) else t for t in fetches]
    function = compile_graph(dense, fed, variables)
    return run_function(function, {t.name: a for t, a in fed.items()}, variables or {}).results
