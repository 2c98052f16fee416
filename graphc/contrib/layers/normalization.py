"""`tf.contrib.layers`: batch normalisation, layer normalisation, rows of length 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.contrib.framework.arg_scope import add_arg_scope
from graphc.contrib.framework.model_variables import model_variable
from graphc.contrib.layers.dense import finish
from graphc.contrib.layers.scopes import collect_output, collect_variable, layer_scope
from graphc.framework.collections import GraphKeys, add_to_collections
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.variable_scope import variable_scope
from graphc.ir.graph import Tensor
from graphc.layers.normalization import BatchNormalization
from graphc.ops import generated, nn_impl
from graphc.ops.control_flow_ops import identity
from graphc.ops.init_ops import Ones, Zeros
from graphc.ops.reduction_ops import reduce_sum

_KINDS = ("beta", "gamma", "moving_mean", "moving_variance")


@add_arg_scope
def batch_norm(
    inputs: Any,
    decay: Any = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Any = None,
    param_initializers: Mapping[str, Any] | None = None,
    param_regularizers: Mapping[str, Any] | None = None,
    updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_decay: float = 0.99,
    adjustment: Any = None,
) -> Tensor:
    """`tf.layers.batch_normalization` in contrib's spelling, in scope "BatchNorm".

    Args:
        decay: that of the moving averages.
        param_initializers, param_regularizers: by variable: "beta", "gamma", "moving_mean",
            "moving_variance".
        updates_collections: where the operations go that move the averages; None: they run whenever
            the outputs are computed.
        is_training: a bool or a bool scalar tensor.
        batch_weights, zero_debias_moving_mean, renorm, adjustment: not supported;
            NotImplementedError.
        data_format: "NHWC" (channels last) or "NCHW" (second).

    Raises:
        ValueError: the data format is unknown.
    """
    if batch_weights is not None or zero_debias_moving_mean:
        raise NotImplementedError(
            located("batch_norm: batch_weights and zero_debias_moving_mean are not supported")
        )
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError(located("data_format has to be either NCHW or NHWC."))
    first, losses = dict(param_initializers or {}), dict(param_regularizers or {})
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(scope, "BatchNorm", x, reuse) as own:
        layer = BatchNormalization(
            axis=1 if data_format == "NCHW" else -1, momentum=decay, epsilon=epsilon,
            center=center, scale=scale,
            beta_initializer=first.get("beta", Zeros), gamma_initializer=first.get("gamma", Ones),
            moving_mean_initializer=first.get("moving_mean", Zeros),
            moving_variance_initializer=first.get("moving_variance", Ones),
            beta_regularizer=losses.get("beta"), gamma_regularizer=losses.get("gamma"),
            renorm=renorm, renorm_clipping=renorm_clipping, renorm_momentum=renorm_decay,
            adjustment=adjustment, fused=fused, trainable=trainable, name=own.name, dtype=x.dtype,
            _scope=own, _reuse=reuse,
        )  # fmt: skip
        outputs = _with_updates(layer, layer(x, training=is_training), updates_collections)
        for kind in _KINDS:
            collect_variable(getattr(layer, kind), variables_collections, kind)
        return collect_output(outputs_collections, finish(outputs, None, None, activation_fn))


def _with_updates(layer: BatchNormalization, outputs: Tensor, collections: Any) -> Tensor:
    """The outputs, after the updates went to other collections than UPDATE_OPS or became needed."""
    if collections == GraphKeys.UPDATE_OPS:
        return outputs
    graph = get_default_graph()
    held = graph.get_collection_ref(GraphKeys.UPDATE_OPS)
    held[:] = [op for op in held if not any(op is update for update in layer.updates)]
    if collections:
        for update in layer.updates:
            add_to_collections(collections, update)
        return outputs
    with graph.control_dependencies(layer.updates):
        return identity(outputs)


@add_arg_scope
def layer_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    activation_fn: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    begin_norm_axis: int = 1,
    begin_params_axis: int = -1,
    scope: Any = None,
) -> Tensor:
    """(inputs - mean) / sqrt(variance + 1e-12) * gamma + beta, over the axes from
    `begin_norm_axis` on (Ba, Kiros and Hinton, 2016).

    `gamma` and `beta` have the sizes from `begin_params_axis` on.

    Raises:
        ValueError: the rank or these sizes are unknown, or an axis is out of range.
    """
    x = convert_to_tensor(inputs, name="inputs")
    with variable_scope(scope, "LayerNorm", [x], reuse=reuse):
        rank = x.shape.ndims
        if rank is None:
            raise ValueError(located(f"Inputs {x} has undefined rank."))
        first = begin_norm_axis + rank if begin_norm_axis < 0 else begin_norm_axis
        if begin_params_axis >= rank or not 0 <= first < rank:
            raise ValueError(
                located(
                    f"begin_params_axis ({begin_params_axis}) and begin_norm_axis "
                    f"({begin_norm_axis}) must be < rank(inputs) ({rank})"
                )
            )
        shape = x.shape[begin_params_axis:]
        if not shape.is_fully_defined():
            raise ValueError(
                located(f"Inputs {x}: shape(inputs)[{begin_params_axis}:] is not fully defined")
            )
        parameters = {
            kind: model_variable(kind, shape, x.dtype, initializer, trainable=trainable)
            for kind, initializer, wanted in (("beta", Zeros, center), ("gamma", Ones, scale))
            if wanted
        }
        for kind, variable in parameters.items():
            collect_variable(variable, variables_collections, kind)
        mean, variance = nn_impl.moments(x, list(range(first, rank)), keep_dims=True)
        outputs = nn_impl.batch_normalization(
            x, mean, variance, parameters.get("beta"), parameters.get("gamma"), 1e-12
        )
        outputs.set_shape(x.shape)
        return collect_output(outputs_collections, finish(outputs, None, None, activation_fn))


@add_arg_scope
def unit_norm(inputs: Any, dim: int, epsilon: float = 1e-7, scope: str | None = None) -> Tensor:
    """inputs / (epsilon + sqrt(sum(inputs^2))) along `dim`.

    Raises:
        ValueError: the rank is unknown, or `dim` out of range.
    """
    with name_scope(scope, "UnitNorm", [inputs]):
        x = convert_to_tensor(inputs, name="inputs")
        rank = x.shape.ndims
        if not rank:
            raise ValueError(located("The input rank must be known."))
        if not -rank <= dim < rank:
            raise ValueError(located("dim must be positive but smaller than the input rank."))
        length = generated.sqrt(reduce_sum(generated.square(x), [dim], keepdims=True))
        return x / (epsilon + length)
