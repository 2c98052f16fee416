"""A transformer's encoder block: attention of 8 heads, 256 wide, 128 steps, feed-forward 1024.

Its logits are a dense layer of the mean over the steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.bench.networks import Network, Weights
from graphc.bench.workload import Array, labels, normal

STEPS, WIDTH, HEADS, INNER, CLASSES = 128, 256, 8, 1024, 10
DEPTH = WIDTH // HEADS
EPSILON = 1e-5
SHAPES = {
    "query": (WIDTH, WIDTH),
    "key": (WIDTH, WIDTH),
    "value": (WIDTH, WIDTH),
    "output": (WIDTH, WIDTH),
    "inner": (WIDTH, INNER),
    "outer": (INNER, WIDTH),
    "logits": (WIDTH, CLASSES),
}


def weights() -> Weights:
    made: Weights = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        made[name] = normal(*shape, seed=number, scale=shape[0] ** -0.5)
        made[f"{name}_bias"] = np.zeros(shape[1], np.float32)
    for name in ("norm_1", "norm_2"):
        made[f"{name}_scale"] = np.ones(WIDTH, np.float32)
        made[f"{name}_offset"] = np.zeros(WIDTH, np.float32)
    return made


def batch(size: int) -> tuple[Array, Array]:
    """Sequences [size, 128, 256] and labels [size]."""
    return normal(size, STEPS, WIDTH, seed=11), labels(size, CLASSES, seed=12)


def tf1(tf: Any, w: dict[str, Any], x: Any) -> Any:
    def dense(x: Any, name: str) -> Any:
        return tf.matmul(x, w[name]) + w[f"{name}_bias"]

    def heads(x: Any) -> Any:
        return tf.transpose(tf.reshape(x, [-1, STEPS, HEADS, DEPTH]), [0, 2, 1, 3])

    def norm(x: Any, name: str) -> Any:
        mean, variance = tf.nn.moments(x, [1], keep_dims=True)
        scale, offset = w[f"{name}_scale"], w[f"{name}_offset"]
        return (x - mean) * tf.rsqrt(variance + EPSILON) * scale + offset

    x = tf.reshape(x, [-1, WIDTH])
    query, key, value = (heads(dense(x, name)) for name in ("query", "key", "value"))
    scores = tf.matmul(query, key, transpose_b=True) * DEPTH**-0.5
    mixed = tf.matmul(tf.nn.softmax(scores), value)
    mixed = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, WIDTH])
    x = norm(x + dense(mixed, "output"), "norm_1")
    x = norm(x + dense(tf.nn.relu(dense(x, "inner")), "outer"), "norm_2")
    return dense(tf.reduce_mean(tf.reshape(x, [-1, STEPS, WIDTH]), 1), "logits")


def torch_form(torch: Any, w: Weights) -> Any:
    functional = torch.nn.functional

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.ParameterDict(
                {name: torch.nn.Parameter(torch.from_numpy(v.copy())) for name, v in w.items()}
            )

        def dense(self, x: Any, name: str) -> Any:
            return x @ self.w[name] + self.w[f"{name}_bias"]

        def norm(self, x: Any, name: str) -> Any:
            scale, offset = self.w[f"{name}_scale"], self.w[f"{name}_offset"]
            return functional.layer_norm(x, (WIDTH,), scale, offset, EPSILON)

        def forward(self, x: Any) -> Any:
            shape = (x.shape[0], STEPS, HEADS, DEPTH)
            query, key, value = (
                self.dense(x, name).view(shape).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(query, key, value)
            mixed = mixed.transpose(1, 2).reshape(x.shape)
            x = self.norm(x + self.dense(mixed, "output"), "norm_1")
            x = self.norm(x + self.dense(torch.relu(self.dense(x, "inner")), "outer"), "norm_2")
            return self.dense(x.mean(1), "logits")

    return Block()


def jax_form(jax: Any, w: dict[str, Any], x: Any) -> Any:
    jnp = jax.numpy

    def dense(x: Any, name: str) -> Any:
        return x @ w[name] + w[f"{name}_bias"]

    def norm(x: Any, name: str) -> Any:
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        scale, offset = w[f"{name}_scale"], w[f"{name}_offset"]
        return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + offset

    shape = (x.shape[0], STEPS, HEADS, DEPTH)
    query, key, value = (
        dense(x, name).reshape(shape).swapaxes(1, 2) for name in ("query", "key", "value")
    )
    scores = query @ key.swapaxes(2, 3) * DEPTH**-0.5
    mixed = (jax.nn.softmax(scores) @ value).swapaxes(1, 2).reshape(x.shape)
    x = norm(x + dense(mixed, "output"), "norm_1")
    x = norm(x + dense(jax.nn.relu(dense(x, "inner")), "outer"), "norm_2")
    return dense(jnp.mean(x, 1), "logits")


NETWORK = Network(weights, batch, tf1, torch_form, jax_form)
