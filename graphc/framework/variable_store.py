"""The variables that `get_variable` made, by full name: made, or shared, or refused."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.shape import TensorShape, as_shape
from graphc.framework.variable_arguments import VariableAggregation, VariableSynchronization
from graphc.framework.variables import Variable
from graphc.ir.dtypes import DType, as_dtype, float32


class ReuseMode(enum.Enum):
    """Whether a variable scope shares variables or makes them."""

    AUTO_REUSE = 1

    def __repr__(self) -> str:
        return "<_ReuseMode.AUTO_REUSE: 1>"


AUTO_REUSE = ReuseMode.AUTO_REUSE


def create_or_share(
    graph: Graph,
    name: str,
    shape: Any = None,
    dtype: Any = float32,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Variable:
    """The variable of that full name.

    Raises:
        ValueError: see `get_variable`.
    """
    if partitioner is not None:
        raise NotImplementedError(located("partitioned variables are not supported"))
    dtype = as_dtype(dtype)
    is_value = initializer is not None and not callable(initializer)
    if shape is not None and is_value:
        raise ValueError(located("If initializer is a constant, do not specify shape."))
    wanted = None if shape is None else as_shape(shape)
    known = graph.shared_variables.get(name)
    if known is not None:
        return _shared(known, name, wanted, dtype, reuse)
    if reuse is True:
        raise ValueError(
            located(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did "
                "you mean "
                "to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        )
    if initializer is None:
        initializer = _default_initializer(name, dtype)
    value, value_dtype = _initial_value(name, initializer, wanted, dtype, is_value)
    made = Variable(
        initial_value=value,
        name=name,
        trainable=trainable,
        collections=collections,
        caching_device=caching_device,
        dtype=value_dtype,
        validate_shape=validate_shape,
        constraint=constraint,
        use_resource=use_resource,
        synchronization=synchronization or VariableSynchronization.AUTO,
        aggregation=aggregation or VariableAggregation.NONE,
    )
    graph.shared_variables[name] = made
    if regularizer is not None:
        _regularize(graph, name, made, regularizer)
    return made


def _shared(
    known: Variable, name: str, shape: TensorShape | None, dtype: DType, reuse: Any
) -> Variable:
    if not reuse:
        raise ValueError(
            located(
                f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
                f"reuse=tf.AUTO_REUSE in VarScope? Originally defined at: {known.op.where}"
            )
        )
    if shape is not None and not shape.is_compatible_with(known.get_shape()):
        raise ValueError(
            located(
                f"Trying to share variable {name}, but specified shape {shape} and found shape "
                f"{known.get_shape()}, made at {known.op.where}."
            )
        )
    if dtype is not known.dtype:
        raise ValueError(
            located(
                f"Trying to share variable {name}, but specified dtype {dtype.name} and found "
                "dtype "
                f"{known.dtype.name}, made at {known.op.where}."
            )
        )
    return known


def _default_initializer(name: str, dtype: DType) -> Any:
    from graphc.ops import init_ops

    if dtype.is_floating:
        return init_ops.glorot_uniform_initializer()
    if dtype.is_integer or dtype.is_bool:
        return init_ops.zeros_initializer()
    raise ValueError(located(f"An initializer for variable {name} of {dtype!r} is required"))


def _initial_value(
    name: str, initializer: Any, shape: TensorShape | None, dtype: DType, is_value: bool
) -> tuple[Any, DType | None]:
    """What to give `Variable`: an initial value or a function that makes it, and the dtype."""
    if is_value:
        return initializer, None
    if inspect.isclass(initializer):
        initializer = initializer()
    names, has_keywords = parameters_of(initializer)
    if shape is None and not _required(initializer):
        return initializer, None
    if shape is None or not shape.is_fully_defined():
        raise ValueError(
            located(
                f"Shape of a new variable ({name}) must be fully defined, but instead was "
                f"{TensorShape(None) if shape is None else shape}."
            )
        )
    sizes = shape.as_list()
    if "partition_info" in names:
        return lambda: initializer(sizes, dtype=dtype, partition_info=None), dtype
    if "dtype" in names or has_keywords:
        return lambda: initializer(sizes, dtype=dtype), dtype
    if not names and not has_keywords:
        return initializer, dtype
    return lambda: initializer(sizes), dtype


def parameters_of(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """The names of a function's parameters, and whether it takes any keyword."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [], True
    kinds = inspect.Parameter
    names = [p.name for p in found if p.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)]
    return names, any(p.kind is kinds.VAR_KEYWORD for p in found)


def _required(function: Callable[..., Any]) -> bool:
    """Whether a function needs arguments."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    kinds = inspect.Parameter
    return any(
        p.default is kinds.empty and p.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)
        for p in found
    )


def _regularize(graph: Graph, name: str, variable: Variable, regularizer: Any) -> None:
    with graph.name_scope(f"{name}/Regularizer/"), graph.control_dependencies(None):
        loss = regularizer(variable)
    if loss is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
