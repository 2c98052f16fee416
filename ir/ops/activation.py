"""Activation functions and their gradients, each a single elementwise operation.

The gradients are operation types of their own, as in TensorFlow, and have gradients themselves, so
that penalties on gradients train. NaN goes through every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import (
    ZERO,
    Attr,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Elementwise
from graphc.ir.ops.pointwise import quietly, select, unary, unary_samples, zero
from graphc.ir.types import TensorType

# Finite differences see the kink of a piecewise function; these ranges keep away from it.
_SMOOTH = unary_samples()
_AWAY_FROM_ZERO = (*unary_samples(0.2, 2.0), *unary_samples(-2.0, -0.2))

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def _same_shapes(allowed: tuple[DType, ...]) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        dtype = c.same_dtype(0, 1)
        c.require_dtype(0, allowed)
        return TensorType(dtype, c.merge_shapes(c.inputs[0].shape, c.inputs[1].shape))

    return infer


def _pair_samples(low: float, high: float) -> tuple[Sample, ...]:
    return tuple(
        Sample((Operand(shape), Operand(shape, low=low, high=high)))
        for shape in ((3, 5), (), (0, 4), (37,))
    )


def _derivative(
    name: str,
    doc: str,
    point: str,
    scalar: Callable[..., Any],
    reference: Callable[..., Any],
    gradient: Callable[..., Any],
    *,
    allowed: tuple[DType, ...] = dtypes.FLOATS,
    attrs: dict[str, Attr] | None = None,
    ranges: tuple[tuple[float, float], ...] = ((-2.0, 2.0),),
    cost: float = 1.0,
) -> None:
    """Register an operation (gradients, point) -> gradients * f'(point), all of one shape."""

    def compute(c: Any, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        given = {key: c.attrs[key] for key in attrs or {}}
        return quietly(c, lambda dy, x: reference(dy, x, **given), dy, x)

    register(OpDef(
        name=name,
        doc=doc,
        inputs=("gradients", point),
        outputs=("backprops",),
        attrs=attrs or {},
        infer=_same_shapes(allowed),
        reference=compute,
        gradient=gradient,
        lowering=Elementwise(scalar, cost),
        dtypes=allowed,
        samples=tuple(s for low, high in ranges for s in _pair_samples(low, high)),
    ))  # fmt: skip


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in op.definition.attrs}


def _through(type: str) -> Callable[..., Any]:
    """The gradient of a derivative that is linear in `gradients` and piecewise constant in the
    point.
    """
    return lambda op, ddy: [ddy.graph.op(type, ddy, op.inputs[1], **_attrs(op)), ZERO]


def _by_output(type: str) -> Callable[..., Any]:
    """The gradient of an activation whose derivative op takes the output."""
    return lambda op, dy: [dy.graph.op(type, dy, op.outputs[0])]


def _by_input(type: str) -> Callable[..., Any]:
    """The gradient of an activation whose derivative op takes the input."""
    return lambda op, dy: [dy.graph.op(type, dy, op.inputs[0], **_attrs(op))]


# ----------------------------------------------------------------------------------- relu, relu6


_APART = ((0.2, 2.0), (-2.0, -0.2))

unary(
    "Relu",
    "Rectifier: y = max(x, 0); NaN stays NaN.",
    lambda b, x: b.max(x, b.const(0)),
    lambda x: np.maximum(x, 0),
    _by_output("ReluGrad"),
    allowed=dtypes.NUMERIC,
    samples=_AWAY_FROM_ZERO,
)

_derivative(
    "ReluGrad",
    "The cotangent of Relu: gradients where features > 0, else 0. `features` may be Relu's input "
    "or its output.",
    "features",
    lambda b, dy, x: b.select(b.gt(x, b.const(0)), dy, b.const(0)),
    lambda dy, x: np.where(x > 0, dy, 0),
    _through("ReluGrad"),
    allowed=dtypes.NUMERIC,
    ranges=_APART,
)

