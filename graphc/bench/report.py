"""Results for people: a table on the terminal, and the same as Markdown for BENCHMARKS.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphc.bench.results import Cell, Report, Row
from graphc.bench.roofline import Roofline

if TYPE_CHECKING:
    from rich.console import Console

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
TIE = 0.05  # differences below this share are ties
BEGIN, END = "<!-- graphc bench: begin -->", "<!-- graphc bench: end -->"
PLAIN_WIDTH = 220
MEMORY_SIZES = ("second-level cache", "last-level cache", "main memory")


def time_text(seconds: float, digits: int = 3) -> str:
    """Three significant digits and a unit: "12.3 µs"."""
    for scale, unit in SCALES:
        if seconds >= scale:
            return f"{_significant(seconds / scale, digits)} {unit}"
    return "0 ns" if seconds < 1e-12 else f"{_significant(seconds / 1e-9, digits)} ns"


def _significant(value: float, digits: int) -> str:
    before = len(str(int(value))) if value >= 1 else 1
    return f"{value:.{max(0, digits - before)}f}"


def figure(value: float, unit: str) -> str:
    """A figure in a row's unit."""
    return time_text(value) if unit == "s" else f"{value:.0f} {unit}"


def cell_text(cell: Cell, unit: str) -> str:
    """The median, and the minimum in brackets; "-" where there is no form, or what went wrong."""
    median, minimum = cell.median, cell.minimum
    if cell.status == "missing":
        return "-"
    if median is None or minimum is None:
        return cell.status.upper()
    if median == minimum:
        return figure(median, unit)
    return f"{figure(median, unit)} ({figure(minimum, unit)})"


def ratio_text(row: Row) -> str:
    """How many times graphc is as fast as the best peer."""
    ratio, best = row.ratio(), row.best_peer()
    return "-" if ratio is None else f"{_ratio(ratio)} {best}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def limit_text(row: Row) -> str:
    """Which share of the machine's limit graphc reaches."""
    share = row.limit_share()
    return "-" if share is None else f"{share:.0%}" if share >= 0.01 else f"{share:.2%}"


def columns(report: Report) -> list[str]:
    """The table's heads."""
    return ["workload", *report.implementations, "ratio, best peer", "of limit"]


def table_rows(report: Report, rows: Sequence[Row]) -> list[list[str]]:
    """The table's cells."""
    return [
        [
            row.workload,
            *[cell_text(row.cells[name], row.unit) for name in report.implementations],
            ratio_text(row),
            limit_text(row),
        ]
        for row in rows
    ]


def facts(report: Report) -> list[str]:
    """Lines that say what was measured on what."""
    return [f"command: {report.command}", *[f"{k}: {v}" for k, v in report.machine.items()]]


def threads_notes(report: Report, threads: int) -> list[str]:
    """What "threads N" was in truth: limits, and cores that each implementation kept busy."""
    notes = [_limits(r) for r in report.rooflines if r.threads == threads]
    cores = report.cores(threads)
    if cores:
        listed = ", ".join(f"{name} {count:.1f}" for name, count in cores.items())
        notes.append(f"cores kept busy at most: {listed}")
    if report.is_single_threaded(threads):
        spare = f": it left {threads - 1} of the {threads} it was given idle" if threads > 1 else ""
        notes.append(f"graphc did all its work on one thread{spare}")
    return notes


def _limits(roofline: Roofline) -> str:
    rates = [
        f"{rate / 1e9:.0f} GB/s ({where}, {size / 2**20:g} MiB)"
        for (size, rate), where in zip(roofline.bandwidth, MEMORY_SIZES, strict=True)
    ]
    return (
        f"limits measured: {roofline.flops / 1e9:.0f} GFLOP/s float32 (multiply-adds in registers, "
        f"emitted by graphc); copying {', '.join(rates)}"
    )


def conclusions(report: Report, threads: int) -> list[str]:
    """How often graphc wins, and every row that it loses."""
    rows = [row for row in report.rows if row.threads == threads]
    compared = [(row, ratio) for row in rows if (ratio := row.ratio()) is not None]
    lost = sorted((pair for pair in compared if pair[1] < 1 - TIE), key=lambda pair: pair[1])
    won = sum(ratio > 1 + TIE for _, ratio in compared)
    found = []
    if compared:
        found.append(
            f"of {len(compared)} compared rows graphc is faster in {won}, ties (within {TIE:.0%}) "
            f"in {len(compared) - won - len(lost)}, is slower in {len(lost)}"
        )
    found += [
        f"slower: {row.workload}: {_ratio(ratio)} of {row.best_peer()}" for row, ratio in lost
    ]
    for kind, pairs in (("WRONG", report.wrong()), ("FAILED", report.failed())):
        found += [
            f"{kind}: {row.workload}: {name}: {row.cells[name].message}"
            for row, name in pairs
            if row.threads == threads
        ]
    return found


def print_report(report: Report, console: Console | None = None) -> None:
    """Print to a terminal, or in plain text that is not folded."""
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH, file=console.file)
    _lines(console, facts(report))
    for threads in _thread_counts(report):
        console.print()
        console.print(f"threads {threads}", style="bold", highlight=False)
        _lines(console, threads_notes(report, threads))
        table = Table(box=None, header_style="bold", pad_edge=False)
        for number, head in enumerate(columns(report)):
            table.add_column(head, justify="left" if number == 0 else "right")
        family = ""
        for row in (row for row in report.rows if row.threads == threads):
            if row.family != family:
                family = row.family
                table.add_row(family, style="bold dim")
            table.add_row(*_coloured(report, row))
        console.print(table)
        _lines(console, conclusions(report, threads))


def _lines(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False)


def _coloured(report: Report, row: Row) -> list[str]:
    from rich.markup import escape

    (cells,) = table_rows(report, [row])
    shown = [escape(cell) for cell in cells]
    ratio = row.ratio()
    if ratio is not None and abs(ratio - 1) > TIE:
        shown[-2] = f"[{'green' if ratio > 1 else 'red'}]{shown[-2]}[/]"
    return shown


def _thread_counts(report: Report) -> list[int]:
    return list(dict.fromkeys(row.threads for row in report.rows))


def markdown(report: Report) -> str:
    """The report as Markdown."""
    parts = [*(f"- {fact}" for fact in facts(report)), ""]
    for threads in _thread_counts(report):
        rows = [row for row in report.rows if row.threads == threads]
        parts += [f"### {threads} thread{'s' * (threads > 1)}", ""]
        parts += [f"- {note}" for note in threads_notes(report, threads)]
        for family in dict.fromkeys(row.family for row in rows):
            heads = columns(report)
            heads[0] = family
            parts += ["", _table_line(heads), "|---" + "|---:" * (len(heads) - 1) + "|"]
            chosen = [row for row in rows if row.family == family]
            parts += [_table_line(cells) for cells in table_rows(report, chosen)]
        parts += ["", *(f"- {line}" for line in conclusions(report, threads)), ""]
    return "\n".join(parts).rstrip() + "\n"


def _table_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def write_markdown(report: Report, file: Path) -> None:
    """Write the report between the marks of a file that has them, else as the whole file."""
    text = f"{BEGIN}\n{markdown(report)}{END}"
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    if BEGIN in old and END in old:
        before, rest = old.split(BEGIN, 1)
        text = before + text + rest.split(END, 1)[1]
    else:
        text += "\n"
    file.write_text(text, encoding="utf-8")
