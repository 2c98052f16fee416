"""Borders: Pad, PadV2, MirrorPad and its adjoint.

`paddings` is [rank, 2]: how much comes before and behind each axis.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.lowering import Region, View, along
from graphc.ir.ops.positions import (
    context_of,
    dim_values,
    has_unknown,
    index_operand,
    non_negative_sizes,
    require,
)
from graphc.ir.types import TensorType

Pairs = list[tuple[Any, Any]]


def _pairs(c: TypeContext) -> Pairs | None:
    """(before, behind) for each axis of input 0; None while the rank is unknown."""
    shape = c.require_rank(1, 2)
    flat = non_negative_sizes(c, 1)
    if flat is None:
        count = c.inputs[0].rank
        if count is None and shape is not None and isinstance(shape[0], int):
            count = shape[0]
        return None if count is None else [(UNKNOWN, UNKNOWN)] * count
    if shape is not None and c.equal(shape[1], 2) is False:
        c.fail(f"paddings must be [rank, 2], not {c.show_shape(shape)}")
    rank = c.inputs[0].rank
    if rank is not None and len(flat) != 2 * rank:
        c.fail(f"paddings has {len(flat) // 2} rows for an input of rank {rank}")
    return list(zip(flat[::2], flat[1::2], strict=True))


def _pad_type(c: TypeContext) -> TensorType:
    pairs = _pairs(c)
    if pairs is None:
        return c.inputs[0].with_shape(None)
    shape = c.inputs[0].shape or (UNKNOWN,) * len(pairs)
    return c.inputs[0].with_shape(
        n + before + behind for n, (before, behind) in zip(shape, pairs, strict=True)
    )


def _before(op: Operation) -> list[Any]:
    pairs = _pairs(context_of(op))
    assert pairs is not None, op
    return [before for before, _ in pairs]


def _pad_regions(op: Operation) -> tuple[Region, ...]:
    pairs = _pairs(context_of(op))
    assert pairs is not None, op
    return tuple(
        Region(along(axis, 1, -before), 0, n)
        for axis, (n, (before, behind)) in enumerate(
            zip(op.inputs[0].type.dims, pairs, strict=True)
        )
        if not all(isinstance(p, int) and p == 0 for p in (before, behind))
    )


def _pad_view(fill: Any) -> View:
    return View(
        lambda op: tuple(along(axis, 1, -b) for axis, b in enumerate(_before(op))),
        _pad_regions,
        fill,
    )


def _padded(x: np.ndarray, paddings: np.ndarray, value: Any) -> np.ndarray:
    return np.pad(x, paddings.tolist(), constant_values=value) if x.ndim else x


def _inner(op: Operation, dy: Tensor) -> Tensor:
    """The part of dy that came from the input."""
    graph, (x, paddings) = op.graph, op.inputs[:2]
    begin = graph.op(
        "StridedSlice",
        paddings,
        [0, 0],
        [0, 1],
        [1, 1],
        begin_mask=1,
        end_mask=1,
        shrink_axis_mask=2,
    )
    inner: Tensor = graph.op("Slice", dy, begin, graph.op("Shape", x, out_type=paddings.dtype))
    return inner


_SAMPLES = (
    (Operand((2, 3)), index_operand([[1, 2], [0, 1]])),
    (Operand((3,)), index_operand([[0, 0]], dtypes.int64)),
    (Operand((0, 2)), index_operand([[2, 1], [0, 0]])),
    (Operand(()), index_operand(np.zeros((0, 2)))),
)

register(OpDef(
    name="Pad",
    doc="`input` with borders of zeros.",
    inputs=("input", "paddings"),
    infer=_pad_type,
    reference=lambda c, x, paddings: _padded(x, paddings, 0),
    gradient=lambda op, dy: [_inner(op, dy), None],
    lowering=_pad_view(lambda op: 0),
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=tuple(map(Sample, _SAMPLES)),
))  # fmt: skip

register(OpDef(
    name="PadWith",
    doc="`input` with borders of the number in attribute `value`.",
    inputs=("input", "paddings"),
    attrs={"value": Attr("any")},
    infer=_pad_type,
    reference=lambda c, x, paddings: _padded(x, paddings, c.attrs["value"]),
    gradient=lambda op, dy: [_inner(op, dy), None],
    lowering=_pad_view(lambda op: op.attrs["value"]),
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=tuple(Sample(operands, {"value": 1}) for operands in _SAMPLES[:2]),
))  # fmt: skip


def _pad_v2_type(c: TypeContext) -> TensorType:
    c.same_dtype(0, 2)
    c.require_rank(2, 0)
    return _pad_type(c)


def _pad_v2_decompose(op: Operation) -> Tensor:
    """A constant becomes part of the view; another value is chosen where no input lies."""
    graph, (x, paddings, value) = op.graph, op.inputs
    number = graph.value_of(value)
    plain = None if number is None else np.asarray(number).item()
    result: Tensor
    if isinstance(plain, (bool, int, float)):
        result = graph.op("PadWith", x, paddings, value=plain)
        return result
    inside = graph.op("BroadcastTo", graph.constant(True), dim_values(graph, x.type.dims))
    border = graph.op("BroadcastTo", value, dim_values(graph, op.outputs[0].type.dims))
    padded = graph.op("Pad", x, paddings)
    result = graph.op("Select", graph.op("Pad", inside, paddings), padded, border)
    return result


def _pad_v2_gradient(op: Operation, dy: Tensor) -> list[Any]:
    """The value's share is all of dy but the inner part."""
    graph = op.graph
    inner = _inner(op, dy)
    border = graph.op("Sub", dy, graph.op("Pad", inner, op.inputs[1]))
    return [inner, None, graph.op("SumToShapeOf", border, op.inputs[2])]


