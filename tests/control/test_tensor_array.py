"""`tf.TensorArray`."""

import numpy as np
import pytest

import graphc as tf


def test_elements_are_written_read_and_stacked(sess: tf.Session) -> None:
    array = tf.TensorArray(tf.float32, 3)
    array = array.write(0, [1.0, 2.0]).write(2, [5.0, 6.0])
    assert array.stack().shape.as_list() == [3, 2]
    assert sess.run(array.size()) == 3 and array.dtype == tf.float32
    np.testing.assert_array_equal(sess.run(array.stack()), [[1, 2], [0, 0], [5, 6]])
    np.testing.assert_array_equal(sess.run(array.read(2)), [5, 6])
    np.testing.assert_array_equal(sess.run(array.gather([2, 0])), [[5, 6], [1, 2]])
    np.testing.assert_array_equal(sess.run(array.concat()), [1, 2, 0, 0, 5, 6])
    np.testing.assert_array_equal(sess.run(array.identity().read(0)), [1, 2])
    sess.run(array.close())


def test_unstack_scatter_split(sess: tf.Session) -> None:
    x = tf.reshape(tf.range(6.0), [3, 2])
    array = tf.TensorArray(tf.float32, 3).unstack(x)
    np.testing.assert_array_equal(sess.run(array.read(1)), [2, 3])
    placed = tf.TensorArray(tf.float32, 4).scatter([3, 1], x[:2])
    np.testing.assert_array_equal(sess.run(placed.stack()), [[0, 0], [2, 3], [0, 0], [0, 1]])
    pieces = tf.TensorArray(tf.float32, 2).split(tf.range(6.0), [3, 3])
    np.testing.assert_array_equal(sess.run(pieces.read(1)), [3, 4, 5])
    lengths = tf.placeholder(tf.int32, [2])
    uneven = tf.TensorArray(tf.float32, 2).split(tf.range(6.0), lengths)
    with pytest.raises(tf.errors.InvalidArgumentError, match="different lengths"):
        sess.run(uneven.read(1), {lengths: [3, 1]})


@pytest.mark.parametrize("options", [{}, {"element_shape": [None, 2]}, {"dynamic_size": True}])
def test_a_loop_fills_an_array_of_rows_it_does_not_know_before(options, sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, None, 2])
    steps = tf.shape(x)[0]
    source = tf.TensorArray(tf.float32, steps).unstack(x)
    target = tf.TensorArray(tf.float32, steps, **options)
    _, total, filled = tf.while_loop(
        lambda t, s, a: t < steps,
        lambda t, s, a: (t + 1, s + source.read(t), a.write(t, s * 2.0)),
        [0, tf.zeros_like(x[0]), target],
    )
    stack = filled.stack()
    loss = tf.reduce_sum(stack * stack) + tf.reduce_sum(total)
    (dx,) = tf.gradients(loss, x)
    for shape in ((4, 3, 2), (2, 5, 2)):
        data = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
        sums = np.cumsum(data, 0)
        before = np.concatenate([np.zeros_like(sums[:1]), sums[:-1]]) * 2.0
        got, slope = sess.run([stack, dx], {x: data})
        np.testing.assert_allclose(got, before, rtol=1e-4, atol=1e-5)
        wanted = 1.0 + 4.0 * (np.cumsum(before[::-1], 0)[::-1] - before)
        np.testing.assert_allclose(slope, wanted, rtol=1e-4, atol=1e-4)


def test_an_array_grows(sess: tf.Session) -> None:
    n = tf.placeholder(tf.int32, [])
    array = tf.TensorArray(tf.int32, 0, dynamic_size=True)
    _, array = tf.while_loop(
        lambda i, a: i < n, lambda i, a: (i + 1, a.write(i, i * i)), [tf.constant(0), array]
    )
    for count in (4, 0, 7):
        assert sess.run(array.stack(), {n: count}).tolist() == [i * i for i in range(count)]
    x = tf.constant([1.0, 2.0])
    rows = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    _, h, rows = tf.while_loop(
        lambda i, h, a: i < n, lambda i, h, a: (i + 1, h * x, a.write(i, h)), [0, x, rows]
    )
    (dx,) = tf.gradients(tf.reduce_sum(rows.stack()) + tf.reduce_sum(h), x)
    powers = np.array([1.0, 2.0])[:, None] ** np.arange(4) * np.arange(1, 5)
    np.testing.assert_allclose(sess.run(dx, {n: 3}), powers.sum(1))
    sparse = tf.TensorArray(tf.int32, 1, dynamic_size=True).write(3, 9)
    assert sess.run(sparse.stack()).tolist() == [0, 0, 0, 9]


def test_a_branch_may_write(sess: tf.Session) -> None:
    array = tf.TensorArray(tf.float32, 4)
    _, array = tf.while_loop(
        lambda i, a: i < 4,
        lambda i, a: (
            i + 1,
            tf.cond(tf.equal(i % 2, 0), lambda: a.write(i, tf.to_float(i)), lambda: a),
        ),
        [0, array],
    )
    assert sess.run(array.stack()).tolist() == [0.0, 0.0, 2.0, 0.0]


def test_misuse(sess: tf.Session) -> None:
    with pytest.raises(ValueError, match=r"Size must be provided.*test_tensor_array.py"):
        tf.TensorArray(tf.float32)
    array = tf.TensorArray(tf.float32, 2, element_shape=[2])
    with pytest.raises(TypeError, match="dtype is float32 but Op is trying to write dtype int32"):
        array.write(0, tf.constant([1, 2]))
    with pytest.raises(ValueError, match=r"Inconsistent shapes: saw \(3,\)"):
        array.write(0, [1.0, 2.0, 3.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"2 is not in.*test_tensor_array.py"):
        sess.run(array.write(2, [1.0, 2.0]).stack())
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        sess.run(array.read(5))
    unknown = tf.TensorArray(tf.float32, 2).read(0)
    unknown.set_shape([])
    with pytest.raises(tf.errors.InvalidArgumentError, match="nothing has been written to it"):
        sess.run(unknown)
