"""Embeddings, candidate samplers and the losses made of them."""

from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)


def zipf(size: int) -> np.ndarray:
    classes = np.arange(size)
    return np.log1p(1 / (classes + 1)) / np.log(size + 1)


def simulated(p: np.ndarray, count: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each class is among `count` distinct draws, and the mean of what TF expects."""
    drawn, told = np.zeros(len(p)), np.zeros(len(p))
    stream = RNG.choice(len(p), size=(runs, 400), p=p / p.sum())
    for row in stream.tolist():
        seen = dict.fromkeys(row[:count])
        tries = count
        while len(seen) < count:
            seen[row[tries]] = None
            tries += 1
        drawn[list(seen)] += 1
        told += count * p if tries == count else -np.expm1(tries * np.log1p(-p))
    return drawn / runs, told / runs


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("name", ["uniform", "log_uniform"])
def test_what_is_drawn_and_what_is_expected(name: str, unique: bool) -> None:
    size, count, runs = 20, 5, 1500
    p = zipf(size) if name == "log_uniform" else np.full(size, 1 / size)
    sampler = getattr(tf.nn, f"{name}_candidate_sampler")
    drawn = sampler(np.arange(size)[None], size, count, unique, size, seed=5)
    counts, told = np.zeros(size), np.zeros(size)
    with tf.Session() as sess:
        run = sess.make_callable(list(drawn))
        for _ in range(runs):
            classes, expected, own = run()
            assert classes.dtype == np.int64 and classes.shape == (count,)
            assert not unique or len(set(classes.tolist())) == count
            np.testing.assert_allclose(own, expected[0, classes], rtol=1e-6)
            np.add.at(counts, classes, 1)
            told += expected[0]
    wanted = simulated(p, count, 4000) if unique else (count * p, count * p)
    np.testing.assert_allclose(counts / runs, wanted[0], atol=0.08)
    np.testing.assert_allclose(told / runs, wanted[1], atol=0.02 if unique else 1e-5)


def test_distinct_candidates_of_all_classes(sess: tf.Session) -> None:
    drawn = tf.nn.log_uniform_candidate_sampler([[0]], 1, 30, True, 30)
    for _ in range(5):
        classes, expected, _ = sess.run(list(drawn))
        assert sorted(classes.tolist()) == list(range(30))
        assert expected[0, 0] == pytest.approx(1, abs=1e-3)


def test_seeds(sess: tf.Session) -> None:
    def make(seed: int) -> Any:
        return tf.nn.log_uniform_candidate_sampler([[0]], 1, 20, True, 1000, seed=seed)[0]

    one, same, other = make(3), make(3), make(4)
    first = sess.run([one, same, other])
    assert np.array_equal(first[0], first[1]) and not np.array_equal(first[0], first[2])
    assert not np.array_equal(sess.run(one), first[0])
    with tf.Session("numpy") as again:
        assert np.array_equal(again.run(one), first[0])


def test_cost_does_not_depend_on_the_number_of_classes() -> None:
    from graphc.codegen.fusion import fuse
    from graphc.codegen.plan import plan

    drawn = tf.nn.log_uniform_candidate_sampler([[0]], 1, 64, True, 10**6)
    found = plan(fuse(tf.Session().optimized(list(drawn))))
    extents = [axis.extent for launch in found.launches for axis in launch.kernel.axes]
    assert max(extents) < 1000


def losses_by_hand(
    w: np.ndarray, b: np.ndarray, x: np.ndarray, labels: np.ndarray, values: Any, remove: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets of the sampled losses."""
    sampled, true_expected, sampled_expected = values
    true = np.einsum("bd,btd->bt", x, w[labels]) + b[labels] - np.log(true_expected)
    other = x @ w[sampled].T + b[sampled] - np.log(sampled_expected)
    if remove:
        hit = (labels[:, :, None] == sampled).any(1)
        other = np.where(hit, np.finfo(np.float64).min, other)
    targets = [np.full(true.shape, 1 / labels.shape[1]), np.zeros(other.shape)]
    return np.concatenate([true, other], 1), np.concatenate(targets, 1)


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.parametrize("num_true", [1, 2])
def test_losses(sess: tf.Session, num_true: int, remove: bool) -> None:
    w, b, x = RNG.normal(size=(9, 4)), RNG.normal(size=9), RNG.normal(size=(3, 4))
    labels = RNG.integers(0, 9, (3, num_true))
    values = (
        np.array([int(labels[0, 0]), 3, 5, 7, 8]), RNG.uniform(0.1, 1, (3, num_true)),
        RNG.uniform(0.1, 1, 5),
    )  # fmt: skip
    tensors = [tf.Variable(v) for v in (w, b, x)]
    sess.run(tf.global_variables_initializer())
    given = {"sampled_values": tuple(map(tf.constant, values)), "remove_accidental_hits": remove}
    arguments = (tensors[0], tensors[1], tf.constant(labels), tensors[2], 5, 9, num_true)
    nce = tf.nn.nce_loss(*arguments, **given)
    softmax = tf.nn.sampled_softmax_loss(*arguments, **given)
    logits, targets = losses_by_hand(w, b, x, labels, values, remove)
    ours = sess.run([nce, softmax])
    expected = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-abs(logits)))
    np.testing.assert_allclose(ours[0], expected.sum(1), rtol=1e-6)
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    np.testing.assert_allclose(ours[1], -(logs * targets).sum(1), rtol=1e-6)
    slices = tf.gradients(softmax, tensors)
    assert isinstance(slices[0], tf.IndexedSlices) and isinstance(slices[1], tf.IndexedSlices)
    dense = sess.run([tf.convert_to_tensor(s) for s in slices])
    for tensor, gradient in zip(tensors, dense, strict=True):
        value = sess.run(tensor)
        direction = RNG.normal(size=value.shape)
        totals = []
        for step in (1e-6, -1e-6):
            tensor.load(value + step * direction, sess)
            totals.append(sess.run(softmax).sum())
        tensor.load(value, sess)
        numeric = (totals[0] - totals[1]) / 2e-6
        assert numeric == pytest.approx(np.sum(gradient * direction), rel=1e-5, abs=1e-7)


