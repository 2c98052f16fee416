"""Resizing of images: nearest neighbours, bilinear, bicubic, and their cotangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.positions import has_unknown, index_operand, require
from graphc.ir.ops.sampling import Axis, Method, resized, sampled, unresized, unsampled
from graphc.ir.ops.windows import known_shape
from graphc.ir.types import TensorType

_ATTRS = {"align_corners": Attr("bool", False), "half_pixel_centers": Attr("bool", False)}


def _check(c: TypeContext) -> None:
    if c.attrs["align_corners"] and c.attrs["half_pixel_centers"]:
        c.fail("if half_pixel_centers is True, align_corners must be False")


def _axes(c: Any, x: Any, y: Any) -> tuple[Axis, Axis]:
    """The axes between images of shapes x and y."""
    aligned, half = c.attrs["align_corners"], c.attrs["half_pixel_centers"]
    return Axis(x[1], y[1], aligned, half), Axis(x[2], y[2], aligned, half)


def _sizes(c: TypeContext) -> tuple[Any, Any]:
    """The size operand: two positive numbers."""
    shape, sizes = c.require_rank(1, 1), c.sizes(1)
    if sizes is None:
        if shape is not None and c.equal(shape[0], 2) is False:
            c.fail(f"size must have 2 elements, not {c.show(shape[0])}")
        return UNKNOWN, UNKNOWN
    if len(sizes) != 2:
        c.fail(f"size must have 2 elements, not {len(sizes)}")
    for size in sizes:
        if not has_unknown(size):
            require(c, 1, "<=", size, "output dimensions must be positive, not {}", size)
    return sizes[0], sizes[1]


def _forward_type(method: Method) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        _check(c)
        dtype = c.require_dtype(0, dtypes.NUMERIC)
        shape = known_shape(c, 0, 4)
        for size in shape[1:3]:
            if not has_unknown(size):
                require(c, 1, "<=", size, "input images must not be empty")
        kept = dtype if method == "nearest" else dtypes.float32
        return TensorType(kept, (shape[0], *_sizes(c), shape[3]))

    return infer


def _forward_decompose(method: Method) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        x, dtype = op.inputs[0], op.outputs[0].dtype
        rows, columns = _axes(op, x.type.dims, op.outputs[0].type.dims)
        return sampled(sampled(x, 2, columns, method, dtype), 1, rows, method, dtype)

    return decompose


def _forward_reference(method: Method) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray, size: np.ndarray) -> np.ndarray:
        axes = _axes(c, x.shape, (0, *size.tolist()))
        return resized(x, axes, method).astype(c.types[0].dtype.numpy)

    return reference


def _grad_type(c: TypeContext) -> TensorType:
    """The type of the original images."""
    _check(c)
    c.require_dtype(0, (dtypes.float32,))
    dtype = c.require_dtype(1, dtypes.FLOATS)
    dy, x = known_shape(c, 0, 4), known_shape(c, 1, 4)
    return TensorType(dtype, (c.merge(dy[0], x[0]), x[1], x[2], c.merge(dy[3], x[3])))


def _nearest_grad_type(c: TypeContext) -> TensorType:
    _check(c)
    dy = known_shape(c, 0, 4)
    return TensorType(c.require_dtype(0, dtypes.FLOATS), (dy[0], *_sizes(c), dy[3]))


def _grad_decompose(method: Method) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        dy, dtype = op.inputs[0], op.outputs[0].dtype
        rows, columns = _axes(op, op.outputs[0].type.dims, dy.type.dims)
        if dy.dtype is not dtype:
            dy = op.graph.op("Cast", dy, DstT=dtype)
        return unsampled(unsampled(dy, 1, rows, method), 2, columns, method)

    return decompose


def _grad_reference(method: Method) -> Callable[..., np.ndarray]:
    def reference(c: Any, dy: np.ndarray, other: np.ndarray) -> np.ndarray:
        result = c.types[0]
        return unresized(dy, _axes(c, result.dims, dy.shape), method).astype(result.dtype.numpy)

    return reference


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in _ATTRS}


def _space(x: Tensor) -> Tensor:
    """Height and width of images."""
    space: Tensor = x.graph.op("Slice", x.graph.op("Shape", x), [1], [2])
    return space


def _forward_gradient(name: str, method: Method) -> Callable[..., list[Any]]:
    def gradient(op: Operation, dy: Tensor) -> list[Any]:
        x = op.inputs[0]
        like = _space(x) if method == "nearest" else x
        return [op.graph.op(name, dy, like, **_attrs(op)), None]

    return gradient


def _grad_gradient(name: str) -> Callable[..., list[Any]]:
    def gradient(op: Operation, ddx: Tensor) -> list[Any]:
        return [op.graph.op(name, ddx, _space(op.inputs[0]), **_attrs(op)), None]

    return gradient


# input and result shapes, and attributes
_ROWS: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((1, 3, 2, 2), (1, 5, 3, 2), {}),
    ((2, 4, 2, 1), (2, 2, 5, 1), {"half_pixel_centers": True}),
    ((1, 1, 4, 1), (1, 3, 3, 1), {"align_corners": True}),
    ((0, 3, 3, 1), (0, 2, 6, 1), {}),
)

_METHODS: tuple[tuple[str, Method, str], ...] = (
    ("ResizeNearestNeighbor", "nearest", "the nearest pixel"),
    ("ResizeBilinear", "bilinear", "the 4 pixels around it, weighted by distance, as float32"),
    ("ResizeBicubic", "bicubic", "the 16 pixels around it by cubic convolution, as float32"),
)

# Rows that are samples: code for cubic weights is long.
_MOST_ROWS = {"nearest": 4, "bilinear": 4, "bicubic": 2}


def _sample_dtypes(exact: bool, number: int, *more: Any) -> tuple[Any, ...]:
    """The dtypes of a row: weights are float32, so only what has none is exact in float64."""
    if number >= 1:
        return (dtypes.float32,)
    return (dtypes.float32, dtypes.float64) if exact else (dtypes.float32, *more)


for _name, _method, _what in _METHODS:
    _is_nearest = _method == "nearest"
    register(OpDef(
        name=_name,
        doc=f"Images in another size: each pixel is {_what}. `align_corners` keeps the centres of "
            "the corner pixels; `half_pixel_centers` takes pixels as areas.",
        inputs=("images", "size"),
        outputs=("resized_images",),
        attrs=_ATTRS,
        infer=_forward_type(_method),
        reference=_forward_reference(_method),
        gradient=_forward_gradient(f"{_name}Grad", _method),
        decompose=_forward_decompose(_method),
        shape_inputs=(1,),
        dtypes=(dtypes.float32, dtypes.float64, dtypes.uint8) if _is_nearest else dtypes.NUMERIC,
        samples=tuple(
            Sample((Operand(x), index_operand(y[1:3])), attrs, tolerance=16,
                   dtypes=_sample_dtypes(_is_nearest, number, dtypes.uint8))
            for number, (x, y, attrs) in enumerate(_ROWS[: _MOST_ROWS[_method]])
        ),
    ))  # fmt: skip
    register(OpDef(
        name=f"{_name}Grad",
        doc=f"The cotangent of the images of {_name}: every pixel of `grads` is shared out over "
            "those that it was made of.",
        inputs=("grads", "size" if _is_nearest else "original_image"),
        attrs=_ATTRS,
        infer=_nearest_grad_type if _is_nearest else _grad_type,
        reference=_grad_reference(_method),
        gradient=_grad_gradient(_name),
        decompose=_grad_decompose(_method),
        shape_inputs=(1,),
        dtypes=dtypes.FLOATS,
        samples=tuple(
            Sample(
                (Operand(y, None if _is_nearest else dtypes.float32),
                 index_operand(x[1:3]) if _is_nearest else Operand(x)),
                attrs, tolerance=16, gradient_inputs=(0,),
                dtypes=_sample_dtypes(_is_nearest, number),
            )
            for number, (x, y, attrs) in enumerate(_ROWS[: _MOST_ROWS[_method]])
        ),
    ))  # fmt: skip
