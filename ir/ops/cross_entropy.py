"""Cross entropies of logits with probabilities or with class numbers.

Both give the loss per row and the cotangent of the logits, as in TensorFlow, and are decomposed
into primitives whose chains fusion turns into one row kernel. Gradients are right to second order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import (
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.ops.pointwise import select, sum_to
from graphc.ir.ops.rows import (
    column_of,
    counting,
    exponential,
    fold,
    log_softmax_of,
    shifted,
    softmax_of,
    unknown,
)
from graphc.ir.types import TensorType

# --------------------------------------------------------------------------- labels: probabilities


def _cross_entropy_type(c: TypeContext) -> tuple[TensorType, TensorType]:
    dtype = c.same_dtype(0, 1)
    c.require_dtype(0, dtypes.FLOATS)
    c.require_rank(0, 2)
    c.require_rank(1, 2)
    shape = c.broadcast(c.inputs[0].shape, c.inputs[1].shape)
    loss = None if shape is None else shape[:1]
    if shape is None:
        shape, loss = unknown(2), unknown(1)
    return TensorType(dtype, loss), TensorType(dtype, shape)


def _cross_entropy_decompose(op: Operation) -> tuple[Tensor, Tensor]:
    x, labels = op.inputs
    s = shifted(x)
    e = exponential(s)
    total = fold("Sum", e)
    loss = fold("Sum", labels * (op.graph.op("Log", total) - s), keep=False)
    return loss, e * op.graph.op("Reciprocal", total) - labels


def _cross_entropy_reference(c: Any, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    loss = np.sum(labels * -log_softmax_of(x), -1, dtype=x.dtype)
    return loss, softmax_of(x) - labels


def _through_backprop(x: Tensor, dbackprop: Tensor) -> Any:
    """The cotangent of the logits through backprop = softmax(x) - labels."""
    y = x.graph.op("Softmax", x)
    return (dbackprop - fold("Sum", dbackprop * y)) * y


def _cross_entropy_gradient(op: Operation, dloss: Any, dbackprop: Any) -> list[Any]:
    x, labels = op.inputs
    dx, dlabels = None, None
    if dloss is not None:
        column = column_of(dloss)
        dx = column * op.outputs[1]
        dlabels = column * -x.graph.op("LogSoftmax", x)
    if dbackprop is not None:
        further = _through_backprop(x, dbackprop)
        dx = further if dx is None else dx + further
        dlabels = -dbackprop if dlabels is None else dlabels - dbackprop
    return [
        None if dx is None else sum_to(dx, x),
        None if dlabels is None else sum_to(dlabels, labels),
    ]


_PROBABILITIES = np.array([[0.1, 0.2, 0.7], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25], [0.3, 0.3, 0.4]])

register(OpDef(
    name="SoftmaxCrossEntropyWithLogits",
    doc="loss_b = sum_c labels_bc (log sum_k exp x_bk - x_bc), backprop = softmax(x) - labels, "
    "which is d loss / d x where the labels of a row sum to 1. The operands broadcast.",
    inputs=("features", "labels"),
    outputs=("loss", "backprop"),
    infer=_cross_entropy_type,
    reference=_cross_entropy_reference,
    gradient=_cross_entropy_gradient,
    decompose=_cross_entropy_decompose,
    samples=(
        Sample((Operand((4, 3)), Operand((4, 3), value=_PROBABILITIES))),
        Sample((Operand((1, 3)), Operand((4, 3), value=_PROBABILITIES))),
        Sample((Operand((4, 3)), Operand((1, 3), value=_PROBABILITIES[:1]))),
        Sample((Operand((0, 3)), Operand((0, 3)))),
        Sample((Operand((4, 3), low=-50, high=50), Operand((4, 3), value=_PROBABILITIES)),
               differentiable=False),
    ),
))  # fmt: skip

# --------------------------------------------------------------------------- labels: class numbers


def _sparse_type(c: TypeContext) -> tuple[TensorType, TensorType]:
    dtype = c.require_dtype(0, dtypes.FLOATS)
    c.require_dtype(1, dtypes.INDICES)
    c.require_rank(0, 2)
    c.require_rank(1, 1)
    logits = c.inputs[0].shape or unknown(2)
    labels = c.inputs[1].shape or unknown(1)
    rows = c.merge(logits[0], labels[0], "the numbers of rows of logits and of labels")
    return TensorType(dtype, (rows,)), TensorType(dtype, (rows, logits[1]))


def _sparse_decompose(op: Operation) -> tuple[Tensor, Tensor]:
    x, labels = op.inputs
    graph = op.graph
    numbers = counting(graph, x.type.dims[1], labels.dtype)
    # Looking the labels up among the class numbers makes one out of range an indexing error in
    # whatever kernel needs it.
    checked = graph.op("GatherV2", numbers, labels, graph.constant(np.int32(0)))
    chosen = graph.op("Equal", numbers, column_of(checked))
    s = shifted(x)
    e = exponential(s)
    total = fold("Sum", e)
    nothing, one = graph.constant(0, x.dtype), graph.constant(1, x.dtype)
    loss = fold("Sum", select(chosen, graph.op("Log", total) - s, nothing), keep=False)
    return loss, e * graph.op("Reciprocal", total) - select(chosen, one, nothing)


def _sparse_reference(c: Any, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    classes = x.shape[1]
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        c.fail(f"Received a label value of {wrong[0]} which is outside the valid range of "
               f"[0, {classes})")  # fmt: skip
    rows = np.arange(len(labels))
    loss = -log_softmax_of(x)[rows, labels]
    backprop = softmax_of(x)
    backprop[rows, labels] -= 1
    return loss, backprop


def _sparse_gradient(op: Operation, dloss: Any, dbackprop: Any) -> list[Any]:
    x = op.inputs[0]
    dx = None if dloss is None else column_of(dloss) * op.outputs[1]
    if dbackprop is not None:
        further = _through_backprop(x, dbackprop)
        dx = further if dx is None else dx + further
    return [dx, None]


register(OpDef(
    name="SparseSoftmaxCrossEntropyWithLogits",
    doc="loss_b = log sum_k exp x_bk - x_bl with l = labels_b, backprop = d loss / d x = "
    "softmax(x) - onehot(labels). A label outside [0, C) is an InvalidArgumentError.",
    inputs=("features", "labels"),
    outputs=("loss", "backprop"),
    infer=_sparse_type,
    reference=_sparse_reference,
    gradient=_sparse_gradient,
    decompose=_sparse_decompose,
    samples=(
        Sample((Operand((4, 3)), Operand((4,), dtypes.int32, value=[0, 2, 1, 2]))),
        Sample((Operand((4, 3)), Operand((4,), dtypes.int64, value=[2, 2, 0, 1]))),
        Sample((Operand((1, 40), low=-50, high=50), Operand((1,), dtypes.int32, value=[39]))),
        Sample((Operand((0, 3)), Operand((0,), dtypes.int32, value=[]))),
    ),
))  # fmt: skip
