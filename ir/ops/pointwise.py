"""What elementwise operation types share: type rules, symbolic values, adjoints, samples.

Every helper here answers one question that many definitions in this folder ask the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Unknown
from graphc.ir.dtypes import DType
from graphc.ir.graph import Attr, NoGradient, OpDef, Operand, Sample, Tensor, TypeContext, register
from graphc.ir.lowering import Elementwise
from graphc.ir.types import TensorType

Gradient = Callable[..., Any] | NoGradient

# ------------------------------------------------------------------------------------ type rules


def unary_type(allowed: Sequence[DType], result: DType | None = None) -> Callable[..., TensorType]:
    """The operand's shape; its dtype, or `result`."""
    names = frozenset(dtype.name for dtype in allowed)

    def infer(c: TypeContext) -> TensorType:
        x = c.inputs[0]
        if x.dtype.name not in names:
            c.require_dtype(0, allowed)
        return x if result is None else TensorType(result, x.shape)

    return infer


def binary_type(allowed: Sequence[DType], result: DType | None = None) -> Callable[..., TensorType]:
    """The broadcast of two operands of one dtype; that dtype, or `result`."""
    names = frozenset(dtype.name for dtype in allowed)

    def infer(c: TypeContext) -> TensorType:
        x, y = c.inputs
        if x.dtype is not y.dtype or x.dtype.name not in names:
            c.same_dtype(0, 1)
            c.require_dtype(0, allowed)
        # the common cases share a type: chains of operations make few objects
        if result is None and (x.shape == y.shape or (y.shape == () and x.shape is not None)):
            return x
        if result is None and x.shape == () and y.shape is not None:
            return y
        return TensorType(result or x.dtype, c.broadcast(x.shape, y.shape))

    return infer


# ------------------------------------------------------------------------------- symbolic values


def wrap(dtype: DType, size: Any) -> Any:
    """A value in the range of an integer dtype (two's complement), as the kernels compute it."""
    if not isinstance(size, int) or dtype.min <= size <= dtype.max:
        return size
    return (size - dtype.min) % (1 << dtype.bits) + dtype.min


def map_values(c: TypeContext, function: Callable[..., Any]) -> Any:
    """The symbolic value `function(*elements)` of an integer operation, or None."""
    if not all(t.dtype.is_integer for t in c.inputs):
        return None
    values = [c.value(i) for i in range(len(c.inputs))]
    if any(v is None for v in values):
        return None
    dtype = c.inputs[0].dtype
    elements = np.frompyfunc(lambda *sizes: wrap(dtype, function(*sizes)), len(values), 1)
    return np.asarray(elements(*values), dtype=object)


def value_rule(function: Callable[..., Any]) -> Callable[[TypeContext], Any]:
    """A `value` rule from an operation on elements (ints, Dims, UNKNOWN)."""
    return lambda c: map_values(c, function)


def only_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation on elements that is worked out for ints only; UNKNOWN otherwise."""

    def element(*sizes: Any) -> Any:
        return function(*sizes) if all(isinstance(s, int) for s in sizes) else UNKNOWN

    return element


def comparison_value(relation: str) -> Callable[[TypeContext], Any]:
    """A `value` rule for a comparison: bools where all sizes answer alike, else UNKNOWN."""
    decide: dict[str, Callable[[int], bool]] = {
        "==": lambda d: d == 0, "!=": lambda d: d != 0, "<": lambda d: d < 0,
        "<=": lambda d: d <= 0, ">": lambda d: d > 0, ">=": lambda d: d >= 0,
    }  # fmt: skip

    def element(a: Any, b: Any) -> Any:
        difference = a - b
        return decide[relation](difference) if isinstance(difference, int) else UNKNOWN

    def value(c: TypeContext) -> Any:
        if not c.inputs[0].dtype.is_integer:
            return None
        x, y = c.value(0), c.value(1)
        if x is None or y is None:
            return None
        return np.asarray(np.frompyfunc(element, 2, 1)(x, y), dtype=object)

    return value


def is_known(sizes: Iterable[Any]) -> bool:
    """Whether no size is UNKNOWN."""
    return not any(isinstance(s, Unknown) for s in sizes)


# -------------------------------------------------------------------------------------- adjoints


def apply(type: str, *inputs: Tensor, **attrs: Any) -> Tensor:
    """The result of a new operation in the graph of its inputs."""
    operation = inputs[0].op.graph.create(type, inputs, attrs)
    return operation.outputs[0]


def sum_to(dy: Tensor, x: Tensor) -> Tensor:
    """The adjoint of broadcasting x: `dy` summed over the axes along which x was repeated."""
    if dy.type.shape == x.type.shape and dy.type.is_concrete:
        return dy
    return apply("SumToShapeOf", dy, x)


def wanted(x: Tensor) -> bool:
    """Whether the differentiator has a use for the cotangent of an operand (see `Graph`)."""
    return x.op.graph.wants_cotangent(x)


def zero(like: Tensor) -> Tensor:
    """A scalar 0 of a tensor's dtype."""
    return like.graph.constant(0, like.dtype)


