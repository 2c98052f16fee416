"""`tf.contrib.layers`, `tf.contrib.framework` and `tf.contrib.slim`."""

from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.contrib import framework, layers, slim

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype(np.float32)


def names(variables: list[Any]) -> list[str]:
    return [v.name for v in variables]


def initialized(sess: tf.Session) -> tf.Session:
    sess.run(tf.global_variables_initializer())
    return sess


def test_fully_connected(sess: tf.Session) -> None:
    y = layers.fully_connected(
        X, 3, biases_initializer=tf.constant_initializer(0.5),
        variables_collections={"weights": ["w"], "biases": ["b"]}, outputs_collections="out",
    )  # fmt: skip
    assert y.name == "fully_connected/Relu:0" and tf.get_collection("out") == [y]
    weights, biases = tf.trainable_variables()
    assert names([weights, biases]) == ["fully_connected/weights:0", "fully_connected/biases:0"]
    assert tf.get_collection("w") == [weights] and tf.get_collection("b") == [biases]
    assert tf.model_variables() == tf.global_variables() == [weights, biases]
    value, found = initialized(sess).run([weights, y])
    np.testing.assert_allclose(found, np.maximum(X @ value + 0.5, 0), rtol=1e-5, atol=1e-6)
    assert layers.linear(X, 1).name == "fully_connected_1/BiasAdd:0"


def test_fully_connected_shares_and_regularizes() -> None:
    for reuse in (None, True):
        layers.fully_connected(
            X, 3, activation_fn=None, weights_regularizer=layers.l2_regularizer(0.1),
            biases_initializer=None, reuse=reuse, scope="fc",
        )  # fmt: skip
    assert names(tf.global_variables()) == ["fc/weights:0"]
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert loss.name == "fc/kernel/Regularizer/l2_regularizer:0"
    with pytest.raises(ValueError, match="fc/weights already exists"):
        layers.fully_connected(X, 3, scope="fc")


def test_normalizer(sess: tf.Session) -> None:
    y = layers.fully_connected(
        X, 3, normalizer_fn=layers.batch_norm,
        normalizer_params={"is_training": True, "scale": True, "decay": 0.5}, scope="fc",
    )  # fmt: skip
    assert names(tf.global_variables()) == [
        "fc/weights:0", "fc/BatchNorm/gamma:0", "fc/BatchNorm/beta:0",
        "fc/BatchNorm/moving_mean:0", "fc/BatchNorm/moving_variance:0",
    ]  # fmt: skip
    product = X @ initialized(sess).run("fc/weights:0")
    expected = (product - product.mean(0)) / np.sqrt(product.var(0) + 0.001)
    np.testing.assert_allclose(sess.run(y), np.maximum(expected, 0), rtol=1e-4, atol=1e-5)
    sess.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    average = sess.run("fc/BatchNorm/moving_mean:0")
    np.testing.assert_allclose(average, product.mean(0) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("collections", [None, "mine"])
def test_where_updates_go(collections: str | None, sess: tf.Session) -> None:
    y = layers.batch_norm(X, decay=0.0, updates_collections=collections)
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []
    initialized(sess).run(y)
    moved = sess.run("BatchNorm/moving_mean:0")
    np.testing.assert_allclose(moved, X.mean(0) if collections is None else 0 * moved, rtol=1e-5)
    assert len(tf.get_collection("mine")) == (0 if collections is None else 2)


def test_batch_norm_by_channels(sess: tf.Session) -> None:
    images = RNG.normal(2.0, 3.0, size=(3, 2, 4, 5)).astype(np.float32)
    y = layers.batch_norm(
        images, data_format="NCHW", param_initializers={"beta": tf.constant_initializer(1.0)}
    )
    centred = images - images.mean((0, 2, 3), keepdims=True)
    expected = centred / np.sqrt(images.var((0, 2, 3), keepdims=True) + 0.001) + 1
    np.testing.assert_allclose(initialized(sess).run(y), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_layer_norm(axis: int, sess: tf.Session) -> None:
    x = RNG.normal(3.0, 2.0, size=(2, 3, 5)).astype(np.float32)
    y = layers.layer_norm(x, begin_norm_axis=axis)
    axes = tuple(range(axis, 3))
    expected = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    np.testing.assert_allclose(initialized(sess).run(y), expected, rtol=1e-4, atol=1e-5)
    assert names(tf.model_variables()) == ["LayerNorm/beta:0", "LayerNorm/gamma:0"]


def test_small_layers(sess: tf.Session) -> None:
    x = X.reshape(3, 2, 4)
    np.testing.assert_array_equal(sess.run(layers.flatten(x)), X.reshape(3, 8))
    rows = layers.one_hot_encoding(np.array([2, 0]), 3)
    np.testing.assert_array_equal(sess.run(rows), [[0, 0, 1], [1, 0, 0]])
    kept = sess.run(layers.dropout(np.ones((50, 50), np.float32), 0.8, seed=1))
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1.25)} and 0.7 < kept.mean() < 1.3
    np.testing.assert_array_equal(sess.run(layers.dropout(X, is_training=False)), X)
    unit = sess.run(layers.unit_norm(X, 1))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    biased = layers.bias_add(X, tf.nn.relu, tf.constant_initializer(0.25))
    np.testing.assert_allclose(initialized(sess).run(biased), np.maximum(X + 0.25, 0))


