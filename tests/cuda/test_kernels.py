"""Families of kernels: every form, odd sizes, failures, sizes known in mid-run, host steps."""

from collections.abc import Callable

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cuda.forms import SIMULATOR
from graphc.ir import opdef
from tests.codegen.windows import FILTERS, FORWARD

Agree = Callable[..., list[np.ndarray]]
RNG = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def feed(*shape: int | None) -> tf.Tensor:
    return tf.placeholder(tf.float32, shape)


# -- elementwise


def test_elementwise_chain_over_many_blocks(agree: Agree) -> None:
    x, y = feed(None), feed(None)
    size = 2 * SIMULATOR.threads + 3
    agree([tf.tanh(x * y + 0.5) - tf.maximum(x, y), x > y], {x: normal(size), y: normal(size)})


@pytest.mark.parametrize(
    "shapes", [((3, 5), (5,)), ((3, 1), (1, 4)), ((2, 1, 3), (4, 1)), ((), (7,))]
)
def test_broadcast(agree: Agree, shapes: tuple[tuple[int, ...], ...]) -> None:
    x, y = (feed(*shape) for shape in shapes)
    agree([x * y + 1.0], {x: normal(*shapes[0]), y: normal(*shapes[1])})


def test_views_and_padding(agree: Agree) -> None:
    x = feed(None, None)
    moved = tf.transpose(tf.pad(x, [[1, 2], [0, 1]]))[::2, 1:]
    agree([tf.concat([moved, -moved], 1)], {x: normal(4, 5)})


def test_nan_and_infinity(agree: Agree) -> None:
    x, y = feed(None), feed(None)
    specials = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38], np.float32)
    a, b = (m.ravel() for m in np.meshgrid(specials, specials))
    fetches = [tf.maximum(x, y), tf.minimum(x, y), tf.sign(x), tf.is_nan(x), tf.is_inf(x),
               tf.nn.relu(x), tf.sigmoid(x), tf.floormod(x, y)]  # fmt: skip
    agree(fetches, {x: a, y: b})


def test_conversions_saturate(agree: Agree) -> None:
    x = feed(None)
    values = np.array([np.nan, np.inf, -np.inf, 1e10, -1e10, 300.7, -300.7, 2.9, -2.9], np.float32)
    kinds = (tf.int8, tf.uint8, tf.int16, tf.int32, tf.int64, tf.bool)
    agree([tf.cast(x, kind) for kind in kinds], {x: values})


def test_empty(agree: Agree) -> None:
    x = feed(None, None)
    results = agree([x + 1.0, tf.reduce_sum(x, 1), tf.reduce_max(x, 0)], {x: normal(0, 4)})
    assert results[1].shape == (0,)
    agree([tf.reduce_sum(x, 1), tf.matmul(x, x, transpose_b=True)], {x: normal(3, 0)})


# -- reductions


@pytest.mark.parametrize("width", [1, 2, 3, 8, 9, 21])
def test_row_softmax(agree: Agree, width: int) -> None:
    x = feed(None, None)
    agree([tf.nn.softmax(x), tf.nn.log_softmax(x)], {x: normal(5, width)})


@pytest.mark.parametrize("rows", [1, 4, 37])
def test_column_reduction(agree: Agree, rows: int) -> None:
    x = feed(None, None)
    fetches = [tf.reduce_sum(x, 0), tf.reduce_max(x, 0), tf.reduce_prod(x, 0)]
    agree(fetches, {x: normal(rows, 6)}, rtol=1e-5)


def test_whole_reduction(agree: Agree) -> None:
    x = feed(None, None)
    agree([tf.reduce_mean(x), tf.reduce_min(x), tf.nn.l2_loss(x)], {x: normal(7, 9)}, rtol=1e-5)


def test_middle_axis(agree: Agree) -> None:
    x = feed(None, None, None)
    agree([tf.reduce_sum(x, 1), tf.reduce_max(x, [0, 2])], {x: normal(3, 5, 4)}, rtol=1e-5)