def select(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`x` where the condition holds, else `y`, all broadcast."""
    return apply("SelectV2", condition, x, y)


# --------------------------------------------------------------------------------------- samples


def unary_samples(
    low: float = -2.0, high: float = 2.0, differentiable: bool = True, tolerance: float = 1.0
) -> tuple[Sample, ...]:
    """A matrix of odd size, a scalar, an empty array and a longer vector with values in a range."""
    return tuple(
        Sample(
            (Operand(shape, low=low, high=high),),
            differentiable=differentiable,
            tolerance=tolerance,
        )
        for shape in ((3, 5), (), (0, 4), (37,))
    )


def binary_samples(
    x: tuple[float, float] = (-2.0, 2.0),
    y: tuple[float, float] = (-2.0, 2.0),
    differentiable: bool = True,
    tolerance: float = 1.0,
) -> tuple[Sample, ...]:
    """Equal shapes, scalars, broadcasting, an empty dimension; values in two ranges."""
    shapes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
        ((3, 5), (3, 5)), ((), ()), ((7,), ()), ((2, 1, 5), (3, 1)), ((0, 3), (1, 3)),
        ((4,), (3, 4)),
    )  # fmt: skip
    return tuple(
        Sample(
            (Operand(a, low=x[0], high=x[1]), Operand(b, low=y[0], high=y[1])),
            differentiable=differentiable,
            tolerance=tolerance,
        )
        for a, b in shapes
    )


# ----------------------------------------------------------------------------------- definitions


def unary(
    name: str,
    doc: str,
    scalar: Callable[..., Any],
    reference: Callable[[np.ndarray], Any],
    gradient: Gradient,
    *,
    allowed: tuple[DType, ...] = dtypes.FLOATS,
    result: DType | None = None,
    value: Callable[[TypeContext], Any] | None = None,
    cost: float = 1.0,
    samples: tuple[Sample, ...] | None = None,
    public: str | None = None,
) -> OpDef:
    """Register y = f(x) element by element; `reference` maps an array to an array."""
    return register(OpDef(
        name=name,
        doc=doc,
        inputs=("x",),
        outputs=("y",),
        infer=unary_type(allowed, result),
        reference=lambda c, x: quietly(c, reference, x),
        gradient=gradient,
        lowering=Elementwise(scalar, cost),
        value=value,
        dtypes=allowed,
        samples=unary_samples() if samples is None else samples,
        public=public,
    ))  # fmt: skip


def binary(
    name: str,
    doc: str,
    scalar: Callable[..., Any],
    reference: Callable[[np.ndarray, np.ndarray], Any],
    gradient: Gradient,
    *,
    allowed: tuple[DType, ...] = dtypes.NUMERIC,
    result: DType | None = None,
    value: Callable[[TypeContext], Any] | None = None,
    cost: float = 1.0,
    samples: tuple[Sample, ...] | None = None,
    commutative: bool = False,
    public: str | None = None,
    inputs: tuple[str, str] = ("x", "y"),
    attrs: dict[str, Attr] | None = None,
    check: Callable[..., None] | None = None,
) -> OpDef:
    """Register z = f(x, y) element by element under broadcasting.

    `check(c, x, y)` fails, in the reference, for operands that the operation refuses.
    """

    def refer(c: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if check is not None:
            check(c, x, y)
        return quietly(c, reference, x, y)

    return register(OpDef(
        name=name,
        doc=doc,
        inputs=inputs,
        attrs=attrs or {},
        outputs=("z",),
        infer=binary_type(allowed, result),
        reference=refer,
        gradient=gradient,
        lowering=Elementwise(scalar, cost),
        value=value,
        dtypes=allowed,
        samples=binary_samples() if samples is None else samples,
        commutative=commutative,
        public=public,
    ))  # fmt: skip


def quietly(c: Any, function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """`function(*arrays)` in the output's dtype, without NumPy's warnings about infinities."""
    with np.errstate(all="ignore"):
        return np.asarray(function(*arrays)).astype(c.types[0].dtype.numpy, copy=False)
