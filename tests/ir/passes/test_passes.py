"""Each pass on a small function: what it leaves, and that it returns the same object if idle."""

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.dims import symbol
from graphc.ir.function import Function
from graphc.ir.gradients import gradients
from graphc.ir.graph import Graph
from graphc.ir.interpreter import run_function
from graphc.ir.passes import (
    DEFAULT_PIPELINE,
    PASSES,
    Dumping,
    PassPipeline,
    Timing,
    Verifying,
    pass_text,
)
from tests.ir.helpers import compile_graph, placeholder

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def types(function: Function) -> list[str]:
    return [op.type for op in function.operations]


def run(pipeline: str, function: Function) -> Function:
    return PassPipeline.parse(pipeline).run(function, [Verifying()])


def test_cse_merges_pure_operations_only() -> None:
    graph = Graph()
    x, y = placeholder(graph, (None, 3)), placeholder(graph, (None, 3), name="y")
    sums = [x + y, y + x, graph.op("Sub", x, y), graph.op("Sub", y, x)]
    size = graph.constant([2, 3])
    noise = [graph.op("RandomUniform", size, dtype=dtypes.float32) for _ in range(2)]
    zeros = [graph.constant(np.float32(0.0)), graph.constant(np.float32(-0.0))]
    function = run("cse", compile_graph([*sums, *noise, *zeros], {x: X, y: X}))
    assert function.results[0] is function.results[1]
    assert function.results[2] is not function.results[3]
    assert function.results[4] is not function.results[5]
    assert function.results[6] is not function.results[7]
    assert run("cse", function) is function


def test_fold_evaluates_small_constants() -> None:
    graph = Graph()
    two = graph.constant([1.0, 2.0])
    small = graph.op("Neg", two * two)
    large = graph.op("Fill", graph.constant([100, 100]), graph.constant(1.0))
    noise = graph.op("RandomUniform", graph.constant([2]), dtype=dtypes.float32)
    function = run("fold,dce", compile_graph([small, large, noise], {}))
    assert types(function).count("Const") >= 1
    assert function.results[0].op.attrs["value"].tolist() == [-1.0, -4.0]
    assert "Fill" in types(function) and "RandomUniform" in types(function)
    assert "Fill" not in types(run("fold{largest=10000}", function))
    assert run("fold", function) is function


def test_fold_leaves_failures_to_the_run() -> None:
    graph = Graph()
    bad = graph.op("FloorDiv", graph.constant(1), graph.constant(0))
    assert "FloorDiv" in types(run("fold", compile_graph([bad], {})))


def test_dce_keeps_parameters_and_checks() -> None:
    graph = Graph()
    x = placeholder(graph, (2, 3))
    function = compile_graph([x * x, graph.op("Tanh", x)], {x: X})
    alone = Function("main", function.body, function.parameters, function.results[:1])
    assert types(run("dce", alone)) == ["Parameter", "Mul"]
    assert run("dce", function) is function


def test_shapes_turn_size_computations_into_data() -> None:
    graph = Graph()
    x = placeholder(graph, (None, 3))
    rows = graph.op("StridedSlice", graph.op("Shape", x), [0], [1], [1], shrink_axis_mask=1)
    shape = graph.op("Pack", rows, graph.constant(3) - 2, graph.constant(3))
    function = run("shapes,dce", compile_graph([graph.op("Reshape", x, shape)], {x: X}))
    assert types(function) == ["Parameter", "DimValues", "Reshape"]
    assert function.operations[1].attrs["dims"] == (symbol("s0"), 1, 3)
    assert run("shapes", function) is function


