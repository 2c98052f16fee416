"""Batch normalisation: batches while training, averages after, and how these are moved."""

from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
ROWS = RNG.normal(3.0, 2.0, size=(8, 5))
IMAGES = RNG.normal(-1.0, 3.0, size=(4, 3, 2, 5))


def normalized(x: np.ndarray, axes: tuple[int, ...], epsilon: float = 1e-3) -> np.ndarray:
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def updates() -> list[Any]:
    return tf.get_collection(tf.GraphKeys.UPDATE_OPS)


@pytest.mark.parametrize(
    ("x", "axis", "fused"),
    [(ROWS, -1, None), (ROWS, 0, None), (IMAGES, -1, None), (IMAGES, 3, False), (IMAGES, 1, None),
     (IMAGES, 1, False), (IMAGES, 2, None), (IMAGES, [1, 3], None), (IMAGES[0], -1, True)],
)  # fmt: skip
@pytest.mark.parametrize("dynamic", [False, True])
def test_training(x: np.ndarray, axis: Any, fused: bool | None, dynamic: bool,
                  sess: tf.Session) -> None:  # fmt: skip
    inputs = tf.placeholder(tf.float64, [None, *x.shape[1:]] if axis != 0 else x.shape)
    training = tf.placeholder(tf.bool, []) if dynamic else True
    layer = tf.layers.BatchNormalization(axis, momentum=0.9, fused=fused)
    y = layer(inputs, training=training)
    sess.run(tf.global_variables_initializer())
    feed = {inputs: x, **({training: True} if dynamic else {})}
    kept = {a % x.ndim for a in np.ravel(axis)}
    axes = tuple(a for a in range(x.ndim) if a not in kept)
    found, *_ = sess.run([y, *updates()], feed)
    np.testing.assert_allclose(found, normalized(x, axes), rtol=1e-9, atol=1e-12)
    mean, variance = sess.run([layer.moving_mean, layer.moving_variance])
    count = x.size // mean.size
    is_one = x.ndim == 4 and axis in (-1, 3, 1) and fused is not False
    correction = count / (count - 1) if is_one else 1.0
    np.testing.assert_allclose(mean.ravel(), 0.1 * x.mean(axes).ravel())
    np.testing.assert_allclose(
        variance.ravel(), 0.9 + 0.1 * correction * x.var(axes).ravel(), rtol=1e-9
    )


@pytest.mark.parametrize("x", [ROWS, IMAGES], ids=["rows", "images"])
@pytest.mark.parametrize("training", ["False", "fed"])
def test_inference(x: np.ndarray, training: str, sess: tf.Session) -> None:
    flag = False if training == "False" else tf.placeholder_with_default(False, [])
    y = tf.layers.batch_normalization(
        tf.constant(x), training=flag, epsilon=0.5,
        beta_initializer=tf.constant_initializer(2.0),
        gamma_initializer=tf.constant_initializer(3.0),
        moving_mean_initializer=tf.constant_initializer(-1.0),
        moving_variance_initializer=tf.constant_initializer(4.0),
    )  # fmt: skip
    sess.run(tf.global_variables_initializer())
    found, *_ = sess.run([y, *updates()])
    np.testing.assert_allclose(found, (x + 1) / np.sqrt(4.5) * 3 + 2, rtol=1e-12)
    assert len(updates()) == (0 if training == "False" else 2)
    left = sess.run(tf.global_variables()[2:])
    assert (left[0] == -1).all() and (left[1] == 4).all()


def test_averages_stay_though_a_batch_is_bad(sess: tf.Session) -> None:
    x, training = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.bool, [])
    layer = tf.layers.BatchNormalization()
    layer(x, training=training)
    sess.run(tf.global_variables_initializer())
    sess.run(updates(), {x: np.full((3, 2), np.nan), training: False})
    sess.run(updates(), {x: np.zeros((0, 2)), training: False})
    np.testing.assert_array_equal(sess.run(layer.moving_mean), [0, 0])
    np.testing.assert_array_equal(sess.run(layer.moving_variance), [1, 1])


def test_names_and_collections() -> None:
    x = tf.placeholder(tf.float32, [None, 4, 4, 3])
    y = tf.layers.batch_normalization(x, training=True)
    tf.layers.batch_normalization(x, scale=False, name="second")
    assert [v.name for v in tf.global_variables()] == [
        "batch_normalization/gamma:0", "batch_normalization/beta:0",
        "batch_normalization/moving_mean:0", "batch_normalization/moving_variance:0",
        "second/beta:0", "second/moving_mean:0", "second/moving_variance:0",
    ]  # fmt: skip
    assert [v.name for v in tf.trainable_variables()] == [
        "batch_normalization/gamma:0", "batch_normalization/beta:0", "second/beta:0",
    ]  # fmt: skip
    assert y.op.type == "FusedBatchNormV3" and y.name == "batch_normalization/FusedBatchNorm:0"
    assert [u.op.name for u in updates()] == [
        "batch_normalization/AssignMovingAvg", "batch_normalization/AssignMovingAvg_1",
    ]  # fmt: skip


