"""The cotangents of pooling, gathered: every input element looks for the windows that read it.

The windows over position u = h + before of the padded input are those at o = q - j, with
u = stride * q + r and k = r + stride * j inside the window; so the cotangent is built as
[n, q, r, …, c], a sum over the few steps j, and no two threads ever write one element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, floordiv, maximum
from graphc.ir.graph import ZERO, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.adjoint import axes_constant, broadcast, reshape
from graphc.ir.ops.pointwise import select, zero
from graphc.ir.ops.pooling import (
    FAR,
    ROWS,
    apart,
    divided_by_counts,
    fold_windows,
    over_windows,
    pool_attrs,
    pool_spans,
    pooled_shape,
    row_dtypes,
)
from graphc.ir.ops.positions import index_operand, non_negative_sizes
from graphc.ir.ops.window_arrays import array_counts, array_windows, last, program, scattered
from graphc.ir.ops.window_views import windows
from graphc.ir.ops.windows import (
    FORMATS,
    Span,
    as_program,
    channels_last,
    known_shape,
    part,
    window_axes,
)
from graphc.ir.types import TensorType

# ------------------------------------------------------------------------------ windows, reversed


def _backward(spans: Sequence[Span]) -> list[Span]:
    """Along each axis the outputs q - j, for all q that the input reaches; the last step first."""
    found = []
    for span in spans:
        steps = -(-span.window // span.stride)
        count = floordiv(span.size + span.before + span.stride - 1, span.stride)
        behind = maximum(count - span.output, 0)
        found.append(Span(span.output, steps, 1, 1, steps - 1, behind, count))
    return found


def _wide_strides(spans: Sequence[Span]) -> list[Span]:
    """The same windows; where there is but one, the stride does not matter: it has one step."""
    return [
        replace(s, stride=max(s.stride, s.window))
        if isinstance(s.output, int) and s.output == 1
        else s
        for s in spans
    ]


def _spread(dy: Tensor, spans: Sequence[Span], fill: int = 0) -> Tensor:
    """[n, o…, c] as [n, (q, 1)…, j…, c]: at each step the output that reads phase r of q."""
    steps = _backward(spans)
    dims = dy.type.dims
    if all(s.window == 1 and not s.is_padded for s in steps):
        found = part(dy, [0] * len(dims), (dims[0], *(s.output for s in steps), dims[-1]))
    else:
        found = windows(dy, steps, fill)
    pairs = [size for s in steps for size in (s.output, 1)]
    return reshape(found, (dims[0], *pairs, *(s.window for s in steps), dims[-1]))


def _elements(spans: Sequence[Span]) -> list[np.ndarray]:
    """For each axis the element of the window at phase r and step j, shaped like `_spread`."""
    axes = len(spans)
    found = []
    for axis, (span, step) in enumerate(zip(spans, _backward(spans), strict=True)):
        shape = [1] * (3 * axes + 1)
        shape[2 * axis + 1], shape[2 * axes + axis] = span.stride, step.window
        first = np.arange(step.window)[::-1] * span.stride
        found.append(np.add.outer(np.arange(span.stride), first).reshape(shape))
    return found


def _inside(spans: Sequence[Span]) -> np.ndarray:
    """Whether phase r has an element at step j."""
    inside = np.ones((1,) * (3 * len(spans) + 1), bool)
    for element, span in zip(_elements(spans), spans, strict=True):
        inside = inside & (element < span.window)
    return inside


def _gathered(shares: Tensor, spans: Sequence[Span]) -> Tensor:
    """[n, (q, r)…, j…, c], summed over the steps, as [n, h…, c]."""
    axes = len(spans)
    batch, channels = shares.type.dims[0], shares.type.dims[-1]
    if all(s.window == 1 for s in _backward(spans)):
        total = shares
    else:
        steps = axes_constant(shares.graph, range(1 + 2 * axes, 1 + 3 * axes))
        total = shares.graph.op("Sum", shares, steps)
    sizes = [b.output * s.stride for b, s in zip(_backward(spans), spans, strict=True)]
    dx = reshape(total, (batch, *sizes, channels))
    begins = [0, *(s.before for s in spans), 0]
    return part(dx, begins, (batch, *(s.size for s in spans), channels))


# ------------------------------------------------------------------------------------------ maxima


def first_positions(x: Tensor, y: Tensor, spans: Sequence[Span]) -> Tensor:
    """[n, o…, c], int32: which element of its window the maximum y of x is, the first of equals."""
    table = _positions(spans)
    found = windows(x, spans, -np.inf)
    is_greatest = x.graph.op("Equal", found, over_windows(y))
    places = x.graph.constant(table[..., None])
    candidates = select(is_greatest, places, x.graph.constant(FAR, dtypes.int32))
    return fold_windows("Min", candidates, spans)


def _positions(spans: Sequence[Span]) -> np.ndarray:
    """[k…]: the numbers of a window's elements."""
    sizes = [s.window for s in spans]
    return np.arange(int(np.prod(sizes)), dtype=np.int32).reshape(sizes)


