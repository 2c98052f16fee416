"""The view of windows that slide over images, and how many of their elements are inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Elementwise, Index, Region, View, along
from graphc.ir.ops.windows import Span, known_shape
from graphc.ir.types import TensorType


def windows(x: Tensor, spans: Sequence[Span], fill: float = 0) -> Tensor:
    """[batch, *outputs, *windows, channels]: a view of the windows of x, padded with `fill`."""
    result: Tensor = x.graph.op(
        "Windows",
        x,
        window=tuple(s.window for s in spans),
        strides=tuple(s.stride for s in spans),
        rates=tuple(s.rate for s in spans),
        before=tuple(s.before for s in spans),
        output=tuple(s.output for s in spans),
        inside=not any(s.is_padded for s in spans),
        fill=fill,
    )
    return result


def inside_counts(like: Tensor, span: Span) -> Tensor:
    """For each window along an axis, how many of its elements are inside the input."""
    result: Tensor = like.graph.op(
        "WindowCounts",
        window=span.window,
        stride=span.stride,
        before=span.before,
        size=span.size,
        output=span.output,
        dtype=like.dtype,
    )
    return result


def _windows_type(c: TypeContext) -> TensorType:
    shape = known_shape(c, 0, len(c.attrs["window"]) + 2)
    return c.inputs[0].with_shape((shape[0], *c.attrs["output"], *c.attrs["window"], shape[-1]))


def _window_indices(op: Operation) -> list[Index]:
    """The position along each spatial axis, over the axes of the result."""
    attrs = op.attrs
    axes = len(attrs["window"])
    return [
        Index(((1 + i, stride), (1 + axes + i, rate)), -before)
        for i, (stride, rate, before) in enumerate(
            zip(attrs["strides"], attrs["rates"], attrs["before"], strict=True)
        )
    ]


def _windows_index(op: Operation) -> tuple[Index, ...]:
    last = len(op.outputs[0].type.dims) - 1
    return (along(0), *_window_indices(op), along(last))


def _windows_regions(op: Operation) -> tuple[Region, ...]:
    if op.attrs["inside"]:
        return ()
    sizes = op.inputs[0].type.dims[1:-1]
    return tuple(Region(index, 0, n) for index, n in zip(_window_indices(op), sizes, strict=True))


def _windows_reference(c: Any, x: np.ndarray) -> np.ndarray:
    attrs = c.attrs
    result = np.empty(c.types[0].dims, x.dtype)
    result[...] = attrs["fill"]
    axes = len(attrs["window"])
    reads, places = [], []
    for i, n in enumerate(x.shape[1:-1]):
        shape = [1] * (2 * axes)
        outputs, elements = np.arange(attrs["output"][i]), np.arange(attrs["window"][i])
        shape[i], shape[axes + i] = len(outputs), len(elements)
        rows = outputs[:, None] * attrs["strides"][i] + elements * attrs["rates"][i]
        rows = (rows - attrs["before"][i]).reshape(shape)
        reads.append(rows)
        places.append((rows >= 0) & (rows < n))
    inside = np.ones((1,) * (2 * axes), bool)
    for place in places:
        inside = inside & place
    assert not attrs["inside"] or inside.all(), c.op
    clipped = [np.clip(r, 0, max(n - 1, 0)) for r, n in zip(reads, x.shape[1:-1], strict=True)]
    if x.size:
        found = x[(slice(None), *clipped)]
        np.copyto(result, found, where=np.broadcast_to(inside[None, ..., None], result.shape))
    return result


_MADE = NoGradient("kernels are made of it; the operations it is made for have their own gradients")


def _sample(shape: tuple[int, ...], **attrs: Any) -> Sample:
    return Sample((Operand(shape),), attrs, differentiable=False, dtypes=(dtypes.float32,))


register(OpDef(
    name="Windows",
    doc="The windows of images: y[n, o…, k…, c] = x[n, o * stride + k * rate - before…, c], and "
        "`fill` outside of x. `inside` says that nothing lies outside.",
    inputs=("x",),
    attrs={
        "window": Attr("any", doc="sizes of a window"),
        "strides": Attr("ints"),
        "rates": Attr("ints"),
        "before": Attr("any", doc="sizes of the padding before x"),
        "output": Attr("any", doc="how many windows there are"),
        "inside": Attr("bool"),
        "fill": Attr("float", 0.0),
    },
    infer=_windows_type,
    reference=_windows_reference,
    gradient=_MADE,
    lowering=View(_windows_index, _windows_regions, lambda op: op.attrs["fill"]),
    dtypes=dtypes.NUMERIC,
    samples=(
        _sample((2, 5, 3), window=(2,), strides=(2,), rates=(1,), before=(0,), output=(2,),
                inside=True),
        _sample((1, 4, 5, 2), window=(3, 2), strides=(1, 2), rates=(1, 2), before=(1, 1),
                output=(4, 3), inside=False, fill=-7.0),
        _sample((2, 3, 1), window=(2,), strides=(1,), rates=(-1,), before=(0,), output=(4,),
                inside=False),
        _sample((0, 4, 2), window=(2,), strides=(1,), rates=(1,), before=(0,), output=(3,),
                inside=True),
    ),
))  # fmt: skip


def _counts_scalar(b: Any) -> Any:
    """min(begin + window, size) - max(begin, 0), with begin = o * stride - before."""
    attrs = b.attrs
    stride, before = b.dim(attrs["stride"]), b.dim(attrs["before"])
    begin = b.sub(b.mul(b.index(0), stride), before)
    end = b.min(b.add(begin, b.dim(attrs["window"])), b.dim(attrs["size"]))
    zero = b.sub(begin, begin)
    return b.convert(b.sub(end, b.max(begin, zero)), b.dtype)


def _counts_reference(c: Any) -> np.ndarray:
    attrs = c.attrs
    begin = np.arange(attrs["output"]) * attrs["stride"] - attrs["before"]
    end = np.minimum(begin + attrs["window"], attrs["size"])
    return np.asarray(end - np.maximum(begin, 0), attrs["dtype"].numpy)


register(OpDef(
    name="WindowCounts",
    doc="For each window along an axis, how many of its elements are inside the input: "
        "min(begin + window, size) - max(begin, 0) with begin = o * stride - before.",
    inputs=(),
    attrs={
        "window": Attr("any"),
        "stride": Attr("int"),
        "before": Attr("any"),
        "size": Attr("any"),
        "output": Attr("any"),
        "dtype": Attr("dtype"),
    },
    infer=lambda c: TensorType(c.attrs["dtype"], (c.attrs["output"],)),
    reference=_counts_reference,
    gradient=NoGradient("it has no inputs"),
    lowering=Elementwise(_counts_scalar, cost=4),
    dtypes=dtypes.FLOATS,
    samples=(
        Sample((), {"window": 3, "stride": 2, "before": 1, "size": 6, "output": 3,
                    "dtype": dtypes.float32}),
        Sample((), {"window": 2, "stride": 1, "before": 0, "size": 4, "output": 4,
                    "dtype": dtypes.float64}),
    ),
))  # fmt: skip
