"""`tf.nn` against NumPy, and the errors that old spellings get."""

from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def bits_loss(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) - x * z + np.log1p(np.exp(-np.abs(x)))


SELU = 1.0507009873554805
Z = RNG.uniform(size=X.shape)
FUNCTIONS: dict[str, tuple[Any, np.ndarray]] = {
    "relu": (lambda: nn.relu(X), np.maximum(X, 0)),
    "relu6": (lambda: nn.relu6(X * 9), np.clip(X * 9, 0, 6)),
    "elu": (lambda: nn.elu(X), np.where(X < 0, np.expm1(X), X)),
    "selu": (lambda: nn.selu(X), SELU * np.where(X < 0, 1.6732632423543772 * np.expm1(X), X)),
    "leaky_relu": (lambda: nn.leaky_relu(X, 0.1), np.where(X < 0, 0.1 * X, X)),
    "leaky_relu tensor": (lambda: nn.leaky_relu(X, tf.constant(0.1, tf.float64)),
                          np.where(X < 0, 0.1 * X, X)),
    "softplus": (lambda: nn.softplus(X), np.log1p(np.exp(X))),
    "softsign": (lambda: nn.softsign(X), X / (1 + np.abs(X))),
    "swish": (lambda: nn.swish(X), X / (1 + np.exp(-X))),
    "crelu": (lambda: nn.crelu(X), np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)], -1)),
    "softmax": (lambda: nn.softmax(X), softmax(X)),
    "softmax dim": (lambda: nn.softmax(X, dim=0), softmax(X, 0)),
    "log_softmax": (lambda: nn.log_softmax(X, axis=0), np.log(softmax(X, 0))),
    "bias_add": (lambda: nn.bias_add(X, [1.0, 2.0, 3.0]), X + [1, 2, 3]),
    "xw_plus_b": (lambda: nn.xw_plus_b(X, X.T, [1.0, 2.0, 3.0, 4.0]), X @ X.T + [1, 2, 3, 4]),
    "relu_layer": (lambda: nn.relu_layer(X, X.T, np.ones(4)), np.maximum(X @ X.T + 1, 0)),
    "cross entropy": (
        lambda: nn.softmax_cross_entropy_with_logits(labels=Z, logits=X),
        -(Z * np.log(softmax(X))).sum(-1),
    ),
    "cross entropy of rank 3": (
        lambda: nn.softmax_cross_entropy_with_logits_v2(Z.reshape(2, 2, 3), X.reshape(2, 2, 3)),
        -(Z * np.log(softmax(X))).sum(-1).reshape(2, 2),
    ),
    "cross entropy along axis 0": (
        lambda: nn.softmax_cross_entropy_with_logits_v2(Z, X, axis=0),
        -(Z * np.log(softmax(X, 0))).sum(0),
    ),
    "sparse cross entropy": (
        lambda: nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2, 1, 2], logits=X),
        -np.log(softmax(X))[range(4), [0, 2, 1, 2]],
    ),
    "sparse cross entropy of rank 3": (
        lambda: nn.sparse_softmax_cross_entropy_with_logits(
            labels=[[0, 2], [1, 2]], logits=X.reshape(2, 2, 3)
        ),
        -np.log(softmax(X))[range(4), [0, 2, 1, 2]].reshape(2, 2),
    ),
    "sigmoid cross entropy": (
        lambda: nn.sigmoid_cross_entropy_with_logits(labels=Z, logits=X * 50), bits_loss(X * 50, Z),
    ),
    "weighted cross entropy": (
        lambda: nn.weighted_cross_entropy_with_logits(Z, X, 3.0),
        3 * Z * np.log1p(np.exp(-X)) + (1 - Z) * np.log1p(np.exp(X)),
    ),
    "poisson": (lambda: nn.log_poisson_loss(Z * 5, X), np.exp(X) - X * Z * 5),
    "l2_loss": (lambda: nn.l2_loss(X), (X**2).sum() / 2),
    "l2_normalize": (lambda: nn.l2_normalize(X, 1),
                     X / np.sqrt((X**2).sum(1, keepdims=True))),
    "mean": (lambda: nn.moments(X, [0])[0], X.mean(0)),
    "variance": (lambda: nn.moments(X, [0, 1], keep_dims=True)[1], X.var(keepdims=True)),
    "weighted variance": (lambda: nn.weighted_moments(X, [0], np.ones((4, 1)))[1], X.var(0)),
    "normalized": (
        lambda: nn.normalize_moments(*nn.sufficient_statistics(X, [0], shift=0.5))[1], X.var(0),
    ),
    "batch_normalization": (
        lambda: nn.batch_normalization(X, X.mean(0), X.var(0), np.ones(3), np.full(3, 2.0), 0.01),
        (X - X.mean(0)) / np.sqrt(X.var(0) + 0.01) * 2 + 1,
    ),
    "batch_normalization plain": (
        lambda: nn.batch_normalization(X, X.mean(0), X.var(0), None, None, 0.01),
        (X - X.mean(0)) / np.sqrt(X.var(0) + 0.01),
    ),
    "zero_fraction": (lambda: nn.zero_fraction(np.array([0.0, 1.0, 0.0, 0.0])), np.float32(0.75)),
    "embedding": (lambda: nn.embedding_lookup(X, [[3, 0]]), X[[[3, 0]]]),
    "embedding in parts": (
        lambda: nn.embedding_lookup([X[::2], X[1::2]], [3, 0, 1]), X[[3, 0, 1]],
    ),
    "embedding in rows": (
        lambda: nn.embedding_lookup([X[:3], X[3:]], [3, 0, 1], "div"), X[[3, 0, 1]],
    ),
    "embedding with a norm": (
        lambda: nn.embedding_lookup(X, [3], max_norm=0.1),
        X[[3]] * 0.1 / np.sqrt((X[3] ** 2).sum()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS)
def test_values(case: str, sess: tf.Session) -> None:
    make, expected = FUNCTIONS[case]
    tensor = make()
    found = sess.run(tensor)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_nan_goes_through(sess: tf.Session) -> None:
    x = np.array([np.nan, 1.0])
    for function in (nn.relu, nn.relu6, nn.elu, nn.selu, nn.leaky_relu, nn.softplus, nn.softsign):
        found = sess.run(function(x))
        assert np.isnan(found[0]), function
        assert not np.isnan(found[1]), function


def test_infinite_logits_of_other_classes_do_not_matter(sess: tf.Session) -> None:
    x = tf.constant([[0.0, -np.inf, 0.0]])
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=[2], logits=x)
    gradient = tf.gradients(loss, x)[0]
    np.testing.assert_allclose(sess.run(loss), [np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(sess.run(gradient), [[0.5, 0.0, -0.5]], rtol=1e-6)


@pytest.mark.parametrize("label", [3, -1])
def test_labels_out_of_range(label: int, sess: tf.Session) -> None:
    x = tf.constant(X)
    labels = tf.placeholder(tf.int32, [None])
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)
    for fetch in (loss, tf.gradients(loss, x)[0]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=str(label)):
            sess.run(fetch, {labels: [0, 1, 2, label]})


def test_gradient_at_zero_logits(sess: tf.Session) -> None:
    x = tf.constant(0.0)
    loss = nn.sigmoid_cross_entropy_with_logits(labels=tf.constant(0.2), logits=x)
    assert sess.run(tf.gradients(loss, x)[0]) == pytest.approx(0.3)


def test_labels_get_gradients_in_the_second_version_only() -> None:
    x, z = tf.constant(X), tf.constant(Z)
    assert tf.gradients(nn.softmax_cross_entropy_with_logits(labels=z, logits=x), z) == [None]
    second = nn.softmax_cross_entropy_with_logits_v2(labels=z, logits=x)
    assert tf.gradients(second, z) != [None]


def test_in_top_k(sess: tf.Session) -> None:
    values = tf.constant([[1.0, 3.0, 2.0], [1.0, 1.0, 1.0], [1.0, np.inf, 0.0]])
    assert sess.run(nn.in_top_k(values, [2, 0, 0], 1)).tolist() == [False, True, False]
    assert sess.run(nn.in_top_k(values, [2, 7, 0], 2)).tolist() == [True, False, False]


# ----------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("arguments", [{"keep_prob": 0.75}, {"rate": 0.25}])
def test_dropout(arguments: dict[str, float], sess: tf.Session) -> None:
    x = tf.ones([200, 100])
    y = nn.dropout(x, **arguments)
    assert y.shape.as_list() == [200, 100]
    found, gradient = sess.run([y, tf.gradients(y, x)[0]])
    np.testing.assert_allclose(np.unique(found), [0, 4 / 3], rtol=1e-6)
    assert found.mean() == pytest.approx(1.0, abs=0.03)
    np.testing.assert_array_equal(found, gradient)
    assert not np.array_equal(found, sess.run(y))


def test_dropout_of_rows_and_by_a_fed_probability(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 5])
    keep = tf.placeholder(tf.float32)
    y = nn.dropout(x, keep, noise_shape=[None, 1])
    found = sess.run(y, {x: np.ones((50, 5)), keep: 0.5})
    assert set(found.sum(1)) == {0.0, 10.0}
    assert np.array_equal(sess.run(y, {x: np.ones((50, 5)), keep: 1.0}), np.ones((50, 5)))


