"""The text form of every operation reads back as the same graph and function."""

import pytest

from graphc.ir.equality import function_difference, graph_difference
from graphc.ir.graph import OpDef
from graphc.ir.text import parse_function, parse_graph, print_function, print_graph
from tests.registry.samples import build, cases, evaluate, naming, sampled


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_graphs_read_back(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            for shapes in ("static", "dims", "rank"):
                constants: dict = {}
                graph = build(case, shapes).graph
                text = print_graph(graph, constants)
                again = parse_graph(text, constants)
                assert graph_difference(graph, again) is None
                assert print_graph(again) == text


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_functions_read_back(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            constants: dict = {}
            built = build(case, "dims")
            function = built.function()
            text = print_function(function, constants)
            again = parse_function(text, constants)
            assert function_difference(function, again) is None
            assert print_function(again) == text
            evaluate(again, built.feeds)
