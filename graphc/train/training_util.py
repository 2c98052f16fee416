"""The global step: an int64 variable that counts training steps."""

from __future__ import annotations

from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.variable_scope import get_variable
from graphc.ir import dtypes
from graphc.ops.init_ops import Zeros

_NAME = "global_step"


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The number of steps counted so far in a session."""
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Any = None) -> Any:
    """The global step of a graph (default: the default graph), or None if it has none.

    It is the variable in collection GLOBAL_STEP, or the one named "global_step".

    Raises:
        TypeError: it is not a scalar integer.
    """
    graph = get_default_graph() if graph is None else graph
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise ValueError(
            located(f"Multiple tensors in global_step collection: {[str(step) for step in found]}")
        )
    step = found[0] if found else graph.variables.get(_NAME)
    if step is not None:
        assert_global_step(step)
    return step


def create_global_step(graph: Any = None) -> Any:
    """Make the global step of a graph.

    Raises:
        ValueError: it has one already.
    """
    graph = get_default_graph() if graph is None else graph
    if get_global_step(graph) is not None:
        raise ValueError(located('"global_step" already exists.'))
    with graph.as_default(), graph.name_scope(None):
        return get_variable(
            _NAME,
            shape=[],
            dtype=dtypes.int64,
            initializer=Zeros(),
            trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Any = None) -> Any:
    """The global step of a graph, made if it has none."""
    graph = get_default_graph() if graph is None else graph
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def assert_global_step(global_step_tensor: Any) -> None:
    """Raises TypeError unless the tensor or variable is a scalar integer."""
    if not global_step_tensor.dtype.is_integer:
        raise TypeError(
            located(
                f'Existing "global_step" does not have integer type: {global_step_tensor.dtype!r}'
            )
        )
    shape = global_step_tensor.get_shape()
    if shape.ndims != 0 and shape.is_fully_defined():
        raise TypeError(located(f'Existing "global_step" is not scalar: {shape}'))
