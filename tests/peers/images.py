"""Functions of images that take the module to run on: TensorFlow itself, or graphc.

Each gives a tensor made of float32 images; forward values and gradients are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[Any, Any], Any]  # of the module and of images [2, 6, 5, 4]


def _numbers(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


_KERNEL = _numbers(3, 2, 4, 3)
_UPWARD = _numbers(3, 2, 3, 4)
_OWN = _numbers(3, 2, 4, 2)
_MIX = _numbers(1, 1, 8, 3)
_PAIRS = [[0, 0], [2, 1], [0, 3], [0, 0]]

FUNCTIONS: dict[str, Function] = {
    "conv2d same": lambda tf, x: tf.nn.conv2d(x, _KERNEL, [1, 2, 2, 1], "SAME"),
    "conv2d valid": lambda tf, x: tf.nn.conv2d(x, _KERNEL, strides=1, padding="VALID"),
    "conv2d pairs": lambda tf, x: tf.nn.conv2d(x, _KERNEL, [1, 1, 2, 1], _PAIRS),
    "conv2d_transpose": lambda tf, x: tf.nn.conv2d_transpose(
        x, _UPWARD, [2, 12, 15, 3], [1, 2, 3, 1]
    ),
    "conv2d_transpose valid": lambda tf, x: tf.nn.conv2d_transpose(
        x, _UPWARD, [2, 13, 10, 3], [1, 2, 2, 1], "VALID"
    ),
    "conv1d": lambda tf, x: tf.nn.conv1d(x[:, 0], _KERNEL[0], 2, "SAME"),
    "conv1d_transpose": lambda tf, x: tf.nn.conv1d_transpose(x[:, 0], _UPWARD[0], [2, 10, 3], 2),
    "conv3d": lambda tf, x: tf.nn.conv3d(
        x[:, :, :, None], _KERNEL[:, :, None], [1, 2, 1, 1, 1], "SAME"
    ),
    "conv3d_transpose": lambda tf, x: tf.nn.conv3d_transpose(
        x[:, :, :, None], _UPWARD[:, :, None], [2, 12, 5, 1, 3], [1, 2, 1, 1, 1]
    ),
    "atrous_conv2d": lambda tf, x: tf.nn.atrous_conv2d(x, _KERNEL, 2, "SAME"),
    "atrous_conv2d valid": lambda tf, x: tf.nn.atrous_conv2d(x, _KERNEL, 2, "VALID"),
    "atrous_conv2d_transpose": lambda tf, x: tf.nn.atrous_conv2d_transpose(
        x, _UPWARD, [2, 6, 5, 3], 2, "SAME"
    ),
    "convolution": lambda tf, x: tf.nn.convolution(x, _KERNEL, "VALID", dilation_rate=[2, 1]),
    "depthwise_conv2d": lambda tf, x: tf.nn.depthwise_conv2d(x, _OWN, [1, 2, 2, 1], "SAME"),
    "depthwise_conv2d rate": lambda tf, x: tf.nn.depthwise_conv2d(
        x, _OWN, [1, 1, 1, 1], "SAME", rate=[2, 2]
    ),
    "separable_conv2d": lambda tf, x: tf.nn.separable_conv2d(x, _OWN, _MIX, [1, 1, 1, 1], "VALID"),
    "max_pool": lambda tf, x: tf.nn.max_pool(x, [1, 3, 2, 1], [1, 2, 2, 1], "SAME"),
    "avg_pool": lambda tf, x: tf.nn.avg_pool(x, [1, 3, 2, 1], [1, 2, 1, 1], "SAME"),
    "max_pool1d": lambda tf, x: tf.nn.max_pool1d(x[:, 0], 2, 2, "VALID"),
    "avg_pool3d": lambda tf, x: tf.nn.avg_pool3d(x[:, :, :, None], 2, 2, "SAME"),
    "pool": lambda tf, x: tf.nn.pool(x, [2, 2], "AVG", "VALID", strides=[2, 1]),
    "pool rate max": lambda tf, x: tf.nn.pool(x, [2, 3], "MAX", "VALID", dilation_rate=[2, 1]),
    "argmax": lambda tf, x: tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")[0],
    "lrn": lambda tf, x: tf.nn.local_response_normalization(x, 2, 1.0, 0.5, 0.75),
    "space_to_depth": lambda tf, x: tf.space_to_depth(x[:, :, :4], 2),
    "depth_to_space": lambda tf, x: tf.depth_to_space(x, 2),
    "space_to_batch": lambda tf, x: tf.space_to_batch(x, [[0, 0], [1, 0]], 2),
    "batch_to_space_nd": lambda tf, x: tf.batch_to_space_nd(x, [2, 1], [[1, 2], [0, 1]]),
    "extract_image_patches": lambda tf, x: tf.extract_image_patches(
        x, [1, 2, 3, 1], [1, 2, 1, 1], [1, 2, 1, 1], "SAME"
    ),
    "resize_images": lambda tf, x: tf.image.resize_images(x, [9, 4]),
    "resize_images aligned": lambda tf, x: tf.image.resize_images(x, [3, 9], align_corners=True),
    "resize_images one": lambda tf, x: tf.image.resize_images(x[0], [4, 4]),
    "resize_images ratio": lambda tf, x: tf.image.resize_images(
        x, [20, 7], preserve_aspect_ratio=True
    ),
    "resize_nearest_neighbor": lambda tf, x: tf.image.resize_nearest_neighbor(x, [9, 13]),
    "resize_bicubic": lambda tf, x: tf.image.resize_bicubic(x, [9, 3]),
    "crop_to_bounding_box": lambda tf, x: tf.image.crop_to_bounding_box(x, 1, 2, 3, 2),
    "pad_to_bounding_box": lambda tf, x: tf.image.pad_to_bounding_box(x, 1, 2, 9, 8),
    "crop or pad": lambda tf, x: tf.image.resize_image_with_crop_or_pad(x, 4, 10),
    "crop or pad odd": lambda tf, x: tf.image.resize_image_with_crop_or_pad(x[0], 9, 2),
    "central_crop": lambda tf, x: tf.image.central_crop(x, 0.5),
    "flip_left_right": lambda tf, x: tf.image.flip_left_right(x),
    "flip_up_down": lambda tf, x: tf.image.flip_up_down(x[1]),
    "transpose_image": lambda tf, x: tf.image.transpose_image(x),
    "rot90": lambda tf, x: tf.image.rot90(x[0]),
    "rot90 thrice": lambda tf, x: tf.image.rot90(x, 3),
    "per_image_standardization": lambda tf, x: tf.image.per_image_standardization(x),
    "adjust_brightness": lambda tf, x: tf.image.adjust_brightness(x, 0.25),
    "adjust_contrast": lambda tf, x: tf.image.adjust_contrast(x, 1.5),
    "adjust_gamma": lambda tf, x: tf.image.adjust_gamma(abs(x) + 0.5, 1.5, 2.0),
    "rgb_to_grayscale": lambda tf, x: tf.image.rgb_to_grayscale(x[..., :3]),
    "grayscale_to_rgb": lambda tf, x: tf.image.grayscale_to_rgb(x[..., :1]),
    "total_variation": lambda tf, x: tf.image.total_variation(x),
}

_BYTES = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)

OF_BYTES: dict[str, Function] = {
    "to float": lambda tf, x: tf.image.convert_image_dtype(x, tf.float32),
    "to int16": lambda tf, x: tf.image.convert_image_dtype(x, tf.int16),
    "there and back": lambda tf, x: tf.image.convert_image_dtype(
        tf.image.convert_image_dtype(x, tf.float32) * 1.5, tf.uint8, saturate=True
    ),
    "brightness": lambda tf, x: tf.image.adjust_brightness(x, -0.2),
    "contrast": lambda tf, x: tf.image.adjust_contrast(x, 2.0),
    "grayscale": lambda tf, x: tf.image.rgb_to_grayscale(x),
    "standardization": lambda tf, x: tf.image.per_image_standardization(x),
    "bilinear": lambda tf, x: tf.image.resize_images(x, [7, 3]),
    "nearest": lambda tf, x: tf.image.resize_images(
        x, [7, 3], tf.image.ResizeMethod.NEAREST_NEIGHBOR
    ),
    "same size": lambda tf, x: tf.image.resize_images(x, [4, 5]),
}  # fmt: skip


def outcome(tf: Any, function: Function) -> list[Any]:
    """A function's value, its gradient for a random cotangent (None if it has none), and its static
    shape.
    """
    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [2, 6, 5, 4])
    dy = tf.placeholder(tf.float32, None)
    y = function(tf, x)
    feeds = {x: _numbers(2, 6, 5, 4)}
    with tf.Session() as session:
        value = session.run(y, feeds)
        try:
            (dx,) = tf.gradients(y, [x], [tf.reshape(dy, tf.shape(y))])
        except LookupError:
            return [value, None, y.shape.as_list()]
        feeds[dy] = _numbers(*value.shape, 1)[..., 0]
        return [value, session.run(dx, feeds), y.shape.as_list()]


def of_bytes(tf: Any, function: Function) -> list[Any]:
    """A function's value for images of bytes."""
    tf.reset_default_graph()
    x = tf.placeholder(tf.uint8, [2, 4, 5, 3])
    y = function(tf, x)
    with tf.Session() as session:
        return [session.run(y, {x: _BYTES}), y.shape.as_list()]
