"""`tf.clip_by_*` and `tf.global_norm`: gradients and values kept within limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor, convert_to_tensor_or_indexed_slices
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir.graph import IndexedSlices, Tensor
from graphc.ir.types import shape_text
from graphc.ops.math_ops import add_n, maximum, minimum, ones_like, where
from graphc.ops.reduction_ops import reduce_sum
from graphc.ops.scoped import scoped

__all__ = [
    "clip_by_average_norm",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
]


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """The values of a tensor or `IndexedSlices` within limits, which must not widen its shape.

    Raises:
        ValueError: a limit has a shape that does not broadcast to the tensor's.
    """
    with name_scope(name, "clip_by_value", (t, clip_value_min, clip_value_max)) as scope:
        values = _values(t)
        low = minimum(values, clip_value_max)
        _require_same_shape(values, low)
        clipped = maximum(low, clip_value_min, name=scope)
        _require_same_shape(values, clipped)
        return _like(t, clipped)


def _require_same_shape(values: Tensor, result: Tensor) -> None:
    a, b = values.type.shape, result.type.shape
    if a is None or b is None:
        return
    known = [
        (m, n) for m, n in zip(a, b, strict=False) if isinstance(m, int) and isinstance(n, int)
    ]
    if len(a) != len(b) or any(m != n for m, n in known):
        message = f"Shapes {shape_text(a)} and {shape_text(b)} are incompatible"
        raise ValueError(located(f"{message}: a limit widens the tensor"))


def _values(t: Any) -> Tensor:
    return t.values if isinstance(t, IndexedSlices) else convert_to_tensor(t, name="t")


def _like(t: Any, values: Tensor) -> Any:
    """New values in the form of `t`: a tensor, or slices of the same rows."""
    if isinstance(t, IndexedSlices):
        return IndexedSlices(values, t.indices, t.dense_shape)
    return values


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """The tensor scaled down to the Euclidean norm `clip_norm`, where its own is greater.

    t * clip_norm / max(norm(t), clip_norm), norms being over `axes` (default all). The
    gradient at t = 0 is finite.
    """
    with name_scope(name, "clip_by_norm", (t, clip_norm)) as scope:
        values = _values(t)
        squares = reduce_sum(values * values, axes, keepdims=True)
        positive = squares > 0
        safe = where(positive, squares, ones_like(squares))
        length = where(positive, scoped("Sqrt", (safe,)), squares)
        scaled = values * clip_norm / maximum(length, clip_norm)
        return _like(t, scoped("Identity", (scaled,), scope))


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """The tensor scaled down where its Euclidean norm per element is greater than `clip_norm`."""
    with name_scope(name, "clip_by_average_norm", (t, clip_norm)) as scope:
        values = convert_to_tensor(t, name="t")
        graph = values.graph
        count = graph.op("Cast", graph.op("Size", values), DstT=values.dtype)
        inverse = scoped("Rsqrt", (reduce_sum(values * values),))
        limit = convert_to_tensor(clip_norm, dtype=values.dtype)
        scale = limit * minimum(inverse * count, 1.0 / limit)
        return scoped("Identity", (values * scale,), scope)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The Euclidean norm of all tensors of a list together; None entries count for nothing.

    Raises:
        TypeError: `t_list` is no sequence; ValueError: it has no tensors.
    """
    tensors = _tensors(t_list)
    with name_scope(name, "global_norm", tensors):
        values = [_values(t) for t in tensors if t is not None]
        if not values:
            raise ValueError(located("global_norm needs at least one tensor"))
        squares = [reduce_sum(scoped("Square", (v,))) for v in values]
        return scoped("Sqrt", (add_n(squares),), "global_norm")


def _tensors(t_list: Any) -> list[Any]:
    if not isinstance(t_list, Sequence) or isinstance(t_list, (str, bytes)):
        raise TypeError(located("t_list should be a sequence"))
    return [
        None if t is None else convert_to_tensor_or_indexed_slices(t, name=f"t_{i}")
        for i, t in enumerate(t_list)
    ]


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """All tensors of a list scaled alike, so that their global norm is at most `clip_norm`.

    t * clip_norm / max(global_norm, clip_norm); NaN everywhere if the norm is not finite. None
    entries stay None.

    Args:
        use_norm: the global norm, if it is known already.

    Returns:
        The list of clipped tensors (or `IndexedSlices`) and the global norm.

    Raises:
        TypeError: `t_list` is no sequence.
    """
    tensors = _tensors(t_list)
    if all(t is None for t in tensors) and use_norm is None:
        raise ValueError(located("clip_by_global_norm needs at least one tensor"))
    given = global_norm(tensors, name) if use_norm is None else convert_to_tensor(use_norm)
    with name_scope(name, "clip_by_global_norm", [*tensors, clip_norm]) as scope:
        limit = convert_to_tensor(clip_norm, dtype=given.dtype, name="clip_norm")
        scale = limit * minimum(1.0 / given, 1.0 / limit)
        nan = convert_to_tensor(np.nan, dtype=given.dtype)
        scale = where(scoped("IsFinite", (given,)), scale, nan)
        clipped = [
            None if t is None else _scaled(t, scale, f"{scope}_{i}") for i, t in enumerate(tensors)
        ]
    return clipped, given


def _scaled(t: Any, scale: Tensor, name: str) -> Any:
    return _like(t, scoped("Identity", (_values(t) * scale,), name))
