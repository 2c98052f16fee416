"""Values made to fit an operand: of a dtype, within bounds, of a shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Operand
from tests.fuzz.builder import Builder, Rejected, Value


def within(b: Builder, value: Value, low: float, high: float) -> Value:
    """The value, clipped or squashed where elements lie outside [low, high]."""
    least, most = value.bounds
    if (low <= least and most <= high) or value.dtype.is_bool:
        return value
    numpy = value.dtype.numpy
    if value.dtype.is_floating and b.chance(0.5):
        squashed = b.emit("Sigmoid", value)
        scaled = b.emit("Mul", squashed, np.asarray(high - low, numpy))
        return b.emit("Add", scaled, np.asarray(low, numpy))
    if value.dtype.is_integer:
        low, high = max(np.ceil(low), value.dtype.min), min(np.floor(high), value.dtype.max)
        if low > high:
            raise Rejected("no integers in the bounds")
    return b.emit("ClipByValue", value, np.asarray(low, numpy), np.asarray(high, numpy))


def cast(b: Builder, value: Value, dtype: DType) -> Value:
    """The value in another dtype; what the dtype cannot hold is clipped first."""
    if value.dtype is dtype:
        return value
    if dtype.is_integer and not value.dtype.is_bool:
        value = within(b, value, max(dtype.min, -1e4), min(dtype.max, 1e4))
    return b.emit("Cast", value, DstT=dtype)


def broadcastable(b: Builder, other: Value, dtype: DType) -> Value:
    """A value of the pool, or a new constant, that broadcasts with another."""
    found = [v for v in b.pool if v.dtype is dtype and _broadcast(v, other)]
    if found and b.chance(0.8):
        full = [v for v in found if v.rank]
        chosen: Value = b.choose(full if full and b.chance(0.8) else found)
        return chosen
    sizes = [1 if s is None or b.chance(0.2) else s for s in other.shape]
    keep = sizes[b.integer(0, len(sizes)) :] if b.chance(0.4) else sizes
    return b.constant(b.numbers(dtype, keep))


def _broadcast(a: Value, b: Value) -> bool:
    """Whether shapes broadcast whatever the batch size."""
    for x, y in zip(reversed(a.sizes), reversed(b.sizes), strict=False):
        if x != y and set(x) != {1} and set(y) != {1}:
            return False
    return True


def same_shape(b: Builder, other: Value, dtype: DType) -> Value:
    """A value of the same shape as another."""
    found = [v for v in b.pool if v.dtype is dtype and v.sizes == other.sizes]
    if found:
        chosen: Value = b.choose(found)
        return chosen
    if other.is_static:
        return b.constant(b.numbers(dtype, other.arrays[0].shape))
    return cast(b, other, dtype)


def indices(b: Builder, shape: Sequence[int], bound: int, dtype: DType | None = None) -> Value:
    """Integers in [0, bound): constant, or worked out of the pool."""
    dtype = dtype or b.choose(dtypes.INDICES)
    found = [
        v for v in b.pool
        if v.dtype.is_integer and v.is_static and v.arrays[0].shape == tuple(shape)
    ]  # fmt: skip
    if found and bound > 0 and b.chance(0.6):
        whole = cast(b, b.choose(found), dtype)
        return b.emit("FloorMod", whole, np.asarray(bound, dtype.numpy))
    if bound == 0 and int(np.prod(shape)):
        raise Rejected("no index is in an empty range")
    return b.constant(b.random.integers(0, max(bound, 1), shape).astype(dtype.numpy))


def batch_indices(b: Builder, bound: int) -> Value:
    """Integers in [0, bound) of whatever shape the pool offers."""
    value = b.pick((*dtypes.INDICES, dtypes.int8, dtypes.uint8), most=2)
    whole = cast(b, value, b.choose(dtypes.INDICES))
    return b.emit("FloorMod", whole, np.asarray(bound, whole.dtype.numpy))


def operand(b: Builder, wanted: Operand, dtype: DType) -> Value:
    """A value for a sample's operand: of exactly its shape, within its bounds."""
    if wanted.value is not None:
        return b.constant(np.array(wanted.value, dtype.numpy))
    count = int(np.prod(wanted.shape))
    if b.chance(0.75):
        same = [v for v in b.pool if v.dtype is dtype and v.is_static]
        exact = [v for v in same if v.arrays[0].shape == wanted.shape]
        enough = [v for v in same if v.arrays[0].size >= count > 0]
        if exact and b.chance(0.6):
            return within(b, b.choose(exact), wanted.low, wanted.high)
        if enough:
            flat = b.emit("Reshape", b.choose(enough), np.array([-1], np.int32))
            if flat.arrays[0].size > count:
                start = b.integer(0, flat.arrays[0].size - count)
                flat = b.emit("Slice", flat, np.array([start]), np.array([count]))
            shaped = b.emit("Reshape", flat, np.array(wanted.shape, np.int32))
            return within(b, shaped, wanted.low, wanted.high)
    array = b.numbers(dtype, wanted.shape, wanted.low, wanted.high)
    return b.constant(array)
