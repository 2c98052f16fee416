"""`tf.nn`: activations, softmax and cross entropies, biases, dropout.

What is one operation calls it; the rest is composed of primitives in the order of TensorFlow 1.15,
so that names, gradients and edge cases agree.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import InvalidArgumentError, located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops.random_ops import random_uniform

# ------------------------------------------------------------------------------------- activations


def relu(features: Any, name: str | None = None) -> Tensor:
    """max(features, 0), element by element; NaN stays NaN."""
    return apply("Relu", _number(features), name=name)


def relu6(features: Any, name: str | None = None) -> Tensor:
    """min(max(features, 0), 6), element by element."""
    return apply("Relu6", _number(features), name=name)


def elu(features: Any, name: str | None = None) -> Tensor:
    """features where they are positive, else exp(features) - 1."""
    return apply("Elu", _number(features), name=name)


def selu(features: Any, name: str | None = None) -> Tensor:
    """The scaled exponential linear unit: 1.0507 x, or 1.7581 (exp(x) - 1) where x < 0."""
    return apply("Selu", _number(features), name=name)


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """features where they are positive, else alpha * features; `alpha` is a number or a tensor."""
    with name_scope(name, "LeakyRelu", [features, alpha]) as scope:
        x = convert_to_tensor(features, name="features")
        if x.dtype.is_integer:
            x = apply("Cast", x, DstT=dtypes.float32)
        if isinstance(alpha, (numbers.Real, np.ndarray)):
            return apply("LeakyRelu", x, alpha=float(alpha), name=scope)
        slope = convert_to_tensor(alpha, x.dtype, name="alpha")
        return apply("Maximum", slope * x, x, name=scope)


def softplus(features: Any, name: str | None = None) -> Tensor:
    """log(1 + exp(features)), without overflow."""
    return apply("Softplus", _number(features), name=name)


def softsign(features: Any, name: str | None = None) -> Tensor:
    """features / (1 + |features|)."""
    return apply("Softsign", _number(features), name=name)


def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """1 / (1 + exp(-x)), without overflow."""
    return apply("Sigmoid", _number(x), name=name)


def tanh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic tangent."""
    return apply("Tanh", _number(x), name=name)


def swish(features: Any) -> Tensor:
    """features * sigmoid(features)."""
    x = convert_to_tensor(features, name="features")
    return x * sigmoid(x)


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """relu of features and of -features, concatenated along `axis`: twice as many channels."""
    with name_scope(name, "CRelu", [features]) as scope:
        x = convert_to_tensor(features, name="features")
        both = apply("ConcatV2", x, -x, np.int32(axis))
        return apply("Relu", both, name=scope)


def _number(value: Any) -> Tensor:
    return convert_to_tensor(value, name="features")


# ------------------------------------------------------------------------------------------ biases


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Add the vector `bias` along the channels: the last dimension, or the second for "NCHW".

    Raises:
        ValueError: `value` has fewer than 2 dimensions, the sizes differ, or the format is unknown.
    """
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        x = convert_to_tensor(value, name="input")
        b = convert_to_tensor(bias, x.dtype, name="bias")
        return apply("BiasAdd", x, b, data_format=_image_format(data_format), name=scope)


def _image_format(data_format: str | None) -> str:
    """NHWC or NCHW for any format that puts channels last or second."""
    if data_format is None or data_format in ("NHWC", "NWC", "NDHWC", "N...C"):
        return "NHWC"
    if data_format in ("NCHW", "NCW", "NCDHW", "NC..."):
        return "NCHW"
    raise ValueError(located("data_format must be of the form `N...C` or `NC...`"))


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """matmul(x, weights) + biases."""
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        product = apply("MatMul", *_matrices(x, weights))
        return bias_add(product, biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(matmul(x, weights) + biases)."""
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        product = apply("MatMul", *_matrices(x, weights))
        return relu(bias_add(product, biases), name=scope)


def _matrices(x: Any, weights: Any) -> tuple[Tensor, Tensor]:
    left = convert_to_tensor(x, name="x")
    return left, convert_to_tensor(weights, left.dtype, name="weights")


# ----------------------------------------------------------------------------------------- softmax


def softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """exp(logits) / sum(exp(logits)) along `axis` (default the last; `dim` is its old name)."""
    return _along("Softmax", logits, _one_axis(axis, dim), name)


def log_softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """logits - log(sum(exp(logits))) along `axis` (default the last; `dim` is its old name)."""
    return _along("LogSoftmax", logits, _one_axis(axis, dim), name)


