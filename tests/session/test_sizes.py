"""Run-time sizes: one compilation serves every batch size."""

import numpy as np
import pytest

import graphc as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


def classifier():
    """A small classifier with its loss, gradient step and a batch size that is itself fed."""
    x = tf.placeholder(tf.float32, [None, 6])
    labels = tf.placeholder(tf.int64, [None])
    w1 = tf.Variable(np.linspace(-1, 1, 30).reshape(6, 5).astype(np.float32))
    w2 = tf.Variable(np.linspace(1, -1, 15).reshape(5, 3).astype(np.float32))
    logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1)), w2)
    loss = tf.reduce_sum(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    gradients = tf.gradients(loss, [w1, w2])
    return x, labels, [logits, loss, tf.nn.softmax(logits), *gradients]


def test_a_thousand_batch_sizes_compile_once() -> None:
    x, labels, fetches = classifier()
    generator = np.random.default_rng(1)
    with tf.Session() as session, tf.Session(target="numpy") as oracle:
        for one in (session, oracle):
            one.run(tf.global_variables_initializer())
        before = session.statistics["compilations"]
        sizes = [7, 0, 1, *generator.permutation(np.arange(2, 999)).tolist()]
        assert len(sizes) == 1000
        for number, size in enumerate(sizes):
            feed = {
                x: generator.standard_normal((size, 6)).astype(np.float32),
                labels: generator.integers(0, 3, size),
            }
            results = session.run(fetches, feed)
            if number < 20 or number % 50 == 0:
                for got, want in zip(results, oracle.run(fetches, feed), strict=True):
                    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4)
        assert session.statistics["compilations"] - before == 1


def test_sizes_that_happen_to_be_equal_in_the_first_run() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.placeholder(tf.float32, [None, 3])
    apart = [tf.reduce_sum(x), tf.reduce_mean(y, axis=0)]
    together = x + y
    generator = np.random.default_rng(2)
    with tf.Session() as session:
        for rows in ((4, 4), (4, 9), (2, 1)):
            a, b = (generator.standard_normal((n, 3)).astype(np.float32) for n in rows)
            total, mean = session.run(apart, {x: a, y: b})
            np.testing.assert_allclose(total, a.sum(), rtol=1e-5)
            np.testing.assert_allclose(mean, b.mean(0), rtol=1e-5)
        assert session.statistics["compilations"] == 1
        # equal sizes, then broadcasting ones, then equal ones again: two variants, both right
        for rows in ((4, 4), (4, 1), (1, 5), (6, 6)):
            a, b = (generator.standard_normal((n, 3)).astype(np.float32) for n in rows)
            np.testing.assert_allclose(session.run(together, {x: a, y: b}), a + b, rtol=1e-6)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"4.*5|5.*4"):
            session.run(together, {x: np.ones((4, 3)), y: np.ones((5, 3))})


def test_a_fed_batch_size_does_not_recompile() -> None:
    n = tf.placeholder(tf.int32, [])
    filled = tf.fill([n, 4], 2.5)
    state = tf.zeros(tf.stack([n, 3])) + 1.0
    drawn = tf.random_uniform([n, 2], seed=3)
    tiled = tf.tile(tf.constant([[1.0, 2.0]]), [n, 2])
    reshaped = tf.reshape(tf.range(n * 6), [n, 3, -1])
    fetches = [filled, state, drawn, tiled, reshaped, n * 2]
    with tf.Session() as session:
        for size in (3, 5, 1, 0, 64):
            a, b, c, d, e, twice = session.run(fetches, {n: size})
            np.testing.assert_array_equal(a, np.full((size, 4), 2.5, np.float32))
            np.testing.assert_array_equal(b, np.ones((size, 3), np.float32))
            assert c.shape == (size, 2)
            np.testing.assert_array_equal(d, np.tile(np.float32([[1, 2]]), (size, 2)))
            np.testing.assert_array_equal(e, np.arange(size * 6).reshape(size, 3, 2))
            assert twice == 2 * size
        assert session.statistics["compilations"] == 1


def test_sizes_computed_in_mid_run() -> None:
    lengths = tf.placeholder(tf.int32, [None])
    longest = tf.reduce_max(lengths)
    mask = tf.less(tf.range(longest)[tf.newaxis, :], lengths[:, tf.newaxis])
    ones = tf.ones([longest, 2]) * 3.0
    with tf.Session() as session:
        for values in ([2, 4, 1], [1], [7, 7]):
            got, block = session.run([mask, ones], {lengths: values})
            want = np.arange(max(values))[None, :] < np.array(values)[:, None]
            np.testing.assert_array_equal(got, want)
            np.testing.assert_array_equal(block, np.full((max(values), 2), 3.0, np.float32))
        assert session.statistics["compilations"] == 1