def _max_grad_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        geometry, spans = pool_spans(op, axes, op.inputs[0].type.dims)
        x, y, dy = (channels_last(t, geometry.first) for t in op.inputs)
        position = first_positions(x, y, spans)
        spans = tuple(_wide_strides(spans))
        numbers = np.zeros((1,) * (3 * axes + 1), np.int32)
        for element, span in zip(_elements(spans), spans, strict=True):
            numbers = numbers * span.window + element
        table = np.where(_inside(spans), numbers, -2).astype(np.int32)
        here = op.graph.op("Equal", _spread(position, spans, -1), op.graph.constant(table))
        shares = select(here, _spread(dy, spans), zero(dy))
        return as_program(_gathered(shares, spans), geometry.first)

    return decompose


def _max_second_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        geometry, spans = pool_spans(op, axes, op.inputs[0].type.dims)
        x, y, ddx = (channels_last(t, geometry.first) for t in op.inputs)
        places = op.graph.constant(_positions(spans)[..., None])
        here = op.graph.op("Equal", over_windows(first_positions(x, y, spans)), places)
        chosen = select(here, windows(ddx, spans), zero(ddx))
        return as_program(fold_windows("Sum", chosen, spans), geometry.first)

    return decompose


def _first_greatest(x: np.ndarray, y: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """[n, o…, k…, c]: one at the first element of each window that equals y, else zero."""
    axes = len(spans)
    found = array_windows(x, spans, -np.inf)
    is_greatest = found == y.reshape((*y.shape[:-1], *(1,) * axes, y.shape[-1]))
    flat = np.moveaxis(is_greatest, -1, 1 + axes)
    flat = flat.reshape((*flat.shape[: 2 + axes], math.prod(s.window for s in spans)))
    first = flat & (np.cumsum(flat, -1) == 1)
    shape = (*y.shape, *(s.window for s in spans))
    return np.moveaxis(first.reshape(shape), 1 + axes, -1)


def _max_grad_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        geometry, spans = pool_spans(c, axes, x.shape)
        x, y, wide = (last(a, geometry) for a in (x, y, dy))
        shape = (*wide.shape[:-1], *(1,) * axes, wide.shape[-1])
        shares = _first_greatest(x, y, spans) * wide.reshape(shape)
        return np.asarray(program(scattered(shares, spans), geometry), dy.dtype)

    return reference


def _max_second_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray, y: np.ndarray, ddx: np.ndarray) -> np.ndarray:
        geometry, spans = pool_spans(c, axes, x.shape)
        x, y, wide = (last(a, geometry) for a in (x, y, ddx))
        found = np.where(_first_greatest(x, y, spans), array_windows(wide, spans, 0), 0)
        return program(found.sum(window_axes(spans)), geometry)

    return reference


def _max_types(axes: int, second: bool) -> Callable[[TypeContext], TensorType]:
    """The input's type for the first cotangent, the result's for the second."""

    def infer(c: TypeContext) -> TensorType:
        dtype = c.same_dtype(0, 1, 2)
        c.require_dtype(0, dtypes.FLOATS)
        x, y, third = (known_shape(c, i, axes + 2) for i in range(3))
        y = c.merge_shapes(pooled_shape(c, axes, x), y, "sizes of the pooled and of orig_output")
        same = c.merge_shapes(x if second else y, third, "sizes of grad and of what it is for")
        return TensorType(dtype, y if second else (same[0], *x[1:]))

    return infer


def _max_rule(name: str) -> Callable[..., list[Any]]:
    """Both cotangents are linear in `grad`, each the adjoint of the other."""

    def gradient(op: Operation, dy: Tensor) -> list[Any]:
        return [ZERO, ZERO, op.graph.op(name, *op.inputs[:2], dy, **op.attrs)]

    return gradient


def _greatest(x: np.ndarray, axes: int, attrs: dict[str, Any]) -> np.ndarray:
    """The maxima of an operand of a sample."""
    context = SimpleNamespace(attrs={"data_format": FORMATS[axes][0], **attrs})
    geometry, spans = pool_spans(context, axes, x.shape)
    found = array_windows(last(x, geometry), spans, -np.inf)
    return np.ascontiguousarray(program(found.max(window_axes(spans)), geometry))


