"""Hooks: how tensors and operations reach what only the user-facing layer can do.

`ir` never imports upward; `graphc.framework` and `graphc.session` put their functions here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from graphc.ir.tensor import Tensor


class Hooks:
    """What the user-facing layer supplies to tensors and operations. Each entry is a function."""

    def __init__(self) -> None:
        self.shape: Callable[[Tensor], Any] = lambda tensor: tensor.type.shape
        self.set_shape: Callable[[Tensor, Any], None] = _unset
        self.eval: Callable[..., Any] = _unset
        self.run: Callable[..., Any] = _unset
        self.getitem: Callable[[Tensor, Any], Any] = _unset
        self.matmul: Callable[[Any, Any], Any] = _matmul
        # (types, function(value, dtype, graph) -> Tensor) for implicit conversion; first match wins
        self.conversions: list[tuple[Any, Callable[..., Any]]] = []


def _unset(*_: Any) -> NoReturn:
    raise RuntimeError("this needs the graphc package: import graphc first")


def _matmul(a: Any, b: Any) -> Any:
    return a.graph.op("MatMul", a, b)


HOOKS = Hooks()
