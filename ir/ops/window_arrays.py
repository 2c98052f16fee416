"""Windows of NumPy arrays: what references are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.ops.windows import Geometry, Span, window_axes


def windows_of(x: np.ndarray, window: Sequence[int], strides: Sequence[int], rates: Sequence[int],
               output: Sequence[int]) -> np.ndarray:  # fmt: skip
    """[n, o…, k…, c]: the windows of an array that is padded already."""
    axes = len(window)
    steps = x.strides
    shape = (x.shape[0], *output, *window, x.shape[-1])
    moves = [s * step for s, step in zip(strides, steps[1:-1], strict=True)]
    moves += [r * step for r, step in zip(rates, steps[1:-1], strict=True)]
    assert all(
        o == 0 or (o - 1) * s + (k - 1) * r < n
        for o, s, k, r, n in zip(output, strides, window, rates, x.shape[1 : 1 + axes], strict=True)
    ), (x.shape, window, strides, rates, output)
    return np.lib.stride_tricks.as_strided(x, shape, (steps[0], *moves, steps[-1]))


def array_windows(x: np.ndarray, spans: Sequence[Span], fill: float) -> np.ndarray:
    """[n, o…, k…, c]: the windows of an array [n, *spatial, c], padded with `fill`."""
    pairs = [(0, 0), *((s.before, s.behind) for s in spans), (0, 0)]
    whole = np.pad(x, pairs, constant_values=fill)
    return windows_of(
        whole,
        [s.window for s in spans],
        [s.stride for s in spans],
        [s.rate for s in spans],
        [s.output for s in spans],
    )


def last(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    """An array of a program with its channels last."""
    return np.moveaxis(x, 1, -1) if geometry.first else x


def program(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    """An array with channels last as the program has it."""
    return np.moveaxis(x, -1, 1) if geometry.first else x


def array_counts(spans: Sequence[Span]) -> np.ndarray:
    """[o…, 1]: how many elements of each window are inside the input."""
    ones = np.ones((1, *(s.size for s in spans), 1))
    return np.asarray(array_windows(ones, spans, 0).sum(window_axes(spans))[0])


def scattered(shares: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """[n, o…, k…, c] added up where the windows were read: [n, h…, c]."""
    axes = len(spans)
    sizes = [s.size + s.before + s.behind for s in spans]
    whole = np.zeros((shares.shape[0], *sizes, shares.shape[-1]), np.float64)
    for place in np.ndindex(*(s.window for s in spans)):
        rows = [
            slice(k * s.rate, k * s.rate + s.output * s.stride, s.stride)
            for k, s in zip(place, spans, strict=True)
        ]
        whole[(slice(None), *rows)] += shares[(slice(None),) * (1 + axes) + place]
    return whole[(slice(None), *(slice(s.before, s.before + s.size) for s in spans))]
