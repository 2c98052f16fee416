"""Operation types for tests of `lowering.Product`: convolutions of padded inputs, any rank.

They are the plainest definitions that use the kind: NHWC input that needs no more padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.lowering import Index, Product, along
from graphc.ir.opdef import Attr, NoGradient, OpDef
from graphc.ir.types import TensorType


def windows(x: np.ndarray, counts: Any, sizes: Any, strides: Any, rates: Any) -> np.ndarray:
    """All windows of x [n, *space, c] as a view [n, *counts, *sizes, c]."""
    space = x.strides[1:-1]
    steps = [s * stride for s, stride in zip(space, strides, strict=True)]
    inside = [s * rate for s, rate in zip(space, rates, strict=True)]
    shape = (x.shape[0], *counts, *sizes, x.shape[-1])
    layout = (x.strides[0], *steps, *inside, x.strides[-1])
    return np.lib.stride_tricks.as_strided(x, shape, layout, writeable=False)


def _count(size: Any, window: Any, stride: int, rate: int) -> Any:
    return (size - (window - 1) * rate - 1) // stride + 1


def _forward_type(c: Any) -> TensorType:
    x, f = c.inputs[0].shape, c.inputs[1].shape
    counts = [
        _count(*each)
        for each in zip(x[1:-1], f[:-2], c.attrs["strides"], c.attrs["rates"], strict=True)
    ]
    return TensorType(c.inputs[0].dtype, (x[0], *counts, f[-1]))


def convolve(x: np.ndarray, f: np.ndarray, strides: Any, rates: Any) -> np.ndarray:
    """The convolution in double precision."""
    sizes = f.shape[:-2]
    counts = [_count(*e) for e in zip(x.shape[1:-1], sizes, strides, rates, strict=True)]
    wide = f.astype(np.float64) if f.dtype.kind == "f" else f
    every = windows(x, counts, sizes, strides, rates)
    taken = len(sizes) + 1
    axes = list(range(every.ndim - taken, every.ndim)), list(range(taken))
    return np.tensordot(every.astype(wide.dtype), wide, axes).astype(x.dtype)


def convolve_filters(x: np.ndarray, dy: np.ndarray, sizes: Any, strides: Any, rates: Any) -> Any:
    """The filters' gradient in double precision."""
    counts = dy.shape[1:-1]
    every = windows(x, counts, sizes, strides, rates).astype(np.float64)
    axes = list(range(len(counts) + 1))
    return np.tensordot(every, dy.astype(np.float64), (axes, axes)).astype(x.dtype)


def _window_index(op: Any, batch: int, places: int, inside: int, channel: int) -> tuple[Index, ...]:
    """The index of x: `places`, `inside` are the first axes of positions and of filter taps."""
    strides, rates = op.attrs["strides"], op.attrs["rates"]
    space = tuple(
        Index(((places + d, strides[d]), (inside + d, rates[d]))) for d in range(len(strides))
    )
    return (along(batch), *space, along(channel))


def _forward() -> Product:
    """out [n, *space, f], k (*window, c)."""

    def k(op: Any) -> tuple[Any, ...]:
        return tuple(op.inputs[1].type.dims[:-1])

    def a(op: Any) -> tuple[Index, ...]:
        rank = len(op.inputs[0].type.dims)
        return _window_index(op, 0, 1, rank, 2 * rank - 2)

    def b(op: Any) -> tuple[Index, ...]:
        rank = len(op.inputs[0].type.dims)
        return (*(along(axis) for axis in range(rank, 2 * rank - 1)), along(rank - 1))

    return Product(k, a, b)


def _filters() -> Product:
    """out [*window, c, f], k (n, *space)."""

    def k(op: Any) -> tuple[Any, ...]:
        return tuple(op.inputs[1].type.dims[:-1])

    def a(op: Any) -> tuple[Index, ...]:
        rank = len(op.inputs[0].type.dims)
        return _window_index(op, rank, rank + 1, 0, rank - 2)

    def b(op: Any) -> tuple[Index, ...]:
        rank = len(op.inputs[0].type.dims)
        return (*(along(axis) for axis in range(rank, 2 * rank - 1)), along(rank - 1))

    return Product(k, a, b)


_ATTRS = {"strides": Attr("ints"), "rates": Attr("ints")}

FORWARD = OpDef(
    name="WindowProduct",
    doc="The convolution of a padded input with filters.",
    inputs=("x", "filters"),
    attrs=_ATTRS,
    infer=_forward_type,
    reference=lambda c, x, f: convolve(x, f, c.attrs["strides"], c.attrs["rates"]),
    gradient=NoGradient("only for tests"),
    lowering=_forward(),
    dtypes=(dtypes.float32, dtypes.float64, dtypes.int32),
)

FILTERS = OpDef(
    name="WindowProductFilters",
    doc="The gradient of filters: the products of all windows with dy.",
    inputs=("x", "dy"),
    attrs={**_ATTRS, "window": Attr("ints")},
    infer=lambda c: TensorType(
        c.inputs[0].dtype,
        (*c.attrs["window"], c.inputs[0].shape[-1], c.inputs[1].shape[-1]),
    ),
    reference=lambda c, x, dy: convolve_filters(
        x, dy, c.attrs["window"], c.attrs["strides"], c.attrs["rates"]
    ),
    gradient=NoGradient("only for tests"),
    lowering=_filters(),
    dtypes=(dtypes.float32, dtypes.float64),
)
