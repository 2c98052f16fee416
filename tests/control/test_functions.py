"""Nested functions: what passes make of them, their text, and that they stay whole."""

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.program import Options, Program
from graphc.codegen.state import SessionState
from graphc.ir.equality import function_difference
from graphc.ir.function import Function
from graphc.ir.interpreter import run_function
from graphc.ir.nested import all_functions, nested_functions
from graphc.ir.passes import DEFAULT_PIPELINE, Verifying
from graphc.ir.text import parse_function, print_function
from graphc.ir.text_values import ParseError


def optimized(fetches, feeds, pipeline=DEFAULT_PIPELINE) -> Function:
    """The function of a run, verified after each pass."""
    options = Options(pipeline=pipeline, observers=(Verifying(),))
    graph = tf.get_default_graph()
    program = Program(graph, fetches, (), list(feeds), options)
    return program.optimize(program.resolve(list(feeds.values()), SessionState()))


def model():
    x = tf.placeholder(tf.float32, [None, 3])
    steps = tf.shape(x)[0]
    array = tf.TensorArray(tf.float32, steps)

    def body(i, h, a):
        h = tf.cond(tf.equal(i % 2, 0), lambda: tf.tanh(h + x[i]), lambda: h * 2.0)
        return i + 1, h, a.write(i, h)

    _, h, array = tf.while_loop(lambda i, *_: i < steps, body, [0, x[0], array])
    loss = tf.reduce_sum(array.stack()) + tf.reduce_sum(h)
    return x, [loss, *tf.gradients(loss, x)]


@pytest.mark.parametrize("pipeline", ["", DEFAULT_PIPELINE])
def test_text_reads_back_and_runs(pipeline: str) -> None:
    x, fetches = model()
    data = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    function = optimized(fetches, {x: data}, pipeline)
    constants: dict[str, np.ndarray] = {}
    text = print_function(function, constants)
    assert "\n  body = graphc.function v1" in text
    again = parse_function(text, constants)
    assert function_difference(function, again) is None
    assert print_function(again) == text
    feeds = {x.name: data}
    wanted, got = (run_function(f, feeds).results for f in (function, again))
    for a, b in zip(wanted, got, strict=True):
        np.testing.assert_array_equal(a, b)
    broken = text.replace("    parameter variable", "    parameter nothing", 1)
    number = next(i for i, line in enumerate(broken.split("\n"), 1) if "parameter nothing" in line)
    with pytest.raises(ParseError, match=f"line {number}: unknown kind of parameter"):
        parse_function(broken, constants)
    with pytest.raises(ParseError, match="must follow, indented"):
        parse_function(text.replace("\n  body = ", "\n  other = "), constants)


def test_what_nobody_reads_is_not_computed() -> None:
    x = tf.placeholder(tf.float32, [None])
    _, y, _, _same, _ = tf.while_loop(
        lambda i, y, dead, same, other: i < 3,
        lambda i, y, dead, same, other: (i + 1, y * same, tf.exp(dead), same, tf.sqrt(other)),
        [0, x, x, x, x],
    )
    function = optimized([y], {x: np.ones(2, np.float32)})
    (loop,) = [op for op in function.operations if op.type == "While"]
    assert loop.attrs["names"] == ("c0", "c1", "k0") and loop.attrs["carries"] == 2
    types = {op.type for op in loop.attrs["body"].operations}
    assert types.isdisjoint({"Exp", "Sqrt"})


def test_a_gradient_keeps_only_what_it_reads() -> None:
    x = tf.placeholder(tf.float32, [None])
    _, y = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.exp(h) + 1.0)), [0, x])
    (dx,) = tf.gradients(y, x)
    function = optimized([dx], {x: np.ones(2, np.float32)})
    (loop,) = [op for op in function.operations if op.type == "While"]
    kept = loop.attrs["body"].results[1:]
    assert sorted(t.op.type for t in kept) == ["Exp", "Tanh"]


