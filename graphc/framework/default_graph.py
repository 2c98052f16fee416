"""The default graph and the default session: stacks per context, over what the process shares.

`with graph.as_default():` pushes for the current thread (a context variable). Beneath lie the
process's default graph, which `reset_default_graph` replaces, and what an `InteractiveSession`
installed: these are seen by all threads and outlive notebook cells.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from graphc.framework.errors import located
from graphc.ir.graph import IndexedSlices, Operation, Tensor

if TYPE_CHECKING:
    from graphc.framework.graph import Graph

__all__ = ["get_default_graph", "get_default_session", "reset_default_graph"]

_LOCK = threading.Lock()


class _Stack:
    """What `with` pushed in this context, over what was installed for the process."""

    def __init__(self, name: str) -> None:
        self.entered: ContextVar[tuple[Any, ...]] = ContextVar(name, default=())
        self.installed: list[Any] = []

    def top(self) -> Any:
        entered = self.entered.get()
        if entered:
            return entered[-1]
        return self.installed[-1] if self.installed else None

    @contextlib.contextmanager
    def push(self, value: Any) -> Iterator[Any]:
        before = self.entered.get()
        self.entered.set((*before, value))
        try:
            yield value
        finally:
            self.entered.set(before)

    def install(self, value: Any) -> None:
        with _LOCK:
            self.installed.append(value)

    def uninstall(self, value: Any) -> None:
        with _LOCK:
            self.installed[:] = [other for other in self.installed if other is not value]

    @property
    def is_clear(self) -> bool:
        return not self.entered.get() and not self.installed


GRAPHS = _Stack("graphc-default-graphs")
SESSIONS = _Stack("graphc-default-sessions")
_process_graph: list[Any] = []


def get_default_graph() -> Graph:
    """The graph that operations are added to: the innermost `with graph.as_default():`, else the
    one the process shares."""
    found = GRAPHS.top()
    if found is not None:
        return found
    with _LOCK:
        if not _process_graph:
            from graphc.framework.graph import Graph

            _process_graph.append(Graph())
        return _process_graph[0]


def reset_default_graph() -> None:
    """Replace the process's default graph by an empty one.

    Raises:
        AssertionError: called inside `with graph.as_default():` or `with tf.Session():`.
    """
    if not GRAPHS.is_clear:
        raise AssertionError(
            located(
                "Do not use tf.reset_default_graph() to clear nested graphs. If you need a "
                "cleared graph, "
                "exit the nesting and create a new graph."
            )
        )
    with _LOCK:
        _process_graph.clear()


def get_default_session() -> Any:
    """The innermost session entered by `with`, else the `InteractiveSession`, else None."""
    return SESSIONS.top()


def element_of(value: Any) -> Tensor | Operation | None:
    """The tensor or operation that a value stands for, or None: variables and slices have one."""
    if isinstance(value, (Tensor, Operation)):
        return value
    if isinstance(value, IndexedSlices):
        return value.values
    as_element = getattr(value, "_as_graph_element", None)
    return as_element() if as_element is not None else None


def graph_of(*values: Any) -> Graph:
    """The graph that the values belong to, else the default graph.

    Lists and tuples are looked into.

    Raises:
        ValueError: they belong to different graphs.
    """
    found: Any = None
    pending = list(reversed(values))
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)):
            pending += reversed(value)
            continue
        element = element_of(value)
        if element is None:
            continue
        if found is None:
            found = element
        elif found.graph.root is not element.graph.root:
            raise ValueError(
                located(
                    f"{element} must be from the same graph as {found}; build both inside the same "
                    "`with graph.as_default():`"
                )
            )
    return get_default_graph() if found is None else found.graph.root
