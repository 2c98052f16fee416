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
from graphc.ir.lowering import Elementwise, Index, View, along
from graphc.ir.ops.positions import dim_values
from graphc.ir.ops.window_arrays import windows_of
from graphc.ir.ops.windows import Span, known_shape, padded
from graphc.ir.types import TensorType


def windows(x: Tensor, spans: Sequence[Span], fill: float = 0) -> Tensor:
    """[batch, *outputs, *windows, channels]: a view of the windows of x, padded with `fill`.

    Padding is a copy of its own: loads without predicates are worth it ([64, 28, 28, 32], windows
    3x3: 3.5 ms with predicates, 1.2 ms so).
    """
    whole = _padded(x, [(0, 0), *((s.before, s.behind) for s in spans), (0, 0)], fill)
    result: Tensor = x.graph.op(
        "Windows",
        whole,
        window=tuple(s.window for s in spans),
        strides=tuple(s.stride for s in spans),
        rates=tuple(s.rate for s in spans),
        output=tuple(s.output for s in spans),
    )
    return result


def _padded(x: Tensor, pairs: Sequence[tuple[Any, Any]], fill: float) -> Tensor:
    """`x` with a border of `fill`."""
    if fill == 0 or all(isinstance(p, int) and p == 0 for pair in pairs for p in pair):
        return padded(x, pairs)
    flat = [p for pair in pairs for p in pair]
    paddings = dim_values(x.graph, flat, (len(pairs), 2))
    result: Tensor = x.graph.op("PadWith", x, paddings, value=fill)
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


def _windows_index(op: Operation) -> tuple[Index, ...]:
    strides, rates = op.attrs["strides"], op.attrs["rates"]
    axes = len(strides)
    inner = [Index(((1 + i, strides[i]), (1 + axes + i, rates[i]))) for i in range(axes)]
    return (along(0), *inner, along(1 + 2 * axes))


def _windows_reference(c: Any, x: np.ndarray) -> np.ndarray:
    attrs = c.attrs
    found = windows_of(x, attrs["window"], attrs["strides"], attrs["rates"], attrs["output"])
    return found.copy()


_MADE = NoGradient("kernels are made of it; the operations it is made for have their own gradients")


def _sample(shape: tuple[int, ...], **attrs: Any) -> Sample:
    return Sample((Operand(shape),), attrs, differentiable=False, dtypes=(dtypes.float32,))


register(OpDef(
    name="Windows",
    doc="The windows of images that are padded already: y[n, o…, k…, c] = "
        "x[n, o * stride + k * rate…, c].",
    inputs=("x",),
    attrs={
        "window": Attr("any", doc="sizes of a window"),
        "strides": Attr("ints"),
        "rates": Attr("ints"),
        "output": Attr("any", doc="how many windows there are"),
    },
    infer=_windows_type,
    reference=_windows_reference,
    gradient=_MADE,
    lowering=View(_windows_index),
    dtypes=dtypes.NUMERIC,
    samples=(
        _sample((2, 5, 3), window=(2,), strides=(2,), rates=(1,), output=(2,)),
        _sample((1, 4, 6, 2), window=(3, 2), strides=(1, 2), rates=(1, 2), output=(2, 2)),
        _sample((0, 4, 2), window=(2,), strides=(1,), rates=(1,), output=(3,)),
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
