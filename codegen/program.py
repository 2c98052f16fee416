"""Programs: all variants of one `Session.run` key.

The first run compiles the function that the fetches need, for the sizes' relations that it meets
(not for the sizes). A later run in which a guard fails compiles a variant; variants are tried in
turn.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from graphc.codegen.running import bind, variable_value
from graphc.codegen.state import SessionState
from graphc.ir import collector
from graphc.ir.errors import UnimplementedError
from graphc.ir.function import Function
from graphc.ir.graph import Graph, Operation, Tensor
from graphc.ir.interpreter import run_function
from graphc.ir.lowering import Host
from graphc.ir.nested import all_functions
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline
from graphc.ir.passes.resolve import resolve
from graphc.ir.records import record

if TYPE_CHECKING:
    from graphc.codegen.bound import Structure
    from graphc.codegen.cpu.entry import Record

TARGETS = ("cpu", "numpy", "cuda")


@record
class Options:
    """How to compile. `target`: "cpu" (LLVM), "numpy" (the interpreter), "cuda" (numba.cuda).

    `pipeline` is the text of a pass pipeline; `observers` watch its passes. Without `fusion` every
    operation gets a kernel of its own (the interpreter knows no kernels).
    """

    target: str = "cpu"
    pipeline: str = DEFAULT_PIPELINE
    observers: tuple[Any, ...] = field(default=(), compare=False)
    fusion: bool = True


class Variant(Protocol):
    """One compiled form of a program."""

    def run(self, arrays: Sequence[np.ndarray], state: SessionState) -> list[np.ndarray] | None:
        """The results, or None where a guard does not hold (nothing has happened then)."""
        ...

    def bind(
        self,
        arrays: Sequence[np.ndarray],
        state: SessionState,
        structure: Structure,
        least: int = 0,
    ) -> Record | None:
        """A record for the native entry; None where there cannot be one, or a guard fails."""
        ...


class Program:
    """What one fetch-and-feed combination compiles to. Shared by threads and by sessions."""

    def __init__(
        self,
        graph: Graph,
        fetches: Sequence[Tensor],
        targets: Sequence[Operation],
        feeds: Sequence[Tensor],
        options: Options | None = None,
    ) -> None:
        self.graph = graph
        self.fetches, self.targets, self.feeds = tuple(fetches), tuple(targets), tuple(feeds)
        self.options = options or Options()
        self._variants: list[Variant] = []
        self._lock = threading.Lock()

    def run(self, arrays: Sequence[np.ndarray], state: SessionState) -> list[np.ndarray]:
        """Run with one array per feed (dtype as the tensor's, C-contiguous).

        Returns fresh arrays, one per fetch.

        Raises:
            OpError: what went wrong, naming the operation and the user's line; no variable has
                changed then.
        """
        for variant in self._variants:
            results = variant.run(arrays, state)
            if results is not None:
                return results
        with self._lock:
            for variant in self._variants:  # another thread may have compiled it
                results = variant.run(arrays, state)
                if results is not None:
                    return results
            variant = self._compile(arrays, state)
            results = variant.run(arrays, state)
            assert results is not None, "a fresh variant must accept the run it was made for"
            self._variants.insert(0, variant)
            return results

    def bind(
        self,
        arrays: Sequence[np.ndarray],
        state: SessionState,
        structure: Structure,
        least: int = 0,
    ) -> Record | None:
        """A record that runs the variant for arrays like these; None where it needs Python."""
        for variant in self._variants:
            record = variant.bind(arrays, state, structure, least)
            if record is not None:
                return record
        return None

    def resolve(self, arrays: Sequence[np.ndarray], state: SessionState) -> Function:
        """The function of this program for arrays like these, before any pass."""
        feeds = dict(zip(self.feeds, arrays, strict=True))
        return resolve(self.graph, self.fetches, self.targets, feeds, state.variable_shape)

    def optimize(self, function: Function) -> Function:
        """The function after the passes."""
        return PassPipeline.parse(self.options.pipeline).run(function, self.options.observers)

    def _compile(self, arrays: Sequence[np.ndarray], state: SessionState) -> Variant:
        with collector.held():
            function = self.resolve(arrays, state)
            state.statistics["compilations"] += 1
            return _builder(self.options)(self.optimize(function), state)


def _builder(options: Options) -> Callable[[Function, SessionState], Variant]:
    target, fusion = options.target, options.fusion
    if target == "numpy":
        return Interpreted
    if target == "cpu":
        from graphc.codegen.executable import Executable

        return Executable if fusion else partial(Executable, fusion=False)
    if target == "cuda":
        from graphc.codegen.cuda.executable import CudaExecutable

        return CudaExecutable if fusion else partial(CudaExecutable, fusion=False)
    raise UnimplementedError(None, None, f"unknown target {target!r}: use one of {TARGETS}")


class Interpreted:
    """A variant that runs the optimised function in the NumPy interpreter."""

    def __init__(self, function: Function, state: SessionState) -> None:
        self.function = function
        operations = [op for part in all_functions(function) for op in part.operations]
        draws = any(op.definition.effect == "random" for op in operations)
        # A host operation may block, and nobody may be kept waiting for it.
        blocks = any(isinstance(op.definition.lowering, Host) for op in operations)
        self.locks = bool(function.updates or draws) and not blocks

    def run(self, arrays: Sequence[np.ndarray], state: SessionState) -> list[np.ndarray] | None:
        with state.lock if self.locks else contextlib.nullcontext():
            return self._run(arrays, state)

    def bind(
        self,
        arrays: Sequence[np.ndarray],
        state: SessionState,
        structure: Structure,
        least: int = 0,
    ) -> None:
        """None: there is no native code."""

    def _run(self, arrays: Sequence[np.ndarray], state: SessionState) -> list[np.ndarray] | None:
        function = self.function
        feeds = [p for p in function.parameters if p.kind == "feed"]
        variables = {p.name: variable_value(p, state) for p in function.parameters
                     if p.kind == "variable"}  # fmt: skip
        shapes = [a.shape for a in arrays] + [v.shape for v in variables.values()]
        values = bind(function, arrays, shapes)
        if values is None:
            return None
        flags = {p.name: p.name in state.variables for p in function.parameters
                 if p.kind == "initialized"}  # fmt: skip
        outcome = run_function(
            function,
            {p.name: a for p, a in zip(feeds, arrays, strict=True)},
            variables,
            state.random_state,
            flags,
        )
        with state.lock:
            state.update({n: np.array(v, order="C") for n, v in outcome.updates.items()})
            state.advance_random(outcome.draws.elements())
            state.count_run()
        return [np.array(r, order="C") for r in outcome.results]
