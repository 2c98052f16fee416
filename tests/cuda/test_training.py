"""A small classifier trains on the CUDA target as in the interpreter; random draws agree."""

import numpy as np

import graphc as tf

STEPS = 3


def losses_and_weights(target: str) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    graph = tf.Graph()
    with graph.as_default():
        x, labels = tf.placeholder(tf.float32, [None, 8]), tf.placeholder(tf.int32, [None])
        hidden, classes = 6, 3
        w1 = tf.Variable(generator.normal(size=(8, hidden)).astype(np.float32))
        b1 = tf.Variable(tf.zeros([hidden]))
        w2 = tf.Variable(generator.normal(size=(hidden, classes)).astype(np.float32))
        b2 = tf.Variable(tf.zeros([classes]))
        logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2) + b2
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
        step = tf.train.GradientDescentOptimizer(0.25).minimize(loss)
        found = []
        with tf.Session(target) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(STEPS):
                batch = {
                    x: generator.normal(size=(5, 8)),
                    labels: generator.integers(0, classes, 5),
                }
                found.append(session.run([loss, step], batch)[0])
            found += session.run([w1, b1, w2, b2])
    return found


def test_sgd_steps() -> None:
    simulated, expected = losses_and_weights("cuda"), losses_and_weights("numpy")
    for got, want in zip(simulated, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert expected[0] != expected[1]


def draws(target: str) -> list[np.ndarray]:
    with tf.Graph().as_default():
        tf.set_random_seed(11)
        fetches = [
            tf.random_uniform([3, 30]), tf.random_normal([70]), tf.truncated_normal([40]),
            tf.random_uniform([25], maxval=9, dtype=tf.int32), tf.random_shuffle(tf.range(17)),
            tf.random_normal([10], dtype=tf.float64),
        ]  # fmt: skip
        with tf.Session(target) as session:
            return [a for _ in range(2) for a in session.run(fetches)]


def test_random_numbers_have_the_same_bits() -> None:
    simulated, expected = draws("cuda"), draws("numpy")
    for got, want in zip(simulated, expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert not np.array_equal(expected[0], expected[6])


def test_statistics_count_kernels_once() -> None:
    x = tf.placeholder(tf.float32, [None])
    fetches = [tf.exp(x) * 3.0 - 1.0, tf.reduce_sum(x * x * x)]
    with tf.Session("cuda") as session:
        for size in (4, 5):
            session.run(fetches, {x: np.ones(size, np.float32)})
    with tf.Session("cuda") as session:
        session.run(fetches, {x: np.ones(6, np.float32)})
        assert session._state.statistics["kernels_compiled"] == 0


def branches_and_loops(target: str) -> list[np.ndarray]:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 3])
        w = tf.Variable([1.0, 0.5, 2.0])

        def body(i: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            noise = tf.random_uniform([3], seed=4)
            return i + 1, tf.cond(i > 1, lambda: tf.exp(h) * w, lambda: h + x + noise)

        _, h = tf.while_loop(lambda i, _: i < 4, body, [0, x * 2.0])
        step = tf.train.GradientDescentOptimizer(0.01).minimize(tf.reduce_sum(tf.tanh(h)))
        with tf.Session(target) as session:
            session.run(tf.global_variables_initializer())
            feed = {x: np.array([[0.1, -0.2, 0.3]])}
            runs = [session.run([h, step], feed)[0] for _ in range(2)]
            return [*runs, session.run(w)]


def test_branches_and_loops() -> None:
    simulated, expected = branches_and_loops("cuda"), branches_and_loops("numpy")
    for got, want in zip(simulated, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(expected[0], expected[1])
