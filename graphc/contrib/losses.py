"""`tf.contrib.losses`: the losses before `tf.losses`, which put predictions before labels."""

from __future__ import annotations

from typing import Any

from graphc.ir.graph import Tensor
from graphc.losses import absolute_difference as _absolute_difference
from graphc.losses import add_loss as add_loss
from graphc.losses import get_losses as get_losses
from graphc.losses import get_regularization_losses as get_regularization_losses
from graphc.losses import get_total_loss as get_total_loss
from graphc.losses import mean_squared_error as _mean_squared_error
from graphc.losses import sigmoid_cross_entropy as _sigmoid_cross_entropy
from graphc.losses import softmax_cross_entropy as _softmax_cross_entropy
from graphc.losses import sparse_softmax_cross_entropy as _sparse_softmax_cross_entropy


def absolute_difference(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """`tf.losses.absolute_difference`."""
    return _absolute_difference(labels, predictions, weights, scope)


def mean_squared_error(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """`tf.losses.mean_squared_error`."""
    return _mean_squared_error(labels, predictions, weights, scope)


def sigmoid_cross_entropy(
    logits: Any,
    multi_class_labels: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
) -> Tensor:
    """`tf.losses.sigmoid_cross_entropy`."""
    return _sigmoid_cross_entropy(multi_class_labels, logits, weights, label_smoothing, scope)


def softmax_cross_entropy(
    logits: Any,
    onehot_labels: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
) -> Tensor:
    """`tf.losses.softmax_cross_entropy`."""
    return _softmax_cross_entropy(onehot_labels, logits, weights, label_smoothing, scope)


def sparse_softmax_cross_entropy(
    logits: Any, labels: Any, weights: Any = 1.0, scope: str | None = None
) -> Tensor:
    """`tf.losses.sparse_softmax_cross_entropy`."""
    return _sparse_softmax_cross_entropy(labels, logits, weights, scope)
