"""What samples of the mathematical operations do not reach: errors, unknown shapes, values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, symbol
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.gradients import gradients
from graphc.ir.graph import Graph, Tensor
from graphc.ir.interpreter import run_function
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline, Verifying
from graphc.ir.passes.resolve import resolve


@pytest.fixture
def graph() -> Graph:
    return Graph()


def placeholder(graph: Graph, shape: Any = None, dtype: Any = dtypes.float32) -> Tensor:
    return graph.op("Placeholder", dtype=dtype, shape=shape)


def run(fetch: Tensor, feeds: Mapping[Tensor, Any]) -> np.ndarray:
    """The value of a tensor after all passes."""
    arrays = {t: np.asarray(a, t.dtype.numpy) for t, a in feeds.items()}
    function = resolve(fetch.graph, [fetch], [], arrays, lambda name: None)
    function = PassPipeline.parse(DEFAULT_PIPELINE).run(function, [Verifying()])
    return run_function(function, {t.name: a for t, a in arrays.items()}).results[0]


# -------------------------------------------------------------------------------------- type rules


def test_dtypes_must_agree(graph: Graph) -> None:
    with pytest.raises(TypeError, match=r"Input 'y' of 'Add' Op has type int32 .* type float32"):
        graph.op("Add", graph.constant(1.0), graph.constant(1))


def test_shapes_must_broadcast(graph: Graph) -> None:
    with pytest.raises(ValueError, match=r"Incompatible shapes .*\(2, 3\) and \(4,\)"):
        graph.op("Mul", placeholder(graph, (2, 3)), placeholder(graph, (4,)))


def test_matmul_names_the_inner_sizes(graph: Graph) -> None:
    with pytest.raises(ValueError, match=r"Dimensions must be equal, but are 3 and 4"):
        graph.op("MatMul", placeholder(graph, (2, 3)), placeholder(graph, (4, 5)))
    with pytest.raises(ValueError, match="with a transposed"):
        graph.op("MatMul", placeholder(graph, (2, 3)), placeholder(graph, (4, 5)), transpose_a=True)
    with pytest.raises(ValueError, match="Shape must be rank 2 but is rank 1 for input 'a'"):
        graph.op("MatMul", placeholder(graph, (3,)), placeholder(graph, (3, 5)))


@pytest.mark.parametrize(
    ("axes", "message"),
    [([2], "axis 2 is out of range for rank 2"), ([1, -1], "duplicate dimension: 1")],
)
def test_reduction_axes_are_checked(graph: Graph, axes: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graph.op("Sum", placeholder(graph, (2, 3)), axes)


def test_argmax_refuses_an_empty_axis(graph: Graph) -> None:
    with pytest.raises(ValueError, match=r"Reduction axis 1 is empty in shape \(2, 0\)"):
        graph.op("ArgMax", placeholder(graph, (2, 0)), graph.constant(1))


def test_select_wants_bool_and_rows(graph: Graph) -> None:
    x = placeholder(graph, (2, 3))
    with pytest.raises(TypeError, match="condition must be bool"):
        graph.op("Select", x, x, x)
    with pytest.raises(
        ValueError, match="length of the condition and number of rows differ: 3 and 2"
    ):
        graph.op("Select", placeholder(graph, (3,), dtypes.bool_), x, x)


def test_unknown_shapes_stay_unknown(graph: Graph) -> None:
    x, known = placeholder(graph), placeholder(graph, (None, 3))
    assert (x + known).type.shape is None
    assert graph.op("Sum", x, [0]).type.shape is None
    assert graph.op("Sum", known, [0]).type.shape == (3,)
    assert graph.op("Sum", known, [-1], keep_dims=True).type.shape == (UNKNOWN, 1)
    axes = placeholder(graph, (None,), dtypes.int32)
    assert graph.op("Sum", known, axes).type.shape is None
    assert graph.op("Sum", known, axes, keep_dims=True).type.shape == (UNKNOWN, UNKNOWN)
    assert graph.op("MatMul", x, placeholder(graph, (3, 5))).type.shape == (UNKNOWN, 5)
    assert graph.op("BatchMatMulV2", x, placeholder(graph, (3, 5))).type.shape is None


def test_integer_true_division_widens(graph: Graph) -> None:
    for dtype, wide in ((dtypes.int32, dtypes.float64), (dtypes.uint8, dtypes.float32)):
        x = placeholder(graph, (2,), dtype)
        assert (x / x).dtype is wide


# ------------------------------------------------------------------------------------------ values


def sizes(graph: Graph) -> Tensor:
    """The vector [n, 3] of a symbolic n, as shapes are worked out."""
    return graph.op("DimValues", dims=(symbol("n"), 3), dtype=dtypes.int32, shape=(2,))


def test_arithmetic_on_sizes_stays_symbolic(graph: Graph) -> None:
    n, value = symbol("n"), graph.value_of
    given = sizes(graph)
    assert value(given * 2 + 1).tolist() == [n * 2 + 1, 7]
    assert value(given // 2).tolist() == [n // 2, 1]
    assert value((given * 6) // 3).tolist() == [n * 2, 6]
    assert value(given % 2).tolist() == [n % 2, 1]
    assert value(-given).tolist() == [-n, -3]
    assert value(graph.op("Maximum", given, graph.constant(2))).tolist()[1] == 3
    assert value(graph.op("Square", given)).tolist() == [n * n, 9]
    assert value(graph.op("Div", given * 4, graph.constant(2))).tolist() == [n * 2, 6]
    assert value(given // 0).tolist() == [UNKNOWN, UNKNOWN]


def test_folds_of_sizes_stay_symbolic(graph: Graph) -> None:
    n, given = symbol("n"), sizes(graph)
    assert graph.value_of(graph.op("Prod", given, [0])).tolist() == n * 3
    assert graph.value_of(graph.op("Sum", given, [0], keep_dims=True)).tolist() == [n + 3]
    empty = graph.constant(np.zeros((0,), np.int32))
    assert graph.value_of(graph.op("Prod", empty, [0])).tolist() == 1
    assert graph.value_of(graph.op("Max", empty, [0])) is None


def test_integer_values_wrap(graph: Graph) -> None:
    assert graph.value_of(graph.constant(2**31 - 1) + 1).tolist() == -(2**31)
    assert graph.value_of(graph.op("Cast", graph.constant(300), DstT=dtypes.uint8)).tolist() == 44


def test_casts_of_sizes(graph: Graph) -> None:
    assert graph.value_of(graph.op("Cast", sizes(graph), DstT=dtypes.int64)).tolist()[1] == 3
    assert graph.value_of(graph.op("Cast", graph.constant(2.7), DstT=dtypes.int32)).tolist() == 2
    assert graph.value_of(graph.op("Cast", graph.constant(True), DstT=dtypes.int32)).tolist() == 1


def test_comparisons_of_sizes_decide_only_what_is_certain(graph: Graph) -> None:
    given = sizes(graph)
    assert graph.value_of(given < given + 1).tolist() == [True, True]
    assert graph.value_of(given < 3).tolist() == [UNKNOWN, False]
    chosen = graph.op("SelectV2", given < 3, graph.constant(1), given)
    assert graph.value_of(chosen).tolist() == [UNKNOWN, 3]


# --------------------------------------------------------------------------------------- numerics


def test_integer_division_by_zero_is_an_error_of_the_run(graph: Graph) -> None:
    x, y = placeholder(graph, (), dtypes.int32), placeholder(graph, (), dtypes.int32)
    with pytest.raises(InvalidArgumentError, match="Integer division by zero"):
        run(x // y, {x: 1, y: 0})
    with pytest.raises(InvalidArgumentError, match="negative integer powers"):
        run(x**y, {x: 2, y: -1})


def test_least_integer_divided_by_minus_one_wraps(graph: Graph) -> None:
    x = placeholder(graph, (1,), dtypes.int32)
    for name in ("FloorDiv", "Div", "TruncateDiv"):
        assert run(graph.op(name, x, graph.constant(-1)), {x: [-(2**31)]}).tolist() == [-(2**31)]


def test_nan_spreads_through_extremes(graph: Graph) -> None:
    x = placeholder(graph, (3,))
    values = {x: [1.0, np.nan, 2.0]}
    assert np.isnan(run(graph.op("Max", x, [0]), values))
    assert np.isnan(run(graph.op("Maximum", x, graph.constant(5.0)), values)).tolist() == [0, 1, 0]
    assert run(graph.op("ArgMin", x, graph.constant(0)), values) == 1


def test_float_to_integer_saturates(graph: Graph) -> None:
    x = placeholder(graph, (4,))
    cast = graph.op("Cast", x, DstT=dtypes.int64)
    assert run(cast, {x: [np.nan, np.inf, -np.inf, 1e30]}).tolist() == [
        0, 2**63 - 1, -(2**63), 2**63 - 1,
    ]  # fmt: skip


# -------------------------------------------------------------------------------------- gradients


def test_product_has_derivatives_at_zeros(graph: Graph) -> None:
    x = placeholder(graph)
    product = graph.op("Prod", x, [1])
    (dx,) = gradients(product, x)
    (ddx,) = gradients(dx, x)
    values = {x: [[1.0, 0.0, 3.0], [0.0, 0.0, 2.0]]}
    assert run(dx, values).tolist() == [[0, 3, 0], [0, 0, 0]]
    # the sum over i of d(dx_i)/dx_k is the sum over i != k of the product of the other one
    assert run(ddx, values).tolist() == [[3, 4, 1], [2, 2, 0]]


def test_ties_share_the_cotangent(graph: Graph) -> None:
    x = placeholder(graph)
    (dx,) = gradients(graph.op("Max", x, [0]), x)
    assert run(dx, {x: [2.0, 1.0, 2.0]}).tolist() == [0.5, 0, 0.5]


def test_broadcasting_is_undone_for_unknown_ranks(graph: Graph) -> None:
    x, y = placeholder(graph), placeholder(graph)
    dx, dy = gradients(x * y, [x, y])
    values = {x: np.ones((4, 3)), y: np.ones((2, 1, 3))}
    assert run(dx, values).tolist() == np.full((4, 3), 2.0).tolist()
    assert run(dy, values).tolist() == np.full((2, 1, 3), 4.0).tolist()


def test_power_has_a_finite_derivative_at_zero(graph: Graph) -> None:
    x, y = placeholder(graph, ()), placeholder(graph, ())
    dx, dy = gradients(x**y, [x, y])
    assert run(dx, {x: 0.0, y: 2.0}) == 0
    assert run(dy, {x: 0.0, y: 2.0}) == 0


def test_fed_axes_are_held_by_a_guard(graph: Graph) -> None:
    x, axis = placeholder(graph), placeholder(graph, (), dtypes.int32)
    total = graph.op("Sum", x, axis)
    values = np.arange(6).reshape(2, 3)
    assert run(total, {x: values, axis: 1}).tolist() == [3, 12]
    (dx,) = gradients(total, x)
    assert run(dx, {x: values, axis: 0}).tolist() == np.ones((2, 3)).tolist()
