"""`tf.nn.fused_batch_norm`: batch normalisation of images as one operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor

_LEAST_EPSILON = 1.001e-5  # what TF1 raises smaller ones to


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise the channels of images: (x - mean) / sqrt(variance + epsilon) * scale + offset.

    Args:
        x: [batch, height, width, channels], or [batch, channels, height, width] for "NCHW".
        scale, offset: [channels].
        mean, variance: [channels]; to be given if not `is_training`, and only then.
        epsilon: at least 1.001e-5 is taken.

    Returns:
        (y, mean, variance); in training those of x, the variance with n - 1 in the divisor.

    Raises:
        ValueError: mean or variance is given in training or missing without, sizes differ, or the
            data format is unknown.
    """
    if is_training and (mean is not None or variance is not None):
        raise ValueError(located("Both 'mean' and 'variance' must be None if is_training is True."))
    if not is_training and (mean is None or variance is None):
        raise ValueError(located("mean and variance must be given if is_training is False."))
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError(located(f"data_format must be NHWC or NCHW, not {data_format!r}"))
    with name_scope(name, "FusedBatchNorm", [x, scale, offset]) as scope:
        values = convert_to_tensor(x, name="input")
        vectors = [
            convert_to_tensor(np.zeros(0) if v is None else v, values.dtype, name=word)
            for v, word in (
                (scale, "scale"), (offset, "offset"), (mean, "mean"), (variance, "variance"),
            )
        ]  # fmt: skip
        y, batch_mean, batch_variance, *_ = apply(
            "FusedBatchNormV3", values, *vectors, epsilon=max(float(epsilon), _LEAST_EPSILON),
            data_format=data_format, is_training=bool(is_training), name=scope,
        )  # fmt: skip
        return y, batch_mean, batch_variance
