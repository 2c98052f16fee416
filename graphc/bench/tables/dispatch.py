"""Dispatch: work so small that only the way from Python into native code counts."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import reduce
from typing import Any

from graphc.bench.workload import Formula, Workload, normal


def _add_one(library: Any, x: Any) -> Any:
    return x + 1.0


def _total(library: Any, *xs: Any) -> Any:
    return reduce(operator.add, xs)


ADD_ONE = Formula(
    tf1=_add_one,
    numpy=_add_one,
    torch=_add_one,
    jax=_add_one,
    pytensor=_add_one,
    onnx=(("Add", ("x0", 1.0), "y", {}),),
)

ROWS = (
    Workload(
        name="bound callable, x + 1 on 4 floats",
        family="dispatch",
        task=ADD_ONE,
        inputs=lambda: (normal(4),),
    ),
    Workload(
        name="session.run, x + 1 on 4 floats",
        family="dispatch",
        task=replace(ADD_ONE, by_session_run=True),
        inputs=lambda: (normal(4),),
    ),
    Workload(
        name="bound callable, sum of 16 arguments of 16 floats",
        family="dispatch",
        task=Formula(tf1=_total, numpy=_total, torch=_total, jax=_total, pytensor=_total),
        inputs=lambda: tuple(normal(16, seed=i) for i in range(16)),
    ),
    Workload(
        name="session.run, x + 1 and x * 2 and x - 3 on 4 floats",
        family="dispatch",
        task=Formula(
            tf1=lambda tf, x: [x + 1.0, x * 2.0, x - 3.0],
            numpy=lambda np, x: (x + 1.0, x * 2.0, x - 3.0),
            torch=lambda torch, x: (x + 1.0, x * 2.0, x - 3.0),
            jax=lambda jax, x: (x + 1.0, x * 2.0, x - 3.0),
            pytensor=lambda pt, x: [x + 1.0, x * 2.0, x - 3.0],
            by_session_run=True,
        ),
        inputs=lambda: (normal(4),),
    ),
)
