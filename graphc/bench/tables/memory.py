"""Memory: the peak resident set of a whole process."""

from __future__ import annotations

from graphc.bench.workload import Program, Workload

ROWS = (
    Workload(
        name="peak memory of the process, MLP train step",
        family="memory",
        task=Program("train", "memory"),
        tolerance=1e-4,
        rounds=1,
    ),
)