def test_a_frozen_layer_has_no_updates() -> None:
    layer = tf.layers.BatchNormalization(trainable=False)
    layer(ROWS, training=True)
    assert layer.updates == [] == updates() and tf.trainable_variables() == []


def test_updates_run_with_the_step(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 5])
    hidden = tf.layers.dense(x, 4)
    y = tf.layers.batch_normalization(hidden, training=True, momentum=0.5)
    with tf.control_dependencies(updates()):
        step = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(y**3))
    sess.run(tf.global_variables_initializer())
    before = sess.run(hidden, {x: ROWS})
    sess.run(step, {x: ROWS})
    np.testing.assert_allclose(
        sess.run("batch_normalization/moving_mean:0"), before.mean(0) / 2, rtol=1e-4, atol=1e-6
    )


def test_gradients_agree(sess: tf.Session) -> None:
    """One operation and the composition have the same gradients, of second order too."""
    x = tf.constant(IMAGES)
    found = []
    for fused in (True, False):
        y = tf.layers.batch_normalization(x, training=True, fused=fused)
        (first,) = tf.gradients(tf.reduce_sum(y**3), x)
        (second,) = tf.gradients(tf.reduce_sum(first**2), x)
        found.append((first, second))
    sess.run(tf.global_variables_initializer())
    one, composed = sess.run(found)
    np.testing.assert_allclose(one[0], composed[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one[1], composed[1], rtol=1e-8, atol=1e-10)
    direction = RNG.normal(size=IMAGES.shape) * 1e-5

    def loss(values: np.ndarray) -> float:
        return float((normalized(values, (0, 1, 2)) ** 3).sum())

    change = loss(IMAGES + direction) - loss(IMAGES - direction)
    assert 2 * (one[0] * direction).sum() == pytest.approx(change, rel=1e-6)


# ------------------------------------------------------------------------------- tf.nn.fused_…


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_fused_batch_norm(layout: str, sess: tf.Session) -> None:
    x = IMAGES if layout == "NHWC" else IMAGES.transpose(0, 3, 1, 2)
    scale, offset = np.arange(1.0, 6.0), np.full(5, 0.5)
    y, mean, variance = tf.nn.fused_batch_norm(x, scale, offset, data_format=layout)
    found = sess.run([y, mean, variance])
    expected = normalized(IMAGES, (0, 1, 2)) * scale + offset
    expected = expected if layout == "NHWC" else expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[1], IMAGES.mean((0, 1, 2)))
    np.testing.assert_allclose(found[2], IMAGES.var((0, 1, 2), ddof=1))
    fixed = tf.nn.fused_batch_norm(
        x, scale, offset, np.ones(5), np.full(5, 4.0), 1e-9, layout, is_training=False
    )
    shape = (5,) if layout == "NHWC" else (5, 1, 1)
    expected = (x - 1) / np.sqrt(4 + 1.001e-5) * scale.reshape(shape) + 0.5
    np.testing.assert_allclose(sess.run(fixed[0]), expected, rtol=1e-9)


# ------------------------------------------------------------------------------------------ misuse


def test_misuse() -> None:
    x = tf.placeholder(tf.float32, [None, 4, 4, 3])
    normalize = tf.layers.batch_normalization
    for word in ({"renorm": True}, {"virtual_batch_size": 2}, {"adjustment": lambda shape: None},
                 {"renorm_momentum": 0.5}):  # fmt: skip
        with pytest.raises(NotImplementedError, match=r"is not supported.*test_batch_norm"):
            normalize(x, **word)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Invalid axis: 4"):
        normalize(x, axis=4)
    with pytest.raises(ValueError, match="Duplicate axis"):
        normalize(x, axis=[1, -3])
    with pytest.raises(ValueError, match="undefined `axis` dimension"):
        normalize(tf.placeholder(tf.float32, [2, None]))
    with pytest.raises(ValueError, match="undefined rank"):
        normalize(tf.placeholder(tf.float32))
    with pytest.raises(ValueError, match="Unsupported axis"):
        normalize(x, axis=2, fused=True)
    vectors = np.ones(3), np.ones(3)
    with pytest.raises(ValueError, match="must be None if is_training"):
        tf.nn.fused_batch_norm(x, *vectors, np.ones(3))
    with pytest.raises(ValueError, match="must be given if is_training is False"):
        tf.nn.fused_batch_norm(x, *vectors, is_training=False)
    with pytest.raises(ValueError, match="NHWC or NCHW"):
        tf.nn.fused_batch_norm(x, *vectors, data_format="CHWN")
    with pytest.raises(ValueError, match="sizes of scale and of the channels"):
        tf.nn.fused_batch_norm(x, np.ones(4), np.ones(4))