def _max_samples(axes: int, second: bool) -> tuple[Sample, ...]:
    samples = []
    for number, (x, y, attrs) in enumerate(ROWS[axes]):
        given = apart(x)
        # with equal elements; over three axes TensorFlow hands the cotangent to all of them
        if axes == 2 and number in (1, 2):
            given = Operand(x, value=np.floor(given.value) // 3)
        greatest = Operand(y, value=_greatest(given.value, axes, attrs))
        samples.append(
            Sample(
                (given, greatest, Operand(x if second else y)), attrs, gradient_inputs=(2,),
                dtypes=row_dtypes(number), tolerance=2,
            )
        )  # fmt: skip
    return tuple(samples)


# ------------------------------------------------------------------------------------------- means


def _mean_grad_type(axes: int) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        dtype = c.require_dtype(1, dtypes.FLOATS)
        c.require_rank(0, 1)
        sizes = non_negative_sizes(c, 0)
        dy = known_shape(c, 1, axes + 2)
        if sizes is None:
            return TensorType(dtype, (dy[0], *(UNKNOWN,) * (axes + 1)))
        if len(sizes) != axes + 2:
            c.fail(f"orig_input_shape must have {axes + 2} elements, not {len(sizes)}")
        c.merge_shapes(pooled_shape(c, axes, sizes), dy, "sizes of the pooled and of grad")
        return TensorType(dtype, (c.merge(sizes[0], dy[0]), *sizes[1:]))

    return infer


def _mean_grad_decompose(axes: int) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        geometry, spans = pool_spans(op, axes, op.outputs[0].type.dims)
        dy = divided_by_counts(channels_last(op.inputs[1], geometry.first), spans)
        spans = tuple(_wide_strides(spans))
        shares, inside = _spread(dy, spans), _inside(spans)
        if inside.all():
            dims = list(shares.type.dims)
            dims[2 : 2 * axes + 1 : 2] = [s.stride for s in spans]
            shares = broadcast(shares, dims)
        else:
            shares = select(op.graph.constant(inside), shares, zero(dy))
        return as_program(_gathered(shares, spans), geometry.first)

    return decompose


def _mean_grad_reference(axes: int) -> Callable[..., np.ndarray]:
    def reference(c: Any, shape: np.ndarray, dy: np.ndarray) -> np.ndarray:
        geometry, spans = pool_spans(c, axes, shape.tolist())
        share = last(dy, geometry).astype(np.float64) / array_counts(spans)
        ones = np.ones((*(s.window for s in spans), 1))
        shares = share.reshape((*share.shape[:-1], *(1,) * axes, share.shape[-1])) * ones
        return np.asarray(program(scattered(shares, spans), geometry), dy.dtype)

    return reference


def _mean_rule(name: str) -> Callable[..., list[Any]]:
    return lambda op, ddx: [None, op.graph.op(name, ddx, **op.attrs)]


def _mean_samples(axes: int) -> tuple[Sample, ...]:
    return tuple(
        Sample((index_operand(x), Operand(y)), attrs, dtypes=row_dtypes(number), tolerance=2)
        for number, (x, y, attrs) in enumerate(ROWS[axes])
    )


_DOCS = (
    "Each element of `grad` goes to the first maximum of its window: the cotangent of the input",
    "The element of `grad` at the first maximum of each window: the cotangent of the cotangent",
)

for _axes, _suffix in ((2, ""), (3, "3D")):
    for _second in (False, True):
        _name, _other = f"MaxPool{_suffix}Grad", f"MaxPool{_suffix}GradGrad"
        if _second:
            _name, _other = _other, _name
        register(OpDef(
            name=_name,
            doc=f"{_DOCS[_second]} of MaxPool{_suffix}.",
            inputs=("orig_input", "orig_output", "grad"),
            attrs=pool_attrs(_axes),
            infer=_max_types(_axes, _second),
            reference=(_max_second_reference if _second else _max_grad_reference)(_axes),
            gradient=_max_rule(_other),
            decompose=(_max_second_decompose if _second else _max_grad_decompose)(_axes),
            dtypes=dtypes.FLOATS,
            samples=_max_samples(_axes, _second),
        ))  # fmt: skip
    register(OpDef(
        name=f"AvgPool{_suffix}Grad",
        doc="Each element of `grad` is shared out evenly over its window: the cotangent of the "
            f"input of AvgPool{_suffix}, which has the shape `orig_input_shape`.",
        inputs=("orig_input_shape", "grad"),
        attrs=pool_attrs(_axes),
        infer=_mean_grad_type(_axes),
        reference=_mean_grad_reference(_axes),
        gradient=_mean_rule(f"AvgPool{_suffix}"),
        decompose=_mean_grad_decompose(_axes),
        shape_inputs=(0,),
        dtypes=dtypes.FLOATS,
        samples=_mean_samples(_axes),
    ))  # fmt: skip
