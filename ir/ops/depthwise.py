"""Depthwise convolutions: every channel has filters of its own.

They multiply and add up, channel by channel, so kernels of them are folds with the channels as
vectors. The cotangent of the input is a fold over the few windows that read an element, as in
`pooling_gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.adjoint import axes_constant, reshape
from graphc.ir.ops.phases import by_phases, over_input, without_both, without_padding
from graphc.ir.ops.pointwise import wanted
from graphc.ir.ops.pooling import row_dtypes
from graphc.ir.ops.positions import index_operand, non_negative_sizes
from graphc.ir.ops.window_arrays import array_windows, last, program, scattered
from graphc.ir.ops.window_views import windows
from graphc.ir.ops.windows import (
    Geometry,
    Span,
    as_program,
    channels_last,
    check_geometry,
    geometry_of,
    known_shape,
    permuted,
    spans_of,
    window_attrs,
)
from graphc.ir.types import TensorType

# ------------------------------------------------------------------------------------- type rules


def _result_shape(c: TypeContext, x: tuple[Any, ...], kernel: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shape of a depthwise convolution of shapes x and kernel."""
    geometry = check_geometry(c, 2)
    depth = c.merge(x[geometry.channel], kernel[2], "channels of the input and of the filter")
    spans = spans_of(geometry, geometry.spatial(x), kernel[:2], c)
    return geometry.shape(x[0], [s.output for s in spans], depth * kernel[3])


def _sizes(c: TypeContext, index: int) -> tuple[Any, ...]:
    c.require_rank(index, 1)
    sizes = non_negative_sizes(c, index)
    if sizes is not None and len(sizes) != 4:
        c.fail(f"{c.definition.inputs[index]} must have 4 elements, not {len(sizes)}")
    return (UNKNOWN,) * 4 if sizes is None else sizes


def _forward_type(c: TypeContext) -> TensorType:
    c.same_dtype(0, 1)
    dtype = c.require_dtype(0, dtypes.FLOATS)
    return TensorType(dtype, _result_shape(c, known_shape(c, 0, 4), known_shape(c, 1, 4)))


def _input_type(c: TypeContext) -> TensorType:
    c.same_dtype(1, 2)
    dtype, sizes, dy = c.require_dtype(1, dtypes.FLOATS), _sizes(c, 0), known_shape(c, 2, 4)
    result = _result_shape(c, sizes, known_shape(c, 1, 4))
    c.merge_shapes(result, dy, "sizes of the convolution's result and of out_backprop")
    return TensorType(dtype, (c.merge(sizes[0], dy[0]), *sizes[1:]))


def _filter_type(c: TypeContext) -> TensorType:
    c.same_dtype(0, 2)
    dtype, sizes, dy = c.require_dtype(0, dtypes.FLOATS), _sizes(c, 1), known_shape(c, 2, 4)
    result = _result_shape(c, known_shape(c, 0, 4), sizes)
    c.merge_shapes(result, dy, "sizes of the convolution's result and of out_backprop")
    return TensorType(dtype, sizes)


# ---------------------------------------------------------------------------------- decompositions


def _spans(c: Any, x: Sequence[Any], kernel: Sequence[Any]) -> tuple[Geometry, tuple[Span, ...]]:
    geometry = geometry_of(c, 2)
    return geometry, spans_of(geometry, geometry.spatial(x), kernel[:2])


def _split(x: Tensor, depth: Any, multiplier: Any) -> Tensor:
    """[…, c * m] as […, c, m]."""
    return reshape(x, (*x.type.dims[:-1], depth, multiplier))


def _total(product: Tensor, axes: Sequence[int]) -> Tensor:
    total: Tensor = product.graph.op("Sum", product, axes_constant(product.graph, axes))
    return total


def _apart(found: Tensor) -> Tensor:
    """[…, c] as […, c, 1]."""
    return reshape(found, (*found.type.dims, 1))


def _forward_decompose(op: Operation) -> Tensor:
    x, kernel = op.inputs
    geometry, spans = _spans(op, x.type.dims, kernel.type.dims)
    found = _apart(windows(channels_last(x, geometry.first), spans))
    y = _total(op.graph.op("Mul", found, kernel), (3, 4))
    *outer, depth, multiplier = y.type.dims
    return as_program(reshape(y, (*outer, depth * multiplier)), geometry.first)


