"""Contractions with windows, from the operation to native code, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import graphc as tf
from graphc.ir import opdef
from tests.codegen.windows import FILTERS, FORWARD, convolve, convolve_filters


@pytest.fixture(autouse=True)
def window_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two operation types, for this test alone, and a fresh graph."""
    for definition in (FORWARD, FILTERS):
        monkeypatch.setitem(opdef._REGISTRY, definition.name, definition)
    tf.reset_default_graph()


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def forward(x: tf.Tensor, f: tf.Tensor, strides: Sequence[int], rates: Sequence[int]) -> tf.Tensor:
    op = x.graph.op("WindowProduct", x, f, strides=tuple(strides), rates=tuple(rates))
    return op


# x, filters, strides, rates
CASES = (
    ((2, 9, 8, 3), (3, 3, 3, 5), (1, 1), (1, 1)),
    ((1, 16, 15, 1), (5, 5, 1, 32), (1, 1), (1, 1)),
    ((3, 11, 12, 4), (3, 2, 4, 17), (2, 3), (1, 1)),
    ((2, 11, 12, 4), (2, 3, 4, 8), (1, 1), (3, 2)),
    ((2, 7, 7, 20), (1, 1, 20, 40), (1, 1), (1, 1)),
    ((2, 7, 9, 6), (1, 1, 6, 10), (2, 2), (1, 1)),
    ((0, 7, 9, 6), (3, 3, 6, 10), (1, 1), (1, 1)),
    ((2, 30, 7), (4, 7, 9), (2,), (1,)),
    ((2, 5, 6, 7, 3), (2, 3, 2, 3, 6), (1, 2, 1), (1, 1, 2)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_forward(case: tuple, known: bool) -> None:
    x_shape, f_shape, strides, rates = case
    x = tf.placeholder(tf.float32, x_shape if known else [None] * len(x_shape))
    f = tf.placeholder(tf.float32, f_shape if known else [None] * len(f_shape))
    y = forward(x, f, strides, rates)
    feeds = {x: normal(*x_shape), f: normal(*f_shape)}
    with tf.Session() as session:
        result = session.run(y, feeds)
    np.testing.assert_allclose(
        result, convolve(feeds[x], feeds[f], strides, rates), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_filters(case: tuple, known: bool) -> None:
    x_shape, f_shape, strides, rates = case
    window = f_shape[:-2]
    counts = convolve(np.zeros(x_shape), np.zeros(f_shape), strides, rates).shape[1:-1]
    dy_shape = (x_shape[0], *counts, f_shape[-1])
    x = tf.placeholder(tf.float32, x_shape if known else [None] * len(x_shape))
    dy = tf.placeholder(tf.float32, dy_shape if known else [None] * len(x_shape))
    y = x.graph.op("WindowProductFilters", x, dy, strides=strides, rates=rates, window=window)
    feeds = {x: normal(*x_shape), dy: normal(*dy_shape)}
    with tf.Session() as session:
        result = session.run(y, feeds)
    expected = convolve_filters(feeds[x], feeds[dy], window, strides, rates)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)