unary(
    "Relu6",
    "Rectifier that saturates: y = min(max(x, 0), 6); NaN stays NaN.",
    lambda b, x: b.min(b.max(x, b.const(0)), b.const(6)),
    lambda x: np.minimum(np.maximum(x, 0), 6),
    _by_output("Relu6Grad"),
    allowed=dtypes.NUMERIC,
    samples=(*_AWAY_FROM_ZERO, *unary_samples(4.0, 5.8), *unary_samples(6.2, 9.0)),
)

_derivative(
    "Relu6Grad",
    "The cotangent of Relu6: gradients where 0 < features < 6, else 0.",
    "features",
    lambda b, dy, x: b.select(b.and_(b.gt(x, b.const(0)), b.lt(x, b.const(6))), dy, b.const(0)),
    lambda dy, x: np.where((x > 0) & (x < 6), dy, 0),
    _through("Relu6Grad"),
    allowed=dtypes.NUMERIC,
    ranges=(*_APART, (4.0, 5.8), (6.2, 9.0)),
)

# ------------------------------------------------------------------------------------- leaky relu

_ALPHA = {"alpha": Attr("float", 0.2, "the slope on the negative side")}


def _leaky(b: Any, x: Any) -> Any:
    return b.select(b.gt(x, b.const(0)), x, b.mul(x, b.const(b.attrs["alpha"])))


def _leaky_reference(c: Any, x: np.ndarray) -> np.ndarray:
    return quietly(c, lambda x: np.where(x > 0, x, x * x.dtype.type(c.attrs["alpha"])), x)


register(OpDef(
    name="LeakyRelu",
    doc="Leaky rectifier: y = x where x > 0, else alpha x.",
    inputs=("features",),
    outputs=("activations",),
    attrs=_ALPHA,
    infer=lambda c: TensorType(c.require_dtype(0, dtypes.FLOATS), c.inputs[0].shape),
    reference=_leaky_reference,
    gradient=_by_input("LeakyReluGrad"),
    lowering=Elementwise(_leaky, 2),
    samples=(*_AWAY_FROM_ZERO, Sample((Operand((3, 5), low=-2, high=-0.2),), {"alpha": 0.01})),
))  # fmt: skip

_derivative(
    "LeakyReluGrad",
    "The cotangent of LeakyRelu: gradients where features > 0, else alpha gradients.",
    "features",
    lambda b, dy, x: b.select(b.gt(x, b.const(0)), dy, b.mul(dy, b.const(b.attrs["alpha"]))),
    lambda dy, x, alpha: np.where(x > 0, dy, dy * dy.dtype.type(alpha)),
    _through("LeakyReluGrad"),
    attrs=_ALPHA,
    ranges=_APART,
    cost=2,
)

# -------------------------------------------------------------------------------------- elu, selu


def _exponential(b: Any, x: Any) -> Any:
    """expm1(x) on the negative side, with an argument that cannot overflow on the other."""
    return b.expm1(b.min(x, b.const(0)))


unary(
    "Elu",
    "Exponential linear unit: y = x where x >= 0, else exp(x) - 1.",
    lambda b, x: b.select(b.lt(x, b.const(0)), _exponential(b, x), x),
    lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    _by_output("EluGrad"),
    cost=10,
    samples=_AWAY_FROM_ZERO,
)


def _elu_grad_gradient(op: Operation, ddy: Tensor) -> list[Tensor]:
    dy, y = op.inputs
    return [ddy.graph.op("EluGrad", ddy, y), select(y < 0, ddy * dy, zero(y))]


_derivative(
    "EluGrad",
    "The cotangent of Elu by its outputs y: gradients where y >= 0, else gradients (y + 1).",
    "outputs",
    lambda b, dy, y: b.select(b.lt(y, b.const(0)), b.mul(dy, b.add(y, b.const(1))), dy),
    lambda dy, y: np.where(y < 0, dy * (y + 1), dy),
    _elu_grad_gradient,
    ranges=((0.2, 2.0), (-0.9, -0.2)),
    cost=3,
)


