"""`arg_scope`: default arguments of functions, for as long as a `with` block lasts."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from graphc.framework.errors import located

Scope = dict[str, dict[str, Any]]  # arguments by the full name of a function

_CURRENT: ContextVar[Scope | None] = ContextVar("graphc-arg-scope", default=None)
_TAKERS: set[str] = set()  # full names of functions that look into scopes


def _key(function: Any) -> str:
    return getattr(function, "_arg_scope_key", f"{function.__module__}.{function.__qualname__}")


def add_arg_scope(func: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: let `arg_scope` give default arguments to a function."""
    key = _key(func)
    _TAKERS.add(key)

    @functools.wraps(func)
    def with_defaults(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **{**current_arg_scope().get(key, {}), **kwargs})

    with_defaults._arg_scope_key = key  # type: ignore[attr-defined]
    return with_defaults


def has_arg_scope(func: Any) -> bool:
    """Whether `arg_scope` knows a function."""
    return _key(func) in _TAKERS


def current_arg_scope() -> Scope:
    """The defaults that hold here."""
    return _CURRENT.get() or {}


@contextlib.contextmanager
def arg_scope(
    list_ops_or_scope: Sequence[Any] | Mapping[str, Any], **kwargs: Any
) -> Iterator[Scope]:
    """Default arguments for functions called inside; gives a scope that can be entered again.

        with arg_scope([layers.fully_connected], activation_fn=tf.nn.tanh) as scope:
            hidden = layers.fully_connected(x, 10)

    Raises:
        ValueError: a function was not decorated by `add_arg_scope`, or a scope is given together
            with arguments; TypeError: neither functions nor a scope are given.
    """
    if isinstance(list_ops_or_scope, Mapping):
        if kwargs:
            raise ValueError(
                located("When attempting to re-use a scope by suppling a dictionary, kwargs must "
                        "be empty.")
            )  # fmt: skip
        scope: Scope = {key: dict(given) for key, given in list_ops_or_scope.items()}
    else:
        if not isinstance(list_ops_or_scope, (list, tuple)):
            raise TypeError(
                located("list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict)")
            )
        scope = {key: dict(given) for key, given in current_arg_scope().items()}
        for function in list_ops_or_scope:
            if not has_arg_scope(function):
                raise ValueError(located(f"{_key(function)} is not decorated with @add_arg_scope"))
            scope.setdefault(_key(function), {}).update(kwargs)
    token = _CURRENT.set(scope)
    try:
        yield scope
    finally:
        _CURRENT.reset(token)
