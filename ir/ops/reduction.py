"""Reductions: folds over some axes of a tensor, given as an integer operand `reduction_indices`.

A negative axis counts from the end; `keep_dims` keeps reduced axes with size 1. An empty fold gives
the neutral element: 0, 1, the lowest or highest value, False or True.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, maximum, minimum
from graphc.ir.dtypes import DType
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
from graphc.ir.lowering import Reduction, ReductionKind
from graphc.ir.ops.adjoint import axes_of, reduction_axes
from graphc.ir.ops.pointwise import apply, select, wrap
from graphc.ir.types import TensorType

# ---------------------------------------------------------------------------------- shared rules


def reduction_type(allowed: tuple[DType, ...]) -> Callable[[TypeContext], TensorType]:
    """The operand's type without the reduced axes, or with size 1 there."""

    def infer(c: TypeContext) -> TensorType:
        dtype, shape = c.require_dtype(0, allowed), c.inputs[0].shape
        keep = c.attrs["keep_dims"]
        if shape is None:
            c.require_dtype(1, dtypes.INDICES)
            return TensorType(dtype, None)
        axes = reduction_axes(c, 1, len(shape))
        if axes is None:
            return TensorType(dtype, (UNKNOWN,) * len(shape) if keep else None)
        if keep:
            return TensorType(dtype, tuple(1 if i in axes else d for i, d in enumerate(shape)))
        return TensorType(dtype, tuple(d for i, d in enumerate(shape) if i not in axes))

    return infer


