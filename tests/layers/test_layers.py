"""`tf.layers`: values, names, sharing, collections, and what misuse is told."""

from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.layers.naming import snake_case

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype(np.float32)


def names(variables: list[Any]) -> list[str]:
    return [v.name for v in variables]


def initialized(sess: tf.Session) -> tf.Session:
    sess.run(tf.global_variables_initializer())
    return sess


# ------------------------------------------------------------------------------------------ values


def test_dense_values(sess: tf.Session) -> None:
    layer = tf.layers.Dense(
        2, tf.nn.relu, bias_initializer=tf.constant_initializer([0.5, -0.25]), name="d"
    )
    y = layer(X)
    kernel, found = initialized(sess).run([layer.kernel, y])
    np.testing.assert_allclose(found, np.maximum(X @ kernel + [0.5, -0.25], 0), rtol=1e-6)
    assert y.shape.as_list() == [4, 2]


def test_dense_multiplies_along_the_last_dimension(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float64, [None, 5, 3])
    layer = tf.layers.Dense(2, use_bias=False)
    y = layer(x)
    assert y.shape.as_list() == [None, 5, 2] and layer.dtype is tf.float64
    value = RNG.normal(size=(2, 5, 3))
    kernel, found = initialized(sess).run([layer.kernel, y], {x: value})
    np.testing.assert_allclose(found, value @ kernel, rtol=1e-12)


def test_dropout_while_training(sess: tf.Session) -> None:
    training = tf.placeholder(tf.bool, [])
    ones = np.ones((100, 50), np.float32)
    y = tf.layers.dropout(ones, rate=0.25, seed=3, training=training)
    found = sess.run(y, {training: True})
    assert set(np.unique(found)) == {np.float32(0), np.float32(1 / 0.75)}
    assert 0.2 < (found == 0).mean() < 0.3
    np.testing.assert_array_equal(sess.run(y, {training: False}), ones)


def test_dropout_with_a_bool_has_one_branch() -> None:
    tf.layers.dropout(X, training=False)
    types = {op.type for op in tf.get_default_graph().get_operations()}
    assert "RandomUniform" not in types and "SelectV2" not in types
    tf.layers.dropout(X, training=tf.constant(True))
    types = {op.type for op in tf.get_default_graph().get_operations()}
    assert "RandomUniform" in types and "SelectV2" not in types


def test_dropout_gradient_is_its_mask(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.layers.dropout(x, 0.5, noise_shape=[None, 1], seed=1, training=True)
    (gradient,) = tf.gradients(y, x)
    value, slope = sess.run([y, gradient], {x: np.ones((64, 3))})
    np.testing.assert_array_equal(value, slope)
    assert (value == value[:, :1]).all() and len(np.unique(value)) == 2


def test_flatten(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2, 3])
    value = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    y = tf.layers.flatten(x)
    assert y.shape.as_list() == [None, 6]
    np.testing.assert_array_equal(sess.run(y, {x: value}), value.reshape(2, 6))
    moved = tf.layers.flatten(x, data_format="channels_first")
    np.testing.assert_array_equal(
        sess.run(moved, {x: value}), value.transpose(0, 2, 1).reshape(2, 6)
    )
    unknown = tf.placeholder(tf.float32, [2, None, 3])
    z = tf.layers.flatten(unknown)
    assert z.shape.as_list() == [2, None]
    assert sess.run(z, {unknown: value}).shape == (2, 6)
    row = tf.layers.flatten(np.ones(3, np.float32))
    assert row.shape.as_list() == [3, 1]


# ----------------------------------------------------------------------------------- names, sharing


def test_names_are_those_of_tf1() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    first = tf.layers.dense(x, 2, tf.nn.relu)
    tf.layers.dense(x, 2, use_bias=False)
    with tf.variable_scope("model"):
        tf.layers.dense(x, 2)
        last = tf.layers.dense(x, 2, name="out")
    assert names(tf.trainable_variables()) == [
        "dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "model/dense/kernel:0",
        "model/dense/bias:0", "model/out/kernel:0", "model/out/bias:0",
    ]  # fmt: skip
    assert first.name == "dense/Relu:0" and last.name == "model/out/BiasAdd:0"
    assert tf.layers.dropout(x, training=True).name == "dropout/dropout/mul_1:0"


