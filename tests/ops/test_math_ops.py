"""`tf.*` mathematics: names, dtypes, argument aliases and what wrappers compose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.ir.interpreter import run_function
from graphc.ir.passes.resolve import resolve

X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def run(fetches: Any, feeds: Any = None) -> Any:
    """The values of tensors by the interpreter."""
    single = not isinstance(fetches, (list, tuple))
    tensors = [fetches] if single else list(fetches)
    feeds = feeds or {}
    function = resolve(tensors[0].graph, tensors, [], feeds, lambda name: None)
    results = run_function(function, {t.name: a for t, a in feeds.items()}).results
    return results[0] if single else results


def placeholder(shape: Any = (None, 3)) -> Any:
    return tf.placeholder(tf.float32, shape)


# ------------------------------------------------------------------------------- names and dtypes


def test_names_are_those_of_tf1() -> None:
    x = placeholder()
    tensors = [
        tf.add(x, 2.0), tf.multiply(x, x), tf.matmul(x, X.T), tf.reduce_mean(x),
        tf.reduce_sum(x, 1),
        tf.div(x, x), tf.truediv(x, x), tf.cast(x, tf.int32), tf.to_float(1), tf.argmax(x, 1),
        tf.clip_by_value(x, 0.0, 1.0), tf.where(x > 0, x, x), tf.zeros_like(x), tf.add_n([x, x]),
        tf.reduce_logsumexp(x), tf.floordiv(x, x), tf.mod(x, x), tf.pow(x, 2.0),
    ]  # fmt: skip
    assert [t.op.name for t in tensors] == [
        "Add", "Mul", "MatMul", "Mean", "Sum", "div", "truediv", "Cast", "ToFloat", "ArgMax",
        "clip_by_value", "Select", "zeros_like", "AddN", "ReduceLogSumExp", "floordiv",
        "FloorMod", "Pow",
    ]  # fmt: skip
    names = [op.name for op in x.graph.get_operations()]
    assert {"Add/y", "MatMul/b", "Const", "Sum/reduction_indices", "ArgMax/dimension"} <= set(names)


def test_numbers_take_the_dtype_beside_them() -> None:
    x = placeholder()
    assert tf.multiply(2, x).dtype == tf.float32
    assert tf.subtract(x, np.ones(3)).dtype == tf.float32
    assert tf.maximum(tf.constant([1, 2], tf.int64), 1).dtype == tf.int64
    with pytest.raises(TypeError, match=r"Expected int32, got 0.5 .*test_math_ops.py"):
        tf.multiply(tf.constant(2), 0.5)


def test_divisions() -> None:
    quotients = [tf.div(7, 2), tf.divide(7, 2), tf.floordiv(-7, 2), tf.truncatediv(-7, 2)]
    assert [v.tolist() for v in run(quotients)] == [3, 3.5, -4, -3]
    assert [v.tolist() for v in run([tf.mod(-7, 3), tf.truncatemod(-7, 3)])] == [2, -1]
    with pytest.raises(TypeError, match="must have the same dtype"):
        tf.div(tf.constant(1), tf.constant(1.0))


def test_casts() -> None:
    x = tf.constant([-1.5, 300.0])
    assert tf.cast(x, tf.float32) is x
    assert run(tf.saturate_cast(x, tf.uint8)).tolist() == [0, 255]
    assert run(tf.saturate_cast(tf.constant([-5, 2**31 - 1]), tf.int8)).tolist() == [-5, 127]
    assert run(tf.cast(x, tf.bool)).tolist() == [True, True]


def test_like() -> None:
    x = placeholder()
    assert run(tf.ones_like(x, tf.bool), {x: X}).all()
    assert run(tf.zeros_like([1, 2])).tolist() == [0, 0]


# ------------------------------------------------------------------------------------- reductions


def test_reductions_take_old_and_new_names() -> None:
    x = placeholder()
    old = tf.reduce_sum(x, reduction_indices=[1], keep_dims=True)
    assert run(old, {x: X}).tolist() == [[6], [15]]
    assert tf.reduce_sum(x, axis=1, keepdims=True).get_shape().as_list() == [None, 1]
    with pytest.raises(ValueError, match="Cannot specify both 'reduction_indices' and 'axis'"):
        tf.reduce_mean(x, axis=1, reduction_indices=1)
    with pytest.raises(TypeError, match="DataType bool"):
        tf.reduce_mean(tf.equal(x, x))


def test_full_reduction_of_unknown_rank_is_a_scalar() -> None:
    x = placeholder(None)
    mean = tf.reduce_mean(x)
    assert mean.get_shape().as_list() == []
    assert run(mean, {x: X}) == 3.5
    (dx,) = tf.gradients(mean, x)
    assert np.allclose(run(dx, {x: X}), 1 / 6)


def test_reductions_pack_lists() -> None:
    x = tf.constant(2.0)
    assert run(tf.reduce_mean([x, 4.0])) == 3


def test_logsumexp_does_not_overflow() -> None:
    x = placeholder()
    feeds = {x: np.array([[1000, 1000, -1000], [-np.inf, -np.inf, -np.inf]], np.float32)}
    assert np.allclose(run(tf.reduce_logsumexp(x, 1), feeds), [1000 + np.log(2), -np.inf])
    assert tf.reduce_logsumexp(x, 1, keepdims=True).get_shape().as_list() == [None, 1]


def test_positions_and_counts() -> None:
    x = placeholder()
    values = run([tf.argmax(x, 1), tf.argmin(x), tf.arg_max(x, 0), tf.count_nonzero(x)], {x: X})
    assert [v.tolist() for v in values] == [[2, 2], [0, 0, 0], [1, 1, 1], 6]
    assert tf.argmax(x, dimension=1, output_type=tf.int32).dtype == tf.int32


@pytest.mark.parametrize("order", ["euclidean", 1, 2, np.inf, 3])
def test_vector_norms(order: Any) -> None:
    numpy_order = 2 if order == "euclidean" else order
    assert np.allclose(run(tf.norm(X, order, axis=1)), np.linalg.norm(X, numpy_order, axis=1))


def test_matrix_norms() -> None:
    for order in ("fro", 1, np.inf):
        assert np.allclose(run(tf.norm(X, order, axis=[0, 1])), np.linalg.norm(X, order))
    with pytest.raises(ValueError, match="not a supported vector norm"):
        tf.norm(X, "fro", axis=1)


# --------------------------------------------------------------------------------------- products


def test_matmul_chooses_by_rank() -> None:
    matrix, batch, unknown = placeholder(), placeholder((None, 2, 3)), placeholder(None)
    assert tf.matmul(matrix, X, transpose_b=True).op.type == "MatMul"
    assert tf.matmul(batch, X.T).get_shape().as_list() == [None, 2, 2]
    product = tf.matmul(unknown, X, adjoint_b=True)
    assert np.allclose(run(product, {unknown: X}), X @ X.T)
    assert (matrix @ X.T).op.name == "matmul_3"
    with pytest.raises(ValueError, match="Only one of transpose_a and adjoint_a"):
        tf.matmul(X, X, transpose_a=True, adjoint_a=True)


@pytest.mark.parametrize("axes", [0, 1, [[2], [0]], [[2, 1], [0, 1]], [-1, 0]])
def test_tensordot(axes: Any) -> None:
    a, b = np.random.default_rng(0).random((2, 3, 4)), np.random.default_rng(1).random((4, 3))
    x, y = tf.placeholder(tf.float64, [None, 3, None]), tf.placeholder(tf.float64, [4, None])
    assert np.allclose(run(tf.tensordot(x, y, axes), {x: a, y: b}), np.tensordot(a, b, axes))


# --------------------------------------------------------------------------------------- clipping


def test_clip_by_global_norm_keeps_none() -> None:
    x = placeholder()
    clipped, norm = tf.clip_by_global_norm([x, None, x * 2], 1.0)
    assert clipped[1] is None and clipped[0].op.name == "clip_by_global_norm/clip_by_global_norm/_0"
    values = run([clipped[0], clipped[2], norm], {x: X})
    assert np.isclose(values[2], np.sqrt(5 * (X**2).sum()))
    assert np.isclose(sum((v**2).sum() for v in values[:2]), 1)
    unclipped, _ = tf.clip_by_global_norm([x], 100.0)
    assert np.allclose(run(unclipped[0], {x: X}), X)
    assert np.isnan(run(unclipped[0], {x: X * np.inf})).all()


def test_clip_by_norm_has_a_gradient_at_zero() -> None:
    x = placeholder()
    clipped = tf.clip_by_norm(x, 1.0)
    assert np.isclose(np.linalg.norm(run(clipped, {x: X})), 1)
    (dx,) = tf.gradients(clipped, x)
    assert run(dx, {x: X * 0}).tolist() == np.ones_like(X).tolist()


def test_clip_by_value_refuses_wider_limits() -> None:
    with pytest.raises(ValueError, match="a limit widens the tensor"):
        tf.clip_by_value(placeholder(), np.zeros((2, 2, 3)), 1.0)


def test_sums_of_lists() -> None:
    x = placeholder()
    assert tf.add_n([x]) is x
    assert run(tf.accumulate_n([x, x, x]), {x: X}).tolist() == (X * 3).tolist()
    with pytest.raises(ValueError, match="list of at least one"):
        tf.add_n([])


def test_where_needs_both_alternatives() -> None:
    with pytest.raises(ValueError, match="both be non-None or both be None"):
        tf.where([True], [1])
    rows = tf.where([True, False], X, -X)
    assert run(rows).tolist() == [[1, 2, 3], [-4, -5, -6]]
