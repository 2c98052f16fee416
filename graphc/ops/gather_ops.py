"""Gathers, scatters, segments, one-hot vectors, masks by length, and diagonals of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import Tensor
from graphc.ops.build import build, convert_values, create, index_tensor, scope_of

__all__ = [
    "diag", "diag_part", "eye", "gather", "gather_nd", "invert_permutation", "matrix_band_part",
    "matrix_diag", "matrix_diag_part", "matrix_set_diag", "one_hot", "scatter_nd", "segment_sum",
    "sequence_mask", "tensor_diag", "tensor_diag_part", "tensor_scatter_add", "tensor_scatter_sub",
    "tensor_scatter_update", "unsorted_segment_sum",
]  # fmt: skip


def gather(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """Slices of `params` along `axis` at `indices`, an integer tensor of any shape.

    Args:
        validate_indices: deprecated in TF1, where it does nothing either: all are checked.
        axis: default `batch_dims`.
        batch_dims: the number of leading dimensions that params and indices share.

    Raises:
        InvalidArgumentError: in the run, if an index is out of range.
    """
    axis = batch_dims if axis is None else axis
    with scope_of(name, "GatherV2", params, indices, axis) as (graph, scope):
        operands = (
            convert_to_tensor(params, name="params"),
            index_tensor(indices, "indices"),
            index_tensor(axis, "axis"),
        )
        if batch_dims < 0:
            rank = operands[1].type.rank
            if rank is None:
                raise ValueError(
                    located("tf.gather: the rank of indices must be known for batch_dims < 0")
                )
            batch_dims += rank
        return create(graph, scope, "GatherV2", *operands, batch_dims=int(batch_dims))[0]


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Slices of `params` at positions `indices[i…, :]`, which address leading dimensions.

    Raises:
        NotImplementedError: `batch_dims` is not 0.
    """
    if batch_dims != 0:
        raise NotImplementedError(located("tf.gather_nd: only batch_dims=0 is supported"))
    return build("GatherNd", name, ("params", params, None), ("indices", indices, "index"))


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros of `shape` to which each of `updates` is added at its index; duplicates add up."""
    return build(
        "ScatterNd", name,
        ("indices", indices, "index"), ("updates", updates, None), ("shape", shape, "index"),
    )  # fmt: skip


def _tensor_scatter(type: str, tensor: Any, indices: Any, updates: Any, name: str | None) -> Tensor:
    with scope_of(name, type, tensor, indices, updates) as (graph, scope):
        x, new = convert_values([tensor, updates], "tensor")
        return create(graph, scope, type, x, index_tensor(indices, "indices"), new)[0]


def tensor_scatter_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """`tensor` with what lies at each index replaced; of duplicates the last one stays."""
    return _tensor_scatter("TensorScatterUpdate", tensor, indices, updates, name)


def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with each update added at its index."""
    return _tensor_scatter("TensorScatterAdd", tensor, indices, updates, name)


def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with each update subtracted at its index."""
    return _tensor_scatter("TensorScatterSub", tensor, indices, updates, name)


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The inverse of a permutation of 0, 1, …: y[x[i]] = i."""
    return build("InvertPermutation", name, ("x", x, "index"))


# -------------------------------------------------------------------------------------- segments


def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row j is the sum of data[i…] over all i with segment_ids[i…] = j; none for negative ids."""
    return build(
        "UnsortedSegmentSum", name,
        ("data", data, None), ("segment_ids", segment_ids, "index"),
        ("num_segments", num_segments, "index"),
    )  # fmt: skip


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Sums over runs of rows with equal (sorted) segment ids: max(segment_ids) + 1 of them."""
    with scope_of(name, "SegmentSum", data, segment_ids) as (graph, scope):
        rows = convert_to_tensor(data, name="data")
        ids = index_tensor(segment_ids, "segment_ids")
        last = graph.op("Max", ids, graph.constant([0], dtypes.int32))
        one, zero = graph.constant(1, ids.dtype), graph.constant(0, ids.dtype)
        count = graph.op("Maximum", graph.op("Add", last, one), zero)
        return create(graph, scope, "UnsortedSegmentSum", rows, ids, count)[0]


# --------------------------------------------------------------------------- one-hot and masks


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """`on_value` (1) at the index along a new dimension of size `depth`, `off_value` (0) elsewhere.

    An index out of range gives off_value everywhere. The dtype is that of the values, else float32.

    Raises:
        TypeError: the values and `dtype` disagree.
    """
    with scope_of(name, "one_hot", indices, depth, on_value, off_value) as (graph, scope):
        wanted = _value_dtype(on_value, off_value, None if dtype is None else as_dtype(dtype))
        number = wanted.numpy.type
        on = _one_hot_value(graph, number(1) if on_value is None else on_value, wanted, "on_value")
        off = _one_hot_value(
            graph, number(0) if off_value is None else off_value, wanted, "off_value"
        )
        where = convert_to_tensor(indices, name="indices", preferred_dtype=dtypes.int32)
        size = index_tensor(depth, "depth")
        place = -1 if axis is None else int(axis)
        return create(graph, scope, "OneHot", where, size, on, off, axis=place)[0]


