"""A classifier of sequences: an LSTM over 28 steps of 28 inputs, 128 units, dense 10 at its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.bench.networks import Network, Weights
from graphc.bench.workload import Array, Missing, labels, normal

STEPS, INPUTS, UNITS, CLASSES = 28, 28, 128, 10
FORGET_BIAS = 1.0


def weights() -> Weights:
    """The kernel is [inputs + units, 4 * units]; gates in TF1's order: i, j, f, o."""
    return {
        "kernel": normal(INPUTS + UNITS, 4 * UNITS, seed=1, scale=(INPUTS + UNITS) ** -0.5),
        "bias": np.zeros(4 * UNITS, np.float32),
        "dense": normal(UNITS, CLASSES, seed=2, scale=UNITS**-0.5),
        "dense_bias": np.zeros(CLASSES, np.float32),
    }


def batch(size: int) -> tuple[Array, Array]:
    """Sequences [size, 28, 28] and labels [size]."""
    return normal(size, STEPS, INPUTS, seed=11), labels(size, CLASSES, seed=12)


def _cell(tf: Any) -> Any:
    try:
        return tf.nn.rnn_cell.BasicLSTMCell(UNITS, forget_bias=FORGET_BIAS)
    except AttributeError as error:  # what Keras 3 took away
        raise Missing(str(error)) from None


def dynamic(tf: Any, w: dict[str, Any], x: Any) -> Any:
    outputs, _ = tf.nn.dynamic_rnn(_cell(tf), x, dtype=x.dtype)
    return tf.matmul(outputs[:, -1], w["dense"]) + w["dense_bias"]


def unrolled(tf: Any, w: dict[str, Any], x: Any) -> Any:
    cell = _cell(tf)
    outputs, _ = tf.nn.static_rnn(cell, tf.unstack(x, STEPS, axis=1), dtype=x.dtype)
    return tf.matmul(outputs[-1], w["dense"]) + w["dense_bias"]


def loads(w: Weights) -> Weights:
    return {"basic_lstm_cell/kernel": w["kernel"], "basic_lstm_cell/bias": w["bias"]}


def _for_torch(value: Array) -> Array:
    """Gates in torch's order: i, f, g (TF1's j), o, along the last axis."""
    i, j, f, o = np.split(value, 4, axis=-1)
    return np.concatenate([i, f, j, o], axis=-1)


def torch_form(torch: Any, w: Weights) -> Any:
    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(INPUTS, UNITS, batch_first=True)
            kernel, bias = _for_torch(w["kernel"]), _for_torch(w["bias"])
            bias[UNITS : 2 * UNITS] += FORGET_BIAS
            values = kernel[:INPUTS].T, kernel[INPUTS:].T, bias, np.zeros_like(bias)
            for parameter, value in zip(self.lstm.parameters(), values, strict=True):
                parameter.data = torch.from_numpy(value.copy())
            self.lstm.flatten_parameters()
            self.lstm.bias_hh_l0.requires_grad_(False)  # two biases would learn twice as fast
            self.dense = torch.nn.Linear(UNITS, CLASSES)
            self.dense.weight.data = torch.from_numpy(w["dense"].T.copy())
            self.dense.bias.data = torch.from_numpy(w["dense_bias"].copy())

        def forward(self, x: Any) -> Any:
            return self.dense(self.lstm(x)[0][:, -1])

    return Classifier()


def jax_form(jax: Any, w: dict[str, Any], x: Any) -> Any:
    """The products with the inputs of all steps are one product before the loop."""
    jnp = jax.numpy
    inputs = jnp.swapaxes(x @ w["kernel"][:INPUTS] + w["bias"], 0, 1)

    def step(state: Any, projected: Any) -> Any:
        c, h = state
        i, j, f, o = jnp.split(projected + h @ w["kernel"][INPUTS:], 4, axis=-1)
        c = jax.nn.sigmoid(f + FORGET_BIAS) * c + jax.nn.sigmoid(i) * jnp.tanh(j)
        return (c, jax.nn.sigmoid(o) * jnp.tanh(c)), None

    zeros = jnp.zeros((x.shape[0], UNITS), x.dtype)
    (_, h), _ = jax.lax.scan(step, (zeros, zeros), inputs)
    return h @ w["dense"] + w["dense_bias"]


DYNAMIC = Network(weights, batch, dynamic, torch_form, jax_form, loads=loads)
UNROLLED = Network(weights, batch, unrolled, torch_form, jax_form, loads=loads)