def test_logical_reductions(agree: Agree) -> None:
    x = tf.placeholder(tf.bool, [None, None])
    agree([tf.reduce_any(x, 1), tf.reduce_all(x, 1)], {x: RNG.random((9, 11)) < 0.1})


@pytest.mark.parametrize("axis", [0, 1])
def test_arg_reductions_prefer_the_first(agree: Agree, axis: int) -> None:
    x = feed(None, None)
    value = RNG.integers(0, 3, (13, 12)).astype(np.float32)
    value[2, 5] = value[2, 9] = value[7, 3] = np.nan
    value[4] = -np.inf
    agree([tf.argmax(x, axis), tf.argmin(x, axis)], {x: value})


def test_a_row_reduction_is_repeatable() -> None:
    x = feed(None, None)
    total, value = tf.reduce_sum(x, 1), normal(4, 53)
    with tf.Session("cuda") as session:
        first, second = (session.run(total, {x: value}) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_updates_in_place() -> None:
    start, value = normal(6), normal(6, 11)
    x, state = feed(None, None), tf.Variable(start)
    table = tf.Variable(value)
    totals, soft = state.assign_sub(tf.reduce_sum(x, 1)), table.assign(tf.nn.softmax(table))
    with tf.Session("cuda") as session:
        session.run(tf.global_variables_initializer())
        session.run([totals.op, soft.op], {x: value})
        e = np.exp(value - value.max(1, keepdims=True))
        expected = [start - value.sum(1), e / e.sum(1, keepdims=True)]
        for got, want in zip(session.run([state, table]), expected, strict=True):
            np.testing.assert_allclose(got, want, 1e-5, 1e-6)


# -- products


@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (5, 3, 7), (4, 4, 4), (9, 2, 5), (1, 6, 9)])
def test_matmul_with_bias_and_relu(agree: Agree, m: int, n: int, k: int) -> None:
    a, b, bias = feed(None, None), feed(None, None), feed(None)
    product = tf.nn.relu(tf.nn.bias_add(tf.matmul(a, b), bias))
    agree([product], {a: normal(m, k), b: normal(k, n), bias: normal(n)}, rtol=1e-5)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_transposed_matmul(agree: Agree, first: bool, second: bool) -> None:
    a, b = feed(None, None), feed(None, None)
    product = tf.matmul(a, b, transpose_a=first, transpose_b=second)
    agree([product], {a: normal(*((7, 5) if first else (5, 7))),
                      b: normal(*((6, 7) if second else (7, 6)))}, rtol=1e-5)  # fmt: skip


def test_batches_of_products(agree: Agree) -> None:
    a, b = feed(None, None, None), feed(None, None, None)
    agree([tf.matmul(a, b)], {a: normal(3, 5, 2), b: normal(3, 2, 6)}, rtol=1e-5)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("x_shape", "window", "strides", "rates"),
    [((2, 5, 4, 3), (2, 3), (1, 1), (1, 1)), ((1, 7, 9, 2), (3, 2), (2, 1), (1, 3))],
)
def test_products_with_windows(
    agree: Agree,
    monkeypatch: pytest.MonkeyPatch,
    x_shape: tuple[int, ...],
    window: tuple[int, int],
    strides: tuple[int, int],
    rates: tuple[int, int],
    known: bool,
) -> None:
    for definition in (FORWARD, FILTERS):
        monkeypatch.setitem(opdef._REGISTRY, definition.name, definition)
    x, f = (
        feed(*(shape if known else [None] * 4)) for shape in (x_shape, (*window, x_shape[3], 5))
    )
    attrs = {"strides": strides, "rates": rates}
    y = x.graph.op("WindowProduct", x, f, **attrs)
    df = x.graph.op("WindowProductFilters", x, y, window=window, **attrs)
    feeds = {x: normal(*x_shape), f: normal(*window, x_shape[3], 5)}
    agree([tf.nn.relu(y), df], feeds, rtol=1e-5)


