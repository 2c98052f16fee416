"""Images turned or changed pixel by pixel: flips, brightness, contrast, colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.image.shapes import checked, sizes_of
from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Tensor
from graphc.ops import math_ops
from graphc.ops.generated import rsqrt, square
from graphc.ops.random_ops import random_uniform
from graphc.ops.reduction_ops import reduce_mean, reduce_sum

# --------------------------------------------------------------------------------- flips and turns


def flip_left_right(image: Any) -> Tensor:
    """An image [height, width, channels], or each of a batch, mirrored left to right.

    Raises:
        ValueError: `image` has neither 3 nor 4 dimensions.
    """
    return _flipped(image, -2, "flip_left_right")


def flip_up_down(image: Any) -> Tensor:
    """An image [height, width, channels], or each of a batch, upside down."""
    return _flipped(image, -3, "flip_up_down")


def _flipped(image: Any, axis: int, name: str) -> Tensor:
    with name_scope(None, name, [image]):
        x = checked(convert_to_tensor(image, name="image"))
        return apply("ReverseV2", x, np.array([axis], np.int32))


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """An image, or each of a batch on its own, mirrored left to right every second time."""
    return _flipped_at_random(image, -2, seed, "random_flip_left_right")


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """An image, or each of a batch on its own, turned upside down every second time."""
    return _flipped_at_random(image, -3, seed, "random_flip_up_down")


def _flipped_at_random(image: Any, axis: int, seed: int | None, name: str) -> Tensor:
    with name_scope(None, name, [image]):
        x = checked(convert_to_tensor(image, name="image"))
        shape = [] if x.type.rank == 3 else [sizes_of(x)[0], 1, 1, 1]
        stays = random_uniform(shape, seed=seed) >= 0.5
        return apply("SelectV2", stays, x, apply("ReverseV2", x, np.array([axis], np.int32)))


def transpose_image(image: Any, name: str | None = None) -> Tensor:
    """An image, or each of a batch, with rows as columns."""
    with name_scope(name, "transpose", [image]) as scope:
        x = checked(convert_to_tensor(image, name="image"))
        order = [1, 0, 2] if x.type.rank == 3 else [0, 2, 1, 3]
        return apply("Transpose", x, np.array(order, np.int32), name=scope)


transpose = transpose_image


def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """An image, or each of a batch, turned by k quarters counter-clockwise; `k` is a number."""
    with name_scope(name, "rot90", [image]):
        x = checked(convert_to_tensor(image, name="image"))
        turns = int(k) % 4
        if turns == 2:
            return apply("ReverseV2", x, np.array([-3, -2], np.int32))
        if turns == 1:
            return apply("ReverseV2", transpose_image(x), np.array([-3], np.int32))
        return transpose_image(apply("ReverseV2", x, np.array([-3], np.int32))) if turns else x


# ---------------------------------------------------------------------------------- dtypes, colours


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """An image in another dtype, where integers stand for [0, 1] over their positive range.

    Args:
        saturate: whether to clip what does not fit before it is cast.
    """
    x = convert_to_tensor(image, name="image")
    wanted = dtypes.as_dtype(dtype)
    if wanted is x.dtype:
        return apply("Identity", x, name=name)
    with name_scope(name, "convert_image", [x]) as scope:
        if x.dtype.is_integer and wanted.is_integer:
            return _between_integers(x, wanted, saturate, scope)
        if x.dtype.is_floating and wanted.is_floating:
            return math_ops.cast(x, wanted, name=scope)
        if x.dtype.is_integer:
            return math_ops.multiply(math_ops.cast(x, wanted), 1.0 / x.dtype.max, name=scope)
        scaled = x * (wanted.max + 0.5)
        return (math_ops.saturate_cast if saturate else math_ops.cast)(scaled, wanted, name=scope)


def _between_integers(x: Tensor, wanted: DType, saturate: bool, scope: str) -> Tensor:
    if x.dtype.max > wanted.max:
        scale = (x.dtype.max + 1) // (wanted.max + 1)
        narrow = x // scale
        return (math_ops.saturate_cast if saturate else math_ops.cast)(narrow, wanted, name=scope)
    cast = math_ops.saturate_cast(x, wanted) if saturate else math_ops.cast(x, wanted)
    return math_ops.multiply(cast, (wanted.max + 1) // (x.dtype.max + 1), name=scope)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """Colours [..., 3] as brightness [..., 1]: 0.2989 red + 0.587 green + 0.114 blue."""
    with name_scope(name, "rgb_to_grayscale", [images]) as scope:
        x = convert_to_tensor(images, name="images")
        plain = convert_image_dtype(x, dtypes.float32)
        weights = np.array([0.2989, 0.5870, 0.1140], np.float32)
        gray = reduce_sum(plain * weights, [-1], keepdims=True)
        return convert_image_dtype(gray, x.dtype, name=scope)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Brightness [..., 1] as colours [..., 3]."""
    with name_scope(name, "grayscale_to_rgb", [images]) as scope:
        x = convert_to_tensor(images, name="images")
        if x.type.rank is None:
            raise ValueError(located(f"the rank of {x} must be known"))
        multiples = np.array([1] * (x.type.rank - 1) + [3], np.int32)
        return apply("Tile", x, multiples, name=scope)


