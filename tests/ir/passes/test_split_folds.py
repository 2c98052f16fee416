"""Folds of large tensors become two folds, if the sizes allow it."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.program import Program
from graphc.codegen.state import SessionState
from graphc.ir.function import Function
from graphc.ir.passes.split_folds import rows


@pytest.mark.parametrize(
    ("shape", "cut", "whole"),
    [
        ((4096, 1024), ((64, 64, 1024), 1), ((4096, 1024), 1)),
        ((1 << 20,), ((64, 16384), 1), None),
        ((8, 8, 100_000), ((8, 8, 100_000), 2), ((8, 8, 100_000), 2)),
        ((32, 28, 28, 64), ((32, 28, 28, 64), 1), ((32, 28, 28, 64), 1)),
        ((3, 7, 99, 1000), ((3, 7, 99, 1000), 2), ((3, 7, 99, 1000), 2)),
        ((2, 600_000), ((2, 32, 18750), 2), None),
        ((1_048_573,), None, None),
        ((1_000_000, 1), ((64, 15625, 1), 1), None),
        ((), None, None),
    ],
)
def test_rows_depend_on_the_shape(
    shape: tuple[int, ...],
    cut: tuple[tuple[int, ...], int] | None,
    whole: tuple[tuple[int, ...], int] | None,
) -> None:
    assert rows(shape, True) == cut
    assert rows(shape, False) == whole


def optimized(fetches: list[tf.Tensor], feeds: dict[tf.Tensor, np.ndarray]) -> Function:
    program = Program(tf.get_default_graph(), fetches, [], list(feeds))
    return program.optimize(program.resolve(list(feeds.values()), SessionState()))


def folds(function: Function) -> int:
    return sum(op.type in ("Sum", "Max", "All") for op in function.operations)


def test_large_folds_take_two_steps() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [1024, 700])
        y = tf.reduce_sum(x * 2.0)
        z = tf.reduce_max(x, keepdims=True)
        a = tf.reduce_all(x > -9.0)
        feeds = {x: np.random.default_rng(1).normal(size=(1024, 700)).astype(np.float32)}
        assert folds(optimized([y, z, a], feeds)) == 6
        found = session.run([y, z, a], feeds)
    value = feeds[x].astype(np.float64)
    np.testing.assert_allclose(found[0], value.sum() * 2, rtol=1e-4)
    np.testing.assert_array_equal(found[1], value.max(keepdims=True))
    assert found[2]


@pytest.mark.parametrize("case", ["small", "unknown", "partial"])
def test_others_stay_whole(case: str) -> None:
    shape = {"small": (100, 100), "unknown": (1024, 700), "partial": (1024, 700)}[case]
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, None] if case == "unknown" else shape)
        y = tf.reduce_sum(x, 1 if case == "partial" else None)
        assert folds(optimized([y], {x: np.ones(shape, np.float32)})) == 1
