"""`tf.layers.separable_conv2d` and kin: a layer object made and called at once."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.ir.graph import Tensor
from graphc.layers.separable import SeparableConv1D, SeparableConv2D
from graphc.ops.init_ops import Zeros


def separable_conv1d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
    depth_multiplier: int = 1,
    activation: Any = None,
    use_bias: bool = True,
    depthwise_initializer: Any = None,
    pointwise_initializer: Any = None,
    bias_initializer: Any = Zeros,
    depthwise_regularizer: Any = None,
    pointwise_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    depthwise_constraint: Any = None,
    pointwise_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """`separable_conv2d` of lines [batch, width, channels]."""
    x = convert_to_tensor(inputs, name="inputs")
    layer = SeparableConv1D(
        filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier,
        activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer,
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer,
        depthwise_constraint, pointwise_constraint, bias_constraint, trainable, name,
        dtype=x.dtype, _scope=name, _reuse=reuse,
    )  # fmt: skip
    return layer(x)


def separable_conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    depth_multiplier: int = 1,
    activation: Any = None,
    use_bias: bool = True,
    depthwise_initializer: Any = None,
    pointwise_initializer: Any = None,
    bias_initializer: Any = Zeros,
    depthwise_regularizer: Any = None,
    pointwise_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    depthwise_constraint: Any = None,
    pointwise_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Convolve each channel by itself, then mix the channels of each pixel.

    The variables are `depthwise_kernel`, [height, width, channels, depth_multiplier],
    `pointwise_kernel`, [1, 1, channels * depth_multiplier, filters], and `bias`. Strides must be
    alike. Further arguments are those of `tf.layers.conv2d`.

    Raises:
        ValueError: an argument or the inputs do not fit, or a variable exists already.
    """
    x = convert_to_tensor(inputs, name="inputs")
    layer = SeparableConv2D(
        filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier,
        activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer,
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer,
        depthwise_constraint, pointwise_constraint, bias_constraint, trainable, name,
        dtype=x.dtype, _scope=name, _reuse=reuse,
    )  # fmt: skip
    return layer(x)