def _filter_decompose(op: Operation) -> Tensor:
    x, _, dy = op.inputs
    sizes = op.outputs[0].type.dims
    geometry, spans = _spans(op, x.type.dims, sizes)
    found = _apart(windows(channels_last(x, geometry.first), spans))
    dy = _split(channels_last(dy, geometry.first), *sizes[2:])
    batch, high, wide, *rest = dy.type.dims
    return _total(
        op.graph.op("Mul", found, reshape(dy, (batch, high, wide, 1, 1, *rest))), (0, 1, 2)
    )


def _input_decompose(op: Operation) -> Tensor:
    """By `phases`, with channels kept apart: dx[n, (q, r)…, c] is the sum over steps j… and
    multipliers m of dy[n, q - j…, c, m] filter[r + stride * j…, c, m].
    """
    _, kernel, dy = op.inputs
    depth, multiplier = kernel.type.dims[2:]
    geometry, given = _spans(op, op.outputs[0].type.dims, kernel.type.dims)
    dy, spans = without_both(channels_last(dy, geometry.first), given)
    reverse, direct = over_input(dy, spans)
    found = windows(dy, reverse)
    batch, high, wide, *steps, _ = found.type.dims
    found = reshape(found, (batch, high, 1, wide, 1, *steps, depth, multiplier))
    parts = by_phases(kernel, spans, whole=True)  # [j, i, r, t, c, m]
    parts = permuted(parts, (2, 3, 0, 1, 4, 5))
    strides = [s.stride for s in spans]
    parts = reshape(parts, (strides[0], 1, strides[1], *steps, depth, multiplier))
    dx = _total(op.graph.op("Mul", found, parts), (5, 6, 8))
    dx = reshape(dx, (batch, high * strides[0], wide * strides[1], depth))
    return as_program(without_padding(dx, spans, direct), geometry.first)


# -------------------------------------------------------------------------------------- references


def _forward_reference(c: Any, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    geometry, spans = _spans(c, x.shape, kernel.shape)
    found = array_windows(last(x, geometry).astype(np.float64), spans, 0)
    y = np.einsum("nopijc,ijcm->nopcm", found, kernel)
    y = y.reshape((*y.shape[:3], kernel.shape[2] * kernel.shape[3]))
    return np.asarray(program(y, geometry), x.dtype)


def _filter_reference(c: Any, x: np.ndarray, sizes: np.ndarray, dy: np.ndarray) -> np.ndarray:
    shape = sizes.tolist()
    geometry, spans = _spans(c, x.shape, shape)
    found = array_windows(last(x, geometry).astype(np.float64), spans, 0)
    wide = last(dy, geometry)
    wide = wide.reshape((*wide.shape[:3], *shape[2:]))
    return np.asarray(np.einsum("nopijc,nopcm->ijcm", found, wide), x.dtype)


def _input_reference(c: Any, sizes: np.ndarray, kernel: np.ndarray, dy: np.ndarray) -> np.ndarray:
    geometry, spans = _spans(c, sizes.tolist(), kernel.shape)
    wide = last(dy, geometry)
    wide = wide.reshape((*wide.shape[:3], *kernel.shape[2:]))
    shares = np.einsum("nopcm,ijcm->nopijc", wide.astype(np.float64), kernel)
    return np.asarray(program(scattered(shares, spans), geometry), dy.dtype)


# --------------------------------------------------------------------------------------- gradients

FORWARD = "DepthwiseConv2dNative"
INPUT = "DepthwiseConv2dNativeBackpropInput"
FILTER = "DepthwiseConv2dNativeBackpropFilter"

# input, filter and result shapes, and attributes
_ROWS: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 4, 3, 1), (3, 2, 1, 2), (2, 2, 2, 2), {"strides": (1, 1, 1, 1), "padding": "VALID"}),
    ((1, 4, 3, 2), (3, 2, 2, 1), (1, 2, 2, 2), {"strides": (1, 2, 2, 1), "padding": "SAME"}),
    ((1, 6, 5, 2), (2, 3, 2, 2), (1, 6, 5, 4), {"strides": (1, 1, 1, 1), "padding": "SAME"}),
    ((1, 6, 7, 2), (2, 3, 2, 1), (1, 4, 3, 2),
     {"strides": (1, 1, 1, 1), "padding": "VALID", "dilations": (1, 2, 2, 1)}),
    ((2, 4, 4, 2), (1, 1, 2, 3), (2, 2, 2, 6), {"strides": (1, 2, 2, 1), "padding": "SAME"}),
    ((0, 4, 4, 2), (2, 2, 2, 1), (0, 4, 4, 2), {"strides": (1, 1, 1, 1), "padding": "SAME"}),
    ((1, 2, 5, 4), (3, 3, 2, 2), (1, 4, 5, 4),
     {"strides": (1, 1, 1, 1), "padding": "SAME", "data_format": "NCHW"}),
)  # fmt: skip


