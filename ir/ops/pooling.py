"""Pooling: the maximum or the mean of every window, over two and three spatial axes.

Padding counts as nothing: it is below every number for maxima, and means are over what is inside
the input. A maximum found several times in a window is the first one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.adjoint import axes_constant, reshape
from graphc.ir.ops.window_arrays import array_counts, array_windows, last, program
from graphc.ir.ops.window_views import inside_counts, windows
from graphc.ir.ops.windows import (
    Geometry,
    Span,
    as_program,
    channels_last,
    check_geometry,
    geometry_of,
    known_shape,
    spans_of,
    window_attrs,
    window_axes,
)
from graphc.ir.types import TensorType

FAR = np.iinfo(np.int32).max  # a position behind all others


def pool_attrs(axes: int) -> dict[str, Attr]:
    """The attributes of a pooling operation."""
    ksize = Attr("ints", doc="the size of the window, an element for each dimension")
    return {"ksize": ksize, **window_attrs(axes)}


def pool_window(c: Any, geometry: Geometry) -> tuple[int, ...]:
    """The window's spatial sizes."""
    return geometry.spatial(tuple(c.attrs["ksize"]))


def pooled_shape(c: TypeContext, axes: int, x: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shape of what pooling of a shape gives, in a type rule."""
    geometry = check_geometry(c, axes)
    spans = spans_of(geometry, geometry.spatial(x), pool_window(c, geometry), c)
    return geometry.shape(x[0], [s.output for s in spans], x[geometry.channel])


def pool_spans(c: Any, axes: int, x: Sequence[Any]) -> tuple[Geometry, tuple[Span, ...]]:
    """The windows over an input of shape x, when lowering or running."""
    geometry = geometry_of(c, axes)
    return geometry, spans_of(geometry, geometry.spatial(x), pool_window(c, geometry))


def pool_type(axes: int) -> Callable[[TypeContext], TensorType]:
    """The type rule of pooling."""

    def infer(c: TypeContext) -> TensorType:
        dtype = c.require_dtype(0, dtypes.FLOATS)
        return TensorType(dtype, pooled_shape(c, axes, known_shape(c, 0, axes + 2)))

    return infer


# -------------------------------------------------------------------------------------- references


def _max_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray) -> np.ndarray:
        geometry, spans = pool_spans(c, axes, x.shape)
        found = array_windows(last(x, geometry), spans, -np.inf)
        return program(np.asarray(found.max(window_axes(spans))), geometry)

    return reference


def _mean_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray) -> np.ndarray:
        geometry, spans = pool_spans(c, axes, x.shape)
        found = array_windows(last(x.astype(np.float64), geometry), spans, 0)
        mean = found.sum(window_axes(spans)) / array_counts(spans)
        return np.asarray(program(mean, geometry), x.dtype)

    return reference


# ---------------------------------------------------------------------------------- decompositions


def fold_windows(kind: str, found: Tensor, spans: Sequence[Span]) -> Tensor:
    """Reduce [n, o…, k…, c] over its windows."""
    result: Tensor = found.graph.op(kind, found, axes_constant(found.graph, window_axes(spans)))
    return result


def over_windows(y: Tensor) -> Tensor:
    """[n, o…, c] as [n, o…, 1…, c], which broadcasts over windows."""
    dims = y.type.dims
    return reshape(y, (*dims[:-1], *(1,) * (len(dims) - 2), dims[-1]))


def _max_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        geometry, spans = pool_spans(op, axes, op.inputs[0].type.dims)
        x = channels_last(op.inputs[0], geometry.first)
        return as_program(fold_windows("Max", windows(x, spans, -math.inf), spans), geometry.first)

    return decompose


def divided_by_counts(x: Tensor, spans: Sequence[Span]) -> Tensor:
    """[n, o…, c] divided by how many elements of each window are inside the input."""
    graph = x.graph
    factor = graph.constant(1 / math.prod(s.window for s in spans if not s.is_padded), x.dtype)
    result: Tensor = graph.op("Mul", x, factor)
    rank = len(x.type.dims)
    for axis, span in enumerate(spans, 1):
        if span.is_padded:
            counts = inside_counts(x, span)
            counts = reshape(counts, (span.output, *(1,) * (rank - 1 - axis)))
            result = graph.op("RealDiv", result, counts)
    return result


def _mean_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        geometry, spans = pool_spans(op, axes, op.inputs[0].type.dims)
        x = channels_last(op.inputs[0], geometry.first)
        total = fold_windows("Sum", windows(x, spans), spans)
        return as_program(divided_by_counts(total, spans), geometry.first)

    return decompose


# ----------------------------------------------------------------------------------------- samples

# input and result shapes, and attributes
Row = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]

PLANE: tuple[Row, ...] = (
    ((2, 4, 6, 3), (2, 2, 3, 3),
     {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "SAME"}),
    ((1, 5, 6, 2), (1, 3, 3, 2),
     {"ksize": (1, 3, 3, 1), "strides": (1, 2, 2, 1), "padding": "SAME"}),
    ((2, 5, 4, 2), (2, 4, 3, 2),
     {"ksize": (1, 2, 2, 1), "strides": (1, 1, 1, 1), "padding": "VALID"}),
    ((1, 7, 5, 1), (1, 2, 2, 1),
     {"ksize": (1, 2, 3, 1), "strides": (1, 3, 2, 1), "padding": "VALID"}),
    ((2, 3, 4, 5), (2, 1, 1, 5),
     {"ksize": (1, 3, 4, 1), "strides": (1, 1, 1, 1), "padding": "VALID"}),
    ((0, 4, 4, 2), (0, 2, 2, 2),
     {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "VALID"}),
)  # fmt: skip

# TensorFlow refuses these on a CPU
PLANE_FIRST: Row = (
    (1, 2, 5, 4), (1, 2, 3, 2),
    {"ksize": (1, 1, 3, 2), "strides": (1, 1, 2, 2), "padding": "SAME", "data_format": "NCHW"},
)  # fmt: skip

VOLUME: tuple[Row, ...] = (
    ((1, 4, 3, 4, 2), (1, 2, 3, 2, 2),
     {"ksize": (1, 2, 2, 2, 1), "strides": (1, 2, 1, 2, 1), "padding": "SAME"}),
    ((2, 3, 3, 2, 1), (2, 1, 2, 1, 1),
     {"ksize": (1, 3, 2, 2, 1), "strides": (1, 1, 1, 1, 1), "padding": "VALID"}),
)  # fmt: skip

ROWS = {2: (*PLANE, PLANE_FIRST), 3: VOLUME}


def row_dtypes(number: int) -> tuple[Any, ...] | None:
    """The dtypes in which a row is a sample: both for the first one."""
    return None if number < 1 else (dtypes.float64,)


def apart(shape: tuple[int, ...]) -> Operand:
    """An operand whose elements are so far apart that finite differences keep their order."""
    count = math.prod(shape)
    numbers = (np.arange(count) * 7919 % max(count, 1)).reshape(shape) * 0.25 - 1
    return Operand(shape, value=numbers)


def _samples(axes: int, operand: Callable[[tuple[int, ...]], Operand]) -> tuple[Sample, ...]:
    return tuple(
        Sample((operand(x),), attrs, dtypes=row_dtypes(number), tolerance=2)
        for number, (x, _, attrs) in enumerate(ROWS[axes])
    )


def _max_gradient(axes: int) -> Callable[..., list[Any]]:
    name = "MaxPoolGrad" if axes == 2 else "MaxPool3DGrad"

    def gradient(op: Operation, dy: Tensor) -> list[Any]:
        return [op.graph.op(name, op.inputs[0], op.outputs[0], dy, **op.attrs)]

    return gradient


def _mean_gradient(axes: int) -> Callable[..., list[Any]]:
    name = "AvgPoolGrad" if axes == 2 else "AvgPool3DGrad"

    def gradient(op: Operation, dy: Tensor) -> list[Any]:
        shape = op.graph.op("Shape", op.inputs[0])
        return [op.graph.op(name, shape, dy, **op.attrs)]

    return gradient


for _axes, _suffix in ((2, ""), (3, "3D")):
    register(OpDef(
        name=f"MaxPool{_suffix}",
        doc="The greatest element of each window, channel by channel.",
        inputs=("input",),
        attrs=pool_attrs(_axes),
        infer=pool_type(_axes),
        reference=_max_reference(_axes),
        gradient=_max_gradient(_axes),
        decompose=_max_decompose(_axes),
        dtypes=dtypes.FLOATS,
        samples=_samples(_axes, apart),
    ))  # fmt: skip
    register(OpDef(
        name=f"AvgPool{_suffix}",
        doc="The mean of each window, channel by channel, over its elements inside the input.",
        inputs=("value",) if _axes == 2 else ("input",),
        attrs=pool_attrs(_axes),
        infer=pool_type(_axes),
        reference=_mean_reference(_axes),
        gradient=_mean_gradient(_axes),
        decompose=_mean_decompose(_axes),
        dtypes=dtypes.FLOATS,
        samples=_samples(_axes, Operand),
    ))  # fmt: skip
