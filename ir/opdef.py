"""Definitions: an `OpDef` says once and in one place all there is to know of an operation type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.lowering import Lowering
from graphc.ir.records import record

if TYPE_CHECKING:
    from graphc.ir.inference import TypeContext
    from graphc.ir.tensor import Operation


@record
class Attr:
    """An attribute of an operation type.

    kind: "int" "float" "bool" "string" "dtype" "shape" "ints" "floats" "value" (an ndarray) "any".
    An attribute without default is required.
    """

    kind: str
    default: Any = ...
    doc: str = ""
    choices: tuple[Any, ...] = ()


@record
class Operand:
    """An input of a sample: random values of a shape, or the given ones.

    `dtype` None is the sample's type variable; `low`, `high` bound the random values.
    """

    shape: tuple[int, ...] = ()
    dtype: DType | None = None
    low: float = -2.0
    high: float = 2.0
    value: Any = None


@record
class Sample:
    """One example of an operation type, from which tests draw.

    `dtypes` restricts the type variable (default: all that the definition claims). `differentiable`
    says that finite differences make sense here; `gradient_inputs` limits them to some inputs.
    `tolerance` multiplies the default tolerance against the reference.
    """

    operands: tuple[Operand, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[DType, ...] | None = None
    differentiable: bool = True
    gradient_inputs: tuple[int, ...] | None = None
    tolerance: float = 1.0


@record
class NoGradient:
    """The explicit statement that an operation type has no gradient."""

    reason: str


class ZeroGradient(Enum):
    """What a gradient rule gives for an input whose changes the result does not show.

    Such an input is connected, as one that gets None is not: `gradients` gives zeros for it, and
    builds nothing of them on the way.
    """

    ZERO = "zero"


ZERO: Final = ZeroGradient.ZERO


@record
class OpDef:
    """All there is to know about an operation type.

    Attributes:
        name: TensorFlow's name.
        doc: what it computes, with the formula.
        inputs: names of inputs; a last name ``*rest`` takes any number.
        infer: type rule: (TypeContext) -> types of the outputs (one TensorType or a sequence).
        reference: NumPy meaning: (ReferenceContext, *arrays) -> array or tuple of arrays.
        gradient: (op, *cotangents) -> one of Tensor, IndexedSlices, ZERO, None per input; a
            cotangent is None where nothing depends on that output. Or `NoGradient(reason)`.
        attrs: attribute name -> `Attr`.
        outputs: names of outputs (a last ``*rest``: any number); () for operations run for effect.
        lowering: how kernels are made of it (see graphc.ir.lowering); or
        decompose: (op) -> tensors: the same in terms of other operations, built on `op.graph`.
        value: (TypeContext) -> object array or None: symbolic value of a small integer result.
        shape_inputs: inputs that only the type rule reads; -1 is the last one.
        dtypes: what the type variable (the dtype of the first operand with dtype None in samples)
            may be.
        effect: "pure", "random", "state", "host", "check" (may fail: kept though not read) or
            "nested" (what the functions in its attributes do).
        refs: whether outputs are variable storage.
        update: for state operations: (op, *current values of inputs) -> new values of `writes`.
        writes: indices of ref inputs that `update` gives new values for.
        samples: examples for tests.
        public: name of the generated public wrapper in `graphc`, or None; `arguments` are its
            parameter names in order (inputs and attributes) where they differ from inputs + attrs.
    """

    name: str
    doc: str
    inputs: tuple[str, ...]
    infer: Callable[[TypeContext], Any]
    reference: Callable[..., Any] | None
    gradient: Callable[..., Any] | NoGradient
    attrs: dict[str, Attr] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("output",)
    lowering: Lowering | None = None
    decompose: Callable[[Operation], Any] | None = None
    value: Callable[[TypeContext], Any] | None = None
    shape_inputs: tuple[int, ...] = ()
    dtypes: tuple[DType, ...] = dtypes.FLOATS
    effect: str = "pure"
    refs: bool = False
    update: Callable[..., Any] | None = None
    writes: tuple[int, ...] = ()
    samples: tuple[Sample, ...] = ()
    commutative: bool = False
    public: str | None = None
    arguments: tuple[str, ...] | None = None
    arity: int = field(init=False)  # how many inputs there are, at least
    variadic: bool = field(init=False)

    def __post_init__(self) -> None:
        variadic = bool(self.inputs) and self.inputs[-1].startswith("*")
        object.__setattr__(self, "variadic", variadic)
        object.__setattr__(self, "arity", len(self.inputs) - variadic)

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return self is other


_REGISTRY: dict[str, OpDef] = {}


def register(definition: OpDef) -> OpDef:
    """Add an operation type. The registry is append-only.

    Raises:
        ValueError: the name is taken.
    """
    if definition.name in _REGISTRY:
        raise ValueError(f"operation type {definition.name} is already registered")
    _REGISTRY[definition.name] = definition
    return definition


def definition(type: str) -> OpDef:
    """The definition of an operation type.

    Raises:
        KeyError: there is none of that name.
    """
    if not _REGISTRY:
        import graphc.ir.ops  # noqa: F401
    return _REGISTRY[type]


def definitions() -> list[OpDef]:
    """All operation types, sorted by name."""
    import graphc.ir.ops  # noqa: F401

    return [_REGISTRY[name] for name in sorted(_REGISTRY)]


def complete_attrs(found: OpDef, given: dict[str, Any]) -> dict[str, Any]:
    """The attributes with defaults filled in; attributes whose name begins with "_" pass freely."""
    if not found.attrs and not given:
        return {}
    complete: dict[str, Any] = {}
    for name, attr in found.attrs.items():
        if name in given:
            value = given[name]
            if attr.choices and value not in attr.choices:
                raise ValueError(
                    f"{found.name}: attribute {name}={value!r} is not one of {attr.choices}"
                )
            complete[name] = value
        elif attr.default is ...:
            raise TypeError(f"{found.name}: attribute '{name}' is required")
        else:
            complete[name] = attr.default
    for name, value in given.items():
        if name not in complete:
            if not name.startswith("_"):
                raise TypeError(f"{found.name}: unknown attribute '{name}'")
            complete[name] = value
    return complete


def check_arity(found: OpDef, count: int) -> None:
    """Raise TypeError if an operation type does not take that many inputs."""
    if count < found.arity or (count > found.arity and not found.variadic):
        least = "at least " if found.variadic else ""
        raise TypeError(f"{found.name} takes {least}{found.arity} inputs, got {count}")


def wanted_dtype(type: str, index: int, value: Any, like: DType | None, count: int) -> DType | None:
    """The dtype to give a bare Python value beside tensors: theirs, unless it holds indices."""
    found = definition(type)
    is_shape = index in found.shape_inputs or index - count in found.shape_inputs
    if is_shape or isinstance(value, (np.ndarray, np.generic)):
        return None
    name = found.inputs[min(index, len(found.inputs) - 1)].lstrip("*")
    return None if name in INDEX_INPUTS else like


# Inputs of these names hold indices, axes or sizes: bare Python values become int32, not the dtype
# of their neighbours.
INDEX_INPUTS = frozenset({
    "indices", "axis", "axes", "dims", "shape", "begin", "end", "strides", "size", "multiples",
    "paddings", "perm", "split_dim", "reduction_indices", "concat_dim", "depth", "num_samples",
    "labels", "condition", "start", "limit", "delta", "seed", "input_sizes", "filter_sizes",
    "orig_input_shape", "block_shape", "crops",
})  # fmt: skip
