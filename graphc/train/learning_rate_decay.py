"""Learning rates that change with the number of steps: tensors for optimizers to use.

All take the global step as a tensor or variable and compute in the dtype of the learning rate.
"""

from __future__ import annotations

import math
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops.math_ops import cast
from graphc.ops.random_ops import random_normal


def _require_step(global_step: Any, function: str) -> None:
    if global_step is None:
        raise ValueError(located(f"global_step is required for {function}."))


def _in_dtype(value: Any, like: Tensor, name: str) -> Tensor:
    """A hyperparameter or step in the learning rate's dtype."""
    if isinstance(value, (int, float)):
        return convert_to_tensor(value, like.dtype, name=name)
    return cast(convert_to_tensor(value), like.dtype)


def _progress(rate: Tensor, global_step: Any, decay_steps: Any, staircase: bool) -> Tensor:
    """global_step / decay_steps, rounded down for a staircase."""
    steps = _in_dtype(decay_steps, rate, "decay_steps")
    progress = _in_dtype(global_step, rate, "global_step") / steps
    return apply("Floor", progress) if staircase else progress


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate * decay_rate ^ (global_step / decay_steps); `staircase` rounds the exponent
    down.
    """
    _require_step(global_step, "exponential_decay")
    with name_scope(name, "ExponentialDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        progress = _progress(rate, global_step, decay_steps, staircase)
        factor = _in_dtype(decay_rate, rate, "decay_rate") ** progress
        return apply("Mul", rate, factor, name=scope)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    _require_step(global_step, "natural_exp_decay")
    with name_scope(name, "NaturalExpDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        progress = _progress(rate, global_step, decay_steps, staircase)
        factor = apply("Exp", -_in_dtype(decay_rate, rate, "decay_rate") * progress)
        return apply("Mul", rate, factor, name=scope)


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""
    _require_step(global_step, "inverse_time_decay")
    with name_scope(name, "InverseTimeDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        progress = _progress(rate, global_step, decay_steps, staircase)
        divisor = 1 + _in_dtype(decay_rate, rate, "decay_rate") * progress
        return apply("RealDiv", rate, divisor, name=scope)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """(learning_rate - end) * (1 - p)^power + end, p = min(global_step, decay_steps) / decay_steps.

    With `cycle` decay_steps grows to its first multiple that is not below global_step.
    """
    _require_step(global_step, "polynomial_decay")
    with name_scope(name, "PolynomialDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        end = _in_dtype(end_learning_rate, rate, "end_learning_rate")
        step = _in_dtype(global_step, rate, "global_step")
        steps = _in_dtype(decay_steps, rate, "decay_steps")
        if cycle:
            steps = steps * apply("Maximum", apply("Ceil", step / steps), 1.0)
        else:
            step = apply("Minimum", step, steps)
        factor = (1 - step / steps) ** _in_dtype(power, rate, "power")
        return apply("Add", (rate - end) * factor, end, name=scope)


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Tensor:
    """values[0] where x <= boundaries[0], values[i] where boundaries[i-1] < x <= boundaries[i],
    else the last value.

    Raises:
        ValueError: there is not one value more than there are boundaries, or dtypes differ.
    """
    boundaries, values = list(boundaries), list(values)
    if len(boundaries) != len(values) - 1:
        raise ValueError(
            located("The length of boundaries should be 1 less than the length of values")
        )
    with name_scope(name, "PiecewiseConstant", [x, *boundaries, *values]) as scope:
        point = convert_to_tensor(x)
        limits = [_limit(boundary, point) for boundary in boundaries]
        levels = [convert_to_tensor(value) for value in values]
        if any(level.dtype is not levels[0].dtype for level in levels):
            raise ValueError(
                located(f"values must have elements all with the same dtype ({levels}).")
            )
        result = levels[-1]
        for limit, level in reversed(list(zip(limits, levels, strict=False))):
            result = apply("SelectV2", point <= limit, level, result)
        return apply("Identity", result, name=scope)


def _limit(boundary: Any, point: Tensor) -> Tensor:
    limit = convert_to_tensor(boundary)
    if limit.dtype is point.dtype:
        return limit
    if limit.dtype is dtypes.int32 and point.dtype is dtypes.int64:
        return cast(limit, point.dtype)
    raise ValueError(
        located(
            f"Boundaries ({limit.dtype.name}) must have the same dtype as x ({point.dtype.name})."
        )
    )


def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """learning_rate * ((1 - alpha) (1 + cos(pi p)) / 2 + alpha), p = min(step, decay_steps) /
    decay_steps.
    """
    _require_step(global_step, "cosine_decay")
    with name_scope(name, "CosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        steps = _in_dtype(decay_steps, rate, "decay_steps")
        progress = apply("Minimum", _in_dtype(global_step, rate, "global_step"), steps) / steps
        wave = 0.5 * (1.0 + apply("Cos", math.pi * progress))
        return apply("Mul", rate, (1 - alpha) * wave + alpha, name=scope)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: float = 0.5,
    alpha: float = 0.0,
    beta: float = 0.001,
    name: str | None = None,
) -> Tensor:
    """learning_rate * ((alpha + 1 - p) (1 + cos(2 pi num_periods p)) / 2 + beta), p as in
    `cosine_decay`.
    """
    _require_step(global_step, "linear_cosine_decay")
    with name_scope(name, "LinearCosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        steps = _in_dtype(decay_steps, rate, "decay_steps")
        step = apply("Minimum", _in_dtype(global_step, rate, "global_step"), steps)
        progress = step / steps
        wave = 0.5 * (1.0 + apply("Cos", 2.0 * math.pi * num_periods * progress))
        return apply("Mul", (alpha + (steps - step) / steps) * wave + beta, rate, name=scope)


def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: float = 1.0,
    variance_decay: float = 0.55,
    num_periods: float = 0.5,
    alpha: float = 0.0,
    beta: float = 0.001,
    name: str | None = None,
) -> Tensor:
    """`linear_cosine_decay` whose line has normal noise of variance initial_variance / (1 +
    step)^variance_decay, drawn anew in each run.
    """
    _require_step(global_step, "noisy_linear_cosine_decay")
    with name_scope(name, "NoisyLinearCosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        steps = _in_dtype(decay_steps, rate, "decay_steps")
        step = apply("Minimum", _in_dtype(global_step, rate, "global_step"), steps)
        variance = initial_variance / (1.0 + step) ** _in_dtype(variance_decay, rate, "decay")
        noise = random_normal([], dtype=rate.dtype) * apply("Sqrt", variance)
        wave = 0.5 * (1.0 + apply("Cos", 2.0 * math.pi * num_periods * (step / steps)))
        line = alpha + (steps - step) / steps + noise
        return apply("Mul", line * wave + beta, rate, name=scope)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """Cosine decay with warm restarts (Loshchilov and Hutter, 2016): periods grow by `t_mul`, their
    first rates shrink by `m_mul`."""
    _require_step(global_step, "cosine_decay_restarts")
    with name_scope(name, "SGDRDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="initial_learning_rate")
        steps = _in_dtype(first_decay_steps, rate, "first_decay_steps")
        progress = _in_dtype(global_step, rate, "global_step") / steps
        if t_mul == 1.0:
            period = apply("Floor", progress)
            progress = progress - period
        else:
            inside = 1.0 - progress * (1.0 - t_mul)
            period = apply("Floor", apply("Log", inside) / math.log(t_mul))
            base = convert_to_tensor(t_mul, rate.dtype)
            start = (1.0 - base**period) / (1.0 - t_mul)
            progress = (progress - start) / base**period
        scale = convert_to_tensor(m_mul, rate.dtype) ** period
        wave = 0.5 * scale * (1.0 + apply("Cos", math.pi * progress))
        return apply("Mul", rate, (1 - alpha) * wave + alpha, name=scope)


piecewise_constant_decay = piecewise_constant