def test_an_object_shares_its_variables() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    layer = tf.layers.Dense(2, name="shared")
    first, second = layer(x), layer(2.0 * x)
    assert names(tf.global_variables()) == ["shared/kernel:0", "shared/bias:0"]
    assert (first.name, second.name) == ("shared/BiasAdd:0", "shared/BiasAdd_1:0")
    assert layer.scope_name == "shared" and layer.built and layer.graph is x.graph
    assert layer.variables == layer.trainable_weights == [layer.kernel, layer.bias]
    assert layer.count_params() == 8


def test_objects_of_one_name_do_not_share() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    layers = [tf.layers.Dense(2, name="same"), tf.layers.Dense(2, name="same")]
    for layer in layers:
        layer(x)
    assert [layer.scope_name for layer in layers] == ["same", "same_1"]
    assert tf.layers.Dense(1).name == "dense" and tf.layers.Dense(1).name == "dense_1"


def test_reuse() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    tf.layers.dense(x, 2, name="a")
    again = tf.layers.dense(x, 2, name="a", reuse=True)
    assert again.name == "a_1/BiasAdd:0" and len(tf.global_variables()) == 2
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        for _ in range(2):
            tf.layers.dense(x, 2, name="b")
    with tf.variable_scope("s") as scope:
        scope.reuse_variables()
        tf.layers.dense(x, 2, name="b")
    tf.layers.dense(x, 2, name="c", reuse=tf.AUTO_REUSE)
    assert names(tf.global_variables())[2:] == ["s/b/kernel:0", "s/b/bias:0", "c/kernel:0",
                                                "c/bias:0"]  # fmt: skip


def test_reuse_errors() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    tf.layers.dense(x, 2, name="a")
    with pytest.raises(ValueError, match="Variable a/kernel already exists, disallowed"):
        tf.layers.dense(x, 2, name="a")
    with pytest.raises(ValueError, match="Variable new/kernel does not exist"):
        tf.layers.dense(x, 2, name="new", reuse=True)
    with pytest.raises(ValueError, match="Trying to share variable a/kernel, but specified shape"):
        tf.layers.dense(x, 4, name="a", reuse=True)


def test_scope_defaults_reach_layers(sess: tf.Session) -> None:
    with tf.variable_scope(
        "s",
        initializer=tf.constant_initializer(2.0),
        regularizer=tf.contrib.layers.l2_regularizer(0.5),
    ):
        tf.layers.dense(X, 2, use_bias=False)
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    kernel, value = initialized(sess).run([tf.global_variables()[0], loss])
    np.testing.assert_array_equal(kernel, np.full((3, 2), 2.0, np.float32))
    assert value == pytest.approx(0.5 * 6 * 4 / 2)


def test_a_layer_that_is_not_trained() -> None:
    layer = tf.layers.Dense(2, trainable=False)
    layer(X)
    assert tf.trainable_variables() == [] and layer.trainable_weights == []
    assert names(layer.non_trainable_variables) == ["dense/kernel:0", "dense/bias:0"]


def test_freezing_a_layer_later() -> None:
    layer = tf.layers.Dense(2)
    layer(X)
    layer.trainable = False
    assert layer.trainable_variables == [] and len(layer.variables) == 2


# ---------------------------------------------------------------------------------- regularization


def test_regularizers_add_losses_once(sess: tf.Session) -> None:
    layer = tf.layers.Dense(
        2,
        kernel_regularizer=tf.contrib.layers.l1_regularizer(0.1),
        bias_regularizer=lambda b: None,
        activity_regularizer=tf.nn.l2_loss,
    )
    y = layer(X)
    layer(X)
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert losses == layer.losses and len(losses) == 3
    assert losses[0].name == "dense/kernel/Regularizer/l1_regularizer:0"
    kernel, output, first, second = initialized(sess).run([layer.kernel, y, *losses[:2]])
    assert first == pytest.approx(0.1 * np.abs(kernel).sum(), rel=1e-6)
    assert second == pytest.approx((output**2).sum() / 2 / 4, rel=1e-6)


def test_shared_variables_are_regularized_once() -> None:
    regularizer = tf.contrib.layers.l2_regularizer(0.1)
    for reuse in (False, True):
        tf.layers.dense(X, 2, name="a", reuse=reuse, kernel_regularizer=regularizer)
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1


