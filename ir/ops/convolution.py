"""Convolutions and the cotangents of their inputs and filters, over two and three spatial axes.

The three of a family are one trilinear form, so each is differentiated by the others. All are
brought to the plain convolutions of `convolving`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.convolving import convolve, convolve_filter, convolve_input
from graphc.ir.ops.pointwise import wanted
from graphc.ir.ops.positions import index_operand, non_negative_sizes
from graphc.ir.ops.window_arrays import windows_of
from graphc.ir.ops.windows import (
    Geometry,
    Span,
    as_program,
    channels_last,
    check_geometry,
    geometry_of,
    spans_of,
    window_attrs,
)
from graphc.ir.types import TensorType

# ------------------------------------------------------------------------------------- type rules


def _known(shape: Any, rank: int) -> tuple[Any, ...]:
    return (UNKNOWN,) * rank if shape is None else tuple(shape)


def _result_shape(c: TypeContext, axes: int, x: Any, kernel: Any) -> tuple[Any, ...]:
    """The shape of a convolution of shapes x and kernel (None: unknown)."""
    geometry = check_geometry(c, axes)
    x, kernel = _known(x, axes + 2), _known(kernel, axes + 2)
    if c.equal(x[geometry.channel], kernel[-2]) is False:
        c.fail(
            f"the depth of the input ({c.show(x[geometry.channel])}) must be the input depth of "
            f"the filter ({c.show(kernel[-2])})"
        )
    spans = spans_of(geometry, geometry.spatial(x), kernel[:-2], c)
    return geometry.shape(x[0], [s.output for s in spans], kernel[-1])


def _sizes_or_unknown(c: TypeContext, index: int, rank: int) -> tuple[Any, ...]:
    """The shape in an operand of sizes, which must be of that rank."""
    given = c.require_rank(index, 1)
    sizes = non_negative_sizes(c, index)
    count = len(sizes) if sizes is not None else given[0] if given is not None else rank
    if isinstance(count, int) and count != rank:
        c.fail(f"{c.definition.inputs[index]} must have {rank} elements, not {count}")
    return _known(sizes, rank)


def _forward_type(axes: int) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        c.same_dtype(0, 1)
        dtype = c.require_dtype(0, dtypes.FLOATS)
        x, kernel = c.require_rank(0, axes + 2), c.require_rank(1, axes + 2)
        return TensorType(dtype, _result_shape(c, axes, x, kernel))

    return infer


def _input_type(axes: int) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        c.same_dtype(1, 2)
        dtype = c.require_dtype(1, dtypes.FLOATS)
        sizes = _sizes_or_unknown(c, 0, axes + 2)
        kernel, dy = c.require_rank(1, axes + 2), c.require_rank(2, axes + 2)
        result = _result_shape(c, axes, sizes, kernel)
        c.merge_shapes(result, dy, "sizes of the convolution's result and of out_backprop")
        return TensorType(dtype, (sizes[0] if dy is None else c.merge(sizes[0], dy[0]), *sizes[1:]))

    return infer


def _filter_type(axes: int) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        c.same_dtype(0, 2)
        dtype = c.require_dtype(0, dtypes.FLOATS)
        sizes = _sizes_or_unknown(c, 1, axes + 2)
        x, dy = c.require_rank(0, axes + 2), c.require_rank(2, axes + 2)
        result = _result_shape(c, axes, x, sizes)
        c.merge_shapes(result, dy, "sizes of the convolution's result and of out_backprop")
        return TensorType(dtype, sizes)

    return infer


# ---------------------------------------------------------------------------------- decompositions


def _spans(op: Operation, axes: int, x: Any, kernel: Any) -> tuple[Geometry, tuple[Span, ...]]:
    """The geometry of a convolution of shapes x and kernel, when lowering."""
    geometry = geometry_of(op, axes)
    return geometry, spans_of(geometry, geometry.spatial(x), kernel[:-2])


def _forward_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        x, kernel = op.inputs
        geometry, spans = _spans(op, axes, x.type.dims, kernel.type.dims)
        y = convolve(channels_last(x, geometry.first), kernel, spans)
        return as_program(y, geometry.first)

    return decompose


def _input_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        _, kernel, dy = op.inputs
        geometry, spans = _spans(op, axes, op.outputs[0].type.dims, kernel.type.dims)
        dx = convolve_input(channels_last(dy, geometry.first), kernel, spans)
        return as_program(dx, geometry.first)

    return decompose


def _filter_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        x, _, dy = op.inputs
        geometry, spans = _spans(op, axes, x.type.dims, op.outputs[0].type.dims)
        x, dy = (channels_last(t, geometry.first) for t in (x, dy))
        return convolve_filter(x, dy, spans)

    return decompose


# -------------------------------------------------------------------------------------- references


def _last(x: np.ndarray, first: bool) -> np.ndarray:
    return np.moveaxis(x, 1, -1) if first else x


def _program(x: np.ndarray, first: bool) -> np.ndarray:
    return np.moveaxis(x, -1, 1) if first else x


def _padded(x: np.ndarray, spans: tuple[Span, ...]) -> np.ndarray:
    """An array [n, *spatial, c] with its padding, in double precision."""
    pairs = [(0, 0), *((s.before, s.behind) for s in spans), (0, 0)]
    return np.pad(x.astype(np.float64), pairs)


def _plain_spans(c: Any, axes: int, x: Any, kernel: Any) -> tuple[bool, tuple[Span, ...]]:
    geometry = geometry_of(c, axes)
    return geometry.first, spans_of(geometry, geometry.spatial(x), kernel[:-2])


def _windows(x: np.ndarray, spans: tuple[Span, ...]) -> np.ndarray:
    return windows_of(
        x,
        [s.window for s in spans],
        [s.stride for s in spans],
        [s.rate for s in spans],
        [s.output for s in spans],
    )


def _forward_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        first, spans = _plain_spans(c, axes, x.shape, kernel.shape)
        found = _windows(_padded(_last(x, first), spans), spans)
        y = np.tensordot(found, kernel.astype(np.float64), axes + 1)
        return np.asarray(_program(y, first), x.dtype)

    return reference


def _filter_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray, sizes: np.ndarray, dy: np.ndarray) -> np.ndarray:
        first, spans = _plain_spans(c, axes, x.shape, sizes.tolist())
        found = _windows(_padded(_last(x, first), spans), spans)
        over = list(range(axes + 1))
        wide = _last(dy, first).astype(np.float64)
        return np.asarray(np.tensordot(found, wide, (over, over)), x.dtype)

    return reference


def _input_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, sizes: np.ndarray, kernel: np.ndarray, dy: np.ndarray) -> np.ndarray:
        first, spans = _plain_spans(c, axes, sizes.tolist(), kernel.shape)
        wide = _last(dy, first).astype(np.float64)
        whole = _padded(_last(np.zeros(sizes, dy.dtype), first), spans)
        for place in np.ndindex(*kernel.shape[:-2]):
            rows = [
                slice(k * s.rate, k * s.rate + s.output * s.stride, s.stride)
                for k, s in zip(place, spans, strict=True)
            ]
            part = wide @ kernel[place].astype(np.float64).T
            whole[(slice(None), *rows)] += part
        inner = [slice(s.before, s.before + s.size) for s in spans]
        return np.asarray(_program(whole[(slice(None), *inner)], first), dy.dtype)

    return reference


# --------------------------------------------------------------------------------------- gradients


def _shape(x: Tensor) -> Tensor:
    shape: Tensor = x.graph.op("Shape", x)
    return shape


def _forward_gradient(names: tuple[str, str, str]) -> Callable[..., list[Any]]:
    def gradient(op: Operation, dy: Tensor) -> list[Any]:
        graph, (x, kernel), attrs = op.graph, op.inputs, op.attrs
        dx = dkernel = None
        if wanted(x):
            dx = graph.op(names[1], _shape(x), kernel, dy, **attrs)
        if wanted(kernel):
            dkernel = graph.op(names[2], x, _shape(kernel), dy, **attrs)
        return [dx, dkernel]

    return gradient


def _input_gradient(names: tuple[str, str, str]) -> Callable[..., list[Any]]:
    def gradient(op: Operation, ddx: Tensor) -> list[Any]:
        graph, (_, kernel, dy), attrs = op.graph, op.inputs, op.attrs
        dkernel = ddy = None
        if wanted(kernel):
            dkernel = graph.op(names[2], ddx, _shape(kernel), dy, **attrs)
        if wanted(dy):
            ddy = graph.op(names[0], ddx, kernel, **attrs)
        return [None, dkernel, ddy]

    return gradient


def _filter_gradient(names: tuple[str, str, str]) -> Callable[..., list[Any]]:
    def gradient(op: Operation, dkernel: Tensor) -> list[Any]:
        graph, (x, _, dy), attrs = op.graph, op.inputs, op.attrs
        dx = ddy = None
        if wanted(x):
            dx = graph.op(names[1], _shape(x), dkernel, dy, **attrs)
        if wanted(dy):
            ddy = graph.op(names[0], x, dkernel, **attrs)
        return [dx, None, ddy]

    return gradient


# ----------------------------------------------------------------------------------------- samples

_Row = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]]

# input, filter and result shapes, attributes; the first row runs in both precisions
_PLANE: tuple[_Row, ...] = (
    ((2, 4, 3, 2), (3, 2, 2, 3), (2, 2, 2, 3), {"strides": (1, 1, 1, 1), "padding": "VALID"}),
    ((1, 5, 4, 2), (3, 3, 2, 3), (1, 3, 2, 3), {"strides": (1, 2, 2, 1), "padding": "SAME"}),
    ((2, 4, 5, 2), (2, 5, 2, 3), (2, 4, 5, 3), {"strides": (1, 1, 1, 1), "padding": "SAME"}),
    ((1, 7, 5, 2), (2, 1, 2, 2), (1, 3, 3, 2), {"strides": (1, 3, 2, 1), "padding": "SAME"}),
    ((1, 5, 6, 5), (3, 2, 5, 2), (1, 2, 2, 2), {"strides": (1, 2, 3, 1), "padding": "VALID"}),
    ((1, 7, 6, 2), (2, 3, 2, 2), (1, 5, 2, 2),
     {"strides": (1, 1, 1, 1), "padding": "VALID", "dilations": (1, 2, 2, 1)}),
    ((1, 5, 4, 2), (2, 2, 2, 3), (1, 4, 3, 3),
     {"strides": (1, 2, 2, 1), "padding": "EXPLICIT",
      "explicit_paddings": (0, 0, 3, 1, 0, 2, 0, 0)}),
    ((2, 3, 2, 4), (1, 1, 4, 2), (2, 3, 2, 2), {"strides": (1, 1, 1, 1), "padding": "SAME"}),
    ((0, 4, 4, 2), (3, 3, 2, 2), (0, 4, 4, 2), {"strides": (1, 1, 1, 1), "padding": "SAME"}),
    ((1, 2, 5, 4), (3, 3, 2, 3), (1, 3, 3, 2),
     {"strides": (1, 1, 2, 2), "padding": "SAME", "data_format": "NCHW"}),
)  # fmt: skip

_VOLUME: tuple[_Row, ...] = (
    ((1, 2, 3, 2, 2), (2, 2, 1, 2, 2), (1, 2, 2, 2, 2),
     {"strides": (1, 1, 2, 1, 1), "padding": "SAME"}),
    ((2, 3, 2, 3, 1), (2, 2, 1, 1, 2), (2, 2, 1, 3, 2),
     {"strides": (1, 1, 1, 1, 1), "padding": "VALID"}),
)  # fmt: skip


def _samples(rows: tuple[_Row, ...], inputs: Callable[..., Any]) -> tuple[Sample, ...]:
    """A sample per row, of the operands that `inputs` makes of the three shapes."""
    return tuple(
        Sample(inputs(*shapes), attrs, tolerance=8, dtypes=None if number < 1 else _ONE)
        for number, (*shapes, attrs) in enumerate(rows)
    )


_ONE = (dtypes.float64,)


def _family(axes: int, names: tuple[str, str, str], rows: tuple[_Row, ...]) -> None:
    attrs = window_attrs(axes, explicit=axes == 2, dilations=True)
    if axes == 2:
        attrs["use_cudnn_on_gpu"] = Attr("bool", True, "says nothing here")
    formula = "[n, o…, f] = sum over k…, c of input[n, o * stride + k * dilation - before…, c] *"
    register(OpDef(
        name=names[0],
        doc=f"Images with filters slid over them: output{formula} filter[k…, c, f].",
        inputs=("input", "filter"),
        attrs=attrs,
        infer=_forward_type(axes),
        reference=_forward_reference(axes),
        gradient=_forward_gradient(names),
        decompose=_forward_decompose(axes),
        dtypes=dtypes.FLOATS,
        samples=_samples(rows, lambda x, kernel, y: (Operand(x), Operand(kernel))),
    ))  # fmt: skip
    register(OpDef(
        name=names[1],
        doc=f"The cotangent of {names[0]}'s input, which has the shape `input_sizes`: each of its "
            "elements sums filter[k…, c, f] * out_backprop[n, o…, f] where it was read.",
        inputs=("input_sizes", "filter", "out_backprop"),
        attrs=attrs,
        infer=_input_type(axes),
        reference=_input_reference(axes),
        gradient=_input_gradient(names),
        decompose=_input_decompose(axes),
        shape_inputs=(0,),
        dtypes=dtypes.FLOATS,
        samples=_samples(
            rows, lambda x, kernel, y: (index_operand(x), Operand(kernel), Operand(y))
        ),
    ))  # fmt: skip
    register(OpDef(
        name=names[2],
        doc=f"The cotangent of {names[0]}'s filter, which has the shape `filter_sizes`: "
            "output[k…, c, f] = sum over n, o… of input[n, o * stride + k * dilation - before…, c] "
            "* out_backprop[n, o…, f].",
        inputs=("input", "filter_sizes", "out_backprop"),
        attrs=attrs,
        infer=_filter_type(axes),
        reference=_filter_reference(axes),
        gradient=_filter_gradient(names),
        decompose=_filter_decompose(axes),
        shape_inputs=(1,),
        dtypes=dtypes.FLOATS,
        samples=_samples(
            rows, lambda x, kernel, y: (Operand(x), index_operand(kernel), Operand(y))
        ),
    ))  # fmt: skip


_family(2, ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"), _PLANE)
_family(3, ("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"), _VOLUME)