def test_every_pass_sees_nested_functions() -> None:
    x, fetches = model()
    function = optimized(fetches, {x: np.ones((2, 3), np.float32)})
    inside = all_functions(function)
    assert len(inside) > 4
    for part in inside:
        assert not any(op.definition.decompose for op in part.operations)
    assert any(nested_functions(op) for part in inside[1:] for op in part.operations)


def _operations(fetch, feeds) -> set[str]:
    return {op.type for part in all_functions(optimized([fetch], feeds)) for op in part.operations}


def test_cheap_branches_become_a_selection(sess: tf.Session) -> None:
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [None])
    y = tf.cond(p, lambda: x * 2.0, lambda: tf.exp(x))
    feed = {p: np.array(True), x: np.array([1.0, 2.0], np.float32)}
    assert {"SelectV2"} <= _operations(y, feed) and "If" not in _operations(y, feed)
    (dx,) = tf.gradients(y, x)
    assert sess.run(dx, feed).tolist() == [2.0, 2.0]
    np.testing.assert_allclose(sess.run(y, {**feed, p: False}), np.exp([1.0, 2.0]), rtol=1e-6)


def test_a_branch_that_may_fail_or_costs_much_stays_one(sess: tf.Session) -> None:
    p, n = tf.placeholder(tf.bool, []), tf.placeholder(tf.int32, [])
    square = tf.placeholder(tf.float32, [None, None])
    divided = tf.cond(p, lambda: 10 // n, lambda: n)
    assert "If" in _operations(divided, {p: np.array(True), n: np.array(2, np.int32)})
    assert sess.run(divided, {p: False, n: 0}) == 0
    product = tf.cond(p, lambda: tf.matmul(square, square), lambda: square)
    feed = {p: np.array(True), square: np.eye(2, dtype=np.float32)}
    assert "If" in _operations(product, feed)


def test_a_known_predicate_leaves_one_branch(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.cond(tf.constant(False), lambda: x, lambda: tf.matmul(x, tf.ones([2, 2])))
    dx = tf.gradients(y, x)[0]
    data = np.ones((3, 2), np.float32)
    for fetch in (y, dx):
        assert "If" not in _operations(fetch, {x: data})
        assert (sess.run(fetch, {x: data}) == 2.0).all()


def test_what_does_not_change_moves_out_of_loops(sess: tf.Session) -> None:
    x, w = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])

    def body(i, h):
        inner = tf.while_loop(
            lambda j, k: j < 2, lambda j, k: (j + 1, k * tf.reduce_sum(tf.exp(w))), [0, h]
        )
        return i + 1, tf.tanh(inner[1] + tf.sqrt(x))

    _, y = tf.while_loop(lambda i, h: i < 3, body, [0, x])
    feed = {x: np.array([1.0, 4.0], np.float32), w: np.zeros(3, np.float32)}
    function = optimized([y], feed)
    assert {"Exp", "Sqrt", "Sum"} <= {op.type for op in function.operations}
    inside = {op.type for part in all_functions(function)[1:] for op in part.operations}
    assert "Tanh" in inside and inside.isdisjoint({"Exp", "Sqrt", "Sum"})
    plain = optimized([y], feed, "dce")
    given = {t.name: array for t, array in feed.items()}
    wanted = run_function(plain, given).results[0]
    np.testing.assert_allclose(run_function(function, given).results[0], wanted, rtol=1e-6)
    np.testing.assert_allclose(sess.run(y, feed), wanted, rtol=1e-5)


def test_what_may_fail_stays_in_its_loop(sess: tf.Session) -> None:
    n, d = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
    _, total = tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + 12 // d), [0, 0])
    assert sess.run(total, {n: 0, d: 0}) == 0 and sess.run(total, {n: 2, d: 4}) == 6
    with pytest.raises(tf.errors.InvalidArgumentError, match="division by zero"):
        sess.run(total, {n: 1, d: 0})
