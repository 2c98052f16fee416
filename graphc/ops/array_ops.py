"""Array functions as in TF1: shapes, reshaping, permuting and padding here, the others re-exported
from `filling_ops`, `joining_ops`, `slicing_ops` and `gather_ops`.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor
from graphc.ops.build import (
    build,
    create,
    holds_tensor,
    index_tensor,
    one_of,
    scope_of,
)
from graphc.ops.filling_ops import (
    fill,
    lin_space,
    linspace,
    meshgrid,
    ones,
    ones_like,
    range,
    zeros,
    zeros_like,
)
from graphc.ops.gather_ops import (
    diag,
    diag_part,
    eye,
    gather,
    gather_nd,
    invert_permutation,
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
    one_hot,
    scatter_nd,
    segment_sum,
    sequence_mask,
    tensor_diag,
    tensor_diag_part,
    tensor_scatter_add,
    tensor_scatter_sub,
    tensor_scatter_update,
    unsorted_segment_sum,
)
from graphc.ops.joining_ops import (
    concat,
    pack,
    parallel_stack,
    split,
    stack,
    unpack,
    unstack,
)
from graphc.ops.slicing_ops import getitem, newaxis, slice, strided_slice

__all__ = [
    "broadcast_to", "concat", "diag", "diag_part", "expand_dims", "eye", "fill", "gather",
    "gather_nd", "getitem", "invert_permutation", "lin_space", "linspace", "matrix_band_part",
    "matrix_diag", "matrix_diag_part", "matrix_set_diag", "matrix_transpose", "meshgrid",
    "newaxis", "one_hot", "ones", "ones_like", "pack", "pad", "parallel_stack", "range", "rank",
    "reshape", "reverse", "reverse_sequence", "reverse_v2", "scatter_nd", "segment_sum",
    "sequence_mask", "shape",
    "shape_n", "size", "slice", "split", "squeeze", "stack", "strided_slice", "tensor_diag",
    "tensor_diag_part", "tensor_scatter_add", "tensor_scatter_sub", "tensor_scatter_update",
    "tile", "transpose", "unpack", "unsorted_segment_sum", "unstack", "zeros", "zeros_like",
]  # fmt: skip

# ---------------------------------------------------------------------------------------- shapes


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The shape of a tensor as an integer vector (int32 or int64)."""
    return build("Shape", name, ("input", input, None), out_type=as_dtype(out_type))


def shape_n(
    input: Sequence[Any], out_type: Any = dtypes.int32, name: str | None = None
) -> list[Tensor]:
    """The shapes of several tensors."""
    with scope_of(name, "ShapeN", input) as (graph, scope):
        tensors = [convert_to_tensor(x) for x in input]
        return list(create(graph, scope, "ShapeN", *tensors, out_type=as_dtype(out_type)))


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements of a tensor (int32 or int64)."""
    return build("Size", name, ("input", input, None), out_type=as_dtype(out_type))


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of dimensions of a tensor (int32)."""
    return build("Rank", name, ("input", input, None))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements under another shape; one size may be -1: what is left.

    Raises:
        ValueError: the numbers of elements differ.
    """
    return build("Reshape", name, ("tensor", tensor, None), ("shape", shape, "index"))


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """A dimension of size 1 inserted at `axis` (`dim` in old programs); -1 appends it."""
    axis = one_of("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError(located("Must specify an axis argument to tf.expand_dims()"))
    return build("ExpandDims", name, ("input", input, None), ("dim", axis, "index"))


def squeeze(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Tensor:
    """Without the dimensions of size 1: those in `axis` (`squeeze_dims` in old programs), or all.

    Raises:
        ValueError: a dimension in `axis` has another size.
    """
    axis = one_of("axis", axis, "squeeze_dims", squeeze_dims)
    axes = () if axis is None else tuple(int(a) for a in np.ravel(axis))
    return build("Squeeze", name, ("input", input, None), squeeze_dims=axes)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` repeated to `shape` as NumPy broadcasts it."""
    return build("BroadcastTo", name, ("input", input, None), ("shape", shape, "index"))


