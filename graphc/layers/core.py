"""`tf.layers`: dense layers, dropout, and flattening."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.framework.shape import TensorShape, as_shape
from graphc.ir.graph import Tensor
from graphc.layers.base import Layer, size_of
from graphc.layers.input_spec import InputSpec
from graphc.layers.smart import choose, flag_of
from graphc.ops import nn_ops
from graphc.ops.control_flow_ops import identity
from graphc.ops.init_ops import Zeros
from graphc.ops.linear_ops import tensordot


class Dense(Layer):
    """activation(inputs . kernel + bias): [..., inputs] -> [..., units].

    The variables are `kernel`, [inputs, units], and `bias`, [units]. Further arguments are those of
    `tf.layers.dense`.

    Raises:
        ValueError (when called): the last size of the inputs is unknown, or they have rank 1;
        TypeError: their dtype is not floating.
    """

    def __init__(
        self,
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
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint
        self.input_spec = InputSpec(min_ndim=2)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        """Make `kernel` and `bias`."""
        require_floating(self)
        inputs = size_of(input_shape, -1)
        if inputs is None:
            raise ValueError(
                located(
                    "The last dimension of the inputs to `Dense` should be defined. Found `None`."
                )
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})
        self.kernel = self.add_weight(
            "kernel", [inputs, self.units], initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", [self.units], initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        """The outputs; what has more than two dimensions is multiplied along its last."""
        rank = inputs.shape.ndims
        if rank == 2:
            outputs = apply("MatMul", inputs, self.kernel)
        else:
            outputs = tensordot(inputs, self.kernel, [[rank - 1], [0]])
            outputs.set_shape(self.compute_output_shape(inputs.shape))
        if self.use_bias:
            outputs = nn_ops.bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The same shape with `units` as the last size."""
        shape = as_shape(input_shape).with_rank_at_least(2)
        return TensorShape([*shape.as_list()[:-1], self.units])


def require_floating(layer: Layer) -> None:
    """Raise TypeError unless the layer's dtype is floating."""
    if layer.dtype is not None and not layer.dtype.is_floating:
        raise TypeError(
            located(
                f"Unable to build `{type(layer).__name__}` layer with non-floating point dtype "
                f"{layer.dtype.name}; cast the inputs with tf.cast"
            )
        )


class Dropout(Layer):
    """Inputs with a share `rate` set to 0 and the rest scaled by 1 / (1 - rate), while training.

    Args:
        rate: the share, a number in [0, 1) or a scalar tensor.
        noise_shape: the shape of the random decisions, which broadcast over the inputs.
    """

    def __init__(
        self,
        rate: Any = 0.5,
        noise_shape: Any = None,
        seed: int | None = None,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def call(self, inputs: Any, training: Any = False) -> Tensor:
        """The outputs; `training` is a bool or a bool scalar tensor."""

        def dropped() -> Tensor:
            return nn_ops.dropout(
                inputs, noise_shape=self.noise_shape, seed=self.seed, rate=self.rate
            )

        return choose(flag_of(training), dropped, lambda: identity(inputs))

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The same shape."""
        return as_shape(input_shape)


class Flatten(Layer):
    """[batch, …] -> [batch, product of the rest].

    Args:
        data_format: "channels_last", or "channels_first": then channels are moved behind first.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = normalize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Tensor:
        """The rows."""
        rank = inputs.shape.ndims
        if rank is None:
            raise ValueError(
                located(f"Flatten needs inputs of known rank, not {inputs}; set_shape it")
            )
        if self.data_format == "channels_first" and rank > 1:
            inputs = apply("Transpose", inputs, np.array([0, *range(2, rank), 1], np.int32))
        sizes = self.compute_output_shape(inputs.shape).as_list()
        if sizes[0] is None and sizes[1] is not None:
            target: Any = np.array([-1, sizes[1]], np.int32)
        else:
            first = apply("Shape", inputs)[0] if sizes[0] is None else np.int32(sizes[0])
            target = apply("Pack", first, np.int32(-1), axis=0)
        outputs = apply("Reshape", inputs, target)
        outputs.set_shape(sizes)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """[batch, product], None where sizes are unknown."""
        batch, *rest = as_shape(input_shape).with_rank_at_least(1).as_list()
        return TensorShape([batch, None if None in rest else math.prod(rest)])


def normalize_data_format(value: str | None) -> str:
    """ "channels_last" or "channels_first"; ValueError for anything else."""
    found = "channels_last" if value is None else str(value).lower()
    if found not in ("channels_last", "channels_first"):
        raise ValueError(
            located(
                'The `data_format` argument must be one of "channels_first", "channels_last". '
                f"Received: {value}"
            )
        )
    return found
