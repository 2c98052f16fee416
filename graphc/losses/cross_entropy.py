"""Cross entropies of logits as losses, with weights and label smoothing."""

from __future__ import annotations

from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir.graph import Tensor
from graphc.losses.reduction import Reduction, compute_weighted_loss
from graphc.losses.regression import require_given, require_same_shape
from graphc.ops import generated, nn_impl, nn_ops
from graphc.ops.math_ops import cast
from graphc.ops.weights_broadcast_ops import remove_squeezable_dimensions, without_last

_MEAN = Reduction.SUM_BY_NONZERO_WEIGHTS


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """`tf.nn.sigmoid_cross_entropy_with_logits`, weighted and reduced.

    Args:
        multi_class_labels: of the shape of `logits`, in [0, 1].
        label_smoothing: s > 0 takes labels (1 - s) + s / 2.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """
    require_given("multi_class_labels", multi_class_labels)
    require_given("logits", logits)
    inputs = [logits, multi_class_labels, weights]
    with name_scope(scope, "sigmoid_cross_entropy_loss", inputs) as inner:
        x = convert_to_tensor(logits, name="logits")
        labels = cast(convert_to_tensor(multi_class_labels, name="labels"), x.dtype)
        require_same_shape(x, labels)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = nn_impl.sigmoid_cross_entropy_with_logits(labels=labels, logits=x, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """`tf.nn.softmax_cross_entropy_with_logits_v2`, weighted and reduced; labels get no gradient.

    Args:
        onehot_labels: probabilities of the shape of `logits`, classes last.
        weights: a scalar, or one per row.
        label_smoothing: s > 0 takes labels (1 - s) + s / number of classes.

    Raises:
        ValueError: an operand is None, or the shapes differ.
    """
    require_given("onehot_labels", onehot_labels)
    require_given("logits", logits)
    inputs = [logits, onehot_labels, weights]
    with name_scope(scope, "softmax_cross_entropy_loss", inputs) as inner:
        x = convert_to_tensor(logits, name="logits")
        labels = cast(convert_to_tensor(onehot_labels, name="onehot_labels"), x.dtype)
        require_same_shape(x, labels)
        if label_smoothing > 0:
            classes = cast(apply("Shape", labels)[-1], x.dtype)
            labels = labels * (1.0 - label_smoothing) + label_smoothing / classes
        fixed = generated.stop_gradient(labels, name="labels_stop_gradient")
        losses = nn_ops.softmax_cross_entropy_with_logits_v2(fixed, x, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`, weighted and reduced.

    Args:
        labels: class numbers, [...] or [..., 1] for logits [..., classes].
        weights: a scalar, or one per row.

    Raises:
        ValueError: an operand is None, or the ranks do not fit; InvalidArgumentError (in the run):
            a label is out of range.
    """
    require_given("labels", labels)
    require_given("logits", logits)
    inputs = [logits, labels, weights]
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", inputs) as inner:
        y, x = remove_squeezable_dimensions(labels, logits, expected_rank_diff=1)
        factors = without_last(convert_to_tensor(weights), y.shape.ndims)
        losses = nn_ops.sparse_softmax_cross_entropy_with_logits(
            labels=y, logits=x, name="xentropy"
        )
        return compute_weighted_loss(losses, factors, inner, loss_collection, reduction)
