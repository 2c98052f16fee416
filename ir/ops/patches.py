"""ExtractImagePatches: windows as channels, and the sum that undoes it."""

from __future__ import annotations

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
from graphc.ir.lowering import Index, View, along
from graphc.ir.ops.adjoint import axes_constant, reshape
from graphc.ir.ops.phases import over_input, without_both, without_padding
from graphc.ir.ops.window_arrays import array_windows, scattered
from graphc.ir.ops.window_views import windows
from graphc.ir.ops.windows import (
    PADDINGS,
    Geometry,
    Span,
    known_shape,
    padded,
    spans_of,
)
from graphc.ir.types import TensorType

_ATTRS = {
    "ksizes": Attr("ints", doc="the size of a window, an element for each dimension"),
    "strides": Attr("ints"),
    "rates": Attr("ints", doc="the distances within a window"),
    "padding": Attr("string", choices=PADDINGS),
}


def _spans(c: Any, shape: Sequence[Any], check: TypeContext | None = None) -> tuple[Span, ...]:
    """The windows over images of a shape; a type rule gives itself for the checks."""
    attrs = {name: tuple(c.attrs[name]) for name in ("ksizes", "strides", "rates")}
    if check is not None:
        for name, values in attrs.items():
            if len(values) != 4 or values[0] != 1 or values[3] != 1 or min(values) < 1:
                check.fail(f"{name} must be [1, rows, columns, 1], not {list(values)}")
    inner = {name: values[1:3] for name, values in attrs.items()}
    geometry = Geometry(inner["strides"], inner["rates"], c.attrs["padding"], (), False)
    return spans_of(geometry, shape[1:3], inner["ksizes"], check)


def _type(c: TypeContext) -> TensorType:
    shape = known_shape(c, 0, 4)
    spans = _spans(c, shape, c)
    depth = product(s.window for s in spans) * shape[3]
    return c.inputs[0].with_shape((shape[0], *(s.output for s in spans), depth))


def _decompose(op: Operation) -> Tensor:
    x = op.inputs[0]
    return reshape(windows(x, _spans(op, x.type.dims)), op.outputs[0].type.dims)


def _reference(c: Any, x: np.ndarray) -> np.ndarray:
    return array_windows(x, _spans(c, x.shape), 0).reshape(c.types[0].dims)


_ROWS: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 4, 5, 2), {"ksizes": (1, 2, 3, 1), "strides": (1, 1, 2, 1), "rates": (1, 1, 1, 1),
                    "padding": "SAME"}),
    ((1, 6, 5, 1), {"ksizes": (1, 2, 2, 1), "strides": (1, 1, 1, 1), "rates": (1, 3, 2, 1),
                    "padding": "VALID"}),
    ((1, 7, 4, 1), {"ksizes": (1, 2, 2, 1), "strides": (1, 2, 3, 1), "rates": (1, 2, 1, 1),
                    "padding": "SAME"}),
    ((0, 3, 3, 2), {"ksizes": (1, 2, 2, 1), "strides": (1, 1, 1, 1), "rates": (1, 1, 1, 1),
                    "padding": "VALID"}),
)  # fmt: skip

_SAMPLES = tuple(Sample((Operand(shape),), attrs, dtypes=(dtypes.float64,))
                 for shape, attrs in _ROWS)  # fmt: skip


def _result(shape: tuple[int, ...], attrs: dict[str, Any]) -> tuple[int, ...]:
    """The shape of the patches of a sample."""
    geometry = Geometry(attrs["strides"][1:3], attrs["rates"][1:3], attrs["padding"], (), False)
    spans = spans_of(geometry, shape[1:3], attrs["ksizes"][1:3])
    depth = shape[3] * int(product(s.window for s in spans))
    return (shape[0], spans[0].output, spans[1].output, depth)


register(OpDef(
    name="ExtractImagePatches",
    doc="The windows of images as channels: patches[n, i, j, (di, dj, c)] = images[n, i * stride + "
        "di * rate - before, j * stride + dj * rate - before, c].",
    inputs=("images",),
    attrs=_ATTRS,
    infer=_type,
    reference=_reference,
    gradient=lambda op, dy: [
        op.graph.op("ExtractImagePatchesGrad", dy, op.inputs[0], **op.attrs)
    ],
    decompose=_decompose,
    dtypes=dtypes.NUMERIC,
    samples=_SAMPLES,
))  # fmt: skip

# ------------------------------------------------------------------------------------- the adjoint


def _shares_type(c: TypeContext) -> TensorType:
    """[n, u…, k…, c] to [n, (q, r)…, j…, c]."""
    shape = known_shape(c, 0, 6)
    strides, rates, steps = (c.attrs[name] for name in ("strides", "rates", "steps"))
    pairs: list[Any] = []
    for size, stride, rate, step in zip(shape[1:3], strides, rates, steps, strict=True):
        pairs += [size - (step - 1) * rate, stride]
    return c.inputs[0].with_shape((shape[0], *pairs, *steps, shape[5]))


