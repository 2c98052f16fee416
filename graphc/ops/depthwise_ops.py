"""`tf.nn`: depthwise and separable convolutions."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir.graph import Tensor
from graphc.ops.build import index_tensor, one_of
from graphc.ops.conv_ops import check_rates, layout, per_axis
from graphc.ops.scoped import scoped

_NATIVE = "DepthwiseConv2dNative"


def _attrs(strides: Any, padding: Any, data_format: str | None, dilations: Any) -> dict[str, Any]:
    if padding not in ("SAME", "VALID"):
        raise ValueError(located(f'padding must be "SAME" or "VALID", not {padding!r}'))
    form = layout(data_format, 2)
    return {
        "strides": per_axis(strides, 2, form, "strides"),
        "dilations": per_axis(dilations, 2, form, "dilations"),
        "padding": padding,
        "data_format": form,
    }


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Filters slid over each channel on its own: y[n, i, j, c * multiplier + m] = sum over di, dj
    of input[n, i * stride + di, j * stride + dj, c] * filter[di, dj, c, m].

    Args:
        input: [batch, height, width, channels], float32 or float64.
        filter: [height, width, channels, multiplier].
        strides, dilations: one number, two, or four of which the first and last are 1.
        padding: "SAME" or "VALID".

    Raises:
        ValueError: an argument does not fit.
    """
    attrs = _attrs(strides, padding, data_format, dilations)
    y: Tensor = scoped(_NATIVE, [input, filter], name, **attrs)
    return y


def depthwise_conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d_native` with holes: `rate`, one number or two, is the distance of a
    filter's elements; `dilations` is another name of it.

    Raises:
        ValueError: an argument does not fit, or both strides and rates exceed 1.
    """
    rates = one_of("dilations", dilations, "rate", rate)
    check_rates(strides, rates)
    with name_scope(name, "depthwise", [input, filter]) as scope:
        x = convert_to_tensor(input, name="tensor_in")
        kernel = convert_to_tensor(filter, x.dtype, name="filter_in")
        return depthwise_conv2d_native(x, kernel, strides, padding, data_format, rates, scope)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d`, then a convolution that mixes the channels of each pixel.

    Args:
        depthwise_filter: [height, width, channels, multiplier].
        pointwise_filter: [1, 1, channels * multiplier, output channels].

    Raises:
        ValueError: an argument does not fit.
    """
    rates = one_of("dilations", dilations, "rate", rate)
    check_rates(strides, rates)
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        x = convert_to_tensor(input, name="tensor_in")
        outer = convert_to_tensor(depthwise_filter, x.dtype, name="depthwise_filter")
        inner = convert_to_tensor(pointwise_filter, x.dtype, name="pointwise_filter")
        if not inner.shape.is_compatible_with([1, 1, None, None]):
            raise ValueError(
                located(f"pointwise_filter must be [1, 1, inputs, outputs], not {inner.shape}")
            )
        middle = depthwise_conv2d_native(
            x, outer, strides, padding, data_format, rates, "depthwise"
        )
        form = layout(data_format, 2)
        y: Tensor = scoped(
            "Conv2D", [middle, inner], scope, strides=(1, 1, 1, 1), padding="VALID",
            data_format=form,
        )  # fmt: skip
        return y


def depthwise_conv2d_native_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The cotangent of `depthwise_conv2d_native`'s input, of shape `input_sizes`."""
    attrs = _attrs(strides, padding, data_format, dilations)
    sizes = index_tensor(input_sizes, "input_sizes")
    y: Tensor = scoped(f"{_NATIVE}BackpropInput", [sizes, filter, out_backprop], name, **attrs)
    return y


def depthwise_conv2d_native_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The cotangent of `depthwise_conv2d_native`'s filter, of shape `filter_sizes`."""
    attrs = _attrs(strides, padding, data_format, dilations)
    sizes = index_tensor(filter_sizes, "filter_sizes")
    y: Tensor = scoped(f"{_NATIVE}BackpropFilter", [input, sizes, out_backprop], name, **attrs)
    return y


depthwise_conv2d_backprop_input = depthwise_conv2d_native_backprop_input
depthwise_conv2d_backprop_filter = depthwise_conv2d_native_backprop_filter
