"""Helpers: functions that many kernels call are compiled once and linked to each of them.

The emitters write a kernel as one module, with the register tiles, fills and formulas that it
calls. Most of that text is the same from kernel to kernel, and compiling it takes most of the time.
Here a module's text is divided: what is small or belongs to the kernel stays, every function marked
`noinline` becomes a module of its own, named by its content, and is declared where it is called.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from graphc.ir.records import record

_SYMBOL = re.compile(r"@[-\w.$]+")
_INTERNAL = "define internal "
_OPEN = "{\n"


@record
class Helper:
    """A function that is linked: its name (without @), its definition and its declaration, what
    stays private in its module, and the names of the helpers that it calls itself.
    """

    name: str
    definition: str
    declaration: str
    private: tuple[str, ...]
    calls: tuple[str, ...]

    def module(self, head: str, helpers: Mapping[str, Helper]) -> str:
        """The text of a module of its own."""
        return module_text(head, [self.definition], self.private, self.calls, helpers)


@record
class Divided:
    """A module's text without its helpers, which it declares, and those by name, callees first."""

    text: str
    calls: tuple[str, ...]
    helpers: dict[str, Helper]


def divide(head: str, functions: Iterable[str], parts: Mapping[str, str]) -> Divided:
    """Divide a module: `head` and the kernels' `functions`, which call `parts` by name (with @)."""
    division = _Division(parts)
    functions = list(functions)
    private, calls = division.needs("\n".join(functions))
    renamed = [division.rename(text) for text in functions]
    text = module_text(head, renamed, private, calls, division.helpers)
    return Divided(text, calls, division.helpers)


def module_text(
    head: str,
    definitions: Iterable[str],
    private: Iterable[str],
    calls: Iterable[str],
    helpers: Mapping[str, Helper],
) -> str:
    """A module with these definitions, which declares the helpers that it calls."""
    return "\n".join([head, *definitions, *private, *(helpers[n].declaration for n in calls)])


class _Division:
    """Finds what each text needs; helpers get their names when all that they call have theirs."""

    def __init__(self, parts: Mapping[str, str]) -> None:
        self.parts = parts
        self.helpers: dict[str, Helper] = {}
        self.names: dict[str, str] = {}  # the name in the emitters' text, and the one by content

    def needs(self, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The private parts that a text needs, renamed, and the helpers that these call or it."""
        private, calls = self._reached(text)
        for symbol in calls:
            self._name(symbol)
        return (
            tuple([self.rename(self.parts[symbol]) for symbol in private]),
            tuple([self.names[symbol][1:] for symbol in calls]),
        )

    def _reached(self, text: str) -> tuple[list[str], list[str]]:
        """Names of the private parts behind a text, and of the helpers at their border."""
        private: dict[str, None] = {}
        calls: dict[str, None] = {}
        pending = [text]
        while pending:
            for symbol in dict.fromkeys(_SYMBOL.findall(pending.pop())):
                part = self.parts.get(symbol)
                if part is None or symbol in private or symbol in calls:
                    continue
                if _is_helper(part):
                    calls[symbol] = None
                else:
                    private[symbol] = None
                    pending.append(part)
        return list(private), list(calls)

    def _name(self, symbol: str) -> None:
        """Make the helper behind a name, after those that it calls."""
        pending = [symbol]
        while pending:
            current = pending[-1]
            if current in self.names:
                pending.pop()
                continue
            body = _body(self.parts[current])
            waiting = [s for s in self._reached(body)[1] if s not in self.names and s != current]
            if waiting:
                pending += waiting
                continue
            self._make(pending.pop())

    def _make(self, symbol: str) -> None:
        text = self.parts[symbol]
        private, calls = self.needs(_body(text))
        content = "\n".join([self.rename(text), *private])
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        self.names[symbol] = f"{symbol}.{digest}"
        name = self.names[symbol][1:]
        head, body = text.split(_OPEN, 1)
        head = self.rename(head).replace(_INTERNAL, "define ", 1)
        declaration = f"{head.replace('define ', 'declare ', 1).rstrip()}\n"
        definition = f"{head}{_OPEN}{self.rename(body)}"
        self.helpers[name] = Helper(name, definition, declaration, private, calls)

    def rename(self, text: str) -> str:
        return _SYMBOL.sub(lambda match: self.names.get(match[0], match[0]), text)


def _is_helper(part: str) -> bool:
    """Whether a part is a function that is called, rather than inlined or part of a kernel."""
    head = part.split(_OPEN, 1)[0]
    return head.startswith(_INTERNAL) and "noinline" in head and "@kernel_" not in head


def _body(part: str) -> str:
    return part.split(_OPEN, 1)[1]
