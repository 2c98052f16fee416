"""Sources, state and order: constants, parameters, placeholders, variables, identity, grouping."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Sample,
    TypeContext,
    register,
)
from graphc.ir.lowering import Dims, Elementwise, Ordering, Source
from graphc.ir.types import TensorType, tensor_type


def _attr_type(c: TypeContext) -> TensorType:
    return tensor_type(c.attrs["dtype"], c.attrs["shape"])


def _parameter_value(c: TypeContext) -> np.ndarray | None:
    """The symbols of a fed integer tensor that holds sizes (attribute `_value`)."""
    if "_value" not in c.attrs:
        return None
    sizes = np.array(list(c.attrs["_value"]), dtype=object)
    return sizes if c.attrs["shape"] else sizes.reshape(())  # a guard holds the length of a list


register(OpDef(
    name="Const",
    doc="A constant: the array in attribute `value`.",
    inputs=(),
    attrs={"value": Attr("value")},
    infer=lambda c: tensor_type(c.attrs["value"].dtype, c.attrs["value"].shape),
    reference=lambda c: c.attrs["value"],
    gradient=NoGradient("it has no inputs"),
    lowering=Source("constant"),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((), {"value": np.arange(6, dtype=np.float32).reshape(2, 3)}),),
))  # fmt: skip

register(OpDef(
    name="Placeholder",
    doc="A value that must be fed.",
    inputs=(),
    attrs={"dtype": Attr("dtype"), "shape": Attr("shape", None)},
    infer=_attr_type,
    reference=None,
    gradient=NoGradient("it has no inputs"),
    lowering=Source("feed"),
    dtypes=dtypes.COMPUTED,
))  # fmt: skip

register(OpDef(
    name="Parameter",
    doc="An input of a compiled function: a feed, a variable's value, or whether it has one.",
    inputs=(),
    attrs={
        "kind": Attr("string", choices=("feed", "variable", "initialized")),
        "name": Attr("string"),
        "dtype": Attr("dtype"),
        "shape": Attr("shape"),
    },
    infer=_attr_type,
    reference=None,
    gradient=NoGradient("it has no inputs"),
    lowering=Source("feed"),
    value=_parameter_value,
    dtypes=dtypes.COMPUTED,
))  # fmt: skip

register(OpDef(
    name="PlaceholderWithDefault",
    doc="`input`, unless another value is fed. `shape` may be less precise than the input's.",
    inputs=("input",),
    attrs={"shape": Attr("shape", None)},
    infer=lambda c: (
        c.inputs[0] if c.compiling else tensor_type(c.inputs[0].dtype, c.attrs["shape"])
    ),
    reference=lambda c, x: x,
    gradient=lambda op, dy: [dy],
    lowering=Elementwise(lambda b, x: x, cost=0),
    # While building nobody knows what will be fed.
    value=lambda c: c.value(0) if c.compiling else None,
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3)),), {"shape": (None, 3)}),),
))  # fmt: skip

register(OpDef(
    name="VariableV2",
    doc="The storage of a variable; its value lives in the session and survives the run.",
    inputs=(),
    attrs={
        "dtype": Attr("dtype"),
        "shape": Attr("shape", None),
        "container": Attr("string", ""),
        "shared_name": Attr("string", ""),
    },
    infer=_attr_type,
    reference=None,
    gradient=NoGradient("it has no inputs"),
    lowering=Source("variable"),
    effect="state",
    refs=True,
    dtypes=dtypes.COMPUTED,
))  # fmt: skip

register(OpDef(
    name="Identity",
    doc="The same values: y = x.",
    inputs=("input",),
    infer=lambda c: c.inputs[0],
    reference=lambda c, x: x,
    gradient=lambda op, dy: [dy],
    lowering=Elementwise(lambda b, x: x, cost=0),
    value=lambda c: c.value(0),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3)),)), Sample((Operand(()),))),
))  # fmt: skip

register(OpDef(
    name="StopGradient",
    doc="The same values, taken as constant by the differentiator: y = x, dy/dx = 0.",
    inputs=("input",),
    infer=lambda c: c.inputs[0],
    reference=lambda c, x: x,
    gradient=NoGradient("that is what it is for"),
    lowering=Elementwise(lambda b, x: x, cost=0),
    value=lambda c: c.value(0),
    dtypes=dtypes.COMPUTED,
    samples=(Sample((Operand((2, 3)),)),),
    public="stop_gradient",
))  # fmt: skip

register(OpDef(
    name="NoOp",
    doc="Nothing; other operations are ordered by it.",
    inputs=(),
    outputs=(),
    infer=lambda c: (),
    reference=lambda c: (),
    gradient=NoGradient("it has no outputs"),
    lowering=Ordering(),
))  # fmt: skip


def _dims_reference(c: Any) -> np.ndarray:
    return np.array(c.attrs["dims"], c.attrs["dtype"].numpy).reshape(c.attrs["shape"])


register(OpDef(
    name="DimValues",
    doc="Sizes as data: an integer tensor whose elements are ints or symbolic dimensions.",
    inputs=(),
    attrs={"dims": Attr("any"), "dtype": Attr("dtype"), "shape": Attr("shape")},
    infer=_attr_type,
    reference=_dims_reference,
    gradient=NoGradient("integers"),
    lowering=Dims(),
    value=lambda c: np.array(list(c.attrs["dims"]), dtype=object).reshape(c.attrs["shape"]),
    dtypes=dtypes.INDICES,
    samples=(Sample((), {"dims": (3, 4), "dtype": dtypes.int32, "shape": (2,)}),),
))  # fmt: skip


def _assign_type(c: TypeContext) -> TensorType:
    ref, value = c.inputs
    c.same_dtype(0, 1)
    if c.attrs["validate_shape"]:
        what = "shapes of the variable and of its new value"
        return TensorType(ref.dtype, c.merge_shapes(ref.shape, value.shape, what))
    return TensorType(ref.dtype, value.shape)


register(OpDef(
    name="Assign",
    doc="Set a variable: ref <- value. Gives the variable with the value just written.",
    inputs=("ref", "value"),
    attrs={"validate_shape": Attr("bool", True), "use_locking": Attr("bool", True)},
    infer=_assign_type,
    reference=None,
    gradient=NoGradient("it changes state"),
    effect="state",
    refs=True,
    update=lambda op, ref, value: [value],
    writes=(0,),
    dtypes=dtypes.COMPUTED,
))  # fmt: skip


def _same_as_ref(c: TypeContext) -> TensorType:
    ref, value = c.inputs
    c.same_dtype(0, 1)
    what = "shapes of the variable and of its change"
    return TensorType(ref.dtype, c.merge_shapes(ref.shape, value.shape, what))


for _name, _word, _sign in (("AssignAdd", "Add", "+"), ("AssignSub", "Sub", "-")):
    register(OpDef(
        name=_name,
        doc=f"Change a variable: ref <- ref {_sign} value. "
            "Gives the variable with the value just written.",
        inputs=("ref", "value"),
        attrs={"use_locking": Attr("bool", False)},
        infer=_same_as_ref,
        reference=None,
        gradient=NoGradient("it changes state"),
        effect="state",
        refs=True,
        update=lambda op, ref, value, _word=_word: [ref.graph.op(_word, ref, value)],
        writes=(0,),
        dtypes=dtypes.NUMERIC,
    ))  # fmt: skip


register(OpDef(
    name="IsVariableInitialized",
    doc="Whether a variable has a value in this session.",
    inputs=("ref",),
    infer=lambda c: TensorType(dtypes.bool_, ()),
    reference=None,
    gradient=NoGradient("bool"),
    effect="state",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip
