"""`tf.layers`: convolutions of each channel by itself, then of the channels of each pixel."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.layers.convolution import Convolution
from graphc.ops import depthwise_ops
from graphc.ops.init_ops import Zeros


class _Separable(Convolution):
    """What both share: `depthwise_kernel`, `pointwise_kernel`, `bias`."""

    axes: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
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
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
            use_bias, bias_initializer=bias_initializer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, bias_constraint=bias_constraint,
            trainable=trainable, name=name, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = int(depth_multiplier)
        self.depthwise_initializer = depthwise_initializer
        self.pointwise_initializer = pointwise_initializer
        self.depthwise_regularizer = depthwise_regularizer
        self.pointwise_regularizer = pointwise_regularizer
        self.depthwise_constraint = depthwise_constraint
        self.pointwise_constraint = pointwise_constraint
        self.depthwise_kernel: Any = None
        self.pointwise_kernel: Any = None

    def _make_kernels(self, channels: int) -> None:
        ones = (1,) * self.axes
        between = channels * self.depth_multiplier
        self.depthwise_kernel = self._part(
            "depthwise", [*self.kernel_size, channels, self.depth_multiplier]
        )
        self.pointwise_kernel = self._part("pointwise", [*ones, between, self.filters])

    def _part(self, kind: str, shape: list[int]) -> Any:
        return self.add_weight(
            f"{kind}_kernel", shape, initializer=getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )  # fmt: skip

    def call(self, inputs: Any) -> Tensor:
        """The outputs."""
        images, kernels = inputs, (self.depthwise_kernel, self.pointwise_kernel)
        strides, rates = self.strides, self.dilation_rate
        first = self.data_format == "channels_first"
        axis = np.int32(2 if first else 1)
        if self.axes == 1:  # a line is an image of height 1
            images = apply("ExpandDims", inputs, axis)
            kernels = tuple(apply("ExpandDims", k, np.int32(0)) for k in kernels)
            strides, rates = strides * 2, (1, *rates)
        form = "NCHW" if first else "NHWC"
        whole = (1, 1, *strides) if first else (1, *strides, 1)
        outputs = depthwise_ops.separable_conv2d(
            images, *kernels, whole, self.padding.upper(), rates, data_format=form
        )
        if self.axes == 1:
            outputs = apply("Squeeze", outputs, squeeze_dims=(int(axis),))
        return self._finish(outputs)


class SeparableConv1D(_Separable):
    """Lines [batch, width, channels]; see `tf.layers.separable_conv1d`."""

    axes = 1


class SeparableConv2D(_Separable):
    """Images [batch, height, width, channels]; see `tf.layers.separable_conv2d`."""

    axes = 2
