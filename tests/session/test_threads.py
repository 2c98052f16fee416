"""Results do not depend on the number of threads, to the bit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cpu import pool

THREADS = (1, 2, 3, 4, 5, 6, 7, 8)
Step = Callable[[Any], list[Any]]  # the fetches of each run, one after the other


def run(build: Step, threads: int) -> list[bytes]:
    """The bits of everything that a program returns."""
    config = tf.ConfigProto(intra_op_parallelism_threads=threads)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        tf.set_random_seed(7)
        return [np.asarray(value).tobytes() for value in build(session)]


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def feed(session: Any, function: Callable[..., Any], *arrays: np.ndarray) -> list[Any]:
    """Run a function of placeholders of unknown sizes."""
    places = [tf.placeholder(a.dtype, [None] * a.ndim) for a in arrays]
    fetches = function(*places)
    found = session.run(fetches, dict(zip(places, arrays, strict=True)))
    return list(found) if isinstance(fetches, (list, tuple)) else [found]


def elementwise(session: Any) -> list[Any]:
    x, y = values((300_007,)), values((300_007,), 1)
    return feed(session, lambda x, y: [tf.tanh(x) * y + tf.exp(-x * x), tf.erf(y)], x, y)


def broadcast(session: Any) -> list[Any]:
    return feed(
        session,
        lambda x, b: [x + b, tf.transpose(x), tf.maximum(x, 0.0)[:, 3:200]],
        values((700, 515)), values((515,), 1),
    )  # fmt: skip


def rows(session: Any) -> list[Any]:
    return feed(
        session,
        lambda x: [tf.nn.softmax(x), tf.reduce_sum(x, 1), tf.argmax(x, 1), tf.nn.log_softmax(x)],
        values((513, 1021)),
    )


def columns(session: Any) -> list[Any]:
    return feed(
        session,
        lambda x: [tf.reduce_sum(x, 0), tf.reduce_max(x, 0), tf.reduce_mean(x, 0)],
        values((900, 1021)),
    )


def whole(session: Any) -> list[Any]:
    return feed(
        session,
        lambda x: [tf.reduce_sum(x), tf.reduce_max(x), tf.nn.l2_loss(x), tf.argmax(x[:, 0])],
        values((1100, 1021)),
    )


def products_of(session: Any, m: int) -> list[Any]:
    return feed(
        session,
        lambda a, b, c: [
            tf.matmul(a, b), tf.nn.relu(tf.matmul(a, b) + 1.0),
            tf.matmul(b, a, transpose_a=True, transpose_b=True),
            tf.matmul(a, c, transpose_b=True),
        ],
        values((m, 700)), values((700, 311), 1), values((311, 700), 2),
    )  # fmt: skip


def products(session: Any) -> list[Any]:
    return [found for m in (1, 5, 33, 250) for found in products_of(session, m)]


def long_products(session: Any) -> list[Any]:
    return feed(
        session,
        lambda a, b: [tf.matmul(a, b) * 2.0, tf.matmul(a, a, transpose_a=True)],
        values((70, 5000)), values((5000, 90), 1),
    )  # fmt: skip


def vectors(session: Any) -> list[Any]:
    """A matrix times a vector, of known sizes: rows and columns trade places."""
    a, x = tf.Variable(values((3000, 1000))), tf.Variable(values((1000, 1), 1))
    y = tf.Variable(values((1, 3000), 2))
    session.run(tf.global_variables_initializer())
    return session.run([tf.matmul(a, x), tf.matmul(y, a), tf.matmul(x, a, True, True)])


def batches(session: Any) -> list[Any]:
    return feed(session, tf.matmul, values((13, 60, 70)), values((13, 70, 80), 1))


def rows_by_number(session: Any) -> list[Any]:
    table = tf.Variable(values((5000, 64)))
    session.run(tf.global_variables_initializer())
    numbers = np.random.default_rng(3).integers(0, 5000, 20_000).astype(np.int32)
    place = tf.placeholder(tf.int32, [None])
    taken = tf.gather(table, place)
    slices = tf.gradients(tf.reduce_sum(taken * taken), table)[0]
    dense = tf.convert_to_tensor(slices)
    found = session.run([taken, dense], {place: numbers})
    update = tf.scatter_add(table, place, taken)
    found.append(session.run(update, {place: numbers}))
    return found


def training(session: Any) -> list[Any]:
    x = tf.placeholder(tf.float32, [None, 256])
    labels = tf.placeholder(tf.int32, [None])
    hidden = x
    for number, (size, width) in enumerate([(256, 300), (300, 200), (200, 10)]):
        w, b = tf.Variable(values((size, width), number) * 0.05), tf.Variable(tf.zeros([width]))
        hidden = tf.matmul(hidden, w) + b
        if width != 10:
            hidden = tf.nn.dropout(tf.nn.relu(hidden), keep_prob=0.8, seed=number)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=hidden)
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    session.run(tf.global_variables_initializer())
    data = {x: values((256, 256), 9), labels: np.arange(256, dtype=np.int32) % 10}
    found = [session.run([loss, step], data)[0] for _ in range(5)]
    return found + session.run(tf.trainable_variables())


def drawing(session: Any) -> list[Any]:
    return session.run([tf.random_normal([400, 999], seed=1), tf.random_uniform([99_999], seed=2)])


PROGRAMS = [
    elementwise, broadcast, rows, columns, whole, products, long_products, vectors, batches,
    rows_by_number, training, drawing,
]  # fmt: skip


@pytest.mark.parametrize("build", PROGRAMS, ids=lambda build: build.__name__)
def test_threads_do_not_change_results(build: Step) -> None:
    alone = run(build, 1)
    for threads in THREADS[1:]:
        assert run(build, threads) == alone, threads


def test_the_first_index_out_of_range_is_named() -> None:
    x = np.ones(1000, np.float32)
    numbers = np.zeros(200_000, np.int32)
    numbers[[70_000, 70_001, 150_000]] = 1000, 1001, -5
    for threads in THREADS:
        config = tf.ConfigProto(intra_op_parallelism_threads=threads)
        with tf.Graph().as_default(), tf.Session(config=config) as session:
            place = tf.placeholder(tf.int32, [None])
            y = tf.gather(x, place) * 2.0
            for _ in range(3):
                with pytest.raises(tf.errors.InvalidArgumentError, match="index 1000 is not in"):
                    session.run(y, {place: numbers})


def test_sessions_in_many_threads() -> None:
    """Several sessions at once share one pool; each gets its own results."""
    alone = run(training, 1)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(3):
            if run(training, 1 + number % 3) != alone:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert pool.workers() < pool.MOST


def test_threads_take_part() -> None:
    run(elementwise, 4)
    assert pool.workers() >= 3


def test_the_environment_sets_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_NUM_THREADS", "many")
    with tf.Graph().as_default(), tf.Session() as session, pytest.raises(ValueError, match="many"):
        session.run(tf.constant(1.0) + tf.random_normal([]))