def _reference(fold: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A reference from `fold(x, axis=, keepdims=)`."""

    def reference(c: Any, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
        axis = tuple(int(a) for a in axes.ravel())
        with np.errstate(all="ignore"):
            result = fold(x, axis=axis, keepdims=c.attrs["keep_dims"])
        return np.asarray(result).astype(c.types[0].dtype.numpy)

    return reference


def _wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """A fold of floats in double precision, of integers in their own."""

    def fold(x: np.ndarray, **options: Any) -> Any:
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        return function(wide, dtype=wide.dtype, **options)

    return fold


def _value(fold: Callable[[Any, Any], Any], start: int | None) -> Callable[[TypeContext], Any]:
    """A `value` rule: the symbolic fold of a known vector or scalar."""

    def value(c: TypeContext) -> Any:
        known, dtype = c.value(0), c.inputs[0].dtype
        if known is None or not dtype.is_integer or known.ndim > 1:
            return None
        axes = reduction_axes(c, 1, known.ndim)
        if axes is None:
            return None
        if not axes:
            return known
        if start is None and not known.size:
            return None
        total = known[0] if start is None else start
        for size in known if start is not None else known[1:]:
            total = fold(total, size)
        result = np.empty((1,) if c.attrs["keep_dims"] else (), dtype=object)
        result[...] = wrap(dtype, total)
        return result

    return value


def reduced_samples(
    low: float = -2.0, high: float = 2.0, dtype: DType | None = None, differentiable: bool = True
) -> tuple[Sample, ...]:
    """Some, all and no axes, negative ones, kept ones, a scalar, and an empty dimension."""
    rows: tuple[tuple[tuple[int, ...], Any, bool], ...] = (
        ((3, 5), [1], False), ((3, 5), [0], True), ((2, 3, 5), [-1, 0], False), ((37,), [0], False),
        ((2, 3), [0, 1], False), ((), [], False), ((3, 2), 0, False), ((0, 3), [0], False),
    )  # fmt: skip
    return tuple(
        Sample(
            (
                Operand(shape, dtype, low=low, high=high),
                Operand(np.shape(axes), dtypes.int32, value=axes),
            ),
            {"keep_dims": keep},
            differentiable=differentiable,
            gradient_inputs=(0,),
        )
        for shape, axes, keep in rows
    )


def _reduce(
    name: str,
    doc: str,
    reference: Callable[..., Any],
    gradient: Any,
    kind: ReductionKind | None,
    *,
    allowed: tuple[DType, ...] = dtypes.NUMERIC,
    decompose: Callable[[Operation], Any] | None = None,
    value: Callable[[TypeContext], Any] | None = None,
    samples: tuple[Sample, ...] | None = None,
) -> None:
    register(OpDef(
        name=name,
        doc=doc,
        inputs=("input", "reduction_indices"),
        attrs={"keep_dims": Attr("bool", False, "keep reduced axes with size 1")},
        infer=reduction_type(allowed),
        reference=_reference(reference),
        gradient=gradient,
        lowering=None if kind is None else Reduction(kind, axes_of),
        decompose=decompose,
        value=value,
        shape_inputs=(1,),
        dtypes=allowed,
        samples=reduced_samples() if samples is None else samples,
    ))  # fmt: skip


def expand(op: Operation, y: Tensor) -> Tensor:
    """`y`, of a reduction's result type, repeated to the shape of its operand."""
    return apply("ExpandReduced", y, *op.inputs, keep_dims=op.attrs["keep_dims"])


def _again(op: Operation, x: Tensor) -> Tensor:
    """The sum of `x` over the same axes as a reduction."""
    return apply("Sum", x, op.inputs[1], keep_dims=op.attrs["keep_dims"])


# ------------------------------------------------------------------------------- sums and means

_reduce(
    "Sum",
    "The sum of elements over the axes.",
    _wide(np.sum),
    lambda op, dy: [expand(op, dy), None],
    "sum",
    value=_value(lambda x, y: x + y, 0),
)


def _without_empty(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The same samples; where folds are empty, the result has no finite derivative."""
    return tuple(replace(s, differentiable=0 not in s.operands[0].shape) for s in samples)


def _count(op: Operation, dtype: DType) -> Tensor:
    """The number of elements that a reduction folds into one, as a number of a dtype."""
    size = op.graph.op("ReducedSize", *op.inputs)
    return size if size.dtype is dtype else apply("Cast", size, DstT=dtype)


def _mean_decompose(op: Operation) -> Tensor:
    x = op.inputs[0]
    if x.dtype.is_floating:
        return apply("RealDiv", _again(op, x), _count(op, x.dtype))
    # in int64: the count may exceed a narrow type, and an empty mean is 0
    wide = x if x.dtype is dtypes.int64 else op.graph.op("Cast", x, DstT=dtypes.int64)
    count = op.graph.op("Maximum", _count(op, dtypes.int64), op.graph.constant(1, dtypes.int64))
    mean = op.graph.op("TruncateDiv", _again(op, wide), count)
    return mean if x.dtype is dtypes.int64 else apply("Cast", mean, DstT=x.dtype)


def _mean(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> Any:
    count = int(np.prod([x.shape[a] for a in axis], dtype=np.int64))
    if x.dtype.kind == "f":
        return np.sum(x, axis=axis, keepdims=keepdims, dtype=np.float64) / count
    total = np.sum(x, axis=axis, keepdims=keepdims, dtype=np.int64)
    return np.sign(total) * (np.abs(total) // max(count, 1))


_reduce(
    "Mean",
    "The mean over the axes; of integers rounded to zero, of nothing NaN (0 for integers).",
    _mean,
    lambda op, dy: [expand(op, dy / _count(op, dy.dtype)), None],
    None,
    decompose=_mean_decompose,
    samples=_without_empty(reduced_samples()),
)


def _norm(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> Any:
    wide = x.astype(np.float64)
    return np.sqrt(np.sum(wide * wide, axis=axis, keepdims=keepdims))


_reduce(
    "EuclideanNorm",
    "The Euclidean norm over the axes: sqrt(sum of x^2).",
    _norm,
    lambda op, dy: [op.inputs[0] * expand(op, dy / op.outputs[0]), None],
    None,
    allowed=dtypes.FLOATS,
    decompose=lambda op: op.graph.op("Sqrt", _again(op, op.graph.op("Square", op.inputs[0]))),
    samples=_without_empty(reduced_samples(0.5, 2.0)),
)

# -------------------------------------------------------------------------------------- products


def _prod_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    """dx_i = dy * the product of the others of i's group.

    That product is taken over rows of a [groups, n, n] cube with 1 on its diagonal, never as
    y / x_i, so it holds for zeros, and so do its own derivatives; kernels fuse the cube away.
    """
    graph, (x, axes) = op.graph, op.inputs
    groups = graph.op("GroupReduced", x, axes)
    count = graph.op("ReducedSize", x, axes)
    zero, one = graph.constant(0, dtypes.int64), graph.constant(1, dtypes.int64)
    numbers = graph.op("Range", zero, count, one)
    column = graph.op("ExpandDims", numbers, graph.constant(1))
    cube = graph.op("ExpandDims", groups, graph.constant(1))
    cube = select(graph.op("Equal", numbers, column), graph.constant(1, x.dtype), cube)
    others = graph.op("Prod", cube, graph.constant(np.array([2], np.int32)))
    return [expand(op, dy) * graph.op("UngroupReduced", others, x, axes), None]


_reduce(
    "Prod",
    "The product of elements over the axes.",
    _wide(np.prod),
    _prod_gradient,
    "prod",
    value=_value(lambda x, y: x * y, 1),
    samples=(
        *reduced_samples(0.5, 2.0),
        Sample((Operand((3, 4), value=[[2, 0, 3, 1], [0, 1, 0, 2], [1, 2, 3, -1]]),
                Operand((1,), dtypes.int32, value=[1])),
               dtypes=(dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64),
               gradient_inputs=(0,)),
    ),
)  # fmt: skip

# -------------------------------------------------------------------------------------- extremes


def _extreme_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    """Elements equal to the extreme share its cotangent equally."""
    hit = op.graph.op("Equal", expand(op, op.outputs[0]), op.inputs[0])
    hits = op.graph.op("Cast", hit, DstT=dy.dtype)
    return [hits * expand(op, dy / _again(op, hits)), None]


def _extreme(function: Any, greatest: bool) -> Callable[..., Any]:
    def fold(x: np.ndarray, **options: Any) -> Any:
        dtype = dtypes.as_dtype(x.dtype)
        ends = (-np.inf, np.inf) if dtype.is_floating else (dtype.min, dtype.max)
        return function(x, initial=ends[0] if greatest else ends[1], **options)

    return fold


def _apart(differentiable: bool = True) -> tuple[Sample, ...]:
    """Samples whose elements differ, so that finite differences see no tie."""
    rows: tuple[tuple[tuple[int, ...], Any, bool], ...] = (
        ((3, 5), [1], False), ((3, 5), [0], True), ((2, 3, 4), [-1, 0], False), ((), [], False),
        ((7,), 0, False), ((3, 0), [0], False),
    )  # fmt: skip
    samples = []
    for shape, axes, keep in rows:
        size = int(np.prod(shape))
        numbers = (np.arange(size) * 7 % 25 - 9).reshape(shape)
        operands = (
            Operand(shape, value=numbers),
            Operand(np.shape(axes), dtypes.int32, value=axes),
        )
        samples.append(Sample(operands, {"keep_dims": keep}, dtypes=_EXTREME_DTYPES,
                              differentiable=differentiable, gradient_inputs=(0,)))  # fmt: skip
    return tuple(samples)


_EXTREME_DTYPES = (
    dtypes.float32, dtypes.float64, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64,
)  # fmt: skip

_reduce(
    "Max",
    "The greatest element over the axes; NaN if there is one. Ties share the cotangent equally.",
    _extreme(np.max, greatest=True),
    _extreme_gradient,
    "max",
    value=_value(maximum, None),
    samples=(*_apart(), *reduced_samples(differentiable=False)),
)

_reduce(
    "Min",
    "The least element over the axes; NaN if there is one. Ties share the cotangent equally.",
    _extreme(np.min, greatest=False),
    _extreme_gradient,
    "min",
    value=_value(minimum, None),
    samples=(*_apart(), *reduced_samples(differentiable=False)),
)

# ----------------------------------------------------------------------------------------- logic

_BOOL = NoGradient("bool")
_TRUTHS = reduced_samples(dtype=dtypes.bool_, differentiable=False)

_reduce(
    "All",
    "Whether all elements over the axes are true.",
    np.all,
    _BOOL,
    "all",
    allowed=(dtypes.bool_,),
    samples=_TRUTHS,
)

_reduce(
    "Any",
    "Whether any element over the axes is true.",
    np.any,
    _BOOL,
    "any",
    allowed=(dtypes.bool_,),
    samples=_TRUTHS,
)

# ------------------------------------------------------------------------- positions of extremes


def _position_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.COMPUTED)
    output = dtypes.as_dtype(c.attrs["output_type"])
    if output not in dtypes.INDICES:
        c.fail_type(f"output_type must be int32 or int64, not {output.name}")
    if c.inputs[1].rank:
        c.fail("the dimension must be a number")
    shape = c.inputs[0].shape
    if shape is None:
        return TensorType(output, None)
    axes = reduction_axes(c, 1, len(shape))
    if axes is None:
        return TensorType(output, (UNKNOWN,) * (len(shape) - 1))
    size = shape[axes[0]]
    if c.less_equal(1, size) is False:
        c.fail(f"Reduction axis {axes[0]} is empty in shape {c.show_shape(shape)}")
    return TensorType(output, shape[: axes[0]] + shape[axes[0] + 1 :])


def _position_decompose(inner: str) -> Callable[[Operation], Tensor]:
    def decompose(op: Operation) -> Tensor:
        x = op.inputs[0]
        if x.dtype.is_bool:
            x = op.graph.op("Cast", x, DstT=dtypes.uint8)
        position = op.graph.op(inner, x, op.inputs[1])
        output = op.outputs[0].dtype
        return position if output is dtypes.int64 else apply("Cast", position, DstT=output)

    return decompose


def _dimension(axis: int) -> Operand:
    return Operand((), dtypes.int32, value=axis)


_POSITIONS = (
    Sample((Operand((3, 5)), _dimension(1)), differentiable=False),
    Sample((Operand((2, 3, 4)), _dimension(-2)), differentiable=False),
    Sample((Operand((37,)), _dimension(0)), differentiable=False),
    Sample((Operand((0, 3)), _dimension(1)), differentiable=False),
    Sample(
        (Operand((2, 4), value=[[3, 1, 3, 1], [1, 2, 1, 2]]), _dimension(1)), differentiable=False
    ),
)


def _position(function: Any) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
        return np.asarray(function(x, axis=int(axis)), c.types[0].dtype.numpy)

    return reference


_ARG_REDUCTIONS: tuple[tuple[str, ReductionKind, Callable[..., Any]], ...] = (
    ("ArgMax", "argmax", np.argmax),
    ("ArgMin", "argmin", np.argmin),
)

for _name, _kind, _function in _ARG_REDUCTIONS:
    _word = "greatest" if _kind == "argmax" else "least"
    register(OpDef(
        name=_name,
        doc=f"The position of the {_word} element along one axis, the first of equals; the "
            "first NaN wins.",
        inputs=("input", "dimension"),
        attrs={"output_type": Attr("dtype", dtypes.int64)},
        infer=_position_type,
        reference=_position(_function),
        gradient=NoGradient("an integer"),
        decompose=_position_decompose(f"{_name}Int64"),
        shape_inputs=(1,),
        dtypes=dtypes.NUMERIC,
        samples=(
            *_POSITIONS,
            Sample((Operand((3, 4)), _dimension(0)), {"output_type": dtypes.int32},
                   differentiable=False),
        ),
    ))  # fmt: skip
    register(OpDef(
        name=f"{_name}Int64",
        doc=f"What {_name} is made of: the position as int64, as kernels compute it.",
        inputs=("input", "dimension"),
        attrs={"output_type": Attr("dtype", dtypes.int64, choices=(dtypes.int64,))},
        infer=_position_type,
        reference=_position(_function),
        gradient=NoGradient("an integer"),
        lowering=Reduction(_kind, axes_of),
        shape_inputs=(1,),
        dtypes=dtypes.NUMERIC,
        samples=_POSITIONS,
    ))  # fmt: skip
