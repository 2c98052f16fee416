"""Tensors made of little: zeros, ones, fill, ranges and grids, as in TF1."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import Tensor
from graphc.ops.build import (
    build,
    convert_values,
    create,
    holds_tensor,
    index_tensor,
    plain_shape,
    scope_of,
)

# Constants of fewer elements are stored; larger ones are filled in the run.
SMALL = 1000


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of shape `dims` with the scalar `value` everywhere."""
    return build("Fill", name, ("dims", dims, "index"), ("value", value, None))


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Zeros (False, empty strings) of a shape: numbers, a tensor, or a list that mixes both."""
    dtype = as_dtype(dtype)
    return _filled(shape, dtype, b"" if dtype.kind == "string" else 0, name, "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Ones (True) of a shape: numbers, a tensor, or a list that mixes both."""
    dtype = as_dtype(dtype)
    if dtype.kind == "string":
        raise TypeError(located("tf.ones: there is no one of dtype string"))
    return _filled(shape, dtype, 1, name, "ones")


def _filled(shape: Any, dtype: DType, value: Any, name: str | None, default: str) -> Tensor:
    with scope_of(name, default, shape) as (graph, scope):
        sizes = plain_shape(shape)
        if (
            sizes is not None
            and np.prod(sizes, dtype=np.float64) < SMALL
            and min(sizes, default=0) >= 0
        ):
            return graph.constant(np.full(sizes, value, dtype.numpy), name=scope)
        dims = index_tensor(shape)
        if dims.type.rank == 0:
            dims = graph.op("Reshape", dims, graph.constant([-1], dtypes.int32))
        scalar = graph.constant(np.full((), value, dtype.numpy))
        return create(graph, scope, "Fill", dims, scalar)[0]


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Zeros of the shape of a tensor; `optimize` chooses nothing here: the result is the same."""
    return _like(tensor, dtype, name, "ZerosLike", "zeros_like")


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Ones of the shape of a tensor; `optimize` chooses nothing here: the result is the same."""
    return _like(tensor, dtype, name, "OnesLike", "ones_like")


def _like(tensor: Any, dtype: Any, name: str | None, type: str, default: str) -> Tensor:
    with scope_of(name, default, tensor) as (graph, scope):
        x = convert_to_tensor(tensor, name="tensor")
        wanted = x.dtype if dtype is None else as_dtype(dtype)
        if wanted is x.dtype:
            return create(graph, scope, type, x)[0]
        value = graph.constant(np.full((), 0 if type == "ZerosLike" else 1, wanted.numpy))
        return create(graph, scope, "Fill", graph.op("Shape", x), value)[0]


_RANGE_DTYPES = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """start, start + delta, … up to but not including limit; `range(limit)` begins at 0.

    The dtype is `dtype`, or the widest among the arguments'.
    """
    if limit is None:
        start, limit = 0, start
    with scope_of(name, "range", start, limit, delta) as (graph, scope):
        named = {"start": start, "limit": limit, "delta": delta}
        if dtype is not None:
            tensors = [convert_to_tensor(v, as_dtype(dtype), word) for word, v in named.items()]
        else:
            tensors = _to_widest(graph, named)
        if tensors[0].dtype.is_floating and any(graph.value_of(t) is None for t in tensors):
            return _computed_range(graph, scope, *tensors)
        return create(graph, scope, "Range", *tensors)[0]


def _to_widest(graph: Any, named: dict[str, Any]) -> list[Tensor]:
    given = [element_of(v) for v in named.values()]
    found = [
        e.dtype
        if isinstance(e, Tensor)
        else convert_to_tensor(v).dtype
        if _is_wide(v)
        else _bare(v)
        for e, v in zip(given, named.values(), strict=True)
    ]
    for dtype in found:
        if dtype not in _RANGE_DTYPES:
            raise TypeError(located(f"tf.range takes numbers of {_RANGE_DTYPES}, not {dtype.name}"))
    widest = max(found, key=_RANGE_DTYPES.index)
    return [
        convert_to_tensor(v, widest, word) if e is None
        else _cast(graph, convert_to_tensor(v), widest)
        for e, (word, v) in zip(given, named.items(), strict=True)
    ]  # fmt: skip


def _is_wide(value: Any) -> bool:
    return not isinstance(value, (int, float, np.generic, np.ndarray))


def _bare(value: Any) -> DType:
    if isinstance(value, (np.generic, np.ndarray)):
        return as_dtype(value.dtype)
    if isinstance(value, float):
        return dtypes.float32
    return dtypes.int32 if -(2**31) <= value < 2**31 else dtypes.int64


def _cast(graph: Any, x: Tensor, dtype: DType) -> Tensor:
    return x if x.dtype is dtype else graph.op("Cast", x, DstT=dtype)


def _computed_range(graph: Any, scope: str, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """A range of floats that only the run knows: start + i * delta."""
    steps = graph.op("Abs", graph.op("RealDiv", graph.op("Sub", limit, start), delta))
    count = _cast(graph, graph.op("Ceil", steps), dtypes.int32)
    zero, one = graph.constant(0, dtypes.int32), graph.constant(1, dtypes.int32)
    numbers = _cast(graph, graph.op("Range", zero, count, one), start.dtype)
    return create(graph, scope, "Add", start, graph.op("Mul", numbers, delta))[0]


def lin_space(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` evenly spaced values from start to stop, both included (float32 or float64)."""
    with scope_of(name, "LinSpace", start, stop, num) as (graph, scope):
        ends = convert_values([start, stop], "end")
        if ends[0].dtype.is_integer and not holds_tensor([start, stop]):
            ends = [convert_to_tensor(float(v), dtypes.float32) for v in (start, stop)]
        return create(graph, scope, "LinSpace", *ends, index_tensor(num, "num"))[0]


linspace = lin_space


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinate arrays over the grid of the given vectors.

    Args:
        indexing: "xy" puts the first vector along the second dimension, "ij" along the first.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(
            located(f"indexing parameter must be either 'xy' or 'ij', not {indexing!r}")
        )
    with scope_of(name, "meshgrid", *args) as (graph, _):
        vectors = [convert_to_tensor(x) for x in args]
        places = list(builtins.range(len(vectors)))
        if indexing == "xy" and len(vectors) > 1:
            places[:2] = [1, 0]
        sizes = [graph.op("Size", vectors[i]) for i in places]
        if not sizes:
            return []
        whole = graph.op("Pack", *sizes)
        result = []
        for i, vector in zip(places, vectors, strict=True):
            form = [-1 if axis == i else 1 for axis in builtins.range(len(vectors))]
            result.append(
                graph.op(
                    "BroadcastTo",
                    graph.op("Reshape", vector, graph.constant(form, dtypes.int32)),
                    whole,
                )
            )
        return result
