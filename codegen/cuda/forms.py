"""Forms: how a kernel's points are dealt to threads, and the grid that a launch takes.

- "points": one thread for each outer point, which walks the inner axes alone. For kernels without
  inner axes, for reductions whose neighbours in memory are neighbouring outer points (columns), and
  where there are few inner points.
- "rows": one block for each outer point; its lanes share the inner points and join their partial
  results in a tree over shared memory, which depends on the extent alone: results do not vary.
- "tiles": one block for each square tile of a matrix product.
- "serial": one thread for everything, in order: scatters and special kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from graphc.codegen.kernel import D, Kernel, Size

Form = Literal["points", "rows", "tiles", "serial"]
Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of blocks: `threads` of form "points", at most `lanes` (a power of two) of form "rows",
    which is taken from `row_from` inner points on, and `tile` the edge of form "tiles"."""

    threads: int
    lanes: int
    row_from: int
    tile: int


GPU = Geometry(threads=128, lanes=256, row_from=32, tile=16)
# The simulator starts a Python thread for each CUDA thread: small blocks cross all edges sooner.
SIMULATOR = Geometry(threads=32, lanes=8, row_from=3, tile=4)


def choose_form(kernel: Kernel, inner: int | None, geometry: Geometry = GPU) -> Form:
    """The form of a kernel with `inner` inner points (None: not known, and taken to be many)."""
    if kernel.special is not None or any(stage.ordered for stage in kernel.stages):
        return "serial"
    if kernel.contraction is not None:
        return "tiles"
    if not any(stage.axes for stage in kernel.stages):
        return "points"
    if kernel.vector is not None and kernel.vector < kernel.outer:
        return "points"
    return "points" if inner is not None and inner < geometry.row_from else "rows"


def inner_points(kernel: Kernel, dims: Sequence[int]) -> int:
    """The points of the longest stage."""
    axes = kernel.axes
    return max(
        (math.prod(value_of(axes[a].extent, dims) for a in s.axes) for s in kernel.stages),
        default=1,
    )


def known_inner_points(kernel: Kernel) -> int | None:
    """The points of the longest stage where no run-time size is involved."""
    sizes = [kernel.axes[a].extent for stage in kernel.stages for a in stage.axes]
    return None if any(isinstance(s, D) for s in sizes) else inner_points(kernel, ())


def value_of(size: Size, dims: Sequence[int]) -> int:
    """A size's value in a launch."""
    return dims[size.index] if isinstance(size, D) else size


def launch_shape(
    kernel: Kernel, form: Form, dims: Sequence[int], geometry: Geometry
) -> tuple[int, Shape] | None:
    """Blocks in the grid and threads (x, y) in a block; None where there is nothing to do."""
    extents = [value_of(axis.extent, dims) for axis in kernel.axes[: kernel.outer]]
    points = math.prod(extents)
    if form == "serial":
        return 1, (1, 1)
    if points == 0:
        return None
    if form == "tiles":
        edge = geometry.tile
        tiles = [-(-extent // edge) for extent in extents[-2:]]
        return math.prod(extents[:-2]) * tiles[0] * tiles[1], (edge, edge)
    if form == "rows":
        inner = max(inner_points(kernel, dims), 1)
        return points, (min(1 << (inner - 1).bit_length(), geometry.lanes), 1)
    return -(-points // geometry.threads), (min(geometry.threads, points), 1)
