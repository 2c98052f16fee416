"""`tf.name_scope` and its older forms."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from graphc.framework.default_graph import GRAPHS, get_default_graph, graph_of
from graphc.framework.errors import located

__all__ = ["colocate_with", "container", "control_dependencies", "device", "name_scope", "op_scope"]


class name_scope:
    """A context manager under which operation names begin with `name/`.

    `with tf.name_scope(name, default_name, values) as scope:` uses `default_name` where `name` is
    None, and makes the graph of `values` the default one. It gives the scope with a trailing slash;
    an operation named so is called as the scope itself.
    """

    def __init__(
        self, name: str | None, default_name: str | None = None, values: Any = None
    ) -> None:
        self._name = default_name if name is None else name
        self._default_name = default_name
        self._values = values
        if name is not None and not isinstance(name, str):
            raise TypeError(located(f"name_scope takes a string as name, not {name!r}"))
        if self._name is None and values is not None:
            raise ValueError(
                located("At least one of name (None) and default_name (None) must be provided.")
            )

    @property
    def name(self) -> str | None:
        return self._name

    def __enter__(self) -> str:
        graph = get_default_graph() if self._values is None else graph_of(*self._values)
        self._graph = GRAPHS.push(graph)
        self._graph.__enter__()
        try:
            self._scope = graph.name_scope(self._name)
            return self._scope.__enter__()
        except BaseException:
            self._graph.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._scope.__exit__(kind, error, trace)
        finally:
            self._graph.__exit__(kind, error, trace)


def op_scope(values: Any, name: str | None, default_name: str | None = None) -> name_scope:
    """`name_scope` with the parameters in the order of TF 0.x."""
    return name_scope(name, default_name, values)


def control_dependencies(control_inputs: Any) -> Any:
    """Operations of the default graph made inside run after `control_inputs`; None clears them."""
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> Any:
    """Operations of the default graph made inside carry this device text."""
    return get_default_graph().device(device_name_or_function)


def colocate_with(op: Any, ignore_existing: bool = False) -> Any:
    """Accepted as in TF1; all operations of a run share one device here."""
    return get_default_graph().colocate_with(op, ignore_existing)


def container(container_name: str) -> Any:
    """Refused: sessions do not share variables by containers.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        located(f"tf.container({container_name!r}): resource containers are not supported")
    )
