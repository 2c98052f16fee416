"""The tables: one file per family of workloads, one row per workload."""

from __future__ import annotations

import fnmatch
from functools import cache

from graphc.bench.workload import Workload


@cache
def all_workloads() -> tuple[Workload, ...]:
    """Every row, in the order in which results are shown."""
    from graphc.bench.tables import (
        compiling,
        convolution,
        dispatch,
        elementwise,
        inference,
        matmul,
        memory,
        networks,
        rows,
        training,
    )

    families = (
        dispatch, elementwise, rows, matmul, convolution, training, inference, networks, compiling,
        memory,
    )  # fmt: skip
    found = tuple(row for family in families for row in family.ROWS)
    names = [row.name for row in found]
    assert len(set(names)) == len(names), f"workloads share a name: {sorted(names)}"
    return found


def workload_named(name: str) -> Workload:
    """The row of this name.

    Raises:
        KeyError: there is none.
    """
    return {row.name: row for row in all_workloads()}[name]


def matching(pattern: str | None) -> list[Workload]:
    """Rows of a family, or whose names contain the pattern or match it with `*` and `?`."""
    if pattern is None:
        return list(all_workloads())
    wanted = pattern.lower()
    return [row for row in all_workloads() if _matches(row, wanted)]


def _matches(row: Workload, pattern: str) -> bool:
    name = row.name.lower()
    return row.family == pattern or pattern in name or fnmatch.fnmatchcase(name, pattern)
