"""Array operations: indexing against NumPy, sizes while building and compiling, symbolic values."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.dims import Dim, Unknown
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.function import Function
from graphc.ir.gradients import gradients
from graphc.ir.graph import Graph, IndexedSlices, Tensor
from graphc.ir.interpreter import run_function, run_operation
from graphc.ir.passes.decompose import Decompose
from graphc.ir.passes.resolve import resolve
from graphc.ir.shapes import ShapeEnvironment
from graphc.ops.slicing_ops import getitem

NEW, REST = None, Ellipsis
s = builtins.slice

# Every form of index: (shape, key).
KEYS = [
    ((5,), 0),
    ((5,), -1),
    ((5,), s(None)),
    ((5,), s(1, None)),
    ((5,), s(None, -1)),
    ((5,), s(-3, -1)),
    ((5,), s(None, 100)),
    ((5,), s(-100, 100)),
    ((5,), s(4, 1)),
    ((5,), s(7, 9)),
    ((5,), s(None, None, 2)),
    ((5,), s(1, None, 3)),
    ((5,), s(None, None, -1)),
    ((5,), s(None, None, -2)),
    ((5,), s(3, 0, -1)),
    ((5,), s(100, None, -3)),
    ((5,), s(-2, -100, -1)),
    ((5,), s(None, 2, -1)),
    ((5,), s(1, 3, -1)),
    ((0,), s(None)),
    ((0,), s(1, None)),
    ((0,), s(None, None, -1)),
    ((4, 3), (s(None), 1)),
    ((4, 3), (2, s(None))),
    ((4, 3), (1, 2)),
    ((4, 3), (s(None), NEW)),
    ((4, 3), (NEW, s(1, None), -1)),
    ((4, 3), (REST, 0)),
    ((4, 3), (0, REST)),
    ((4, 3), (REST,)),
    ((4, 3), (REST, NEW)),
    ((4, 3), (s(None, None, 2), s(None, None, -1))),
    ((2, 3, 4, 5), (1, REST, s(1, 4, 2))),
    ((2, 3, 4, 5), (REST, s(None), 0, s(None, None, -2))),
    ((2, 3, 4, 5), (s(None), -1, NEW, REST, NEW, 2)),
    ((2, 3, 4, 5), (s(0, 1), s(2, 0, -1), s(5, None), 4)),
    ((2, 3, 0), (1, s(None), s(None))),
    ((), REST),
    ((), NEW),
]


def compiled(graph: Graph, fetches: list[Tensor], feeds: dict[Tensor, np.ndarray]) -> Function:
    return resolve(graph, fetches, [], feeds, lambda name: None)


def evaluate(function: Function, feeds: dict[Tensor, np.ndarray]) -> list[np.ndarray]:
    return run_function(function, {t.name: a for t, a in feeds.items()}).results


def feed(graph: Graph, array: Any, shape: Any = "dims") -> Tensor:
    array = np.asarray(array)
    shape = {"dims": (None,) * array.ndim, "static": array.shape, "rank": None}[shape]
    tensor: Tensor = graph.op("Placeholder", dtype=array.dtype, shape=shape)
    return tensor


def user_graph() -> Graph:
    from graphc.framework.graph import Graph as FrameworkGraph

    return FrameworkGraph()


# -------------------------------------------------------------------------------------- indexing


@pytest.mark.parametrize("known", ["static", "dims", "rank"])
@pytest.mark.parametrize(("shape", "key"), KEYS, ids=str)
def test_indexing_is_numpy_s(shape: tuple[int, ...], key: Any, known: str) -> None:
    graph = user_graph()
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    x = feed(graph, array, known)
    y = getitem(x, key)
    expected = np.asarray(array[key])
    if known == "static":
        assert y.type.shape == expected.shape
    elif y.type.shape is not None:
        assert len(y.type.shape) == expected.ndim
    (dx,) = gradients(y, x, grad_ys=y)
    feeds = {x: array}
    function = compiled(graph, [y, dx], feeds)
    adjoint = np.zeros_like(array)
    adjoint[key] = expected
    for step in (function, Decompose().run(function)):
        value, gradient = evaluate(step, feeds)
        np.testing.assert_array_equal(value, expected)
        np.testing.assert_array_equal(gradient, adjoint)


def random_key(generator: np.random.Generator, rank: int) -> tuple[Any, ...]:
    key: list[Any] = []
    for _ in range(int(generator.integers(0, rank + 1))):
        low, high = (
            None if generator.random() < 0.3 else int(generator.integers(-7, 8)) for _ in "ab"
        )
        step = int(generator.choice([-3, -2, -1, 1, 2, 3]))
        key.append(s(low, high, step) if generator.random() < 0.8 else 0)
        if generator.random() < 0.2:
            key.append(NEW)
    if generator.random() < 0.4:
        key.insert(int(generator.integers(0, len(key) + 1)), REST)
    return tuple(key)


@pytest.mark.parametrize("seed", range(60))
def test_random_indexing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(1, 6, size=int(generator.integers(1, 4))).tolist())
    test_indexing_is_numpy_s(shape, random_key(generator, len(shape)), "dims")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (5, "out of bounds"),
        (-6, "out of bounds"),
        ((0, 0), "Index out of range using input dim 1"),
        (s(None, None, 0), "must be non-zero"),
        ((REST, REST), "Multiple ellipses"),
    ],
)
def test_wrong_indices(key: Any, message: str) -> None:
    x = feed(user_graph(), np.zeros(5, np.float32), "static")
    with pytest.raises(ValueError, match=message):
        getitem(x, key)
    unknown = feed(user_graph(), np.zeros(5, np.float32), "rank")
    try:
        y = getitem(unknown, key)
    except ValueError:
        return
    with pytest.raises(InvalidArgumentError, match=message):
        compiled(unknown.graph, [y], {unknown: np.zeros(5, np.float32)})


@pytest.mark.parametrize("key", ["a", 1.5, [[1]], np.zeros(2, int), {}])
def test_what_is_no_index(key: Any) -> None:
    with pytest.raises(TypeError, match="valid indices"):
        getitem(feed(user_graph(), np.zeros(5, np.float32)), key)


@pytest.mark.parametrize("position", [2, -2])
def test_tensors_as_indices_and_bounds(position: int) -> None:
    graph = user_graph()
    array = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    x, i = feed(graph, array), feed(graph, np.int32(position))
    fetches = [
        getitem(x, i),
        getitem(x, (s(i, None), 0)),
        getitem(x, s(None, i)),
        getitem(x, s(None, None, i)),
    ]
    feeds = {x: array, i: np.int32(position)}
    values = evaluate(compiled(graph, fetches, feeds), feeds)
    expected = [array[position], array[position:, 0], array[:position], array[::position]]
    for value, want in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, want)


def test_index_computed_in_mid_run() -> None:
    graph = user_graph()
    array = np.array([[3.0, 9.0, 1.0], [0.0, 2.0, 7.0]], np.float32)
    x = feed(graph, array)
    best = graph.op("ArgMax", getitem(x, 0), 0)
    fetches = [getitem(x, (1, best)), getitem(x, (s(None), s(None, best)))]
    values = evaluate(compiled(graph, fetches, {x: array}), {x: array})
    assert values[0] == 2.0
    np.testing.assert_array_equal(values[1], array[:, :1])


# ------------------------------------------------------------------------- sizes while compiling


def body(**sizes: int) -> tuple[Graph, dict[str, Dim]]:
    """A function body with symbols of these hints."""
    environment = ShapeEnvironment()
    return Graph(environment), {
        name: environment.new_symbol(name, hint) for name, hint in sizes.items()
    }


def parameter(graph: Graph, *shape: Any, dtype: Any = dtypes.float32) -> Tensor:
    attrs = {"kind": "feed", "name": "x", "dtype": dtype, "shape": shape}
    return graph.create("Parameter", (), attrs).outputs[0]


def guards(graph: Graph) -> list[str]:
    assert graph.environment is not None
    return [str(guard) for guard in graph.environment.guards]


def strided(x: Tensor, key: Any) -> Tensor:
    """Index a tensor of a function body."""
    from graphc.ops.slicing_ops import _Spec

    spec = _Spec()
    for entry in key if isinstance(key, tuple) else (key,):
        spec.add(entry)
    rows = [np.array(row, np.int32) for row in (spec.begin, spec.end, spec.strides)]
    result: Tensor = x.op.graph.op("StridedSlice", x, *rows, **spec.masks)
    return result


def test_slices_ask_no_more_than_needed() -> None:
    graph, size = body(n=8)
    n = size["n"]
    x = parameter(graph, n, 10)
    assert strided(x, (s(None), s(1, 3))).type.shape == (n, 2)
    assert strided(x, (s(None, None, -1), NEW)).type.shape == (n, 1, 10)
    assert strided(x, s(None, None, 2)).type.shape == ((n + 1) // 2, 10)
    assert guards(graph) == []
    assert strided(x, 0).type.shape == (10,)
    assert guards(graph) == ["0 < n"]
    assert strided(x, s(1, None)).type.shape == strided(x, s(None, -1)).type.shape == (n - 1, 10)
    assert set(guards(graph)) <= {"0 < n", "0 <= n-1"}
    shape = strided(x, s(None, 5)).type.shape
    assert shape is not None and str(shape[0]) == "min(5, n)"


def test_reshape_divides_symbolic_sizes() -> None:
    graph, size = body(n=6, m=4)
    n, m = size["n"], size["m"]
    x = parameter(graph, n, m, 10)
    assert graph.op("Reshape", x, [-1, 10]).type.shape == (n * m, 10)
    assert graph.op("Reshape", x, [-1]).type.shape == (10 * n * m,)
    assert guards(graph) == []
    assert graph.op("Reshape", x, [8, -1]).type.shape == (8, 10 * n * m // 8)
    assert guards(graph) == ["mod(10*m*n, 8) == 0"]
    with pytest.raises(InvalidArgumentError, match="Cannot reshape a tensor with 240 elements"):
        graph.op("Reshape", x, [7, -1])
    with pytest.raises(InvalidArgumentError, match="only one size may be -1"):
        graph.op("Reshape", x, [-1, -1])


def test_sizes_flow_through_shape_arithmetic() -> None:
    graph, size = body(n=6)
    n = size["n"]
    x = parameter(graph, n, 4, 5)
    shape = graph.op("Shape", x)
    batch = strided(shape, 0)
    wanted = graph.op("Pack", batch, graph.constant(-1))
    assert graph.value_of(wanted).tolist() == [n, -1]
    assert graph.op("Reshape", x, wanted).type.shape == (n, 20)
    rest = strided(shape, s(1, None))
    joined = graph.op("ConcatV2", graph.op("ExpandDims", batch, 0), rest, 0)
    assert graph.value_of(joined).tolist() == [n, 4, 5]
    assert graph.op("Fill", joined, graph.constant(0.0)).type.shape == (n, 4, 5)
    rows = graph.op("Range", graph.constant(0), batch, graph.constant(1))
    assert rows.type.shape == (n,)
    assert graph.op("Tile", x, [2, 1, 3]).type.shape == (2 * n, 4, 15)
    taken = graph.op("GatherV2", shape, graph.constant([2, 0]), graph.constant(0))
    assert graph.value_of(taken).tolist() == [5, n]
    parts = graph.create("Unpack", (shape,), {"num": 3}).outputs
    assert [graph.value_of(part).item() for part in parts] == [n, 4, 5]
    assert guards(graph) == []


@pytest.mark.parametrize(
    ("type", "inputs", "attrs", "expected"),
    [
        ("Squeeze", [[[7, 8]]], {}, [7, 8]),
        ("ExpandDims", [[7, 8], 1], {}, [[7], [8]]),
        ("Slice", [[1, 2, 3, 4], [1], [-1]], {}, [2, 3, 4]),
        ("Range", [3, 9, 2], {}, [3, 5, 7]),
        ("Range", [3, -3, -2], {}, [3, 1, -1]),
        ("Fill", [[2], 5], {}, [5, 5]),
        ("Tile", [[1, 2], [2]], {}, [1, 2, 1, 2]),
        ("ReverseV2", [[1, 2, 3], [0]], {}, [3, 2, 1]),
        ("InvertPermutation", [[2, 0, 1]], {}, [1, 2, 0]),
        ("Transpose", [[[1, 2], [3, 4]], [1, 0]], {}, [[1, 3], [2, 4]]),
        ("BroadcastTo", [3, [2]], {}, [3, 3]),
        ("Split", [0, [1, 2, 3, 4]], {"num_split": 2}, [[1, 2], [3, 4]]),
        ("Pack", [[1, 2], [3, 4]], {"axis": 1}, [[1, 3], [2, 4]]),
    ],
)
def test_values_of_constants(type: str, inputs: Any, attrs: Any, expected: Any) -> None:
    graph = Graph()
    tensors = [graph.constant(np.array(value, np.int32)) for value in inputs]
    op = graph.create(type, tensors, attrs)
    values = [graph.value_of(t) for t in op.outputs]
    assert (values if len(values) > 1 else values[0]) is not None
    found = [v.tolist() for v in values]
    assert (found if len(found) > 1 else found[0]) == expected
    references = run_operation(op, [np.array(value, np.int32) for value in inputs])
    assert [r.tolist() for r in references] == found


def test_partly_known_values_while_building() -> None:
    graph = Graph()
    x: Tensor = graph.op("Placeholder", dtype=np.dtype(np.float32), shape=(None, 3))
    wanted = graph.op("Pack", strided(graph.op("Shape", x), 0), graph.constant(4))
    value = graph.value_of(wanted)
    assert isinstance(value[0], Unknown) and value[1] == 4
    zeros = graph.op("Fill", wanted, graph.constant(0.0))
    assert zeros.type.rank == 2 and zeros.type.shape[1] == 4
    assert graph.op("Reshape", x, wanted).type.shape[1] == 4


# --------------------------------------------------------------------------- gathers and scatters


def test_gather_checks_its_indices() -> None:
    graph = Graph()
    x, i = feed(graph, np.zeros((3, 2), np.float32)), feed(graph, np.array([0], np.int32))
    y = graph.op("GatherV2", x, i, 0)
    feeds = {x: np.zeros((3, 2), np.float32), i: np.array([1, 3], np.int32)}
    function = compiled(graph, [y], feeds)
    with pytest.raises(InvalidArgumentError, match=r"indices\[1\] = 3 is not in \[0, 3\)"):
        evaluate(function, feeds)


def test_gather_gradient_is_sparse_along_the_first_axis() -> None:
    graph = Graph()
    table = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    x, i = feed(graph, table), feed(graph, np.array([[1, 1], [3, 0]], np.int32))
    first, second = (graph.op("GatherV2", x, i, axis) for axis in (0, 1))
    (slices,) = gradients(first, x)
    assert isinstance(slices, IndexedSlices)
    (dense,) = gradients(second, x)
    assert isinstance(dense, Tensor)
    feeds = {x: table, i: np.array([[1, 1], [3, 0]], np.int32)}
    values = evaluate(
        compiled(graph, [slices.values, slices.indices, slices.dense()], feeds), feeds
    )
    assert values[0].shape == (4, 2)
    assert values[1].tolist() == [1, 1, 3, 0]
    assert values[2][:, 0].tolist() == [1, 2, 0, 1]


def test_duplicate_scatters_apply_in_order() -> None:
    graph = Graph()
    x = graph.constant(np.array([1.0, 2.0, 3.0], np.float32))
    rows = graph.constant(np.array([[1], [1]], np.int32))
    new = graph.constant(np.array([10.0, 20.0], np.float32))
    names = ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max")
    fetches = [graph.op(f"TensorScatter{name}", x, rows, new) for name in names]
    middle = [value[1] for value in evaluate(compiled(graph, fetches, {}), {})]
    np.testing.assert_allclose(middle, [20, 32, -28, 400, 0.01, 2, 20])
