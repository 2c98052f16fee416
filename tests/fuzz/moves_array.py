"""Moves of arrays: views, joining, gathering, scattering, and sizes worked out of shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from tests.fuzz import fitting
from tests.fuzz.builder import Builder, Rejected, Value


def ints(b: Builder, numbers: Any) -> np.ndarray:
    """A constant of sizes or axes, of either index dtype."""
    return np.asarray(numbers, b.choose((np.int32, np.int64)))


def transpose_move(b: Builder) -> None:
    x = b.pick()
    b.emit("Transpose", x, ints(b, b.random.permutation(x.rank)))


def reshape_move(b: Builder) -> None:
    """Merge neighbouring axes, split one, or flatten; at most one size may depend on the batch."""
    x = b.pick(least=0)
    sizes: list[Any] = list(x.shape)
    for _ in range(b.integer(1, 2)):
        if len(sizes) > 1 and b.chance(0.5):
            at = b.integer(0, len(sizes) - 2)
            pair = sizes[at : at + 2]
            if None in pair and 0 in pair:
                raise Rejected("no elements, and no size to work out")
            sizes[at : at + 2] = [None if None in pair else pair[0] * pair[1]]
        elif sizes and b.chance(0.5):
            at = b.integer(0, len(sizes) - 1)
            for divisor in (2, 3, 4):
                if sizes[at] and sizes[at] % divisor == 0:
                    sizes[at : at + 1] = [divisor, sizes[at] // divisor]
                    break
        else:
            sizes.insert(b.integer(0, len(sizes)), 1)
    if sizes.count(None) > 1 or (None in sizes and 0 in sizes):
        raise Rejected("more than one unknown size")
    wanted = [-1 if s is None else s for s in sizes]
    if -1 not in wanted and wanted and 0 not in wanted and b.chance(0.3):
        wanted[b.integer(0, len(wanted) - 1)] = -1
    b.emit("Reshape", x, ints(b, wanted))


def computed_reshape_move(b: Builder) -> None:
    """Reshape to sizes taken from `Shape`: [shape(x)[0], -1]."""
    x = b.pick(least=1)
    shape = b.emit("Shape", x, out_type=b.choose(dtypes.INDICES))
    axis = b.integer(0, x.rank - 1)
    size = b.emit(
        "StridedSlice", shape, np.array([axis], np.int32), np.array([axis + 1], np.int32),
        np.array([1], np.int32), shrink_axis_mask=1,
    )  # fmt: skip
    if 0 in [s for a in x.arrays for s in a.shape]:
        raise Rejected("no elements")
    rest = b.constant(np.asarray(-1, size.dtype.numpy))
    parts = [size, rest] if b.chance(0.6) else [rest, size]
    wanted = b.emit_all("Pack", parts, {"axis": 0})[0]
    b.emit("Reshape", x, wanted)


def expand_move(b: Builder) -> None:
    x = b.pick(most=3)
    b.emit("ExpandDims", x, ints(b, b.integer(-x.rank - 1, x.rank)))


def squeeze_move(b: Builder) -> None:
    x = b.pick(least=1)
    ones = [i for i, s in enumerate(x.shape) if s == 1]
    if not ones:
        raise Rejected("nothing to squeeze")
    b.emit("Squeeze", x, squeeze_dims=tuple(sorted({b.choose(ones) for _ in range(2)})))


def strided_slice_move(b: Builder) -> None:
    x = b.pick(least=1)
    axes = b.integer(1, x.rank)
    begin, end, strides, shrink, begin_mask, end_mask = [], [], [], 0, 0, 0
    for axis in range(axes):
        size = x.shape[axis]
        step = b.choose((1, 1, 1, 2, -1, 3))
        low = b.integer(-3, 3) if size is None else b.integer(-size, max(size - 1, 0))
        high = b.integer(-3, 8) if size is None else b.integer(-size, size + 1)
        if size and b.chance(0.25):
            shrink |= 1 << axis
            low, step, high = b.integer(-size, size - 1), 1, 0
        else:
            begin_mask |= b.chance(0.4) << axis
            end_mask |= b.chance(0.5) << axis
        begin.append(low)
        end.append(high)
        strides.append(step)
    parts = [np.array(p, np.int32) for p in (begin, end, strides)]
    b.emit("StridedSlice", x, *parts, shrink_axis_mask=shrink, begin_mask=begin_mask,
           end_mask=end_mask)  # fmt: skip


def slice_move(b: Builder) -> None:
    x = b.pick(least=1)
    begin, size = [], []
    for known in x.shape:
        start = 0 if known is None else b.integer(0, known)
        begin.append(start)
        size.append(-1 if known is None or b.chance(0.3) else b.integer(0, known - start))
    dtype = b.choose((np.int32, np.int64))
    b.emit("Slice", x, np.array(begin, dtype), np.array(size, dtype))


def reverse_move(b: Builder) -> None:
    x = b.pick(least=1)
    b.emit("ReverseV2", x, ints(b, [a for a in range(x.rank) if b.chance(0.6)]))


def tile_move(b: Builder) -> None:
    x = b.pick(least=1, most=3)
    b.emit("Tile", x, ints(b, [b.choose((1, 1, 2, 3)) for _ in range(x.rank)]))


def broadcast_move(b: Builder) -> None:
    """Broadcast to a constant shape, or to that of another value."""
    x = b.pick(most=3)
    if x.is_static and b.chance(0.5):
        shape = [b.integer(1, 4) if n == 1 else n for n in x.arrays[0].shape]
        b.emit("BroadcastTo", x, ints(b, [b.integer(1, 3)] * b.integer(0, 1) + shape))
    else:
        b.emit("BroadcastTo", x, b.emit("Shape", fitting.broadcastable(b, x, x.dtype)))


def pad_move(b: Builder) -> None:
    x = b.pick(least=1, most=3)
    name = b.choose(("Pad", "PadV2", "MirrorPad"))
    mode = b.choose(("REFLECT", "SYMMETRIC"))
    paddings = []
    for size in x.shape:
        most = 2 if name != "MirrorPad" else min(2, (size or 3) - (mode == "REFLECT"))
        paddings.append([b.integer(0, max(most, 0)), b.integer(0, max(most, 0))])
    if name == "MirrorPad":
        b.emit(name, x, ints(b, paddings), mode=mode)
    elif name == "Pad":
        b.emit(name, x, ints(b, paddings))
    else:
        b.emit(name, x, ints(b, paddings), b.numbers(x.dtype, ()))


def concat_move(b: Builder) -> None:
    x = b.pick(least=1)
    axis = b.integer(0, x.rank - 1)
    found = [
        v for v in b.pool
        if v.dtype is x.dtype and v.rank == x.rank
        and all(v.sizes[a] == x.sizes[a] for a in range(x.rank) if a != axis)
    ]  # fmt: skip
    parts: list[Value] = [x, *(b.choose(found) for _ in range(b.integer(0, 3)))]
    b.random.shuffle(parts)  # type: ignore[arg-type]
    given = axis - x.rank if b.chance(0.3) else axis
    if b.chance(0.8):
        b.emit_all("ConcatV2", [*parts, ints(b, given)], {})
    else:
        b.emit_all("Concat", [np.int32(given), *parts], {})


def pack_move(b: Builder) -> None:
    x = b.pick(most=3)
    found = [v for v in b.pool if v.dtype is x.dtype and v.sizes == x.sizes]
    parts = [x, *(b.choose(found) for _ in range(b.integer(0, 2)))]
    b.emit_all("Pack", parts, {"axis": b.integer(-x.rank - 1, x.rank)})


def split_move(b: Builder) -> None:
    x = b.pick(least=1)
    axis = b.integer(0, x.rank - 1)
    size = x.shape[axis]
    if size is None or size > 8:
        raise Rejected("the size to split must be known and small")
    if b.chance(0.4):
        b.emit_all("Unpack", [x], {"num": size, "axis": axis})
    elif b.chance(0.5):
        counts = [n for n in (1, 2, 3, 4) if size % n == 0]
        b.emit_all("Split", [np.int32(axis), x], {"num_split": b.choose(counts)})
    else:
        first = b.integer(0, size)
        sizes = ints(b, [first, size - first])
        b.emit_all("SplitV", [x, sizes, np.int32(axis)], {"num_split": 2})


def gather_move(b: Builder) -> None:
    x = b.pick(least=1, most=3)
    axis = b.integer(0, x.rank - 1)
    size = x.shape[axis]
    if size is None:
        raise Rejected("the size to gather from must be known")
    if size and b.chance(0.5):
        where = fitting.batch_indices(b, size)
    else:
        where = fitting.indices(b, [b.integer(0, 4) for _ in range(b.integer(0, 2))], size)
    if b.chance(0.3) and axis == 0:
        b.emit("Gather", x, where)
    else:
        b.emit("GatherV2", x, where, np.int32(axis - x.rank if b.chance(0.3) else axis))


def gather_nd_move(b: Builder) -> None:
    x = b.pick(least=1, most=3, static=True)
    depth = b.integer(1, x.rank)
    bounds = x.arrays[0].shape[:depth]
    if 0 in bounds:
        raise Rejected("nothing to gather from")
    columns = [fitting.indices(b, [b.integer(1, 4)] if not i else [0], n, dtypes.int32)
               for i, n in enumerate(bounds[:1])]  # fmt: skip
    rows = columns[0]
    for bound in bounds[1:]:
        columns.append(fitting.indices(b, rows.arrays[0].shape, bound, dtypes.int32))
    where = b.emit_all("Pack", columns, {"axis": 1})[0]
    b.emit("GatherNd", x, where)


def one_hot_move(b: Builder) -> None:
    depth = b.integer(1, 5)
    where = fitting.batch_indices(b, depth + b.integer(0, 2))
    dtype = b.choose((dtypes.float32, dtypes.int32, dtypes.bool_, dtypes.float64))
    on, off = np.asarray(1, dtype.numpy), np.asarray(0, dtype.numpy)
    b.emit("OneHot", where, np.int32(depth), on, off, axis=b.choose((-1, 0)))


def scatter_move(b: Builder) -> None:
    """Add rows up by number."""
    x = b.pick((dtypes.float32, dtypes.float64, dtypes.int32), least=1, most=3)
    bound = b.integer(1, 5)
    if x.shape[0] is None or b.chance(0.4):
        flat = b.emit("Sum", x, np.array(range(1, x.rank), np.int32))
        whole = fitting.cast(b, flat, b.choose(dtypes.INDICES))
        rows = b.emit("FloorMod", whole, np.asarray(bound, whole.dtype.numpy))
    else:
        rows = fitting.indices(b, [x.shape[0]], bound)
    if b.chance(0.5):
        b.emit("UnsortedSegmentSum", x, rows, np.int32(bound))
        return
    rest = x.shape[1:]
    if None in rest:
        raise Rejected("the rows must have a known size")
    where = b.emit("ExpandDims", rows, np.int32(1))
    b.emit("ScatterNd", where, x, np.array([bound, *rest], rows.dtype.numpy))


def fill_move(b: Builder) -> None:
    """Fill, range or zeros, of a computed or a constant size."""
    kind = b.choose(("Fill", "Fill", "Range", "ZerosLike", "OnesLike", "Size", "Rank", "LinSpace"))
    x = b.pick()
    if kind in ("ZerosLike", "OnesLike", "Size", "Rank"):
        b.emit(kind, x)
    elif kind == "Range":
        size = b.emit("Size", x)
        b.emit("Range", np.int32(b.integer(-2, 2)), size, np.int32(b.integer(1, 3)))
    elif kind == "LinSpace":
        b.emit(kind, np.float32(-1), np.float32(b.integer(0, 3)), np.int32(b.integer(1, 7)))
    else:
        shape = b.emit("Shape", x, out_type=b.choose(dtypes.INDICES))
        b.emit("Fill", shape, b.numbers(b.choose(dtypes.COMPUTED), ()))


def size_move(b: Builder) -> None:
    """A number that was fed, or computed in the run, as a size."""
    if b.chance(0.3):
        x = b.pick((*dtypes.INDICES, dtypes.float32))
        whole = fitting.cast(b, x, b.choose(dtypes.INDICES))
        total = b.emit("Sum", whole, np.arange(x.rank, dtype=np.int32))
        b.emit("FloorMod", total, np.asarray(b.integer(1, 6), total.dtype.numpy))
    sizes = [v for v in b.pool if v.dtype in dtypes.INDICES and not v.rank
             and v.bounds[0] >= 0 and v.bounds[1] <= 6]  # fmt: skip
    size = b.choose(sizes)
    kind = b.choose(("Range", "Fill", "Tile", "Slice"))
    if kind == "Range":
        zero = np.asarray(0, size.dtype.numpy)
        b.emit("Range", zero, size, np.asarray(1, size.dtype.numpy))
        return
    other = b.constant(np.asarray(b.integer(1, 3), size.dtype.numpy))
    both = b.emit_all("Pack", [size, other], {"axis": 0})[0]
    if kind == "Fill":
        b.emit("Fill", both, b.numbers(b.choose((dtypes.float32, dtypes.int32)), ()))
    elif kind == "Tile":
        b.emit("Tile", b.pick(least=2, most=2), both)
    else:
        x = b.pick(least=2, most=2)
        b.emit("Slice", x, np.zeros(2, size.dtype.numpy), both)


def diagonal_move(b: Builder) -> None:
    kind = b.choose(("MatrixDiag", "MatrixDiagPart", "MatrixBandPart", "MatrixSetDiag"))
    x = b.pick(least=1 if kind == "MatrixDiag" else 2, most=3)
    if kind == "MatrixBandPart":
        b.emit(kind, x, np.int64(b.integer(-1, 2)), np.int64(b.integer(-1, 2)))
    elif kind == "MatrixSetDiag":
        b.emit(kind, x, b.emit("MatrixDiagPart", fitting.same_shape(b, x, x.dtype)))
    else:
        b.emit(kind, x)


MOVES = [
    (transpose_move, 1.5),
    (reshape_move, 1.5),
    (computed_reshape_move, 0.5),
    (expand_move, 0.7),
    (squeeze_move, 0.5),
    (strided_slice_move, 1.5),
    (slice_move, 0.7),
    (reverse_move, 0.5),
    (tile_move, 0.7),
    (broadcast_move, 0.7),
    (pad_move, 0.7),
    (concat_move, 1.5),
    (pack_move, 1),
    (split_move, 0.8),
    (gather_move, 1),
    (gather_nd_move, 0.4),
    (one_hot_move, 0.5),
    (scatter_move, 0.7),
    (fill_move, 0.8),
    (size_move, 0.7),
    (diagonal_move, 0.5),
]
