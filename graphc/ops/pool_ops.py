"""`tf.nn`: pooling over one, two and three spatial axes, and normalization over channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops.block_ops import batch_to_space_nd, space_to_batch_nd
from graphc.ops.build import one_of
from graphc.ops.conv_ops import check_rates, layout, line_layout, per_axis, spatial_axes
from graphc.ops.scoped import scoped

_NAMES = {
    ("MAX", 2): "MaxPool",
    ("AVG", 2): "AvgPool",
    ("MAX", 3): "MaxPool3D",
    ("AVG", 3): "AvgPool3D",
}


def _pool(
    kind: str,
    axes: int,
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    name: str | None,
) -> Tensor:
    """One operation of pooling."""
    if value is None:
        raise ValueError(located("pooling needs a value"))
    form = layout(data_format, axes)
    y: Tensor = scoped(
        _NAMES[kind, axes],
        [value],
        name,
        ksize=per_axis(ksize, axes, form, "ksize"),
        strides=per_axis(strides, axes, form, "strides"),
        padding=_padding(padding),
        data_format=form,
    )
    return y


def _padding(padding: Any) -> str:
    if padding not in ("SAME", "VALID"):
        raise ValueError(located(f'padding must be "SAME" or "VALID", not {padding!r}'))
    return str(padding)


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The greatest element of each window of images [batch, height, width, channels].

    Args:
        ksize, strides: one number, two, or four of which the first and that of the channels are 1.
        padding: "SAME" (the result is input / stride large) or "VALID".
        data_format: "NHWC", or "NCHW" for [batch, channels, height, width].
        input: another name of `value`.

    Raises:
        ValueError: an argument does not fit, or a window is larger than the image.
    """
    x = one_of("input", input, "value", value)
    return _pool("MAX", 2, x, ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The mean of each window, over its elements inside the image; arguments as in `max_pool`."""
    x = one_of("input", input, "value", value)
    return _pool("AVG", 2, x, ksize, strides, padding, data_format, name)


avg_pool2d = avg_pool


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """`max_pool` under a later name."""
    return _pool("MAX", 2, input, ksize, strides, padding, data_format, name)


def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """`max_pool` of [batch, depth, height, width, channels]."""
    return _pool("MAX", 3, input, ksize, strides, padding, data_format, name)


def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """`avg_pool` of [batch, depth, height, width, channels]."""
    return _pool("AVG", 3, input, ksize, strides, padding, data_format, name)


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """`max_pool` of [batch, width, channels]."""
    return _pool_line("MAX", input, ksize, strides, padding, data_format, name, "MaxPool1d")


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """`avg_pool` of [batch, width, channels]."""
    return _pool_line("AVG", input, ksize, strides, padding, data_format, name, "AvgPool1D")


def _pool_line(
    kind: str,
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    name: str | None,
    default_name: str,
) -> Tensor:
    """Pooling over one axis, as pooling of images of height 1."""
    form = line_layout(data_format)
    axis = 2 if form == "NCW" else 1

    def wide(given: Any, what: str) -> tuple[int, ...]:
        values = per_axis(given, 1, form, what)
        return (*values[:axis], 1, *values[axis:])

    with name_scope(name, default_name, [value]) as scope:
        x = apply("ExpandDims", convert_to_tensor(value, name="input"), np.int32(axis))
        plane = "NCHW" if form == "NCW" else "NHWC"
        window, steps = wide(ksize, "ksize"), wide(strides, "strides")
        y = _pool(kind, 2, x, window, steps, padding, plane, None)
        return apply("Squeeze", y, squeeze_dims=(axis,), name=scope)


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    padding: str,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Pooling over as many spatial axes as `window_shape` has: one, two or three.

    Args:
        pooling_type: "MAX" or "AVG".
        dilation_rate: the distance of a window's elements, a number per spatial axis; `dilations`
            is another name of it. With rates, padding counts as zeros.

    Raises:
        ValueError: arguments do not fit, or both strides and rates exceed 1.
    """
    rates = one_of("dilations", dilations, "dilation_rate", dilation_rate)
    if pooling_type not in ("MAX", "AVG"):
        raise ValueError(located(f'pooling_type must be "MAX" or "AVG", not {pooling_type!r}'))
    check_rates(strides, rates)
    with name_scope(name, f"{pooling_type.lower()}_pool", [input]) as scope:
        x = convert_to_tensor(input, name="input")
        window = [int(v) for v in np.ravel(window_shape)]
        axes = spatial_axes(x, len(window) + 2)
        form = line_layout(data_format) if axes == 1 else layout(data_format, axes)
        if np.all(np.ravel([1] if rates is None else rates) == 1):
            return _pool_any(pooling_type, axes, x, window, strides, padding, form, scope)
        every = [int(v) for v in np.ravel(rates)]
        every = every * axes if len(every) == 1 else every
        blocks, pairs, crops = _blocks(x, window, every, _padding(padding), form)
        apart = space_to_batch_nd(x, blocks, pairs)
        y = _pool_any(pooling_type, axes, apart, window, None, "VALID", form, None)
        return batch_to_space_nd(y, blocks, crops, scope)


def _pool_any(
    kind: str,
    axes: int,
    x: Tensor,
    window: list[int],
    strides: Any,
    padding: Any,
    form: str,
    name: str | None,
) -> Tensor:
    """Pooling over one, two or three axes."""
    if axes == 1:
        return _pool_line(kind, x, window, strides, padding, form, name, _NAMES[kind, 2])
    return _pool(kind, axes, x, window, strides, padding, form, name)


def _blocks(
    x: Tensor, window: list[int], rates: list[int], padding: str, form: str
) -> tuple[list[int], list[Any], list[Any]]:
    """Blocks whose elements are `rates` apart, with the paddings that make them whole, and what of
    the result those make too much.
    """
    first = form.startswith("NC")
    begin = 2 if first else 1
    known = x.shape.as_list()[begin : begin + len(window)]
    shape = apply("Shape", x) if None in known else None
    pairs: list[Any] = []
    crops: list[Any] = []
    for axis, (size, k, rate) in enumerate(zip(known, window, rates, strict=True)):
        total = (k - 1) * rate if padding == "SAME" else 0
        n = shape[begin + axis] if size is None and shape is not None else size
        rest = (-(n + total)) % rate
        pairs.append([total // 2, total - total // 2 + rest])
        crops.append([0, rest])
    if first:
        return [1, *rates], [[0, 0], *pairs], [[0, 0], *crops]
    return rates, pairs, crops


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool` and the position (y * width + x) * channels + c of each maximum.

    Args:
        Targmax: int64 (the default) or int32, the dtype of positions; `output_dtype` is another
            name of it.
        include_batch_in_index: whether positions count through the batch.

    Raises:
        ValueError: an argument does not fit.
    """
    if data_format != "NHWC":
        raise ValueError(located("data_format values other than 'NHWC' are not supported"))
    kind = one_of("output_dtype", output_dtype, "Targmax", Targmax)
    y, position = scoped(
        "MaxPoolWithArgmax",
        [input],
        name,
        ksize=per_axis(ksize, 2, "NHWC", "ksize"),
        strides=per_axis(strides, 2, "NHWC", "strides"),
        padding=_padding(padding),
        Targmax=dtypes.int64 if kind is None else dtypes.as_dtype(kind),
        include_batch_in_index=bool(include_batch_in_index),
    )
    return y, position