def test_training_with_the_default_sampler(sess: tf.Session) -> None:
    w, b = tf.Variable(tf.zeros([50, 8])), tf.Variable(tf.zeros([50]))
    x = tf.one_hot([0, 1, 2, 3], 8)
    labels = tf.constant([[7], [11], [13], [17]])
    loss = tf.reduce_mean(tf.nn.nce_loss(w, b, labels, x, 5, 50))
    step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    sess.run(tf.global_variables_initializer())
    for _ in range(200):
        sess.run(step)
    best = sess.run(tf.argmax(tf.matmul(x, w, transpose_b=True), 1))
    assert best.tolist() == [7, 11, 13, 17]


def test_accidental_hits(sess: tf.Session) -> None:
    rows, places, weights = sess.run(
        tf.nn.compute_accidental_hits([[1, 2], [3, 1]], np.array([5, 1, 3]), 2)
    )
    assert rows.tolist() == [0, 1, 1] and sorted(places.tolist()) == [1, 1, 2]
    assert rows.dtype == np.int32 and places.dtype == np.int64
    assert np.all(weights == np.finfo(np.float32).min)


def test_all_candidates(sess: tf.Session) -> None:
    classes, true, sampled = sess.run(
        list(tf.nn.all_candidate_sampler(tf.constant([[2]], tf.int64), 1, 4, True))
    )
    assert classes.tolist() == [0, 1, 2, 3] and true.tolist() == [[1]] and sampled.sum() == 4


@pytest.mark.parametrize("strategy", ["mod", "div"])
def test_partitioned_embeddings(sess: tf.Session, strategy: str) -> None:
    table = RNG.normal(size=(7, 3))
    parts = [table[i::3] for i in range(3)] if strategy == "mod" else np.array_split(table, 3)
    variables = [tf.Variable(part) for part in parts]
    ids = tf.placeholder(tf.int32, [None, None])
    rows = tf.nn.embedding_lookup(variables, ids, partition_strategy=strategy)
    clipped = tf.nn.embedding_lookup(variables, ids, strategy, max_norm=1.0)
    sess.run(tf.global_variables_initializer())
    wanted = np.array([[0, 6], [3, 3]])
    found, short = sess.run([rows, clipped], {ids: wanted})
    np.testing.assert_array_equal(found, table[wanted])
    norms = np.linalg.norm(table, axis=1)[wanted]
    np.testing.assert_allclose(np.linalg.norm(short, axis=2), np.minimum(norms, 1), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(rows, {ids: [[7]]})
    gradients = tf.gradients(rows * rows, variables)
    dense = sess.run([tf.convert_to_tensor(g) for g in gradients], {ids: wanted})
    whole = np.zeros_like(table)
    np.add.at(whole, wanted, 2 * table[wanted])
    split = [whole[i::3] for i in range(3)] if strategy == "mod" else np.array_split(whole, 3)
    for one, other in zip(dense, split, strict=True):
        np.testing.assert_allclose(one, other)


def test_misuse() -> None:
    labels = tf.zeros([2, 1], tf.int64)
    with pytest.raises(ValueError, match="distinct classes of 3"):
        tf.nn.uniform_candidate_sampler(labels, 1, 4, True, 3)
    with pytest.raises(ValueError, match="num_true = 2 columns"):
        tf.nn.log_uniform_candidate_sampler(labels, 2, 4, True, 30)
    with pytest.raises(ValueError, match="must be a matrix"):
        tf.nn.log_uniform_candidate_sampler([1, 2], 1, 4, True, 30)
    with pytest.raises(ValueError, match="at least 1"):
        tf.nn.log_uniform_candidate_sampler(labels, 1, 0, True, 30)
    for name in ("fixed_unigram", "learned_unigram"):
        with pytest.raises(NotImplementedError, match="log_uniform_candidate_sampler"):
            getattr(tf.nn, f"{name}_candidate_sampler")(labels, 1, 4, True, 30)
