"""What operations on rows share: folds along the last axis, softmax, positions along a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import UNKNOWN
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, Tensor
from graphc.ir.ops.positions import dim_values


def last_axis(graph: Any) -> Tensor:
    """The axis -1 as a tensor."""
    axis: Tensor = graph.constant(np.array([-1], np.int32))
    return axis


def fold(kind: str, x: Tensor, keep: bool = True) -> Tensor:
    """Reduce x along its last axis."""
    result: Tensor = x.graph.op(kind, x, last_axis(x.graph), keep_dims=keep)
    return result


def exponential(x: Tensor) -> Tensor:
    """exp(x)."""
    result: Tensor = x.graph.op("Exp", x)
    return result


def shifted(x: Tensor) -> Any:
    """x minus the greatest of its row."""
    return x - fold("Max", x)


def softmax_of(x: np.ndarray) -> Any:
    """NumPy's softmax of the rows of an array."""
    e = np.exp(_shift(x))
    return e / np.sum(e, -1, keepdims=True)


def _shift(x: np.ndarray) -> Any:
    return x - np.max(x, -1, keepdims=True, initial=-np.inf)


def log_softmax_of(x: np.ndarray) -> Any:
    """The logarithm of `softmax_of`, without overflow."""
    s = _shift(x)
    return s - np.log(np.sum(np.exp(s), -1, keepdims=True))


def unknown(rank: int) -> tuple[Any, ...]:
    """A shape of which the rank alone is known."""
    return (UNKNOWN,) * rank


def column_of(x: Tensor) -> Tensor:
    """x with a last dimension of size 1."""
    column: Tensor = x.graph.op("ExpandDims", x, x.graph.constant(np.int32(-1)))
    return column


def counting(graph: Graph, size: Any, dtype: DType) -> Tensor:
    """0, 1, … size - 1."""
    limit = dim_values(graph, (size,), (), dtype)
    zero, one = (graph.constant(v, dtype) for v in (0, 1))
    numbers: Tensor = graph.op("Range", zero, limit, one)
    return numbers
