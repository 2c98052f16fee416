"""Derivatives of functions of one number, each a single operation in terms of the result y.

As in TensorFlow they are operation types of their own: a chain differentiates into as many
operations as it has, not several times as many. They have gradients themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.lowering import Elementwise
from graphc.ir.ops.pointwise import apply, quietly, wanted
from graphc.ir.types import TensorType


def by_result(type: str) -> Callable[..., list[Tensor]]:
    """The gradient rule of a function whose derivative operation `type` takes (y, dy)."""
    return lambda op, dy: [apply(type, op.outputs[0], dy)]


def _infer(c: TypeContext) -> TensorType:
    y, dy = c.inputs
    dtype = c.same_dtype(0, 1)
    c.require_dtype(0, dtypes.FLOATS)
    if y.shape == dy.shape:
        return y
    return TensorType(dtype, c.merge_shapes(y.shape, dy.shape, "shapes of y and dy"))


def _derivative(
    name: str,
    doc: str,
    scalar: Callable[..., Any],
    reference: Callable[[np.ndarray, np.ndarray], Any],
    gradient: Callable[[Operation, Tensor], list[Tensor | None]],
    low: float,
    high: float,
    cost: float = 2.0,
) -> None:
    """Register an operation (y, dy) -> dy f'(x) for y = f(x), all of one shape."""
    register(OpDef(
        name=name,
        doc=doc,
        inputs=("y", "dy"),
        outputs=("z",),
        infer=_infer,
        reference=lambda c, y, dy: quietly(c, reference, y, dy),
        gradient=gradient,
        lowering=Elementwise(scalar, cost),
        dtypes=dtypes.FLOATS,
        samples=tuple(
            Sample((Operand(shape, low=low, high=high), Operand(shape)))
            for shape in ((3, 5), (), (0, 4), (37,))
        ),
    ))  # fmt: skip


def _rule(
    type: str, by_y: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Callable[[Operation, Tensor], list[Tensor | None]]:
    """z = dy d(y) is linear in dy; `by_y(dz, y, dy)` gives dz dy d'(y)."""

    def gradient(op: Operation, dz: Tensor) -> list[Tensor | None]:
        y, dy = op.inputs
        return [
            by_y(dz, y, dy) if wanted(y) else None,
            apply(type, y, dz) if wanted(dy) else None,
        ]

    return gradient


def _tanh_by_y(dz: Tensor, y: Tensor, dy: Tensor) -> Tensor:
    result: Tensor = dz * -2 * dy * y
    return result


def _sigmoid_by_y(dz: Tensor, y: Tensor, dy: Tensor) -> Tensor:
    product = dz * dy
    result: Tensor = product - product * 2 * y
    return result


def _sqrt_by_y(dz: Tensor, y: Tensor, dy: Tensor) -> Tensor:
    result: Tensor = dz * -0.5 * dy / apply("Square", y)
    return result


def _rsqrt_by_y(dz: Tensor, y: Tensor, dy: Tensor) -> Tensor:
    result: Tensor = dz * -1.5 * dy * apply("Square", y)
    return result


_derivative(
    "TanhGrad",
    "The cotangent of Tanh by its result: z = dy (1 - y^2).",
    lambda b, y, dy: b.mul(dy, b.sub(b.const(1), b.mul(y, y))),
    lambda y, dy: dy * (1 - y * y),
    _rule("TanhGrad", _tanh_by_y),
    -0.9,
    0.9,
)

_derivative(
    "SigmoidGrad",
    "The cotangent of Sigmoid by its result: z = dy y (1 - y).",
    lambda b, y, dy: b.mul(b.mul(dy, y), b.sub(b.const(1), y)),
    lambda y, dy: dy * y * (1 - y),
    _rule("SigmoidGrad", _sigmoid_by_y),
    0.1,
    0.9,
)

_derivative(
    "SqrtGrad",
    "The cotangent of Sqrt by its result: z = dy / (2 y).",
    lambda b, y, dy: b.div(b.mul(dy, b.const(0.5)), y),
    lambda y, dy: dy * 0.5 / y,
    _rule("SqrtGrad", _sqrt_by_y),
    0.4,
    2.0,
    cost=5,
)

_derivative(
    "RsqrtGrad",
    "The cotangent of Rsqrt by its result: z = -dy y^3 / 2.",
    lambda b, y, dy: b.mul(b.mul(dy, b.const(-0.5)), b.mul(b.mul(y, y), y)),
    lambda y, dy: dy * -0.5 * (y * y * y),
    _rule("RsqrtGrad", _rsqrt_by_y),
    0.4,
    2.0,
)