def _selu(b: Any, x: Any) -> Any:
    negative = b.mul(b.const(SELU_SCALE * SELU_ALPHA), _exponential(b, x))
    return b.select(b.lt(x, b.const(0)), negative, b.mul(b.const(SELU_SCALE), x))


unary(
    "Selu",
    "Scaled exponential linear unit: y = scale x where x >= 0, else scale alpha (exp(x) - 1).",
    _selu,
    lambda x: np.where(x < 0, SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(x, 0)), SELU_SCALE * x),
    _by_output("SeluGrad"),
    cost=11,
    samples=_AWAY_FROM_ZERO,
)


def _selu_grad(b: Any, dy: Any, y: Any) -> Any:
    negative = b.mul(dy, b.add(y, b.const(SELU_SCALE * SELU_ALPHA)))
    return b.select(b.lt(y, b.const(0)), negative, b.mul(dy, b.const(SELU_SCALE)))


def _selu_grad_gradient(op: Operation, ddy: Tensor) -> list[Tensor]:
    dy, y = op.inputs
    return [ddy.graph.op("SeluGrad", ddy, y), select(y < 0, ddy * dy, zero(y))]


_derivative(
    "SeluGrad",
    "The cotangent of Selu by its outputs y: gradients scale where y >= 0, else "
    "gradients (y + scale alpha).",
    "outputs",
    _selu_grad,
    lambda dy, y: np.where(y < 0, dy * (y + SELU_SCALE * SELU_ALPHA), dy * SELU_SCALE),
    _selu_grad_gradient,
    ranges=((0.2, 2.0), (-1.5, -0.2)),
    cost=4,
)

# ----------------------------------------------------------------------------- softplus, softsign


def _softplus(b: Any, x: Any) -> Any:
    return b.add(b.max(x, b.const(0)), b.log1p(b.exp(b.neg(b.abs(x)))))


unary(
    "Softplus",
    "Smooth rectifier: y = log(1 + exp(x)), computed as max(x, 0) + log1p(exp(-|x|)).",
    _softplus,
    lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    _by_input("SoftplusGrad"),
    cost=20,
    samples=(*_SMOOTH, *unary_samples(-30.0, 30.0, differentiable=False)),
)


def _softplus_grad_gradient(op: Operation, ddy: Tensor) -> list[Tensor]:
    dy, x = op.inputs
    s = ddy.graph.op("Sigmoid", x)
    return [ddy.graph.op("SoftplusGrad", ddy, x), ddy * dy * s * (1 - s)]


_derivative(
    "SoftplusGrad",
    "The cotangent of Softplus: gradients sigmoid(features).",
    "features",
    lambda b, dy, x: b.mul(dy, b.sigmoid(x)),
    lambda dy, x: dy * np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
    _softplus_grad_gradient,
    cost=12,
)

unary(
    "Softsign",
    "y = x / (1 + |x|).",
    lambda b, x: b.div(x, b.add(b.const(1), b.abs(x))),
    lambda x: x / (1 + np.abs(x)),
    _by_input("SoftsignGrad"),
    cost=4,
    samples=_AWAY_FROM_ZERO,
)


def _softsign_grad_gradient(op: Operation, ddy: Tensor) -> list[Tensor]:
    dy, x = op.inputs
    graph = ddy.graph
    base = 1 + abs(x)
    slope = -2 * graph.op("Sign", x) / (base * base * base)
    return [graph.op("SoftsignGrad", ddy, x), ddy * dy * slope]


def _softsign_grad(b: Any, dy: Any, x: Any) -> Any:
    base = b.add(b.const(1), b.abs(x))
    return b.div(dy, b.mul(base, base))


_derivative(
    "SoftsignGrad",
    "The cotangent of Softsign: gradients / (1 + |features|)^2.",
    "features",
    _softsign_grad,
    lambda dy, x: dy / np.square(1 + np.abs(x)),
    _softsign_grad_gradient,
    ranges=_APART,
    cost=5,
)