# -- gathers, scatters, failures


def test_gather_and_its_gradient(agree: Agree) -> None:
    table, rows = feed(None, None), tf.placeholder(tf.int32, [None])
    taken = tf.gather(table, rows)
    gradient = tf.gradients(tf.reduce_sum(taken * taken), table)[0]
    dense = tf.convert_to_tensor(gradient)
    agree([taken, dense], {table: normal(5, 3), rows: np.array([4, 0, 4, 2])})


def test_index_out_of_range_changes_nothing() -> None:
    rows = tf.placeholder(tf.int32, [None])
    state = tf.Variable(tf.ones([3]))
    taken = tf.gather(tf.constant(normal(5, 3)), rows)
    with tf.control_dependencies([taken]):
        grown = state.assign_add(tf.ones([3]))
    with tf.Session("cuda") as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"index -2 is not in \[0, 5\)"):
            session.run([taken, grown], {rows: [1, 7, -2, 9]})
        np.testing.assert_array_equal(session.run(state), np.ones(3))
        session.run([taken, grown], {rows: [1, 4]})
        np.testing.assert_array_equal(session.run(state), np.full(3, 2))


def test_integer_division(agree: Agree) -> None:
    x, y = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None])
    least = -(2**31)
    tops = np.array([7, -7, 7, -7, least, least, 0], np.int32)
    bottoms = np.array([2, 2, -2, -2, -1, 3, 5], np.int32)
    fetches = [x // y, tf.truncatediv(x, y), tf.mod(x, y), tf.truncatemod(x, y)]
    agree(fetches, {x: tops, y: bottoms})
    with tf.Session("cuda") as session:
        for fetch in fetches:
            with pytest.raises(tf.errors.InvalidArgumentError, match="division by zero"):
                session.run(fetch, {x: tops, y: bottoms * 0})


# -- sizes and host operations in mid-run


def test_sizes_of_the_run(agree: Agree) -> None:
    x, y = feed(None), feed(None)
    count = tf.cast(tf.reduce_sum(x), tf.int32)
    filled = tf.fill(tf.stack([count, 2]), 0.5)
    agree([filled + 1.0, tf.reduce_sum(filled), y[:count]], {x: np.full(3, 2.0), y: normal(9)})


def test_sizes_of_the_run_must_fit() -> None:
    x, y = feed(None), feed(None)
    filled = tf.zeros(tf.stack([tf.cast(tf.reduce_sum(x), tf.int32)])) + y
    with tf.Session("cuda") as session:
        assert session.run(filled, {x: [2.0, 1.0], y: np.ones(3)}).tolist() == [1, 1, 1]
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(filled, {x: [2.0, 2.0], y: np.ones(3)})


def test_host_operation(agree: Agree) -> None:
    x = feed(None)
    middle = tf.py_func(lambda v: np.sort(v), [x * 2.0], tf.float32)
    middle.set_shape([None])
    agree([tf.reduce_sum(middle[:3] + 1.0), middle], {x: normal(12)})


def test_one_program_serves_all_sizes() -> None:
    x = feed(None, None)
    y = tf.nn.softmax(x + 1.0)
    with tf.Session("cuda") as session:
        for shape in ((2, 3), (5, 9), (1, 1)):
            value = normal(*shape)
            e = np.exp(value - value.max(1, keepdims=True))
            expected = e / e.sum(1, keepdims=True)
            np.testing.assert_allclose(session.run(y, {x: value}), expected, 1e-5)


def test_results_are_fresh() -> None:
    x = tf.Variable([1.0, 2.0])
    with tf.Session("cuda") as session:
        session.run(tf.global_variables_initializer())
        value = session.run(x)
        value[:] = 9
        old, _ = session.run([x.value(), x.assign_add([1.0, 1.0])])
        np.testing.assert_array_equal(session.run(x), [2, 3])
        assert old.tolist() in ([1, 2], [2, 3])
