"""The library: helpers of a target that are compiled and loaded (see `helpers`), by name.

A stored object begins with a line that names the helpers it calls, which are entries of their own
in the cache on disk: what cannot be found again makes a miss, and all is compiled anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from graphc.codegen.cpu.helpers import Divided, module_text

if TYPE_CHECKING:
    from graphc.codegen.cpu.jit import CpuTarget

_MAGIC = b"calls:"


def pack(calls: Iterable[str], code: bytes) -> bytes:
    """An object with the names of the helpers that it calls."""
    return _MAGIC + ",".join(calls).encode() + b"\n" + code


def unpack(data: bytes) -> tuple[list[str], bytes]:
    """The names and the object that were packed.

    Raises:
        ValueError: the data has another form.
    """
    line, separator, code = data.partition(b"\n")
    if not separator or not line.startswith(_MAGIC):
        raise ValueError("no packed object")
    names = line[len(_MAGIC) :].decode()
    return names.split(",") if names else [], code


class Library:
    """The helpers that `target` has loaded. Its caller holds the target's lock."""

    def __init__(self, target: CpuTarget) -> None:
        self._target = target
        self._known: dict[str, int] = {}

    def provide(self, divided: Divided, head: str) -> None:
        """Load the helpers of a divided module; those found nowhere are compiled together."""
        missing = [name for name in divided.helpers if not self._find(name)]
        if not missing:
            return
        helpers = [divided.helpers[name] for name in missing]
        private = dict.fromkeys(part for helper in helpers for part in helper.private)
        calls = dict.fromkeys(c for h in helpers for c in h.calls if c not in missing)
        definitions = [helper.definition for helper in helpers]
        text = module_text(head, definitions, private, calls, divided.helpers)
        data = pack(calls, self._target.object_code(text))
        self._link(data, missing)
        disk = self._target.disk
        if disk is not None:
            disk.put([self._target.disk_key(name) for name in missing], data)

    def addresses(self, names: Sequence[str]) -> dict[str, int]:
        """The addresses of helpers, which are loaded from disk if need be.

        Raises:
            LookupError: one of them is nowhere.
        """
        for name in names:
            if not self._find(name):
                raise LookupError(name)
        return {name: self._known[name] for name in names}

    def _find(self, name: str) -> bool:
        """Whether a helper is loaded, or can be from disk."""
        if name in self._known:
            return True
        disk = self._target.disk
        data = None if disk is None else disk.get(self._target.disk_key(name))
        if data is None:
            return False
        try:
            self._link(data, [name])
        except (LookupError, RuntimeError, ValueError):
            return False
        return True

    def _link(self, data: bytes, names: Sequence[str]) -> None:
        calls, code = unpack(data)
        found = self._target.load_object(code, names, self.addresses(calls))
        self._known.update(found)