register(OpDef(
    name="PadV2",
    doc="`input` with borders of the scalar `constant_values`.",
    inputs=("input", "paddings", "constant_values"),
    infer=_pad_v2_type,
    reference=lambda c, x, paddings, value: _padded(x, paddings, value),
    gradient=_pad_v2_gradient,
    decompose=_pad_v2_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=tuple(Sample((*operands, Operand(()))) for operands in _SAMPLES),
))  # fmt: skip


# ------------------------------------------------------------------------------------- MirrorPad

_MODE = {"mode": Attr("string", choices=("REFLECT", "SYMMETRIC"))}


def _edge(c: Any) -> int:
    """1 where the outermost element is not repeated."""
    return 1 if c.attrs["mode"] == "REFLECT" else 0


def _mirror_pad_type(c: TypeContext) -> TensorType:
    result, pairs = _pad_type(c), _pairs(c)
    for axis, (n, pair) in enumerate(zip(c.inputs[0].shape or (), pairs or (), strict=False)):
        for padding in pair:
            if not has_unknown(n, padding) and not (isinstance(padding, int) and padding == 0):
                require(
                    c, padding, "<=", n - _edge(c),
                    f"{c.attrs['mode']} paddings of axis {axis} must be at most "
                    f"{c.show(n - _edge(c))}, not {c.show(padding)}",
                )  # fmt: skip
    return result


def _numpy_mode(c: Any) -> Literal["reflect", "symmetric"]:
    return "reflect" if _edge(c) else "symmetric"


def _mirror_reference(c: Any, x: np.ndarray, paddings: np.ndarray) -> np.ndarray:
    for n, pair in zip(x.shape, paddings.tolist(), strict=True):
        if max(pair) > max(n - _edge(c), 0):
            c.fail(f"paddings {pair} are too large for a dimension of size {n}")
    return np.pad(x, paddings.tolist(), mode=_numpy_mode(c)) if x.ndim else x


def _block(x: Tensor, axis: int, begin: Any, size: Any, mirrored: bool = False) -> Tensor:
    """`size` elements along an axis, mirrored or not."""
    graph, dims = x.op.graph, list(x.type.dims)
    begins: list[Any] = [0] * len(dims)
    begins[axis], dims[axis] = begin, size
    block: Tensor = graph.op("Slice", x, dim_values(graph, begins), dim_values(graph, dims))
    if mirrored:
        block = graph.op("ReverseV2", block, graph.constant(np.array([axis], np.int32)))
    return block


def _nonzero_pairs(op: Operation) -> list[tuple[int, Any, Any]]:
    pairs = _pairs(context_of(op))
    assert pairs is not None, op
    return [
        (axis, before, behind)
        for axis, (before, behind) in enumerate(pairs)
        if not all(isinstance(p, int) and p == 0 for p in (before, behind))
    ]


