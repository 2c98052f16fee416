"""`sequence_loss`: cross entropy of sequences of logits, weighted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir.graph import Tensor
from graphc.ops import array_ops, math_ops, nn_ops
from graphc.ops.reduction_ops import count_nonzero, reduce_sum


def sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    sum_over_timesteps: bool = False,
    sum_over_batch: bool = False,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """The weighted cross entropy of a batch of sequences.

    Args:
        logits: [batch, time, classes].
        targets: class numbers [batch, time].
        weights: [batch, time]; zeros for padding.
        average_across_timesteps, average_across_batch: whether to divide the sum along that
            dimension by the sum of the weights.
        sum_over_timesteps, sum_over_batch: whether to divide it by the number of weights that are
            not zero.
        softmax_loss_function: a function (labels=, logits=) instead of
            `tf.nn.sparse_softmax_cross_entropy_with_logits`.

    Returns:
        A scalar; the loss per step or row if only one dimension is reduced; [batch, time] if none.

    Raises:
        ValueError: a wrong rank, or both an average and a sum along one dimension.
    """
    for what, value, rank in (("Logits", logits, 3), ("Targets", targets, 2),
                              ("Weights", weights, 2)):  # fmt: skip
        if convert_to_tensor(value).type.rank not in (rank, None):
            sizes = "[batch_size x sequence_length x logits]" if rank == 3 else (
                "[batch_size x sequence_length]"
            )  # fmt: skip
            raise ValueError(located(f"{what} must be a {sizes} tensor"))
    for dimension, average, total in (
        ("timesteps", average_across_timesteps, sum_over_timesteps),
        ("batch", average_across_batch, sum_over_batch),
    ):
        if average and total:
            raise ValueError(
                located(
                    f"average_across_{dimension} and sum_over_{dimension} cannot be set to True at "
                    "same time."
                )
            )
    with name_scope(name, "sequence_loss", [logits, targets, weights]):
        scores, labels = convert_to_tensor(logits), convert_to_tensor(targets)
        factors = math_ops.cast(convert_to_tensor(weights), scores.dtype)
        classes = array_ops.shape(scores)[2]
        loss = softmax_loss_function or nn_ops.sparse_softmax_cross_entropy_with_logits
        flat = array_ops.reshape(scores, [-1, classes])
        losses = loss(labels=array_ops.reshape(labels, [-1]), logits=flat)
        losses = array_ops.reshape(losses, array_ops.shape(labels)) * factors
        averaged = [0] * average_across_batch + [1] * average_across_timesteps
        summed = [0] * sum_over_batch + [1] * sum_over_timesteps
        if averaged:  # alone where the other dimension is to be summed, as in TF1
            return math_ops.div_no_nan(reduce_sum(losses, averaged), reduce_sum(factors, averaged))
        if summed:
            count = math_ops.cast(count_nonzero(factors, summed), losses.dtype)
            return math_ops.div_no_nan(reduce_sum(losses, summed), count)
        return losses
