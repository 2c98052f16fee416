"""Blocks between space, depth and batch, patches of images, and normalization over channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.ir.graph import Tensor
from graphc.ops.build import index_tensor, one_of
from graphc.ops.scoped import scoped

__all__ = [
    "batch_to_space", "batch_to_space_nd", "depth_to_space", "extract_image_patches",
    "space_to_batch", "space_to_batch_nd", "space_to_depth",
]  # fmt: skip


def space_to_depth(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Tensor:
    """Blocks of block_size x block_size pixels of [batch, height, width, channels] as channels.

    Raises:
        ValueError: height and width are no multiples of `block_size`, or that is not above 1.
    """
    return _blocks("SpaceToDepth", input, block_size, name, data_format)


def depth_to_space(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Tensor:
    """The inverse of `space_to_depth`: channels as blocks of pixels."""
    return _blocks("DepthToSpace", input, block_size, name, data_format)


def _blocks(type: str, value: Any, size: int, name: str | None, data_format: str) -> Tensor:
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError(located(f'data_format must be "NHWC" or "NCHW", not {data_format!r}'))
    y: Tensor = scoped(type, [value], name, block_size=int(size), data_format=data_format)
    return y


def space_to_batch_nd(
    input: Any, block_shape: Any, paddings: Any, name: str | None = None
) -> Tensor:
    """Axes 1, 2, … padded with zeros and cut into blocks, whose elements become batches.

    Args:
        block_shape: the size of a block along each of these axes.
        paddings: [axes, 2]: how many zeros come before and behind each.

    Raises:
        ValueError: a padded size is no multiple of its block size, or ranks do not fit.
    """
    operands = [index_tensor(block_shape, "block_shape"), index_tensor(paddings, "paddings")]
    y: Tensor = scoped("SpaceToBatchND", [input, *operands], name)
    return y


def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """The inverse of `space_to_batch_nd`: `crops` are cut off after the blocks are put together."""
    operands = [index_tensor(block_shape, "block_shape"), index_tensor(crops, "crops")]
    y: Tensor = scoped("BatchToSpaceND", [input, *operands], name)
    return y


def space_to_batch(
    input: Any,
    paddings: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: int | None = None,
) -> Tensor:
    """`space_to_batch_nd` of images with square blocks; `block_shape` names their size too."""
    size = one_of("block_shape", block_shape, "block_size", block_size)
    return space_to_batch_nd(_images(input), _square(size), paddings, name)


def batch_to_space(
    input: Any,
    crops: Any,
    block_size: int | None,
    name: str | None = None,
    block_shape: int | None = None,
) -> Tensor:
    """`batch_to_space_nd` of images with square blocks; `block_shape` names their size too."""
    size = one_of("block_shape", block_shape, "block_size", block_size)
    return batch_to_space_nd(_images(input), _square(size), crops, name)


def _square(size: Any) -> np.ndarray:
    if size is None:
        raise ValueError(located("a block size must be given"))
    return np.array([size, size], np.int64)


def _images(value: Any) -> Tensor:
    x = convert_to_tensor(value, name="input")
    if x.type.rank not in (4, None):
        raise ValueError(located(f"images [batch, height, width, channels] are wanted, not {x}"))
    return x


def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    sizes: Any = None,
) -> Tensor:
    """The windows of images as channels, ordered by row, column and channel.

    Args:
        ksizes: [1, rows, columns, 1], the size of a window; `sizes` is another name of it.
        strides, rates: [1, rows, columns, 1], the distances of windows and within a window.
        padding: "SAME" or "VALID".

    Raises:
        ValueError: an argument is missing or does not fit.
    """
    size = one_of("sizes", sizes, "ksizes", ksizes)
    attrs = {"ksizes": size, "strides": strides, "rates": rates}
    for word, value in attrs.items():
        if value is None:
            raise ValueError(located(f"extract_image_patches: '{word}' must be given"))
    if padding not in ("SAME", "VALID"):
        raise ValueError(located(f'padding must be "SAME" or "VALID", not {padding!r}'))
    plain: dict[str, Any] = {word: tuple(int(v) for v in value) for word, value in attrs.items()}
    y: Tensor = scoped("ExtractImagePatches", [images], name, padding=padding, **plain)
    return y


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """input / (bias + alpha * s)^beta, where s is the sum of the squares of the channels that are
    at most `depth_radius` away.

    Raises:
        ValueError: `input` is not [batch, height, width, channels].
    """
    y: Tensor = scoped(
        "LRN", [input], name, depth_radius=int(depth_radius), bias=float(bias),
        alpha=float(alpha), beta=float(beta),
    )  # fmt: skip
    return y


lrn = local_response_normalization
