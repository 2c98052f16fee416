"""Variables as contrib makes and finds them: those of the model are in MODEL_VARIABLES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.framework.collections import GraphKeys, get_collection
from graphc.framework.name_scope import device as device_scope
from graphc.framework.variable_scope import VariableScope, get_variable
from graphc.ir import dtypes


def variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable[[Any], Any] | None = None,
    trainable: bool = True,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    device: str | None = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: bool | None = None,
) -> Any:
    """`tf.get_variable`, in GLOBAL_VARIABLES besides the collections asked for.

    `device` is a text that the operations carry.
    """
    names = list(collections) if collections is not None else [GraphKeys.GLOBAL_VARIABLES]
    with device_scope(device):
        return get_variable(
            name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer,
            trainable=trainable, collections=list(dict.fromkeys(names)),
            caching_device=caching_device, partitioner=partitioner, custom_getter=custom_getter,
            use_resource=use_resource,
        )  # fmt: skip


def model_variable(
    name: str,
    shape: Any = None,
    dtype: Any = dtypes.float32,
    initializer: Any = None,
    regularizer: Callable[[Any], Any] | None = None,
    trainable: bool = True,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    device: str | None = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: bool | None = None,
) -> Any:
    """`variable`, in MODEL_VARIABLES too."""
    names = [*(collections or ()), GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    return variable(
        name, shape, dtype, initializer, regularizer, trainable, names, caching_device, device,
        partitioner, custom_getter, use_resource,
    )  # fmt: skip


def get_variables(
    scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES
) -> list[Any]:
    """The variables of a collection under a scope (a name or `VariableScope`), whose names end
    with `suffix`."""
    name = scope.name if isinstance(scope, VariableScope) else scope
    found = get_collection(collection, name)
    return [v for v in found if suffix is None or v.op.name.endswith(suffix)]


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` of MODEL_VARIABLES."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` of TRAINABLE_VARIABLES."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)
