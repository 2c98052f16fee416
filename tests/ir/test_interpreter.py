"""The interpreter: binding sizes, variables, failures that say where."""

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.errors import FailedPreconditionError, InternalError, InvalidArgumentError
from graphc.ir.graph import Graph
from graphc.ir.interpreter import run_function
from tests.ir.helpers import compile_graph, placeholder


def test_other_sizes_than_compiled_for() -> None:
    graph = Graph()
    x = placeholder(graph, (None, None))
    y = graph.op("Reshape", x, graph.constant([-1]))
    function = compile_graph([y], {x: np.ones((2, 3), np.float32)})
    assert run_function(function, {"x:0": np.ones((4, 5), np.float32)}).results[0].shape == (20,)
    with pytest.raises(InvalidArgumentError, match="rank"):
        run_function(function, {"x:0": np.ones(4, np.float32)})
    with pytest.raises(InvalidArgumentError, match="not fed"):
        run_function(function, {})


def test_guards_hold_the_function_to_its_sizes() -> None:
    graph = Graph()
    x, z = placeholder(graph, (None,)), placeholder(graph, (None,), name="z")
    three = np.ones(3, np.float32)
    function = compile_graph([x + z], {x: three, z: three})
    with pytest.raises(InternalError, match="compiled for other sizes"):
        run_function(function, {"x:0": three, "z:0": np.ones(1, np.float32)})


def test_fed_sizes() -> None:
    graph = Graph()
    n = placeholder(graph, (), "int32", "n")
    zeros = graph.op("Fill", graph.op("Pack", n, n), graph.constant(0.5))
    function = compile_graph([zeros], {n: np.int32(3)})
    assert run_function(function, {"n:0": np.int32(5)}).results[0].shape == (5, 5)


def test_variables_and_updates() -> None:
    graph = Graph()
    ref = graph.op("VariableV2", dtype=dtypes.float32, shape=(), name="v")
    write = graph.op("AssignAdd", ref, graph.constant(2.0))
    flag = graph.op("IsVariableInitialized", ref)
    function = compile_graph([write, flag], {})
    results = run_function(function, {}, {"v": np.float32(1)})
    assert results.updates == {"v": 3.0}
    assert results.results == [3.0, True]
    with pytest.raises(FailedPreconditionError, match="uninitialized value v"):
        run_function(function, {})


def test_failures_name_the_operation_and_the_line() -> None:
    graph = Graph()
    x = placeholder(graph, (2,), "int32")
    y = graph.op("FloorDiv", x, x, name="quotient")
    zero = np.zeros(2, np.int32)
    with pytest.raises(InvalidArgumentError, match=r"quotient.*test_interpreter\.py") as error:
        run_function(compile_graph([y], {x: zero}), {"x:0": zero})
    assert error.value.op.name == "quotient"


def test_a_wrong_reference_is_caught() -> None:
    graph = Graph()
    x = placeholder(graph, (2,))
    function = compile_graph([graph.op("Neg", x)], {x: np.zeros(2, np.float32)})
    op = function.results[0].op
    op.outputs[0].type = op.outputs[0].type.with_shape((3,))
    with pytest.raises(AssertionError, match="Neg"):
        run_function(function, {"x:0": np.zeros(2, np.float32)})
