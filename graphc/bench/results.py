"""Results as data: what a run of the suite found, and what follows from it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Literal

from graphc.bench.measure import summary
from graphc.bench.roofline import Roofline

Status = Literal["ok", "missing", "wrong", "failed"]
SCHEMA = 1
OURS = "graphc"
ONE_THREAD = 0.05  # less of the processor time than this is housekeeping, not work


@dataclass(slots=True)
class Cell:
    """One implementation's result in one row; `samples` are seconds per call, or MiB.

    cores, others: see `measure.Sample`.
    """

    status: Status = "ok"
    samples: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    error: float | None = None  # relative to the reference
    message: str = ""

    @property
    def median(self) -> float | None:
        """None where nothing was measured."""
        return summary(self.samples)[0] if self.samples else None

    @property
    def minimum(self) -> float | None:
        """None where nothing was measured."""
        return summary(self.samples)[1] if self.samples else None


@dataclass(slots=True)
class Row:
    """A workload's results. `limit`: the least seconds that the machine allows, if known."""

    workload: str
    family: str
    unit: str
    threads: int
    cells: dict[str, Cell]
    limit: float | None = None

    def best_peer(self) -> str | None:
        """The peer with the least median among those with right results."""
        medians = {
            name: cell.median
            for name, cell in self.cells.items()
            if name != OURS and cell.median is not None
        }
        return min(medians, key=lambda name: medians[name] or 0.0) if medians else None

    def ratio(self) -> float | None:
        """The best peer's median over graphc's: above 1, graphc is faster."""
        best = self.best_peer()
        ours = self.cells[OURS].median if OURS in self.cells else None
        theirs = self.cells[best].median if best is not None else None
        return theirs / ours if theirs and ours else None

    def limit_share(self) -> float | None:
        """The machine's limit over graphc's median: 1 cannot be passed but by noise."""
        ours = self.cells[OURS].median if OURS in self.cells else None
        return self.limit / ours if self.limit is not None and ours else None


@dataclass(slots=True)
class Report:
    """All that one run found."""

    command: str
    machine: dict[str, str]
    rounds: int
    implementations: list[str]
    rooflines: list[Roofline] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def wrong(self) -> list[tuple[Row, str]]:
        """(row, implementation) of all results that do not match the reference."""
        return [(r, n) for r in self.rows for n, c in r.cells.items() if c.status == "wrong"]

    def failed(self) -> list[tuple[Row, str]]:
        """(row, implementation) of all that raised an error or crashed."""
        return [(r, n) for r in self.rows for n, c in r.cells.items() if c.status == "failed"]

    def is_good(self) -> bool:
        """No result is wrong, and graphc failed nowhere."""
        return not self.wrong() and all(name != OURS for _, name in self.failed())

    def cores(self, threads: int) -> dict[str, float]:
        """The most cores that each implementation kept busy in a row, by the row's median."""
        found: dict[str, float] = {}
        for name, cell in self._timed(threads):
            found[name] = max(found.get(name, 0.0), summary(cell.cores)[0])
        return found

    def is_single_threaded(self, threads: int) -> bool:
        """Whether graphc's work was done by the calling thread alone, in every row."""
        ours = [cell for name, cell in self._timed(threads) if name == OURS]
        return bool(ours) and all(summary(cell.others)[0] < ONE_THREAD for cell in ours)

    def _timed(self, threads: int) -> list[tuple[str, Cell]]:
        rows = [row for row in self.rows if row.threads == threads]
        return [pair for row in rows for pair in row.cells.items() if pair[1].cores]

    def to_json(self) -> str:
        """Everything, with the figures that follow from it."""
        data = {"schema": SCHEMA, **dataclasses.asdict(self)}
        for row, made in zip(self.rows, data["rows"], strict=True):
            made |= {
                "best_peer": row.best_peer(),
                "ratio": row.ratio(),
                "limit_share": row.limit_share(),
            }
            for name, cell in row.cells.items():
                made["cells"][name] |= {"median": cell.median, "minimum": cell.minimum}
        return json.dumps(data, indent=1, allow_nan=False, default=str) + "\n"
