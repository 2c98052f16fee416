"""Runs through the native entry and through Python give the same, however a step is called.

The first run of a step always goes through Python, so each test runs its step more than once.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cpu import entry


@pytest.fixture(params=["native", "python"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRAPHC_NO_ENTRY", "" if request.param == "native" else "1")
    entry.available.cache_clear()
    with tf.Graph().as_default():
        yield request.param
    entry.available.cache_clear()


def test_is_used_where_it_can_be(way: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    session = tf.Session()
    call = session.make_callable(x + 1, [x])
    assert (type(call) is type(len)) == (way == "native" and sys.implementation.name == "cpython")
    assert entry.available() == (way == "native")


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.float32).reshape(3, 2).T,
        np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2],
        np.arange(6, dtype=np.float64).reshape(2, 3),
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.zeros((0, 3), np.float32),
        [[1, 2, 3]],
        ((1.5, 2.5, 3.5),),
    ],
    ids=["plain", "transposed", "strided", "double", "swapped", "empty", "ints", "tuple"],
)
def test_values_are_converted(value: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    session = tf.Session()
    call = session.make_callable(x * 2, [x])
    for _ in range(3):
        got = call(value)
        assert got.dtype == np.float32 and got.flags.c_contiguous
        np.testing.assert_array_equal(got, np.asarray(value, np.float32) * 2)
        np.testing.assert_array_equal(session.run(x * 2, {x: value}), got)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (tf.float32, [0.1, 3, np.float32(2), np.float64(0.3), -(2**24), 1e300, True]),
        (tf.float64, [0.1, 3, np.float32(2), -(2**53), float("nan")]),
        (tf.int32, [7, -(2**31), np.int64(5), True]),
        (tf.int64, [7, 2**63 - 1, np.int32(5)]),
        (tf.bool, [True, False, np.bool_(True), 1]),
        (tf.uint8, [7, 255]),
    ],
)
def test_numbers_are_fed(dtype: tf.DType, values: list[Any]) -> None:
    x = tf.placeholder(dtype, [])
    call = tf.Session().make_callable(tf.identity(x), [x])
    call(values[0])
    for value in values:
        with np.errstate(over="ignore"):
            want = np.asarray(value, dtype.as_numpy_dtype)[()]
        got = call(value)
        assert type(got) is type(want)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (np.zeros((2, 4), np.float32), ValueError),
        (np.zeros(3, np.float32), ValueError),
        (np.float32(1), ValueError),
        (None, TypeError),
        ("text", ValueError),
        ([[1, 2], [3]], ValueError),
    ],
)
def test_values_that_do_not_fit(value: Any, error: type[Exception]) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    call = tf.Session().make_callable(x + 1, [x])
    good = np.ones((2, 3), np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(call(good), good + 1)
        with pytest.raises(error, match="Placeholder"):
            call(value)
    with pytest.raises(TypeError, match="1 values to feed, not 2"):
        call(good, good)
    with pytest.raises(TypeError):
        call(good, name=1)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**70])
def test_integers_that_do_not_fit(value: int) -> None:
    x = tf.placeholder(tf.int32, [])
    call = tf.Session().make_callable(x + 1, [x])
    for _ in range(2):
        assert call(5) == 6
        with pytest.raises(TypeError, match="not compatible"):
            call(value)


def test_structures_come_back() -> None:
    x = tf.placeholder(tf.float32, [2])
    variable = tf.Variable(1.0)
    update = tf.assign_add(variable, 1.0)
    total = tf.reduce_sum(x)
    session = tf.Session()
    session.run(variable.initializer)
    feed = {x: np.array([1, 2], np.float32)}
    for number in range(4):
        before = 1.0 + 3 * number
        assert session.run(update.op, feed) is None
        got = session.run([update.op, x, total, x], feed)
        assert got[0] is None and got[1] is got[3]
        assert type(got) is list and type(got[2]) is np.float32 and got[2] == 3
        pair = session.run((total, update), feed)
        assert pair == (3, before + 3) and type(pair) is tuple
        nested = session.run({"a": [total, {"b": x}], "c": variable, "d": update.op}, feed)
        before = session.run(variable)
        assert nested["c"] in (before, before - 1) and nested["d"] is None
        session.run(tf.assign(variable, 1.0 + 3 * (number + 1)))
        np.testing.assert_array_equal(nested["a"][1]["b"], [1, 2])
        assert session.run([], feed) == []


def test_results_belong_to_the_caller() -> None:
    x = tf.placeholder(tf.float32, [None])
    variable = tf.Variable([1.0, 2.0])
    constant = tf.constant([5.0, 6.0])
    session = tf.Session()
    session.run(variable.initializer)
    fetches = [x, variable, constant, x + 1]
    feed = np.array([3, 4], np.float32)
    first = session.run(fetches, {x: feed})
    for _ in range(3):
        got = session.run(fetches, {x: feed})
        assert all(array.flags.writeable for array in got)
        for array, want in zip(got, first, strict=True):
            np.testing.assert_array_equal(array, want)
            array[:] = -1
    np.testing.assert_array_equal(feed, [3, 4])


def test_failing_runs_change_nothing() -> None:
    table = tf.Variable(np.arange(4.0, dtype=np.float32))
    counter = tf.Variable(0)
    index = tf.placeholder(tf.int32, [None])
    with tf.control_dependencies([tf.assign_add(counter, 1), tf.assign(table, table * 2)]):
        row = tf.gather(tf.identity(table), index)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    for number in range(1, 4):
        session.run(row, {index: [0, 3]})
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)index 4 .*test_entry\.py"):
            session.run(row, {index: [0, 4]})
        assert session.run(counter) == number
        np.testing.assert_array_equal(session.run(table), np.arange(4.0) * 2.0**number)


def test_variables_that_move() -> None:
    x = tf.placeholder(tf.float32, [None])
    variable = tf.Variable([1.0, 2.0], validate_shape=False)
    session = tf.Session()
    session.run(variable.initializer)
    total = session.make_callable(tf.reduce_sum(variable))
    replace = tf.assign(variable, x, validate_shape=False)
    for size in (2, 2, 3, 0, 5):
        session.run(replace.op, {x: np.ones(size, np.float32)})
        assert total() == size
        assert total() == size
    session.run(variable.initializer)
    assert total() == 3


def test_variables_trading_places() -> None:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    old_a, old_b = tf.identity(a), tf.identity(b)
    with tf.control_dependencies([old_a, old_b]):
        swap = tf.group(tf.assign(a, old_b), tf.assign(b, old_a))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    for number in range(5):
        got = session.run([a, b])
        np.testing.assert_array_equal(
            got, [[1, 2], [3, 4]] if number % 2 == 0 else [[3, 4], [1, 2]]
        )
        session.run(swap)


def test_sizes_that_are_fed() -> None:
    count, sizes = tf.placeholder(tf.int32, []), tf.placeholder(tf.int64, [2])
    full = tf.fill([count, 3], 2.0)
    made = tf.zeros(sizes)
    session = tf.Session()
    for n in (4, 4, 0, 1, 9, np.int32(3), np.array(2, np.int32)):
        assert session.run(full, {count: n}).shape == (n, 3)
        assert session.run(made, {sizes: [n, 2]}).shape == (n, 2)
        assert session.run(made, {sizes: np.array([n, 5])}).shape == (n, 5)
    for _ in range(2):
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(full, {count: -1})


def test_unseen_sizes() -> None:
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.matmul(x, tf.ones([4, 4])) + tf.reduce_sum(tf.exp(x), axis=0)
    session = tf.Session()
    call = session.make_callable(y, [x])
    for rows in (7, 900, *range(2, 200), 0, 1, 2000, 3):
        value = np.full((rows, 4), 0.5, np.float32)
        want = value.sum(1, keepdims=True) + np.exp(value.astype(float)).sum(0)
        np.testing.assert_allclose(call(value), want, rtol=1e-5)
    assert session.statistics["runs"] == 204
    assert session.statistics["compilations"] <= 3


def test_random_numbers_go_on() -> None:
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        x = tf.random_normal([2], seed=4)
        y = tf.random_shuffle(tf.range(5), seed=1)
        session = tf.Session()
        got = [session.run([x, y]) for _ in range(4)]
        reference = tf.Session("numpy")
        for (a, b), (c, d) in zip(got, [reference.run([x, y]) for _ in range(4)], strict=True):
            np.testing.assert_allclose(a, c, rtol=1e-6)
            np.testing.assert_array_equal(b, d)


def test_closed_sessions_do_not_run() -> None:
    variable = tf.Variable(1.0)
    session = tf.Session()
    session.run(variable.initializer)
    call = session.make_callable(variable + 1)
    assert [call(), call(), call()] == [2, 2, 2]
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        call()
    with pytest.raises(RuntimeError, match="closed"):
        session.run(variable)


def test_callables_outlive_their_session() -> None:
    def make() -> Any:
        x = tf.placeholder(tf.float32, [None])
        variable = tf.Variable(np.ones(3, np.float32))
        session = tf.Session()
        session.run(variable.initializer)
        return session.make_callable(x * variable, [x])

    call = make()
    value = np.arange(3, dtype=np.float32)
    for _ in range(3):
        gc.collect()
        np.testing.assert_array_equal(call(value), value)


def test_threads_share_a_session() -> None:
    counter = tf.Variable(np.zeros(300_000, np.float32))
    other = tf.Variable(np.zeros(3, np.float32))
    step = tf.assign_add(counter, tf.sqrt(tf.ones([300_000])))
    small = tf.assign_add(other, [1.0, 1.0, 1.0])
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    failures: list[BaseException] = []

    def work(fetch: tf.Tensor, times: int) -> None:
        try:
            for _ in range(times):
                session.run(fetch.op)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(step, 40)) for _ in range(3)]
    threads += [threading.Thread(target=work, args=(small, 400)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    np.testing.assert_array_equal(session.run(counter), np.full(300_000, 120, np.float32))
    np.testing.assert_array_equal(session.run(other), [800, 800, 800])


def test_nothing_leaks() -> None:
    x = tf.placeholder(tf.float32, [None])
    session = tf.Session()
    fetches = [x + 1, tf.reduce_sum(x), x]
    value = np.ones(100, np.float32)
    session.run(fetches, {x: value})

    def counts() -> tuple[int, ...]:
        gc.collect()
        return (sys.getrefcount(value), sys.getrefcount(None), sys.getrefcount(value.dtype))

    session.run(fetches, {x: value})
    before = counts()
    for _ in range(1000):
        session.run(fetches, {x: value})
        with pytest.raises(ValueError, match="Cannot feed"):
            session.run(fetches, {x: 1.0})
    assert all(abs(a - b) < 100 for a, b in zip(before, counts(), strict=True))


def test_works_without_the_entry(way: str) -> None:
    """The entry's own test at first use decides; the variable that turns it off is obeyed."""
    program = "from graphc.codegen.cpu import entry; print(entry.available())"
    env = dict(os.environ)
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert found.stdout.strip() == str(way == "native"), found.stderr


def test_text_is_fed() -> None:
    """Text is converted anew each time, so no conversion makes it fit for native code."""
    text, x = tf.placeholder(tf.string, []), tf.placeholder(tf.float32, [])
    session = tf.Session()
    call = session.make_callable([text, x + 1], [text, x])
    for _ in range(4):
        assert call("word", 1.0) == [b"word", 2.0]
        assert session.run([text, x + 1], {text: "word", x: 1.0}) == [b"word", 2.0]


def test_a_lock_held_twice_is_held() -> None:
    counter = tf.Variable(0.0)
    step = tf.assign_add(counter, 1.0)
    session = tf.Session()
    session.run(counter.initializer)
    for _ in range(3):
        session.run(step.op)
    state = session._state
    thread = threading.Thread(target=lambda: session.run(step.op))
    with state.lock, state.lock:
        thread.start()
        thread.join(0.2)
        waits = thread.is_alive()
    thread.join()
    assert waits
    assert session.run(counter) == 4
