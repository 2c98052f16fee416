"""A case: a graph, what to run of it, and what to feed in a few runs one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from graphc.ir.graph import Graph, Operation, Tensor

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Case:
    """What one test of the compiler is.

    Attributes:
        fetches, targets: what every run asks for.
        feeds: fed tensors; `runs[i]` holds an array for each, in run i.
        variables: values by name at the start of the first run.
        seed: what the case was made of (for messages only).
    """

    graph: Graph
    fetches: tuple[Tensor, ...]
    targets: tuple[Operation, ...] = ()
    feeds: tuple[Tensor, ...] = ()
    runs: tuple[Arrays, ...] = ((),)
    variables: dict[str, np.ndarray] = field(default_factory=dict)
    seed: int = 0