def _samples(inputs: Callable[..., tuple[Operand, ...]]) -> tuple[Sample, ...]:
    return tuple(
        Sample(inputs(*shapes), attrs, tolerance=8, dtypes=row_dtypes(number))
        for number, (*shapes, attrs) in enumerate(_ROWS)
    )


def _forward_gradient(op: Operation, dy: Tensor) -> list[Any]:
    return _cotangents(op, op.inputs[0], op.inputs[1], dy)


def _cotangents(op: Operation, x: Tensor, kernel: Tensor, dy: Tensor) -> list[Any]:
    """Those of the input and the filter of a convolution."""
    graph, dx, dkernel = op.graph, None, None
    if wanted(op.inputs[0]):
        dx = graph.op(INPUT, graph.op("Shape", x), kernel, dy, **op.attrs)
    if wanted(op.inputs[1]):
        dkernel = graph.op(FILTER, x, graph.op("Shape", kernel), dy, **op.attrs)
    return [dx, dkernel]


def _input_gradient(op: Operation, ddx: Tensor) -> list[Any]:
    graph, (_, kernel, dy) = op.graph, op.inputs
    dkernel = ddy = None
    if wanted(kernel):
        dkernel = graph.op(FILTER, ddx, graph.op("Shape", kernel), dy, **op.attrs)
    if wanted(dy):
        ddy = graph.op(FORWARD, ddx, kernel, **op.attrs)
    return [None, dkernel, ddy]


def _filter_gradient(op: Operation, dkernel: Tensor) -> list[Any]:
    graph, (x, _, dy) = op.graph, op.inputs
    dx = ddy = None
    if wanted(x):
        dx = graph.op(INPUT, graph.op("Shape", x), dkernel, dy, **op.attrs)
    if wanted(dy):
        ddy = graph.op(FORWARD, x, dkernel, **op.attrs)
    return [dx, None, ddy]


register(OpDef(
    name=FORWARD,
    doc="Filters slid over each channel on its own: output[n, o…, c * multiplier + m] = sum over "
        "k… of input[n, o * stride + k * dilation - before…, c] * filter[k…, c, m].",
    inputs=("input", "filter"),
    attrs=window_attrs(2, dilations=True),
    infer=_forward_type,
    reference=_forward_reference,
    gradient=_forward_gradient,
    decompose=_forward_decompose,
    dtypes=dtypes.FLOATS,
    samples=_samples(lambda x, kernel, y: (Operand(x), Operand(kernel))),
))  # fmt: skip

register(OpDef(
    name=INPUT,
    doc="The cotangent of DepthwiseConv2dNative's input, which has the shape `input_sizes`: for "
        "each element the sum of filter[k…, c, m] * out_backprop[n, o…, c * multiplier + m] where "
        "it was read.",
    inputs=("input_sizes", "filter", "out_backprop"),
    attrs=window_attrs(2, dilations=True),
    infer=_input_type,
    reference=_input_reference,
    gradient=_input_gradient,
    decompose=_input_decompose,
    shape_inputs=(0,),
    dtypes=dtypes.FLOATS,
    samples=_samples(lambda x, kernel, y: (index_operand(x), Operand(kernel), Operand(y))),
))  # fmt: skip

register(OpDef(
    name=FILTER,
    doc="The cotangent of DepthwiseConv2dNative's filter, which has the shape `filter_sizes`: the "
        "sum over n, o… of input[n, o * stride + k * dilation - before…, c] * out_backprop[n, o…, "
        "c * multiplier + m].",
    inputs=("input", "filter_sizes", "out_backprop"),
    attrs=window_attrs(2, dilations=True),
    infer=_filter_type,
    reference=_filter_reference,
    gradient=_filter_gradient,
    decompose=_filter_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.FLOATS,
    samples=_samples(lambda x, kernel, y: (Operand(x), index_operand(kernel), Operand(y))),
))  # fmt: skip
