"""The arguments of `tf.Variable`: the checks they pass, and what follows from them."""

from __future__ import annotations

import enum
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.shape import TensorShape, as_shape
from graphc.ir.dtypes import DType
from graphc.ir.graph import Tensor


class VariableSynchronization(enum.Enum):
    """When copies of a distributed variable agree; only AUTO has a meaning here."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How copies of a distributed variable join; only NONE has a meaning here."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


def check_distribution(synchronization: Any, aggregation: Any) -> None:
    """Raises ValueError for the distribution modes that mean nothing here."""
    if synchronization not in (VariableSynchronization.AUTO, None):
        raise ValueError(located(f"Invalid variable synchronization mode: {synchronization}"))
    if aggregation not in (VariableAggregation.NONE, None):
        raise ValueError(located(f"Invalid variable aggregation mode: {aggregation}"))


def check_collections(collections: Any) -> None:
    """Raises ValueError unless it is a list of names or None."""
    if collections is not None and not isinstance(collections, (list, tuple, set)):
        raise ValueError(
            located(
                "collections argument to Variable constructor must be a list, tuple, or set. Got "
                f"{collections!r} of type {type(collections)}"
            )
        )


def initial_tensor(graph: Graph, initial_value: Any, dtype: DType | None) -> Tensor:
    """The initial value as a tensor of the graph; functions are called under `Initializer`."""
    if not callable(initial_value):
        return convert_to_tensor(initial_value, dtype, name="initial_value")
    with graph.name_scope("Initializer"):
        value = initial_value()
        if value is None:
            raise ValueError(located("the function given as initial_value returned None"))
        return convert_to_tensor(value, dtype, name="initial_value")


def declared_shape(
    initial: Tensor, name: str, validate_shape: bool, shape: Any, expected_shape: Any
) -> TensorShape:
    """The shape that the storage is declared with; ValueError where it is not known."""
    found = initial.shape
    for given in (shape, expected_shape):
        if given is not None and not as_shape(given).is_compatible_with(found):
            raise ValueError(
                located(
                    f"The initial value's shape {found} is not compatible with the explicitly "
                    "supplied "
                    f"shape {as_shape(given)} of variable '{name}'"
                )
            )
    if validate_shape and not found.is_fully_defined():
        raise ValueError(
            located(
                f"initial_value must have a shape specified: {initial}; give sizes as numbers, or "
                f"validate_shape=False for variable '{name}'"
            )
        )
    if shape is not None:
        return as_shape(shape)
    return found if validate_shape else TensorShape(None)
