"""Slots: variables that belong to another variable, named after it ("W/Adam", "W/Adam_1", …)."""

from __future__ import annotations

from typing import Any

from graphc.framework.default_graph import graph_of
from graphc.framework.shape import as_shape
from graphc.framework.variable_scope import variable_scope
from graphc.framework.variable_store import create_or_share
from graphc.framework.variables import Variable
from graphc.ops.init_ops import Zeros


def create_slot(
    primary: Any, value: Any, name: str, colocate_with_primary: bool = True
) -> Variable:
    """A slot whose initial value is a tensor or an array.

    All operations of a run share one device, so `colocate_with_primary` changes nothing.
    """
    is_known = as_shape(value.shape).is_fully_defined()
    return _create(primary, name, initializer=value, dtype=value.dtype, validate_shape=is_known)


def create_slot_with_initializer(
    primary: Any,
    initializer: Any,
    shape: Any,
    dtype: Any,
    name: str,
    colocate_with_primary: bool = True,
) -> Variable:
    """A slot of a shape and dtype whose initial value an initializer gives."""
    is_known = as_shape(shape).is_fully_defined()
    return _create(
        primary, name, initializer=initializer, shape=shape, dtype=dtype, validate_shape=is_known
    )


def create_zeros_slot(
    primary: Any, name: str, dtype: Any = None, colocate_with_primary: bool = True
) -> Variable:
    """A slot of zeros in the shape of `primary`, a variable or a tensor."""
    wanted = primary.dtype if dtype is None else dtype
    shape = primary.get_shape()
    if shape.is_fully_defined():
        return create_slot_with_initializer(primary, Zeros(wanted), shape, wanted, name)
    graph = graph_of(primary)
    source = primary.initialized_value() if isinstance(primary, Variable) else primary
    zeros = graph.op("ZerosLike", source)
    if wanted is not zeros.dtype:
        zeros = graph.op("Cast", zeros, DstT=wanted)
    return create_slot(primary, zeros, name)


def _create(primary: Any, name: str, **arguments: Any) -> Variable:
    """A variable called <primary>/<name>, with a suffix where an earlier slot has that name.

    The scope makes the name unique; the slash at its end has the variable take it as it is.
    """
    graph = graph_of(primary)
    with (
        graph.as_default(),
        graph.control_dependencies(None),
        variable_scope(None, f"{primary.op.name}/{name}") as scope,
        graph.name_scope(None),
    ):
        return create_or_share(graph, f"{scope.name}/", trainable=False, reuse=False, **arguments)
