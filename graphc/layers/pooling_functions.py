"""`tf.layers.max_pooling2d` and kin: a layer object made and called at once."""

from __future__ import annotations

from typing import Any

from graphc.ir.graph import Tensor
from graphc.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)


def max_pooling1d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The greatest element of windows of [batch, width, channels], as `max_pooling2d`."""
    return MaxPooling1D(pool_size, strides, padding, data_format, name)(inputs)


def average_pooling1d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The mean of windows of [batch, width, channels], as `max_pooling2d`."""
    return AveragePooling1D(pool_size, strides, padding, data_format, name)(inputs)


def max_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The greatest element of each window of images [batch, height, width, channels].

    Args:
        pool_size, strides: one number, or one for each spatial axis.
        padding: "valid", or "same": windows may then reach over the edges.
        data_format: "channels_last", or "channels_first": [batch, channels, height, width].

    Raises:
        ValueError: an argument or the rank of the inputs does not fit.
    """
    return MaxPooling2D(pool_size, strides, padding, data_format, name)(inputs)


def average_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The mean of windows of images, as `max_pooling2d`."""
    return AveragePooling2D(pool_size, strides, padding, data_format, name)(inputs)


def max_pooling3d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The greatest element of windows of volumes, as `max_pooling2d`."""
    return MaxPooling3D(pool_size, strides, padding, data_format, name)(inputs)


def average_pooling3d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The mean of windows of volumes, as `max_pooling2d`."""
    return AveragePooling3D(pool_size, strides, padding, data_format, name)(inputs)
