"""`tf.random_*` and the initializers: seeds, repeatability, shapes, errors."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.ops import init_ops, random_ops

New = Callable[[], Any]


def draw(session: Any, tensor: Any) -> list[np.ndarray]:
    return [session.run(tensor) for _ in range(2)]


def test_a_session_starts_again(new_session: New) -> None:
    tf.set_random_seed(1)
    x = tf.random_normal([3])
    first, second = draw(new_session(), x)
    assert not np.array_equal(first, second)
    assert np.array_equal(draw(new_session(), x), [first, second])


def test_without_seeds_sessions_differ(new_session: New) -> None:
    x = tf.random_uniform([8])
    assert not np.array_equal(new_session().run(x), new_session().run(x))


def test_equal_operation_seeds_draw_equal_numbers(sess: tf.Session) -> None:
    a, b = tf.random_normal([4], seed=5), tf.random_normal([4], seed=5)
    first, second = sess.run([a, b])
    assert np.array_equal(first, second)


def test_a_graph_seed_gives_every_operation_its_own_numbers(sess: tf.Session) -> None:
    tf.set_random_seed(3)
    a, b = tf.random_normal([4]), tf.random_normal([4])
    first, second = sess.run([a, b])
    assert not np.array_equal(first, second)


def test_numbers_depend_on_names_and_not_on_what_else_is_there(new_session: New) -> None:
    def build(others: int) -> np.ndarray:
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            for _ in range(others):
                tf.constant(1.0)
            x = tf.random_normal([4], name="x")
            with tf.Session(target="numpy") as session:
                return session.run(x)

    assert np.array_equal(build(0), build(5))


def test_graph_seed_does_not_reach_back(new_session: New) -> None:
    x = tf.random_uniform([8])
    tf.set_random_seed(1)
    assert not np.array_equal(new_session().run(x), new_session().run(x))


def test_get_seed() -> None:
    assert random_ops.get_seed(None) == (None, None)
    assert random_ops.get_seed(4) == (87654321, 4)
    tf.set_random_seed(0)
    assert random_ops.get_seed(0) == (0, 2**31 - 1)
    assert random_ops.get_seed(2**31 + 4) == (0, 4)


def test_parameters_broadcast(sess: tf.Session) -> None:
    x = tf.random_normal([2000, 2], mean=[0.0, 100.0], stddev=tf.constant([1.0, 0.1]), seed=1)
    found = sess.run(x)
    np.testing.assert_allclose(found.mean(0), [0, 100], atol=0.1)
    np.testing.assert_allclose(found.std(0), [1, 0.1], rtol=0.1)
    uniform = sess.run(tf.random_uniform([2000], -3.0, 5.0, seed=1))
    assert -3 <= uniform.min() < -2.9
    assert 4.9 < uniform.max() < 5


def test_shapes_may_be_computed(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    noise = tf.random_normal(tf.shape(x))
    assert noise.shape.as_list() == [None, 3]
    mixed = tf.truncated_normal([tf.shape(x)[0], 7])
    for rows in (2, 5):
        found = sess.run([noise, mixed], {x: np.zeros((rows, 3))})
        assert [a.shape for a in found] == [(rows, 3), (rows, 7)]
    assert sess.run(tf.random_uniform([])).shape == ()
    assert sess.run(tf.random_uniform((2,), dtype=tf.float64)).dtype == np.float64


def test_integers(sess: tf.Session) -> None:
    found = sess.run(tf.random_uniform([500], 2, 5, dtype=tf.int32, seed=1))
    assert found.dtype == np.int32
    assert set(found) == {2, 3, 4}
    with pytest.raises(ValueError, match="Must specify maxval"):
        tf.random_uniform([2], dtype=tf.int64)
    with pytest.raises(ValueError, match="minval < maxval"):
        tf.random_uniform([2], 3, 3, dtype=tf.int64)
    high = tf.placeholder(tf.int32, [])
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(tf.random_uniform([2], 3, high, dtype=tf.int32), {high: 3})


def test_shuffle_crop_and_samples(sess: tf.Session) -> None:
    rows = np.arange(12).reshape(6, 2)
    shuffled = sess.run(tf.random_shuffle(rows, seed=2))
    assert sorted(shuffled[:, 0]) == rows[:, 0].tolist()
    assert (shuffled[:, 1] == shuffled[:, 0] + 1).all()
    corners = {tuple(sess.run(tf.random_crop(rows, [2, 1], seed=s)).ravel()) for s in range(60)}
    assert len(corners) == 10
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        sess.run(tf.random_crop(rows, [7, 1]))
    classes = sess.run(tf.multinomial(tf.log([[0.25, 0.75]]), 2000, seed=1))
    assert classes.shape == (1, 2000)
    assert classes.dtype == np.int64
    assert classes.mean() == pytest.approx(0.75, abs=0.05)


def test_errors() -> None:
    with pytest.raises(TypeError, match="float32 or float64"):
        tf.random_normal([2], dtype=tf.int32)
    with pytest.raises(NotImplementedError, match="random_gamma"):
        random_ops.random_gamma([2], 1.0)


def test_names() -> None:
    assert tf.random_normal([2]).op.name == "random_normal"
    assert tf.random_uniform([2]).op.name == "random_uniform"
    assert tf.truncated_normal([2], name="w").op.name == "w"


# ------------------------------------------------------------------------------------ initializers


@pytest.mark.parametrize(
    ("initializer", "deviation"),
    [
        (init_ops.RandomNormal(stddev=0.5), 0.5),
        (init_ops.TruncatedNormal(stddev=0.5), 0.5 * 0.8796),
        (init_ops.RandomUniform(-1.0, 1.0), math.sqrt(1 / 3)),
        (init_ops.GlorotUniform(), math.sqrt(2 / 300)),
        (init_ops.GlorotNormal(), math.sqrt(2 / 300)),
        (init_ops.VarianceScaling(2.0, "fan_out", "untruncated_normal"), math.sqrt(2 / 200)),
        (init_ops.UniformUnitScaling(1.5), 1.5 * math.sqrt(1 / 100)),
        (init_ops.lecun_normal(), math.sqrt(1 / 100)),
        (init_ops.lecun_uniform(), math.sqrt(1 / 100)),
        (init_ops.he_normal(), math.sqrt(2 / 100)),
        (init_ops.he_uniform(), math.sqrt(2 / 100)),
    ],
    ids=lambda value: type(value).__name__ if callable(value) else "",
)
def test_random_initializers(initializer: Any, deviation: float, sess: tf.Session) -> None:
    found = sess.run(initializer([100, 200]))
    assert found.dtype == np.float32
    assert found.mean() == pytest.approx(0.0, abs=0.05 * deviation)
    assert found.std() == pytest.approx(deviation, rel=0.03)
    again = type(initializer).from_config(initializer.get_config())
    assert again.get_config() == initializer.get_config()


def test_fixed_initializers(sess: tf.Session) -> None:
    cases = [
        (tf.zeros_initializer(), [[0, 0]]),
        (tf.ones_initializer(), [[1, 1]]),
        (tf.constant_initializer(2.5), [[2.5, 2.5]]),
        (tf.constant_initializer([1.0, 2.0]), [[1, 2]]),
        (tf.constant_initializer(np.array([[7.0]])), [[7, 7]]),
        (init_ops.Identity(3.0), [[3, 0]]),
    ]
    for initializer, expected in cases:
        assert sess.run(initializer([1, 2])).tolist() == expected
    assert sess.run(tf.zeros_initializer()([2], tf.bool)).tolist() == [False, False]
    assert sess.run(tf.ones_initializer()([2], dtype=tf.int64)).dtype == np.int64


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (2, 3, 8)])
def test_orthogonal(shape: tuple[int, ...], sess: tf.Session) -> None:
    found = sess.run(init_ops.Orthogonal(2.0, seed=1)(list(shape))).reshape(-1, shape[-1])
    product = found @ found.T if len(found) < shape[-1] else found.T @ found
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_initializers_of_variables(sess: tf.Session) -> None:
    tf.set_random_seed(1)
    v = tf.get_variable("v", [3, 2], initializer=tf.truncated_normal_initializer(stddev=0.1))
    w = tf.get_variable("w", [3, 2], initializer=tf.zeros_initializer)
    u = tf.get_variable("u", [3, 2], initializer=tf.truncated_normal_initializer(stddev=0.1))
    sess.run(tf.global_variables_initializer())
    assert not np.array_equal(sess.run(v), sess.run(u))
    assert sess.run(w).tolist() == [[0, 0]] * 3
    assert v.initial_value.op.name.startswith("v/Initializer/truncated_normal")


def test_initializer_errors() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        init_ops.VarianceScaling(0.0)
    with pytest.raises(ValueError, match="Invalid `mode`"):
        init_ops.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match="Invalid `distribution`"):
        init_ops.VarianceScaling(distribution="cauchy")
    with pytest.raises(TypeError, match="Invalid type for initial value"):
        init_ops.Constant({})
    with pytest.raises(ValueError, match="floating"):
        init_ops.RandomNormal(dtype=tf.int32)
    with pytest.raises(ValueError, match="2D"):
        init_ops.Identity()([2, 2, 2])
