"""Running a user's program and watching it: which graphs it makes, and what its sessions run.

While the program runs, `Graph()` and `Program.run` note what they are called for. Nothing else
about the program changes, but that its standard output goes to standard error.
"""

from __future__ import annotations

import contextlib
import runpy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphc.codegen.program import Program
from graphc.codegen.state import SessionState
from graphc.framework.graph import Graph
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.resolve import resolve


@dataclass(frozen=True, slots=True)
class Run:
    """The first run of one program: its feeds and the shapes its variables had then."""

    program: Program
    arrays: tuple[np.ndarray, ...]
    variable_shapes: dict[str, tuple[int, ...]]

    def resolve(self) -> Function:
        """The function of this run, before any pass."""
        program = self.program
        feeds = dict(zip(program.feeds, self.arrays, strict=True))
        shape = self.variable_shapes.get
        return resolve(program.graph, program.fetches, program.targets, feeds, shape)

    def __str__(self) -> str:
        results = [*(t.name for t in self.program.fetches), *(o.name for o in self.program.targets)]
        feeds = [
            f"{tensor.name} {array.dtype.name}{list(array.shape)}"
            for tensor, array in zip(self.program.feeds, self.arrays, strict=True)
        ]
        return f"fetches {', '.join(results)}" + (f"; feeds {', '.join(feeds)}" if feeds else "")


@dataclass
class Capture:
    """What was seen of a program: graphs in the order they were made, runs as they began."""

    graphs: list[Graph] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    error: BaseException | None = None

    def find(self, name: str) -> list[Tensor | Operation]:
        """What a name stands for in the latest graph that has it: a tensor, the tensors of an
        operation, or an operation that has none.

        Raises:
            KeyError: no graph has an operation or tensor of that name.
        """
        name = name.removeprefix("^")
        for graph in reversed(self.graphs):
            with contextlib.suppress(KeyError, ValueError):
                element = graph.as_graph_element(name)
                if isinstance(element, Operation) and element.outputs:
                    return list(element.outputs)
                return [element]
        raise KeyError(name)

    def names(self) -> list[str]:
        """The names of all operations."""
        return [op.name for graph in self.graphs for op in graph.operations]


def run_program(path: Path, arguments: Sequence[str]) -> Capture:
    """Run a Python file as `python path arguments…` would, and watch it.

    An exception that ends the program is kept in the result; so is a failing `sys.exit`.
    """
    capture = Capture()
    with _watching(capture), _as_script(path, arguments), contextlib.redirect_stdout(sys.stderr):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as error:
            if error.code not in (None, 0):
                capture.error = error
        except (Exception, KeyboardInterrupt) as error:
            capture.error = error
    capture.graphs = [graph for graph in capture.graphs if graph.operations]
    return capture


@contextlib.contextmanager
def _watching(capture: Capture) -> Iterator[None]:
    make_graph, run = Graph.__init__, Program.run
    seen: set[Program] = set()

    def watched_graph(self: Graph) -> None:
        make_graph(self)
        capture.graphs.append(self)

    def watched_run(
        self: Program, arrays: Sequence[np.ndarray], state: SessionState
    ) -> list[np.ndarray]:
        if self not in seen:
            seen.add(self)
            with state.lock:
                shapes = {name: value.shape for name, value in state.variables.items()}
            capture.runs.append(Run(self, tuple(arrays), shapes))
        return run(self, arrays, state)

    patched: Any = (Graph, Program)
    patched[0].__init__, patched[1].run = watched_graph, watched_run
    try:
        yield
    finally:
        patched[0].__init__, patched[1].run = make_graph, run


@contextlib.contextmanager
def _as_script(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """sys.argv and sys.path as a script sees them."""
    argv, places = sys.argv[:], sys.path[:]
    sys.argv[:] = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield
    finally:
        sys.argv[:], sys.path[:] = argv, places
