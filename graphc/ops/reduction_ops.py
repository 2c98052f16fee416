"""`tf.reduce_*`, positions of extremes, norms: what folds a tensor over some of its axes.

TF1 has every argument twice: `axis` was `reduction_indices`, `keepdims` was `keep_dims`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import IndexedSlices, Tensor
from graphc.ops.scoped import scoped

__all__ = [
    "reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min", "reduce_all",
    "reduce_any", "reduce_logsumexp", "reduce_euclidean_norm", "reduce_variance", "reduce_std",
    "count_nonzero", "argmax", "argmin", "arg_max", "arg_min", "norm",
]  # fmt: skip

# -------------------------------------------------------------------------------------- arguments


def renamed(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value of an argument that TF1 takes under a new and an old name.

    Raises:
        ValueError: both are given.
    """
    if old is None:
        return new
    if new is not None:
        raise ValueError(located(f"Cannot specify both '{old_name}' and '{new_name}'"))
    return old


def _axes(x: Tensor, axis: Any) -> Any:
    """The axes to fold: those given, else all of the tensor's."""
    if axis is not None:
        return axis
    if x.type.shape is not None:
        return x.graph.constant(np.arange(len(x.type.shape), dtype=np.int32))
    graph = x.graph
    zero, one = graph.constant(0), graph.constant(1)
    return graph.op("Range", zero, graph.op("Rank", x), one)


def _reduce(
    type: str, value: Any, axis: Any, keepdims: Any, name: str | None, old_axis: Any, old_keep: Any
) -> Tensor:
    axis = renamed("axis", axis, "reduction_indices", old_axis)
    keep = bool(renamed("keepdims", keepdims, "keep_dims", old_keep))
    if isinstance(value, IndexedSlices) or not isinstance(value, Tensor):
        with name_scope(name, type, (value,)) as scope:
            tensor = convert_to_tensor(value, name="input")
            return _fold(type, tensor, axis, keep, scope)
    return _fold(type, value, axis, keep, name)


def _fold(type: str, x: Tensor, axis: Any, keep: bool, name: str | None) -> Tensor:
    result = scoped(type, (x, _axes(x, axis)), name, keep_dims=keep)
    if axis is None and not keep and result.type.shape is None:
        result.set_shape(())
    return result


# ------------------------------------------------------------------------------------- reductions


