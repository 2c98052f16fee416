"""Order and atomicity of effects."""

import threading
import time

import numpy as np
import pytest

import graphc as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


@pytest.fixture(params=["", "numpy"])
def session(request):
    with tf.Session(target=request.param) as opened:
        yield opened


def test_reads_after_a_dependency_see_the_new_value(session) -> None:
    v = tf.Variable(1.0)
    step = tf.assign_add(v, 10.0)
    with tf.control_dependencies([step]):
        after = tf.identity(v)
        shadow = v * 2.0
    before = v + 0.0
    session.run(tf.global_variables_initializer())
    old, new, double, _ = session.run([before, after, shadow, step])
    assert (old, new, double) == (1.0, 11.0, 22.0)
    assert session.run(v) == 11.0


def test_moving_average_after_a_train_step_sees_new_values(session) -> None:
    w = tf.Variable([1.0, 2.0])
    train = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(w * w))
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([train]):
        track = average.apply([w])
    session.run(tf.global_variables_initializer())
    session.run(track)
    np.testing.assert_allclose(session.run(w), [0.0, 0.0])
    np.testing.assert_allclose(session.run(average.average(w)), [0.9, 1.8], rtol=1e-6)


def test_unordered_writes_are_all_applied(session) -> None:
    v = tf.Variable([1.0, 2.0])
    writes = [
        tf.assign_add(v, [1.0, 1.0]),
        tf.assign_sub(v, [3.0, 0.0]),
        tf.assign_add(v, [0.5, 0.5]),
    ]
    session.run(tf.global_variables_initializer())
    session.run([w.op for w in writes])
    np.testing.assert_array_equal(session.run(v), [-0.5, 3.5])


def test_two_variables_swap(session) -> None:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    session.run(tf.global_variables_initializer())
    old_a, old_b = a + 0.0, b + 0.0
    session.run([tf.assign(a, old_b).op, tf.assign(b, old_a).op])
    np.testing.assert_array_equal(session.run([a, b]), [[3.0, 4.0], [1.0, 2.0]])


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_step_that_fails_leaves_all_variables(session, order) -> None:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([5.0])
    index = tf.placeholder(tf.int32, [None])
    if order == "before":
        first = tf.assign_add(v, [1.0, 1.0])
        with tf.control_dependencies([first]):
            taken = tf.gather(tf.constant([1.0, 2.0, 3.0]), index)
            last = tf.assign(w, tf.reduce_sum(taken, keepdims=True))
    else:
        taken = tf.gather(tf.constant([1.0, 2.0, 3.0]), index)
        first = tf.assign_add(v, [1.0, 1.0])
        last = tf.group(first, tf.assign(w, tf.reduce_sum(taken, keepdims=True)))
    session.run(tf.global_variables_initializer())
    with pytest.raises(tf.errors.InvalidArgumentError, match="7"):
        session.run([first, last], {index: [0, 7]})
    np.testing.assert_array_equal(session.run(v), [1.0, 2.0])
    np.testing.assert_array_equal(session.run(w), [5.0])
    session.run([first, last], {index: [0, 2]})
    np.testing.assert_array_equal(session.run(v), [2.0, 3.0])
    np.testing.assert_array_equal(session.run(w), [4.0])


def test_a_fetched_old_value_survives_an_update_in_place(session) -> None:
    v = tf.Variable(np.zeros(1000, np.float32))
    step = tf.assign_add(v, np.ones(1000, np.float32))
    session.run(tf.global_variables_initializer())
    kept = [session.run([v.value(), step.op])[0] for _ in range(3)]
    latest = session.run(v)
    for number, value in enumerate(kept):
        np.testing.assert_array_equal(value, np.full(1000, number, np.float32))
    latest[:] = -1
    assert session.run(v)[0] == 3.0


def test_a_blocked_run_does_not_block_others(session) -> None:
    arrived, release = threading.Event(), threading.Event()

    def wait(x):
        arrived.set()
        assert release.wait(30)
        return x

    v = tf.Variable(0.0)
    blocked = tf.py_func(wait, [tf.constant(1.0)], tf.float32)
    blocked.set_shape([])
    slow = tf.assign_add(v, blocked)
    quick = tf.assign_add(v, 10.0)
    session.run(tf.global_variables_initializer())
    results = []
    thread = threading.Thread(target=lambda: results.append(session.run(slow)))
    thread.start()
    assert arrived.wait(30)
    assert session.run(quick) == 10.0  # while the other run waits in Python
    release.set()
    thread.join(30)
    assert not thread.is_alive() and len(results) == 1


def test_threads_share_a_session(session) -> None:
    v = tf.Variable(np.zeros(64, np.float32))
    step = tf.assign_add(v, np.ones(64, np.float32))
    session.run(tf.global_variables_initializer())
    failures = []

    def work() -> None:
        try:
            for _ in range(50):
                value = session.run(step)
                assert (value == value[0]).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert time.monotonic() - started < 60
    assert not failures
    np.testing.assert_array_equal(session.run(v), np.full(64, 200, np.float32))
