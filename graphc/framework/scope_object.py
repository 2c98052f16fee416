"""The object behind `tf.variable_scope`: a name prefix, and defaults for variables under it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.variable_store import create_or_share, parameters_of
from graphc.ir.dtypes import as_dtype, float32


class VariableScope:
    """A name prefix for variables, and what `get_variable` uses where it is not told otherwise.

    `with tf.variable_scope(…) as scope:` gives one; entering the object again continues it.
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = float32,
        constraint: Any = None,
        use_resource: bool | None = None,
    ) -> None:
        self._name = name
        self._reuse = reuse
        self._initializer = initializer
        self._regularizer = regularizer
        self._caching_device = caching_device
        self._custom_getter = custom_getter
        self._name_scope = name_scope
        self._dtype = as_dtype(dtype)
        self._constraint = constraint
        self._use_resource = use_resource

    @property
    def name(self) -> str:
        return self._name

    @property
    def original_name_scope(self) -> str:
        return self._name_scope

    @property
    def reuse(self) -> Any:
        return self._reuse

    @property
    def initializer(self) -> Any:
        return self._initializer

    @property
    def regularizer(self) -> Any:
        return self._regularizer

    @property
    def caching_device(self) -> Any:
        return self._caching_device

    @property
    def partitioner(self) -> None:
        return None

    @property
    def custom_getter(self) -> Any:
        return self._custom_getter

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def constraint(self) -> Any:
        return self._constraint

    @property
    def use_resource(self) -> bool | None:
        return self._use_resource

    def reuse_variables(self) -> None:
        """Share existing variables from here on."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self._initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        self._regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        self._caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        refuse_partitioner(partitioner)

    def set_custom_getter(self, custom_getter: Any) -> None:
        self._custom_getter = custom_getter

    def set_dtype(self, dtype: Any) -> None:
        self._dtype = as_dtype(dtype)

    def set_use_resource(self, use_resource: bool | None) -> None:
        self._use_resource = use_resource

    def get_collection(self, name: str) -> list[Any]:
        """The items of a collection whose names begin with this scope's."""
        scope = f"{self._name}/" if self._name else ""
        return get_default_graph().get_collection(name, scope)

    def trainable_variables(self) -> list[Any]:
        return self.get_collection("trainable_variables")

    def global_variables(self) -> list[Any]:
        return self.get_collection("variables")

    def local_variables(self) -> list[Any]:
        return self.get_collection("local_variables")

    def derived(self, **changes: Any) -> VariableScope:
        """A copy with some of the constructor's arguments changed (None changes nothing)."""
        arguments = {
            "reuse": self._reuse,
            "name": self._name,
            "initializer": self._initializer,
            "regularizer": self._regularizer,
            "caching_device": self._caching_device,
            "custom_getter": self._custom_getter,
            "name_scope": self._name_scope,
            "dtype": self._dtype,
            "constraint": self._constraint,
            "use_resource": self._use_resource,
        }
        arguments.update({key: value for key, value in changes.items() if value is not None})
        return VariableScope(**arguments)

    def get_variable(self, graph: Graph, name: str, **arguments: Any) -> Any:
        """The variable `name` under this scope; None arguments take the scope's defaults."""
        if not isinstance(name, str):
            raise TypeError(located(f"get_variable: the name must be a string, not {name!r}"))
        if not name:
            raise ValueError(located("get_variable: the name must not be empty"))
        full = f"{self._name}/{name}" if self._name else name
        if arguments["reuse"] is None:
            arguments["reuse"] = self._reuse
        _check_initializer_dtype(arguments["initializer"], arguments["dtype"])
        for argument, default in (
            ("initializer", self._initializer),
            ("regularizer", self._regularizer),
            ("caching_device", self._caching_device),
            ("constraint", self._constraint),
            ("dtype", self._dtype),
            ("use_resource", self._use_resource),
            ("custom_getter", self._custom_getter),
        ):
            if arguments[argument] is None:
                arguments[argument] = default
        getter = arguments.pop("custom_getter")
        with graph.name_scope(None):
            if getter is None:
                return create_or_share(graph, full, **arguments)
            return getter(
                getter=functools.partial(_true_getter, graph),
                name=full,
                **_for_getter(getter, arguments),
            )


def _true_getter(graph: Graph, name: str, *positional: Any, **arguments: Any) -> Any:
    order = ("shape", "dtype", "initializer", "regularizer", "reuse", "trainable", "collections",
             "caching_device", "partitioner", "validate_shape", "use_resource", "constraint",
             "synchronization", "aggregation")  # fmt: skip
    arguments.update(zip(order, positional, strict=False))
    return create_or_share(graph, name, **arguments)


def _for_getter(getter: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that TF1 passes to a custom getter: `constraint` only if it takes it."""
    names, has_keywords = parameters_of(getter)
    if has_keywords or "constraint" in names:
        return arguments
    return {key: value for key, value in arguments.items() if key != "constraint"}


def _check_initializer_dtype(initializer: Any, dtype: Any) -> None:
    found = getattr(initializer, "dtype", None)
    if dtype is None or found is None or callable(initializer):
        return
    if as_dtype(found) is not as_dtype(dtype):
        raise ValueError(
            located(
                f"Initializer type '{as_dtype(found).name}' and explicit dtype "
                f"'{as_dtype(dtype).name}' don't match."
            )
        )


def refuse_partitioner(partitioner: Any) -> None:
    """Raises NotImplementedError unless there is none."""
    if partitioner is not None:
        raise NotImplementedError(
            located("partitioned variables are not supported: leave out partitioner=")
        )
