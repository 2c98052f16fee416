"""Control flow: operations that hold bodies, `If`, `While` and `Scan`, and what belongs to them.

In a user's graph the bodies are `Body` graphs. In a function they are `Function`s whose parameters
are called after the operation's inputs: carries `c0`, `c1`, …, captures `k0`, …, rows `r0`, ….
"""

from __future__ import annotations

from typing import Any

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Attr, NoGradient, OpDef, TypeContext, register
from graphc.ir.lowering import Nested, Source
from graphc.ir.types import TensorType, tensor_type

# The last result of each in a user's graph: what `Saved` values hang on.
TOKEN = TensorType(dtypes.float32, ())


def _argument_type(c: TypeContext) -> TensorType:
    return tensor_type(c.attrs["dtype"], c.attrs["shape"])


def _argument_value(c: TypeContext) -> Any:
    import numpy as np

    if "_value" not in c.attrs:
        return None
    value = np.array(list(c.attrs["_value"]), dtype=object)
    return value if c.attrs["shape"] else value.reshape(())


for _name, _refs, _doc in (
    ("BodyArgument", False, "A value handed into a branch or loop body."),
    ("BodyReference", True, "A variable's storage, used in a branch or loop body."),
):
    register(OpDef(
        name=_name,
        doc=_doc,
        inputs=(),
        attrs={"dtype": Attr("dtype"), "shape": Attr("shape", None)},
        infer=_argument_type,
        reference=None,
        gradient=NoGradient("it has no inputs"),
        lowering=Source("argument"),
        value=None if _refs else _argument_value,
        effect="state" if _refs else "pure",
        refs=_refs,
        dtypes=dtypes.COMPUTED,
    ))  # fmt: skip


def _unknown(type: TensorType) -> TensorType:
    return TensorType(type.dtype, (UNKNOWN,) * len(type.dims))


def _loop_types(c: TypeContext) -> list[TensorType]:
    body = c.attrs["body"]
    if c.environment is None:
        carries = body.arguments[: c.attrs["carries"]]
        return [*(t.type for t in carries), TOKEN]
    saved = body.results[bool(c.attrs.get("cond")) :]
    stacks = [TensorType(t.dtype, (UNKNOWN, *t.type.dims)) for t in saved]
    sizes = TensorType(dtypes.int64, (len(c.attrs["sizes"]),))
    count = TensorType(dtypes.int32, ())
    return [*(_unknown(t.type) for _, t in body.updates), *stacks, count, sizes]


def _branch_types(c: TypeContext) -> list[TensorType]:
    parts = c.attrs["then_branch"], c.attrs["else_branch"]
    if c.environment is None:
        merged = []
        for a, b in zip(parts[0].results, parts[1].results, strict=True):
            merged.append(TensorType(a.dtype, _common_shape(a.type.shape, b.type.shape)))
        return [*merged, TOKEN]
    common = c.attrs["common"]
    results = [*parts[0].results, *parts[1].results[common:]]
    sizes = TensorType(dtypes.int64, (len(c.attrs["sizes"]),))
    return [*(_unknown(t.type) for t in results), sizes]


def _common_shape(a: Any, b: Any) -> Any:
    """What two shapes have in common: None where the ranks differ."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y and isinstance(x, int) else UNKNOWN for x, y in zip(a, b, strict=True))


def _gradient(op: Any, *dys: Any) -> Any:
    from graphc.ir.gradients_of_bodies import gradient_of

    return gradient_of(op, dys)


_SIZES = Attr("any", (), "(result, axis) of each size that only the run can know")
_NAMES = Attr("any", (), "in a function, the names of the inputs")
_LOOP = {
    "body": Attr("any", doc="one iteration: arguments are the carries (and rows); gives carries"),
    "carries": Attr("int", doc="how many inputs are carries; they come first"),
    "sizes": _SIZES,
    "names": _NAMES,
}

register(OpDef(
    name="If",
    doc="The results of `then_branch` if `pred`, else of `else_branch`; only that one runs.",
    inputs=("pred", "*captures"),
    outputs=("*output",),
    attrs={
        "then_branch": Attr("any"),
        "else_branch": Attr("any"),
        "common": Attr("int", 0, "how many results both branches give"),
        "sizes": _SIZES,
        "names": _NAMES,
    },
    infer=_branch_types,
    reference=None,
    gradient=_gradient,
    lowering=Nested(),
    effect="nested",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip

register(OpDef(
    name="While",
    doc="carries <- body(carries) as long as cond(carries). Inputs are carries, then captures.",
    inputs=("*inputs",),
    outputs=("*output",),
    attrs={"cond": Attr("any", doc="gives a bool scalar"), **_LOOP},
    infer=_loop_types,
    reference=None,
    gradient=_gradient,
    lowering=Nested(),
    effect="nested",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip

register(OpDef(
    name="Scan",
    doc=(
        "carries <- body(carries, row i of each rows input) for i in range(count), backwards if "
        "`reverse`. Inputs are carries, captures, rows, count."
    ),
    inputs=("*inputs",),
    outputs=("*output",),
    attrs={
        **_LOOP,
        "rows": Attr("int", doc="how many inputs before `count` are taken row by row"),
        "reverse": Attr("bool", False),
    },
    infer=_loop_types,
    reference=None,
    gradient=_gradient,
    lowering=Nested(),
    effect="nested",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip


def _saved_type(c: TypeContext) -> TensorType:
    kept = c.attrs["tensor"].type
    if c.tensors[0].op.type == "If":
        return TensorType(kept.dtype, kept.shape)
    return TensorType(kept.dtype, None if kept.shape is None else (UNKNOWN, *kept.shape))


def _saved_gradient(op: Any, dy: Any) -> Any:
    from graphc.ir.gradients import SavedCotangents

    return [SavedCotangents(op.graph, {op.attrs["tensor"]: [dy]})]


register(OpDef(
    name="Saved",
    doc=(
        "The values that a tensor inside a loop had, stacked by iteration; of one inside a branch "
        "the value (anything, where the branch was not taken)."
    ),
    inputs=("token",),
    attrs={"tensor": Attr("any", doc="the tensor inside")},
    infer=_saved_type,
    reference=None,
    gradient=_saved_gradient,
    lowering=Source("saved"),
    effect="nested",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip

register(OpDef(
    name="LoopCount",
    doc="How many iterations a loop did.",
    inputs=("token",),
    infer=lambda c: TensorType(dtypes.int32, ()),
    reference=None,
    gradient=NoGradient("an integer"),
    lowering=Source("saved"),
    effect="nested",
    dtypes=dtypes.INDICES,
))  # fmt: skip
