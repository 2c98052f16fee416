"""`tf.contrib.layers` regularizers."""

import numpy as np
import pytest

import graphc as tf
from graphc.contrib import layers

W = np.array([[1.0, -2.0], [3.0, 0.0]])


@pytest.mark.parametrize(
    ("regularizer", "expected", "name"),
    [
        (layers.l1_regularizer(0.5), 3.0, "l1_regularizer:0"),
        (layers.l2_regularizer(0.5), 3.5, "l2_regularizer:0"),
        (layers.l2_regularizer(0.5, "own"), 3.5, "own:0"),
        (layers.l1_l2_regularizer(0.5, 0.5), 6.5, "l1_l2_regularizer:0"),
        (layers.l1_l2_regularizer(0.0, 0.5), 3.5, "l1_l2_regularizer:0"),
        (layers.l1_l2_regularizer(0.5, 0.0), 3.0, "l1_l2_regularizer:0"),
        (layers.sum_regularizer([layers.l1_regularizer(1.0), None]), 6.0, "sum_regularizer:0"),
    ],
)
def test_values(regularizer, expected: float, name: str, sess: tf.Session) -> None:
    loss = regularizer(tf.constant(W))
    assert sess.run(loss) == pytest.approx(expected) and loss.name == name


def test_nothing_to_add() -> None:
    assert layers.l1_regularizer(0.0)(W) is None and layers.l2_regularizer(0.0)(W) is None
    assert layers.sum_regularizer([None]) is None
    both = layers.sum_regularizer([layers.l1_regularizer(0.0)])
    assert both is not None and both(tf.constant(W)) is None


def test_apply_regularization(sess: tf.Session) -> None:
    total = layers.apply_regularization(layers.l2_regularizer(1.0), [tf.constant(W)] * 2)
    assert sess.run(total) == pytest.approx(14.0)
    assert tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == [total]


def test_misuse() -> None:
    with pytest.raises(ValueError, match=r"scale cannot be an integer: 1 \(.*test_regularizers"):
        layers.l2_regularizer(1)
    with pytest.raises(ValueError, match=r"less than 0 on a regularizer: -0\.5"):
        layers.l1_regularizer(-0.5)
    with pytest.raises(ValueError, match="scale_l2 cannot be an integer: 2"):
        layers.l1_l2_regularizer(0.1, 2)
    with pytest.raises(ValueError, match="No weights to regularize"):
        layers.apply_regularization(layers.l2_regularizer(0.1))
    with pytest.raises(ValueError, match="Tensor with rank 2"):
        layers.apply_regularization(lambda w: w, [tf.constant(W)])
