"""The standard sets of variables, their initializers, and questions about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.framework.collections import GraphKeys, get_collection
from graphc.framework.default_graph import element_of, get_default_graph, graph_of
from graphc.framework.errors import located
from graphc.ir.graph import Operation, Tensor

__all__ = [
    "all_variables",
    "assert_variables_initialized",
    "global_variables",
    "global_variables_initializer",
    "initialize_all_variables",
    "initialize_local_variables",
    "initialize_variables",
    "is_variable_initialized",
    "local_variables",
    "local_variables_initializer",
    "model_variables",
    "moving_average_variables",
    "report_uninitialized_variables",
    "trainable_variables",
    "variables_initializer",
]


def global_variables(scope: str | None = None) -> list[Any]:
    """The variables of collection GLOBAL_VARIABLES; `scope` is as for `get_collection`."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def all_variables() -> list[Any]:
    """`global_variables` under its old name."""
    return global_variables()


def local_variables(scope: str | None = None) -> list[Any]:
    """The variables of collection LOCAL_VARIABLES."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables that optimizers change by default."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """The variables of collection MODEL_VARIABLES."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """The variables that an `ExponentialMovingAverage` follows."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """An operation that runs the initializers of `var_list`."""
    from graphc.ops.control_flow_ops import group

    return group(*[v.initializer for v in var_list], name=name)


def initialize_variables(var_list: Sequence[Any], name: str = "init") -> Operation:
    """`variables_initializer` under its old name."""
    return variables_initializer(var_list, name)


def global_variables_initializer() -> Operation:
    """An operation that initializes all global variables there are now."""
    return variables_initializer(global_variables())


def initialize_all_variables() -> Operation:
    """`global_variables_initializer` under its old name."""
    return global_variables_initializer()


def local_variables_initializer() -> Operation:
    """An operation that initializes all local variables there are now."""
    return variables_initializer(local_variables())


def initialize_local_variables() -> Operation:
    """`local_variables_initializer` under its old name."""
    return local_variables_initializer()


def is_variable_initialized(variable: Any) -> Tensor:
    """Whether a variable has a value: a bool scalar.

    Raises:
        TypeError: it is no variable.
    """
    ref = _storage(variable)
    return ref.op.graph.op("IsVariableInitialized", ref)


def _storage(variable: Any) -> Tensor:
    element = element_of(variable)
    if not isinstance(element, Tensor) or not element.is_ref:
        raise TypeError(located(f"a variable is wanted, not {variable!r}"))
    return element


def report_uninitialized_variables(
    var_list: Sequence[Any] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """The names of the variables without a value: a string vector.

    `var_list` defaults to all global and local variables.
    """
    from graphc.ops.script_ops import host_call

    if var_list is None:
        var_list = [*global_variables(), *local_variables()]
    refs = [_storage(v) for v in var_list]
    names = [ref.op.name.encode() for ref in refs]
    graph = graph_of(*refs)

    def missing(*flags: np.ndarray) -> np.ndarray:
        found = [n for n, flag in zip(names, flags, strict=True) if not flag]
        return np.array(found, dtype=object)

    with graph.control_dependencies(None), graph.name_scope(name) as scope:
        flags = [graph.op("IsVariableInitialized", ref) for ref in refs]
        result = host_call(graph, missing, flags, ["string"], stateful=True, name=scope)[0]
        result.set_shape([None])
        return result


def assert_variables_initialized(var_list: Sequence[Any] | None = None) -> Operation | None:
    """An operation that fails with FailedPreconditionError unless all variables have a value.

    None if there are no variables.
    """
    if var_list is None:
        var_list = [*global_variables(), *local_variables()]
    if not var_list:
        return None
    from graphc.ops.control_flow_ops import group

    graph = get_default_graph()
    with graph.name_scope("assert_variables_initialized"):
        reads = [graph.op("Identity", _storage(v)) for v in var_list]
        return group(*reads)
