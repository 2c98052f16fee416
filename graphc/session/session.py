"""`tf.Session` and `tf.InteractiveSession`, and the default session behind `Tensor.eval`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NoReturn

from graphc.framework.config import ConfigProto
from graphc.framework.default_graph import GRAPHS, SESSIONS
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.ir.graph import HOOKS, Operation, Tensor
from graphc.session.base import BaseSession, closed_error

__all__ = ["InteractiveSession", "Session"]


class Session(BaseSession):
    """Runs operations of a graph and keeps its variables' values.

    `with tf.Session() as sess:` makes it and its graph the default ones, and closes it at the end.
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None
    ) -> None:
        super().__init__(target, graph, config)
        self._contexts: list[AbstractContextManager[Any]] = []

    def __enter__(self) -> Session:
        if self._contexts:
            raise RuntimeError(
                located(
                    "Session context managers are not re-entrant. Use `Session.as_default()` if "
                    "you want "
                    "to enter a session multiple times."
                )
            )
        if self._closed:
            raise closed_error()
        self._contexts = [GRAPHS.push(self._graph), SESSIONS.push(self)]
        for context in self._contexts:
            context.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        contexts, self._contexts = self._contexts, []
        for context in reversed(contexts):
            context.__exit__(None, None, None)
        self.close()

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> NoReturn:
        """Not available: there are no servers whose containers could be cleared.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            located("tf.Session.reset is not supported: close the session and make a new one")
        )


class InteractiveSession(BaseSession):
    """A session that makes itself the default one when it is made, until it is closed.

    Then `t.eval()` and `op.run()` work without naming a session, in all threads.
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None
    ) -> None:
        super().__init__(target, graph, config)
        self._explicit_graph = graph
        SESSIONS.install(self)
        if graph is not None:
            GRAPHS.install(graph)

    def close(self) -> None:
        super().close()
        SESSIONS.uninstall(self)
        if self._explicit_graph is not None:
            GRAPHS.uninstall(self._explicit_graph)
            self._explicit_graph = None


# ----------------------------------------------------------------------- Tensor.eval, Operation.run


def _session_for(element: Any, session: Any, what: str, method: str) -> Any:
    if session is None:
        session = SESSIONS.top()
        if session is None:
            raise ValueError(
                located(
                    f"Cannot {what} using `{method}()`: No default session is registered. Use "
                    "`with "
                    f"sess.as_default()` or pass an explicit session to `{method}(session=sess)`"
                )
            )
        whose = "the default session"
    else:
        whose = "the session given"
    if session.graph is not element.graph.root:
        raise ValueError(
            located(
                f"Cannot use {whose} to {what}: the graph of {element.name!r} is different from "
                "the "
                f"session's graph. Pass an explicit session to `{method}(session=sess)`."
            )
        )
    return session


def _eval(tensor: Tensor, feed_dict: Any, session: Any) -> Any:
    return _session_for(tensor, session, "evaluate tensor", "eval").run(tensor, feed_dict)


def _run(operation: Operation, feed_dict: Any, session: Any) -> None:
    _session_for(operation, session, "execute operation", "run").run(operation, feed_dict)


HOOKS.eval = _eval
HOOKS.run = _run
