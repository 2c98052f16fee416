"""What functions of images share: images alone or in batches, and their sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor


def images_of(value: Any) -> tuple[Tensor, bool]:
    """A batch of images [batch, height, width, channels], and whether it was made of one image.

    Raises:
        ValueError: `value` has neither 3 nor 4 dimensions, or their number is unknown.
    """
    x = convert_to_tensor(value, name="image")
    checked(x)
    if x.type.rank == 3:
        return apply("ExpandDims", x, np.int32(0)), True
    return x, False


def checked(x: Tensor) -> Tensor:
    """`x`, if it is an image or a batch of them.

    Raises:
        ValueError: `x` has neither 3 nor 4 dimensions, or their number is unknown.
    """
    if x.type.rank is None:
        raise ValueError(located(f"'image' contains no shape: the rank of {x} must be known"))
    if x.type.rank not in (3, 4):
        raise ValueError(located("'image' must have either 3 or 4 dimensions."))
    return x


def sizes_of(x: Tensor) -> list[Any]:
    """The sizes of a tensor: numbers where they are known, else int32 scalars."""
    known = x.shape.as_list()
    if None not in known:
        return list(known)
    shape = apply("Shape", x)
    return [shape[i] if size is None else size for i, size in enumerate(known)]


def with_shape(y: Tensor, x: Tensor, height: Any, width: Any) -> Tensor:
    """y, which has the static shape of the images x but for height and width."""
    sizes = [size if isinstance(size, (int, np.integer)) else None for size in (height, width)]
    batch, *_, channels = x.shape.as_list()
    y.set_shape([batch, *sizes, channels])
    return y
