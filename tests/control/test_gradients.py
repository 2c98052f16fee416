"""Gradients through branches and loops, first and second order, against finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf


def _repeat(times: int, step: Callable[..., Any], start: Any) -> Any:
    return tf.while_loop(lambda i, h: i < times, lambda i, h: (i + 1, step(i, h)), [0, start])[1]


def _swapped(x: Any, w: Any) -> Any:
    a, b = tf.while_loop(
        lambda i, a, b: i < 3, lambda i, a, b: (i + 1, b * w, tf.sin(a)), [0, x, x * 2.0]
    )[1:]
    return a + b


CASES: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "branch": (
        lambda x, w: tf.cond(
            tf.reduce_sum(x) > 0, lambda: tf.sin(x) * w * w, lambda: tf.exp(x) * w
        ),
        ((3,), (3,)),
    ),
    "loop": (lambda x, w: _repeat(4, lambda i, h: tf.tanh(h * w + x), x), ((3,), (3,))),
    "product": (
        lambda x, w: _repeat(4, lambda i, h: tf.tanh(tf.matmul(h, w) + x), x),
        ((2, 3), (3, 3)),
    ),
    "two carries that trade places": (_swapped, ((3,), (3,))),
    "branch in loop": (
        lambda x, w: _repeat(
            4,
            lambda i, h: tf.cond(
                tf.equal(i % 2, 0), lambda: tf.sin(h) * w, lambda: h * h + x
            ),
            x,
        ),
        ((3,), (3,)),
    ),
    "loop in loop": (
        lambda x, w: _repeat(
            3, lambda i, h: _repeat(2, lambda j, k: tf.sin(k * w) + x, h), x
        ),
        ((3,), (3,)),
    ),
    "loop in branch": (
        lambda x, w: tf.cond(
            tf.reduce_sum(x) > 0,
            lambda: _repeat(2, lambda j, k: tf.sin(k * w) + x, x),
            lambda: x * w,
        ),
        ((3,), (3,)),
    ),
    "rows of a captured array": (
        lambda x, w: _repeat(4, lambda i, h: tf.tanh(h * w + tf.gather(x, i)), w),
        ((4, 3), (3,)),
    ),
    "what the loop does not change is made inside": (
        lambda x, w: _repeat(3, lambda i, h: tf.sin(h) * tf.exp(w), x),
        ((3,), (3,)),
    ),
}  # fmt: skip


def _differences(f: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    result = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        result[index] = (f(x + step) - f(x - step)) / 2e-6
    return result


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_differences(name: str, sess: tf.Session) -> None:
    build, shapes = CASES[name]
    rng = np.random.default_rng(0)
    xs = [tf.placeholder(tf.float64, [None] * len(shape)) for shape in shapes]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    y = build(*xs)
    first = tf.gradients(y, xs)
    square = tf.add_n([tf.reduce_sum(tf.square(dx)) for dx in first])
    second = tf.gradients(square, xs)
    for value, dxs in ((y, first), (square, second)):
        got = sess.run(dxs, dict(zip(xs, arrays, strict=True)))
        for number, array in enumerate(arrays):

            def run(changed: np.ndarray, number: int = number, value: Any = value) -> float:
                fed = [changed if n == number else a for n, a in enumerate(arrays)]
                return float(np.sum(sess.run(value, dict(zip(xs, fed, strict=True)))))

            np.testing.assert_allclose(got[number], _differences(run, array), 1e-4, 1e-5)