def _one_axis(axis: int | None, dim: int | None) -> int:
    if axis is not None and dim is not None:
        raise ValueError(located("Cannot specify both 'axis' and 'dim'"))
    found = axis if dim is None else dim
    return -1 if found is None else int(found)


def _along(type: str, logits: Any, axis: int, name: str | None) -> Tensor:
    x = convert_to_tensor(logits, name="logits")
    rank = x.type.rank
    if axis == -1 or (rank is not None and axis == rank - 1):
        return apply(type, x, name=name)
    with name_scope(name, type, [x]) as scope:
        order = _swap(x, axis)
        return apply("Transpose", apply(type, apply("Transpose", x, order)), order, name=scope)


def _swap(x: Tensor, axis: int) -> np.ndarray:
    """The permutation that exchanges `axis` and the last dimension: it is its own inverse.

    Raises:
        ValueError: the rank is unknown; InvalidArgumentError: the axis is out of range.
    """
    rank = x.type.rank
    if rank is None:
        raise ValueError(
            located(
                f"the rank of {x.name} must be known for an axis other than the last; set_shape it"
            )
        )
    if not -rank <= axis < rank:
        message = f"axis {axis} is out of range [-{rank}, {rank}) for logits {x}"
        raise InvalidArgumentError(None, None, located(message))
    order = np.arange(rank, dtype=np.int32)
    order[[axis, -1]] = order[[-1, axis]]
    return order


# --------------------------------------------------------------------------------- cross entropies


