"""Matrix products as the CPU target sees them: operands, their layouts, and the blocking.

The blocking of k depends on the shape and the processor alone, never on the range of rows that a
call computes: so results do not depend on how a product is split between threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from graphc.codegen.cpu.integers import Integers, known
from graphc.codegen.cpu.packing import BLOCK_PADDING, PANEL_PADDING
from graphc.codegen.cpu.tiles import GROUP, ROWS, SPARE_ROWS, WINDOW_ROWS, Tile, rows_used
from graphc.codegen.kernel import Access, Contraction, D, Kernel, Size, Store
from graphc.ir.dtypes import DType

PANELS_BYTES = 256 << 10  # panels of B packed at a time; each then serves a block of A at a time
PANELS_BYTES_PACKED = 512 << 10  # likewise, where blocks of A are packed for every chunk of columns
MOST_PANELS = 64
BLOCK_BYTES = 96 << 10  # a block of A: stays in the second-level cache while panels pass by
MOST_BLOCK_ROWS = 384
STRETCH_BYTES = 2 << 10  # of a row of A, in one stretch of k, if k is split
STRETCH_BYTES_PACKED = 1 << 10  # likewise, where blocks of A are packed
# Likewise, where a step takes few bytes of a cache line of A in place: the lines of a stretch stay
# in the first-level cache (filters' gradient 64x14x14x32 -> 64, 5x5: 79 with 1 KB, 92 so).
STRETCH_BYTES_WINDOWS = 384
PACKED_PANELS = 4  # up to as many panels of B read A where it lies, even if its rows are adjacent
WHOLE_BYTES = 3200  # of a row of A, up to which k is not split
WHOLE_BYTES_HOMELESS = 6 << 10  # likewise, where partial sums would need scratch
PARTIAL_BYTES = 184 << 10  # partial sums between stretches of k
PARTIAL_ROWS = 192
ALL_ROWS = 1 << 48


@dataclass(frozen=True)
class Problem:
    """`left[row, k] * right[k, column]`, summed over k, for every batch.

    Rows are cut into register tiles, columns run along lanes. `swapped` products compute the
    transposed one: rows are then the kernel's n axis and columns its m axis.
    """

    kernel: Kernel
    swapped: bool = False

    @property
    def dtype(self) -> DType:
        return self.contraction.dtype

    @property
    def batch_axes(self) -> range:
        return range(self.kernel.outer - 2)

    @property
    def row_axis(self) -> int:
        return self.kernel.outer - (1 if self.swapped else 2)

    @property
    def column_axis(self) -> int:
        return self.kernel.outer - (2 if self.swapped else 1)

    @property
    def rows(self) -> Size:
        return self.kernel.axes[self.row_axis].extent

    @property
    def columns(self) -> Size:
        return self.kernel.axes[self.column_axis].extent

    @property
    def contraction(self) -> Contraction:
        assert self.kernel.contraction is not None
        return self.kernel.contraction

    @property
    def windowed(self) -> bool:
        """Whether rows or steps of k of the left operand have no common stride."""
        return bool(self.contraction.rows)

    @property
    def k(self) -> tuple[Size, ...]:
        return self.contraction.k

    @property
    def most_steps(self) -> int | None:
        """All steps of k, if that is known when compiling."""
        known = [extent for extent in self.k if isinstance(extent, int)]
        return math.prod(known) if len(known) == len(self.k) else None

    def steps(self, i: Integers) -> str:
        """All steps of k."""
        total = "1"
        for extent in self.k:
            total = i.mul(total, _operand(extent))
        return total

    @cached_property
    def left(self) -> tuple[Access, Size, Size]:
        """(access, stride of rows, stride of k) of the operand that has rows; with windows the
        strides of the last digits of both."""
        c = self.contraction
        access, k = (c.b, c.b_k) if self.swapped else (c.a, c.a_k)
        row = c.rows[-1][1] if c.rows else access.index.coefficient(self.row_axis)
        return access, row, k[-1]

    @cached_property
    def right(self) -> tuple[Access, Size, Size]:
        """(access, stride of columns, stride of k) of the operand that has columns; the last stride
        of k if they have none in common."""
        c = self.contraction
        access, k = (c.a, c.a_k) if self.swapped else (c.b, c.b_k)
        return access, access.index.coefficient(self.column_axis), k[-1]

    @cached_property
    def right_even(self) -> bool:
        """Whether all steps of k are equally far apart in the right operand."""
        c = self.contraction
        step: Size = c.b_k[-1]
        for extent, inner in zip(reversed(c.k[1:]), reversed(c.b_k[:-1]), strict=True):
            if not isinstance(step, int) or not isinstance(extent, int) or inner != step * extent:
                return False
            step = inner
        return True

    @property
    def left_transposed(self) -> bool:
        """Whether rows of the left operand are adjacent, and steps of k are not."""
        _, row, k = self.left
        return row == 1 and k != 1

    def packs_windows(self, tile: Tile) -> bool:
        """Whether blocks of rows with windows are packed: as many panels use them."""
        few = isinstance(self.columns, int) and self.columns <= PACKED_PANELS * tile.columns
        return self.windowed and self.left_transposed and not few

    def shares_right(self, tile: Tile) -> bool:
        """Whether all batches of a product with windows read the same right operand, and whole
        sums over k come out of one pass (so that its panels can be packed before all batches)."""
        if not self.windowed or not self.batch_axes:
            return False
        varies = [self.right[0].index.coefficient(axis) != 0 for axis in self.batch_axes]
        return not any(varies) and (self.most_steps or math.inf) <= longest_k(self, tile)

    @cached_property
    def vector_form(self) -> str | None:
        """How one row times a matrix is computed: "rank" (add scaled rows of the matrix), "dot"
        (inner products), or None (as any other product)."""
        _, column, k = self.right
        if self.windowed:
            return None
        if k == 1 and self.left[2] == 1 and (column != 1 or self.columns == 1):
            return "dot"
        return "rank" if column == 1 else None

    @cached_property
    def home(self) -> Store | None:
        """A store that writes every element of adjacent columns and whose buffer the epilogue does
        not touch otherwise: sums may lie there until they are complete."""
        (stage,) = self.kernel.stages
        touched = [x.data.buffer for x in stage.body if x.op == "load"]
        touched += [store.access.buffer for store in stage.stores]
        for store in stage.stores:
            access, buffer = store.access, self.kernel.buffers[store.access.buffer]
            whole = store.mode == "set" and not access.where and not access.index.values
            fits = buffer.dtype == self.dtype and access.index.coefficient(self.column_axis) == 1
            if whole and fits and buffer.role == "out" and touched.count(access.buffer) == 1:
                return store
        return None

    @cached_property
    def plain(self) -> bool:
        """Whether the epilogue only stores the sums, at `home`."""
        (stage,) = self.kernel.stages
        only_sums = all(instruction.op == "acc" for instruction in stage.body)
        return only_sums and len(stage.stores) == 1 and self.home is not None

    def check(self) -> None:
        """Assert what `Contraction` promises."""
        kernel, c = self.kernel, self.contraction
        assert kernel.outer >= 2, kernel.outer
        assert len(kernel.stages) == 1, kernel.stages
        (stage,) = kernel.stages
        assert not stage.axes, stage
        assert not stage.reduces, stage
        for access in (c.a, c.b):
            assert not access.where, access
            assert not access.index.values, access
            assert kernel.buffers[access.buffer].dtype == c.dtype, (access, c.dtype)
        assert c.a.index.coefficient(kernel.outer - 1) == 0, c.a
        assert c.b.index.coefficient(kernel.outer - 2) == 0, c.b
        assert len(c.k) == len(c.a_k) == len(c.b_k) > 0, c
        assert bool(c.rows) or len(c.k) == 1, c
        assert not c.rows or c.a.index.coefficient(kernel.outer - 2) == 0, c


def problem_of(kernel: Kernel) -> Problem:
    """The product to compute: the transposed one where that makes it one row times a matrix."""
    problem = Problem(kernel)
    problem.check()
    if problem.windowed:
        return problem
    swapped = Problem(kernel, swapped=True)
    if swapped.rows == 1 and problem.rows != 1 and swapped.vector_form is not None:
        return swapped
    return problem


@dataclass(frozen=True, slots=True)
class Blocking:
    """How much is worked on at a time: rows between two packings of B, rows of A in the
    second-level cache, steps of k, and packed panels of B.

    All are i64 operands. `split_k` says whether there is more than one stretch of k: None if only
    a run can tell.
    """

    rows: str
    block: str
    k: str
    panels: str
    split_k: bool | None

    @property
    def may_split(self) -> bool:
        return self.split_k is not False


def blocking(problem: Problem, tile: Tile, i: Integers) -> Blocking:
    """The blocking, with as much of it known when compiling as the sizes allow."""
    longest = longest_k(problem, tile)
    size = _transposed_stretch(problem, tile) if problem.left_transposed else STRETCH_BYTES
    stretch = size // tile.size
    extent, steps = problem.steps(i), problem.most_steps
    if steps is not None:
        split = steps > longest
        k = str(_even_stretch(steps, stretch) if split else max(steps, 1))
    else:
        stretches = i.blocks(extent, str(stretch))
        even = i.round_down(i.add(i.blocks(extent, i.max("1", stretches)), "7"), 8)
        splits = i.compare("sgt", extent, str(longest))
        k = i.select(splits, i.min(even, str(stretch)), i.max(extent, "1"))
        split = None
    block = i.mul(i.div(i.div(str(BLOCK_BYTES // tile.size), k), str(GROUP)), str(GROUP))
    block = i.min(i.max(block, str(GROUP)), str(MOST_BLOCK_ROWS))
    panels, rows = _panels_at_once(problem, tile, k, split, i), _rows_at_once(problem, tile)
    count, columns = known(panels), problem.columns
    if split is False and count and isinstance(columns, int) and columns <= count * tile.columns:
        rows = ALL_ROWS  # one packing serves all, and there are no partial sums
    return Blocking(str(rows), block, k, panels, split)


def _even_stretch(k: int, longest: int) -> int:
    """The length of equal stretches of k up to `longest`; a multiple of 8 if it can be."""
    stretches = -(-k // longest)
    return min(longest, -(-k // stretches) + 7 & -8)


def longest_k(problem: Problem, tile: Tile) -> int:
    """The longest stretch of k that scratch memory is made for: k is not split up to it."""
    if problem.left_transposed:
        size = _transposed_stretch(problem, tile)
    else:
        size = WHOLE_BYTES if problem.home else WHOLE_BYTES_HOMELESS
    return min(size // tile.size, _panel_space(problem, tile))


def _transposed_stretch(problem: Problem, tile: Tile) -> int:
    in_place = problem.windowed and not problem.packs_windows(tile)
    return STRETCH_BYTES_WINDOWS if in_place else STRETCH_BYTES_PACKED


def _panel_space(problem: Problem, tile: Tile) -> int:
    """Rows of panels that fit into the scratch for panels."""
    size = PANELS_BYTES_PACKED if problem.left_transposed else PANELS_BYTES
    return size // (tile.columns * tile.size)


def _panels_at_once(problem: Problem, tile: Tile, k: str, split: bool | None, i: Integers) -> str:
    """Panels of B to pack at once, for stretches of k."""
    most = MOST_PANELS
    if split is not False and problem.home is None:
        most = min(most, partial_columns(tile) // tile.columns)
    panels = i.min(i.max(i.div(str(_panel_space(problem, tile)), k), "1"), str(most))
    count = known(panels)
    if count is None or not isinstance(problem.columns, int):
        return panels
    needed = max(1, -(-problem.columns // tile.columns))
    return str(-(-needed // -(-needed // count)))


def panels_bytes(problem: Problem, tile: Tile, block: Blocking) -> int:
    """Scratch for packed panels of B."""
    row = tile.columns * tile.size
    panels, k = known(block.panels), known(block.k)
    if panels is None or k is None:
        return (_panel_space(problem, tile) + MOST_PANELS * PANEL_PADDING) * row
    return panels * (k + PANEL_PADDING) * row


def partial_columns(tile: Tile) -> int:
    """Columns for which partial sums are kept, a multiple of the panel's width."""
    return max(1, PARTIAL_BYTES // (PARTIAL_ROWS * tile.size) // tile.columns) * tile.columns


def _rows_at_once(problem: Problem, tile: Tile) -> int:
    """Rows between two packings of B: those whose partial sums have room."""
    if problem.home is None:
        return PARTIAL_ROWS
    return PARTIAL_BYTES // (tile.columns * tile.size) // MOST_BLOCK_ROWS * MOST_BLOCK_ROWS


def partial_shape(problem: Problem, tile: Tile) -> tuple[int, int]:
    """Rows and columns of the scratch for partial sums.

    Where sums have a home, those of whole panels stay there: only the last panel needs scratch.
    """
    rows = _rows_at_once(problem, tile)
    if isinstance(problem.rows, int):
        rows = max(1, min(rows, problem.rows))
    return rows, tile.columns if problem.home else partial_columns(tile)


def block_bytes(problem: Problem, tile: Tile, block: Blocking) -> int:
    """Scratch for a packed block of A."""
    rows, k = known(block.block), known(block.k)
    if rows is None or k is None:
        few = GROUP * (longest_k(problem, tile) + BLOCK_PADDING) * tile.size
        return max(few, BLOCK_BYTES + MOST_BLOCK_ROWS * BLOCK_PADDING * tile.size)
    if isinstance(problem.rows, int):
        rows = max(1, min(rows, problem.rows))
    return rows * (k + BLOCK_PADDING) * tile.size


def tile_rows(problem: Problem, block: Blocking) -> tuple[int, ...]:
    """The micro-kernels to write, by rows: just what the shape needs where it is known, else some
    that can make up any number."""
    rows, height = problem.rows, known(block.block)
    spare = WINDOW_ROWS if problem.windowed else SPARE_ROWS
    if not isinstance(rows, int) or height is None:
        return spare
    if rows <= ROWS:
        return tuple(sorted({rows, 1}, reverse=True)) if rows > 0 else (1,)
    if len(problem.batch_axes) == 0 or rows > int(block.rows):
        # begin and end may cut the rows anywhere
        few = rows_used({rows}) if problem.windowed and rows <= GROUP else ()
        return tuple(sorted({*few, 4, 1}, reverse=True)) if few else spare
    return rows_used({min(rows, height), rows % height})


def _operand(size: Size) -> str:
    return f"%{size}" if isinstance(size, D) else str(size)
