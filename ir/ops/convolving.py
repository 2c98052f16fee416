"""Convolutions as kernels see them: inputs padded already, channels last, any number of axes.

`Convolution` and `ConvolutionFilter` are products with windows (`lowering.Product`); the functions
here bring every other case to these two.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import product
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
from graphc.ir.lowering import Index, Product, along
from graphc.ir.ops.adjoint import reshape
from graphc.ir.ops.phases import (
    by_phases,
    interleaved,
    of_phase,
    over_input,
    without_both,
    without_padding,
    woven,
)
from graphc.ir.ops.window_arrays import windows_of
from graphc.ir.ops.windows import Span, known_shape, padded_images, part, permuted
from graphc.ir.types import TensorType

# ------------------------------------------------------------------------- the three convolutions


def convolve(x: Tensor, kernel: Tensor, spans: Sequence[Span]) -> Tensor:
    """y[n, o…, f] = sum over k…, c of x[n, o * stride + k * rate - before…, c] kernel[k…, c, f]."""
    whole = padded_images(x, spans)
    outputs = tuple(s.output for s in spans)
    if all(_is_point(s) for s in spans):
        return _pointwise(whole, kernel, outputs)
    result: Tensor = x.graph.op(
        "Convolution",
        whole,
        kernel,
        strides=tuple(s.stride for s in spans),
        rates=tuple(s.rate for s in spans),
        output=outputs,
    )
    return result


def convolve_filter(x: Tensor, dy: Tensor, spans: Sequence[Span]) -> Tensor:
    """dfilter[k…, c, f] = sum over n, o… of x[n, o * stride + k * rate - before…, c] times
    dy[n, o…, f].
    """
    whole = padded_images(x, spans)
    windows = tuple(s.window for s in spans)
    if all(_is_point(s) for s in spans):
        left, right = (
            reshape(t, (product(t.type.dims[:-1]), t.type.dims[-1])) for t in (whole, dy)
        )
        matrix = x.graph.op("MatMul", left, right, transpose_a=True)
        return reshape(matrix, (*windows, *matrix.type.dims))
    result: Tensor = x.graph.op(
        "ConvolutionFilter",
        whole,
        dy,
        strides=tuple(s.stride for s in spans),
        rates=tuple(s.rate for s in spans),
        window=windows,
    )
    return result


def convolve_input(dy: Tensor, kernel: Tensor, spans: Sequence[Span]) -> Tensor:
    """dx[n, h…, c] = sum over o…, k…, f with o * stride + k * rate - before = h of
    dy[n, o…, f] kernel[k…, c, f].
    """
    axes = len(spans)
    dy, spans = without_both(dy, spans)
    if _have_own_columns(kernel, spans):
        return _convolve_phases(dy, kernel, spans)
    reverse, direct = over_input(dy, spans)
    kernel = by_phases(kernel, spans)  # [j…, r…, c, f]
    channels = kernel.type.dims[-2]
    phases = kernel.type.dims[axes : 2 * axes]
    kernel = permuted(kernel, (*range(axes), 2 * axes + 1, *range(axes, 2 * axes + 1)))
    kernel = reshape(kernel, (*kernel.type.dims[: axes + 1], product(phases) * channels))
    wide = convolve(dy, kernel, reverse)
    wide = reshape(wide, (*wide.type.dims[:-1], *phases, channels))
    return interleaved(wide, spans, direct)


# Channels from which each phase is a convolution of its own. One for all phases fills registers
# that few channels leave empty, but multiplies with zeros where windows end (the cotangent of
# [1, 56, 56, 64] by 3x3x64x128 with strides of 2: 2.25 ms; each phase alone 1.31 ms).
_OWN_COLUMNS = 5
_MOST_PHASES = 16


def _have_own_columns(kernel: Tensor, spans: Sequence[Span]) -> bool:
    """Whether the phases of an input's cotangent are convolutions of their own."""
    channels = kernel.type.dims[-2]
    known = isinstance(channels, int) and all(isinstance(s.window, int) for s in spans)
    phases = product([s.stride for s in spans])
    return known and channels >= _OWN_COLUMNS and 1 < phases <= _MOST_PHASES