def test_dropout_errors() -> None:
    x = tf.ones([2])
    assert nn.dropout(x, 1.0) is x
    for arguments, message in (
        ({}, "must provide a rate"),
        ({"keep_prob": 0.5, "rate": 0.5}, "Cannot specify both"),
        ({"keep_prob": 0.0}, "in the range"),
        ({"rate": -0.1}, "in the range"),
        ({"keep_prob": "half"}, "keep_prob must be"),
    ):
        with pytest.raises(ValueError, match=message):
            nn.dropout(x, **arguments)
    with pytest.raises(ValueError, match="floating point tensor"):
        nn.dropout(tf.constant([1]), 0.5)


# ------------------------------------------------------------------------------------------ errors


def test_positional_cross_entropies_are_refused() -> None:
    for function in (
        nn.softmax_cross_entropy_with_logits,
        nn.sparse_softmax_cross_entropy_with_logits,
        nn.sigmoid_cross_entropy_with_logits,
    ):
        with pytest.raises(ValueError, match="with named arguments"):
            function(X, Z)
        with pytest.raises(ValueError, match="Both labels and logits"):
            function(labels=Z)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="Rank mismatch"):
        nn.sparse_softmax_cross_entropy_with_logits(labels=[[0]], logits=X)
    with pytest.raises(ValueError, match="must have the same shape"):
        nn.sigmoid_cross_entropy_with_logits(labels=Z[:2], logits=X)
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
        nn.softmax(X, axis=2)
    with pytest.raises(ValueError, match="sizes of the bias"):
        nn.bias_add(X, [1.0])
    with pytest.raises(ValueError, match="data_format"):
        nn.bias_add(X, [1.0, 2.0, 3.0], data_format="CN")
    with pytest.raises(ValueError, match="at least one param"):
        nn.embedding_lookup([], [1])


def test_names() -> None:
    assert nn.relu(X).op.name == "Relu"
    assert nn.relu(X).op.name == "Relu_1"
    assert nn.softmax(X, name="prediction").op.name == "prediction"
    assert nn.bias_add(X, [1.0, 2.0, 3.0]).op.name == "BiasAdd"
    assert nn.leaky_relu(X).op.name == "LeakyRelu"
    assert nn.dropout(tf.ones([2]), 0.5).op.name.startswith("dropout/")
    assert nn.sigmoid_cross_entropy_with_logits(labels=Z, logits=X).op.name == "logistic_loss"
