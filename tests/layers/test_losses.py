"""`tf.losses` against NumPy; names, collections, reductions, and what misuse is told."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4)).astype(np.float32)
Y = RNG.normal(size=(3, 4)).astype(np.float32)
BITS = (Y > 0).astype(np.float32)
PROBABILITY = 1 / (1 + np.exp(-X))
CLASSES = np.array([0, 3, 1])
ONE_HOT = np.eye(4, dtype=np.float32)[CLASSES]
ROW_WEIGHTS = np.array([[1.0], [0.0], [2.0]], np.float32)
D = np.abs(X - Y)


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def bits_loss(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x)) - x * z


# The losses of the elements, and the function with all but weights and reduction.
ELEMENTS: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "absolute_difference": (lambda **k: tf.losses.absolute_difference(Y, X, **k), D),
    "mean_squared_error": (lambda **k: tf.losses.mean_squared_error(Y, X, **k), D**2),
    "huber_loss": (
        lambda **k: tf.losses.huber_loss(Y, X, delta=0.5, **k),
        np.where(D <= 0.5, D**2 / 2, 0.5 * D - 0.125),
    ),
    "log_loss": (
        lambda **k: tf.losses.log_loss(BITS, PROBABILITY, **k),
        -BITS * np.log(PROBABILITY + 1e-7) - (1 - BITS) * np.log(1 - PROBABILITY + 1e-7),
    ),
    "hinge_loss": (
        lambda **k: tf.losses.hinge_loss(BITS, X, **k), np.maximum(0, 1 - (2 * BITS - 1) * X),
    ),
    "cosine_distance_loss": (
        lambda **k: tf.losses.cosine_distance(Y, X, axis=1, **k),
        1 - (X * Y).sum(1, keepdims=True),
    ),
    "sigmoid_cross_entropy_loss": (
        lambda **k: tf.losses.sigmoid_cross_entropy(BITS, X, label_smoothing=0.2, **k),
        bits_loss(X, BITS * 0.8 + 0.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("weights", [1.0, 2.5, ROW_WEIGHTS], ids=["one", "number", "rows"])
def test_mean_over_what_counts(name: str, weights: Any, sess: tf.Session) -> None:
    function, elements = ELEMENTS[name]
    loss = function(weights=weights)
    weighted = elements * weights
    count = np.broadcast_to(weights, elements.shape).astype(bool).sum()
    assert sess.run(loss) == pytest.approx(weighted.sum() / count, rel=1e-5)
    assert loss.name == f"{name}/value:0" and tf.losses.get_losses() == [loss]
    assert tf.losses.get_losses(scope=name) == [loss]


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("NONE", D * ROW_WEIGHTS),
        ("SUM", (D * ROW_WEIGHTS).sum()),
        ("MEAN", (D * ROW_WEIGHTS).sum() / 12),
        ("SUM_OVER_BATCH_SIZE", (D * ROW_WEIGHTS).mean()),
        ("SUM_BY_NONZERO_WEIGHTS", (D * ROW_WEIGHTS).sum() / 8),
        ("SUM_OVER_NONZERO_WEIGHTS", (D * ROW_WEIGHTS).sum() / 8),
    ],
)
def test_reductions(reduction: str, expected: Any, sess: tf.Session) -> None:
    key = getattr(tf.losses.Reduction, reduction)
    loss = tf.losses.absolute_difference(Y, X, ROW_WEIGHTS, reduction=key)
    np.testing.assert_allclose(sess.run(loss), expected, rtol=1e-5)


def test_nothing_counts(sess: tf.Session) -> None:
    for reduction in tf.losses.Reduction.all()[1:]:
        loss = tf.losses.mean_squared_error(Y, X, 0.0, reduction=reduction)
        assert sess.run(loss) == 0


def test_softmax_cross_entropies(sess: tf.Session) -> None:
    weights = ROW_WEIGHTS[:, 0]
    smooth = ONE_HOT * 0.8 + 0.05
    dense = tf.losses.softmax_cross_entropy(ONE_HOT, X, weights, label_smoothing=0.2)
    expected = (-(smooth * log_softmax(X)).sum(1) * weights).sum() / 2
    assert sess.run(dense) == pytest.approx(expected, rel=1e-5)
    assert dense.name == "softmax_cross_entropy_loss/value:0"
    picked = -log_softmax(X)[range(3), CLASSES]
    expected = (picked * weights).sum() / 2
    for labels, w in ((CLASSES, weights), (CLASSES[:, None], ROW_WEIGHTS)):
        sparse = tf.losses.sparse_softmax_cross_entropy(labels, X, w)
        assert sess.run(sparse) == pytest.approx(expected, rel=1e-5)


def test_mean_pairwise_squared_error(sess: tf.Session) -> None:
    loss = tf.losses.mean_pairwise_squared_error(Y, X, ROW_WEIGHTS)
    difference = (X - Y).astype(np.float64)
    pairs = (difference[:, :, None] - difference[:, None]) ** 2
    expected = (pairs.sum((1, 2)) / (4 * 3) * ROW_WEIGHTS[:, 0]).sum() * 2 / 2
    assert sess.run(loss) == pytest.approx(expected, rel=1e-4)
    assert sess.run(tf.losses.mean_pairwise_squared_error(Y, X, 0.0)) == 0


def test_gradient_of_a_weighted_loss(sess: tf.Session) -> None:
    x = tf.constant(X)
    loss = tf.losses.mean_squared_error(Y, x, ROW_WEIGHTS)
    (found,) = sess.run(tf.gradients(loss, x))
    np.testing.assert_allclose(found, 2 * (X - Y) * ROW_WEIGHTS / 8, rtol=1e-5, atol=1e-7)


def test_dtypes(sess: tf.Session) -> None:
    exact = tf.losses.mean_squared_error(Y.astype(np.float64), X.astype(np.float64))
    assert exact.dtype is tf.float64
    expected = ((Y.astype(np.float64) - X) ** 2).mean()
    assert sess.run(exact) == pytest.approx(expected, rel=1e-12)
    whole = tf.losses.absolute_difference([1, 2], [4, 6])
    assert whole.dtype is tf.float32 and sess.run(whole) == 3.5


def test_sizes_known_in_the_run(sess: tf.Session) -> None:
    x, w = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 1])
    loss = tf.losses.absolute_difference(tf.zeros_like(x), x, w)
    assert sess.run(loss, {x: -X, w: ROW_WEIGHTS}) == pytest.approx(
        (np.abs(X) * ROW_WEIGHTS).sum() / 8, rel=1e-5
    )
    assert sess.run(loss, {x: X[:2], w: [[2.0]]}) == pytest.approx(2 * np.abs(X[:2]).mean())
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        sess.run(loss, {x: X[:1], w: ROW_WEIGHTS})


def test_totals(sess: tf.Session) -> None:
    assert sess.run(tf.losses.get_regularization_loss()) == 0
    with pytest.raises(ValueError, match="there are no losses"):
        tf.losses.get_total_loss()
    first = tf.losses.absolute_difference([0.0], [1.0])
    with tf.name_scope("other"):
        tf.losses.add_loss(tf.constant(2.0))
        tf.losses.absolute_difference([0.0], [9.0], loss_collection=None)
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.constant(4.0))
    assert len(tf.losses.get_losses()) == 2 and tf.losses.get_losses()[0] is first
    total = tf.losses.get_total_loss()
    assert total.name == "total_loss:0" and sess.run(total) == 7
    assert sess.run(tf.losses.get_total_loss(add_regularization_losses=False)) == 3
    assert sess.run(tf.losses.get_total_loss(False, scope="other")) == 2
    assert sess.run(tf.losses.get_regularization_loss()) == 4


def test_misuse() -> None:
    losses = tf.losses
    for make, message in (
        (lambda: losses.mean_squared_error(Y, X[:2]), r"Shapes \(2, 4\) and \(3, 4\) are incomp"),
        (lambda: losses.mean_squared_error(None, X), "labels must not be None"),
        (lambda: losses.hinge_loss(BITS, None), "logits must not be None"),
        (lambda: losses.softmax_cross_entropy(None, X), "onehot_labels must not be None"),
        (lambda: losses.mean_squared_error(Y, X, ROW_WEIGHTS[:2]), "Mismatch at dim 0"),
        (lambda: losses.mean_squared_error(Y, X, ROW_WEIGHTS[:, 0]), r"values.rank=2\. weights"),
        (lambda: losses.mean_squared_error(Y, X, reduction="mean"), "Invalid Reduction Key: mean"),
        (lambda: losses.cosine_distance(Y, X), "You must specify 'axis'"),
        (lambda: losses.cosine_distance(Y, X, axis=1, dim=1), "both 'axis' and 'dim'"),
        (lambda: losses.sigmoid_cross_entropy(BITS[:2], X), "are incompatible"),
        (lambda: losses.sparse_softmax_cross_entropy(ONE_HOT, X), "Rank mismatch"),
        (lambda: losses.mean_pairwise_squared_error(
            tf.placeholder(tf.float32), tf.placeholder(tf.float32)), "rank of .* must be known"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{message}.*test_losses"):
            make()