def _convolve_phases(dy: Tensor, kernel: Tensor, spans: Sequence[Span]) -> Tensor:
    """`convolve_input`, a convolution for each phase that a window has elements of."""
    axes = len(spans)
    reverse, direct = over_input(dy, spans)
    whole = padded_images(dy, reverse)
    order = (*range(axes), axes + 1, axes)
    counts, rates = tuple(r.output for r in reverse), tuple(r.rate for r in reverse)
    parts: dict[tuple[int, ...], Tensor] = {}
    for phases in itertools.product(*(range(min(s.window, s.stride)) for s in spans)):
        taps = of_phase(kernel, spans, phases)
        steps = taps.type.dims[:axes]
        begins = [(r.window - n) * r.rate for r, n in zip(reverse, steps, strict=True)]
        sizes = [r.output + (n - 1) * r.rate for r, n in zip(reverse, steps, strict=True)]
        parts[phases] = dy.graph.op(
            "Convolution",
            part(whole, [0, *begins, 0], [dy.type.dims[0], *sizes, dy.type.dims[-1]]),
            permuted(taps, order),
            strides=(1,) * axes,
            rates=rates,
            output=counts,
        )
    for axis in range(axes - 1, -1, -1):
        rows: dict[tuple[int, ...], list[Tensor]] = {}
        for phases, tensor in parts.items():
            rows.setdefault(phases[:-1], []).append(tensor)
        stride = spans[axis].stride
        parts = {key: woven(tensors, axis + 1, stride) for key, tensors in rows.items()}
    return without_padding(parts[()], spans, direct)


def _is_point(span: Span) -> bool:
    """Whether windows are single elements, one after the other."""
    return isinstance(span.window, int) and span.window == 1 and span.stride == 1


def _pointwise(x: Tensor, kernel: Tensor, outputs: Sequence[Any]) -> Tensor:
    """A window of one element: a product of matrices."""
    dims = (x.type.dims[0], *outputs)
    x = part(x, [0] * len(x.type.dims), (*dims, x.type.dims[-1]))
    channels, columns = kernel.type.dims[-2:]
    rows = reshape(x, (product(dims), channels))
    y = x.graph.op("MatMul", rows, reshape(kernel, (channels, columns)))
    return reshape(y, (*dims, columns))


# ------------------------------------------------------------------------------------- definitions


def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def _convolution_type(c: TypeContext) -> TensorType:
    rank = len(c.attrs["strides"]) + 2
    x, kernel = known_shape(c, 0, rank), known_shape(c, 1, rank)
    c.merge(x[-1], kernel[-2], "channels of the input and of the filter")
    return TensorType(c.same_dtype(0, 1), (x[0], *c.attrs["output"], kernel[-1]))


