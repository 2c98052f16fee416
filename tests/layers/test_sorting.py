"""The greatest elements, order, and confusion matrices."""

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 40)).astype(np.float32)
X[:, ::4] = np.round(X[:, ::4])  # some are equal


@pytest.mark.parametrize("k", [0, 1, 3, 17, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8])
def test_top_k(k: int, dtype: type, sess: tf.Session) -> None:
    x = (X * 20 + 128).astype(dtype) if np.issubdtype(dtype, np.integer) else X.astype(dtype)
    order = np.argsort(-x.astype(np.float64), axis=-1, kind="stable")[:, :k]
    values, indices = sess.run(tf.nn.top_k(x, k))
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, -1))
    assert values.dtype == dtype and indices.dtype == np.int32


def test_top_k_forms(sess: tf.Session) -> None:
    x, k = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.int32, [])
    best = tf.math.top_k(x, k, sorted=False)
    assert best.values.shape.as_list() == [None, None] and best._fields == ("values", "indices")
    for rows, count in ((6, 3), (2, 5), (0, 2)):
        values = sess.run(best.values, {x: X[:rows], k: count})
        np.testing.assert_array_equal(values, -np.sort(-X[:rows])[:, :count])
    one = tf.nn.top_k([1.0, 3.0, 2.0])
    assert [v.tolist() for v in sess.run(one)] == [[3], [1]] and one.values.name == "TopKV2_1:0"
    deep = tf.nn.top_k(X.reshape(2, 3, 40), 2)
    np.testing.assert_array_equal(sess.run(deep)[0], -np.sort(-X)[:, :2].reshape(2, 3, 2))


def test_top_k_of_what_is_no_number(sess: tf.Session) -> None:
    x = np.array([np.nan, -np.inf, np.inf, -0.0, 0.0, 1e-45], np.float32)
    assert sess.run(tf.nn.top_k(x, 6).indices).tolist() == [2, 5, 3, 4, 1, 0]


@pytest.mark.parametrize("shape", [[6, 40], None])
def test_top_k_gradient(shape: list[int] | None, sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, shape)
    values = tf.nn.top_k(x, 3).values
    (gradient,) = tf.gradients(tf.reduce_sum(values * [1.0, 2.0, 3.0]), x)
    expected = np.zeros_like(X)
    order = np.argsort(-X, axis=-1, kind="stable")[:, :3]
    np.put_along_axis(expected, order, np.array([[1.0, 2.0, 3.0]], np.float32), -1)
    np.testing.assert_array_equal(sess.run(gradient, {x: X}), expected)


def test_in_top_k(sess: tf.Session) -> None:
    predictions = np.array([[0.1, 0.9, 0.5], [0.3, 0.3, 0.2], [np.inf, 0, 0]], np.float32)
    k = tf.placeholder(tf.int32, [])
    for targets in ([0, 1, 0], [2, 2, 1]):
        hit = tf.nn.in_top_k(predictions, targets, k)
        for count in (1, 2, 3):
            expected = [
                bool(np.isfinite(row).all() and (row > row[t]).sum() < count)
                for row, t in zip(predictions, targets, strict=True)
            ]
            assert sess.run(hit, {k: count}).tolist() == expected
    assert tf.nn.in_top_k(predictions, [0, 1, 0], 1).op.type == "InTopKV2"


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_sort(axis: int, dtype: type, sess: tf.Session) -> None:
    x = (X * 30 + 100).astype(dtype)
    ascending = sess.run([tf.sort(x, axis), tf.argsort(x, axis)])
    np.testing.assert_array_equal(ascending[0], np.sort(x, axis))
    np.testing.assert_array_equal(ascending[1], np.argsort(x, axis, kind="stable"))
    down = sess.run([tf.sort(x, axis, "DESCENDING"), tf.argsort(x, axis, "DESCENDING")])
    reverse = np.argsort(-x.astype(np.float64), axis, kind="stable")
    np.testing.assert_array_equal(down[1], reverse)
    np.testing.assert_array_equal(down[0], np.take_along_axis(x, reverse, axis))
    assert ascending[0].dtype == dtype


def test_confusion_matrix(sess: tf.Session) -> None:
    labels, predictions = [1, 2, 4, 2], [2, 2, 4, 0]
    found = sess.run(tf.confusion_matrix(labels, predictions))
    expected = np.zeros((5, 5), np.int32)
    np.add.at(expected, (labels, predictions), 1)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32
    weighted = tf.math.confusion_matrix(
        np.array(labels)[:, None], predictions, 6, tf.float32, weights=[0.5, 1, 2, 3]
    )
    expected = np.zeros((6, 6), np.float32)
    np.add.at(expected, (labels, predictions), [0.5, 1, 2, 3])
    np.testing.assert_array_equal(sess.run(weighted), expected)


def test_misuse(sess: tf.Session) -> None:
    with pytest.raises(ValueError, match=r"at least k columns: k is 50, there are 40"):
        tf.nn.top_k(X, 50)
    with pytest.raises(ValueError, match="at least one dimension"):
        tf.nn.top_k(3.0)
    with pytest.raises(ValueError, match=r"direction must be .*test_sorting"):
        tf.sort(X, direction="UP")
    with pytest.raises(ValueError, match="axis 2 is out of range"):
        tf.argsort(X, axis=2)
    x, k = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="at least k columns"):
        sess.run(tf.nn.top_k(x, k), {x: [1.0, 2.0], k: 3})
    with pytest.raises(ValueError, match=r"Shapes \(2,\) and \(3,\) are incompatible"):
        tf.confusion_matrix([1, 2], [1, 2], weights=[1.0, 2.0, 3.0])
    for labels, word in (([0, 3], "`labels` out of bound"), ([0, -1], "negative values")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=word):
            sess.run(tf.confusion_matrix(tf.constant(labels), [1, 1], 3))
