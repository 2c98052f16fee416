"""`tf.variable_scope`: names under which variables are shared, and defaults for new ones."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from graphc.framework.default_graph import GRAPHS, get_default_graph, graph_of
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.scope_object import VariableScope, refuse_partitioner
from graphc.framework.shape import as_shape
from graphc.framework.variable_store import AUTO_REUSE
from graphc.ir.dtypes import as_dtype

__all__ = [
    "AUTO_REUSE", "VariableScope", "get_local_variable", "get_variable", "get_variable_scope",
    "no_regularizer", "variable_op_scope", "variable_scope",
]  # fmt: skip


class _ThreadScopes:
    """The current scope of one thread in one graph, and how often scopes were opened."""

    def __init__(self) -> None:
        self.current = VariableScope(False)
        self.counts: Counter[str] = Counter()

    def close_below(self, name: str) -> None:
        for known in self.counts:
            if known.startswith(f"{name}/"):
                self.counts[known] = 0


def _scopes(graph: Graph) -> _ThreadScopes:
    local = graph.scopes
    if not hasattr(local, "scopes"):
        local.scopes = _ThreadScopes()
    return local.scopes


def get_variable_scope() -> VariableScope:
    """The current variable scope of the default graph."""
    return _scopes(get_default_graph()).current


def _unique(scopes: _ThreadScopes, prefix: str) -> str:
    outer = scopes.current.name
    name = f"{outer}/{prefix}" if outer else prefix
    if not scopes.counts[name]:
        return prefix
    number = 1
    while scopes.counts[f"{name}_{number}"]:
        number += 1
    return f"{prefix}_{number}"


class variable_scope:
    """A context manager that prefixes variables' names and sets defaults for `get_variable`.

    Args:
        name_or_scope: a name to continue the current scope with, or a `VariableScope` to enter
            again.
        default_name: the name, made unique, if `name_or_scope` is None.
        values: tensors whose graph becomes the default one.
        reuse: True to share existing variables, `tf.AUTO_REUSE` to share or make them; inherited.
        auxiliary_name_scope: whether to open a name scope of that name too.

    Raises:
        TypeError: a wrong `name_or_scope`; ValueError: a name is missing, or a wrong `reuse`.
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise TypeError(located("If default_name is None then name_or_scope is required"))
        if name_or_scope is not None and not isinstance(name_or_scope, (str, VariableScope)):
            raise TypeError(
                located(
                    "VariableScope: name_or_scope must be a string or VariableScope, not "
                    f"{name_or_scope!r}"
                )
            )
        if reuse not in (None, True, False) and reuse is not AUTO_REUSE:
            raise ValueError(
                located(
                    f"The reuse parameter must be True, False, None or tf.AUTO_REUSE, not {reuse!r}"
                )
            )
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                located(
                    "The auxiliary_name_scope must be `True` or `False`, while get "
                    f"{auxiliary_name_scope}"
                )
            )
        if name_or_scope is None and reuse is True:
            raise ValueError(located("reuse=True cannot be used without a name_or_scope"))
        refuse_partitioner(partitioner)
        self._target = name_or_scope
        self._default_name = default_name
        self._values = values
        self._reuse = reuse or None  # False inherits, as in TF1
        self._opens_name_scope = auxiliary_name_scope
        self._changes = {
            "initializer": initializer,
            "regularizer": regularizer,
            "caching_device": caching_device,
            "dtype": dtype,
            "constraint": constraint,
            "use_resource": use_resource,
        }
        self._custom_getter = custom_getter

    def __enter__(self) -> VariableScope:
        graph = graph_of(*self._values) if self._values else get_default_graph()
        self._graph = graph
        self._contexts: list[AbstractContextManager[Any]] = [GRAPHS.push(graph)]
        self._contexts[0].__enter__()
        try:
            return self._enter_scopes(graph)
        except BaseException:
            self._leave_contexts()
            raise

    def _enter_scopes(self, graph: Graph) -> VariableScope:
        scopes = _scopes(graph)
        target = self._target
        if isinstance(target, VariableScope):
            opened = self._open_name_scope(graph, target.name.rpartition("/")[2])
            scope = target.derived(reuse=self._reuse, **self._changes)
        else:
            opened = self._open_name_scope(
                graph, target if target is not None else self._default_name
            )
            name = target if target is not None else _unique(scopes, self._default_name or "")
            outer = scopes.current
            scope = outer.derived(
                reuse=self._reuse or outer.reuse,
                name=f"{outer.name}/{name}" if outer.name else name,
                **self._changes,
            )
            scope._name_scope = opened
        if self._custom_getter is not None:
            scope.set_custom_getter(_wrapped(self._custom_getter, scope.custom_getter))
        self._before, self._counts = scopes.current, Counter(scopes.counts)
        scopes.counts[scope.name] += 1
        scopes.current = self._scope = scope
        return scope

    def _open_name_scope(self, graph: Graph, name: str | None) -> str:
        if not self._opens_name_scope or not name:
            return f"{graph.scope}/" if graph.scope else ""
        context = graph.name_scope(name)
        opened = context.__enter__()
        self._contexts.append(context)
        return opened

    def _leave_contexts(self) -> None:
        while self._contexts:
            self._contexts.pop().__exit__(None, None, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        scopes = _scopes(self._graph)
        try:
            if scopes.current is not self._scope:
                raise RuntimeError(located("Improper nesting of variable_scope."))
            if isinstance(self._target, VariableScope):
                scopes.counts = self._counts
            else:
                scopes.close_below(self._scope.name)
            scopes.current = self._before
        finally:
            self._leave_contexts()


def _wrapped(getter: Any, outer: Any) -> Any:
    """A getter that calls `getter` with `outer` as the one beneath."""
    if outer is None:
        return getter

    def wrapped(getter_: Any = None, *positional: Any, **arguments: Any) -> Any:
        beneath = arguments.pop("getter", getter_)
        return getter(functools.partial(outer, beneath), *positional, **arguments)

    return wrapped


def variable_op_scope(
    values: Any,
    name_or_scope: Any,
    default_name: str | None = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
) -> variable_scope:
    """`variable_scope` with the parameters in the order of TF 0.x."""
    return variable_scope(
        name_or_scope, default_name, values, initializer, regularizer, caching_device, partitioner,
        custom_getter, reuse, dtype, use_resource, constraint,
    )  # fmt: skip


# ----------------------------------------------------------------------------------- get_variable


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """Make the variable `name` under the current scope, or share it where the scope says so.

    Args:
        shape: needed unless `initializer` is a value.
        dtype: default that of the scope, which is float32.
        initializer: a value or tensor, an initializer, its class, or a function `(shape, dtype)`.
            The default is the scope's, else Glorot's uniform one (zeros for integers and bools).
        regularizer: a function of the variable; its result joins REGULARIZATION_LOSSES.

    Raises:
        ValueError: it exists already, or does not though `reuse` is True; shape or dtype differ;
            the shape is missing.
    """
    refuse_partitioner(partitioner)
    graph = get_default_graph()
    return _scopes(graph).current.get_variable(
        graph,
        name,
        shape=None if shape is None else as_shape(shape),
        dtype=None if dtype is None else as_dtype(dtype),
        initializer=initializer,
        regularizer=regularizer,
        reuse=None,
        trainable=trainable,
        collections=collections,
        caching_device=caching_device,
        partitioner=None,
        validate_shape=validate_shape,
        use_resource=use_resource,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def get_local_variable(name: str, *positional: Any, **arguments: Any) -> Any:
    """`get_variable` for a local variable: not trainable, in collection LOCAL_VARIABLES."""
    arguments["trainable"] = False
    collections = arguments.get("collections")
    arguments["collections"] = [*(collections or []), "local_variables"]
    return get_variable(name, *positional, **arguments)


def no_regularizer(_: Any) -> None:
    """A regularizer that gives no loss: to undo that of an outer scope."""
    return None
