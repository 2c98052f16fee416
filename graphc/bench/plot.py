"""Results as a picture: for each row, how much faster or slower than graphc every peer is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphc.bench.results import OURS, Report, Row

ROW_HEIGHT = 0.32
WIDTH = 9.0
MARKERS = "osD^vPX*"


class PlotError(Exception):
    """There is nothing to draw with, or nothing to draw."""


def require_matplotlib() -> Any:
    """Matplotlib's figure class.

    Raises:
        PlotError: it is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotError("--plot needs matplotlib: pip install matplotlib") from None
    return Figure


def write_plot(report: Report, file: Path) -> None:
    """Write a picture; its format follows from the file's name.

    Raises:
        PlotError: matplotlib is missing, or no row has a peer's result, or the format is unknown.
    """
    figure_class = require_matplotlib()
    rows = [row for row in report.rows if row.ratio() is not None][::-1]
    if not rows:
        raise PlotError("--plot: no row has both graphc's and a peer's result")
    figure = figure_class(figsize=(WIDTH, 1.2 + ROW_HEIGHT * len(rows)), layout="constrained")
    axes = figure.subplots()
    peers = [name for name in report.implementations if name != OURS]
    for peer, marker in zip(peers, MARKERS, strict=False):
        points = [(found, i) for i, row in enumerate(rows) if (found := _ratio(row, peer))]
        if points:
            axes.plot(*zip(*points, strict=True), marker, label=peer, markersize=5, alpha=0.8)
    several = len({row.threads for row in rows}) > 1
    names = [f"{row.workload}, {row.threads} thr." if several else row.workload for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("peer's median / graphc's median (right of 1: graphc is faster, or smaller)")
    axes.grid(axis="x", which="both", alpha=0.25)
    axes.legend(fontsize=8, loc="best")
    try:
        figure.savefig(file)
    except ValueError as error:  # an unknown format
        raise PlotError(f"--plot {file}: {error}") from None


def _ratio(row: Row, peer: str) -> float | None:
    ours = row.cells[OURS].median
    theirs = row.cells[peer].median if peer in row.cells else None
    return theirs / ours if ours and theirs else None