# ------------------------------------------------------------------------------------- permuting


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """Permuted dimensions: dimension i of the result is dimension perm[i] of `a`; default reversed.

    Raises:
        NotImplementedError: `conjugate` is wanted (there are no complex numbers to conjugate).
    """
    if conjugate:
        raise NotImplementedError(located("tf.transpose: conjugate=True is not supported"))
    with scope_of(name, "transpose", a, perm) as (graph, scope):
        x = convert_to_tensor(a, name="a")
        if perm is not None:
            order = index_tensor(perm, "perm")
        elif x.type.rank is not None:
            order = graph.constant(np.arange(x.type.rank)[::-1].astype(np.int32), name="perm")
        else:
            last = graph.op("Sub", graph.op("Rank", x), graph.constant(1, dtypes.int32))
            minus = graph.constant(-1, dtypes.int32)
            order = graph.op("Range", last, minus, minus)
        return create(graph, scope, "Transpose", x, order)[0]


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """The last two dimensions swapped.

    Raises:
        ValueError: the rank is below 2; NotImplementedError: `conjugate` is wanted.
    """
    if conjugate:
        raise NotImplementedError(located("tf.matrix_transpose: conjugate=True is not supported"))
    with scope_of(name, "matrix_transpose", a) as (graph, _):
        x = convert_to_tensor(a, name="a")
        count = x.type.rank
        if count is not None and count < 2:
            raise ValueError(
                located(f"Argument 'a' should be a (batch) matrix, but has rank {count}")
            )
        if count is not None:
            return transpose(x, [*builtins.range(count - 2), count - 1, count - 2])
        total = graph.op("Rank", x)
        one, two, zero = (graph.constant(n, dtypes.int32) for n in (1, 2, 0))
        leading = graph.op("Range", zero, graph.op("Sub", total, two), one)
        ends = [graph.op("Sub", total, one), graph.op("Sub", total, two)]
        order = graph.op("ConcatV2", leading, graph.op("Pack", *ends), zero)
        return transpose(x, order)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements in reverse order along the axes.

    A list of bools, one per axis, is TF 0.x's form and works too.
    """
    if (
        isinstance(axis, (list, tuple))
        and axis
        and all(isinstance(a, (bool, np.bool_)) for a in axis)
    ):
        axis = [i for i, chosen in enumerate(axis) if chosen]
    return build("ReverseV2", name, ("tensor", tensor, None), ("axis", axis, "index"))


reverse_v2 = reverse


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """The first seq_lengths[b] elements of each sequence b in reverse order, the rest unchanged.

    Args:
        seq_axis, batch_axis: the dimensions along the sequences, and of their number (default 0);
            `seq_dim` and `batch_dim` are their old names.

    Raises:
        ValueError: there is no seq_axis; InvalidArgumentError (in the run): a length exceeds the
            sequences.
    """
    along = one_of("seq_axis", seq_axis, "seq_dim", seq_dim)
    across = one_of("batch_axis", batch_axis, "batch_dim", batch_dim)
    if along is None:
        raise ValueError(located("tf.reverse_sequence: seq_axis must be given"))
    return build(
        "ReverseSequence", name,
        ("input", input, None), ("seq_lengths", seq_lengths, "index"),
        seq_dim=int(along), batch_dim=0 if across is None else int(across),
    )  # fmt: skip


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """`input` repeated multiples[i] times along dimension i."""
    return build("Tile", name, ("input", input, None), ("multiples", multiples, "index"))


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Tensor:
    """`tensor` with borders: `paddings[i]` elements before and behind dimension i.

    Args:
        mode: "CONSTANT" (of `constant_values`), "REFLECT" or "SYMMETRIC", in any case.

    Raises:
        ValueError: another mode.
    """
    given = [("input", tensor, None), ("paddings", paddings, "index")]
    mode = mode.upper()
    if mode in ("REFLECT", "SYMMETRIC"):
        return build("MirrorPad", name, *given, mode=mode)
    if mode != "CONSTANT":
        raise ValueError(located(f"Unknown padding mode: {mode}"))
    if not holds_tensor(constant_values) and np.all(np.asarray(constant_values) == 0):
        return build("Pad", name, *given)
    with scope_of(name, "PadV2", tensor, paddings, constant_values) as (graph, scope):
        x = convert_to_tensor(tensor, name="tensor")
        value = convert_to_tensor(constant_values, x.dtype, name="constant_values")
        return create(graph, scope, "PadV2", x, index_tensor(paddings, "paddings"), value)[0]
