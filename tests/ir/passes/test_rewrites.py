"""Every row of the rewrite tables: it applies to its example, and keeps type and values."""

import zlib

import numpy as np
import pytest

from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.function import Function
from graphc.ir.graph import Graph, Tensor
from graphc.ir.interpreter import run_function
from graphc.ir.passes.canonicalize import rewrite
from graphc.ir.passes.dce import DeadCode
from graphc.ir.passes.decompose import Decompose
from graphc.ir.passes.resolve import resolve
from graphc.ir.passes.rewrites import TABLES
from graphc.ir.passes.rewrites.language import Literal, Node, Rewrite, Term, Variable
from graphc.ir.verify import verify


def draw(name: str, dtype: DType) -> np.ndarray:
    """A matrix [2, 3]; floats include both zeros' kin, infinity and NaN."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    if dtype.is_bool:
        return generator.random((2, 3)) < 0.5
    if dtype.is_integer:
        array = generator.integers(dtype.min, dtype.max, (2, 3), dtype.numpy)
        array[0, 0] = dtype.min
        return array
    array = generator.standard_normal((2, 3)).astype(dtype.numpy) * 10
    array[1] = [np.inf, np.nan, 0.0]
    return array


def instance(term: Term, graph: Graph, feeds: dict[Tensor, np.ndarray], row: Rewrite) -> Tensor:
    """A pattern as operations, its variables as placeholders."""
    dtype = as_dtype(row.example_dtype)
    if isinstance(term, Variable):
        for tensor in feeds:
            if tensor.op.name == term.name:
                return tensor
        return matrix(graph, feeds, term.name, dtype)
    if isinstance(term, Literal):
        return graph.constant(term.value, dtype)
    assert isinstance(term, Node)
    operands = [instance(t, graph, feeds, row) for t in term.operands]
    result: Tensor = graph.op(term.type, *operands, **term.attrs)
    return result


def matrix(graph: Graph, feeds: dict[Tensor, np.ndarray], name: str, dtype: DType) -> Tensor:
    tensor: Tensor = graph.op("Placeholder", dtype=dtype, shape=(None, 3), name=name)
    feeds[tensor] = draw(name, dtype)
    return tensor


def example(row: Rewrite) -> tuple[Graph, Tensor, dict[Tensor, np.ndarray]]:
    graph = Graph()
    feeds: dict[Tensor, np.ndarray] = {}
    if row.example is not None:
        shape = (2, 3)
        x = graph.op("Placeholder", dtype=as_dtype(row.example_dtype), shape=shape, name="x")
        feeds[x] = draw("x", as_dtype(row.example_dtype))
        return graph, row.example(graph, x), feeds
    return graph, instance(row.pattern, graph, feeds, row), feeds


def computations(function: Function) -> int:
    """How many operations do something: constants and sizes do not."""
    return sum(bool(op.inputs) for op in function.operations)


@pytest.mark.parametrize("row", TABLES, ids=lambda row: row.name)
def test_row(row: Rewrite) -> None:
    graph, result, feeds = example(row)
    function = resolve(graph, [result], [], feeds, lambda name: None)
    changed = DeadCode().run(rewrite(function, [row]))
    assert changed is not function, "the row does not apply to its example"
    verify(changed)
    assert computations(changed) <= computations(function)
    assert changed.results[0].type.dtype is function.results[0].type.dtype
    canonical = function.environment.canonical
    assert [canonical(d) for d in changed.results[0].type.dims] == [
        canonical(d) for d in function.results[0].type.dims
    ]
    named = {tensor.name: array for tensor, array in feeds.items()}
    before = run_function(function, named).results[0]
    after = run_function(changed, named).results[0]
    np.testing.assert_array_equal(after, before)
    assert rewrite(changed, [row]) is changed, "the row applies to its own result"


@pytest.mark.parametrize("row", TABLES, ids=lambda row: row.name)
def test_row_after_decompose(row: Rewrite) -> None:
    graph, result, feeds = example(row)
    plain = Decompose().run(resolve(graph, [result], [], feeds, lambda name: None))
    changed = rewrite(plain, [row])
    composite = [op for op in changed.operations if op.definition.decompose is not None]
    assert not composite, "kernels are made of what this gives, and decompose is over"


def test_names_are_unique() -> None:
    names = [row.name for row in TABLES]
    assert len(set(names)) == len(names)