def test_convolutions(sess: tf.Session) -> None:
    x = RNG.normal(size=(2, 6, 6, 3)).astype(np.float32)
    with slim.arg_scope([slim.conv2d, slim.conv2d_transpose], activation_fn=None):
        y = slim.conv2d(x, 4, [3, 3], scope="a", weights_regularizer=slim.l2_regularizer(0.1))
        small = slim.conv2d(x, 4, 3, 2, "VALID", biases_initializer=None)
        back = slim.conv2d_transpose(small, 3, 3, 2, "VALID")
    assert slim.conv2d(x, 4, 1).op.type == "Relu" and layers.convolution2d is layers.conv2d
    assert y.shape.as_list() == [2, 6, 6, 4] and back.shape.as_list() == [2, 5, 5, 3]
    assert names(tf.model_variables()) == [
        "a/weights:0", "a/biases:0", "Conv/weights:0", "Conv2d_transpose/weights:0",
        "Conv2d_transpose/biases:0", "Conv_1/weights:0", "Conv_1/biases:0",
    ]  # fmt: skip
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1
    found, weights = initialized(sess).run([small, "Conv/weights:0"])
    expected = np.einsum("bijc,ijcf->bf", x[:, :3, 2:5], weights)
    np.testing.assert_allclose(found[:, 0, 1], expected, rtol=1e-4, atol=1e-5)
    most, mean = sess.run([slim.max_pool2d(x, 2), slim.avg_pool2d(x, [3, 3], 3)])
    np.testing.assert_array_equal(most[:, 1, 0], x[:, 2:4, :2].max((1, 2)))
    np.testing.assert_allclose(mean[:, 1, 0], x[:, 3:, :3].mean((1, 2)), rtol=1e-5, atol=1e-6)
    assert slim.max_pool2d(x, 2).name == "MaxPool2D_1/MaxPool:0"


@pytest.mark.parametrize(
    ("initializer", "deviation", "most"),
    [
        (layers.xavier_initializer(seed=1), np.sqrt(2 / 300), np.sqrt(6 / 300)),
        (layers.xavier_initializer(False, seed=1), np.sqrt(1.3 * 0.774 / 150), 2 * 0.0931),
        (layers.variance_scaling_initializer(seed=1), np.sqrt(2.6 * 0.774 / 100), 2 * 0.1613),
        (layers.variance_scaling_initializer(1.0, "FAN_OUT", True, 1), np.sqrt(1 / 200), 0.1225),
    ],
)
def test_initializers(initializer: Any, deviation: float, most: float, sess: tf.Session) -> None:
    found = initialized(sess).run(initializer([100, 200]))
    assert found.std() == pytest.approx(deviation, rel=0.03)
    assert abs(found.mean()) < 0.01 and 0.9 * most < np.abs(found).max() <= most * 1.001


# --------------------------------------------------------------------------------- optimize_loss


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "Momentum", tf.train.RMSPropOptimizer,
                                       lambda rate: tf.train.AdagradOptimizer(rate)])  # fmt: skip
def test_optimize_loss(optimizer: Any, sess: tf.Session) -> None:
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", initializer=[3.0, -2.0])
    loss = tf.reduce_sum(w * w)
    train = layers.optimize_loss(loss, None, 0.1, optimizer)
    initialized(sess)
    first = sess.run(train)
    assert first == 13 and sess.run(loss) < 13 and sess.run(step) == 1
    assert "OptimizeLoss/learning_rate:0" in names(tf.global_variables())


def test_optimize_loss_shapes_gradients(sess: tf.Session) -> None:
    a, b = (tf.get_variable(n, initializer=v) for n, v in (("a", 3.0), ("b", 4.0)))
    updated = tf.get_variable("updated", initializer=0.0, trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(updated, 1.0))
    train = layers.optimize_loss(
        a * a / 2 + b * b / 2, tf.train.create_global_step(), 1.0, "SGD",
        gradient_multipliers={"b:0": 0.0}, clip_gradients=1.5,
        learning_rate_decay_fn=lambda rate, step: rate * 0.5, increment_global_step=False,
    )  # fmt: skip
    initialized(sess).run(train)
    assert sess.run([a, b, updated, tf.train.get_global_step()]) == [3 - 0.5 * 1.5, 4, 1, 0]