def _one_hot_value(graph: Any, value: Any, dtype: DType, name: str) -> Tensor:
    if element_of(value) is not None:
        return convert_to_tensor(value, dtype)
    return graph.constant(value, dtype, name=name)


def _value_dtype(on_value: Any, off_value: Any, dtype: DType | None) -> DType:
    found = [convert_to_tensor(v).dtype for v in (on_value, off_value) if element_of(v) is not None]
    bare = [v for v in (on_value, off_value) if v is not None and element_of(v) is None]
    if dtype is None and not found:
        found = [as_dtype(_python_dtype(v)) for v in bare]
        if not found:
            return dtypes.float32
    wanted = found[0] if dtype is None else dtype
    for other in found:
        if other is not wanted:
            raise TypeError(
                located(
                    f"dtype {wanted.name} of tf.one_hot and dtype {other.name} of its on_value or "
                    "off_value must match"
                )
            )
    return wanted


def _python_dtype(value: Any) -> Any:
    array = np.asarray(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return array.dtype
    return {"f": np.float32, "i": np.int32, "b": np.bool_}.get(array.dtype.kind, array.dtype)


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None
) -> Tensor:
    """mask[i…, j] = j < lengths[i…], for j below `maxlen` (default: the greatest length)."""
    with scope_of(name, "SequenceMask", lengths, maxlen) as (graph, _):
        ends = index_tensor(lengths, "lengths")
        zero, one = graph.constant(0, ends.dtype), graph.constant(1, ends.dtype)
        if maxlen is None:
            axes = graph.op("Range", 0, graph.op("Rank", ends), 1)
            limit = graph.op("Maximum", graph.op("Max", ends, axes), zero)
        else:
            limit = index_tensor(maxlen, "maxlen")
            if limit.dtype is not ends.dtype:
                limit = graph.op("Cast", limit, DstT=ends.dtype)
        places = graph.op("Range", zero, limit, one)
        last = graph.constant(-1, dtypes.int32)
        mask = graph.op("Less", places, graph.op("ExpandDims", ends, last))
        wanted = as_dtype(dtype)
        return mask if wanted is dtypes.bool_ else graph.op("Cast", mask, DstT=wanted)


# ------------------------------------------------------------------------------------- diagonals


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """y[i…, i…] = diagonal[i…] and zeros elsewhere; the rank doubles."""
    return build("Diag", name, ("diagonal", diagonal, None))


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """y[i…] = input[i…, i…]; the rank halves."""
    return build("DiagPart", name, ("input", input, None))


tensor_diag = diag
tensor_diag_part = diag_part


def matrix_diag(diagonal: Any, name: str = "matrix_diag") -> Tensor:
    """Square matrices with the given diagonals: [..., n] -> [..., n, n]."""
    return build("MatrixDiag", name, ("diagonal", diagonal, None))


def matrix_diag_part(input: Any, name: str = "matrix_diag_part") -> Tensor:
    """The diagonals of matrices: [..., m, n] -> [..., min(m, n)]."""
    return build("MatrixDiagPart", name, ("input", input, None))


def matrix_set_diag(input: Any, diagonal: Any, name: str = "matrix_set_diag") -> Tensor:
    """The matrices `input` with their diagonals replaced."""
    with scope_of(name, "matrix_set_diag", input, diagonal) as (graph, scope):
        return create(graph, scope, "MatrixSetDiag", *convert_values([input, diagonal], "input"))[0]


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros outside a band; a negative number keeps that whole triangle."""
    return build(
        "MatrixBandPart", name,
        ("input", input, None),
        ("num_lower", num_lower, "index"), ("num_upper", num_upper, "index"),
    )  # fmt: skip


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Identity matrices of shape `batch_shape + [num_rows, num_columns]` (square by default)."""
    with scope_of(name, "eye", num_rows, num_columns, batch_shape) as (graph, scope):
        one = graph.constant(np.ones((), as_dtype(dtype).numpy))
        rows = index_tensor(num_rows, "num_rows")
        columns = rows if num_columns is None else index_tensor(num_columns, "num_columns")
        lead = [] if batch_shape is None else [_int32(graph, index_tensor(batch_shape))]
        rows, columns = _int32(graph, rows), _int32(graph, columns)
        least = rows if num_columns is None else graph.op("Minimum", rows, columns)
        zero = graph.constant(0, dtypes.int32)
        ones = graph.op("Fill", _joined(graph, lead, [least], zero), one)
        if num_columns is None:
            return create(graph, scope, "MatrixDiag", ones)[0]
        whole = graph.op("Fill", _joined(graph, lead, [rows, columns], zero), one)
        return create(graph, scope, "MatrixDiagLike", ones, whole)[0]


def _int32(graph: Any, x: Tensor) -> Tensor:
    return x if x.dtype is dtypes.int32 else graph.op("Cast", x, DstT=dtypes.int32)


def _joined(graph: Any, lead: list[Tensor], sizes: list[Tensor], axis: Tensor) -> Tensor:
    tail = graph.op("Pack", *sizes)
    return graph.op("ConcatV2", *lead, tail, axis) if lead else tail
