"""MaxPoolWithArgmax: maxima of windows, and where in the image they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import Attr, OpDef, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.adjoint import reshape
from graphc.ir.ops.pointwise import select
from graphc.ir.ops.pooling import (
    PLANE,
    apart,
    fold_windows,
    over_windows,
    pool_attrs,
    pool_spans,
    pool_type,
)
from graphc.ir.ops.window_arrays import array_windows
from graphc.ir.ops.window_views import windows
from graphc.ir.ops.windows import Span
from graphc.ir.types import TensorType


def _flat_positions(graph: Any, spans: Sequence[Span], channels: Any) -> Tensor:
    """[o…, k…, c]: the row-major position within one image of the elements of windows."""
    axes = len(spans)
    total: Any = _numbers(graph, 0, 1, channels)
    step = channels
    for axis in reversed(range(axes)):
        span = spans[axis]
        begins = reshape(
            _numbers(graph, -step * span.before, step * span.stride, span.output),
            (span.output, *(1,) * (2 * axes - axis)),
        )
        places = reshape(
            _numbers(graph, 0, step * span.rate, span.window),
            (span.window, *(1,) * (axes - axis)),
        )
        total = graph.op("Add", graph.op("Add", begins, places), total)
        step = step * span.size
    return total  # type: ignore[no-any-return]


def _numbers(graph: Any, start: Any, delta: Any, size: Any) -> Tensor:
    numbers: Tensor = graph.op("Sequence", start=start, delta=delta, size=size, dtype=dtypes.int64)
    return numbers


def _argmax_type(c: TypeContext) -> list[TensorType]:
    found = pool_type(2)(c)
    if c.attrs["Targmax"] not in dtypes.INDICES:
        c.fail_type(f"Targmax must be int32 or int64, not {c.attrs['Targmax'].name}")
    return [found, TensorType(c.attrs["Targmax"], found.shape)]


def _argmax_decompose(op: Operation) -> list[Tensor]:
    """The first of a window's maxima has the least position."""
    graph, x = op.graph, op.inputs[0]
    batch, *_, channels = x.type.dims
    _, spans = pool_spans(op, 2, x.type.dims)
    found = windows(x, spans, -math.inf)
    y = fold_windows("Max", found, spans)
    places = _flat_positions(graph, spans, channels)
    far = graph.constant(np.iinfo(np.int64).max, dtypes.int64)
    at_most = select(graph.op("Equal", found, over_windows(y)), places, far)
    position = fold_windows("Min", at_most, spans)
    if op.attrs["include_batch_in_index"]:
        one = channels * spans[0].size * spans[1].size
        position = graph.op(
            "Add", position, reshape(_numbers(graph, 0, one, batch), (batch, 1, 1, 1))
        )
    if op.attrs["Targmax"] is not dtypes.int64:
        position = graph.op("Cast", position, DstT=op.attrs["Targmax"])
    return [y, position]


def _argmax_reference(c: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, spans = pool_spans(c, 2, x.shape)
    integer = c.attrs["Targmax"].numpy
    batch, channels = x.shape[0], x.shape[-1]
    kept = (batch, spans[0].output, spans[1].output)
    if batch == 0:
        return np.zeros((*kept, channels), x.dtype), np.zeros((*kept, channels), integer)
    flat = (*kept, spans[0].window * spans[1].window, channels)
    places = np.broadcast_to(np.arange(x[0].size).reshape(x.shape[1:]), x.shape)
    found = array_windows(x, spans, -np.inf).reshape(flat)
    where = array_windows(places, spans, 0).reshape(flat)
    first = found.argmax(3)[:, :, :, None]
    position = np.take_along_axis(where, first, 3)[:, :, :, 0]
    if c.attrs["include_batch_in_index"]:
        position = position + np.arange(len(x)).reshape(-1, 1, 1, 1) * x[0].size
    return found.max(3), position.astype(integer)


def _argmax_gradient(op: Operation, dy: Tensor | None, _: Tensor | None) -> list[Any]:
    if dy is None:
        return [None]
    names = ("ksize", "strides", "padding")
    attrs = {name: op.attrs[name] for name in names}
    return [op.graph.op("MaxPoolGrad", op.inputs[0], op.outputs[0], dy, **attrs)]


_MORE: tuple[dict[str, Any], ...] = (
    {},
    {"include_batch_in_index": True},
    {"Targmax": dtypes.int32},
)

register(OpDef(
    name="MaxPoolWithArgmax",
    doc="The greatest element of each window, and its position: (y * width + x) * channels + c, "
        "which begins anew for each image unless `include_batch_in_index`.",
    inputs=("input",),
    outputs=("output", "argmax"),
    attrs={
        **pool_attrs(2),
        "data_format": Attr("string", "NHWC", choices=("NHWC",)),
        "Targmax": Attr("dtype", dtypes.int64),
        "include_batch_in_index": Attr("bool", False),
    },
    infer=_argmax_type,
    reference=_argmax_reference,
    gradient=_argmax_gradient,
    decompose=_argmax_decompose,
    dtypes=dtypes.FLOATS,
    samples=tuple(
        Sample((apart(x),), {**attrs, **more}, dtypes=(dtypes.float64,))
        for (x, _, attrs), more in zip(PLANE, _MORE, strict=False)
    ),
))  # fmt: skip