def test_unknown_rank() -> None:
    x = tf.placeholder(tf.float32)
    total = tf.reduce_sum(x * 2.0)
    with tf.Session() as session:
        for shape in ((), (3,), (2, 3), (2, 1, 2)):
            assert session.run(total, {x: np.ones(shape)}) == 2 * np.prod(shape)


@pytest.mark.parametrize("target", ["", "numpy"])
def test_fed_shapes_and_axes_of_any_length(target: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    shape, axes = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None])
    y = tf.reshape(x, shape)
    total = tf.reduce_sum(y, axes)
    values = np.arange(6, dtype=np.float32)
    with tf.Session(target=target) as session:
        for wanted, folded in (([1, 2, 3], [2, 0]), ([6], [0]), ([2, 3], [1]), ([3, 2], [0])):
            a, b = session.run([y, total], {x: values, shape: wanted, axes: folded})
            np.testing.assert_array_equal(a, values.reshape(wanted))
            np.testing.assert_array_equal(b, a.sum(tuple(folded)))


@pytest.mark.parametrize("target", ["", "numpy"])
def test_sizes_made_of_sizes_known_in_mid_run(target: str) -> None:
    x = tf.placeholder(tf.int32, [None])
    chosen = tf.py_func(lambda a: a[a > 1], [x], tf.int32)
    chosen.set_shape([None])
    twice = tf.reshape(tf.tile(tf.reshape(chosen, [-1, 1]), [1, 2]), [-1])
    passed = tf.Print(twice + 1, [tf.shape(chosen)])
    given = tf.py_func(lambda a: a - 1, [twice], tf.int32)
    given.set_shape([None])
    joined = tf.reshape(tf.concat([chosen, x, chosen], 0), [1, -1])
    with tf.Session(target=target) as session:
        for values in ([0, 1, 2, 3], [5], [1], []):
            big = np.array([v for v in values if v > 1], np.int32)
            np.testing.assert_array_equal(session.run(twice, {x: values}), big.repeat(2))
            a, b, c = session.run([passed, given, joined], {x: values})
            np.testing.assert_array_equal(a, big.repeat(2) + 1)
            np.testing.assert_array_equal(b, big.repeat(2) - 1)
            np.testing.assert_array_equal(c, [[*big, *values, *big]])


@pytest.mark.parametrize("target", ["", "numpy"])
def test_a_size_computed_in_mid_run_that_must_be_the_batch_size(target: str) -> None:
    x, n = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [])
    earlier = [tf.cast(x, tf.int64), tf.exp(x)]
    count = tf.cast(n + 1, tf.int32)
    total = x + tf.fill([count, 2], 1.0)
    other = tf.fill([tf.cast(2 * n + 2, tf.int32) // 2, 2], 1.0)
    with tf.Session(target=target) as session:
        for rows in (3, 5, 0):
            values = np.ones((rows, 2), np.float32)
            a, b, c, d = session.run([*earlier, total, total + other], {x: values, n: rows - 1})
            np.testing.assert_array_equal(a, values)
            np.testing.assert_allclose(b, np.exp(values), rtol=1e-6)
            np.testing.assert_array_equal(c, values + 1)
            np.testing.assert_array_equal(d, values + 2)
        with pytest.raises(tf.errors.InvalidArgumentError, match="do not fit together"):
            session.run([*earlier, total], {x: np.ones((3, 2)), n: 3})


@pytest.mark.parametrize("target", ["", "numpy"])
def test_a_wrong_size_computed_in_mid_run_names_the_line(target: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.slice(x, [0], tf.stack([tf.cast(tf.reduce_sum(x), tf.int32)]))
    with tf.Session(target=target) as session:
        assert session.run(y, {x: [1.0, 1.0, 0.0]}).shape == (2,)
        for wrong in ([4.0, 5.0, 0.0], [4.0, 5.0, 0.0, 0.0, 0.0]):
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                session.run(y, {x: wrong})
            text = str(caught.value)
            assert f"size[0] = ? is not in [0, ?]: 9 <= {len(wrong)} is wanted" in text
            assert "Slice" in text and "test_sizes.py:" in text


def test_an_axis_computed_in_mid_run_is_refused() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.reduce_sum(x, tf.cast(tf.reduce_max(x), tf.int32))
    with (
        tf.Session() as session,
        pytest.raises(tf.errors.InvalidArgumentError, match="must be known before it"),
    ):
        session.run(y, {x: np.ones((2, 3))})


def test_a_default_says_nothing_of_what_is_fed() -> None:
    graph = tf.Graph()
    with graph.as_default():
        count = tf.placeholder_with_default(3, [])
        zeros = tf.zeros([count])
        assert zeros.shape.as_list() == [None] and tf.get_static_value(count) is None
        with tf.Session() as session:
            assert session.run(zeros).shape == (3,)
            assert session.run(zeros, {count: 5}).shape == (5,)
