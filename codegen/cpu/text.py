"""LLVM IR as text: types, fresh names, and a builder that puts instructions where they belong.

The one idea: a `Builder` keeps a stack of open *scopes* (function entry, loop preheaders, loop
bodies, conditional regions) and remembers in which scope each name lives. A pure instruction is
written into the outermost scope where its operands exist, and equal instructions are written once.
So loop-invariant code motion and common subexpressions come from construction, and no LLVM pass has
to do them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from graphc.ir.dtypes import DType

_NAME = re.compile(r"%[-\w.$]+")
_ELEMENTS = {
    "float16": "half", "float32": "float", "float64": "double",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint8": "i8", "uint16": "i16", "uint32": "i32", "uint64": "i64", "bool": "i1",
}  # fmt: skip


def element_type(dtype: DType) -> str:
    """The LLVM type of one value in a register; a bool is i1."""
    return _ELEMENTS[dtype.name]


def memory_type(dtype: DType) -> str:
    """The LLVM type of one element in memory; a bool is a byte that holds 0 or 1."""
    return "i8" if dtype.is_bool else _ELEMENTS[dtype.name]


def vector(element: str, width: int | None) -> str:
    """`element` itself (width None) or the vector of `width` of them."""
    return element if width is None else f"<{width} x {element}>"


def suffix(element: str, width: int | None) -> str:
    """The mangled type in names of overloaded intrinsics: f32, v16f32, v16i1."""
    short = {"half": "f16", "float": "f32", "double": "f64"}.get(element, element)
    return short if width is None else f"v{width}{short}"


def float_literal(value: float, element: str) -> str:
    """A float constant that keeps every bit (LLVM reads hexadecimal doubles)."""
    if element == "half":
        return f"0xH{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
    if element == "float":
        value = struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) < 3.5e38 else value
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def literal(value: float | int | bool, dtype: DType) -> str:
    """A Python number as an LLVM constant of `dtype` (integers wrap)."""
    if dtype.is_floating:
        return float_literal(float(value), _ELEMENTS[dtype.name])
    if dtype.is_bool:
        return "true" if value else "false"
    bits = dtype.size * 8
    wrapped = int(value) & ((1 << bits) - 1)
    return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)


def lanes_of(element: str, values: Sequence[object]) -> str:
    """A vector constant: "<i32 0, i32 1>"."""
    return "<" + ", ".join(f"{element} {v}" for v in values) + ">"


@dataclass(slots=True)
class ModuleText:
    """The parts of one LLVM module: helper functions and globals by name, each defined once."""

    parts: dict[str, str] = field(default_factory=dict)

    def require(self, name: str, text: str) -> str:
        """Define the helper `name` (with @) unless it is there already; returns `name`."""
        self.parts.setdefault(name, text)
        return name

    def text(self) -> str:
        return "\n".join(self.parts.values())


@dataclass(slots=True)
class _Scope:
    """A stretch of code that is still being written.

    `certain`: whether entering the parent scope means that this one runs too; a load may move to a
    scope only if everything between is certain, since where nothing runs nothing may be read.
    """

    block: str
    certain: bool
    lines: list[str] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Loop:
    """An open (or finished) loop or region. `carried` are the phis; set `next` before it closes;
    `results` are the carried values after it."""

    index: str
    carried: tuple[str, ...]
    next: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


Carried = tuple[str, str, str]  # (hint, LLVM type, initial value)


class Builder:
    """Writes the body of one LLVM function.

    `let` is for pure instructions (hoisted as far as their operands allow, written once), `read`
    for loads from memory that this kernel does not write (likewise, but never to where the load
    might not have happened), `here` and `line` for everything else (written in place, in order).
    With `compact` set, long pieces of code are called, not inlined: the function has many of them.
    """

    def __init__(self, module: ModuleText, arguments: Sequence[str] = ()) -> None:
        self.module = module
        self.compact = False
        self._used: dict[str, int] = {}
        self._home: dict[str, int] = {}
        self._scopes = [_Scope("entry", certain=True)]
        self._floor = 0  # pure instructions are written no further out than this scope
        for name in arguments:
            self._used[name.removeprefix("%")] = 1
            self._home[name] = 0

    # -- names and plain lines

    def fresh(self, hint: str) -> str:
        """A name of this function that nothing else has: "%hint", then "%hint.2" ..."""
        count = self._used.get(hint, 0) + 1
        self._used[hint] = count
        return f"%{hint}" if count == 1 else self.fresh(f"{hint}.{count}")

    def line(self, text: str) -> None:
        """Write one line at the current place."""
        self._scopes[-1].lines.append(f"  {text}")

    def here(self, hint: str, text: str) -> str:
        """Write `%hint = text` at the current place; for loads of written buffers, phis, calls."""
        name = self.fresh(hint)
        self.line(f"{name} = {text}")
        self._home[name] = len(self._scopes) - 1
        return name

    def label(self, hint: str) -> str:
        """A fresh label name (without %); write it with `begin_block`."""
        return self.fresh(hint)[1:]

    def begin_block(self, label: str) -> None:
        """Start basic block `label` at the current place; the block before must have its branch."""
        scope = self._scopes[-1]
        scope.lines.append(f"{label}:")
        scope.block = label

    @property
    def block(self) -> str:
        """Label of the block being written: the incoming block for a phi that follows."""
        return self._scopes[-1].block

    @property
    def lines(self) -> list[str]:
        """The lines of the innermost open scope."""
        return self._scopes[-1].lines

    def depth(self, text: str) -> int:
        """The innermost scope in which a name used by `text` lives."""
        return max((self._home.get(name, 0) for name in _NAME.findall(text)), default=0)

    def entry(self, hint: str, text: str) -> str:
        """Write `text` (an alloca) at the very start of the function, once for each hint."""
        scope = self._scopes[0]
        known = scope.known.get(f"{hint} {text}")
        if known is None:
            known = scope.known[f"{hint} {text}"] = self.fresh(hint)
            scope.lines.insert(0, f"  {known} = {text}")
            self._home[known] = 0
        return known

    def prologue(self, text: str) -> None:
        """Write one line into the outermost scope, before everything that is open, once."""
        scope = self._scopes[0]
        if text not in scope.known:
            scope.known[text] = ""
            scope.lines.append(f"  {text}")

    # -- placed instructions

    def let(self, hint: str, text: str) -> str:
        """Write the pure instruction `text` as far out as its operands allow; equal ones once."""
        depth = self.depth(text)
        if depth < self._floor and text not in self._scopes[depth].known:
            depth = self._floor
        return self._place(hint, text, depth)

    def read(self, hint: str, text: str) -> str:
        """Like `let` for an instruction that must not run where the current place would not."""
        for scope in self._scopes:
            if (known := scope.known.get(text)) is not None:
                return known
        return self._place(hint, text, self._safe_depth(self.depth(text)))

    def once(self, key: str) -> bool:
        """Whether `key` was not yet said in any open scope; says it in the current one."""
        if any(key in scope.known for scope in self._scopes):
            return False
        self._scopes[-1].known[key] = ""
        return True

    def _safe_depth(self, depth: int) -> int:
        for place in range(len(self._scopes) - 1, depth, -1):
            if not self._scopes[place].certain:
                return place
        return depth

    def _place(self, hint: str, text: str, depth: int) -> str:
        scope = self._scopes[depth]
        known = scope.known.get(text)
        if known is None:
            known = scope.known[text] = self.fresh(hint)
            scope.lines.append(f"  {known} = {text}")
            self._home[known] = depth
        return known

    @contextmanager
    def at(self, text: str) -> Iterator[None]:
        """Write, for a while, into the outermost scope where `text`'s names live and whatever
        happens there happens only if the current place is reached (for checks of loop-invariant
        values).
        """
        inner = self._scopes[self._safe_depth(self.depth(text)) + 1 :]
        del self._scopes[len(self._scopes) - len(inner) :]
        try:
            yield
        finally:
            self._scopes += inner

    # -- loops and regions

    @contextmanager
    def loop(
        self,
        hint: str,
        start: str,
        stop: str,
        step: str = "1",
        carried: Sequence[Carried] = (),
        nonempty: bool = False,
    ) -> Iterator[Loop]:
        """`for (i = start; i < stop; i += step)`, bottom-tested, skipped if empty.

        With a step s > 1 the caller makes `stop - start` a multiple of it. The body must set
        `loop.next` to the next values of `carried`.
        """
        inside = "true" if nonempty else self.let(f"{hint}.any", f"icmp slt i64 {start}, {stop}")
        head, body, end = (self.label(f"{hint}.{part}") for part in ("head", "loop", "end"))
        before = self._scopes[-1]
        preheader = _Scope(head, certain=nonempty)
        inner = _Scope(body, certain=True)
        self._scopes += [preheader, inner]
        depth = len(self._scopes) - 1
        index = self.fresh(hint)
        loop = Loop(index, tuple(self.fresh(name) for name, _, _ in carried))
        for name in (index, *loop.carried):
            self._home[name] = depth
        yield loop
        assert len(loop.next) == len(carried), (loop.next, carried)
        assert self._scopes[-1] is inner, "unbalanced scopes"
        following = self.fresh(f"{hint}.next")
        again = self.fresh(f"{hint}.more")
        self.line(f"{following} = add nsw i64 {index}, {step}")
        self.line(f"{again} = icmp slt i64 {following}, {stop}")
        self.line(f"br i1 {again}, label %{body}, label %{end}")
        del self._scopes[-2:]
        lines = before.lines
        if nonempty:
            lines.append(f"  br label %{head}")
        else:
            lines.append(f"  br i1 {inside}, label %{head}, label %{end}")
        lines += [f"{head}:", *preheader.lines, f"  br label %{body}", f"{body}:"]
        entry, latch = preheader.block, inner.block
        lines.append(f"  {index} = phi i64 [ {start}, %{entry} ], [ {following}, %{latch} ]")
        for phi, (_, kind, init), value in zip(loop.carried, carried, loop.next, strict=True):
            lines.append(f"  {phi} = phi {kind} [ {init}, %{entry} ], [ {value}, %{latch} ]")
        lines += inner.lines
        skipped = before.block
        self.begin_block(end)
        loop.results = tuple(
            value
            if nonempty
            else self.here(
                f"{name}.out", f"phi {kind} [ {init}, %{skipped} ], [ {value}, %{latch} ]"
            )
            for (name, kind, init), value in zip(carried, loop.next, strict=True)
        )
        for name in loop.results:
            self._home[name] = len(self._scopes) - 1 if name.startswith("%") else 0

    def either(
        self,
        hint: str,
        condition: str,
        kind: str | None,
        first: Callable[[], str | None],
        second: Callable[[], str | None],
    ) -> str:
        """Branch on an i1: what `first` writes, or what `second` writes. They give a name each,
        which a phi of type `kind` joins; kind None: no value. `second` is rare: what only it needs
        is computed there.
        """
        labels = [self.label(f"{hint}.{part}") for part in ("yes", "no", "end")]
        before = self._scopes[-1]
        written: list[tuple[_Scope, str | None]] = []
        for label, write in zip(labels, (first, second), strict=False):
            self._scopes.append(_Scope(label, certain=False))
            outside, self._floor = self._floor, len(self._scopes) - 1 if write is second else 0
            name = write()
            self._floor = outside
            self.line(f"br label %{labels[2]}")
            written.append((self._scopes.pop(), name))
        before.lines.append(f"  br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
        for label, (scope, _) in zip(labels, written, strict=False):
            before.lines += [f"{label}:", *scope.lines]
        self.begin_block(labels[2])
        if kind is None:
            return ""
        incoming = ", ".join(f"[ {name}, %{scope.block} ]" for scope, name in written)
        return self.here(hint, f"phi {kind} {incoming}")

    @contextmanager
    def when(self, hint: str, condition: str, carried: Sequence[Carried] = ()) -> Iterator[Loop]:
        """A region that runs where the i1 `condition` holds; `carried` values pass by otherwise."""
        then, end = self.label(f"{hint}.then"), self.label(f"{hint}.end")
        before = self._scopes[-1]
        inner = _Scope(then, certain=condition == "true")
        self._scopes.append(inner)
        region = Loop("", tuple(init for _, _, init in carried))
        yield region
        assert len(region.next) == len(carried), (region.next, carried)
        assert self._scopes[-1] is inner, "unbalanced scopes"
        self.line(f"br label %{end}")
        self._scopes.pop()
        skipped = before.block
        before.lines.append(f"  br i1 {condition}, label %{then}, label %{end}")
        before.lines += [f"{then}:", *inner.lines]
        self.begin_block(end)
        region.results = tuple(
            self.here(
                f"{name}.out", f"phi {kind} [ {init}, %{skipped} ], [ {value}, %{inner.block} ]"
            )
            for (name, kind, init), value in zip(carried, region.next, strict=True)
        )
