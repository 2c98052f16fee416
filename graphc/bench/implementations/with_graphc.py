"""graphc itself."""

from __future__ import annotations

import graphc as tf
from graphc.bench.implementations.tf1 import prepare_tf1
from graphc.bench.workload import Inputs, Prepared, Workload


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready: see `prepare_tf1`."""
    return prepare_tf1(tf, workload, inputs, threads)
