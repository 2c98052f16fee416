"""`tf.contrib.layers`: fully connected layers, dropout, flattening, one-hot rows."""

from __future__ import annotations

import functools
from typing import Any

from graphc.contrib.framework.arg_scope import add_arg_scope
from graphc.contrib.framework.model_variables import model_variable
from graphc.contrib.layers.initializers import xavier_initializer
from graphc.contrib.layers.scopes import collect_output, collect_variable, layer_scope
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.variable_scope import variable_scope
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.layers.core import Dense, Dropout, Flatten
from graphc.ops import nn_ops
from graphc.ops.gather_ops import one_hot
from graphc.ops.init_ops import Zeros
from graphc.ops.math_ops import cast


@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: Any,
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
    """activation_fn(normalizer_fn(inputs . weights + biases)): [..., n] -> [..., num_outputs].

    Args:
        activation_fn: default relu; None for none.
        normalizer_fn: a function used instead of biases, with arguments `normalizer_params`.
        weights_initializer: default `xavier_initializer()`.
        biases_initializer: None for no biases.
        variables_collections: a list of collections for all variables, or a dict of lists with the
            keys "weights" and "biases".
        scope: the variable scope (default "fully_connected", made unique).

    Raises:
        ValueError: see `tf.layers.dense`; `num_outputs` is no whole number.
    """
    if not isinstance(num_outputs, int) or isinstance(num_outputs, bool):
        raise ValueError(located(f"num_outputs type should be int, got {num_outputs}."))
    x = convert_to_tensor(inputs, name="inputs")
    names = {"kernel": "weights", "bias": "biases"}
    with layer_scope(scope, "fully_connected", x, reuse, names) as own:
        use_bias = normalizer_fn is None and biases_initializer is not None
        layer = Dense(
            num_outputs, use_bias=use_bias,
            kernel_initializer=weights_initializer or xavier_initializer(),
            bias_initializer=biases_initializer, kernel_regularizer=weights_regularizer,
            bias_regularizer=biases_regularizer, trainable=trainable, name=own.name, dtype=x.dtype,
            _scope=own, _reuse=reuse,
        )  # fmt: skip
        outputs = layer(x)
        collect_variable(layer.kernel, variables_collections, "weights")
        collect_variable(layer.bias, variables_collections, "biases")
        return collect_output(
            outputs_collections, finish(outputs, normalizer_fn, normalizer_params, activation_fn)
        )


def finish(outputs: Tensor, normalizer_fn: Any, normalizer_params: Any, activation_fn: Any) -> Any:
    """The outputs normalised, and then activated."""
    if normalizer_fn is not None:
        outputs = normalizer_fn(outputs, **(normalizer_params or {}))
    return outputs if activation_fn is None else activation_fn(outputs)


linear = functools.partial(fully_connected, activation_fn=None)
relu = functools.partial(fully_connected, activation_fn=nn_ops.relu)
relu6 = functools.partial(fully_connected, activation_fn=nn_ops.relu6)


@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> Tensor:
    """Set a share 1 - keep_prob of the elements to 0 and scale the rest, if `is_training`."""
    with variable_scope(scope, "Dropout", [inputs]) as own:
        layer = Dropout(1 - keep_prob, noise_shape, seed, own.name, _scope=own)
        return collect_output(outputs_collections, layer(inputs, training=is_training))


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: str | None = None) -> Tensor:
    """[batch, …] -> [batch, product of the rest].

    Raises:
        ValueError: the inputs have fewer than two dimensions.
    """
    with name_scope(scope, "Flatten", [inputs]):
        x = convert_to_tensor(inputs, name="inputs")
        if x.shape.ndims is not None and x.shape.ndims < 2:
            raise ValueError(located("Inputs must have a least 2 dimensions."))
        return collect_output(outputs_collections, Flatten(name=scope)(x))


@add_arg_scope
def one_hot_encoding(
    labels: Any,
    num_classes: int,
    on_value: float = 1.0,
    off_value: float = 0.0,
    outputs_collections: Any = None,
    scope: str | None = None,
) -> Tensor:
    """Rows with `on_value` at the class of each label: [n] -> [n, num_classes]."""
    with name_scope(scope, "OneHotEncoding", [labels]):
        y = cast(convert_to_tensor(labels, name="labels"), dtypes.int64)
        rows = one_hot(y, num_classes, on_value=on_value, off_value=off_value)
        return collect_output(outputs_collections, rows)


@add_arg_scope
def bias_add(
    inputs: Any,
    activation_fn: Any = None,
    initializer: Any = Zeros,
    regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> Tensor:
    """activation_fn(inputs + biases), with one bias per channel.

    Raises:
        ValueError: the number of channels is unknown.
    """
    x = convert_to_tensor(inputs, name="inputs")
    with variable_scope(scope, "BiasAdd", [x], reuse=reuse):
        channels = x.shape[1 if data_format == "NCHW" else -1].value
        if channels is None:
            raise ValueError(located("`C` dimension must be known but is None"))
        biases = model_variable("biases", [channels], x.dtype, initializer, regularizer, trainable)
        collect_variable(biases, variables_collections, "biases")
        outputs = nn_ops.bias_add(x, biases, data_format)
        return collect_output(outputs_collections, finish(outputs, None, None, activation_fn))
