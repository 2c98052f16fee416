"""Tensors made of little: Fill, Range, LinSpace, and `Sequence`, the progression behind them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, floordiv
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
from graphc.ir.lowering import Elementwise
from graphc.ir.ops.positions import (
    context_of,
    has_unknown,
    index_operand,
    non_negative_sizes,
    plain_ints,
    require,
)
from graphc.ir.types import TensorType
from graphc.ir.values import LARGEST


def _fill_type(c: TypeContext) -> TensorType:
    shape = c.require_rank(0, 1)
    c.require_rank(1, 0)
    sizes = non_negative_sizes(c, 0)
    if sizes is None and shape is not None and isinstance(shape[0], int):
        sizes = (UNKNOWN,) * shape[0]
    return c.inputs[1].with_shape(sizes)


def _fill_value(c: TypeContext) -> Any:
    dims, value = plain_ints(c, 0), c.value(1)
    if dims is None or value is None or math.prod(dims) > LARGEST:
        return None
    return np.full(dims, np.asarray(value, dtype=object).item(), dtype=object)


register(OpDef(
    name="Fill",
    doc="A tensor of shape `dims` whose elements all are the scalar `value`.",
    inputs=("dims", "value"),
    infer=_fill_type,
    reference=lambda c, dims, value: np.full(dims.tolist(), value, value.dtype),
    gradient=lambda op, dy: [None, op.graph.op("SumToShapeOf", dy, op.inputs[1])],
    decompose=lambda op: op.graph.op("BroadcastTo", op.inputs[1], op.inputs[0]),
    value=_fill_value,
    shape_inputs=(0,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((index_operand([2, 3]), Operand(()))),
        Sample((index_operand([0, 3], dtypes.int64), Operand(()))),
        Sample((index_operand([]), Operand(()))),
    ),
))  # fmt: skip


# ----------------------------------------------------------------------------------------- Range


def _progression(c: TypeContext) -> tuple[Any, Any, Any]:
    """(start, delta, number of elements) of a Range; UNKNOWN where it cannot be known yet."""
    dtype = c.same_dtype()
    for i in range(3):
        c.require_rank(i, 0)
    if dtype.is_integer:
        sizes = [c.sizes(i) for i in range(3)]
        start, limit, delta = (UNKNOWN if s is None else s[0] for s in sizes)
    else:
        values = [c.value(i) for i in range(3)]
        if c.compiling and any(v is None for v in values):
            c.fail("start, limit and delta must be constants where they are not integers")
        if any(v is None for v in values):
            return UNKNOWN, UNKNOWN, UNKNOWN
        array = np.array([np.asarray(v).item() for v in values], dtype.numpy)
        return array[0].item(), array[2].item(), _plain_count(c, *array)
    if isinstance(delta, int) and delta == 0:
        c.fail("Requires delta != 0")
    return start, delta, _count(c, start, limit, delta)


def _plain_count(c: Any, start: Any, limit: Any, delta: Any) -> int:
    """The number of elements for NumPy scalars; the division is rounded to their dtype as in TF."""
    if delta == 0:
        c.fail("Requires delta != 0")
    if (limit - start) * delta < 0:
        relation = "<= limit when delta >" if delta > 0 else ">= limit when delta <"
        c.fail(f"Requires start {relation} 0: {start}/{limit}")
    count: int = math.ceil(abs((limit - start) / delta))
    return count


def _count(c: TypeContext, start: Any, limit: Any, delta: Any) -> Any:
    """ceil((limit - start) / delta); TF1 refuses a limit on the wrong side of start."""
    if has_unknown(start, limit, delta):
        return UNKNOWN
    if c.less(0, delta):
        message = "Requires start <= limit when delta > 0: {}/{}"
        require(c, start, "<=", limit, message, start, limit)
        return floordiv(limit - start + delta - 1, delta)
    message = "Requires start >= limit when delta < 0: {}/{}"
    require(c, limit, "<=", start, message, start, limit)
    return floordiv(start - limit - delta - 1, -delta)


def _range_type(c: TypeContext) -> TensorType:
    return TensorType(c.inputs[0].dtype, (_progression(c)[2],))


def _range_reference(c: Any, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    count = _plain_count(c, start, limit, delta)
    return _sequence(start.dtype, start.item(), delta.item(), count)


def _range_value(c: TypeContext) -> Any:
    operands = [c.value(i) for i in range(3)]
    if any(v is None for v in operands):
        return None
    start, limit, delta = (np.asarray(v, dtype=object).item() for v in operands)
    if not isinstance(delta, int) or delta == 0 or has_unknown(start, limit):
        return None
    count = floordiv(limit - start + delta - (1 if delta > 0 else -1), delta)
    if not isinstance(count, int) or not 0 <= count <= LARGEST:
        return None
    return np.array([start + i * delta for i in range(count)], dtype=object)


def _range_decompose(op: Operation) -> Tensor:
    start, delta, _ = _progression(context_of(op))
    (size,) = op.outputs[0].type.dims
    dtype = op.outputs[0].dtype
    result: Tensor = op.graph.op("Sequence", start=start, delta=delta, size=size, dtype=dtype)
    return result


register(OpDef(
    name="Range",
    doc="start, start + delta, … up to but not including limit.",
    inputs=("start", "limit", "delta"),
    infer=_range_type,
    reference=_range_reference,
    gradient=NoGradient("its elements are positions"),
    decompose=_range_decompose,
    value=_range_value,
    shape_inputs=(0, 1, 2),
    dtypes=(dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64),
    samples=(
        Sample((index_operand(0), index_operand(7), index_operand(1)), dtypes=(dtypes.int32,)),
        Sample((index_operand(9), index_operand(-2), index_operand(-3)), dtypes=(dtypes.int32,)),
        Sample((index_operand(3), index_operand(3), index_operand(2)), dtypes=(dtypes.int32,)),
    ),
))  # fmt: skip


def _sequence(dtype: Any, start: Any, delta: Any, count: int) -> np.ndarray:
    """start + i * delta, every step rounded to the dtype."""
    steps = np.arange(count, dtype=np.int64).astype(dtype)
    return np.asarray(np.asarray(start, dtype) + steps * np.asarray(delta, dtype), dtype)


def _sequence_value(c: TypeContext) -> Any:
    start, delta, size = (c.attrs[name] for name in ("start", "delta", "size"))
    if not isinstance(size, int) or size > LARGEST or isinstance(start, float):
        return None
    return np.array([start + i * delta for i in range(size)], dtype=object)


def _sequence_scalar(b: Any) -> Any:
    start, delta = (
        b.const(v) if isinstance(v, float) else b.convert(b.dim(v), b.dtype)
        for v in (b.attrs["start"], b.attrs["delta"])
    )
    return b.add(start, b.mul(b.convert(b.index(0), b.dtype), delta))


register(OpDef(
    name="Sequence",
    doc="The progression start + i * delta for 0 <= i < size; ints may be symbolic sizes.",
    inputs=(),
    attrs={
        "start": Attr("any"),
        "delta": Attr("any"),
        "size": Attr("any"),
        "dtype": Attr("dtype"),
    },
    infer=lambda c: TensorType(c.attrs["dtype"], (c.attrs["size"],)),
    reference=lambda c: _sequence(
        c.attrs["dtype"].numpy, c.attrs["start"], c.attrs["delta"], c.attrs["size"]
    ),
    gradient=NoGradient("it has no inputs"),
    lowering=Elementwise(_sequence_scalar, cost=2),
    value=_sequence_value,
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((), {"start": 2, "delta": 3, "size": 5, "dtype": dtypes.int32}),
        Sample((), {"start": 0.5, "delta": -0.1, "size": 7, "dtype": dtypes.float32}),
        Sample((), {"start": 0, "delta": 1, "size": 0, "dtype": dtypes.int64}),
    ),
))  # fmt: skip


# -------------------------------------------------------------------------------------- LinSpace


def _linspace_type(c: TypeContext) -> TensorType:
    for i in range(3):
        c.require_rank(i, 0)
    dtype = c.same_dtype(0, 1)
    sizes = c.sizes(2)
    size = UNKNOWN if sizes is None else sizes[0]
    if not has_unknown(size):
        require(c, 1, "<=", size, "Requires num > 0: {}", size)
    return TensorType(dtype, (size,))


def _points(start: np.ndarray, stop: np.ndarray, count: int) -> np.ndarray:
    """start + i * ((stop - start) / (count - 1)), the last one being stop itself."""
    step = (stop - start) / np.asarray(max(count - 1, 1), start.dtype)
    points = np.asarray(start + np.arange(count).astype(start.dtype) * step)
    if count > 1:
        points[-1] = stop
    return points


def _points_scalar(b: Any, start: Any, stop: Any) -> Any:
    last = b.sub(b.dim(b.attrs["num"]), b.const(1, dtypes.int64))
    steps = b.convert(b.max(last, b.const(1, dtypes.int64)), b.dtype)
    i = b.index(0)
    point = b.add(start, b.mul(b.convert(i, b.dtype), b.div(b.sub(stop, start), steps)))
    is_last = b.and_(b.eq(i, last), b.gt(i, b.const(0, dtypes.int64)))
    return b.select(is_last, stop, point)


register(OpDef(
    name="LinSpace",
    doc="`num` evenly spaced values from start to stop, both included; num = 1 gives start.",
    inputs=("start", "stop", "num"),
    infer=_linspace_type,
    reference=lambda c, start, stop, num: _points(start, stop, int(num)),
    gradient=NoGradient("TensorFlow defines none"),
    decompose=lambda op: op.graph.op(
        "LinSpaceOf", op.inputs[0], op.inputs[1], num=op.outputs[0].type.dims[0]
    ),
    shape_inputs=(2,),
    dtypes=dtypes.FLOATS,
    samples=(
        Sample((Operand(()), Operand(()), index_operand(5))),
        Sample((Operand(()), Operand(()), index_operand(1))),
    ),
))  # fmt: skip

register(OpDef(
    name="LinSpaceOf",
    doc="LinSpace with its (symbolic) number of values as attribute `num`.",
    inputs=("start", "stop"),
    attrs={"num": Attr("any")},
    infer=lambda c: TensorType(c.same_dtype(), (c.attrs["num"],)),
    reference=lambda c, start, stop: _points(start, stop, c.attrs["num"]),
    gradient=NoGradient("TensorFlow defines none"),
    lowering=Elementwise(_points_scalar, cost=10),
    dtypes=dtypes.FLOATS,
    samples=(
        Sample((Operand(()), Operand(())), {"num": 6}),
        Sample((Operand(()), Operand(())), {"num": 1}),
    ),
))  # fmt: skip
