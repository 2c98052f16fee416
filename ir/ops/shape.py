"""Shapes as data (Shape, Size, Rank), and new shapes for the same elements (Reshape and kin).

A shape that is asked for never costs work at run time: when compiling it is a tensor of sizes
(`DimValues`) whose symbolic value everybody knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Dim, product
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Sample,
    TypeContext,
    register,
)
from graphc.ir.lowering import Reshape
from graphc.ir.ops.positions import (
    dim_values,
    has_unknown,
    index_operand,
    is_dynamic,
    is_minus_one,
    known,
    plain_ints,
)
from graphc.ir.types import TensorType

OUT_TYPE = Attr("dtype", dtypes.int32, "int32 or int64", choices=dtypes.INDICES)


def _rank_dim(t: TensorType) -> Any:
    return UNKNOWN if t.rank is None else t.rank


def _dims_of(shape: Any) -> Any:
    return None if shape is None else np.array(list(shape), dtype=object).reshape(len(shape))


register(OpDef(
    name="Shape",
    doc="The sizes of `input`'s dimensions, as a vector.",
    inputs=("input",),
    attrs={"out_type": OUT_TYPE},
    infer=lambda c: TensorType(c.attrs["out_type"], (_rank_dim(c.inputs[0]),)),
    reference=lambda c, x: np.array(x.shape, c.attrs["out_type"].numpy),
    gradient=NoGradient("a shape does not depend on values"),
    decompose=lambda op: dim_values(
        op.graph, op.inputs[0].type.dims, dtype=op.attrs["out_type"]
    ),
    value=lambda c: _dims_of(c.inputs[0].shape),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 3)),)),
        Sample((Operand(()),)),
        Sample((Operand((0, 4, 1)),), {"out_type": dtypes.int64}),
    ),
))  # fmt: skip

register(OpDef(
    name="ShapeN",
    doc="The shape of every input, as one vector each.",
    inputs=("*input",),
    outputs=("*output",),
    attrs={"out_type": OUT_TYPE},
    infer=lambda c: [TensorType(c.attrs["out_type"], (_rank_dim(t),)) for t in c.inputs],
    reference=lambda c, *xs: tuple(np.array(x.shape, c.attrs["out_type"].numpy) for x in xs),
    gradient=NoGradient("a shape does not depend on values"),
    decompose=lambda op: tuple(
        dim_values(op.graph, t.type.dims, dtype=op.attrs["out_type"]) for t in op.inputs
    ),
    value=lambda c: [_dims_of(t.shape) for t in c.inputs],
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3)), Operand((1,)))), Sample((Operand(()),))),
))  # fmt: skip

register(OpDef(
    name="Size",
    doc="The number of elements of `input`: the product of its dimensions.",
    inputs=("input",),
    attrs={"out_type": OUT_TYPE},
    infer=lambda c: TensorType(c.attrs["out_type"], ()),
    reference=lambda c, x: np.array(x.size, c.attrs["out_type"].numpy),
    gradient=NoGradient("a size does not depend on values"),
    decompose=lambda op: dim_values(
        op.graph, (op.inputs[0].type.size,), (), op.attrs["out_type"]
    ),
    value=lambda c: np.array(c.inputs[0].size, dtype=object),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3)),)), Sample((Operand(()),)), Sample((Operand((0, 4)),))),
))  # fmt: skip

register(OpDef(
    name="Rank",
    doc="The number of dimensions of `input`.",
    inputs=("input",),
    infer=lambda c: TensorType(dtypes.int32, ()),
    reference=lambda c, x: np.array(x.ndim, np.int32),
    gradient=NoGradient("a rank does not depend on values"),
    decompose=lambda op: dim_values(op.graph, (op.inputs[0].type.rank,), (), dtypes.int32),
    value=lambda c: np.array(_rank_dim(c.inputs[0]), dtype=object),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3)),)), Sample((Operand(()),))),
))  # fmt: skip


# --------------------------------------------------------------------------------------- Reshape


def _reshape_type(c: TypeContext) -> TensorType:
    source = c.inputs[0]
    shape = c.require_rank(1, 1)
    sizes = c.sizes(1)
    if sizes is None:
        rank = shape[0] if shape is not None else None
        return source.with_shape([UNKNOWN] * rank if isinstance(rank, int) else None)
    wild = [is_minus_one(c, size) for size in sizes]
    if wild.count(True) > 1:
        c.fail("only one size may be -1")
    sizes = tuple(-1 if w else size for size, w in zip(sizes, wild, strict=True))
    return source.with_shape(_fill_in(c, source.size, sizes))


def _fill_in(c: TypeContext, total: Any, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    """`sizes` with -1 replaced by what is left of `total`, checked against it.

    While building one UNKNOWN is as good as -1; several stay UNKNOWN.
    """
    open_places = [i for i, size in enumerate(sizes) if has_unknown(size) or _is_wild(size)]
    rest = product(size for i, size in enumerate(sizes) if i not in open_places)
    if has_unknown(total) or len(open_places) > 1:
        return tuple(UNKNOWN if i in open_places else size for i, size in enumerate(sizes))
    if not open_places:
        if c.equal(total, rest) is False:
            _misfit(c, total, sizes)
        return sizes
    place = open_places[0]
    if c.environment is not None:  # what was found equal cancels
        total, rest = c.environment.canonical(total), c.environment.canonical(rest)
    left = _quotient(c, total, rest, sizes)
    return (*sizes[:place], left, *sizes[place + 1 :])


def _quotient(c: TypeContext, total: Any, rest: Any, sizes: tuple[Any, ...]) -> Any:
    if isinstance(rest, int) and rest == 0:
        if not _is_wild(*sizes):
            return UNKNOWN  # an unknown size beside an empty one may be anything
        c.fail("cannot infer the size -1 of an empty tensor unless all other sizes are not zero")
    if isinstance(total, int) and isinstance(rest, int):
        exact = total % rest == 0
    else:
        remainder = total % rest
        if isinstance(remainder, Dim) and not is_dynamic(c, rest) and c.equal(rest, 0):
            c.fail("cannot infer the size -1 of an empty tensor")
        exact = c.equal(remainder, 0) is not False
    if not exact:
        _misfit(c, total, sizes)
    return total // rest


def _is_wild(*sizes: Any) -> bool:
    return any(isinstance(size, int) and size == -1 for size in sizes)


def _misfit(c: TypeContext, total: Any, sizes: tuple[Any, ...]) -> None:
    wanted = c.show_shape(sizes)
    c.fail(
        f"Cannot reshape a tensor with {c.show(total)} elements to shape {wanted} "
        f"({c.show(product(s for s in sizes if not _is_wild(s)))} elements)"
    )


def _reshape_reference(c: Any, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    try:
        return x.reshape(shape.tolist())
    except ValueError as error:
        dims = c.types[0].dims
        if x.size == 0 and 0 in dims:
            return x.reshape(dims)  # what -1 stands for follows from symbols, not from 0 / 0
        c.fail(f"Cannot reshape a tensor with {x.size} elements to shape {shape.tolist()}: {error}")
        raise


def _reshape_value(c: TypeContext) -> Any:
    value, shape = known(c, 0), c.value(1)
    if value is None or shape is None:
        return None
    sizes = [size if isinstance(size, int) else -1 for size in np.ravel(shape).tolist()]
    return value.reshape(sizes) if sizes.count(-1) <= 1 else None


register(OpDef(
    name="Reshape",
    doc="The same elements in row-major order under another shape. One size may be -1: the rest.",
    inputs=("tensor", "shape"),
    infer=_reshape_type,
    reference=_reshape_reference,
    gradient=lambda op, dy: [op.graph.op("ReshapeToShapeOf", dy, op.inputs[0]), None],
    lowering=Reshape(),
    value=_reshape_value,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 6)), index_operand([3, 4]))),
        Sample((Operand((2, 3, 4)), index_operand([-1, 6]))),
        Sample((Operand(()), index_operand([1, 1]))),
        Sample((Operand((1,)), index_operand([]))),
        Sample((Operand((0, 3)), index_operand([3, 0, 2], dtypes.int64))),
        Sample((Operand((0, 3)), index_operand([-1, 3]))),
    ),
))  # fmt: skip


# ---------------------------------------------------------------------------- ExpandDims, Squeeze


def _expand_dims_type(c: TypeContext) -> TensorType:
    shape, axes = c.inputs[0].shape, c.constants(1)
    if axes is not None and len(axes) != 1:
        c.fail(f"dim must be one axis, not {len(axes)} of them")
    if shape is None:
        return c.inputs[0]
    if axes is None:
        return c.inputs[0].with_shape([UNKNOWN] * (len(shape) + 1))
    axis = c.axis(axes[0], len(shape) + 1)
    return c.inputs[0].with_shape((*shape[:axis], 1, *shape[axis:]))


def _expand_dims_value(c: TypeContext) -> Any:
    value, axis = known(c, 0), plain_ints(c, 1)
    return None if value is None or axis is None else np.expand_dims(value, axis[0])


register(OpDef(
    name="ExpandDims",
    doc="A dimension of size 1 inserted at `dim`; a negative one counts from the end.",
    inputs=("input", "dim"),
    infer=_expand_dims_type,
    reference=lambda c, x, axis: np.expand_dims(x, int(axis.item())),
    gradient=lambda op, dy: [op.graph.op("ReshapeToShapeOf", dy, op.inputs[0]), None],
    lowering=Reshape(),
    value=_expand_dims_value,
    shape_inputs=(1,),
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((2, 3)), index_operand(0))),
        Sample((Operand((2, 3)), index_operand(-1))),
        Sample((Operand((2, 0)), index_operand(-2))),
        Sample((Operand(()), index_operand(0))),
    ),
))  # fmt: skip


def _squeezed(c: TypeContext, shape: tuple[Any, ...]) -> tuple[int, ...] | None:
    """The dimensions that go away; None while that cannot be known."""
    axes = tuple(c.axis(axis, len(shape)) for axis in c.attrs["squeeze_dims"])
    if axes:
        for axis in axes:
            if c.equal(shape[axis], 1) is False:
                c.fail(
                    f"Can not squeeze dim[{axis}], expected a dimension of 1, "
                    f"got {c.show(shape[axis])}"
                )
        return axes
    answers = [c.equal(dim, 1) for dim in shape]
    if None in answers:
        return None
    return tuple(i for i, answer in enumerate(answers) if answer)


def _squeeze_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    if shape is None:
        return c.inputs[0]
    gone = _squeezed(c, shape)
    if gone is None:
        return c.inputs[0].with_shape(None)
    return c.inputs[0].with_shape(d for i, d in enumerate(shape) if i not in gone)


def _squeeze_reference(c: Any, x: np.ndarray) -> np.ndarray:
    axes = tuple(c.attrs["squeeze_dims"])
    return np.squeeze(x, axes or None)


def _squeeze_value(c: TypeContext) -> Any:
    value = known(c, 0)
    return None if value is None else np.squeeze(value, tuple(c.attrs["squeeze_dims"]) or None)


register(OpDef(
    name="Squeeze",
    doc="Drop dimensions of size 1: those in `squeeze_dims`, or all of them if it is empty.",
    inputs=("input",),
    attrs={"squeeze_dims": Attr("ints", ())},
    infer=_squeeze_type,
    reference=_squeeze_reference,
    gradient=lambda op, dy: [op.graph.op("ReshapeToShapeOf", dy, op.inputs[0])],
    lowering=Reshape(),
    value=_squeeze_value,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((Operand((1, 3, 1)),)),
        Sample((Operand((1, 3, 1)),), {"squeeze_dims": (-1,)}),
        Sample((Operand((1, 1)),)),
        Sample((Operand((1, 0, 2)),), {"squeeze_dims": (0,)}),
        Sample((Operand(()),)),
    ),
))  # fmt: skip
