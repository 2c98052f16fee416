"""Results held to the reference: an implementation that is fast and wrong has not won."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.bench.workload import Array

TINY = 1e-30


def largest_error(results: Sequence[Array], references: Sequence[Array]) -> float:
    """The largest difference, relative to the largest element of its reference.

    Infinite where shapes or counts differ, or a result is not finite where its reference is.
    """
    if len(results) != len(references):
        return float("inf")
    pairs = zip(results, references, strict=True)
    return max((_error(np.asarray(a), np.asarray(b)) for a, b in pairs), default=0.0)


def _error(result: Array, reference: Array) -> float:
    if result.shape != reference.shape:
        return float("inf")
    if not result.size:
        return 0.0
    error = np.abs(result.astype(np.float64) - reference).max()
    scale = max(float(np.abs(reference).max()), TINY)
    return float(error) / scale if np.isfinite(error) else float("inf")