def test_decompose_keeps_source_role_and_values() -> None:
    graph = Graph()
    x = placeholder(graph, (None, 3))
    y = graph.op("Softmax", x, name="softmax")
    (dx,) = gradients(y, x, [X])
    function = compile_graph([y, dx], {x: X})
    expected = run_function(function, {"x:0": X}).results
    plain = run("decompose", function)
    assert not any(op.definition.decompose for op in plain.operations)
    assert run("decompose", plain) is plain
    parts = [op for op in plain.operations if op.name.startswith("softmax/")]
    assert parts and all(op.source == y.op.source for op in parts)
    assert {op.role for op in plain.operations} == {"forward", "gradient"}
    for got, want in zip(run_function(plain, {"x:0": X}).results, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_canonicalize_follows_chains() -> None:
    graph = Graph()
    x = placeholder(graph, (None, 3))
    y = graph.op("Identity", graph.op("Neg", -(x * 1 + 0)))
    function = run("canonicalize,dce", compile_graph([y], {x: X}))
    assert types(function) == ["Parameter"]
    assert run("canonicalize", function) is function


def test_mid_run_sizes_survive_all_passes() -> None:
    graph = Graph()
    x = placeholder(graph, (None,), "int32")
    count = graph.op("Sum", x, graph.constant([0]))
    zeros = graph.op("Fill", graph.op("Pack", count, 2), graph.constant(1.5))
    y = graph.op("Reshape", graph.op("Softmax", zeros), graph.constant([-1]))
    feed = np.array([1, 2, 0] * 10, np.int32)
    function = compile_graph([y], {x: feed})
    assert len(function.sizes) >= 1
    after = run(DEFAULT_PIPELINE, function)
    for size in (feed, feed[:2], feed * 2):
        result = run_function(after, {"x:0": size}).results[0]
        assert result.tolist() == [0.5] * (2 * int(size.sum()))


def test_default_pipeline_keeps_values() -> None:
    graph = Graph()
    x, w = placeholder(graph, (None, 3)), placeholder(graph, (3, 3), name="w")
    y = graph.op("Relu", graph.op("MatMul", x, graph.op("Transpose", w, graph.constant([1, 0]))))
    loss = graph.op("Sum", graph.op("LogSoftmax", y), graph.constant([0, 1]))
    fetches = [loss, *gradients(loss, [x, w])]
    feeds = {x: X, w: X[:1].T @ X[1:]}
    function = compile_graph(fetches, feeds)
    timing, seen = Timing(), []
    dumping = Dumping(lambda number, name, f: seen.append((number, name)))
    after = PassPipeline.parse(DEFAULT_PIPELINE).run(function, [timing, dumping, Verifying()])
    assert [row[0] for row in timing.rows] == DEFAULT_PIPELINE.split(",")
    assert seen[0] == (0, "input") and len(seen) > 1
    assert len(str(timing).splitlines()) == len(timing.rows)
    named = {t.name: a for t, a in feeds.items()}
    before = run_function(function, named).results
    for got, want in zip(run_function(after, named).results, before, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert PassPipeline.parse(DEFAULT_PIPELINE).run(after) is after


def test_pipelines_are_text() -> None:
    text = "dce,fold{largest=7,work=9},canonicalize{only=mul-one add-zero},cse"
    assert str(PassPipeline.parse(f" {text.replace(',c', ' , c')} ")) == text
    assert str(PassPipeline.parse("")) == ""
    assert all(pass_text(make()) == name for name, make in PASSES.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "unknown pass 'nothing'; passes are canonicalize"),
        ("fold{size=3}", "no option 'size=3'"),
        ("fold{largest}", "no option 'largest'"),
        ("fold{largest=many}", "no value for option 'largest'"),
        ("fold dce", "cannot read"),
        ("dce,", "ends in a comma"),
        ("fold{", "cannot read"),
    ],
)
def test_wrong_pipelines_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PassPipeline.parse(text)


def test_unknown_rewrites_are_refused() -> None:
    graph = Graph()
    x = placeholder(graph, (2, 3))
    with pytest.raises(ValueError, match="unknown rewrites: nothing"):
        run("canonicalize{only=nothing}", compile_graph([x * x], {x: X}))
