"""Comparisons, logic, selection, casts, and tensors of a constant like another."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
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
from graphc.ir.lowering import Elementwise
from graphc.ir.ops.adjoint import dim_values
from graphc.ir.ops.pointwise import (
    apply,
    binary,
    binary_samples,
    comparison_value,
    select,
    sum_to,
    unary,
    wanted,
    wrap,
    zero,
)
from graphc.ir.types import TensorType

_BOOL = NoGradient("bool")

# ----------------------------------------------------------------------------------- comparisons

_COMPARISONS: tuple[tuple[str, str, str, Any, Any], ...] = (
    ("Equal", "==", "eq", np.equal, dtypes.COMPUTED),
    ("NotEqual", "!=", "ne", np.not_equal, dtypes.COMPUTED),
    ("Less", "<", "lt", np.less, dtypes.NUMERIC),
    ("LessEqual", "<=", "le", np.less_equal, dtypes.NUMERIC),
    ("Greater", ">", "gt", np.greater, dtypes.NUMERIC),
    ("GreaterEqual", ">=", "ge", np.greater_equal, dtypes.NUMERIC),
)
_COMPARED = (
    *binary_samples(differentiable=False),
    Sample(
        (Operand((4,), value=[0, 1, 1, 0]), Operand((2, 1), value=[[1], [0]])), differentiable=False
    ),
)
_NAN = Sample(
    (Operand((3,), value=[np.nan, np.nan, 1.0]), Operand((3,), value=[np.nan, 1.0, np.inf])),
    dtypes=dtypes.FLOATS,
    differentiable=False,
)

for _name, _sign, _method, _reference, _allowed in _COMPARISONS:
    binary(
        _name,
        f"Whether x {_sign} y, with broadcasting. With NaN only != holds.",
        lambda b, x, y, _method=_method: getattr(b, _method)(x, y),
        _reference,
        _BOOL,
        allowed=_allowed,
        result=dtypes.bool_,
        value=comparison_value(_sign),
        samples=(*_COMPARED, _NAN),
        commutative=_sign in ("==", "!="),
    )

# ----------------------------------------------------------------------------------------- logic

_TRUTHS = tuple(
    Sample((Operand(a, dtypes.bool_), Operand(b, dtypes.bool_)), differentiable=False)
    for a, b in (((3, 5), (3, 5)), ((), ()), ((2, 1), (3,)), ((0, 2), (2,)))
)

for _name, _word, _method, _reference in (
    ("LogicalAnd", "x and y", "and_", np.logical_and),
    ("LogicalOr", "x or y", "or_", np.logical_or),
    ("LogicalXor", "exactly one of x and y", "xor", np.logical_xor),
):
    binary(
        _name,
        f"Whether {_word}, with broadcasting.",
        lambda b, x, y, _method=_method: getattr(b, _method)(x, y),
        _reference,
        _BOOL,
        allowed=(dtypes.bool_,),
        samples=_TRUTHS,
        commutative=True,
    )

unary(
    "LogicalNot",
    "Whether x is false.",
    lambda b, x: b.not_(x),
    np.logical_not,
    _BOOL,
    allowed=(dtypes.bool_,),
    samples=tuple(
        Sample((Operand(shape, dtypes.bool_),), differentiable=False)
        for shape in ((3, 5), (), (0, 2))
    ),
    public="logical_not",
)

# ------------------------------------------------------------------------------------- selection


def _require_condition(c: TypeContext) -> None:
    if c.inputs[0].dtype is not dtypes.bool_:
        c.fail_type(
            f"the condition must be bool, not {c.inputs[0].dtype.name}; use tf.cast or a comparison"
        )


def _select_v2_type(c: TypeContext) -> TensorType:
    _require_condition(c)
    dtype = c.same_dtype(1, 2)
    return TensorType(dtype, c.broadcast(*(t.shape for t in c.inputs)))


def _select_v2_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    condition, t, e = op.inputs
    nothing = zero(dz)
    return [
        None,
        sum_to(select(condition, dz, nothing), t) if wanted(t) else None,
        sum_to(select(condition, nothing, dz), e) if wanted(e) else None,
    ]


def _select_value(c: TypeContext) -> Any:
    values = [c.value(i) for i in range(3)]
    if not c.inputs[1].dtype.is_integer or any(v is None for v in values):
        return None

    def element(condition: Any, t: Any, e: Any) -> Any:
        return (t if condition else e) if isinstance(condition, (bool, np.bool_)) else UNKNOWN

    return np.asarray(np.frompyfunc(element, 3, 1)(*values), dtype=object)


def _condition(*shape: int) -> Operand:
    return Operand(shape, dtypes.bool_)


register(OpDef(
    name="SelectV2",
    doc="z = condition ? t : e, all three broadcast as NumPy does.",
    inputs=("condition", "t", "e"),
    infer=_select_v2_type,
    reference=lambda c, condition, t, e: np.where(condition, t, e),
    gradient=_select_v2_gradient,
    lowering=Elementwise(lambda b, condition, t, e: b.select(condition, t, e)),
    value=_select_value,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((_condition(3, 5), Operand((3, 5)), Operand((3, 5)))),
        Sample((_condition(5), Operand((3, 1)), Operand(()))),
        Sample((_condition(), Operand(()), Operand(()))),
        Sample((_condition(0, 1), Operand((3,)), Operand((1, 3)))),
    ),
))  # fmt: skip


def _select_type(c: TypeContext) -> TensorType:
    _require_condition(c)
    dtype = c.same_dtype(1, 2)
    condition = c.inputs[0].shape
    shape = c.merge_shapes(c.inputs[1].shape, c.inputs[2].shape, "shapes of the two alternatives")
    if condition is None or shape is None or not condition:
        return TensorType(dtype, shape)
    if len(condition) == 1 and len(shape) > 1:
        c.merge(condition[0], shape[0], "length of the condition and number of rows")
        return TensorType(dtype, shape)
    return TensorType(
        dtype, c.merge_shapes(shape, condition, "shapes of the alternatives and the condition")
    )


def _rows(condition: Any, rank: int) -> bool:
    """Whether a condition of this shape selects whole rows."""
    return len(condition) == 1 and rank > 1


def _select_reference(c: Any, condition: np.ndarray, t: np.ndarray, e: np.ndarray) -> np.ndarray:
    if _rows(condition.shape, t.ndim):
        condition = condition.reshape(condition.shape + (1,) * (t.ndim - 1))
    return np.where(condition, t, e)


def _select_decompose(op: Operation) -> Tensor:
    condition, t, e = op.inputs
    dims, rank = condition.type.dims, len(t.type.dims)
    if _rows(dims, rank):
        shape = dim_values(op.graph, (*dims, *[1] * (rank - 1)))
        condition = op.graph.op("Reshape", condition, shape)
    return select(condition, t, e)


def _same_rank_value(c: TypeContext) -> Any:
    condition, t = c.inputs[0].rank, c.inputs[1].rank
    return _select_value(c) if condition in (0, t) else None


def _select_gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
    condition = op.inputs[0]
    zeros = op.graph.op("ZerosLike", dz)
    return [
        None,
        op.graph.op("Select", condition, dz, zeros),
        op.graph.op("Select", condition, zeros, dz),
    ]


register(OpDef(
    name="Select",
    doc="z = condition ? t : e for t and e of one shape; the condition has that shape too, or is a "
        "scalar, or a vector that selects whole rows.",
    inputs=("condition", "t", "e"),
    infer=_select_type,
    reference=_select_reference,
    gradient=_select_gradient,
    decompose=_select_decompose,
    value=_same_rank_value,
    dtypes=dtypes.COMPUTED,
    samples=(
        Sample((_condition(3, 5), Operand((3, 5)), Operand((3, 5)))),
        Sample((_condition(3), Operand((3, 2, 2)), Operand((3, 2, 2)))),
        Sample((_condition(), Operand((2, 3)), Operand((2, 3)))),
        Sample((_condition(7), Operand((7,)), Operand((7,)))),
        Sample((_condition(0), Operand((0, 3)), Operand((0, 3)))),
    ),
))  # fmt: skip


def _clip_type(c: TypeContext) -> TensorType:
    dtype = c.same_dtype(0, 1, 2)
    c.require_dtype(0, dtypes.NUMERIC)
    shape = c.broadcast(*(t.shape for t in c.inputs))
    return TensorType(
        dtype, c.merge_shapes(c.inputs[0].shape, shape, "shapes of the values and the limits")
    )


def _clip_gradient(op: Operation, dy: Tensor) -> list[Tensor]:
    t, low, high = op.inputs
    graph = op.graph
    below, above = graph.op("Less", t, low), graph.op("Greater", t, high)
    outside = graph.op("LogicalOr", below, above)
    return [
        sum_to(select(outside, zero(dy), dy), t),
        sum_to(select(below, dy, zero(dy)), low),
        sum_to(select(above, dy, zero(dy)), high),
    ]


register(OpDef(
    name="ClipByValue",
    doc="Values kept within limits: y = max(min(t, clip_value_max), clip_value_min). NaN stays.",
    inputs=("t", "clip_value_min", "clip_value_max"),
    infer=_clip_type,
    reference=lambda c, t, low, high: np.maximum(np.minimum(t, high), low),
    gradient=_clip_gradient,
    lowering=Elementwise(lambda b, t, low, high: b.max(b.min(t, high), low), cost=2),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((3, 5), low=1, high=9), Operand((), value=3), Operand((), value=6)),
               differentiable=False),
        Sample((Operand((4,), value=[0.5, 2.5, 1.5, 4.5]), Operand((), value=1.0),
                Operand((), value=3.0)),
               dtypes=dtypes.FLOATS),
        Sample((Operand((0, 3)), Operand((3,), value=[0, 1, 2]), Operand((), value=3))),
    ),
))  # fmt: skip

# ------------------------------------------------------------------------------------------ casts


def cast_array(x: np.ndarray, dtype: DType) -> np.ndarray:
    """`x` in another dtype: to bool is x != 0; float to int saturates, NaN gives 0; ints wrap."""
    if dtype.is_bool:
        return np.asarray(x != 0)
    if dtype.is_integer and x.dtype.kind == "f":
        whole = np.trunc(np.where(np.isnan(x), 0, x))
        # float(max + 1) is exact where float(max) is not
        too_great, too_small = whole >= float(dtype.max + 1), whole <= float(dtype.min)
        inside = np.where(too_great | too_small, 0, whole).astype(dtype.numpy)
        least = np.where(too_small, np.asarray(dtype.min, dtype.numpy), inside)
        return np.where(too_great, np.asarray(dtype.max, dtype.numpy), least)
    return x.astype(dtype.numpy)


def _cast_reference(c: Any, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return cast_array(x, c.types[0].dtype)


def _cast_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.COMPUTED)
    dtype = dtypes.as_dtype(c.attrs["DstT"])
    if dtype not in dtypes.COMPUTED:
        c.fail_type(f"cannot cast {c.inputs[0].dtype.name} to {dtype.name}")
    return TensorType(dtype, c.inputs[0].shape)


def _cast_value(c: TypeContext) -> Any:
    value, dtype = c.value(0), dtypes.as_dtype(c.attrs["DstT"])
    if value is None:
        return None
    if value.dtype != object:  # a constant of floats or bools
        cast = cast_array(value, dtype)
        return cast.astype(object) if dtype.is_integer else None
    if not dtype.is_integer:
        return None
    number = np.frompyfunc(
        lambda size: wrap(dtype, int(size) if isinstance(size, bool) else size), 1, 1
    )
    return np.asarray(number(value), dtype=object)


def _cast_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    x = op.inputs[0]
    if not (x.dtype.is_floating and dy.dtype.is_floating):
        return [None]
    return [op.graph.op("Cast", dy, DstT=x.dtype)]


_CAST_VALUES = Operand((2, 4), value=[[0.0, 1.5, -1.5, 200.7], [np.nan, np.inf, -np.inf, 3e9]])

register(OpDef(
    name="Cast",
    doc="The same numbers in dtype `DstT`. Float to integer rounds to zero, saturates, and gives 0 "
        "for NaN; integers wrap; to bool is x != 0.",
    inputs=("x",),
    outputs=("y",),
    attrs={"DstT": Attr("dtype", doc="the dtype of the result")},
    infer=_cast_type,
    reference=_cast_reference,
    gradient=_cast_gradient,
    lowering=Elementwise(lambda b, x: b.convert(x, b.dtype)),
    value=_cast_value,
    dtypes=dtypes.COMPUTED,
    samples=(
        *(Sample((Operand((3, 5)),), {"DstT": d}, differentiable=d.is_floating)
          for d in dtypes.COMPUTED),
        *(Sample((_CAST_VALUES,), {"DstT": d}, dtypes=dtypes.FLOATS, differentiable=False)
          for d in dtypes.COMPUTED),
        Sample((Operand(()),), {"DstT": dtypes.int32}, differentiable=False),
        Sample((Operand((0, 2)),), {"DstT": dtypes.bool_}, differentiable=False),
    ),
))  # fmt: skip

# --------------------------------------------------------------------- constants like a tensor


def _filled_value(number: int) -> Any:
    def value(c: TypeContext) -> Any:
        type = c.inputs[0]
        if not type.dtype.is_integer or not type.is_static or type.size > 1024:
            return None
        return np.full(type.dims, number, dtype=object)

    return value


def _filled_decompose(number: int) -> Any:
    def decompose(op: Operation) -> Tensor:
        x = op.inputs[0]
        value = bool(number) if x.dtype.is_bool else number
        scalar = op.graph.constant(value, x.dtype)
        return apply("BroadcastTo", scalar, dim_values(op.graph, x.type.dims))

    return decompose


for _name, _number in (("ZerosLike", 0), ("OnesLike", 1)):
    register(OpDef(
        name=_name,
        doc=f"A tensor of {_number}s with x's shape and dtype; of x only the shape is read.",
        inputs=("x",),
        outputs=("y",),
        infer=lambda c: TensorType(c.require_dtype(0, dtypes.COMPUTED), c.inputs[0].shape),
        reference=lambda c, x, _number=_number: np.full(x.shape, _number, x.dtype),
        gradient=NoGradient("a constant"),
        decompose=_filled_decompose(_number),
        value=_filled_value(_number),
        shape_inputs=(0,),
        dtypes=dtypes.COMPUTED,
        samples=tuple(
            Sample((Operand(shape),), differentiable=False) for shape in ((3, 5), (), (0, 2))
        ),
    ))  # fmt: skip
