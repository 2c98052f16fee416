"""Batch normalisation of images as one operation, in TensorFlow's three versions.

It is decomposed into means over all dimensions but the channels and one pass that scales; so are
its gradients, in closed form: two folds over the images in one pass, and one pass that writes.
Without training it is a multiplication and an addition per channel, which join the epilogue of the
convolution or product before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.pointwise import wanted
from graphc.ir.types import TensorType

_OUTPUTS = ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2")
_ATTRS = {
    "epsilon": Attr("float", 0.0001),
    "data_format": Attr("string", "NHWC", choices=("NHWC", "NCHW")),
    "is_training": Attr("bool", True),
}


def _channel_axis(op: Any) -> int:
    return 3 if op.attrs["data_format"] == "NHWC" else 1


def _infer(c: TypeContext) -> list[TensorType]:
    dtype = c.require_dtype(0, dtypes.FLOATS)
    shape = c.require_rank(0, 4) or (UNKNOWN,) * 4
    channels = shape[_channel_axis(c)]
    vectors = (1, 2) if c.attrs["is_training"] else (1, 2, 3, 4)
    for index in range(1, 5):
        c.same_dtype(0, index)
        vector = c.require_rank(index, 1)
        if vector is not None and index in vectors:
            name = c.definition.inputs[index]
            channels = c.merge(channels, vector[0], f"the sizes of {name} and of the channels")
    whole = list(shape)
    whole[_channel_axis(c)] = channels
    outputs = [TensorType(dtype, tuple(whole))] + [TensorType(dtype, (channels,))] * 4
    if len(c.definition.outputs) == 6:
        outputs.append(TensorType(dtype, ()))
    return outputs


# ----------------------------------------------------------------------------------------- pieces


def _axes(op: Operation) -> Tensor:
    others = [axis for axis in range(4) if axis != _channel_axis(op)]
    axes: Tensor = op.graph.constant(np.array(others, np.int32))
    return axes


def _fold(op: Operation, kind: str, x: Any) -> Any:
    """The sum or mean of each channel: a vector."""
    return op.graph.op(kind, x, _axes(op), keep_dims=False)


def _spread(op: Operation, vector: Any) -> Any:
    """A vector of channels in a shape that broadcasts over the images."""
    if _channel_axis(op) == 3:
        return vector
    return op.graph.op("Reshape", vector, op.graph.constant(np.array([-1, 1, 1], np.int32)))


def _inverse_deviation(op: Operation, variance: Any) -> Any:
    epsilon = op.graph.constant(op.attrs["epsilon"], variance.dtype)
    return op.graph.op("Rsqrt", variance + epsilon)


def _unbiased(op: Operation, x: Tensor, variance: Any) -> Any:
    """variance * n / (n - 1), n being the number of elements of a channel (1 counts as 2)."""
    graph, dtype = op.graph, variance.dtype
    one = graph.constant(1, dtype)
    sizes = (graph.op("Cast", graph.op("Size", t), DstT=dtype) for t in (x, variance))
    count, channels = sizes
    count = count / graph.op("Maximum", channels, one)
    return variance * (count / graph.op("Maximum", count - one, one))


# ---------------------------------------------------------------------------------------- forward


def _decompose(op: Operation) -> tuple[Any, ...]:
    x, scale, offset, mean, variance = op.inputs
    rest: list[Any] = []
    if len(op.outputs) == 6:
        rest.append(op.graph.constant(0, x.dtype))
    if not op.attrs["is_training"]:
        factor = scale * _inverse_deviation(op, variance)
        shift = offset - mean * factor
        y = x * _spread(op, factor) + _spread(op, shift)
        nothing = op.graph.op("ZerosLike", mean)
        return y, mean, variance, nothing, nothing, *rest
    mean = _fold(op, "Mean", x)
    squares = op.graph.op("SquaredDifference", x, _spread(op, mean))
    variance = _fold(op, "Mean", squares)
    factor = scale * _inverse_deviation(op, variance)
    y = (x - _spread(op, mean)) * _spread(op, factor) + _spread(op, offset)
    return y, mean, _unbiased(op, x, variance), mean, variance, *rest


def _reference(
    c: Any, x: np.ndarray, scale: np.ndarray, offset: np.ndarray, *given: np.ndarray
) -> tuple[np.ndarray, ...]:
    channel = _channel_axis(c)
    images = np.moveaxis(x, channel, 3)
    mean, variance = given
    unbiased, saved = variance, (np.zeros_like(mean), np.zeros_like(mean))
    if c.attrs["is_training"]:
        mean, variance = saved = images.mean((0, 1, 2)), images.var((0, 1, 2))
        count = x.size // max(len(scale), 1)
        unbiased = variance * x.dtype.type(count / max(count - 1, 1))
    y = (images - mean) / np.sqrt(variance + x.dtype.type(c.attrs["epsilon"])) * scale + offset
    y = np.ascontiguousarray(np.moveaxis(y, 3, channel)).astype(x.dtype)
    rest = (np.zeros((), x.dtype),) if len(c.op.outputs) == 6 else ()
    return y, mean, unbiased, *saved, *rest


# --------------------------------------------------------------------------------------- backward


def _gradient(op: Operation, dy: Any, *dstatistics: Any) -> list[Any]:
    """Cotangents of x, scale, offset, mean and variance."""
    if op.attrs["is_training"]:
        return [*_trained(op, dy, dstatistics), None, None]
    return _fixed(op, dy, dstatistics)


def _trained(op: Operation, dy: Any, dstatistics: Any) -> list[Any]:
    """dx = scale inv (dy - mean(dy) - (x - mean) inv^2 mean(dy (x - mean))), with inv = 1 /
    sqrt(variance + epsilon), as a dy + b x + c with numbers per channel: one pass over x and dy.

    mean - x, not x - mean, keeps the differences apart from those of the forward pass: as common
    subexpressions they would be written to memory.
    """
    x, scale = op.inputs[:2]
    mean, variance = op.outputs[3:5]
    found: list[Any] = [None, None, None]
    if dy is not None:
        inverse = _inverse_deviation(op, variance)
        products = _fold(op, "Sum", dy * (_spread(op, mean) - x))
        found[2] = _fold(op, "Sum", dy)
        if wanted(x):
            a = scale * inverse
            share = _share(op, x)
            b = a * inverse * inverse * products * share
            c = a * found[2] * share + b * mean
            found[0] = dy * _spread(op, a) + x * _spread(op, b) - _spread(op, c)
        found[1] = -(products * inverse)  # last, so that both folds run in the loop before dx
    return [_through_statistics(op, found[0], dstatistics), *found[1:]]


def _share(op: Operation, x: Tensor) -> Any:
    """1 / the number of elements of a channel."""
    graph = op.graph
    count = graph.op("Cast", graph.op("Size", x), DstT=x.dtype)
    return graph.op("Cast", graph.op("Size", op.outputs[3]), DstT=x.dtype) / count


def _through_statistics(op: Operation, dx: Any, dstatistics: Any) -> Any:
    """dx and what flows back through the means and variances that were given out."""
    x, graph = op.inputs[0], op.graph
    dmean, dunbiased, dsaved_mean, dsaved_variance, *_ = dstatistics
    dvariance = None if dunbiased is None else _unbiased(op, x, dunbiased)
    for given in (dmean, dsaved_mean):
        if given is not None:
            part = graph.op("ZerosLike", x) + _spread(op, given * _share(op, x))
            dx = part if dx is None else dx + part
    for given in (dvariance, dsaved_variance):
        if given is not None:
            factor = given * _share(op, x) * graph.constant(2, x.dtype)
            part = (x - _spread(op, op.outputs[3])) * _spread(op, factor)
            dx = part if dx is None else dx + part
    return dx


def _fixed(op: Operation, dy: Any, dstatistics: Any) -> list[Any]:
    x, scale, _, mean, variance = op.inputs
    found: list[Any] = [None] * 5
    if dy is not None:
        inverse = _inverse_deviation(op, variance)
        total = _fold(op, "Sum", dy)
        dscale = _fold(op, "Sum", dy * (x - _spread(op, mean))) * inverse
        half = op.graph.constant(-0.5, x.dtype)
        found = [
            dy * _spread(op, scale * inverse),
            dscale,
            total,
            -(total * scale * inverse),
            dscale * scale * inverse * inverse * half,
        ]
    for place, given in enumerate(dstatistics[:2], 3):
        if given is not None:
            found[place] = given if found[place] is None else found[place] + given
    return found


# ------------------------------------------------------------------------------------ definitions


def _sample(shape: tuple[int, ...], channels: int, training: bool, layout: str) -> Sample:
    vectors = [Operand((channels,)), Operand((channels,))]
    given = 0 if training else channels
    vectors += [Operand((given,)), Operand((given,), low=0.5)]
    attrs = {"is_training": training, "data_format": layout, "epsilon": 0.01}
    used = (0, 1, 2) if training else (0, 1, 2, 3, 4)
    return Sample((Operand(shape), *vectors), attrs, gradient_inputs=used, tolerance=4.0)


_SAMPLES = (
    _sample((2, 3, 2, 5), 5, True, "NHWC"),
    _sample((2, 3, 2, 2), 3, True, "NCHW"),
    _sample((2, 2, 3, 4), 4, False, "NHWC"),
    _sample((2, 4, 3, 1), 4, False, "NCHW"),
)

for _name, _more in (("", ()), ("V2", ()), ("V3", ("reserve_space_3",))):
    register(OpDef(
        name=f"FusedBatchNorm{_name}",
        doc="y = (x - mean) / sqrt(variance + epsilon) * scale + offset over the channels of "
        "images. With is_training mean and variance are those of x, given out with the unbiased "
        "variance, n / (n - 1) of the other, in batch_variance; else they are the operands, and "
        "the reserved spaces hold zeros.",
        inputs=("x", "scale", "offset", "mean", "variance"),
        outputs=(*_OUTPUTS, *_more),
        attrs=_ATTRS,
        infer=_infer,
        reference=_reference,
        gradient=_gradient,
        decompose=_decompose,
        samples=_SAMPLES if _name == "" else _SAMPLES[1:3],
    ))  # fmt: skip
