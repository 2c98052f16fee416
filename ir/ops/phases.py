"""Phases: the cotangent of a strided convolution's input as a convolution of stride 1.

With position u = h + before of the padded input, dx[u] is the sum over outputs o of dy[o] filter[u
- o * stride]. For u = stride * q + r and k = r + stride * j that is the sum over steps j of
dy[q - j] filter[r + stride * j]: a convolution over dy for each phase r, or one for all, with zeros
where windows end. Their results lie side by side. With a rate and a stride of 1, steps are
`rate` apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.ir.dims import floordiv, maximum, minimum
from graphc.ir.graph import Tensor
from graphc.ir.ops.adjoint import reshape
from graphc.ir.ops.windows import Span, padded, part, permuted


def without_both(dy: Tensor, spans: Sequence[Span]) -> tuple[Tensor, list[Span]]:
    """Where an axis has both a stride and a rate, put zeros into dy in place of the stride."""
    changed = []
    for axis, span in enumerate(spans, 1):
        if span.stride > 1 and span.rate > 1:
            dy = _dilated(dy, axis, span.stride)
            span = replace(span, stride=1, output=dy.type.dims[axis])
        changed.append(span)
    return dy, changed


def _dilated(x: Tensor, axis: int, step: int) -> Tensor:
    """`x` with step - 1 zeros behind every element along an axis."""
    dims = list(x.type.dims)
    split = [*dims[: axis + 1], 1, *dims[axis + 1 :]]
    pairs: list[tuple[Any, Any]] = [(0, 0)] * len(split)
    pairs[axis + 1] = (0, step - 1)
    dims[axis] = dims[axis] * step
    return reshape(padded(reshape(x, split), pairs), dims)


def _steps(span: Span) -> Any:
    """How many elements of a window share a phase, at most."""
    return floordiv(span.window + span.stride - 1, span.stride)


def by_phases(kernel: Tensor, spans: Sequence[Span], whole: bool = False) -> Tensor:
    """[k…, …] as [j…, r…, …], the last step first: kernel[r + stride * j…, …], else zeros.

    Phases without elements are left out unless `whole`.
    """
    axes, rest = len(spans), kernel.type.dims[len(spans) :]
    pairs: list[tuple[Any, Any]] = []
    split: list[Any] = []
    for span in spans:
        steps = _steps(span)
        phases = span.stride if whole else minimum(span.window, span.stride)
        pairs.append((0, steps * phases - span.window))
        split += [steps, phases]
    kernel = reshape(padded(kernel, [*pairs, *[(0, 0)] * len(rest)]), (*split, *rest))
    backwards = kernel.graph.constant(np.arange(0, 2 * axes, 2, dtype=np.int32))
    kernel = kernel.graph.op("ReverseV2", kernel, backwards)
    order = (*range(0, 2 * axes, 2), *range(1, 2 * axes, 2), *range(2 * axes, 2 * axes + len(rest)))
    return permuted(kernel, order)


def of_phase(kernel: Tensor, spans: Sequence[Span], phases: Sequence[int]) -> Tensor:
    """[j…, …]: kernel[r + stride * j…, …] for one phase r of each axis, the last step first.

    Sizes of windows are known, and each has elements of its phase.
    """
    graph, begins = kernel.graph, []
    for span, phase in zip(spans, phases, strict=True):
        begins.append(phase + (span.window - 1 - phase) // span.stride * span.stride)
    strides = [-span.stride for span in spans]
    numbers = [graph.constant(np.array(x, np.int32)) for x in (begins, [0] * len(spans), strides)]
    ends = (1 << len(spans)) - 1
    result: Tensor = graph.op("StridedSlice", kernel, *numbers, end_mask=ends)
    return result


def woven(parts: Sequence[Tensor], axis: int, stride: int) -> Tensor:
    """[…, q, …] of every phase as […, stride * q + phase, …]; phases beyond the parts are zeros."""
    if stride == 1:
        return parts[0]
    dims = list(parts[0].type.dims)
    stacked = parts[0].graph.op("Pack", *parts, axis=axis + 1)
    pairs: list[tuple[Any, Any]] = [(0, 0)] * (len(dims) + 1)
    pairs[axis + 1] = (0, stride - len(parts))
    dims[axis] = dims[axis] * stride
    return reshape(padded(stacked, pairs), dims)


def over_input(dy: Tensor, spans: Sequence[Span]) -> tuple[list[Span], list[bool]]:
    """The windows over dy, steps j for positions q, and along which axes q begins at the input's
    first position rather than that of its padding: then nothing is cut off afterwards.

    That needs a stride of 1, and no more padding than a window reaches.
    """
    environment = dy.graph.environment
    assert environment is not None, dy
    found, direct = [], []
    for span in spans:
        begins = span.stride == 1 and environment.less_equal(span.before, span.reach - 1)
        skipped = span.before if begins else 0
        steps = _steps(span)
        whole = span.size + span.before + span.stride - 1
        count = span.size if begins else floordiv(whole, span.stride)
        before = (steps - 1) * span.rate - skipped
        behind = maximum(count + skipped - span.output, 0)  # position q reads up to q + skipped
        found.append(Span(span.output, steps, 1, span.rate, before, behind, count))
        direct.append(begins)
    return found, direct


def interleaved(wide: Tensor, spans: Sequence[Span], direct: Sequence[bool]) -> Tensor:
    """[n, q…, r…, c] as [n, h…, c]: phases become neighbours, then the padding goes."""
    axes = len(spans)
    batch, *sizes, channels = wide.type.dims
    counts, phases = sizes[:axes], sizes[axes:]
    pairs = [(0, s.stride - r) for s, r in zip(spans, phases, strict=True)]
    wide = padded(wide, [*[(0, 0)] * (axes + 1), *pairs, (0, 0)])
    order = [0, *[a for i in range(axes) for a in (1 + i, 1 + axes + i)], 1 + 2 * axes]
    if any(s.stride > 1 for s in spans):
        wide = permuted(wide, order)
    dims = [q * s.stride for q, s in zip(counts, spans, strict=True)]
    wide = reshape(wide, (batch, *dims, channels))
    return without_padding(wide, spans, direct)


def without_padding(wide: Tensor, spans: Sequence[Span], direct: Sequence[bool]) -> Tensor:
    """The input's own part of [n, u…, c]."""
    begins = [0 if begun else s.before for s, begun in zip(spans, direct, strict=True)]
    batch, channels = wide.type.dims[0], wide.type.dims[-1]
    return part(wide, [0, *begins, 0], [batch, *(s.size for s in spans), channels])
