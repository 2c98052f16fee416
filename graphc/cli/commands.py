"""What the commands do, apart from their options."""

from __future__ import annotations

import importlib.metadata
import platform
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from graphc.cli import output, stages
from graphc.cli.capture import Capture, Run, run_program
from graphc.cli.choice import chosen_fetches, parse_feeds, run_for
from graphc.cli.errors import StageError, UsageError
from graphc.ir.graph import Graph
from graphc.viz.data import needed_operations

LIBRARIES = ("numpy", "llvmlite", "numba", "networkx")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: `--fetch`, `--feed` and `--run` as they were given."""

    fetches: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    run: int | None = None

    def __post_init__(self) -> None:
        if self.feeds and not self.fetches:
            raise UsageError("--feed gives shapes to what is fetched: say --fetch NAME as well")
        if self.run is not None and self.fetches:
            raise UsageError("--run and --fetch exclude each other")


def captured(program: Path, arguments: Sequence[str]) -> Capture:
    """Run a program and watch it; how it failed is printed at once.

    Raises:
        UsageError: there is no such file.
    """
    if not program.is_file():
        raise UsageError(f"there is no program {program}")
    capture = run_program(program, arguments)
    error = capture.error
    if isinstance(error, SystemExit):
        output.note(f"{program} exited with {error.code}")
    elif error is not None:
        own = _frames_of_program(error, program)
        output.note("".join(traceback.format_exception(type(error), error, own)).rstrip())
    return capture


def _frames_of_program(error: BaseException, program: Path) -> TracebackType | None:
    """The traceback from the program's own first frame on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(program):
        trace = trace.tb_next
    return trace or error.__traceback__


def check(capture: Capture) -> None:
    """Fail, after all was shown, if the program did.

    Raises:
        StageError: it did.
    """
    if capture.error is not None:
        raise StageError("the program failed; this is what it had made until then")


def dump_text(capture: Capture, wanted: Wanted, stage: str, after_pass: str | None) -> str:
    """The text that `graphc dump` prints.

    Raises:
        UsageError: there is nothing of what is wanted; StageError: it does not compile.
    """
    if after_pass is None and stage == "graph":
        return _graph_text(capture, wanted)
    parts = []
    runs = _runs(capture, wanted)
    for number, run in runs:
        text = stages.after_pass(run, after_pass) if after_pass else stages.stage_text(stage, run)
        mark = ";" if stage in ("llvm", "asm") else "#" if stage == "cuda" else "//"
        parts.append(text if len(runs) == 1 else f"{mark} run {number}: {run}\n{text}")
    return "\n".join(parts)


def _graph_text(capture: Capture, wanted: Wanted) -> str:
    if wanted.fetches:
        parse_feeds(wanted.feeds)
        graph, elements = chosen_fetches(capture, wanted.fetches)
        return stages.graph_text(graph, elements)
    if wanted.run is not None:
        _, run = _runs(capture, wanted)[0]
        return stages.graph_text(run.program.graph, [*run.program.fetches, *run.program.targets])
    if not capture.graphs:
        raise StageError("the program made no graph")
    return "\n".join(stages.graph_text(graph) for graph in capture.graphs)


def _runs(capture: Capture, wanted: Wanted) -> list[tuple[int, Run]]:
    """The runs to show, with their numbers."""
    if wanted.fetches:
        return [(0, run_for(capture, wanted.fetches, parse_feeds(wanted.feeds)))]
    runs = list(enumerate(capture.runs))
    if wanted.run is None:
        if not runs:
            raise StageError("the program ran no session: say what to compile with --fetch NAME")
        return runs
    if wanted.run >= len(runs):
        listed = "".join(f"\n  {number}: {run}" for number, run in runs)
        raise UsageError(f"--run {wanted.run}: the program has {len(runs)} distinct runs{listed}")
    return [runs[wanted.run]]


def write_graph_page(capture: Capture, wanted: Wanted, file: Path, title: str) -> None:
    """Write the page of the fetched run, the chosen one, or the largest that the program made.

    The compiled function is shown beside the graph where there is one.

    Raises:
        UsageError: there is nothing of what is wanted; StageError: the program made no graph.
    """
    from graphc.viz import write_page

    if not capture.graphs:
        raise StageError("the program made no graph")
    elements = None
    graph: Graph = max(capture.graphs, key=lambda graph: len(graph.operations))
    if wanted.fetches:
        graph, elements = chosen_fetches(capture, wanted.fetches)
    run = _run_to_show(capture, wanted, graph)
    function, groups = None, None
    if run is not None:
        graph = run.program.graph
        try:
            function = stages.optimized(run)
            groups = stages.kernel_groups(function)
        except StageError as error:
            output.note(f"the page shows no kernels: {error}")
    write_page(file, graph, fetches=elements, function=function, groups=groups, title=title)
    output.note(f"wrote {file}: {len(graph.operations)} operations")


def _run_to_show(capture: Capture, wanted: Wanted, graph: Graph) -> Run | None:
    if wanted.fetches or wanted.run is not None:
        return _runs(capture, wanted)[0][1]
    runs = [run for run in capture.runs if run.program.graph is graph]
    return max(runs, key=_work) if runs else None


def _work(run: Run) -> int:
    """How many operations a run needs, initialisers aside."""
    operations = needed_operations([*run.program.fetches, *run.program.targets])
    return sum(op.role != "init" for op in operations)


def versions() -> list[str]:
    """Lines "name version" of graphc, Python and the libraries, in columns."""
    found = {"graphc": _version("graphc"), "python": platform.python_version()}
    found |= {name: _version(name) for name in LIBRARIES}
    return [f"{name:10}{number}" for name, number in found.items()]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed" if name != "graphc" else "(source tree)"


def describe_cache() -> str:
    """Where compiled kernels are kept, how many, how large."""
    files = _cache_files()
    folder = _cache_folder()
    if folder is None:
        return "the cache on disk is turned off"
    total = sum({status.st_ino: status.st_size for status in map(Path.stat, files)}.values())
    return f"{folder}\n{len(files)} compiled kernels, {total / 2**20:.1f} MiB"


def clear_cache() -> str:
    """Delete the compiled kernels on disk."""
    files = _cache_files()
    for file in files:
        file.unlink(missing_ok=True)
    return f"deleted {len(files)} compiled kernels"


def _cache_folder() -> Path | None:
    from graphc.codegen.cpu.cache import default_cache

    found = default_cache()
    return None if found is None else found.folder


def _cache_files() -> list[Path]:
    """The entries of the cache: `<hash>.o`. Other files in its folder are left alone."""
    folder = _cache_folder()
    if folder is None or not folder.is_dir():
        return []
    return sorted(f for f in folder.glob("*.o") if len(f.stem) == 64 and f.is_file())
