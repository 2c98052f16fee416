"""Passes: functions to functions, each in one file, and pipelines of them written as text.

A pass is a frozen dataclass whose fields are its options: `fold{largest=100}`. It edits nothing it
was given, and returns the very same function where it has nothing to do.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphc.ir import collector
from graphc.ir.function import Function
from graphc.ir.graph import Operation
from graphc.ir.nested import nested_functions
from graphc.ir.passes.canonicalize import Canonicalize
from graphc.ir.passes.cse import CommonSubexpressions
from graphc.ir.passes.dce import DeadCode
from graphc.ir.passes.decompose import Decompose
from graphc.ir.passes.fold import Fold
from graphc.ir.passes.hoist import Hoist
from graphc.ir.passes.inline_branches import InlineBranches
from graphc.ir.passes.prune_loops import PruneLoops
from graphc.ir.passes.shapes import Shapes
from graphc.ir.passes.split_folds import SplitFolds
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record
from graphc.ir.verify import verify


class Pass(Protocol):
    """What a pipeline runs."""

    @property
    def name(self) -> str: ...

    def run(self, function: Function) -> Function: ...


class Observer(Protocol):
    """Sees a function before and after every pass."""

    def before(self, step: Pass, function: Function) -> None: ...

    def after(self, step: Pass, before: Function, after: Function) -> None: ...


PASSES: dict[str, Callable[..., Pass]] = {
    "canonicalize": Canonicalize,
    "cse": CommonSubexpressions,
    "dce": DeadCode,
    "decompose": Decompose,
    "fold": Fold,
    "hoist": Hoist,
    "inline-branches": InlineBranches,
    "prune-loops": PruneLoops,
    "shapes": Shapes,
    "split-folds": SplitFolds,
}

DEFAULT_PIPELINE = (
    "dce,shapes,canonicalize,fold,cse,decompose,inline-branches,shapes,canonicalize,fold,"
    "canonicalize,hoist,cse,prune-loops,split-folds,dce"
)

_STEP = re.compile(r"\s*([a-z][a-z0-9_-]*)\s*(?:\{([^{}]*)\})?\s*(,|$)")


@record
class PassPipeline:
    """Passes in order."""

    passes: tuple[Pass, ...]

    @staticmethod
    def parse(text: str) -> PassPipeline:
        """The pipeline of a text such as ``"canonicalize,fold{largest=100},dce"``.

        Raises:
            ValueError: the text is malformed, or names an unknown pass or option.
        """
        passes: list[Pass] = []
        position = 0
        while position < len(text):
            match = _STEP.match(text, position)
            if match is None:
                raise ValueError(f"cannot read the pass pipeline at {text[position:]!r}")
            name, options, comma = match.groups()
            if name not in PASSES:
                raise ValueError(f"unknown pass '{name}'; passes are {', '.join(sorted(PASSES))}")
            passes.append(_make(name, options or ""))
            position = match.end()
            if comma and position >= len(text.rstrip()):
                raise ValueError(f"the pass pipeline ends in a comma: {text!r}")
        return PassPipeline(tuple(passes))

    def run(self, function: Function, observers: Sequence[Observer] = ()) -> Function:
        """The function after all passes."""
        with collector.held():
            for step in self.passes:
                for observer in observers:
                    observer.before(step, function)
                before, function = function, _apply(step, function)
                for observer in observers:
                    observer.after(step, before, function)
        return function

    def __str__(self) -> str:
        return ",".join(map(pass_text, self.passes))


def _apply(step: Pass, function: Function) -> Function:
    """The function after a pass, which runs on nested functions first."""
    changed: dict[Operation, dict[str, Any]] = {}
    for op in function.operations:
        for name, inner in nested_functions(op).items():
            result = _apply(step, inner)
            if result is not inner:
                changed.setdefault(op, dict(op.attrs))[name] = result
    if changed:
        rebuild = Transfer(function)
        for op in function.operations:
            new = rebuild.copy(op)
            new.attrs = changed.get(op, new.attrs)
        function = rebuild.finish()
    return step.run(function)


def pass_text(step: Pass) -> str:
    """A pass as a pipeline writes it: options that differ from their defaults in braces."""
    changed = [
        f"{f.name}={getattr(step, f.name)}"
        for f in dataclasses.fields(step)  # type: ignore[arg-type]
        if getattr(step, f.name) != f.default
    ]
    return f"{step.name}{{{','.join(changed)}}}" if changed else step.name


def _make(name: str, options: str) -> Pass:
    kind: Any = PASSES[name]
    fields = {f.name: f for f in dataclasses.fields(kind)}
    given: dict[str, Any] = {}
    for option in filter(None, (part.strip() for part in options.split(","))):
        key, equals, value = (part.strip() for part in option.partition("="))
        if key not in fields or not equals:
            known = ", ".join(fields) or "none"
            raise ValueError(f"pass '{name}' has no option '{option}'; options: {known}")
        given[key] = _option(name, key, fields[key].default, value)
    made: Pass = kind(**given)
    return made


def _option(name: str, key: str, default: Any, value: str) -> Any:
    """An option's text as a value of its default's type."""
    if isinstance(default, bool):
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif isinstance(default, int):
        if re.fullmatch(r"-?\d{1,18}", value):
            return int(value)
    elif isinstance(default, str):
        return value
    raise ValueError(
        f"pass '{name}': {value!r} is no value for option '{key}' ({type(default).__name__})"
    )


# ------------------------------------------------------------------------------------- observers


@dataclass
class Timing:
    """Observer: how long each pass took and how many operations it left."""

    rows: list[tuple[str, float, int, int]] = field(default_factory=list)
    _started: float = 0.0

    def before(self, step: Pass, function: Function) -> None:
        self._started = time.perf_counter()

    def after(self, step: Pass, before: Function, after: Function) -> None:
        seconds = time.perf_counter() - self._started
        self.rows.append((step.name, seconds, len(before.operations), len(after.operations)))

    def __str__(self) -> str:
        return "\n".join(
            f"{name:14} {seconds * 1e3:10.3f} ms  {old:8} -> {new} operations"
            for name, seconds, old, new in self.rows
        )


@dataclass
class Dumping:
    """Observer: hand (number, pass name, function) to `write` after each pass that changes it.

    Number 0 is what the pipeline was given.
    """

    write: Callable[[int, str, Function], None]
    _count: int = 0

    def before(self, step: Pass, function: Function) -> None:
        if self._count == 0:
            self.write(0, "input", function)

    def after(self, step: Pass, before: Function, after: Function) -> None:
        self._count += 1
        if after is not before:
            self.write(self._count, step.name, after)


@dataclass
class Verifying:
    """Observer: hold every function to the invariants (see `graphc.ir.verify`), each once."""

    _verified: Function | None = None

    def before(self, step: Pass, function: Function) -> None:
        self._verify(function, "")

    def after(self, step: Pass, before: Function, after: Function) -> None:
        self._verify(after, f"after pass {step.name}")

    def _verify(self, function: Function, when: str) -> None:
        if function is not self._verified:
            verify(function, when)
            self._verified = function
