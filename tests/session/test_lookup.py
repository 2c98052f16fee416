"""`Session.run` finds what ran before by the identity of fetches and feed keys, in native code."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cpu import entry, lookup
from graphc.session.base import BaseSession

ONES = np.ones(3, np.float32)


@pytest.fixture
def session() -> Any:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def _run(session: Any, *arguments: Any, **options: Any) -> Any:
    for _ in range(3):
        result = session.run(*arguments, **options)
    return result


def test_is_native_once_something_is_bound(session: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    _run(session, x + 1, {x: ONES})
    assert entry.available()
    assert type(BaseSession.__dict__["run"]) is type(str.__dict__["join"])
    parameters = list(inspect.signature(session.run).parameters)
    assert parameters == ["fetches", "feed_dict", "options", "run_metadata"]
    assert "Compute `fetches`" in tf.Session.run.__doc__


def test_calls_are_told_apart(session: Any) -> None:
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    a, b = x + y, x - y
    twos = 2 * ONES
    for _ in range(4):
        assert session.run(a, {x: ONES, y: twos}).tolist() == [3, 3, 3]
        assert session.run(b, {x: ONES, y: twos}).tolist() == [-1, -1, -1]
        assert session.run(b, {y: ONES, x: twos}).tolist() == [1, 1, 1]
        assert [v.tolist() for v in session.run([a, b], {x: ONES, y: twos})] == [[3] * 3, [-1] * 3]
        assert [v.tolist() for v in session.run((b, a), {x: ONES, y: twos})] == [[-1] * 3, [3] * 3]
        assert type(session.run((b, a), {x: ONES, y: twos})) is tuple
        assert session.run([a], {a: ONES})[0].tolist() == [1, 1, 1]
        with pytest.raises(tf.errors.InvalidArgumentError, match="must feed"):
            session.run(a, {x: ONES})


def test_a_list_of_fetches_may_change(session: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    a, b = x + 1, x + 2
    fetches = [a]
    assert _run(session, fetches, {x: ONES})[0].tolist() == [2, 2, 2]
    fetches[0] = b
    assert session.run(fetches, {x: ONES})[0].tolist() == [3, 3, 3]
    fetches.append(a)
    assert len(session.run(fetches, {x: ONES})) == 2


def test_forms_of_the_call(session: Any) -> None:
    x = tf.placeholder_with_default(ONES, [3])
    y = x * 3
    assert _run(session, y).tolist() == [3, 3, 3]
    assert _run(session, y, None).tolist() == [3, 3, 3]
    assert _run(session, y, {}).tolist() == [3, 3, 3]
    assert _run(session, y, feed_dict={x: 2 * ONES}).tolist() == [6, 6, 6]
    assert _run(session, fetches=y, feed_dict={x: 2 * ONES}).tolist() == [6, 6, 6]
    assert session.run(y, {x: [1, 2, 3]}).tolist() == [3, 6, 9]
    assert session.run(y, None, tf.RunOptions(), tf.RunMetadata()).tolist() == [3, 3, 3]
    for wrong in ((), (y, {}, None, None, None)):
        with pytest.raises(TypeError):
            session.run(*wrong)
    with pytest.raises(TypeError):
        session.run(y, feeds={})
    with pytest.raises(TypeError):
        session.run(y, 3)


def test_more_calls_than_a_table_knows(session: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    fetches = [x + float(n) for n in range(lookup.MOST + 5)]
    for _ in range(3):
        for n, fetch in enumerate(fetches):
            assert session.run(fetch, {x: ONES})[0] == n + 1


def test_values_are_given_back(session: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = x + 1
    value, feeds = ONES.copy(), {}
    feeds[x] = value
    before = sys.getrefcount(value)
    for _ in range(10):
        session.run(y, feeds)
    assert sys.getrefcount(value) == before

    class Clearing:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            feeds.clear()
            return 2 * ONES

    feeds[x] = Clearing()
    assert session.run(y, feeds).tolist() == [3, 3, 3]


def test_a_subclass_may_override_it() -> None:
    class Counting(tf.Session):
        count = 0

        def run(self, *arguments: Any, **options: Any) -> Any:
            self.count += 1
            return super().run(*arguments, **options)

    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        session = Counting()
        assert _run(session, x + 1, {x: ONES}).tolist() == [2, 2, 2]
        assert session.count == 3


def test_a_closed_session_knows_nothing() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        y = x + 1
        session = tf.Session()
        _run(session, y, {x: ONES})
        session.close()
        with pytest.raises(RuntimeError, match="closed Session"):
            session.run(y, {x: ONES})


def test_sessions_have_tables_of_their_own() -> None:
    with tf.Graph().as_default():
        v = tf.Variable(1.0)
        one, two = tf.Session(), tf.Session()
        one.run(v.initializer)
        two.run(v.initializer)
        add = tf.assign_add(v, 1.0)
        for n in range(5):
            assert one.run(add) == n + 2
        assert two.run(v) == 1
