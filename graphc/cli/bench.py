"""`graphc bench`: what the command's options mean."""

from __future__ import annotations

import shlex
import signal
from dataclasses import dataclass
from pathlib import Path

from graphc.bench.implementations import BY_NAME, GRAPHC, PEERS
from graphc.bench.plot import PlotError, require_matplotlib, write_plot
from graphc.bench.report import print_report, write_markdown
from graphc.bench.results import Report
from graphc.bench.suite import Settings, run_suite
from graphc.bench.tables import all_workloads, matching
from graphc.bench.workload import Workload
from graphc.cli import output
from graphc.cli.errors import StageError, UsageError


@dataclass(frozen=True, slots=True)
class Files:
    """Where to write results besides the terminal."""

    json: Path | None = None
    plot: Path | None = None
    markdown: Path | None = None


def run(against: str, only: str | None, rounds: int, threads: str, files: Files) -> None:
    """Measure, print and write.

    Raises:
        UsageError: an option names what is not there; StageError: a result is wrong, or
            graphc failed.
    """
    command = ["graphc", "bench", "--against", against, "--threads", threads]
    command += ["--rounds", str(rounds), *(["--only", only] if only is not None else [])]
    settings = Settings(
        workloads=_workloads(only),
        implementations=_implementations(against),
        rounds=rounds,
        threads=_threads(threads),
        command=shlex.join(command),
    )
    try:
        if files.plot is not None:
            require_matplotlib()  # before minutes of measuring
        # Ended from outside, it still shows what it has.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        report = run_suite(settings, progress=output.note)
        print_report(report)
        if files.json is not None:
            files.json.write_text(report.to_json(), encoding="utf-8")
        if files.markdown is not None:
            write_markdown(report, files.markdown)
        if files.plot is not None:
            write_plot(report, files.plot)
    except PlotError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot write: {error}") from None
    _judge(report)


def list_workloads(only: str | None) -> None:
    """Print the rows: family, name, and the peers that have a form of it are known when it runs."""
    rows = _workloads(only)
    output.table(("family", "workload"), [(row.family, row.name) for row in rows])


def _judge(report: Report) -> None:
    if not report.is_good():
        count = len(report.wrong())
        raise StageError(
            f"{count} results do not match the reference" if count else "graphc failed in a row"
        )


def _workloads(only: str | None) -> tuple[Workload, ...]:
    found = tuple(matching(only))
    if not found:
        families = ", ".join(dict.fromkeys(row.family for row in all_workloads()))
        raise UsageError(
            f"--only {only}: no workload's name contains or matches that; families are {families}"
        )
    return found


def _implementations(against: str) -> tuple[str, ...]:
    wanted = [name.strip() for name in against.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in BY_NAME or name == GRAPHC.name]
    if unknown:
        known = ", ".join(peer.name for peer in PEERS)
        raise UsageError(f"--against {', '.join(unknown)}: peers are {known}")
    found = [GRAPHC.name]
    for name in dict.fromkeys(wanted):
        if BY_NAME[name].is_installed():
            found.append(name)
        else:
            needed = " and ".join(BY_NAME[name].requires)
            output.note(f"{name} is left out: {needed} must be installed")
    return tuple(found)


def _threads(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise UsageError(f"--threads {text}: give positive numbers, as in 1,2")
    return tuple(dict.fromkeys(map(int, words)))
