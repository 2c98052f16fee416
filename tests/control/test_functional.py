"""`tf.map_fn`, `tf.scan`, `tf.foldl`, `tf.foldr`."""

import numpy as np
import pytest

import graphc as tf

DATA = np.arange(12.0, dtype=np.float32).reshape(4, 3)


def test_map_fn(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.map_fn(lambda row: row * 2.0, x)
    assert y.shape.as_list() == [None, 3]
    np.testing.assert_array_equal(sess.run(y, {x: DATA}), DATA * 2.0)
    assert sess.run(y, {x: DATA[:0]}).shape == (0, 3)
    sums, tops = tf.map_fn(
        lambda pair: (tf.reduce_sum(pair[0]), tf.argmax(pair[1])),
        (x, -x),
        dtype=(tf.float32, tf.int64),
    )
    np.testing.assert_array_equal(sess.run(sums, {x: DATA}), DATA.sum(1))
    assert sess.run(tops, {x: DATA}).tolist() == [0, 0, 0, 0]
    assert sess.statistics["compilations"] == 3


def test_scan_and_folds(sess: tf.Session) -> None:
    x = tf.constant(DATA)
    np.testing.assert_array_equal(sess.run(tf.scan(lambda a, r: a + r, x)), np.cumsum(DATA, 0))
    backwards = tf.scan(lambda a, r: a + r, x, reverse=True)
    np.testing.assert_array_equal(sess.run(backwards), np.cumsum(DATA[::-1], 0)[::-1])
    total, count = tf.scan(lambda a, r: (a[0] + tf.reduce_sum(r), a[1] + 1), x, (0.0, 0))
    np.testing.assert_array_equal(sess.run(total), np.cumsum(DATA.sum(1)))
    assert sess.run(count).tolist() == [1, 2, 3, 4]
    minus = tf.foldl(lambda a, r: a - r, x), tf.foldr(lambda a, r: a - r, x)
    np.testing.assert_array_equal(sess.run(minus[0]), DATA[0] - DATA[1:].sum(0))
    np.testing.assert_array_equal(sess.run(minus[1]), DATA[3] - DATA[:3].sum(0))
    folded = tf.foldl(lambda a, r: a + tf.reduce_max(r), x, initializer=1.0)
    assert sess.run(folded) == 1.0 + DATA.max(1).sum()


def test_fresh_random_numbers_for_each_row(sess: tf.Session) -> None:
    noise = tf.map_fn(lambda _: tf.random_normal([], seed=1), tf.zeros([5]))
    first, second = sess.run(noise), sess.run(noise)
    assert len({*first.tolist(), *second.tolist()}) == 10


def test_gradients_of_what_is_stacked(sess: tf.Session) -> None:
    x, w = tf.constant(DATA), tf.constant([1.0, 2.0, 3.0])
    y = tf.reduce_sum(tf.map_fn(lambda row: row * row * w, x))
    dx, dw = tf.gradients(y, [x, w])
    np.testing.assert_allclose(sess.run(dx), 2.0 * DATA * [1.0, 2.0, 3.0])
    np.testing.assert_allclose(sess.run(dw), (DATA * DATA).sum(0))


def test_misuse() -> None:
    x = tf.constant(DATA)
    with pytest.raises(TypeError, match=r"fn must be callable.*test_functional.py"):
        tf.map_fn(3, x)
    with pytest.raises(TypeError, match="say dtype="):
        tf.map_fn(lambda row: tf.constant(1), x)
    with pytest.raises(ValueError, match="not scalars"):
        tf.map_fn(lambda row: row, 1.0)
    with pytest.raises(ValueError, match="differ in their first dimension: 4, 3"):
        tf.map_fn(lambda pair: pair[0], (x, x[1:]), dtype=tf.float32)
    with pytest.raises(ValueError, match="is not an invariant for the loop"):
        tf.scan(lambda a, r: tf.concat([a, r], 0), x)
    with pytest.raises(TypeError, match="has type float32, but fn gives int64"):
        tf.foldl(lambda a, r: tf.argmax(r), x)
