"""`tf.nn`: convolutions over one, two and three spatial axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.ir.ops.windows import FORMATS
from graphc.ops.build import one_of
from graphc.ops.scoped import scoped

_FORWARD = {2: "Conv2D", 3: "Conv3D"}

# ---------------------------------------------------------------------------------- the arguments


def per_axis(value: Any, axes: int, data_format: str, name: str) -> tuple[int, ...]:
    """A stride or rate for every dimension, from one number, one per spatial axis, or all.

    Raises:
        ValueError: there is another number of them.
    """
    given = [1] if value is None else [value] if np.ndim(value) == 0 else list(value)
    if len(given) == axes + 2:
        return tuple(int(v) for v in given)
    if len(given) == 1:
        given = given * axes
    if len(given) != axes:
        raise ValueError(
            located(
                f"{name} should be of length 1, {axes} or {axes + 2} but was of length {len(given)}"
            )
        )
    inner = tuple(int(v) for v in given)
    return (1, 1, *inner) if data_format.startswith("NC") else (1, *inner, 1)


def layout(data_format: str | None, axes: int) -> str:
    """A data format, or the default one.

    Raises:
        ValueError: it is none of those for so many spatial axes.
    """
    if data_format is None:
        return FORMATS[axes][0]
    if data_format not in FORMATS[axes]:
        raise ValueError(
            located(f"data_format must be one of {FORMATS[axes]}, not {data_format!r}")
        )
    return data_format


def padding_attrs(padding: Any, axes: int) -> dict[str, Any]:
    """The attributes for a padding: "SAME", "VALID", or a list of pairs for two spatial axes.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(
                located(f'padding must be "SAME", "VALID" or a list of pairs, not {padding!r}')
            )
        return {"padding": padding}
    pairs = list(padding) if isinstance(padding, (list, tuple)) else []
    if axes != 2 or len(pairs) != 4 or any(np.shape(pair) != (2,) for pair in pairs):
        raise ValueError(
            located(
                'padding must be "SAME" or "VALID", or for two spatial axes a list of 4 pairs, '
                f"not {padding!r}"
            )
        )
    flat = tuple(int(p) for pair in pairs for p in pair)
    return {"padding": "EXPLICIT", "explicit_paddings": flat}


def attrs_of(
    axes: int, strides: Any, padding: Any, data_format: str | None, dilations: Any
) -> dict[str, Any]:
    """The attributes of a convolution over so many spatial axes, from TF1's arguments."""
    form = layout(data_format, axes)
    return {
        "strides": per_axis(strides, axes, form, "strides"),
        "dilations": per_axis(dilations, axes, form, "dilations"),
        "data_format": form,
        **padding_attrs(padding, axes),
    }


def required(function: str, **values: Any) -> None:
    """Raise ValueError for an argument that is None."""
    for name, value in values.items():
        if value is None:
            raise ValueError(located(f"{function}: the argument '{name}' must be given"))


