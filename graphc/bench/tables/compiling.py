"""Compiling: first results of new processes, sizes never seen before, large graphs."""

from __future__ import annotations

from typing import Any

from graphc.bench.workload import Array, Formula, Inputs, Program, Unseen, Workload, normal

FEATURES, HIDDEN, CLASSES = 64, 64, 10

NETWORK = Formula(
    tf1=lambda tf, x, v, w: tf.nn.softmax(tf.matmul(tf.nn.relu(tf.matmul(x, v)), w)),
    numpy=lambda np, x, v, w: _softmax(np, np.maximum(x @ v, np.float32(0)) @ w),
    torch=lambda torch, x, v, w: torch.softmax(torch.relu(x @ v) @ w, dim=1),
    jax=lambda jax, x, v, w: jax.nn.softmax(jax.nn.relu(x @ v) @ w),
    pytensor=lambda pt, x, v, w: pt.special.softmax(pt.maximum(x @ v, 0.0) @ w, axis=1),
)


def _softmax(np: Any, x: Array) -> Array:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _inputs(batch: int) -> Inputs:
    return (
        normal(batch, FEATURES, seed=batch),
        normal(FEATURES, HIDDEN, seed=1, scale=0.1),
        normal(HIDDEN, CLASSES, seed=2, scale=0.1),
    )


ROWS = (
    Workload(
        name="first MLP train step, new process, cold caches",
        family="compiling",
        task=Program("train", "first", cold=True),
        tolerance=1e-4,
        rounds=3,
    ),
    Workload(
        name="first MLP train step, new process, warm caches",
        family="compiling",
        task=Program("train", "first"),
        tolerance=1e-4,
        rounds=3,
    ),
    Workload(
        name="chain of 1,000 operations, build to first result, cold caches",
        family="compiling",
        task=Program("chain", "inside", cold=True),
        rounds=3,
    ),
    Workload(
        name="a batch size never seen before, beyond a seen one",
        family="compiling",
        task=Unseen(NETWORK, _inputs),
        inputs=lambda: _inputs(32),
    ),
)
