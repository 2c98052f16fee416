"""StridedSlice: Python's indexing, with TensorFlow's masks and with sizes that may be symbolic.

A specification is a list of entries (begin, end, stride) and five bit masks over them. `plan` turns
it into one `Part` per input dimension or new axis; type rule and lowering read the parts. The
reference is NumPy's own indexing.

Where sizes are symbolic, positions are brought into range like this. What comes near the low end
(`x[1:]`, `x[:-1]`) is asked, since the answer hardly ever changes and the sizes stay simple (both
are n - 1). An upper limit (`x[:100]`) becomes min(100, n): no question. Mid-run values never ask.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, maximum, minimum
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.lowering import Index, View, along, at
from graphc.ir.ops.positions import (
    context_of,
    has_unknown,
    index_operand,
    is_dynamic,
    known,
    require,
)
from graphc.ir.records import record
from graphc.ir.types import TensorType

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


@record
class Part:
    """What a specification does with one dimension (or where it puts a new one).

    The result reads positions first, first + stride, … (`size` of them) of input dimension `dim`;
    an "index" has no dimension in the result, a "new" one none in the input.
    """

    kind: Literal["new", "index", "range"]
    dim: int = -1
    first: Any = 0
    stride: Any = 1
    size: Any = 1


def entries(c: Any, count: int, rank: int) -> list[tuple[str, int]]:
    """What happens along the input, in order: (kind, number of the entry in the specification).

    Kinds are "new", "index", "range", and "all" (number -1) for dimensions that are not mentioned.
    """
    ellipses = [i for i in range(count) if c.attrs["ellipsis_mask"] >> i & 1]
    if len(ellipses) > 1:
        c.fail("Multiple ellipses in slice spec not allowed")
    found: list[tuple[str, int]] = []
    for i in range(count):
        if i in ellipses:
            found.append(("ellipsis", i))
        elif c.attrs["new_axis_mask"] >> i & 1:
            found.append(("new", i))
        else:
            found.append(("index" if c.attrs["shrink_axis_mask"] >> i & 1 else "range", i))
    if not ellipses:
        found.append(("ellipsis", count))
    used = sum(kind in ("index", "range") for kind, _ in found)
    if used > rank:
        c.fail(f"Index out of range using input dim {rank}; input has only {rank} dims")
    place = next(n for n, (kind, _) in enumerate(found) if kind == "ellipsis")
    return [*found[:place], *[("all", -1)] * (rank - used), *found[place + 1 :]]


def plan(
    c: TypeContext,
    shape: tuple[Any, ...],
    begin: tuple[Any, ...],
    end: tuple[Any, ...],
    strides: tuple[Any, ...],
) -> list[Part]:
    """The parts of a specification over an input of that shape."""
    if not len(begin) == len(end) == len(strides):
        c.fail(f"begin, end and strides differ in length: {len(begin)}, {len(end)}, {len(strides)}")
    for i, stride in enumerate(strides):
        if isinstance(stride, int) and stride == 0:
            c.fail(f"strides[{i}] must be non-zero")
    parts: list[Part] = []
    dim = 0
    for kind, i in entries(c, len(begin), len(shape)):
        if kind == "new":
            parts.append(Part("new"))
            continue
        size = shape[dim]
        if kind == "all":
            parts.append(Part("range", dim, size=size))
        elif kind == "index":
            if isinstance(strides[i], int) and strides[i] <= 0:
                c.fail("only stride 1 allowed on non-range indexing")
            parts.append(Part("index", dim, first=_position(c, begin[i], size, dim)))
        else:
            low = None if c.attrs["begin_mask"] >> i & 1 else begin[i]
            high = None if c.attrs["end_mask"] >> i & 1 else end[i]
            parts.append(_range(c, dim, size, low, high, strides[i]))
        dim += 1
    return parts


def _position(c: TypeContext, value: Any, size: Any, dim: int) -> Any:
    """A single index into a dimension, non-negative and inside it."""
    if has_unknown(value, size):
        return UNKNOWN
    message = f"slice index {{}} of dimension {dim} out of bounds (its size is {{}})"
    if is_dynamic(c, value):
        require(c, value, "<", size, message, value, size)
        require(c, -size, "<=", value, message, value, size)
        return value % size
    if c.less_equal(0, value):
        require(c, value, "<", size, message, value, size)
        return value
    require(c, 0, "<=", value + size, message, value, size)
    return value + size


def _range(c: TypeContext, dim: int, n: Any, begin: Any, end: Any, stride: Any) -> Part:
    """The positions of `begin:end:stride` in a dimension of size n; None is an omitted bound."""
    if has_unknown(stride):
        return Part("range", dim, UNKNOWN, UNKNOWN, UNKNOWN)
    forward = c.less(0, stride)
    if begin is None and end is None:
        step = stride if forward else -stride
        return Part("range", dim, 0 if forward else n - 1, stride, (n + step - 1) // step)
    if has_unknown(n, *(b for b in (begin, end) if b is not None)):
        return Part("range", dim, UNKNOWN, stride, UNKNOWN)
    if forward:
        first = 0 if begin is None else _low_end(c, begin, n, 0, n)
        last = n if end is None else _high_end(c, end, n, 0, n)
        span, step = last - first, stride
    else:
        first = n - 1 if begin is None else _high_end(c, begin, n, -1, n - 1)
        last = -1 if end is None else _low_end(c, end, n, -1, n - 1)
        span, step = first - last, -stride
    return Part("range", dim, first, stride, (_length(c, span) + step - 1) // step)


def _low_end(c: TypeContext, bound: Any, n: Any, low: Any, high: Any) -> Any:
    """A bound that usually lies near 0, clamped to [low, high]."""
    if is_dynamic(c, bound):
        return _clamped(bound, n, low, high)
    if c.less_equal(0, bound):
        return bound if c.less_equal(0, high - bound) else high
    return bound + n if c.less_equal(0, bound + n - low) else low


def _high_end(c: TypeContext, bound: Any, n: Any, low: Any, high: Any) -> Any:
    """A bound that is an upper limit, clamped to [low, high]."""
    if is_dynamic(c, bound):
        return _clamped(bound, n, low, high)
    if c.less_equal(0, bound):
        return minimum(bound, high)
    return bound + n if c.less_equal(0, bound + n - low) else low


def _clamped(bound: Any, n: Any, low: Any, high: Any) -> Any:
    """Clamp a value of unknown sign without a question: negative ones count from the end."""
    is_negative = minimum(maximum(-bound, 0), 1)
    return maximum(low, minimum(bound + n * is_negative, high))


def _length(c: TypeContext, span: Any) -> Any:
    if is_dynamic(c, span):
        return maximum(span, 0)
    return span if c.less_equal(0, span) else 0


def parts_of(c: TypeContext, shape: Any) -> list[Part] | None:
    """The plan of an operation whose operands 1, 2, 3 are begin, end, strides."""
    operands = [c.sizes(i) for i in (1, 2, 3)]
    count = next((len(sizes) for sizes in operands if sizes is not None), None)
    if shape is None or count is None:
        return None
    begin, end, strides = [(UNKNOWN,) * count if s is None else s for s in operands]
    return plan(c, shape, begin, end, strides)


def result_shape(parts: list[Part]) -> tuple[Any, ...]:
    return tuple(part.size for part in parts if part.kind != "index")


def _strided_slice_type(c: TypeContext) -> TensorType:
    for i in (1, 2, 3):
        c.require_rank(i, 1)
    parts = parts_of(c, c.inputs[0].shape)
    return c.inputs[0].with_shape(None if parts is None else result_shape(parts))


def numpy_key(c: Any, rank: int, begin: Any, end: Any, strides: Any) -> tuple[Any, ...]:
    """The same specification as a NumPy index. Elements that masks hide may be anything."""
    key: list[Any] = []
    for kind, i in entries(c, len(begin), rank):
        if kind == "new":
            key.append(None)
        elif kind == "all":
            key.append(slice(None))
        elif kind == "index":
            key.append(int(begin[i]))
        else:
            low = None if c.attrs["begin_mask"] >> i & 1 else int(begin[i])
            high = None if c.attrs["end_mask"] >> i & 1 else int(end[i])
            key.append(slice(low, high, int(strides[i])))
    return tuple(key)


def numpy_index(c: Any, x: np.ndarray, begin: Any, end: Any, strides: Any) -> tuple[Any, ...]:
    for i, stride in enumerate(strides):
        if stride == 0:
            c.fail(f"strides[{i}] must be non-zero")
    key = numpy_key(c, x.ndim, begin, end, strides)
    try:
        x[key]
    except IndexError as error:
        c.fail(f"slice index out of bounds: {error}")
    return key


def _strided_slice_reference(
    c: Any, x: np.ndarray, begin: Any, end: Any, strides: Any
) -> np.ndarray:
    return np.asarray(x[numpy_index(c, x, begin, end, strides)])


def _strided_slice_value(c: TypeContext) -> Any:
    value = known(c, 0)
    operands = [c.value(i) for i in (1, 2, 3)]
    if value is None or any(v is None for v in operands):
        return None
    try:
        return value[numpy_key(c, value.ndim, *operands)]
    except TypeError:  # a bound is not a number
        return None


def _strided_slice_gradient(op: Operation, dy: Tensor) -> list[Any]:
    x, begin, end, strides = op.inputs
    shape = op.graph.op("Shape", x, out_type=begin.dtype)
    masks = {name: op.attrs[name] for name in MASKS}
    dx = op.graph.op("StridedSliceGrad", shape, begin, end, strides, dy, **masks)
    return [dx, None, None, None]


def _strided_slice_index(op: Operation) -> tuple[Index, ...]:
    parts = parts_of(context_of(op), op.inputs[0].type.dims)
    assert parts is not None, op
    found: list[Index] = []
    axis = 0
    for part in parts:
        if part.kind == "index":
            found.append(at(part.first))
            continue
        if part.kind == "range":
            found.append(along(axis, part.stride, part.first))
        axis += 1
    return tuple(found)


MASK_ATTRS = {name: Attr("int", 0, "one bit per entry of the specification") for name in MASKS}


def _spec(
    x: tuple[int, ...], begin: list[int], end: list[int], strides: list[int], **masks: int
) -> Sample:
    operands = (Operand(x), *map(index_operand, (begin, end, strides)))
    return Sample(operands, masks)


register(OpDef(
    name="StridedSlice",
    doc="Python indexing x[begin:end:stride, …]. Bit i of a mask: begin[i] or end[i] is omitted, "
        "entry i is an ellipsis, a new axis, or an index (begin[i]) whose dimension goes away.",
    inputs=("input", "begin", "end", "strides"),
    attrs=MASK_ATTRS,
    infer=_strided_slice_type,
    reference=_strided_slice_reference,
    gradient=_strided_slice_gradient,
    lowering=View(_strided_slice_index),
    value=_strided_slice_value,
    shape_inputs=(1, 2, 3),
    dtypes=dtypes.COMPUTED,
    samples=(
        _spec((5, 4), [1, 0], [4, 3], [1, 2]),
        _spec((5, 4), [-2, 0], [-6, 9], [-1, 3], end_mask=1),
        _spec((3, 4, 2), [0, 1], [0, 2], [1, 1], ellipsis_mask=1, shrink_axis_mask=2),
        _spec((3, 4), [0, 0, -1], [0, 0, 0], [1, 1, 1], begin_mask=1, end_mask=1, new_axis_mask=2,
              shrink_axis_mask=4),
        _spec((7,), [0], [0], [-3], begin_mask=1, end_mask=1),
        _spec((4, 3), [3], [1], [1]),
        _spec((), [], [], []),
    ),
))  # fmt: skip