def _shares_index(op: Operation) -> tuple[Index, ...]:
    """Step j, the last one first, of phase r is element r + stride * (steps - 1 - j)."""
    strides, rates, steps = (op.attrs[name] for name in ("strides", "rates", "steps"))
    reads = [Index(((1 + 2 * i, 1), (5 + i, rates[i]))) for i in range(2)]
    elements = [
        Index(((2 + 2 * i, 1), (5 + i, -strides[i])), strides[i] * (steps[i] - 1)) for i in range(2)
    ]
    return (along(0), *reads, *elements, along(7))


def _shares_reference(c: Any, x: np.ndarray) -> np.ndarray:
    strides, rates, steps = (c.attrs[name] for name in ("strides", "rates", "steps"))
    counts = [
        max(size - (step - 1) * rate, 0)
        for size, rate, step in zip(x.shape[1:3], rates, steps, strict=True)
    ]
    pairs = [n for pair in zip(counts, strides, strict=True) for n in pair]
    result = np.empty((x.shape[0], *pairs, *steps, x.shape[5]), x.dtype)
    for place in np.ndindex(*strides, *steps):
        (r, t), (j, i) = place[:2], place[2:]
        rows = slice(j * rates[0], j * rates[0] + counts[0])
        columns = slice(i * rates[1], i * rates[1] + counts[1])
        element = r + strides[0] * (steps[0] - 1 - j), t + strides[1] * (steps[1] - 1 - i)
        result[:, :, r, :, t, j, i] = x[:, rows, columns, element[0], element[1]]
    return result


register(OpDef(
    name="WindowShares",
    doc="Of windows [n, u…, k…, c], padded along u and k, those elements that belong to position "
        "stride * q + r of the images: y[n, (q, r)…, j…, c] = "
        "x[n, q + j * rate…, r + stride * (steps - 1 - j)…, c].",
    inputs=("x",),
    attrs={"strides": Attr("ints"), "rates": Attr("ints"), "steps": Attr("ints")},
    infer=_shares_type,
    reference=_shares_reference,
    gradient=NoGradient("kernels are made of it; ExtractImagePatchesGrad has a gradient"),
    lowering=View(_shares_index),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((2, 4, 3, 4, 2, 1)),), {"strides": (2, 1), "rates": (1, 1),
                                                "steps": (2, 2)}, differentiable=False),
        Sample((Operand((1, 4, 2, 2, 1, 2)),), {"strides": (1, 1), "rates": (2, 1),
                                                "steps": (2, 1)}, differentiable=False),
    ),
))  # fmt: skip


def _grad_type(c: TypeContext) -> TensorType:
    dtype, shape = c.same_dtype(0, 1), known_shape(c, 1, 4)
    spans = _spans(c, shape, c)
    depth = product(s.window for s in spans) * shape[3]
    patches = (shape[0], *(s.output for s in spans), depth)
    c.merge_shapes(patches, known_shape(c, 0, 4), "sizes of the patches and of their cotangent")
    return TensorType(dtype, shape)


def _grad_decompose(op: Operation) -> Tensor:
    dy, x = op.inputs
    given = _spans(op, x.type.dims)
    batch, *outputs, _ = dy.type.dims
    depth = x.type.dims[3]
    dy = reshape(dy, (batch, *outputs, *(s.window for s in given), depth))
    dy, spans = without_both(dy, given)
    reverse, direct = over_input(dy, spans)
    steps = tuple(s.window for s in reverse)
    whole = [(0, j * s.stride - s.window) for j, s in zip(steps, spans, strict=True)]
    dy = padded(dy, [(0, 0), *((s.before, s.behind) for s in reverse), *whole, (0, 0)])
    shares = op.graph.op(
        "WindowShares",
        dy,
        strides=tuple(s.stride for s in spans),
        rates=tuple(s.rate for s in spans),
        steps=steps,
    )
    total = op.graph.op("Sum", shares, axes_constant(op.graph, (5, 6)))
    sizes = [shares.type.dims[1 + 2 * i] * s.stride for i, s in enumerate(spans)]
    return without_padding(reshape(total, (batch, *sizes, depth)), spans, direct)


def _grad_reference(c: Any, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    spans = _spans(c, x.shape)
    shares = dy.reshape((*dy.shape[:3], *(s.window for s in spans), x.shape[3]))
    return np.asarray(scattered(shares.astype(np.float64), spans), dy.dtype)


register(OpDef(
    name="ExtractImagePatchesGrad",
    doc="The cotangent of ExtractImagePatches: every element of the patches is added where it was "
        "read; of x only the type is read.",
    inputs=("dy", "x"),
    attrs=_ATTRS,
    infer=_grad_type,
    reference=_grad_reference,
    gradient=lambda op, ddx: [op.graph.op("ExtractImagePatches", ddx, **op.attrs), None],
    decompose=_grad_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.FLOATS,
    samples=tuple(
        Sample((Operand(_result(shape, attrs)), Operand(shape)), attrs, gradient_inputs=(0,),
               dtypes=(dtypes.float64,), tolerance=2)
        for shape, attrs in _ROWS
    ),
))  # fmt: skip