def _convolution_reference(c: Any, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    attrs, axes = c.attrs, kernel.ndim - 2
    found = windows_of(_wide(x), kernel.shape[:-2], attrs["strides"], attrs["rates"],
                       attrs["output"])  # fmt: skip
    y = np.tensordot(found, _wide(kernel), axes + 1)
    return np.asarray(y, x.dtype)


def _input_index(axes: int, outputs: int, elements: int, attrs: dict[str, Any]) -> list[Index]:
    """o * stride + k * rate, where o are the axes from `outputs` on, k those from `elements` on."""
    return [
        Index(((outputs + i, attrs["strides"][i]), (elements + i, attrs["rates"][i])))
        for i in range(axes)
    ]


def _convolution_a(op: Operation) -> tuple[Index, ...]:
    axes = len(op.attrs["strides"])
    rank = axes + 2
    return (along(0), *_input_index(axes, 1, rank, op.attrs), along(rank + axes))


def _convolution_b(op: Operation) -> tuple[Index, ...]:
    axes = len(op.attrs["strides"])
    rank = axes + 2
    return (*[along(rank + i) for i in range(axes + 1)], along(rank - 1))


_MADE = NoGradient("kernels are made of it; the operations it is made for have their own gradients")
_ATTRS = {"strides": Attr("ints"), "rates": Attr("ints")}


def _sample(x: tuple[int, ...], other: tuple[int, ...], **attrs: Any) -> Sample:
    return Sample((Operand(x), Operand(other)), attrs, differentiable=False, tolerance=4)


register(OpDef(
    name="Convolution",
    doc="Images with filters slid over them, without padding and channels last: y[n, o…, f] = sum "
        "over k…, c of x[n, o * stride + k * rate…, c] filter[k…, c, f]; `output` are the sizes o.",
    inputs=("x", "filter"),
    attrs={**_ATTRS, "output": Attr("any", doc="sizes of the result's spatial axes")},
    infer=_convolution_type,
    reference=_convolution_reference,
    gradient=_MADE,
    lowering=Product(lambda op: op.inputs[1].type.dims[:-1], _convolution_a, _convolution_b),
    dtypes=dtypes.FLOATS,
    samples=(
        _sample((2, 6, 3), (3, 3, 4), strides=(1,), rates=(1,), output=(4,)),
        _sample((2, 7, 6, 2), (3, 2, 2, 5), strides=(2, 1), rates=(1, 2), output=(3, 4)),
        _sample((1, 3, 4, 3, 2), (2, 2, 2, 2, 3), strides=(1, 2, 1), rates=(1, 1, 1),
                output=(2, 2, 2)),
        _sample((0, 4, 2), (2, 2, 3), strides=(1,), rates=(1,), output=(3,)),
    ),
))  # fmt: skip


def _filter_type(c: TypeContext) -> TensorType:
    rank = len(c.attrs["strides"]) + 2
    x, dy = known_shape(c, 0, rank), known_shape(c, 1, rank)
    c.merge(x[0], dy[0], "batch sizes of the input and of the cotangent")
    return TensorType(c.same_dtype(0, 1), (*c.attrs["window"], x[-1], dy[-1]))


def _filter_reference(c: Any, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    attrs, axes = c.attrs, dy.ndim - 2
    found = windows_of(_wide(x), attrs["window"], attrs["strides"], attrs["rates"], dy.shape[1:-1])
    over = list(range(axes + 1))
    return np.asarray(np.tensordot(found, _wide(dy), (over, over)), x.dtype)


def _filter_a(op: Operation) -> tuple[Index, ...]:
    axes = len(op.attrs["strides"])
    rank = axes + 2
    return (along(rank), *_input_index(axes, rank + 1, 0, op.attrs), along(axes))


def _filter_b(op: Operation) -> tuple[Index, ...]:
    axes = len(op.attrs["strides"])
    rank = axes + 2
    return (*[along(rank + i) for i in range(axes + 1)], along(rank - 1))


register(OpDef(
    name="ConvolutionFilter",
    doc="The cotangent of Convolution's filter: dfilter[k…, c, f] = sum over n, o… of "
        "x[n, o * stride + k * rate…, c] dy[n, o…, f]; `window` are the sizes k.",
    inputs=("x", "dy"),
    attrs={**_ATTRS, "window": Attr("any", doc="the filter's spatial sizes")},
    infer=_filter_type,
    reference=_filter_reference,
    gradient=_MADE,
    lowering=Product(lambda op: op.inputs[1].type.dims[:-1], _filter_a, _filter_b),
    dtypes=dtypes.FLOATS,
    samples=(
        _sample((2, 6, 3), (2, 4, 4), strides=(1,), rates=(1,), window=(3,)),
        _sample((2, 7, 6, 2), (2, 3, 4, 5), strides=(2, 1), rates=(1, 2), window=(3, 2)),
        _sample((0, 4, 2), (0, 3, 3), strides=(1,), rates=(1,), window=(2,)),
    ),
))  # fmt: skip