def reduce_sum(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The sum over `axis` (a number or a list; default all), which is dropped or kept with size 1.

    Raises:
        ValueError: an axis is out of range or named twice.
    """
    return _reduce("Sum", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_mean(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The mean over `axis` (default all); of integers an integer, rounded to zero."""
    return _reduce("Mean", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_prod(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The product over `axis` (default all)."""
    return _reduce("Prod", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_max(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The greatest element over `axis` (default all)."""
    return _reduce("Max", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_min(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The least element over `axis` (default all)."""
    return _reduce("Min", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_all(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Whether all elements over `axis` (default all) are true."""
    return _reduce("All", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_any(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Whether any element over `axis` (default all) is true."""
    return _reduce("Any", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """sqrt(sum of squares) over `axis` (default all)."""
    return _reduce("EuclideanNorm", input_tensor, axis, keepdims, name, None, None)


def reduce_logsumexp(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """log(sum(exp(x))) over `axis` (default all), without overflow."""
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "ReduceLogSumExp", (input_tensor,)) as scope:
        x = convert_to_tensor(input_tensor, name="input_tensor")
        op = x.graph.op
        highest = reduce_max(x, axis, True)
        # infinities are left to the exponentials: inf - inf would be NaN
        finite = op("Select", op("IsFinite", highest), highest, op("ZerosLike", highest))
        shift = op("StopGradient", finite)
        total = op("Log", reduce_sum(op("Exp", x - shift), axis, keep))
        if not keep:
            shift = op("ReshapeToShapeOf", shift, total)
        return op("Add", total, shift, name=scope)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean of squared distances from the mean, over `axis` (default all)."""
    with name_scope(name, "reduce_variance", (input_tensor,)):
        x = convert_to_tensor(input_tensor)
        if x.dtype.is_integer:
            raise TypeError(located("Input must be either real or complex"))
        return reduce_mean((x - reduce_mean(x, axis, True)) ** 2, axis, keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of `reduce_variance`."""
    with name_scope(name, "reduce_std", (input_tensor,)):
        return scoped("Sqrt", (reduce_variance(input_tensor, axis, keepdims),))


def count_nonzero(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """How many elements over `axis` (default all) are not zero, as `dtype`."""
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "count_nonzero", (input_tensor,)):
        x = convert_to_tensor(input_tensor, name="input_tensor")
        op = x.graph.op
        nonzero = op("NotEqual", x, x.graph.constant(False if x.dtype.is_bool else 0, x.dtype))
        total = reduce_sum(op("Cast", nonzero, DstT=dtypes.int64), axis, keep)
        wanted = as_dtype(dtype)
        return total if wanted is dtypes.int64 else op("Cast", total, DstT=wanted)


# -------------------------------------------------------------------------- positions of extremes


def argmax(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """The position of the greatest element along `axis` (default 0), the first of equals.

    The result lacks that axis and is int64 or int32 by `output_type`.
    """
    axis = renamed("axis", axis, "dimension", dimension)
    return arg_max(input, 0 if axis is None else axis, output_type, name)


def argmin(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """The position of the least element along `axis` (default 0), the first of equals.

    The result lacks that axis and is int64 or int32 by `output_type`.
    """
    axis = renamed("axis", axis, "dimension", dimension)
    return arg_min(input, 0 if axis is None else axis, output_type, name)


def arg_max(
    input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """The position of the greatest element along `dimension`: `argmax` as TF first spelled it."""
    return _position("ArgMax", input, dimension, output_type, name)


def arg_min(
    input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """The position of the least element along `dimension`: `argmin` as TF first spelled it."""
    return _position("ArgMin", input, dimension, output_type, name)


def _position(type: str, input: Any, dimension: Any, output_type: Any, name: str | None) -> Tensor:
    with name_scope(name, type, (input, dimension)) as scope:
        x = convert_to_tensor(input, name="input")
        axis = convert_to_tensor(dimension, name="dimension")
        return x.graph.op(type, x, axis, output_type=as_dtype(output_type), name=scope)


# ------------------------------------------------------------------------------------------ norms


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The norm of vectors (`axis` a number or None for all elements) or matrices (`axis` a pair).

    `ord` is "euclidean", "fro" (pairs only), or for vectors a positive number or infinity, for
    matrices 1 (greatest column sum) or infinity (greatest row sum).

    Raises:
        ValueError: `ord` does not go with `axis`.
    """
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    is_matrix = isinstance(axis, (tuple, list)) and len(axis) == 2
    if isinstance(axis, (tuple, list)) and not is_matrix:
        axis = _single_axis(axis)
    _check_order(ord, is_matrix)
    with name_scope(name, "norm", (tensor,)):
        x = convert_to_tensor(tensor)
        if ord in ("euclidean", "fro", 2):
            return scoped("Sqrt", (reduce_sum(scoped("Mul", (x, x)), axis, keep),))
        size = scoped("Abs", (x,))
        if is_matrix:
            return _matrix_norm(size, ord, axis, keep)
        if ord == 1:
            return reduce_sum(size, axis, keep)
        if ord == math.inf:
            return reduce_max(size, axis, keep)
        power = reduce_sum(scoped("Pow", (size, float(ord))), axis, keep)
        return scoped("Pow", (power, 1.0 / ord))


def _single_axis(axis: Any) -> Any:
    if len(axis) != 1:
        raise ValueError(
            located("'axis' must be None, an integer, or a tuple of 2 unique integers")
        )
    return axis[0]


def _check_order(ord: Any, is_matrix: bool) -> None:
    named = ("euclidean", "fro") if is_matrix else ("euclidean",)
    if isinstance(ord, str):
        fits = ord in named
    else:
        fits = ord in (1, math.inf) if is_matrix else ord > 0
    if not fits:
        kind = "matrix" if is_matrix else "vector"
        raise ValueError(located(f"'ord' {ord!r} is not a supported {kind} norm"))


def _matrix_norm(size: Tensor, ord: Any, axis: Any, keep: bool) -> Tensor:
    """The greatest sum of absolute values over columns (ord 1) or rows (infinity)."""
    rows, columns = axis
    summed, other = (rows, columns) if ord == 1 else (columns, rows)
    result = reduce_max(reduce_sum(size, summed, True), other, True)
    return result if keep else scoped("Squeeze", (result,), squeeze_dims=tuple(axis))
