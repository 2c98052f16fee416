"""Dense networks: their data and first weights, the same for everyone, and training in plain NumPy.

In float64 this is the reference of all train steps; in float32 it is NumPy's own entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from graphc.bench.workload import Array, Model

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CHECKED_STEPS = 3


def first_weights(model: Model) -> list[tuple[Array, Array]]:
    """(weights, bias) of each layer, float32."""
    generator = np.random.default_rng(7)
    made = []
    for inputs, outputs in pairwise(model.layers):
        weights = generator.standard_normal((inputs, outputs), dtype=np.float32)
        made.append((weights * np.float32(inputs**-0.5), np.zeros(outputs, np.float32)))
    return made


def batch_of(model: Model) -> tuple[Array, Array]:
    """A batch: inputs [batch, features] float32, and labels int64 [batch] or targets [batch, n]."""
    generator = np.random.default_rng(11)
    x = generator.standard_normal((model.batch, model.layers[0]), dtype=np.float32)
    if model.loss == "softmax":
        return x, generator.integers(0, model.layers[-1], model.batch)
    noise = generator.standard_normal((model.batch, model.layers[-1]), dtype=np.float32)
    return x, np.float32(3) * x[:, :1] + np.float32(0.1) * noise


class Trainer:
    """Trains a model by back-propagation in arrays of one dtype.

    Adam is TF1's form: the step size takes the corrections, `epsilon` stands outside them.
    """

    def __init__(self, model: Model, dtype: type[np.floating]) -> None:
        self.model = model
        self.dtype = np.dtype(dtype)
        self.layers = [
            (weights.astype(dtype), bias.astype(dtype)) for weights, bias in first_weights(model)
        ]
        flat = [array for layer in self.layers for array in layer]
        self.moments = [(np.zeros_like(array), np.zeros_like(array)) for array in flat]
        self.steps = 0

    def logits(self, x: Array) -> Array:
        """The network's last layer."""
        return self._activations(x)[-1]

    def step(self, x: Array, y: Array) -> Array:
        """Update the weights; returns the loss before that, a scalar."""
        activations = self._activations(x)
        loss, dy = self._loss(activations[-1], y)
        gradients: list[Array] = []
        for number in range(len(self.layers) - 1, -1, -1):
            a = activations[number]
            gradients[:0] = [a.T @ dy, dy.sum(axis=0)]
            if number:
                dy = dy @ self.layers[number][0].T
                dy *= a > 0
        self.steps += 1
        self._update(gradients)
        return loss

    def _activations(self, x: Array) -> list[Array]:
        found = [x]
        for number, (weights, bias) in enumerate(self.layers):
            y = found[-1] @ weights
            y += bias
            if number + 1 < len(self.layers):
                np.maximum(y, 0, out=y)
            found.append(y)
        return found

    def _loss(self, output: Array, y: Array) -> tuple[Array, Array]:
        count = np.asarray(len(output), self.dtype)
        if self.model.loss == "squared":
            difference = output - y
            return (difference * difference).mean(), difference * (2 / self.dtype.type(y.size))
        rows = np.arange(len(output))
        shifted = output - output.max(axis=1, keepdims=True)
        powers = np.exp(shifted)
        totals = powers.sum(axis=1, keepdims=True)
        loss = (np.log(totals[:, 0]) - shifted[rows, y]).mean()
        powers /= totals
        powers[rows, y] -= 1
        powers /= count
        return loss, powers

    def _update(self, gradients: Sequence[Array]) -> None:
        variables = [array for layer in self.layers for array in layer]
        rate = self.model.rate
        if self.model.optimizer == "sgd":
            for variable, gradient in zip(variables, gradients, strict=True):
                variable -= self.dtype.type(rate) * gradient
            return
        rate *= (1 - BETA2**self.steps) ** 0.5 / (1 - BETA1**self.steps)
        for variable, gradient, (m, v) in zip(variables, gradients, self.moments, strict=True):
            m += (gradient - m) * self.dtype.type(1 - BETA1)
            v += (gradient * gradient - v) * self.dtype.type(1 - BETA2)
            variable -= self.dtype.type(rate) * m / (np.sqrt(v) + self.dtype.type(EPSILON))


def training_outputs(model: Model, dtype: type[np.floating] = np.float64) -> list[Array]:
    """What a train step is checked by: the first steps' losses, then the last layer's weights."""
    trainer = Trainer(model, dtype)
    x, y = batch_of(model)
    x, y = x.astype(dtype), y if model.loss == "softmax" else y.astype(dtype)
    losses = [trainer.step(x, y) for _ in range(CHECKED_STEPS)]
    return [np.array(losses), trainer.layers[-1][0]]


def inference_outputs(model: Model, dtype: type[np.floating] = np.float64) -> list[Array]:
    """The logits of the batch under the first weights."""
    return [Trainer(model, dtype).logits(batch_of(model)[0].astype(dtype))]
