"""Programs measured as whole processes: `python programs.py train torch`.

This file is run by its path and stands alone, so that a process holds one library and what that
library needs, and neither graphc nor this package unless it is graphc that is measured. It prints a
line of JSON with its first result, and another one with its peak memory before it ends.
"""

from __future__ import annotations

import importlib
import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

LAYERS = (784, 512, 512, 10)
BATCH = 128
RATE = 1e-4
STEPS = 3
CHAIN = 500  # pairs of operations
CHAIN_WIDTH = 1000
TF1 = {"graphc": "graphc", "tensorflow": "tensorflow.compat.v1"}


def weights() -> list[Any]:
    """(weights, bias) of each layer: those of `mlp.first_weights`."""
    import numpy as np

    generator = np.random.default_rng(7)
    made = []
    for inputs, outputs in itertools.pairwise(LAYERS):
        values = generator.standard_normal((inputs, outputs), dtype=np.float32)
        made.append((values * np.float32(inputs**-0.5), np.zeros(outputs, np.float32)))
    return made


def batch() -> tuple[Any, Any]:
    """Inputs and labels: those of `mlp.batch_of`."""
    import numpy as np

    generator = np.random.default_rng(11)
    x = generator.standard_normal((BATCH, LAYERS[0]), dtype=np.float32)
    return x, generator.integers(0, LAYERS[-1], BATCH)


# ------------------------------------------------------------------- the MLP's train step with Adam


def train_tf1(tf: Any) -> Callable[[], float]:
    """With graphc or TensorFlow 1."""
    x = tf.placeholder(tf.float32, [None, LAYERS[0]])
    y = tf.placeholder(tf.int64, [None])
    layer = x
    for number, (matrix, bias) in enumerate(weights()):
        layer = tf.nn.relu(layer) if number else layer
        layer = tf.nn.bias_add(tf.matmul(layer, tf.Variable(matrix)), tf.Variable(bias))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=layer)
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(RATE).minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    xs, ys = batch()
    return lambda: float(session.run([loss, step], {x: xs, y: ys})[0])


def train_torch() -> Callable[[], float]:
    """With PyTorch, eager."""
    import torch

    parts: list[Any] = []
    for number, (matrix, _) in enumerate(weights()):
        parts += [torch.nn.ReLU()] if number else []
        layer = torch.nn.Linear(*matrix.shape)
        layer.weight.data = torch.from_numpy(matrix.T.copy())
        layer.bias.data.zero_()
        parts.append(layer)
    network = torch.nn.Sequential(*parts)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    x, y = map(torch.from_numpy, batch())

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def train_jax() -> Callable[[], float]:
    """With JAX, the whole step under `jax.jit`."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        for number, (matrix, bias) in enumerate(layers):
            x = jax.nn.relu(x) if number else x
            x = x @ matrix + bias
        return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1).mean()

    @jax.jit
    def update(layers: Any, m: Any, v: Any, count: Any, x: Any, y: Any) -> Any:
        loss, gradient = jax.value_and_grad(loss_of)(layers, x, y)
        rate = RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        m = jax.tree.map(lambda m, g: m + (g - m) * 0.1, m, gradient)
        v = jax.tree.map(lambda v, g: v + (g * g - v) * 0.001, v, gradient)
        new = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), layers, m, v)
        return loss, new, m, v

    layers = jax.tree.map(jnp.asarray, weights())
    zeros = jax.tree.map(jnp.zeros_like, layers)
    state = [layers, zeros, zeros]
    count = 0.0
    x, y = batch()
    y = y.astype(np.int32)

    def step() -> float:
        nonlocal count
        count += 1.0
        loss, *state[:] = update(*state, count, x, y)
        return float(loss)

    return step


# ----------------------------------------------------------------- a chain of a thousand operations


def chain_input() -> Any:
    """The vector that the chain starts from."""
    import numpy as np

    return np.linspace(-1, 1, CHAIN_WIDTH, dtype=np.float32)


def chain(tanh: Callable[[Any], Any], y: Any) -> Any:
    """CHAIN times tanh(y) + 0.01."""
    for _ in range(CHAIN):
        y = tanh(y) + 0.01
    return y


def chain_tf1(tf: Any) -> Callable[[], float]:
    """With graphc or TensorFlow 1: graph and first run."""
    x = tf.placeholder(tf.float32, [CHAIN_WIDTH])
    y = tf.reduce_sum(chain(tf.tanh, x))
    session = tf.Session()
    return lambda: float(session.run(y, {x: chain_input()}))


def chain_torch() -> Callable[[], float]:
    """With PyTorch, eager."""
    import torch

    return lambda: float(chain(torch.tanh, torch.from_numpy(chain_input())).sum())


def chain_jax() -> Callable[[], float]:
    """With JAX: tracing, compiling, running."""
    import jax
    import jax.numpy as jnp

    total = jax.jit(lambda x: chain(jnp.tanh, x).sum())
    return lambda: float(total(chain_input()))


def chain_numpy() -> Callable[[], float]:
    """With NumPy."""
    import numpy as np

    return lambda: float(chain(np.tanh, chain_input()).sum())


PROGRAMS: dict[str, dict[str, Callable[..., Callable[[], float]]]] = {
    "train": {
        "graphc": train_tf1,
        "tensorflow": train_tf1,
        "torch": train_torch,
        "jax": train_jax,
    },
    "chain": {
        "graphc": chain_tf1,
        "tensorflow": chain_tf1,
        "torch": chain_torch,
        "jax": chain_jax,
        "numpy": chain_numpy,
    },
}


def peak_memory() -> float:
    """The peak resident set of this process in MiB (`ru_maxrss` counts its parent's as well)."""
    with open("/proc/self/status") as file:
        (line,) = [line for line in file if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main(name: str, implementation: str) -> None:
    """Run a program of `PROGRAMS` and print its two lines."""
    build = PROGRAMS[name][implementation]
    arguments = []
    if implementation in TF1:
        arguments.append(importlib.import_module(TF1[implementation]))
        if implementation == "tensorflow":
            arguments[0].disable_v2_behavior()
    else:
        importlib.import_module("jax.numpy" if implementation == "jax" else implementation)
    begin = time.perf_counter()
    step = build(*arguments)
    results = [step()]
    print(json.dumps({"inside": time.perf_counter() - begin}), flush=True)
    results += [step() for _ in range(STEPS - 1)]
    print(json.dumps({"results": results, "memory": peak_memory()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
