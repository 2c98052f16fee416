"""The commands and their options. The work is done by the modules beside this one.

Exit codes: 0; 1 where the user's program fails or does not compile; 2 where the command line asks
for something that is not there.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from graphc.cli import output
from graphc.cli.errors import FAILURE, USAGE, StageError, UsageError

app = typer.Typer(
    help="Look into TensorFlow-1-style graphs and what graphc makes of them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Stage(Enum):
    """The stages of compilation (`graphc.cli.stages` prints them)."""

    GRAPH = "graph"
    OPTIMIZED = "optimized"
    KERNELS = "kernels"
    LLVM = "llvm"
    ASM = "asm"
    CUDA = "cuda"


LANGUAGES = {"llvm": "llvm", "asm": "asm", "cuda": "cuda"}

Script = Annotated[Path, typer.Argument(metavar="PROGRAM.py", help="The program to run and watch.")]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- ARGUMENTS…]", help="What the program finds in sys.argv."),
]
Fetch = Annotated[
    list[str] | None,
    typer.Option(
        "--fetch", metavar="NAME", help="Only what this tensor or operation needs. Repeatable."
    ),
]
Feed = Annotated[
    list[str] | None,
    typer.Option(
        "--feed", metavar="NAME=SHAPE", help="With --fetch: a feed's shape, as in x=32x784."
    ),
]
RunNumber = Annotated[
    int | None,
    typer.Option("--run", metavar="N", min=0, help="Only the N-th distinct run of the program."),
]


@app.command()
def dump(
    program: Script,
    arguments: Arguments = None,
    fetch: Fetch = None,
    feed: Feed = None,
    run: RunNumber = None,
    stage: Annotated[Stage, typer.Option(help="How far to compile.")] = Stage.GRAPH,
    after_pass: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The function after a pass (its last run; NAME:2 is the second)."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file.")
    ] = None,
) -> None:
    """Print a program's graph, or a stage of compiling what its sessions run."""
    from graphc.cli import commands

    with _exit_codes():
        if after_pass and stage is not Stage.GRAPH:
            raise UsageError("--after-pass and --stage exclude each other")
        capture = commands.captured(program, arguments or [])
        wanted = commands.Wanted(tuple(fetch or ()), tuple(feed or ()), run)
        text = commands.dump_text(capture, wanted, str(stage.value), after_pass)
        output.write(text, to, LANGUAGES.get(stage.value, "ir"))
        commands.check(capture)


@app.command()
def viz(
    program: Script,
    arguments: Arguments = None,
    to: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")
    ] = Path("graph.html"),
    fetch: Fetch = None,
    feed: Feed = None,
    run: RunNumber = None,
) -> None:
    """Write a page that shows a program's graph and, where it runs one, the compiled function."""
    from graphc.cli import commands

    with _exit_codes():
        capture = commands.captured(program, arguments or [])
        wanted = commands.Wanted(tuple(fetch or ()), tuple(feed or ()), run)
        commands.write_graph_page(capture, wanted, to, program.name)
        commands.check(capture)


@app.command()
def bench(
    against: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Peers that are installed of numpy,torch,jax,tensorflow,pytensor,onnxruntime.",
        ),
    ] = "numpy",
    only: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="A family, or a part of the workloads' names."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="At most so many samples of each.")] = 15,
    threads: Annotated[
        str, typer.Option(metavar="COUNTS", help="For everybody, one table each: 1,2")
    ] = "1",
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all samples.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the ratios (needs matplotlib).")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the table, between its marks if FILE has them."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only list the workloads.")] = False,
) -> None:
    """Measure speed and memory, side by side with other libraries, results checked."""
    from graphc.cli import bench

    with _exit_codes():
        if listed:
            bench.list_workloads(only)
        else:
            bench.run(against, only, rounds, threads, bench.Files(json, plot, markdown))


@app.command()
def ops(
    name: Annotated[
        str | None, typer.Argument(help="An operation type or public function.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown.")] = False,
) -> None:
    """List the operation types, or explain one."""
    from graphc.cli import reference

    with _exit_codes():
        found = reference.find(name) if name is not None else None
        if markdown:
            output.write(reference.markdown(found), None, "plain")
        elif found is None:
            output.table(
                ("operation", "function", "gradient", "what it computes"), reference.rows()
            )
        else:
            output.write(reference.plain(found), None, "plain")


@app.command()
def version() -> None:
    """Print the versions of graphc and of what it stands on."""
    from graphc.cli import commands

    print("\n".join(commands.versions()))


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all compiled kernels.")] = False,
) -> None:
    """Show, or clear, the compiled kernels on disk."""
    from graphc.cli import commands

    with _exit_codes():
        print(commands.clear_cache() if clear else commands.describe_cache())


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        output.complain(str(error))
        raise typer.Exit(USAGE) from None
    except StageError as error:
        output.complain(str(error))
        raise typer.Exit(FAILURE) from None
    except BrokenPipeError:  # `graphc dump … | head`
        sys.stderr.close()
        raise typer.Exit(FAILURE) from None
