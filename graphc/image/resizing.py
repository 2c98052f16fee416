"""Images in another size: resized, cropped, padded."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.image.shapes import images_of, sizes_of, with_shape
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops import math_ops
from graphc.ops.build import index_tensor
from graphc.ops.generated import rint
from graphc.ops.joining_ops import stack
from graphc.ops.scoped import scoped


class ResizeMethod:
    """How `resize_images` makes pixels of pixels."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


_OPERATIONS = {
    ResizeMethod.BILINEAR: "ResizeBilinear",
    ResizeMethod.NEAREST_NEIGHBOR: "ResizeNearestNeighbor",
    ResizeMethod.BICUBIC: "ResizeBicubic",
}


def resize_bilinear(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Images [batch, height, width, channels] resized to `size` = [height, width], as float32: each
    pixel is made of the 4 around its place.

    Args:
        align_corners: keep the centres of the corner pixels where they are.
        half_pixel_centers: take pixels as areas with centres at 0.5; not with align_corners.

    Raises:
        ValueError: ranks or sizes do not fit.
    """
    return _resized("ResizeBilinear", images, size, align_corners, half_pixel_centers, name)


def resize_nearest_neighbor(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Images resized to `size` in their dtype: each pixel is the nearest; see `resize_bilinear`."""
    return _resized("ResizeNearestNeighbor", images, size, align_corners, half_pixel_centers, name)


def resize_bicubic(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """Images resized to `size`, as float32, by cubic convolution; see `resize_bilinear`."""
    return _resized("ResizeBicubic", images, size, align_corners, half_pixel_centers, name)


def _resized(
    type: str, images: Any, size: Any, aligned: bool, half: bool, name: str | None
) -> Tensor:
    y: Tensor = scoped(
        type,
        [images, index_tensor(size, "size")],
        name,
        align_corners=bool(aligned),
        half_pixel_centers=bool(half),
    )
    return y


def resize_images(
    images: Any,
    size: Any,
    method: int = ResizeMethod.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Tensor:
    """An image [height, width, channels] or a batch of them resized to `size` = [height, width].

    Args:
        method: of `ResizeMethod`; AREA is not provided.
        preserve_aspect_ratio: whether to make the images as large as fits in `size`.

    Returns:
        float32, but for NEAREST_NEIGHBOR and for images that have the size already: they keep
        their dtype.

    Raises:
        ValueError: ranks or sizes do not fit, or the method is unknown; NotImplementedError: AREA.
    """
    with name_scope(name, "resize", [images, size]):
        x, is_one = images_of(images)
        wanted = index_tensor(size, "size")
        if wanted.type.rank not in (1, None) or not wanted.shape.is_compatible_with([2]):
            raise ValueError(
                located("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
            )
        if method == ResizeMethod.AREA:
            raise NotImplementedError(located("ResizeMethod.AREA is not provided"))
        if method not in _OPERATIONS:
            raise ValueError(located("Resize method is not implemented."))
        if preserve_aspect_ratio:
            wanted = _fitting(x, wanted)
        known = x.graph.value_of(wanted)
        have = x.type.shape[1:3] if x.type.shape is not None else (None, None)
        is_same = known is not None and tuple(np.ravel(known).tolist()) == tuple(have)
        y = x if is_same else _resized(_OPERATIONS[method], x, wanted, align_corners, False, None)
        return apply("Squeeze", y, squeeze_dims=(0,)) if is_one else y


def _fitting(x: Tensor, size: Tensor) -> Tensor:
    """The largest size within `size` in the proportions of the images."""
    known = x.graph.value_of(size)
    _, *have, _ = x.shape.as_list()
    if known is not None and None not in have:
        plain = [int(v) for v in np.ravel(known) if isinstance(v, (int, np.integer))]
        if len(plain) == 2:
            space = np.array(have, np.float32)
            scaled = np.rint(np.min(np.array(plain, np.float32) / space) * space)
            return convert_to_tensor(scaled.astype(np.int32))
    current = math_ops.cast(apply("Shape", x)[1:3], dtypes.float32)
    scales = math_ops.cast(size, dtypes.float32) / current
    scale = math_ops.minimum(scales[0], scales[1])
    return math_ops.cast(rint(scale * current), dtypes.int32)


# ------------------------------------------------------------------------------ cropping, padding


def _at_least(value: Any, least: int, message: str) -> None:
    """Raise ValueError for a number below `least`; tensors are checked by the run."""
    if isinstance(value, (int, np.integer)) and value < least:
        raise ValueError(located(message))


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """The part of an image, or of each of a batch, of the target's size at the offset.

    Raises:
        ValueError: a number is negative, or the part is not inside the image; the run raises
            InvalidArgumentError for what only it can know.
    """
    with name_scope(None, "crop_to_bounding_box", [image]):
        x, is_one = images_of(image)
        _, height, width, _ = sizes_of(x)
        _at_least(offset_width, 0, "offset_width must be >= 0.")
        _at_least(offset_height, 0, "offset_height must be >= 0.")
        _at_least(target_width, 1, "target_width must be > 0.")
        _at_least(target_height, 1, "target_height must be > 0.")
        _at_least(width - target_width - offset_width, 0, "width must be >= target + offset.")
        _at_least(height - target_height - offset_height, 0, "height must be >= target + offset.")
        begin = stack([0, offset_height, offset_width, 0])
        y = apply("Slice", x, begin, stack([-1, target_height, target_width, -1]))
        return _finished(y, x, target_height, target_width, is_one)


def _finished(y: Tensor, x: Tensor, height: Any, width: Any, is_one: bool) -> Tensor:
    """y with the static shape of x in the new size; without the batch if there was none."""
    y = with_shape(y, x, height, width)
    return apply("Squeeze", y, squeeze_dims=(0,)) if is_one else y


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """An image, or a batch of them, at an offset within zeros of the target's size.

    Raises:
        ValueError: an offset is negative, or the image does not fit; the run raises
            InvalidArgumentError for what only it can know.
    """
    with name_scope(None, "pad_to_bounding_box", [image]):
        x, is_one = images_of(image)
        _, height, width, _ = sizes_of(x)
        right = target_width - offset_width - width
        below = target_height - offset_height - height
        _at_least(offset_height, 0, "offset_height must be >= 0")
        _at_least(offset_width, 0, "offset_width must be >= 0")
        _at_least(right, 0, "width must be <= target - offset")
        _at_least(below, 0, "height must be <= target - offset")
        flat = stack([0, 0, offset_height, below, offset_width, right, 0, 0])
        y = apply("Pad", x, apply("Reshape", flat, np.array([4, 2], np.int32)))
        return _finished(y, x, target_height, target_width, is_one)


def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """An image, or a batch of them, cut off or padded with zeros evenly on both sides.

    Raises:
        ValueError: a target is not positive, or `image` has neither 3 nor 4 dimensions.
    """
    with name_scope(None, "resize_image_with_crop_or_pad", [image]):
        x, is_one = images_of(image)
        _, height, width, _ = sizes_of(x)
        _at_least(target_width, 1, "target_width must be > 0.")
        _at_least(target_height, 1, "target_height must be > 0.")
        more = [target_height - height, target_width - width]
        crops = [_half(_greatest(-extra, 0)) for extra in more]
        pads = [_half(_greatest(extra, 0)) for extra in more]
        sizes = [_least(target_height, height), _least(target_width, width)]
        cut = crop_to_bounding_box(x, crops[0], crops[1], sizes[0], sizes[1])
        y = pad_to_bounding_box(cut, pads[0], pads[1], target_height, target_width)
        return _finished(y, x, target_height, target_width, is_one)


def _half(x: Any) -> Any:
    return x // 2


def _greatest(x: Any, y: Any) -> Any:
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return math_ops.maximum(x, y)
    return max(x, y)


def _least(x: Any, y: Any) -> Any:
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return math_ops.minimum(x, y)
    return min(x, y)


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of an image, or of each of a batch: that fraction of its height and width.

    Raises:
        ValueError: the fraction is not in (0, 1].
    """
    if not 0.0 < central_fraction <= 1.0:
        raise ValueError(located("central_fraction must be within (0, 1]"))
    with name_scope(None, "central_crop", [image]):
        x, is_one = images_of(image)
        if central_fraction == 1.0:
            return convert_to_tensor(image)
        _, *space, _ = sizes_of(x)
        begins = [_margin(size, float(central_fraction)) for size in space]
        sizes = [size - 2 * begin for size, begin in zip(space, begins, strict=True)]
        y = apply("Slice", x, stack([0, *begins, 0]), stack([-1, *sizes, -1]))
        return _finished(y, x, sizes[0], sizes[1], is_one)


def _margin(size: Any, fraction: float) -> Any:
    """What is cut off at either end."""
    if not isinstance(size, Tensor):
        return int((size - size * fraction) / 2)
    whole = math_ops.cast(size, dtypes.float64)
    return math_ops.cast((whole - whole * fraction) / 2, dtypes.int32)


resize = resize_images
resize_with_crop_or_pad = resize_image_with_crop_or_pad
