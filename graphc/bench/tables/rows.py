"""Reductions and row operations: sums, softmax, layer normalisation, cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.bench.workload import Array, Formula, Workload, labels, normal

EPSILON = 1e-5

SUM = Formula(
    tf1=lambda tf, x: tf.reduce_sum(x),
    numpy=lambda np, x: x.sum(),
    torch=lambda torch, x: x.sum(),
    jax=lambda jax, x: x.sum(),
    pytensor=lambda pt, x: x.sum(),
)

COLUMNS = Formula(
    tf1=lambda tf, x: tf.reduce_sum(x, axis=0),
    numpy=lambda np, x: x.sum(axis=0),
    torch=lambda torch, x: x.sum(dim=0),
    jax=lambda jax, x: x.sum(axis=0),
    pytensor=lambda pt, x: x.sum(axis=0),
)


def _numpy_softmax(np: Any, x: Array) -> Array:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


SOFTMAX = Formula(
    tf1=lambda tf, x: tf.nn.softmax(x),
    numpy=_numpy_softmax,
    torch=lambda torch, x: torch.softmax(x, dim=1),
    jax=lambda jax, x: jax.nn.softmax(x),
    pytensor=lambda pt, x: pt.special.softmax(x, axis=1),
    onnx=(("Softmax", ("x0",), "y", {"axis": 1}),),
)


def _layer_norm(mean: Any, sqrt: Any, x: Any, scale: Any, shift: Any) -> Any:
    centred = x - mean(x)
    return centred / sqrt(mean(centred * centred) + EPSILON) * scale + shift


def _tf1_layer_norm(tf: Any, x: Any, scale: Any, shift: Any) -> Any:
    mean, variance = tf.nn.moments(x, [1], keep_dims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, EPSILON)


LAYER_NORM = Formula(
    tf1=_tf1_layer_norm,
    numpy=lambda np, *xs: _layer_norm(lambda x: x.mean(axis=1, keepdims=True), np.sqrt, *xs),
    torch=lambda torch, x, scale, shift: torch.nn.functional.layer_norm(
        x, (x.shape[1],), scale, shift, EPSILON
    ),
    jax=lambda jax, *xs: _layer_norm(lambda x: x.mean(axis=1, keepdims=True), jax.numpy.sqrt, *xs),
    pytensor=lambda pt, *xs: _layer_norm(lambda x: x.mean(axis=1, keepdims=True), pt.sqrt, *xs),
)


def _tf1_cross_entropy(tf: Any, logits: Any, targets: Any) -> list[Any]:
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    loss = tf.reduce_mean(losses)
    return [loss, tf.gradients(loss, logits)[0]]


def _numpy_cross_entropy(np: Any, logits: Array, targets: Array) -> list[Array]:
    rows = np.arange(len(targets))
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    totals = powers.sum(axis=1, keepdims=True)
    loss = (np.log(totals[:, 0]) - shifted[rows, targets]).mean()
    gradient = powers / totals
    gradient[rows, targets] -= 1
    return [loss, gradient / np.asarray(len(targets), logits.dtype)]


def _torch_cross_entropy(torch: Any, logits: Any, targets: Any) -> list[Any]:
    loss = torch.nn.functional.cross_entropy(logits.requires_grad_(), targets)
    return [loss.detach(), torch.autograd.grad(loss, logits)[0]]


def _jax_cross_entropy(jax: Any, logits: Any, targets: Any) -> Any:
    def loss(logits: Any) -> Any:
        chosen = jax.numpy.take_along_axis(jax.nn.log_softmax(logits), targets[:, None], axis=1)
        return -chosen.mean()

    return jax.value_and_grad(loss)(logits)


CROSS_ENTROPY = Formula(
    tf1=_tf1_cross_entropy,
    numpy=_numpy_cross_entropy,
    torch=_torch_cross_entropy,
    jax=_jax_cross_entropy,
)

ROWS = (
    Workload(
        name="sum, 1e7 floats",
        family="rows",
        task=SUM,
        inputs=lambda: (np.abs(normal(10**7)),),
        flops=1e7,
        bytes=4e7,
    ),
    Workload(
        name="sum over axis 0, [4096, 1024]",
        family="rows",
        task=COLUMNS,
        inputs=lambda: (normal(4096, 1024),),
        flops=4096.0 * 1024,
        bytes=4.0 * 4096 * 1024,
    ),
    Workload(
        name="softmax, [4096, 1024]",
        family="rows",
        task=SOFTMAX,
        inputs=lambda: (normal(4096, 1024, scale=3),),
        bytes=8.0 * 4096 * 1024,
    ),
    Workload(
        name="layer norm, [4096, 1024]",
        family="rows",
        task=LAYER_NORM,
        inputs=lambda: (normal(4096, 1024), normal(1024, seed=1), normal(1024, seed=2)),
        bytes=8.0 * 4096 * 1024,
    ),
    Workload(
        name="cross entropy forward and backward, [1024, 1000]",
        family="rows",
        task=CROSS_ENTROPY,
        inputs=lambda: (normal(1024, 1000, scale=3), labels(1024, 1000)),
        bytes=8.0 * 1024 * 1000,
    ),
)
