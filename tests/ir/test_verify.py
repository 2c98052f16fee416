"""Each invariant of functions, broken once."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from graphc.ir.dims import UNKNOWN, symbol
from graphc.ir.errors import InternalError
from graphc.ir.function import Function, Parameter
from graphc.ir.graph import Graph, definition
from graphc.ir.types import TensorType
from graphc.ir.verify import verify
from tests.ir.helpers import compile_graph, placeholder


def sample() -> Function:
    graph = Graph()
    x = placeholder(graph, (None, 3))
    return compile_graph([graph.op("Tanh", x * x)], {x: np.ones((2, 3), np.float32)})


def out_of_order(f: Function) -> Function:
    f.operations[1], f.operations[2] = f.operations[2], f.operations[1]
    for number, op in enumerate(f.operations):
        op.number = number
    return f


def wrong_number(f: Function) -> Function:
    f.operations[1].number = 7
    return f


def other_graph(f: Function) -> Function:
    f.operations[1].graph = Graph()
    return f


def unknown_size(f: Function) -> Function:
    f.results[0].type = f.results[0].type.with_shape((UNKNOWN, 3))
    return f


def unknown_symbol(f: Function) -> Function:
    f.results[0].type = f.results[0].type.with_shape((symbol("q"), 3))
    return f


def wrong_dtype(f: Function) -> Function:
    f.results[0].type = TensorType(definition("Const").dtypes[1], f.results[0].type.shape)
    return f


def missing_attribute(f: Function) -> Function:
    f.operations[0].attrs = {}
    return f


def too_many_inputs(f: Function) -> Function:
    f.operations[2].inputs *= 2
    return f


def dead_result(f: Function) -> Function:
    f.operations.pop()
    return f


def foreign_parameter(f: Function) -> Function:
    return dataclasses.replace(f, parameters=(Parameter(f.results[0], "feed", "y"),))


def undeclared_parameter(f: Function) -> Function:
    return dataclasses.replace(f, parameters=())


def two_updates(f: Function) -> Function:
    return dataclasses.replace(f, updates=(("v", f.results[0]), ("v", f.results[0])))


def test_a_good_function_passes() -> None:
    verify(sample())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (out_of_order, "not computed before"),
        (wrong_number, "has number 7"),
        (other_graph, "another graph"),
        (unknown_size, "not concrete"),
        (unknown_symbol, "has no hint"),
        (wrong_dtype, "its rule says"),
        (missing_attribute, "lacks the attribute"),
        (too_many_inputs, "2 inputs"),
        (dead_result, "wanted but not computed"),
        (foreign_parameter, "is not in the body"),
        (undeclared_parameter, "no parameter of the function"),
        (two_updates, "updated twice"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_found(damage: Callable[[Function], Function], message: str) -> None:
    with pytest.raises(InternalError, match=message):
        verify(damage(sample()))