# ------------------------------------------------------------------------------------- convolutions


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Images with filters slid over them: y[n, i, j, f] = sum over di, dj, c of
    input[n, i * stride + di, j * stride + dj, c] * filter[di, dj, c, f].

    Args:
        input: [batch, height, width, channels], or [batch, channels, height, width] with
            data_format "NCHW"; float32 or float64.
        filter: [height, width, input channels, output channels]; `filters` is another name of it.
        strides, dilations: one number, two, or four of which the first and that of the channels
            are 1.
        padding: "SAME" (the result is input / stride large), "VALID", or four pairs of numbers.
        use_cudnn_on_gpu: says nothing here.

    Raises:
        ValueError: shapes, strides or paddings do not fit.
    """
    kernel = one_of("filters", filters, "filter", filter)
    required("conv2d", filter=kernel, padding=padding)
    attrs = attrs_of(2, strides, padding, data_format, dilations)
    return _forward(2, input, kernel, attrs, bool(use_cudnn_on_gpu), name)


def _forward(
    axes: int, x: Any, kernel: Any, attrs: dict[str, Any], cudnn: bool, name: str | None
) -> Tensor:
    if axes == 2:
        attrs = {**attrs, "use_cudnn_on_gpu": cudnn}
    y: Tensor = scoped(_FORWARD[axes], [x, kernel], name, **attrs)
    return y


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str | None = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """`conv2d` over three spatial axes: input [batch, depth, height, width, channels], filter
    [depth, height, width, input channels, output channels].
    """
    kernel = one_of("filters", filters, "filter", filter)
    required("conv3d", filter=kernel, padding=padding)
    attrs = attrs_of(3, strides, padding, data_format, dilations)
    return _forward(3, input, kernel, attrs, True, name)


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """`conv2d` over one spatial axis: value [batch, width, channels] (or [batch, channels, width]
    with data_format "NCW"), filters [width, input channels, output channels].

    `input` is another name of `value`; data_format may also be "NHWC" or "NCHW".
    """
    x = one_of("input", input, "value", value)
    required("conv1d", value=x, filters=filters, padding=padding)
    form = line_layout(data_format)
    with name_scope(name, "conv1d", [x, filters]) as scope:
        images, axis = as_plane(x, form)
        kernel = apply("ExpandDims", convert_to_tensor(filters, images.dtype), np.int32(0))
        attrs = line_attrs(stride, padding, form, dilations)
        y = _forward(2, images, kernel, attrs, use_cudnn_on_gpu is not False, None)
        return apply("Squeeze", y, squeeze_dims=(axis,), name=scope)


def line_layout(data_format: str | None) -> str:
    """NWC or NCW, under any of their names."""
    names = {None: "NWC", "NHWC": "NWC", "NWC": "NWC", "NCHW": "NCW", "NCW": "NCW"}
    if data_format not in names:
        raise ValueError(located(f'data_format must be "NWC" or "NCW", not {data_format!r}'))
    return names[data_format]


def line_attrs(stride: Any, padding: Any, form: str, dilations: Any) -> dict[str, Any]:
    """Attributes of a convolution over two axes, of which the first is of size 1."""
    begin = 2 if form == "NCW" else 1

    def wide(values: tuple[int, ...]) -> tuple[int, ...]:
        return (*values[:begin], 1, *values[begin:])

    if not isinstance(padding, str):
        raise ValueError(located(f'padding must be "SAME" or "VALID", not {padding!r}'))
    return {
        "strides": wide(per_axis(stride, 1, form, "stride")),
        "dilations": wide(per_axis(dilations, 1, form, "dilations")),
        "data_format": "NCHW" if form == "NCW" else "NHWC",
        **padding_attrs(padding, 1),
    }


def as_plane(value: Any, form: str) -> tuple[Tensor, int]:
    """[batch, width, channels] with a height of 1, and the axis of that."""
    axis = 2 if form == "NCW" else 1
    x = convert_to_tensor(value, name="value")
    return apply("ExpandDims", x, np.int32(axis)), axis


def convolution(
    input: Any,
    filter: Any = None,
    padding: Any = None,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """A convolution over as many spatial axes as `filter` has: one, two or three.

    Args:
        filter: [*spatial, input channels, output channels]; `filters` is another name of it.
        padding: "SAME" or "VALID".
        strides, dilation_rate: a number per spatial axis; not both may exceed 1. `dilations` is
            another name of the latter.

    Raises:
        ValueError: the rank of input and filter is unknown, or arguments do not fit.
    """
    kernel = one_of("filters", filters, "filter", filter)
    rates = one_of("dilations", dilations, "dilation_rate", dilation_rate)
    required("convolution", filter=kernel, padding=padding)
    with name_scope(name, "convolution", [input, kernel]) as scope:
        x = convert_to_tensor(input, name="input")
        w = convert_to_tensor(kernel, x.dtype, name="filter")
        axes = spatial_axes(x, w.type.rank)
        check_rates(strides, rates)
        if axes == 1:
            form = data_format or "NWC"
            return conv1d(x, w, strides, padding, None, form, scope, None, rates)
        attrs = attrs_of(axes, strides, padding, data_format, rates)
        return _forward(axes, x, w, attrs, True, scope)


def spatial_axes(x: Tensor, other: int | None) -> int:
    """How many spatial axes an image has by its rank, or by that of `other`.

    Raises:
        ValueError: it is unknown, or not 1 to 3.
    """
    rank = x.type.rank if x.type.rank is not None else other
    if rank is None:
        raise ValueError(located(f"the rank of {x} must be known; set_shape it"))
    if other is not None and other != rank:
        raise ValueError(located(f"input and filter must have one rank, not {rank} and {other}"))
    if rank not in (3, 4, 5):
        raise ValueError(located(f"there must be 1, 2 or 3 spatial axes: the rank is {rank}"))
    return rank - 2


def check_rates(strides: Any, rates: Any) -> None:
    """Raise ValueError where both strides and rates exceed 1."""
    given = [np.ravel([1] if v is None else v) for v in (strides, rates)]
    if all(np.any(v > 1) for v in given):
        raise ValueError(located("strides > 1 not supported in conjunction with dilation_rate > 1"))


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """`conv2d` of stride 1 with `rate` - 1 holes between the elements of the filters.

    Raises:
        ValueError: `rate` is not positive, or shapes do not fit.
    """
    if rate < 1:
        raise ValueError(located(f"rate {rate} cannot be less than one"))
    return convolution(value, filters, padding, dilation_rate=[rate, rate], name=name)
