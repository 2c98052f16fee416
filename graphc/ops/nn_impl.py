"""The rest of `tf.nn`: losses on logits, statistics, normalization, embeddings, all composed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops import generated, math_ops, nn_ops
from graphc.ops.array_ops import squeeze
from graphc.ops.reduction_ops import reduce_mean, reduce_sum

# ----------------------------------------------------------------------- losses of independent bits


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-labels log sigmoid(x) - (1 - labels) log(1 - sigmoid(x)) with x = logits, element by
    element.

    Computed as max(x, 0) - x labels + log1p(exp(-|x|)).

    Raises:
        ValueError: called with positional arguments, an argument is missing, or the shapes differ.
    """
    nn_ops._only_named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        x, z = _same_shape(logits, labels)
        zeros = math_ops.zeros_like(x)
        is_positive = x >= zeros
        # where, not relu and abs: its gradient at 0 is that of the loss
        rectified = math_ops.where(is_positive, x, zeros)
        negative = math_ops.where(is_positive, -x, x)
        rest = generated.log1p(generated.exp(negative))
        return math_ops.add(rectified - x * z, rest, name=scope)


def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Tensor:
    """`sigmoid_cross_entropy_with_logits` with the cost of positives multiplied by `pos_weight`.

    `targets` is the old name of `labels`.
    """
    if labels is None:
        labels = targets
    elif targets is not None:
        raise ValueError(located("Cannot specify both 'targets' and 'labels'"))
    if labels is None or logits is None or pos_weight is None:
        raise ValueError(located("labels, logits and pos_weight must be provided."))
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        x, z = _same_shape(logits, labels)
        weight = 1 + (pos_weight - 1) * z
        rest = generated.log1p(generated.exp(-abs(x))) + nn_ops.relu(-x)
        return math_ops.add((1 - z) * x, weight * rest, name=scope)


def _same_shape(logits: Any, labels: Any) -> tuple[Tensor, Tensor]:
    x = convert_to_tensor(logits, name="logits")
    z = convert_to_tensor(labels, x.dtype, name="labels")
    if not x.shape.is_compatible_with(z.shape):
        raise ValueError(
            located(f"logits and labels must have the same shape ({x.shape} vs {z.shape})")
        )
    return x, z


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """exp(c) - targets c with c = log_input; the full loss adds Stirling's approximation of
    log(z!).
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        c, z = _same_shape(log_input, targets)
        result = generated.exp(c) - c * z
        if compute_full_loss:
            stirling = z * generated.log(z) - z + 0.5 * generated.log(2 * math.pi * z)
            small = math_ops.logical_and(z >= 0, z <= 1)
            result = result + math_ops.where(small, math_ops.zeros_like(z), stirling)
        return result


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """sum(t^2) / 2 over all elements."""
    return apply("L2Loss", convert_to_tensor(t, name="t"), name=name)


# --------------------------------------------------------------------------------------- statistics


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes`, a number or a list.

    `shift` has no effect, as in TF1, where it is kept for old programs.
    """
    keep = bool(keepdims if keep_dims is None else keep_dims)
    with name_scope(name, "moments", [x, axes]):
        values = convert_to_tensor(x, name="x")
        mean = reduce_mean(values, axes, keepdims=True, name="mean")
        # The mean's own gradient through the variance is 0.
        fixed = generated.stop_gradient(mean)
        deviations = math_ops.squared_difference(values, fixed)
        variance = reduce_mean(deviations, axes, keepdims=True, name="variance")
        if keep:
            return mean, variance
        listed = [int(a) for a in np.ravel(axes)]
        return squeeze(mean, listed), squeeze(variance, listed)


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes`, where elements count as often as their weights say."""
    keep = bool(keepdims if keep_dims is None else keep_dims)
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        values = convert_to_tensor(x, name="x")
        weights = math_ops.cast(convert_to_tensor(frequency_weights), values.dtype)
        weights = weights + math_ops.zeros_like(values)
        total = reduce_sum(weights, axes, keepdims=True)
        mean = reduce_sum(weights * values, axes, keepdims=True) / total
        squares = weights * math_ops.squared_difference(values, mean)
        variance = reduce_sum(squares, axes, keepdims=True) / total
        if keep:
            return mean, variance
        listed = [int(a) for a in np.ravel(axes)]
        return squeeze(mean, listed), squeeze(variance, listed)


def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """(count, sum, sum of squares, shift) over `axes`, of x - shift where a shift is given."""
    keep = bool(keepdims if keep_dims is None else keep_dims)
    with name_scope(name, "sufficient_statistics", [x, shift]):
        values = convert_to_tensor(x, name="x")
        listed = np.ravel(axes).astype(np.int32)
        sizes = apply("GatherV2", apply("Shape", values), listed, np.int32(0))
        count = math_ops.cast(apply("Prod", sizes, np.array([0], np.int32)), values.dtype)
        if shift is not None:
            shift = convert_to_tensor(shift, values.dtype, name="shift")
            values = values - shift
        mean_ss = reduce_sum(values, axes, keepdims=keep, name="mean_ss")
        var_ss = reduce_sum(generated.square(values), axes, keepdims=keep, name="var_ss")
        return count, mean_ss, var_ss, shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance from sufficient statistics; `shift` may be None."""
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = generated.reciprocal(counts, name="divisor")
        shifted = math_ops.multiply(mean_ss, divisor, name="shifted_mean")
        mean = shifted if shift is None else math_ops.add(shifted, shift, name="mean")
        squares = math_ops.multiply(variance_ss, divisor)
        return mean, math_ops.subtract(squares, generated.square(shifted), name="variance")


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are 0, as float32."""
    with name_scope(name, "zero_fraction", [value]):
        x = convert_to_tensor(value, name="value")
        is_zero = math_ops.equal(x, math_ops.zeros_like(x))
        return reduce_mean(math_ops.cast(is_zero, dtypes.float32), name="fraction")


# ------------------------------------------------------------------------------------ normalization


def l2_normalize(
    x: Any,
    axis: Any = None,
    epsilon: float = 1e-12,
    name: str | None = None,
    dim: Any = None,
) -> Tensor:
    """x / sqrt(max(sum(x^2), epsilon)) along `axis` (a number or a list; `dim` is its old name)."""
    if dim is not None:
        if axis is not None:
            raise ValueError(located("Cannot specify both 'axis' and 'dim'"))
        axis = dim
    with name_scope(name, "l2_normalize", [x]) as scope:
        values = convert_to_tensor(x, name="x")
        total = reduce_sum(generated.square(values), axis, keepdims=True)
        scale = generated.rsqrt(math_ops.maximum(total, epsilon))
        return math_ops.multiply(values, scale, name=scope)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
    name: str | None = None,
) -> Tensor:
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset; offset and scale may be
    None.
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        values = convert_to_tensor(x, name="x")
        factor = generated.rsqrt(convert_to_tensor(variance) + variance_epsilon)
        if scale is not None:
            factor = factor * scale
        shift = -mean * factor if offset is None else offset - mean * factor
        return values * math_ops.cast(factor, values.dtype) + math_ops.cast(shift, values.dtype)


def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: Any = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Tensor:
    """`batch_normalization` under its oldest name; `input`, `mean`, `variance` are t, m, v."""
    t, m, v = (new if old is None else old for old, new in ((t, input), (m, mean), (v, variance)))
    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name)
