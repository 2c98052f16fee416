"""`tf.while_loop`: values, structures, shapes, effects, errors."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import graphc as tf


def _count_to(limit, **options):
    return tf.while_loop(lambda i: i < limit, lambda i: i + 1, [tf.constant(0)], **options)


def test_a_loop_counts(sess: tf.Session) -> None:
    end = _count_to(10)
    assert end.op.name == "while/Exit" and end.shape.as_list() == []
    assert sess.run(end) == 10 and sess.run(end) == 10


def test_no_iteration_gives_what_it_starts_with(sess: tf.Session) -> None:
    n = tf.placeholder(tf.int32, [])
    x = tf.constant([1.0, 2.0])
    _, y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 2.0), [0, x])
    (dx,) = tf.gradients(y, x)
    for count in (0, 3, 0):
        np.testing.assert_array_equal(sess.run(y, {n: count}), np.array([1.0, 2.0]) * 2.0**count)
        np.testing.assert_array_equal(sess.run(dx, {n: count}), [2.0**count] * 2)


def test_carries_trade_places(sess: tf.Session) -> None:
    a, b = tf.while_loop(lambda a, b: b < 100, lambda a, b: (b, a + b), [0, 1])
    assert sess.run([a, b]) == [89, 144]


def test_structures_and_keys(sess: tf.Session) -> None:
    start = (tf.constant(0), {"b": tf.ones([2]), "a": [tf.zeros([])]})
    i, rest = tf.while_loop(
        lambda i, s: i < 3,
        lambda i, s: (i + 1, {"a": [s["a"][0] + 1.0], "b": s["b"] * 2.0}),
        start,
    )
    assert sess.run(i) == 3 and sess.run(rest["a"]) == [3.0]
    np.testing.assert_array_equal(sess.run(rest["b"]), [8.0, 8.0])
    same = _count_to(2, return_same_structure=True)
    assert isinstance(same, list) and sess.run(same) == [2]


def test_maximum_iterations(sess: tf.Session) -> None:
    assert sess.run(_count_to(10, maximum_iterations=4)) == 4
    limit = tf.placeholder(tf.int64, [])
    end = _count_to(10, maximum_iterations=limit)
    assert sess.run(end, {limit: 3}) == 3 and sess.run(end, {limit: 30}) == 10


def test_sizes_may_grow(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    _, y = tf.while_loop(
        lambda i, z: i < 4,
        lambda i, z: (i + 1, tf.concat([z, z[:1]], 0)),
        [0, x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])],
    )
    assert y.shape.as_list() == [None, 3]
    for rows in (1, 2, 5):
        assert sess.run(y, {x: np.ones((rows, 3))}).shape == (rows + 4, 3)
    assert sess.statistics["compilations"] == 1


def test_gradients_refuse_to_keep_what_grows(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    (y,) = tf.while_loop(
        lambda z: tf.shape(z)[0] < 9,
        lambda z: [tf.concat([z, tf.exp(z)], 0)],
        [x],
        shape_invariants=[tf.TensorShape([None])],
        return_same_structure=True,
    )
    (dx,) = tf.gradients(y, x)
    assert sess.run(y, {x: [0.0, 1.0]}).shape == (16,)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have one shape"):
        sess.run(dx, {x: [0.0, 1.0]})


def test_a_new_length_or_batch_compiles_nothing(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, None, 2])
    w = tf.constant([[0.5, 0.1], [0.2, 0.3]])
    _, h = tf.while_loop(
        lambda t, h: t < tf.shape(x)[0],
        lambda t, h: (t + 1, tf.tanh(tf.matmul(h, w) + x[t])),
        [0, tf.zeros_like(x[0])],
    )
    (dx,) = tf.gradients(h, x)
    for time_steps, batch in ((3, 4), (5, 4), (2, 7), (9, 1)):
        feed = {x: np.ones((time_steps, batch, 2), np.float32)}
        value, slope = sess.run([h, dx], feed)
        assert value.shape == (batch, 2) and slope.shape == (time_steps, batch, 2)
    before = sess.statistics["compilations"]
    for time_steps, batch in ((8, 3), (4, 12)):
        sess.run([h, dx], {x: np.ones((time_steps, batch, 2), np.float32)})
    assert sess.statistics["compilations"] == before


def test_variables_are_read_and_written_inside(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 1.0])

    def body(i):
        with tf.control_dependencies([v.assign_add([1.0, 2.0])]):
            return i + 1

    end = tf.while_loop(lambda i: tf.reduce_sum(v.read_value()) < 10.0, body, [0])
    before = v + 0.0
    with tf.control_dependencies([end]):
        after = v + 0.0
    sess.run(tf.global_variables_initializer())
    count, old, new = sess.run([end, before, after])
    assert count == 3
    np.testing.assert_array_equal(old, [1.0, 1.0])
    np.testing.assert_array_equal(new, [4.0, 7.0])
    np.testing.assert_array_equal(sess.run(v), [4.0, 7.0])


def test_a_variable_made_in_the_body_lies_outside(sess: tf.Session) -> None:
    def body(i, h):
        w = tf.get_variable("w", [2, 2], initializer=tf.ones_initializer())
        return i + 1, tf.matmul(h, w)

    with tf.variable_scope("cell"):
        _, h = tf.while_loop(lambda i, h: i < 2, body, [0, tf.ones([1, 2])])
    assert [v.op.name for v in tf.trainable_variables()] == ["cell/w"]
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(h))
    sess.run(tf.global_variables_initializer())
    np.testing.assert_array_equal(sess.run(h), [[4.0, 4.0]])
    sess.run(train)
    np.testing.assert_allclose(sess.run(tf.trainable_variables()[0]), np.full((2, 2), 0.6), 1e-6)


def test_an_initial_value_from_inside_is_refused() -> None:
    def body(i):
        return i + tf.Variable(i * 2)

    with pytest.raises(ValueError, match=r"inside a control-flow construct.*lambda"):
        tf.while_loop(lambda i: i < 2, body, [0])


def test_a_failing_loop_changes_nothing(sess: tf.Session) -> None:
    v = tf.Variable(1.0)
    rows = tf.constant([1.0, 2.0, 3.0])

    def body(i):
        with tf.control_dependencies([v.assign_add(tf.gather(rows, i))]):
            return i + 1

    end = tf.while_loop(lambda i: i < 5, body, [0])
    sess.run(tf.global_variables_initializer())
    for _ in range(2):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"3 is not in.*test_while.py"):
            sess.run(end)
        assert sess.run(v) == 1.0


def test_iterations_draw_fresh_numbers_and_runs_go_on() -> None:
    _, stack = tf.while_loop(
        lambda i, s: i < 3,
        lambda i, s: (i + 1, tf.concat([s, tf.random_uniform([1], seed=7)], 0)),
        [0, tf.zeros([0])],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )
    seen = []
    for target in ("", "numpy"):
        with tf.Session(target) as sess:
            seen.append(np.concatenate([sess.run(stack), sess.run(stack)]))
    np.testing.assert_array_equal(*seen)
    assert len(set(seen[0].tolist())) == 6


def test_python_runs_inside(sess: tf.Session, capfd) -> None:
    seen: list[int] = []

    def look(i):
        seen.append(int(i))
        return i * 2

    def body(i, s):
        double = tf.py_func(look, [i], tf.int32)
        double.set_shape([])
        return tf.Print(i, [i], "at ") + 1, s + double

    _, total = tf.while_loop(lambda i, s: i < 4, body, [0, 0])
    assert sess.run(total) == 12 and seen == [0, 1, 2, 3]
    assert "at [2]" in capfd.readouterr().err


def test_checks_inside_fail_with_their_line(sess: tf.Session) -> None:
    def body(i):
        with tf.control_dependencies([tf.Assert(i < 3, ["too far", i])]):
            return i + 1

    end = tf.while_loop(lambda i: i < 5, body, [0])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"too far.*test_while.py"):
        sess.run(end)


def test_what_waits_for_an_outer_operation_makes_the_loop_wait(sess: tf.Session) -> None:
    v = tf.Variable(1.0)
    write = v.assign(5.0)

    def body(i, s):
        with tf.control_dependencies([write]):
            return i + 1, s + v.read_value()

    _, total = tf.while_loop(lambda i, s: i < 2, body, [0, 0.0])
    sess.run(tf.global_variables_initializer())
    assert sess.run(total) == 10.0


def test_gradients_inside_of_a_body(sess: tf.Session) -> None:
    """Newton's method, with the derivative taken where it is used."""

    def body(i, x):
        y = x * x - 2.0
        return i + 1, x - y / tf.gradients(y, x)[0]

    _, root = tf.while_loop(lambda i, x: i < 6, body, [0, tf.constant(1.0, tf.float64)])
    assert abs(sess.run(root) - 2.0**0.5) < 1e-12


