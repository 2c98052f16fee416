"""`tf.nn`: transposes of convolutions, and the cotangents of their inputs and filters by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.ops.build import index_tensor, one_of
from graphc.ops.conv_ops import as_plane, attrs_of, line_attrs, line_layout, required, spatial_axes
from graphc.ops.scoped import scoped

_INPUT = {2: "Conv2DBackpropInput", 3: "Conv3DBackpropInputV2"}
_FILTER = {2: "Conv2DBackpropFilter", 3: "Conv3DBackpropFilterV2"}

# --------------------------------------------------------------------------------------- transposes


def _transposed(
    axes: int, sizes: Any, kernel: Any, value: Any, attrs: dict[str, Any], name: str | None
) -> Tensor:
    x = convert_to_tensor(value, name="value")
    shape = index_tensor(sizes, "output_shape")
    y: Tensor = scoped(_INPUT[axes], [shape, _kernel(kernel, x), x], name, **attrs)
    return y


def _kernel(kernel: Any, x: Tensor) -> Tensor:
    return convert_to_tensor(kernel, x.dtype, name="filter")


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv2d`: what maps its result's cotangent to its input's.

    Args:
        value: [batch, height, width, input channels]; `input` is another name of it.
        filter: [height, width, output channels, input channels]; `filters` is another name.
        output_shape: four sizes, a list or an integer tensor.

    Raises:
        ValueError: a convolution of `output_shape` would not have the shape of `value`.
    """
    x = one_of("input", input, "value", value)
    kernel = one_of("filters", filters, "filter", filter)
    required("conv2d_transpose", value=x, filter=kernel, output_shape=output_shape)
    with name_scope(name, "conv2d_transpose", [x, kernel, output_shape]) as scope:
        attrs = attrs_of(2, strides, padding, data_format, dilations)
        return _transposed(2, output_shape, kernel, x, attrs, scope)


def conv3d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str | None = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """`conv2d_transpose` over three spatial axes."""
    x = one_of("input", input, "value", value)
    kernel = one_of("filters", filters, "filter", filter)
    required("conv3d_transpose", value=x, filter=kernel, output_shape=output_shape)
    with name_scope(name, "conv3d_transpose", [x, kernel, output_shape]) as scope:
        attrs = attrs_of(3, strides, padding, data_format, dilations)
        return _transposed(3, output_shape, kernel, x, attrs, scope)


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv2d_transpose` over one spatial axis; `output_shape` has three sizes."""
    form = line_layout(data_format)
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]) as scope:
        images, axis = as_plane(input, form)
        kernel = apply("ExpandDims", convert_to_tensor(filters, images.dtype), np.int32(0))
        shape = index_tensor(output_shape, "output_shape")
        one = np.ones(1, shape.dtype.numpy)
        parts = [_slice(shape, 0, axis), one, _slice(shape, axis, 3)]
        sizes = apply("ConcatV2", *parts, np.int32(0))
        attrs = line_attrs(strides, padding, form, dilations)
        y = _transposed(2, sizes, kernel, images, attrs, None)
        return apply("Squeeze", y, squeeze_dims=(axis,), name=scope)


def _slice(x: Tensor, begin: int, end: int) -> Tensor:
    found: Tensor = apply(
        "Slice", x, np.array([begin], np.int32), np.array([end - begin], np.int32)
    )
    return found


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of `convolution`, over one, two or three spatial axes."""
    with name_scope(name, "conv_transpose", [input, filters, output_shape]) as scope:
        x = convert_to_tensor(input, name="input")
        kernel = convert_to_tensor(filters, x.dtype, name="filters")
        axes = spatial_axes(x, kernel.type.rank)
        if axes == 1:
            form = data_format or "NWC"
            return conv1d_transpose(
                x, kernel, output_shape, strides, padding, form, dilations, scope
            )
        attrs = attrs_of(axes, strides, padding, data_format, dilations)
        return _transposed(axes, output_shape, kernel, x, attrs, scope)


def atrous_conv2d_transpose(
    value: Any,
    filters: Any,
    output_shape: Any,
    rate: int,
    padding: str,
    name: str | None = None,
) -> Tensor:
    """The transpose of `atrous_conv2d`.

    Raises:
        ValueError: `rate` is not positive, or a convolution of `output_shape` would not have the
            shape of `value`.
    """
    if rate < 1:
        raise ValueError(located(f"rate {rate} cannot be less than one"))
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]) as scope:
        attrs = attrs_of(2, None, padding, None, rate)
        return _transposed(2, output_shape, filters, value, attrs, scope)


# --------------------------------------------------------------------------------------- cotangents


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The cotangent of `conv2d`'s input, of shape `input_sizes`, for that of its result."""
    kernel = one_of("filters", filters, "filter", filter)
    required("conv2d_backprop_input", filter=kernel, out_backprop=out_backprop, padding=padding)
    attrs = attrs_of(2, strides, padding, data_format, dilations)
    attrs["use_cudnn_on_gpu"] = bool(use_cudnn_on_gpu)
    return _transposed(2, input_sizes, kernel, out_backprop, attrs, name)


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The cotangent of `conv2d`'s filter, of shape `filter_sizes`, for that of its result."""
    attrs = attrs_of(2, strides, padding, data_format, dilations)
    attrs["use_cudnn_on_gpu"] = bool(use_cudnn_on_gpu)
    return _filter_cotangent(2, input, filter_sizes, out_backprop, attrs, name)


def conv3d_backprop_filter_v2(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The cotangent of `conv3d`'s filter, of shape `filter_sizes`, for that of its result."""
    attrs = attrs_of(3, strides, padding, data_format, dilations)
    return _filter_cotangent(3, input, filter_sizes, out_backprop, attrs, name)


def _filter_cotangent(
    axes: int, x: Any, sizes: Any, dy: Any, attrs: dict[str, Any], name: str | None
) -> Tensor:
    found: Tensor = scoped(
        _FILTER[axes], [x, index_tensor(sizes, "filter_sizes"), dy], name, **attrs
    )
    return found


conv3d_backprop_filter = conv3d_backprop_filter_v2
