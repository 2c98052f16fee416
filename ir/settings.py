"""Settings: what holds for the operations made inside a `with` block, per thread.

Name scope, role, device, the user's line, control dependencies, and which cotangents the
differentiator wants. Settings are never changed but replaced, so leaving a block is one assignment.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Set
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from graphc.ir.sources import Source

if TYPE_CHECKING:
    from graphc.ir.graph import Graph
    from graphc.ir.tensor import Operation, Tensor

T = TypeVar("T")


class Settings:
    """What new operations of a graph get in one thread.

    `control_groups` pair the operations to wait for with those made in their scope since.
    `active` are the tensors whose cotangents are of use; None: all. `block` is the body of a branch
    or loop that is being built; None: the graph itself.
    """

    __slots__ = ("active", "block", "control_groups", "device", "role", "scope", "source")

    def __init__(self) -> None:
        self.scope = ""
        self.role = "forward"
        self.device = ""
        self.source: Source | None = None
        self.control_groups: tuple[tuple[tuple[Operation, ...], set[Operation]], ...] = ()
        self.active: Set[Tensor] | None = None
        self.block: Graph | None = None

    def copy(self) -> Settings:
        new = Settings.__new__(Settings)
        new.scope = self.scope
        new.role = self.role
        new.device = self.device
        new.source = self.source
        new.control_groups = self.control_groups
        new.active = self.active
        new.block = self.block
        return new


class Local(threading.local):
    """The settings of the present thread."""

    def __init__(self) -> None:
        self.settings = Settings()


class Within(contextlib.ContextDecorator, Generic[T]):
    """Context manager: `change` is applied to a copy of the settings, which then holds inside.

    It gives what `change` returns.
    """

    __slots__ = ("_before", "_change", "_local")

    def __init__(self, local: Local, change: Callable[[Settings], T]) -> None:
        self._local = local
        self._change = change

    def _recreate_cm(self) -> Within[T]:
        return Within(self._local, self._change)

    def __enter__(self) -> T:
        local = self._local
        self._before = before = local.settings
        settings = before.copy()
        result = self._change(settings)
        local.settings = settings
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        self._local.settings = self._before
