"""Folds of columns: many at once give the bits that few at once give in registers."""

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cpu.columns import FEW

FOLDS = {
    "sum": tf.reduce_sum,
    "mean": tf.reduce_mean,
    "max": tf.reduce_max,
    "min": tf.reduce_min,
    "prod": tf.reduce_prod,
}


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


def folded(name: str, values: np.ndarray, columns: int | None) -> np.ndarray:
    """The fold of each column; `columns` is what is known of their number."""
    tf.reset_default_graph()
    x = tf.placeholder(tf.as_dtype(values.dtype), [None, columns])
    with tf.Session() as session:
        return session.run(FOLDS[name](x, 0), {x: values})


@pytest.mark.parametrize("rows", [1, 2, 64, 129, 700])
@pytest.mark.parametrize("columns", [FEW + 1, 100, 2100, 9000])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("name", ["sum", "max"])
def test_equal_bits(name: str, dtype: str, columns: int, rows: int) -> None:
    generator = np.random.default_rng(rows)
    values = (generator.standard_normal((rows, columns)) * 100).astype(dtype)
    few = [values[:, at : at + 10] for at in (0, columns // 2, columns - 10)]
    expected = [folded(name, np.ascontiguousarray(part), 10) for part in few]
    for known in (columns, None):
        result = folded(name, values, known)
        for at, part in zip((0, columns // 2, columns - 10), expected, strict=True):
            np.testing.assert_array_equal(result[at : at + 10], part)


@pytest.mark.parametrize("name", sorted(FOLDS))
def test_against_numpy(name: str) -> None:
    values = np.random.default_rng(3).uniform(0.9, 1.1, (300, 257)).astype(np.float32)
    values[7, 3] = np.nan
    with np.errstate(invalid="ignore"):
        expected = getattr(np, name)(values.astype(np.float64), axis=0)
    np.testing.assert_allclose(folded(name, values, 257), expected, rtol=2e-5)


def test_no_rows() -> None:
    values = np.zeros((0, 100), np.float32)
    np.testing.assert_array_equal(folded("sum", values, 100), np.zeros(100))
    np.testing.assert_array_equal(folded("max", values, 100), np.full(100, -np.inf))


def test_two_folds_and_what_follows() -> None:
    values = np.random.default_rng(4).standard_normal((500, 300)).astype(np.float32)
    x = tf.placeholder(tf.float32, [None, None])
    mean, variance = tf.nn.moments(x, [0])
    with tf.Session() as session:
        result = session.run([mean, variance, tf.reduce_sum(x, 0) * 2.0 + 1.0], {x: values})
    wide = values.astype(np.float64)
    np.testing.assert_allclose(result[0], wide.mean(0), atol=1e-6)
    np.testing.assert_allclose(result[1], wide.var(0), rtol=1e-5)
    np.testing.assert_allclose(result[2], wide.sum(0) * 2 + 1, atol=1e-4)


def centred(values: np.ndarray, shift: np.ndarray, columns: int | None) -> list[np.ndarray]:
    """Folds of what needs numbers per column, whose elements are wanted too."""
    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [None, columns])
    y = tf.placeholder(tf.float32, [columns])
    scaled = tf.nn.relu((x - tf.sqrt(y)) * tf.exp(y))
    with tf.Session() as session:
        fetches = [scaled, tf.reduce_sum(scaled, 0), tf.reduce_max(scaled * x, 0) + tf.sqrt(y)]
        return session.run(fetches, {x: values, y: shift})


@pytest.mark.parametrize("rows", [1, 3, 64, 131])
@pytest.mark.parametrize("columns", [17, 33, 100, 2050])
def test_what_comes_before_and_what_is_stored(columns: int, rows: int) -> None:
    generator = np.random.default_rng(columns)
    values = generator.standard_normal((rows, columns)).astype(np.float32)
    shift = generator.uniform(0, 1, columns).astype(np.float32)
    expected = centred(values[:, :10].copy(), shift[:10], 10)
    for known in (columns, None):
        found = centred(values, shift, known)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a[..., :10], b)
        wide = np.maximum((values - np.sqrt(shift)) * np.exp(shift.astype(np.float64)), 0)
        np.testing.assert_allclose(found[1], wide.sum(0), rtol=1e-5, atol=1e-5)
        most = (wide * values).max(0) + np.sqrt(shift)
        np.testing.assert_allclose(found[2], most, rtol=1e-5, atol=1e-5)
