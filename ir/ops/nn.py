"""Biases, softmax, the L2 loss, top-k tests: the composed operations of `tf.nn`.

All are decomposed into plain primitives (Max, Sub, Exp, Sum, …), whose chains fusion turns into row
kernels, forward and backward; only the gradients are given in closed form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
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
from graphc.ir.ops.pointwise import select, wanted
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

# ------------------------------------------------------------------------------------------ biases

_DATA_FORMAT = {"data_format": Attr("string", "NHWC", choices=("NHWC", "NCHW"))}


def _channel_axis(op: Any, rank: int) -> int:
    return rank - 1 if op.attrs["data_format"] == "NHWC" else 1


def _bias_type(c: TypeContext) -> TensorType:
    dtype = c.same_dtype(0, 1)
    c.require_dtype(0, dtypes.NUMERIC)
    c.require_rank(1, 1)
    shape, bias = c.inputs[0].shape, c.inputs[1].shape
    if shape is None:
        return TensorType(dtype, None)
    if len(shape) < 2:
        c.fail(f"the value must be at least 2-dimensional, but its shape is {c.show_shape(shape)}")
    axis = len(shape) - 1 if c.attrs["data_format"] == "NHWC" else 1
    channels = list(shape)
    if bias is not None:
        channels[axis] = c.merge(shape[axis], bias[0], "the sizes of the bias and of the channels")
    return TensorType(dtype, tuple(channels))


def _along_channels(op: Operation, bias: Tensor) -> Any:
    """The bias shaped so that it broadcasts over the value."""
    rank = len(op.inputs[0].type.dims)
    axis = _channel_axis(op, rank)
    if axis == rank - 1:
        return bias
    shape = [1] * (rank - axis)
    shape[0] = -1
    return bias.graph.op("Reshape", bias, op.graph.constant(np.array(shape, np.int32)))


def _bias_reference(c: Any, x: np.ndarray, bias: np.ndarray) -> Any:
    shape = [1] * x.ndim
    shape[_channel_axis(c, x.ndim)] = -1
    return x + bias.reshape(shape)


def _bias_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    if not wanted(op.inputs[1]):
        return [dy, None]
    return [dy, dy.graph.op("BiasAddGrad", dy, data_format=op.attrs["data_format"])]


register(OpDef(
    name="BiasAdd",
    doc="Add a vector along the channels: y[..., c] = value[..., c] + bias[c]; channels are the "
    "last dimension (data_format NHWC) or the second (NCHW).",
    inputs=("value", "bias"),
    attrs=_DATA_FORMAT,
    infer=_bias_type,
    reference=_bias_reference,
    gradient=_bias_gradient,
    decompose=lambda op: op.graph.op("Add", op.inputs[0], _along_channels(op, op.inputs[1])),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((4, 3)), Operand((3,)))),
        Sample((Operand((2, 3, 4, 5)), Operand((5,)))),
        Sample((Operand((2, 3, 4, 5)), Operand((3,))), {"data_format": "NCHW"}),
        Sample((Operand((0, 3)), Operand((3,)))),
    ),
))  # fmt: skip


def _bias_grad_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    if shape is None:
        return TensorType(c.inputs[0].dtype, (UNKNOWN,))
    if len(shape) < 2:
        c.fail(f"the value must be at least 2-dimensional, but its shape is {c.show_shape(shape)}")
    axis = len(shape) - 1 if c.attrs["data_format"] == "NHWC" else 1
    return TensorType(c.inputs[0].dtype, (shape[axis],))


def _bias_grad_decompose(op: Operation) -> Tensor:
    rank = len(op.inputs[0].type.dims)
    channel = _channel_axis(op, rank)
    axes = np.array([axis for axis in range(rank) if axis != channel], np.int32)
    total: Tensor = op.graph.op("Sum", op.inputs[0], axes)
    return total


def _bias_grad_reference(c: Any, dy: np.ndarray) -> np.ndarray:
    channel = _channel_axis(c, dy.ndim)
    axes = tuple(axis for axis in range(dy.ndim) if axis != channel)
    return np.asarray(np.sum(dy, axes, dtype=dy.dtype))


def _bias_grad_gradient(op: Operation, ddy: Tensor) -> list[Tensor]:
    graph = ddy.graph
    zeros = graph.op("ZerosLike", op.inputs[0])
    return [graph.op("BiasAdd", zeros, ddy, data_format=op.attrs["data_format"])]


register(OpDef(
    name="BiasAddGrad",
    doc="The cotangent of a bias: the sum over all dimensions but the channels.",
    inputs=("out_backprop",),
    attrs=_DATA_FORMAT,
    infer=_bias_grad_type,
    reference=_bias_grad_reference,
    gradient=_bias_grad_gradient,
    decompose=_bias_grad_decompose,
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((Operand((4, 3)),)),
        Sample((Operand((2, 3, 4, 5)),)),
        Sample((Operand((2, 3, 4, 5)),), {"data_format": "NCHW"}),
        Sample((Operand((0, 3)),)),
    ),
))  # fmt: skip

# ----------------------------------------------------------------------------------------- softmax


def _normalised(x: Tensor) -> Any:
    """softmax(x) along the last axis."""
    e = exponential(shifted(x))
    return e * x.graph.op("Reciprocal", fold("Sum", e))


def _log_normalised(x: Tensor) -> Any:
    """log softmax(x) along the last axis."""
    s = shifted(x)
    return s - x.graph.op("Log", fold("Sum", exponential(s)))


def _rows_type(c: TypeContext) -> TensorType:
    dtype = c.require_dtype(0, dtypes.FLOATS)
    shape = c.inputs[0].shape
    if shape is not None and len(shape) < 1:
        c.fail("logits must have at least one dimension")
    return TensorType(dtype, shape)


def _softmax_gradient(op: Operation, dy: Tensor) -> list[Tensor]:
    y = op.outputs[0]
    return [(dy - fold("Sum", dy * y)) * y]


def _log_softmax_gradient(op: Operation, dy: Tensor) -> list[Tensor]:
    return [dy - fold("Sum", dy) * exponential(op.outputs[0])]


_ROWS = (
    Sample((Operand((4, 5)),)),
    Sample((Operand((7,)),)),
    Sample((Operand((2, 3, 33)),)),
    Sample((Operand((0, 3)),)),
    Sample((Operand((3, 4), low=-80, high=80),), differentiable=False),
)

register(OpDef(
    name="Softmax",
    doc="Along the last dimension: y_i = exp(x_i - max x) / sum_j exp(x_j - max x).",
    inputs=("logits",),
    outputs=("softmax",),
    infer=_rows_type,
    reference=lambda c, x: softmax_of(x),
    gradient=_softmax_gradient,
    decompose=lambda op: _normalised(op.inputs[0]),
    samples=_ROWS,
))  # fmt: skip

register(OpDef(
    name="LogSoftmax",
    doc="Along the last dimension: y_i = (x_i - max x) - log(sum_j exp(x_j - max x)).",
    inputs=("logits",),
    outputs=("logsoftmax",),
    infer=_rows_type,
    reference=lambda c, x: log_softmax_of(x),
    gradient=_log_softmax_gradient,
    decompose=lambda op: _log_normalised(op.inputs[0]),
    samples=_ROWS,
))  # fmt: skip

# ------------------------------------------------------------------------------- l2 loss, in top k


def _everything(x: Tensor) -> Tensor:
    axes: Tensor = x.graph.constant(np.arange(len(x.type.dims), dtype=np.int32))
    return axes


def _l2_decompose(op: Operation) -> Any:
    x = op.inputs[0]
    return op.graph.op("Sum", x * x, _everything(x)) * 0.5


register(OpDef(
    name="L2Loss",
    doc="Half the sum of squares over all elements: sum(t^2) / 2.",
    inputs=("t",),
    infer=lambda c: TensorType(c.require_dtype(0, dtypes.FLOATS), ()),
    reference=lambda c, x: np.asarray(np.sum(x * x, dtype=x.dtype) / x.dtype.type(2)),
    gradient=lambda op, dy: [dy * op.inputs[0]],
    decompose=_l2_decompose,
    samples=(Sample((Operand((3, 5)),)), Sample((Operand(()),)), Sample((Operand((0, 4)),))),
))  # fmt: skip


def _top_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.FLOATS)
    c.require_dtype(1, dtypes.INDICES)
    predictions = c.require_rank(0, 2) or unknown(2)
    targets = c.require_rank(1, 1) or unknown(1)
    if len(c.inputs) == 3:
        c.same_dtype(1, 2)
        c.require_rank(2, 0)
    rows = c.merge(predictions[0], targets[0], "the numbers of rows of predictions and of targets")
    return TensorType(dtypes.bool_, (rows,))


def _top_decompose(op: Operation) -> Any:
    """In the top k: fewer than k predictions are greater, and every number is finite."""
    predictions, targets = op.inputs[:2]
    graph = op.graph
    if len(op.inputs) == 3:
        k = graph.op("Cast", op.inputs[2], DstT=dtypes.int32)
    else:
        k = graph.constant(op.attrs["k"], dtypes.int32)
    numbers = counting(graph, predictions.type.dims[1], targets.dtype)
    chosen = graph.op("Equal", numbers, column_of(targets))
    nothing = graph.constant(-np.inf, predictions.dtype)
    own = fold("Max", select(chosen, predictions, nothing))
    greater = graph.op("Cast", graph.op("Greater", predictions, own), DstT=dtypes.int32)
    few = fold("Sum", greater, keep=False) < k
    finite = fold("All", graph.op("IsFinite", predictions), keep=False)
    return few & finite & fold("Any", chosen, keep=False)


def _top_reference(
    c: Any, predictions: np.ndarray, targets: np.ndarray, k: np.ndarray | None = None
) -> Any:
    classes = predictions.shape[1]
    inside = (targets >= 0) & (targets < classes)
    own = predictions[np.arange(len(targets)), np.where(inside, targets, 0)] if classes else targets
    more = np.sum(predictions > own[:, None], 1)
    return (
        inside & np.all(np.isfinite(predictions), 1) & (more < (c.attrs["k"] if k is None else k))
    )


register(OpDef(
    name="InTopK",
    doc="Whether predictions[b, targets[b]] is among the k greatest of row b (ties count as in). "
    "False where the target is out of range or a prediction of the row is not finite.",
    inputs=("predictions", "targets"),
    outputs=("precision",),
    attrs={"k": Attr("int")},
    infer=_top_type,
    reference=_top_reference,
    gradient=NoGradient("bool"),
    decompose=_top_decompose,
    samples=(
        Sample((Operand((4, 3)), Operand((4,), dtypes.int32, value=[0, 2, 1, 7])), {"k": 1}),
        Sample((Operand((4, 5)), Operand((4,), dtypes.int64, value=[0, 2, 1, -1])), {"k": 2}),
    ),
))  # fmt: skip

register(OpDef(
    name="InTopKV2",
    doc="InTopK with k as an operand, of the targets' dtype.",
    inputs=("predictions", "targets", "k"),
    outputs=("precision",),
    infer=_top_type,
    reference=_top_reference,
    gradient=NoGradient("bool"),
    decompose=_top_decompose,
    samples=tuple(
        Sample((Operand((4, 5)), Operand((4,), dtype, value=[0, 2, 1, 7]),
                Operand((), dtype, value=np.array(2))))
        for dtype in dtypes.INDICES
    ),
))  # fmt: skip
