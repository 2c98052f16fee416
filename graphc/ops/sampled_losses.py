"""Losses over very many classes, from a few sampled ones: `tf.nn.nce_loss` and
`tf.nn.sampled_softmax_loss`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops import array_ops, generated, linear_ops, math_ops, nn_impl, nn_ops
from graphc.ops.candidate_sampling_ops import hits, log_uniform_candidate_sampler, static_size
from graphc.ops.embedding_ops import embedding_lookup
from graphc.ops.reduction_ops import reduce_sum


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str = "nce_loss",
) -> Tensor:
    """The noise-contrastive estimation loss (Gutmann and Hyvärinen, 2010) of each example.

    It is the sum of sigmoid cross entropies of the true classes and of sampled ones, logits being
    inputs weights^T + biases - log(expected count).

    Args:
        weights: [num_classes, dim], or a list of such tables that shares the rows out.
        biases: [num_classes].
        labels: the true classes, [batch, num_true].
        inputs: [batch, dim].
        num_sampled: how many classes to draw for the batch.
        sampled_values: what a candidate sampler gave; default `log_uniform_candidate_sampler` with
            distinct candidates.
        remove_accidental_hits: whether drawn classes do not count where they are true.

    Returns:
        [batch].
    """
    logits, targets = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, name, None,
    )  # fmt: skip
    losses = nn_impl.sigmoid_cross_entropy_with_logits(
        labels=targets, logits=logits, name="sampled_losses"
    )
    return reduce_sum(losses, 1)


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: int | None = None,
) -> Tensor:
    """The softmax cross entropy over the true and sampled classes (Jean et al., 2014), [batch].

    For training only: it underestimates the full loss. Arguments are those of `nce_loss`; `seed` is
    that of the default sampler.
    """
    logits, targets = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, name, seed,
    )  # fmt: skip
    return nn_ops.softmax_cross_entropy_with_logits_v2(
        labels=generated.stop_gradient(targets), logits=logits
    )


def _sampled_logits(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int,
    sampled_values: Any,
    remove_accidental_hits: bool,
    partition_strategy: str,
    name: str,
    seed: int | None,
) -> tuple[Tensor, Tensor]:
    """Logits and targets [batch, num_true + num_sampled]."""
    parts = list(weights) if isinstance(weights, (list, tuple)) else [weights]
    with name_scope(name, "compute_sampled_logits", [*parts, biases, inputs, labels]):
        true = math_ops.cast(convert_to_tensor(labels, name="labels"), dtypes.int64)
        x = convert_to_tensor(inputs, name="inputs")
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(
                true, num_true, static_size(num_sampled, "num_sampled"), True,
                static_size(num_classes, "num_classes"), seed,
            )  # fmt: skip
        sampled, true_expected, sampled_expected = sampled_values
        flat = array_ops.reshape(true, [-1])
        candidates = math_ops.cast(sampled, dtypes.int64)
        everything = array_ops.concat([flat, candidates], 0)
        rows = math_ops.cast(embedding_lookup(parts, everything, partition_strategy), x.dtype)
        offsets = math_ops.cast(embedding_lookup(biases, everything, partition_strategy), x.dtype)
        count = array_ops.shape(flat)[0]
        dots = reduce_sum(array_ops.expand_dims(x, 1) * _by_example(rows[:count], num_true, x), 2)
        true_logits = dots + array_ops.reshape(offsets[:count], [-1, num_true])
        sampled_logits = linear_ops.matmul(x, rows[count:], transpose_b=True) + offsets[count:]
        if remove_accidental_hits:
            lowest = np.finfo(x.dtype.numpy).min
            found = math_ops.cast(hits(true, candidates), x.dtype)
            sampled_logits = sampled_logits + found * lowest
        true_logits -= _log(true_expected, x.dtype)
        sampled_logits -= _log(sampled_expected, x.dtype)
        logits = array_ops.concat([true_logits, sampled_logits], 1)
        shares = array_ops.ones_like(true_logits) / float(num_true)
        targets = array_ops.concat([shares, array_ops.zeros_like(sampled_logits)], 1)
        return logits, targets


def _by_example(rows: Tensor, num_true: int, inputs: Tensor) -> Tensor:
    width = inputs.shape[1].value if inputs.shape.ndims == 2 else None
    if width is None:
        raise ValueError(
            located(f"inputs must be a matrix with a known last dimension, not {inputs.shape}")
        )
    return array_ops.reshape(rows, [-1, num_true, width])


def _log(expected: Any, dtype: Any) -> Tensor:
    counts = generated.stop_gradient(convert_to_tensor(expected))
    return math_ops.cast(generated.log(counts), dtype)