def test_back_prop_off(sess: tf.Session) -> None:
    x = tf.constant(2.0)
    _, y = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, a * a), [0, x], back_prop=False)
    assert tf.gradients(y, x) == [None] and sess.run(y) == 16.0


def test_an_interrupt_ends_a_long_loop() -> None:
    end = tf.while_loop(lambda i: i >= 0, lambda i: (i + 1) % 1000, [0])
    with tf.Session() as sess:
        timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            sess.run(end)
        timer.join()
        assert time.monotonic() - started < 5.0
        assert sess.run(_count_to(3)) == 3


def test_misuse_is_told_with_the_line() -> None:
    zero = tf.constant(0)
    with pytest.raises(TypeError, match=r"cond must be callable.*test_while.py"):
        tf.while_loop(True, lambda i: i, [0])
    with pytest.raises(ValueError, match="No loop variables provided"):
        tf.while_loop(lambda: True, lambda: (), [])
    with pytest.raises(TypeError, match="does not match expected type of bool"):
        tf.while_loop(lambda i: i, lambda i: i, [zero])
    with pytest.raises(ValueError, match="must be rank 0 but is rank 1"):
        tf.while_loop(lambda i: i < [1, 2], lambda i: i, [zero])
    with pytest.raises(TypeError, match="enters the loop with type int32, but has type float32"):
        tf.while_loop(lambda i: i < 3, lambda i: tf.to_float(i), [zero])
    with pytest.raises(ValueError, match="don't have the same nested structure"):
        tf.while_loop(lambda i, j: i < 3, lambda i, j: i, [zero, zero])
    message = r"is not an invariant for the loop. It enters the loop with shape \(1,\), but has"
    with pytest.raises(ValueError, match=message):
        tf.while_loop(lambda x: True, lambda x: tf.concat([x, x], 0), [tf.zeros([1])])
    with pytest.raises(ValueError, match=r"shape invariant specified.*not compatible"):
        tf.while_loop(
            lambda x: True, lambda x: x, [tf.zeros([1])],
            shape_invariants=[tf.TensorShape([2])],
        )  # fmt: skip
    with pytest.raises(ValueError, match="gives None"):
        tf.while_loop(lambda i: i < 3, lambda i: None, [zero])
