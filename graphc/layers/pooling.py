"""`tf.layers`: the greatest or the mean element of windows over one, two and three axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from graphc.framework.shape import TensorShape, as_shape
from graphc.ir.graph import Tensor
from graphc.layers.base import Layer
from graphc.layers.convolution import FORMATS, normalize_padding, normalize_tuple, output_size
from graphc.layers.core import normalize_data_format
from graphc.layers.input_spec import InputSpec
from graphc.ops import pool_ops


class Pooling(Layer):
    """Each window of the spatial axes becomes one element.

    Args:
        pool_size, strides: one number, or one for each spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: an argument is none of these; when called, inputs of another rank.
    """

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = normalize_tuple(pool_size, self.axes, "pool_size")
        strides = pool_size if strides is None else strides
        self.strides = normalize_tuple(strides, self.axes, "strides")
        self.padding = normalize_padding(padding)
        self.data_format = normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.axes + 2)

    def call(self, inputs: Any) -> Tensor:
        """The outputs."""
        form = FORMATS[self.axes, self.data_format]
        return type(self).function(
            inputs, self._whole(self.pool_size), self._whole(self.strides), self.padding.upper(),
            data_format=form,
        )  # fmt: skip

    def _whole(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (1, 1, *sizes) if self.data_format == "channels_first" else (1, *sizes, 1)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the outputs for inputs of a shape."""
        sizes = as_shape(input_shape).with_rank(self.axes + 2).as_list()
        first = 2 if self.data_format == "channels_first" else 1
        for axis, (window, stride) in enumerate(zip(self.pool_size, self.strides, strict=True)):
            place = first + axis
            sizes[place] = output_size(sizes[place], window, self.padding, stride)
        return TensorShape(sizes)


class MaxPooling1D(Pooling):
    """The greatest element of windows of [batch, width, channels]."""

    axes, function = 1, staticmethod(pool_ops.max_pool1d)


class AveragePooling1D(Pooling):
    """The mean of windows of [batch, width, channels]."""

    axes, function = 1, staticmethod(pool_ops.avg_pool1d)


class MaxPooling2D(Pooling):
    """The greatest element of windows of [batch, height, width, channels]."""

    axes, function = 2, staticmethod(pool_ops.max_pool)


class AveragePooling2D(Pooling):
    """The mean of windows of [batch, height, width, channels]."""

    axes, function = 2, staticmethod(pool_ops.avg_pool)


class MaxPooling3D(Pooling):
    """The greatest element of windows of [batch, depth, height, width, channels]."""

    axes, function = 3, staticmethod(pool_ops.max_pool3d)


class AveragePooling3D(Pooling):
    """The mean of windows of [batch, depth, height, width, channels]."""

    axes, function = 3, staticmethod(pool_ops.avg_pool3d)
