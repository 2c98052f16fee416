"""`tf.layers.dense` and kin: a layer object made and called at once.

Their `name` is the variable scope itself, so `reuse` can share what another call made there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.ir.graph import Tensor
from graphc.layers.core import Dense, Dropout, Flatten
from graphc.layers.normalization import BatchNormalization
from graphc.ops.init_ops import Ones, Zeros


def dense(
    inputs: Any,
    units: int,
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = Zeros,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """activation(inputs . kernel + bias), with variables `<scope>/kernel` and `<scope>/bias`.

    Args:
        inputs: [..., n], floating, n known before the run.
        activation: a function of a tensor; None for none.
        kernel_initializer: default the variable scope's, else Glorot's uniform one.
        kernel_regularizer, bias_regularizer: functions of the variable, whose results join
            REGULARIZATION_LOSSES; `activity_regularizer` one of the output.
        kernel_constraint, bias_constraint: functions that optimizers apply to new values.
        name: the variable scope (default "dense", made unique).
        reuse: True or `tf.AUTO_REUSE` to share the variables of that scope.

    Returns:
        [..., units].

    Raises:
        ValueError: the inputs have rank 1 or an unknown last size, or a variable exists already.
    """
    x = convert_to_tensor(inputs, name="inputs")
    layer = Dense(
        units, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
        bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable, name,
        dtype=x.dtype, _scope=name, _reuse=reuse,
    )  # fmt: skip
    return layer(x)


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Tensor:
    """Set a share `rate` of the elements to 0 and scale the rest by 1 / (1 - rate), if `training`.

    Args:
        noise_shape: the shape of the random decisions, which broadcast over the inputs.
        training: a bool or a bool scalar tensor; when it is false the inputs are given unchanged.
    """
    layer = Dropout(rate, noise_shape, seed, name)
    return layer(inputs, training=training)


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Tensor:
    """[batch, …] -> [batch, product of the rest]; "channels_first" moves channels behind first."""
    return Flatten(data_format, name=name)(inputs)


def batch_normalization(
    inputs: Any,
    axis: int | Sequence[int] = -1,
    momentum: Any = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = Zeros,
    gamma_initializer: Any = Ones,
    moving_mean_initializer: Any = Zeros,
    moving_variance_initializer: Any = Ones,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Any = None,
) -> Tensor:
    """(inputs - mean) / sqrt(variance + epsilon) * gamma + beta along `axis`.

    While `training`, a bool or a bool scalar tensor, mean and variance are those of the batch; else
    they are moving averages, which operations in UPDATE_OPS move. Run these with the training step:

        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = optimizer.minimize(loss)

    Further arguments are those of `tf.layers.BatchNormalization` and `tf.layers.dense`.
    """
    x = convert_to_tensor(inputs, name="inputs")
    layer = BatchNormalization(
        axis, momentum, epsilon, center, scale, beta_initializer, gamma_initializer,
        moving_mean_initializer, moving_variance_initializer, beta_regularizer, gamma_regularizer,
        beta_constraint, gamma_constraint, renorm, renorm_clipping, renorm_momentum, fused,
        trainable, virtual_batch_size, adjustment, name, dtype=x.dtype, _scope=name, _reuse=reuse,
    )  # fmt: skip
    return layer(x, training=training)
