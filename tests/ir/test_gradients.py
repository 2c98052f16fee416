"""The contract of `tf.gradients`. The rules of each operation are tested in tests/registry."""

import time

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.gradients import gradients
from graphc.ir.graph import Graph, IndexedSlices
from tests.ir.helpers import placeholder, run_graph

X = np.array([1.0, 2.0, 3.0], np.float32)


def test_chain_names_roles_and_sources() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    with graph.name_scope("layer"):
        y = graph.op("Square", x, name="square")
    (dx,) = gradients(y, x)
    assert dx.op.name.startswith("gradients/layer/square_grad/")
    assert dx.op.role == "gradient"
    assert dx.op.source == y.op.source
    assert [op.name for op in graph.operations if op.type == "OnesLike"] == ["gradients/grad_ys_0"]
    np.testing.assert_array_equal(run_graph([dx], {x: X})[0], 2 * X)
    (again,) = gradients(y, x)
    assert again.op.name.startswith("gradients_1/")


def test_sums_over_ys_and_uses() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    two = [x * x, x + x]
    (dx,) = gradients(two, x)
    np.testing.assert_array_equal(run_graph([dx], {x: X})[0], 2 * X + 2)
    assert dx.op.type == "AddN"
    (dy,) = gradients(graph.op("Mul", x, x), x)
    assert dy.op.type == "Add" and dy.op.name.split("/")[-1].startswith("AddN")


def test_grad_ys() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    y = x * x
    (dx,) = gradients([y, y], x, [np.array([1.0, 0.0, 2.0]), None])
    np.testing.assert_array_equal(run_graph([dx], {x: X})[0], 2 * X * [2, 1, 3])
    with pytest.raises(ValueError, match="Passed 1 grad_ys for 2 ys"):
        gradients([y, y], x, [None])
    with pytest.raises(TypeError, match="must be real or integer"):
        gradients(y, x, graph.op("Greater", x, y))
    with pytest.raises(ValueError, match=r"use tf\.cast"):
        gradients(y, x, graph.op("Cast", x, DstT=dtypes.float64))


def test_unconnected() -> None:
    graph = Graph()
    x, z = placeholder(graph, (3,)), placeholder(graph, (3,), name="z")
    y = x * x
    assert gradients(y, z) == [None]
    _, dz = gradients(y, [x, z], unconnected="zero")
    np.testing.assert_array_equal(run_graph([dz], {z: X})[0], 0 * X)
    with pytest.raises(ValueError, match="unconnected"):
        gradients(y, x, unconnected="maybe")  # type: ignore[arg-type]


def test_intermediate_xs_and_ys_among_xs() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    h = x * x
    y = h * h
    dy, dh, dx = gradients(y, [y, h, x])
    one, by_h, by_x = run_graph([dy, dh, dx], {x: X})
    np.testing.assert_array_equal(one, np.ones(3))
    np.testing.assert_array_equal(by_h, 2 * X**2)
    np.testing.assert_array_equal(by_x, 4 * X**3)


def test_stop_gradients() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    h = x * x
    y = h + x
    (dx,) = gradients(y, x, stop_gradients=h)
    np.testing.assert_array_equal(run_graph([dx], {x: X})[0], np.ones(3))
    (dh,) = gradients(y, h, stop_gradients=[h])
    np.testing.assert_array_equal(run_graph([dh], {x: X})[0], np.ones(3))
    y = graph.op("StopGradient", x) * x
    (dx,) = gradients(y, x)
    np.testing.assert_array_equal(run_graph([dx], {x: X})[0], X)


def test_integers_carry_no_gradient() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    whole = graph.op("Cast", x, DstT=dtypes.int32)
    back = graph.op("Cast", whole, DstT=dtypes.float32)
    assert gradients(back, x) == [None]
    assert gradients(back, whole) == [None]
    assert gradients(whole, x) == [None]


def test_variables_and_their_reads() -> None:
    graph = Graph()
    ref = graph.op("VariableV2", dtype=dtypes.float32, shape=(3,), name="v")
    read = graph.op("Identity", ref, name="v/read", _alias=True)
    by_ref, by_read = gradients(read * read, [ref, read])
    values = run_graph([by_ref, by_read], variables={"v": X})
    np.testing.assert_array_equal(values, [2 * X, 2 * X])