def _mirror_decompose(op: Operation) -> Tensor:
    """Along one axis after the other: mirrored head, all, mirrored tail."""
    x, edge = op.inputs[0], _edge(op)
    for axis, before, behind in _nonzero_pairs(op):
        n = x.type.dims[axis]
        head = _block(x, axis, edge, before, mirrored=True)
        tail = _block(x, axis, n - edge - behind, behind, mirrored=True)
        x = op.graph.op("ConcatV2", head, x, tail, op.graph.constant(axis))
    return x


register(OpDef(
    name="MirrorPad",
    doc="`input` with borders that mirror it: REFLECT leaves out the outermost element, SYMMETRIC "
        "repeats it.",
    inputs=("input", "paddings"),
    attrs=_MODE,
    infer=_mirror_pad_type,
    reference=_mirror_reference,
    gradient=lambda op, dy: [
        op.graph.op("MirrorPadGrad", dy, op.inputs[1], mode=op.attrs["mode"]), None
    ],
    decompose=_mirror_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((3, 4)), index_operand([[1, 2], [3, 0]])), {"mode": "REFLECT"}),
        Sample((Operand((3, 4)), index_operand([[3, 1], [0, 4]])), {"mode": "SYMMETRIC"}),
        Sample((Operand((2,)), index_operand([[0, 0]])), {"mode": "REFLECT"}),
    ),
))  # fmt: skip


def _mirror_grad_type(c: TypeContext) -> TensorType:
    pairs = _pairs(c)
    if pairs is None:
        return c.inputs[0].with_shape(None)
    shape = c.inputs[0].shape or (UNKNOWN,) * len(pairs)
    return c.inputs[0].with_shape(
        n - before - behind for n, (before, behind) in zip(shape, pairs, strict=True)
    )


def _mirror_grad_reference(c: Any, dy: np.ndarray, paddings: np.ndarray) -> np.ndarray:
    """Scatter-add dy to where each of its elements was read."""
    shape = [n - sum(pair) for n, pair in zip(dy.shape, paddings.tolist(), strict=True)]
    origin = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    read = np.pad(origin, paddings.tolist(), mode=_numpy_mode(c)) if dy.ndim else origin
    dx = np.zeros(origin.size, dy.dtype)
    np.add.at(dx, read.ravel(), dy.ravel())
    return dx.reshape(shape)


def _mirror_grad_decompose(op: Operation) -> Tensor:
    """Along one axis after the other: the middle, plus the borders mirrored to their origin."""
    graph, dx, edge = op.graph, op.inputs[0], _edge(op)
    for axis, before, behind in _nonzero_pairs(op):
        rank = len(dx.type.dims)
        n = dx.type.dims[axis] - before - behind
        middle = _block(dx, axis, before, n)
        for begin, size, place in ((0, before, edge), (before + n, behind, n - edge - behind)):
            if isinstance(size, int) and size == 0:
                continue
            border = _block(dx, axis, begin, size, mirrored=True)
            paddings: list[Any] = [0] * (2 * rank)
            paddings[2 * axis : 2 * axis + 2] = [place, n - size - place]
            moved = graph.op("Pad", border, dim_values(graph, paddings, (rank, 2)))
            middle = graph.op("Add", middle, moved)
        dx = middle
    return dx


register(OpDef(
    name="MirrorPadGrad",
    doc="The adjoint of MirrorPad: every element of dy is added to the one it mirrors.",
    inputs=("input", "paddings"),
    attrs=_MODE,
    infer=_mirror_grad_type,
    reference=_mirror_grad_reference,
    gradient=lambda op, ddx: [
        op.graph.op("MirrorPad", ddx, op.inputs[1], mode=op.attrs["mode"]), None
    ],
    decompose=_mirror_grad_decompose,
    shape_inputs=(1,),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((6, 7)), index_operand([[1, 2], [3, 0]])), {"mode": "REFLECT"}),
        Sample((Operand((7, 8)), index_operand([[3, 1], [0, 4]])), {"mode": "SYMMETRIC"}),
    ),
))  # fmt: skip