def _only_named(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(
            located(
                f"Only call `{function}` with named arguments (labels=..., logits=..., ...); their "
                "order was the reverse before TensorFlow 1.0"
            )
        )
    if labels is None or logits is None:
        raise ValueError(located("Both labels and logits must be provided."))


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int | None = None,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """-sum(labels * log_softmax(logits)) along the classes; no gradient flows to the labels.

    Args:
        labels: probabilities, of the shape of `logits`.
        axis: the dimension of the classes (default the last; `dim` is its old name).

    Raises:
        ValueError: called with positional arguments, or an argument is missing.
    """
    _only_named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        fixed = apply("StopGradient", labels, name="labels_stop_gradient")
        return _dense_cross_entropy(fixed, logits, _one_axis(axis, dim), scope)


def softmax_cross_entropy_with_logits_v2(
    labels: Any,
    logits: Any,
    axis: int | None = None,
    name: str | None = None,
    dim: int | None = None,
) -> Tensor:
    """-sum(labels * log_softmax(logits)) along the classes; gradients flow to the labels too."""
    if labels is None or logits is None:
        raise ValueError(located("Both labels and logits must be provided."))
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        return _dense_cross_entropy(labels, logits, _one_axis(axis, dim), scope)


def _dense_cross_entropy(labels: Any, logits: Any, axis: int, scope: str) -> Tensor:
    x = convert_to_tensor(logits, name="logits")
    y = convert_to_tensor(labels, name="labels", preferred_dtype=x.dtype)
    if y.dtype is not x.dtype:
        y = apply("Cast", y, DstT=x.dtype)
    rank = x.type.rank if x.type.rank is not None else y.type.rank
    if rank is not None and axis not in (-1, rank - 1):
        x, y = (apply("Transpose", t, _to_end(rank, axis)) for t in (x, y))
    if rank == 2:
        return apply("SoftmaxCrossEntropyWithLogits", x, y, name=scope)[0]
    if axis != -1 and rank is None:
        raise ValueError(
            located("the rank of logits must be known for an axis other than the last")
        )
    loss = apply("SoftmaxCrossEntropyWithLogits", _rows(x), _rows(y), name=scope)[0]
    return _reshaped_like_outer(loss, x)


def _to_end(rank: int, axis: int) -> np.ndarray:
    """The permutation that moves one axis behind all others."""
    if not -rank <= axis < rank:
        raise ValueError(located(f"axis {axis} is out of range [-{rank}, {rank})"))
    others = [i for i in range(rank) if i != axis % rank]
    return np.array([*others, axis % rank], np.int32)


def _rows(x: Tensor) -> Tensor:
    """x as a matrix with the last dimension kept."""
    last = _part(apply("Shape", x), [-1], [0])
    return apply("Reshape", x, apply("ConcatV2", np.array([-1], np.int32), last, np.int32(0)))


def _part(shape: Tensor, begin: list[int], end: list[int]) -> Tensor:
    """shape[begin:end]; an end of 0 means up to the last one."""
    return apply(
        "StridedSlice", shape, np.array(begin, np.int32), np.array(end, np.int32),
        np.array([1], np.int32), end_mask=1 if end == [0] else 0,
    )  # fmt: skip


def _reshaped_like_outer(loss: Tensor, x: Tensor) -> Tensor:
    """A loss per row under the outer dimensions of x."""
    return apply("Reshape", loss, _part(apply("Shape", x), [0], [-1]))


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-log_softmax(logits)[..., labels]: the cross entropy of class numbers.

    Args:
        labels: int32 or int64 class numbers, of the shape of `logits` without the last dimension.

    Raises:
        ValueError: called with positional arguments, an argument is missing, or the ranks do not
            fit; InvalidArgumentError (in the run): a label is not in [0, number of classes).
    """
    _only_named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]) as scope:
        y = convert_to_tensor(labels, name="labels")
        x = convert_to_tensor(logits, name="logits")
        rank, label_rank = x.type.rank, y.type.rank
        if rank == 0:
            raise ValueError(located(f"Logits cannot be scalars - received shape {x.shape}."))
        if rank is not None and label_rank is not None and label_rank != rank - 1:
            raise ValueError(
                located(
                    f"Rank mismatch: Rank of labels (received {label_rank}) should equal rank of "
                    f"logits minus 1 (received {rank})."
                )
            )
        if rank == 2 or (rank is None and label_rank == 1):
            return apply("SparseSoftmaxCrossEntropyWithLogits", x, y, name=scope)[0]
        flat = apply("Reshape", y, np.array([-1], np.int32))
        loss = apply("SparseSoftmaxCrossEntropyWithLogits", _rows(x), flat, name=scope)[0]
        return apply("Reshape", loss, apply("Shape", y))


# ----------------------------------------------------------------------------------------- dropout


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Set elements to 0 with probability `rate` = 1 - `keep_prob`, and scale the others by 1/(1 -
    rate).

    Args:
        keep_prob, rate: one of them, a number or a scalar tensor; a keep_prob of 1 gives x itself.
        noise_shape: the shape of the random decisions, which broadcast over x (default x's own).

    Raises:
        ValueError: neither or both are given, the number is out of range, or x is not floating.
    """
    if keep_prob is not None and rate is not None:
        raise ValueError(located("Cannot specify both 'rate' and 'keep_prob'"))
    if keep_prob is None and rate is None:
        raise ValueError(located("You must provide a rate to dropout."))
    if rate is None:
        try:
            rate = 1.0 - keep_prob
        except TypeError:
            raise ValueError(
                located(f"keep_prob must be a floating point number or Tensor (got {keep_prob!r})")
            ) from None
    is_number = isinstance(rate, numbers.Real)
    if is_number and not 0 <= rate < 1:
        raise ValueError(
            located(f"rate must be a scalar tensor or a float in the range [0, 1), got {rate:g}")
        )
    with name_scope(name, "dropout", [x]):
        values = convert_to_tensor(x, name="x")
        if not values.dtype.is_floating:
            raise ValueError(
                located(
                    "x has to be a floating point tensor since it's going to be scaled. Got a "
                    f"{values.dtype.name} tensor instead."
                )
            )
        return values if is_number and rate == 0 else _drop(values, rate, noise_shape, seed)


def _drop(x: Tensor, rate: Any, noise_shape: Any, seed: int | None) -> Tensor:
    probability = convert_to_tensor(rate, x.dtype, name="rate")
    if probability.type.rank not in (0, None):
        raise ValueError(located(f"rate must be a scalar, not {probability}"))
    noise = random_uniform(_noise_shape(x, noise_shape), dtype=x.dtype, seed=seed)
    kept = apply("Cast", noise >= probability, DstT=x.dtype)
    result = x * (1 / (1 - probability)) * kept
    result.set_shape(x.shape)
    return result


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    """`noise_shape` with unknown sizes taken from x; x's own shape if none is given."""
    if noise_shape is None:
        return x.shape if x.shape.is_fully_defined() else apply("Shape", x)
    sizes = getattr(noise_shape, "dims", noise_shape)
    if not isinstance(sizes, (list, tuple)) or x.type.shape is None:
        return noise_shape
    if len(sizes) != len(x.type.shape):
        return noise_shape
    known = x.shape.as_list()
    values = [getattr(size, "value", size) for size in sizes]
    return [_size(x, known, i) if size is None else size for i, size in enumerate(values)]


def _size(x: Tensor, known: list[int | None], index: int) -> Any:
    return apply("Shape", x)[index] if known[index] is None else known[index]
