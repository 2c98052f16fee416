"""Programs that go on adding operations between runs, and long graphs.

Long graphs are timed in processor seconds, since other tests run beside these.
"""

import time

import numpy as np
import pytest

import graphc as tf
from graphc.ir.function import Function
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline
from graphc.ir.passes.resolve import resolve
from graphc.session.call import Call


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


def test_what_was_compiled_stays_warm() -> None:
    x = tf.placeholder(tf.float32, [None, 8])
    w = tf.Variable(np.ones((8, 4), np.float32))
    y = tf.matmul(x, w)
    feed = {x: np.ones((3, 8), np.float32)}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(y, feed)
        for number in range(20):
            compiled = session.statistics["compilations"]
            session.run(tf.reduce_sum(tf.square(y)) + float(number), feed)
            assert session.statistics["compilations"] == compiled + 1
            session.run(y, feed)
            session.run(w)
            assert session.statistics["compilations"] == compiled + (2 if number == 0 else 1)


def test_a_new_operation_runs_soon() -> None:
    """At most 20 ms each, alone on a machine; here other tests share its processors, which makes
    each of them half as fast.
    """
    x = tf.placeholder(tf.float32, [None, 8])
    y = tf.tanh(x)
    feed = {x: np.ones((3, 8), np.float32)}
    seconds = []
    with tf.Session() as session:
        session.run(y, feed)
        for number in range(15):
            # a constant of its own makes each kernel a new one
            fresh = tf.argmax(y * (1.5 + number), axis=1) + tf.cast(tf.shape(y)[0], tf.int64)
            started = time.thread_time()
            session.run(fresh, feed)
            seconds.append(time.thread_time() - started)
    assert sorted(seconds)[len(seconds) // 2] < 0.040, seconds


def long_chain(length: int) -> Function:
    """A chain of `length` operations, differentiated and optimised."""
    x = tf.placeholder(tf.float32, [None, 4])
    y = x
    for number in range(length // 2):
        y = tf.tanh(y) if number % 2 else tf.sin(y)
        y = y * x
    (gradient,) = tf.gradients(y, x)
    graph = tf.get_default_graph()
    function = resolve(
        graph, [y, gradient], [], {x: np.ones((2, 4), np.float32)}, lambda name: None
    )
    return PassPipeline.parse(DEFAULT_PIPELINE).run(function, ())


def test_a_chain_of_100_000_operations() -> None:
    started = time.process_time()
    function = long_chain(100_000)
    seconds = time.process_time() - started
    assert len(function.operations) >= 100_000
    assert seconds < 20, f"{seconds:.1f} s"


def test_a_chain_of_10_000_alternating_operations_runs() -> None:
    started = time.process_time()
    x = tf.placeholder(tf.float32, [None, 8])
    w = tf.constant(np.eye(8, dtype=np.float32))
    y = x
    for _ in range(5_000):
        y = tf.tanh(tf.matmul(y, w))
    (gradient,) = tf.gradients(y, x)
    with tf.Session() as session:
        value, slope = session.run([y, gradient], {x: np.full((2, 8), 0.5, np.float32)})
    seconds = time.process_time() - started
    assert seconds < 8, f"{seconds:.1f} s"
    want = np.float64(0.5)
    derivative = np.float64(1.0)
    for _ in range(5_000):
        want = np.tanh(want)
        derivative *= 1 - want**2
    np.testing.assert_allclose(value, np.full((2, 8), want), rtol=1e-3)
    np.testing.assert_allclose(slope, np.full((2, 8), derivative), rtol=1e-2)


def test_binding_again_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that another run has set may lie elsewhere: a step is bound anew, in as much
    memory as before; only sizes that grow take more.
    """
    rooms = []
    bind = Call._bind

    def noted(call: Call, arrays: list[np.ndarray]) -> None:
        bind(call, arrays)
        if call._entry is not None and call.fetches.items:
            rooms.append(call._entry.record.room)

    monkeypatch.setattr(Call, "_bind", noted)
    x = tf.placeholder(tf.float32, [None, 8])
    w = tf.Variable(np.ones((8, 4), np.float32))
    y = tf.matmul(tf.nn.softmax(tf.matmul(tf.tanh(x), w)), w, transpose_b=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        step = session.make_callable([y], [x])
        for _ in range(12):
            session.run(tf.assign(w, np.full((8, 4), 2.0, np.float32)))
            for _ in range(3):
                step(np.ones((50, 8), np.float32))
        assert len(rooms) > 3 and len(set(rooms)) == 1, rooms
        step(np.ones((60, 8), np.float32))
        assert rooms[-1] == int(rooms[0] * 1.5)
