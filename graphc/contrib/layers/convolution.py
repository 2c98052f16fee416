"""`tf.contrib.layers`: convolutions, their transposes and pooling of images."""

from __future__ import annotations

from typing import Any

from graphc.contrib.framework.arg_scope import add_arg_scope
from graphc.contrib.layers.dense import finish
from graphc.contrib.layers.initializers import xavier_initializer
from graphc.contrib.layers.scopes import collect_output, collect_variable, layer_scope
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.variable_scope import variable_scope
from graphc.ir.graph import Tensor
from graphc.layers.convolution import Conv2D, Conv2DTranspose, Convolution
from graphc.layers.pooling import AveragePooling2D, MaxPooling2D
from graphc.ops import nn_ops
from graphc.ops.init_ops import Zeros

_LAYOUTS = {None: "channels_last", "NHWC": "channels_last", "NCHW": "channels_first"}


def _layout(data_format: str | None) -> str:
    if data_format not in _LAYOUTS:
        raise ValueError(located("data_format has to be either NCHW or NHWC."))
    return _LAYOUTS[data_format]


@add_arg_scope
def conv2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Any = nn_ops.relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = Zeros,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """activation_fn(normalizer_fn(convolution of images with weights + biases)), in scope "Conv".

    Args:
        stride, rate: one number or two; not both may exceed 1.
        padding: "SAME" or "VALID".
        data_format: "NHWC" (channels last) or "NCHW".

    Further arguments are those of `fully_connected`.
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(scope, "Conv", x, reuse, {"kernel": "weights", "bias": "biases"}) as own:
        layer = Conv2D(
            num_outputs, kernel_size, stride, padding, _layout(data_format), rate,
            **_parameters(normalizer_fn, weights_initializer, weights_regularizer,
                          biases_initializer, biases_regularizer),
            trainable=trainable, name=own.name, dtype=x.dtype, _scope=own, _reuse=reuse,
        )  # fmt: skip
        return _finished(
            layer, x, normalizer_fn, normalizer_params, activation_fn, variables_collections,
            outputs_collections,
        )  # fmt: skip


@add_arg_scope
def conv2d_transpose(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    activation_fn: Any = nn_ops.relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = Zeros,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """The transpose of a convolution, in scope "Conv2d_transpose"; arguments as in `conv2d`."""
    x = convert_to_tensor(inputs, name="inputs")
    names = {"kernel": "weights", "bias": "biases"}
    with layer_scope(scope, "Conv2d_transpose", x, reuse, names) as own:
        layer = Conv2DTranspose(
            num_outputs, kernel_size, stride, padding, _layout(data_format),
            **_parameters(normalizer_fn, weights_initializer, weights_regularizer,
                          biases_initializer, biases_regularizer),
            trainable=trainable, name=own.name, dtype=x.dtype, _scope=own, _reuse=reuse,
        )  # fmt: skip
        return _finished(
            layer, x, normalizer_fn, normalizer_params, activation_fn, variables_collections,
            outputs_collections,
        )  # fmt: skip


def _parameters(
    normalizer: Any, weights: Any, weights_loss: Any, biases: Any, biases_loss: Any
) -> dict[str, Any]:
    return {
        "use_bias": normalizer is None and biases is not None,
        "kernel_initializer": weights or xavier_initializer(),
        "bias_initializer": biases,
        "kernel_regularizer": weights_loss,
        "bias_regularizer": biases_loss,
    }


def _finished(
    layer: Convolution,
    x: Tensor,
    normalizer_fn: Any,
    normalizer_params: Any,
    activation_fn: Any,
    variables_collections: Any,
    outputs_collections: Any,
) -> Tensor:
    outputs = layer(x)
    collect_variable(layer.kernel, variables_collections, "weights")
    collect_variable(layer.bias, variables_collections, "biases")
    outputs = finish(outputs, normalizer_fn, normalizer_params, activation_fn)
    return collect_output(outputs_collections, outputs)


@add_arg_scope
def max_pool2d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:
    """The greatest element of each window of images; arguments as in `conv2d`."""
    return _pooled(
        MaxPooling2D, "MaxPool2D", inputs, kernel_size, stride, padding, data_format,
        outputs_collections, scope,
    )  # fmt: skip


@add_arg_scope
def avg_pool2d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:
    """The mean of each window of images; arguments as in `conv2d`."""
    return _pooled(
        AveragePooling2D, "AvgPool2D", inputs, kernel_size, stride, padding, data_format,
        outputs_collections, scope,
    )  # fmt: skip


def _pooled(
    kind: Any, default: str, inputs: Any, kernel_size: Any, stride: Any, padding: str,
    data_format: str, outputs_collections: Any, scope: Any,
) -> Tensor:  # fmt: skip
    with variable_scope(scope, default, [inputs]) as own:
        layer = kind(kernel_size, stride, padding, _layout(data_format), own.name, _scope=own)
        return collect_output(outputs_collections, layer(inputs))


convolution2d = conv2d
convolution2d_transpose = conv2d_transpose
