"""`tf.layers.batch_normalization`: statistics of the batch while training, their averages after.

The averages are moved by operations in UPDATE_OPS, which the training step has to run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.shape import TensorShape, as_shape
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.layers.base import Layer
from graphc.layers.core import require_floating
from graphc.layers.input_spec import InputSpec
from graphc.layers.smart import flag_of
from graphc.ops import nn_impl
from graphc.ops.batch_norm_ops import fused_batch_norm
from graphc.ops.init_ops import Ones, Zeros
from graphc.ops.math_ops import cast
from graphc.ops.state_ops import assign_sub


class BatchNormalization(Layer):
    """(inputs - mean) / sqrt(variance + epsilon) * gamma + beta, along `axis`.

    While training mean and variance are those of the batch and move the averages `moving_mean` and
    `moving_variance` by 1 - momentum; else they are these averages. Of images with channels first
    or last the averaged variance is the unbiased one (n - 1 in the divisor), as in TF1.

    Args:
        axis: the axis of the channels, or a list of axes.
        center, scale: whether there is a `beta` and a `gamma`.
        fused: whether images are normalised by one operation (default: where that is possible).
        renorm, virtual_batch_size, adjustment: not supported; NotImplementedError.

    Raises:
        ValueError (when called): an axis is out of range, its size is unknown, or the rank is.
    """

    def __init__(
        self,
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
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Callable[..., Any] | None = None,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        if renorm:
            _refuse("renorm=True")
        if virtual_batch_size is not None:
            _refuse("virtual_batch_size")
        if adjustment is not None:
            _refuse("adjustment")
        if renorm_clipping is not None or renorm_momentum != 0.99:
            _refuse("renorm_clipping and renorm_momentum, which belong to renorm=True,")
        super().__init__(trainable, name, **kwargs)
        self.axis: Any = [axis] if isinstance(axis, int) else list(axis)
        self.momentum, self.epsilon, self.fused = momentum, epsilon, fused
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self.beta_constraint, self.gamma_constraint = beta_constraint, gamma_constraint
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    # -- variables

    def build(self, input_shape: Any) -> None:
        """Make `gamma`, `beta`, `moving_mean` and `moving_variance`, where there are such."""
        require_floating(self)
        shape = as_shape(input_shape)
        if shape.ndims is None:
            raise ValueError(located(f"Input has undefined rank: {shape}"))
        self.axis = _axes(self.axis, shape.ndims)
        self._choose_fused(shape.ndims)
        sizes = {axis: shape.as_list()[axis] for axis in self.axis}
        if None in sizes.values():
            raise ValueError(located(f"Input has undefined `axis` dimension. Input shape: {shape}"))
        self.input_spec = InputSpec(ndim=shape.ndims, axes=sizes)
        if len(sizes) == 1:
            parameters = list(sizes.values())
        else:
            parameters = [sizes.get(axis, 1) for axis in range(shape.ndims)]
        if self.scale:
            self.gamma = self._parameter("gamma", parameters)
        if self.center:
            self.beta = self._parameter("beta", parameters)
        self.moving_mean = self._average("moving_mean", parameters)
        self.moving_variance = self._average("moving_variance", parameters)
        self.built = True

    def _choose_fused(self, rank: int) -> None:
        possible = rank == 4 and self.axis in ([1], [3])
        if self.fused and rank == 4 and not possible:
            raise ValueError(
                located("Unsupported axis, fused batch norm only supports axis == [1] or [3]")
            )
        self.fused = possible and self.fused is not False

    def _parameter(self, name: str, shape: list[Any]) -> Any:
        return self.add_weight(
            name, shape, initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
        )  # fmt: skip

    def _average(self, name: str, shape: list[Any]) -> Any:
        initializer = getattr(self, f"{name}_initializer")
        return self.add_weight(name, shape, initializer=initializer, trainable=False)

    # -- computation

    def call(self, inputs: Any, training: Any = False) -> Tensor:
        """The normalised inputs; `training` is a bool or a bool scalar tensor."""
        flag = flag_of(training)
        if isinstance(flag, bool) and self.fused:
            return self._as_one_operation(inputs, flag)
        if flag is False:
            mean, variance = self.moving_mean.value(), self.moving_variance.value()
        else:
            mean, variance = self._statistics(inputs, flag)
        outputs = nn_impl.batch_normalization(
            inputs, self._spread(mean), self._spread(variance),
            self._spread(self.beta), self._spread(self.gamma), self.epsilon,
        )  # fmt: skip
        outputs.set_shape(inputs.shape)
        return outputs

    def _as_one_operation(self, inputs: Tensor, training: bool) -> Tensor:
        vectors = (
            (self.gamma, Ones) if self.scale else (None, Ones),
            (self.beta, Zeros) if self.center else (None, Zeros),
        )
        shape = self.moving_mean.get_shape()
        scale, offset = (
            initializer(inputs.dtype)(shape) if v is None else v for v, initializer in vectors
        )
        outputs, mean, variance = fused_batch_norm(
            inputs, scale, offset,
            mean=None if training else self.moving_mean,
            variance=None if training else self.moving_variance,
            epsilon=self.epsilon,
            data_format="NHWC" if self.axis == [3] else "NCHW",
            is_training=training,
        )  # fmt: skip
        if training:
            self._move(mean, variance)
        return outputs

    def _statistics(self, inputs: Tensor, flag: bool | Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the batch, or where the flag is false the averages."""
        rank = inputs.shape.ndims
        others = [axis for axis in range(rank) if axis not in self.axis]
        mean, variance = nn_impl.moments(inputs, others, keep_dims=len(self.axis) > 1)
        moved = _unbiased(inputs, mean, variance) if self.fused else variance
        if not isinstance(flag, bool):
            # Averages that are to stay are moved towards themselves.
            mean = apply("SelectV2", flag, mean, self.moving_mean)
            moved = apply("SelectV2", flag, moved, self.moving_variance)
            variance = apply("SelectV2", flag, variance, self.moving_variance)
        self._move(mean, moved)
        return mean, variance

    def _move(self, mean: Tensor, variance: Tensor) -> None:
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            with name_scope("AssignMovingAvg") as scope:
                rest = 1.0 - self.momentum
                wanted = None if isinstance(rest, Tensor) else average.dtype
                decay = cast(convert_to_tensor(rest, wanted, name="decay"), average.dtype)
                change = (average - value) * decay
                self.add_update(assign_sub(average, change, name=scope))

    def _spread(self, parameter: Any) -> Any:
        """A parameter in a shape that broadcasts over the inputs."""
        rank = self.input_spec.ndim
        if parameter is None or len(self.axis) > 1 or self.axis == [rank - 1]:
            return parameter
        shape = [1] * rank
        shape[self.axis[0]] = -1
        return apply("Reshape", parameter, convert_to_tensor(shape, dtypes.int32))

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The same shape."""
        return as_shape(input_shape)


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(
        located(f"tf.layers.batch_normalization: {what} is not supported; leave it out")
    )


def _axes(given: Sequence[int], rank: int) -> list[int]:
    """Axes as non-negative numbers."""
    axes = [axis + rank if axis < 0 else axis for axis in given]
    for axis in axes:
        if not 0 <= axis < rank:
            raise ValueError(located(f"Invalid axis: {axis}"))
    if len(axes) != len(set(axes)):
        raise ValueError(located(f"Duplicate axis: {axes}"))
    return axes


def _unbiased(inputs: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """variance * n / (n - 1), n being the number of elements of a channel."""
    sizes = apply("Size", inputs), apply("Maximum", apply("Size", mean), 1)
    count = cast(sizes[0], variance.dtype) / cast(sizes[1], variance.dtype)
    return variance * (count / apply("Maximum", count - 1.0, 1.0))
