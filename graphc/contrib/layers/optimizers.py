"""`tf.contrib.layers.optimize_loss`: a training step with clipping, multipliers and decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphc.framework.collections import GraphKeys, get_collection
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.variable_collections import trainable_variables
from graphc.framework.variable_scope import get_variable, variable_scope
from graphc.ir.graph import IndexedSlices, Tensor
from graphc.ops import clip_ops, random_ops
from graphc.ops.array_ops import shape as shape_of
from graphc.ops.control_flow_ops import with_dependencies
from graphc.ops.init_ops import Constant
from graphc.train import (
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
    get_global_step,
)

OPTIMIZER_CLS_NAMES: dict[str, Callable[..., Optimizer]] = {
    "Adagrad": AdagradOptimizer,
    "Adam": AdamOptimizer,
    "Ftrl": FtrlOptimizer,
    "Momentum": lambda learning_rate: MomentumOptimizer(learning_rate, momentum=0.9),
    "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: float | None = None,
    gradient_multipliers: Mapping[Any, Any] | None = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Callable[[Any, Any], Any] | None = None,
    update_ops: Sequence[Any] | None = None,
    variables: Sequence[Any] | None = None,
    name: str | None = None,
    summaries: Sequence[str] | None = None,
    colocate_gradients_with_ops: bool = False,
    increment_global_step: bool = True,
) -> Tensor:
    """A tensor that runs one training step and is the loss before it.

    Args:
        global_step: the step variable (None: the graph's, if it has one).
        learning_rate: a float, kept in the variable "OptimizeLoss/learning_rate"; a tensor; or None
            for an optimizer that knows its own.
        optimizer: a name of `OPTIMIZER_CLS_NAMES`, a class, an instance, or a function of the
            learning rate that gives one.
        gradient_noise_scale: the deviation of normal noise to add to the gradients.
        gradient_multipliers: factors of gradients, by variable or its name.
        clip_gradients: a global norm, or a function of (gradient, variable) pairs.
        learning_rate_decay_fn: a function of (learning rate, step).
        update_ops: operations to run before (default UPDATE_OPS).
        variables: those to train (default all trainable ones).
        summaries: not supported: None or empty; NotImplementedError.
        colocate_gradients_with_ops: accepted; all operations share one device.
        increment_global_step: whether the step counts.

    Raises:
        ValueError: the learning rate, the optimizer or the clipping is of a wrong kind.
    """
    if summaries:
        raise NotImplementedError(located("optimize_loss: summaries are not supported; pass None"))
    with variable_scope(name, "OptimizeLoss", [loss]):
        total = convert_to_tensor(loss, name="loss")
        step = get_global_step() if global_step is None else global_step
        before = get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else list(update_ops)
        if before:
            total = with_dependencies(before, total)
        rate = _rate(learning_rate)
        if learning_rate_decay_fn is not None:
            if rate is None or step is None:
                raise ValueError(
                    located("learning_rate_decay_fn needs a learning rate and a global_step")
                )
            rate = learning_rate_decay_fn(rate, step)
        chosen = _optimizer(optimizer, rate)
        pairs = chosen.compute_gradients(total, variables or trainable_variables())
        pairs = _multiplied(_noisy(pairs, gradient_noise_scale), gradient_multipliers)
        update = chosen.apply_gradients(
            _clipped(pairs, clip_gradients),
            global_step=step if increment_global_step else None, name="train",
        )  # fmt: skip
        return with_dependencies([update], total)


def _rate(learning_rate: Any) -> Any:
    if learning_rate is None:
        return None
    if isinstance(learning_rate, float):
        if learning_rate < 0.0:
            raise ValueError(located(f"Invalid learning_rate {learning_rate}."))
        return get_variable(
            "learning_rate", [], trainable=False, initializer=Constant(learning_rate)
        )
    if isinstance(learning_rate, Tensor) and learning_rate.shape.ndims == 0:
        return learning_rate
    raise ValueError(
        located(
            f"Learning rate should be 0d Tensor or float. Got {learning_rate} of type "
            f"{type(learning_rate)}"
        )
    )


def _optimizer(optimizer: Any, rate: Any) -> Optimizer:
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZER_CLS_NAMES:
            names = ", ".join(OPTIMIZER_CLS_NAMES)
            raise ValueError(
                located(f"Optimizer name should be one of [{names}], you provided {optimizer}.")
            )
        optimizer = OPTIMIZER_CLS_NAMES[optimizer]
    if isinstance(optimizer, Optimizer):
        return optimizer
    made = optimizer(rate) if callable(optimizer) else None
    if not isinstance(made, Optimizer):
        raise ValueError(
            located(
                "Unrecognized optimizer: a name, an Optimizer, its class, or a function that gives "
                f"one, not {optimizer!r}"
            )
        )
    return made


def _noisy(pairs: list[Any], scale: float | None) -> list[Any]:
    if scale is None:
        return pairs
    return [(_changed(g, lambda v: v + _noise(v, scale)), variable) for g, variable in pairs]


def _noise(values: Tensor, scale: float) -> Tensor:
    return random_ops.random_normal(shape_of(values), stddev=scale, dtype=values.dtype)


def _multiplied(pairs: list[Any], factors: Mapping[Any, Any] | None) -> list[Any]:
    if factors is None:
        return pairs
    result = []
    for gradient, variable in pairs:
        key = variable if variable in factors else variable.name
        factor = factors.get(key)
        if factor is not None:
            gradient = _changed(gradient, lambda v, factor=factor: v * factor)
        result.append((gradient, variable))
    return result


def _changed(gradient: Any, change: Callable[..., Tensor]) -> Any:
    if gradient is None:
        return None
    if isinstance(gradient, IndexedSlices):
        return IndexedSlices(change(gradient.values), gradient.indices, gradient.dense_shape)
    return change(gradient)


def _clipped(pairs: list[Any], clip: Any) -> list[Any]:
    if clip is None:
        return pairs
    if isinstance(clip, float):
        gradients, variables = zip(*pairs, strict=True)
        clipped, _ = clip_ops.clip_by_global_norm(list(gradients), clip)
        return list(zip(clipped, variables, strict=True))
    if callable(clip):
        return clip(pairs)
    raise ValueError(located(f"Unknown type {type(clip)} for clip_gradients"))
