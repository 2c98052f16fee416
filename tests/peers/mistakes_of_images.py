"""Mistakes with convolutions, pooling and images."""

from __future__ import annotations

from typing import Any

from tests.peers.mistakes import Mistake, zeros


def images(tf: Any) -> Any:
    return zeros(tf, 2, 5, 5, 3)


def kernel(tf: Any) -> Any:
    return zeros(tf, 3, 3, 3, 4)


OF_IMAGES: dict[str, Mistake] = {
    "conv rank": lambda tf: tf.nn.conv2d(zeros(tf, 5, 5, 3), kernel(tf), [1, 1, 1, 1], "SAME"),
    "conv filter rank": lambda tf: tf.nn.conv2d(images(tf), zeros(tf, 3, 3), [1, 1, 1, 1], "SAME"),
    "conv channels": lambda tf: tf.nn.conv2d(
        zeros(tf, 2, 5, 5, 2), kernel(tf), [1, 1, 1, 1], "SAME"
    ),
    "conv padding": lambda tf: tf.nn.conv2d(images(tf), kernel(tf), [1, 1, 1, 1], "FULL"),
    "conv window": lambda tf: tf.nn.conv2d(
        images(tf), zeros(tf, 7, 7, 3, 4), [1, 1, 1, 1], "VALID"
    ),
    "conv strides": lambda tf: tf.nn.conv2d(images(tf), kernel(tf), [1, 1, 1], "SAME"),
    "conv stride zero": lambda tf: tf.nn.conv2d(images(tf), kernel(tf), [1, 0, 1, 1], "SAME"),
    "conv strides of batch": lambda tf: tf.nn.conv2d(images(tf), kernel(tf), [2, 1, 1, 1], "SAME"),
    "conv format": lambda tf: tf.nn.conv2d(
        images(tf), kernel(tf), [1, 1, 1, 1], "SAME", data_format="HWNC"
    ),
    "conv dtypes": lambda tf: tf.nn.conv2d(
        images(tf), tf.cast(kernel(tf), tf.float64), [1, 1, 1, 1], "SAME"
    ),
    "conv bools": lambda tf: tf.nn.conv2d(
        tf.cast(images(tf), tf.bool), tf.cast(kernel(tf), tf.bool), [1, 1, 1, 1], "SAME"
    ),
    "conv no filter": lambda tf: tf.nn.conv2d(images(tf), None, [1, 1, 1, 1], "SAME"),
    "conv transpose sizes": lambda tf: tf.nn.conv2d_transpose(
        zeros(tf, 2, 5, 5, 4), kernel(tf), [2, 5, 5], [1, 1, 1, 1]
    ),
    "conv transpose channels": lambda tf: tf.nn.conv2d_transpose(
        zeros(tf, 2, 5, 5, 3), kernel(tf), [2, 5, 5, 3], [1, 1, 1, 1]
    ),
    "convolution both": lambda tf: tf.nn.convolution(
        images(tf), kernel(tf), "SAME", strides=[2, 2], dilation_rate=[2, 2]
    ),
    "convolution padding": lambda tf: tf.nn.convolution(images(tf), kernel(tf), "FULL"),
    "depthwise channels": lambda tf: tf.nn.depthwise_conv2d(
        images(tf), zeros(tf, 3, 3, 2, 1), [1, 1, 1, 1], "SAME"
    ),
    "separable pointwise": lambda tf: tf.nn.separable_conv2d(
        images(tf), zeros(tf, 3, 3, 3, 1), zeros(tf, 2, 1, 3, 4), [1, 1, 1, 1], "SAME"
    ),
    "pool rank": lambda tf: tf.nn.max_pool(zeros(tf, 5, 5), [1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
    "pool padding": lambda tf: tf.nn.max_pool(images(tf), [1, 2, 2, 1], [1, 2, 2, 1], "NONE"),
    "pool window": lambda tf: tf.nn.max_pool(images(tf), [1, 9, 9, 1], [1, 2, 2, 1], "VALID"),
    "pool ksize": lambda tf: tf.nn.avg_pool(images(tf), [1, 2, 2], [1, 2, 2, 1], "SAME"),
    "pool ints": lambda tf: tf.nn.avg_pool(
        tf.cast(images(tf), tf.int32), [1, 2, 2, 1], [1, 2, 2, 1], "SAME"
    ),
    "pool type": lambda tf: tf.nn.pool(images(tf), [2, 2], "MIN", "SAME"),
    "lrn rank": lambda tf: tf.nn.lrn(zeros(tf, 5, 5)),
    "space to depth": lambda tf: tf.space_to_depth(images(tf), 2),
    "depth to space": lambda tf: tf.depth_to_space(images(tf), 2),
    "space to batch": lambda tf: tf.space_to_batch(images(tf), [[0, 0], [0, 0]], 2),
    "batch to space": lambda tf: tf.batch_to_space(images(tf), [[0, 0], [0, 0]], 2),
    "patches": lambda tf: tf.extract_image_patches(
        images(tf), [1, 2, 2, 1], [1, 1, 1], [1, 1, 1, 1], "SAME"
    ),
    "resize rank": lambda tf: tf.image.resize_images(zeros(tf, 5), [3, 3]),
    "resize size": lambda tf: tf.image.resize_images(images(tf), [3, 3, 3]),
    "resize method": lambda tf: tf.image.resize_images(images(tf), [3, 3], 9),
    "crop": lambda tf: tf.image.crop_to_bounding_box(images(tf), 3, 0, 3, 3),
    "crop negative": lambda tf: tf.image.crop_to_bounding_box(images(tf), -1, 0, 3, 3),
    "pad box": lambda tf: tf.image.pad_to_bounding_box(images(tf), 0, 0, 4, 4),
    "crop or pad": lambda tf: tf.image.resize_image_with_crop_or_pad(images(tf), 0, 3),
    "central crop": lambda tf: tf.image.central_crop(images(tf), 2.0),
    "flip rank": lambda tf: tf.image.flip_left_right(zeros(tf, 5)),
    "brightness": lambda tf: tf.image.random_brightness(images(tf), -1.0),
}