def test_constraints_hold_after_a_step(sess: tf.Session) -> None:
    y = tf.layers.dense(X, 2, kernel_constraint=lambda w: tf.clip_by_value(w, -0.1, 0.1))
    step = tf.train.GradientDescentOptimizer(10.0).minimize(tf.reduce_sum(y))
    initialized(sess).run(step)
    assert np.abs(sess.run("dense/kernel:0")).max() <= np.float32(0.1)


# --------------------------------------------------------------------------------------- own layers


class Scale(tf.layers.Layer):
    """A layer as users write them."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_variable(
            "factor", [input_shape[-1]], initializer=tf.ones_initializer
        )
        self.steps = self.add_weight("steps", [], tf.int32, trainable=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        self.add_update(tf.assign_add(self.steps, 1))
        return inputs * self.factor


def test_own_layers(sess: tf.Session) -> None:
    layer = Scale()
    y = layer.apply(X)
    assert layer.name == "scale" and names(layer.variables) == ["scale/factor:0", "scale/steps:0"]
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == layer.updates
    initialized(sess).run([y, *layer.updates])
    assert sess.run(layer.steps) == 1


class Join(tf.layers.Layer):
    """A layer of two inputs."""

    def build(self, input_shape: Any) -> None:
        self.widths = [int(shape[-1]) for shape in input_shape]
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return tf.concat(inputs, 1) if training else inputs[0]


def test_layers_of_several_inputs(sess: tf.Session) -> None:
    layer = Join(name="join")
    y = layer([tf.constant(X), tf.constant(X[:, :2])], training=True)
    assert layer.widths == [3, 2] and sess.run(y).shape == (4, 5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Dense", "dense"), ("MaxPooling2D", "max_pooling2d"), ("Conv2DTranspose",
      "conv2d_transpose"), ("BatchNormalization", "batch_normalization"), ("_Own", "private__own")],
)  # fmt: skip
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


# ------------------------------------------------------------------------------------------ misuse


def test_misuse() -> None:
    with pytest.raises(ValueError, match=r"expected min_ndim=2, found ndim=1.*test_layers\.py"):
        tf.layers.dense(np.ones(3, np.float32), 2)
    with pytest.raises(ValueError, match="last dimension of the inputs to `Dense`"):
        tf.layers.dense(tf.placeholder(tf.float32, [3, None]), 2)
    with pytest.raises(TypeError, match="non-floating point dtype int32"):
        tf.layers.dense(np.ones((2, 3), np.int32), 2)
    layer = tf.layers.Dense(2)
    with pytest.raises(ValueError, match="No name available for layer scope"):
        _ = layer.scope_name
    with pytest.raises(ValueError, match="count_params"):
        layer.count_params()
    layer(X)
    with pytest.raises(ValueError, match=r"expected axis -1 .* value 3 but received .*\[4, 5\]"):
        layer(np.ones((4, 5), np.float32))
    with tf.Graph().as_default(), pytest.raises(ValueError, match="Layer graph are not the same"):
        layer(X)
    with pytest.raises(TypeError, match="Keyword argument not understood: widht"):
        tf.layers.Dense(2, widht=3)
    with pytest.raises(TypeError, match="training must be a bool"):
        tf.layers.dropout(X, training=tf.placeholder(tf.float32, []))
    with pytest.raises(ValueError, match="data_format"):
        tf.layers.flatten(X, data_format="NHWC")
    with pytest.raises(NotImplementedError, match="compute_output_shape"):
        Scale().compute_output_shape([2, 3])


def test_specs() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    spec = tf.layers.InputSpec
    for wrong, message in (
        (spec(dtype=tf.int32), "expected dtype=int32, found dtype=float32"),
        (spec(ndim=3), "expected ndim=3, found ndim=2"),
        (spec(max_ndim=1), "expected max_ndim=1, found ndim=2"),
        (spec(shape=[2, 4]), r"expected shape=\(2, 4\), found shape=\[None, 3\]"),
        ([spec(), spec()], "expects 2 inputs, but it received 1"),
    ):
        layer = tf.layers.Layer()
        layer.input_spec = wrong
        with pytest.raises(ValueError, match=message):
            layer(x)
    layer = tf.layers.Layer(name="fits")
    layer.input_spec = spec(shape=[None, 3], axes={1: 3})
    assert layer(x) is x
