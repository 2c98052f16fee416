"""JAX: functions under `jax.jit`. Its threads are limited by XLA_FLAGS, see `processes`."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.bench.mlp import BETA1, BETA2, CHECKED_STEPS, EPSILON, batch_of, first_weights
from graphc.bench.networks import networks
from graphc.bench.workload import (
    Array,
    Formula,
    Inference,
    Inputs,
    Missing,
    Model,
    NetworkInference,
    NetworkTraining,
    Prepared,
    Training,
    Unseen,
    Workload,
    as_arrays,
)


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready; inputs and results are JAX arrays, and every call is waited for."""
    match workload.task:
        case Formula(jax=form) if form is not None:
            compiled = jax.jit(partial(form, jax))
            arrays = tuple(map(_on_device, inputs))
            return Prepared(partial(_wait, compiled), arrays, lambda: as_arrays(compiled(*arrays)))
        case Unseen(formula=Formula(jax=form)) if form is not None:
            compiled = jax.jit(partial(form, jax))
            return Prepared(partial(_wait, compiled), (), lambda: as_arrays(compiled(*inputs)))
        case Training(model):
            return _training(model)
        case Inference(model):
            forward = partial(jax.jit(_logits), _layers(model))
            x = _on_device(batch_of(model)[0])
            return Prepared(partial(_wait, forward), (x,), lambda: as_arrays(forward(x)))
        case NetworkTraining(name, size, rate):
            return _network_training(name, size, rate)
        case NetworkInference(name, size):
            return _network_inference(name, size)
        case _:
            raise Missing("no form in JAX")


def _on_device(array: Array) -> Any:
    """JAX keeps integers in 32 bits, as it does by default."""
    return jnp.asarray(array.astype(np.int32) if array.dtype == np.int64 else array)


def _wait(function: Any, *arguments: Any) -> Any:
    return jax.block_until_ready(function(*arguments))


def _layers(model: Model) -> list[tuple[Any, Any]]:
    return [(jnp.asarray(weights), jnp.asarray(bias)) for weights, bias in first_weights(model)]


def _logits(layers: list[tuple[Any, Any]], x: Any) -> Any:
    for number, (weights, bias) in enumerate(layers):
        if number:
            x = jax.nn.relu(x)
        x = x @ weights + bias
    return x


def _training(model: Model) -> Prepared:
    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        output = _logits(layers, x)
        if model.loss == "squared":
            return jnp.mean((output - y) ** 2)
        return -jnp.take_along_axis(jax.nn.log_softmax(output), y[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=0)
    def update(state: Any, x: Any, y: Any) -> Any:
        layers, m, v, count = state
        loss, gradient = jax.value_and_grad(loss_of)(layers, x, y)
        if model.optimizer == "sgd":
            new = jax.tree.map(lambda p, g: p - model.rate * g, layers, gradient)
            return (new, m, v, count), loss
        count = count + 1
        rate = model.rate * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        m = jax.tree.map(lambda m, g: m + (g - m) * (1 - BETA1), m, gradient)
        v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - BETA2), v, gradient)
        new = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), layers, m, v)
        return (new, m, v, count), loss

    layers = _layers(model)
    x, y = map(_on_device, batch_of(model))
    zeros = partial(jax.tree.map, jnp.zeros_like, layers) if model.optimizer == "adam" else tuple
    state: list[Any] = [(layers, zeros(), zeros(), jnp.zeros((), jnp.float32))]

    def step(x: Any, y: Any) -> float:
        state[0], loss = update(state[0], x, y)
        return float(loss)

    def outputs() -> list[Array]:
        losses = [step(x, y) for _ in range(CHECKED_STEPS)]
        return [np.array(losses), np.asarray(state[0][0][-1][0])]

    return Prepared(step, (x, y), outputs)


def _form(name: str) -> Any:
    form = networks()[name].jax
    if form is None:
        raise Missing("no form in JAX")
    return partial(form, jax)


def _network_training(name: str, size: int, rate: float) -> Prepared:
    network, form = networks()[name], _form(name)

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        chosen = jnp.take_along_axis(jax.nn.log_softmax(form(weights, x)), y[:, None], axis=1)
        return -chosen.mean()

    @partial(jax.jit, donate_argnums=0)
    def update(state: Any, x: Any, y: Any) -> Any:
        weights, m, v, count = state
        loss, gradient = jax.value_and_grad(loss_of)(weights, x, y)
        count = count + 1
        step = rate * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        m = jax.tree.map(lambda m, g: m + (g - m) * (1 - BETA1), m, gradient)
        v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - BETA2), v, gradient)
        new = jax.tree.map(lambda p, m, v: p - step * m / (jnp.sqrt(v) + EPSILON), weights, m, v)
        return (new, m, v, count), loss

    weights = {key: jnp.asarray(value) for key, value in network.weights().items()}
    zeros = partial(jax.tree.map, jnp.zeros_like, weights)
    state: list[Any] = [(weights, zeros(), zeros(), jnp.zeros((), jnp.float32))]
    x, y = map(_on_device, network.batch(size))

    def step(x: Any, y: Any) -> float:
        state[0], loss = update(state[0], x, y)
        return float(loss)

    def outputs() -> list[Array]:
        return [np.array([step(x, y) for _ in range(CHECKED_STEPS)])]

    return Prepared(step, (x, y), outputs)


def _network_inference(name: str, size: int) -> Prepared:
    network = networks()[name]
    weights = {key: jnp.asarray(value) for key, value in network.weights().items()}
    forward = partial(jax.jit(_form(name)), weights)
    x = _on_device(network.batch(size)[0])
    return Prepared(partial(_wait, forward), (x,), lambda: as_arrays(forward(x)))