# -------------------------------------------------------------------------------------- arg scopes


def test_arg_scopes() -> None:
    with slim.arg_scope([slim.fully_connected], activation_fn=tf.nn.tanh, biases_initializer=None):
        assert slim.fully_connected(X, 2).op.type == "Tanh"
        with slim.arg_scope([slim.fully_connected, slim.dropout], activation_fn=None) as scope:
            assert slim.fully_connected(X, 2).op.type == "MatMul"
            assert slim.fully_connected(X, 2, activation_fn=tf.nn.relu).op.type == "Relu"
        assert slim.fully_connected(X, 2).op.type == "Tanh"
    assert slim.fully_connected(X, 2).name == "fully_connected_4/Relu:0"
    with slim.arg_scope(scope):
        assert slim.fully_connected(X, 2).op.type == "MatMul"
    assert slim.fully_connected is layers.fully_connected


def test_own_functions_in_arg_scopes() -> None:
    @framework.add_arg_scope
    def scaled(x: float, by: float = 1.0) -> float:
        """Docs stay."""
        return x * by

    with framework.arg_scope([scaled], by=3.0):
        assert scaled(2.0) == 6.0 and scaled(2.0, by=1.0) == 2.0
    assert scaled(2.0) == 2.0 and scaled.__doc__ == "Docs stay."
    assert framework.has_arg_scope(scaled) and not framework.has_arg_scope(len)


def test_finding_variables() -> None:
    layers.fully_connected(X, 2, scope="a")
    framework.variable("plain", [2])
    assert names(framework.get_variables("a")) == ["a/weights:0", "a/biases:0"]
    assert names(framework.get_variables(suffix="weights")) == ["a/weights:0"]
    assert names(framework.get_model_variables()) == ["a/weights:0", "a/biases:0"]
    assert len(framework.get_trainable_variables()) == 3


def test_old_losses(sess: tf.Session) -> None:
    loss = tf.contrib.losses.mean_squared_error(X, np.zeros_like(X))
    assert sess.run(loss) == pytest.approx((X**2).mean(), rel=1e-6)
    assert tf.contrib.losses.get_losses() == [loss]


# ------------------------------------------------------------------------------------------ misuse


def test_misuse() -> None:
    loss = tf.reduce_sum(tf.get_variable("w", [2]))
    for make, error, message in (
        (lambda: layers.fully_connected(X, 2.5), ValueError, "num_outputs type should be int"),
        (lambda: layers.batch_norm(X, data_format="CN"), ValueError, "data_format has to be"),
        (lambda: layers.batch_norm(X, batch_weights=1), NotImplementedError, "not supported"),
        (lambda: layers.conv2d(X, 2, 3, data_format="CN"), ValueError, "data_format has to be"),
        (lambda: layers.layer_norm(X, begin_norm_axis=2), ValueError, "must be < rank"),
        (lambda: layers.layer_norm(tf.placeholder(tf.float32)), ValueError, "undefined rank"),
        (lambda: layers.flatten(np.ones(3)), ValueError, "least 2 dimensions"),
        (lambda: layers.unit_norm(X, 2), ValueError, "smaller than the input rank"),
        (lambda: layers.variance_scaling_initializer(mode="FAN"), TypeError, "Unknown mode FAN"),
        (lambda: layers.xavier_initializer(dtype=tf.int32), TypeError, "non-floating"),
        (lambda: layers.optimize_loss(loss, None, -1.0, "SGD"), ValueError, "Invalid learning_r"),
        (lambda: layers.optimize_loss(loss, None, 1, "SGD"), ValueError, "0d Tensor or float"),
        (lambda: layers.optimize_loss(loss, None, 0.1, "Best"), ValueError, "should be one of"),
        (lambda: layers.optimize_loss(loss, None, 0.1, 3), ValueError, "Unrecognized optimizer"),
        (lambda: layers.optimize_loss(loss, None, 0.1, "SGD", clip_gradients="x"), ValueError,
         "Unknown type"),
        (lambda: layers.optimize_loss(loss, None, 0.1, "SGD", summaries=["loss"]),
         NotImplementedError, "summaries"),
        (lambda: framework.arg_scope([len], x=1).__enter__(), ValueError, "not decorated"),
        (lambda: framework.arg_scope({}, x=1).__enter__(), ValueError, "must be empty"),
        (lambda: framework.arg_scope(len).__enter__(), TypeError, "list/tuple or reused"),
    ):  # fmt: skip
        with pytest.raises(error, match=f"{message}.*test_contrib"):
            make()