# ------------------------------------------------------------------------------------ adjustments


def per_image_standardization(image: Any) -> Tensor:
    """An image, or each of a batch: minus its mean, divided by its standard deviation, which counts
    as 1 / sqrt(number of elements) at least; float32.
    """
    with name_scope(None, "per_image_standardization", [image]):
        x = checked(convert_to_tensor(image, name="image"))
        if not x.dtype.is_floating:
            x = math_ops.cast(x, dtypes.float32)
        axes = [-1, -2, -3]
        count = apply("ReducedSize", x, np.array(axes, np.int32))
        mean = reduce_mean(x, axes, keepdims=True)
        variance = reduce_mean(square(x), axes, keepdims=True) - square(mean)
        deviation = apply("Sqrt", apply("Relu", variance))
        least = rsqrt(math_ops.cast(count, x.dtype))
        return (x - mean) / math_ops.maximum(deviation, least)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """`delta` added to every pixel, in the range [0, 1] of floats; in the image's dtype."""
    with name_scope(None, "adjust_brightness", [image, delta]) as scope:
        x = convert_to_tensor(image, name="image")
        plain = x if x.dtype.is_floating else convert_image_dtype(x, dtypes.float32)
        brighter = plain + math_ops.cast(delta, plain.dtype)
        return convert_image_dtype(brighter, x.dtype, saturate=True, name=scope)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """(x - mean) * contrast_factor + mean, where the mean is over each channel of each image."""
    with name_scope(None, "adjust_contrast", [images, contrast_factor]) as scope:
        x = checked(convert_to_tensor(images, name="images"))
        plain = x if x.dtype.is_floating else convert_image_dtype(x, dtypes.float32)
        mean = reduce_mean(plain, [-3, -2], keepdims=True)
        factor = math_ops.cast(contrast_factor, plain.dtype)
        return convert_image_dtype((plain - mean) * factor + mean, x.dtype, True, name=scope)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """gain * x^gamma, in the range [0, 1] of floats; in the image's dtype.

    Raises:
        ValueError: `gamma` is a negative number.
    """
    if isinstance(gamma, (int, float)) and gamma < 0:
        raise ValueError(located("Gamma should be a non-negative real number."))
    with name_scope(None, "adjust_gamma", [image, gamma, gain]):
        x = convert_to_tensor(image, name="img")
        plain = x if x.dtype.is_floating else convert_image_dtype(x, dtypes.float32)
        adjusted = gain * plain ** math_ops.cast(gamma, plain.dtype)
        return convert_image_dtype(adjusted, x.dtype, saturate=True)


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_brightness` by a number drawn from [-max_delta, max_delta).

    Raises:
        ValueError: `max_delta` is negative.
    """
    if max_delta < 0:
        raise ValueError(located("max_delta must be non-negative."))
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_contrast` by a factor drawn from [lower, upper).

    Raises:
        ValueError: `upper` is not above `lower`, or that is negative.
    """
    if upper <= lower:
        raise ValueError(located("upper must be > lower."))
    if lower < 0:
        raise ValueError(located("lower must be non-negative."))
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of the absolute differences of neighbouring pixels, for each image of a batch."""
    with name_scope(name, "total_variation", [images]) as scope:
        x = checked(convert_to_tensor(images, name="images"))
        one = x.type.rank == 3
        down = x[1:] - x[:-1] if one else x[:, 1:] - x[:, :-1]
        along = x[:, 1:] - x[:, :-1] if one else x[:, :, 1:] - x[:, :, :-1]
        axes = None if one else [1, 2, 3]
        return math_ops.add(reduce_sum(abs(down), axes), reduce_sum(abs(along), axes), name=scope)
