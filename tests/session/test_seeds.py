"""Seeds: the same numbers in every run of the same program."""

import subprocess
import sys

import numpy as np
import pytest

import graphc as tf

PROGRAM = """
import graphc as tf
tf.set_random_seed(7)
a = tf.random_normal([5])
b = tf.random_uniform([3], seed=4)
c = tf.random_shuffle(tf.range(6))
d = tf.truncated_normal([2, 2])
e = tf.multinomial([[0.0, 1.0, 2.0]], 8)
with tf.Session() as session:
    for _ in range(2):
        for value in session.run([a, b, c, d, e]):
            print(value.tobytes().hex())
"""


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


def drawn(threads: str) -> str:
    environment = {"GRAPHC_NUM_THREADS": threads}
    import os

    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return result.stdout


def test_processes_and_thread_counts_agree() -> None:
    first = drawn("1")
    assert len(first.splitlines()) == 10
    assert first == drawn("1") == drawn("2")


def test_a_new_session_starts_the_sequence_again() -> None:
    tf.set_random_seed(1)
    x = tf.random_normal([4])
    runs = []
    for _ in range(2):
        with tf.Session() as session:
            runs.append([session.run(x) for _ in range(3)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[0][1])


def test_targets_draw_the_same_bits() -> None:
    tf.set_random_seed(3)
    fetches = [tf.random_normal([70]), tf.random_uniform([9, 9]), tf.truncated_normal([33]),
               tf.random_shuffle(tf.range(40))]  # fmt: skip
    values = []
    for target in ("", "numpy"):
        with tf.Session(target=target) as session:
            values.append(session.run(fetches))
    for native, interpreted in zip(*values, strict=True):
        assert native.tobytes() == interpreted.tobytes()


def test_without_seeds_sessions_differ() -> None:
    x = tf.random_normal([8])
    with tf.Session() as one, tf.Session() as other:
        assert not np.array_equal(one.run(x), other.run(x))


def test_two_operations_with_one_seed_draw_alike() -> None:
    a, b = tf.random_uniform([5], seed=11), tf.random_uniform([5], seed=11)
    with tf.Session() as session:
        first, second = session.run([a, b])
    np.testing.assert_array_equal(first, second)


def test_a_failed_run_does_not_advance() -> None:
    tf.set_random_seed(5)
    x = tf.random_normal([3])
    i = tf.placeholder(tf.int32, [])
    y = tf.gather(x, i)
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run([x, y], {i: 9})
        after = session.run(x)
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(x), after)