def test_gathers_give_slices() -> None:
    graph = Graph()
    ref = graph.op("VariableV2", dtype=dtypes.float32, shape=(3, 1), name="v")
    read = graph.op("Identity", ref, name="v/read", _alias=True)
    one, two = ([0, 2], [2, 2])
    rows = [graph.op("GatherV2", read, graph.constant(i), graph.constant(0)) for i in (one, two)]
    (dv,) = gradients(rows, ref)
    assert isinstance(dv, IndexedSlices) and dv.values.op.type == "ConcatV2"
    variables = {"v": X.reshape(3, 1)}
    np.testing.assert_array_equal(run_graph([dv.indices], variables=variables)[0], [2, 2, 0, 2])
    np.testing.assert_array_equal(run_graph([dv], variables=variables)[0], [[1], [0], [3]])
    (dv,) = gradients([rows[0], read], ref)
    assert not isinstance(dv, IndexedSlices)
    np.testing.assert_array_equal(run_graph([dv], variables=variables)[0], [[2], [1], [2]])


def test_higher_orders() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    y = x * x * x * x
    (first,) = gradients(y, x)
    (second,) = gradients(first, x)
    (third,) = gradients(second, x)
    np.testing.assert_allclose(run_graph([third], {x: X})[0], 24 * X)


def test_shapes_of_gradients_are_known() -> None:
    graph = Graph()
    x, w = placeholder(graph, None), placeholder(graph, (4, 5), name="w")
    (dw,) = gradients(graph.op("MatMul", x, w), w)
    assert dw.type.shape == (4, 5)


def test_long_chains_are_differentiated_in_linear_time() -> None:
    graph = Graph()
    x = placeholder(graph, (3,))
    y = x
    for _ in range(20_000):
        y = -y
    unrelated = y
    for _ in range(20_000):
        unrelated = graph.op("Identity", unrelated)
    started = time.process_time()
    (dx,) = gradients(y, x)
    assert time.process_time() - started < 5
    assert run_graph([dx], {x: X})[0].tolist() == [1, 1, 1]


def test_tensors_of_another_graph_are_refused() -> None:
    x, y = placeholder(Graph(), (3,)), placeholder(Graph(), (3,))
    with pytest.raises(ValueError, match="another graph"):
        gradients(y, x)


def test_cotangents_that_nobody_wants_are_not_built() -> None:
    graph = Graph()
    x = placeholder(graph, (2, 3))
    y = x * graph.constant(np.full((2, 3), 2.0, np.float32)) - graph.constant(np.float32(1))
    before = len(graph.operations)
    gradients(y, x)
    made = [op.type for op in graph.operations[before:]]
    assert made == ["OnesLike", "Mul"]


def test_a_function_of_its_result_differentiates_into_one_operation() -> None:
    graph = Graph()
    x = placeholder(graph, (2, 3))
    before = len(graph.operations)
    gradients(graph.op("Tanh", x), x)
    made = [(op.type, op.name) for op in graph.operations[before + 1 :]]
    assert made[-1] == ("TanhGrad", "gradients/Tanh_grad/TanhGrad")
    assert len(made) == 2


@pytest.mark.parametrize(
    ("type", "attrs"),
    [("ReluGrad", {}), ("Relu6Grad", {}), ("LeakyReluGrad", {"alpha": 0.5}), ("Sign", {})],
)
def test_steps_are_connected_and_flat(type: str, attrs: dict[str, float]) -> None:
    """As in TensorFlow: zeros, not None, or a penalty on gradients would miss its variables."""
    graph = Graph()
    x, weight = placeholder(graph, (3,)), placeholder(graph, (3,), name="weight")
    inner = graph.op("Exp", x * weight)
    y = graph.op(type, *([] if type == "Sign" else [weight]), inner, **attrs)
    count = len(graph.operations)
    (dx,) = gradients(y, x)
    made = [op.type for op in graph.operations[count:]]
    assert dx.op.type == "ZerosLike"
    assert "Exp" not in made and "Mul" not in made, "zeros are not worked out"
    np.testing.assert_array_equal(run_graph([dx], {x: X})[0], 0 * X)
    (total,) = gradients([y, graph.op("Square", x)], x)
    np.testing.assert_array_equal(run_graph([total], {x: X, weight: X})[0], 2 * X)
