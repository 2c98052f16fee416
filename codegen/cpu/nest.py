"""The loop nest of a matrix product, between the loops over batches and the register tiles.

Blocks of rows, chunks of columns, stretches of k, panels: see `contraction` for the whole.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from graphc.codegen.cpu import packing
from graphc.codegen.cpu.integers import known
from graphc.codegen.cpu.problem import (
    block_bytes,
    blocking,
    padding,
    panels_bytes,
    partial_shape,
    tile_rows,
)
from graphc.codegen.cpu.tiles import GROUP, MOST_ROWS, ROWS, groups, panel_function
from graphc.codegen.cpu.writer import Writer
from graphc.codegen.kernel import Access

# Up to as many rows read B where it lies, since packing would cost more than it gains: if the
# stretch of B fits into the second-level cache with room to spare (24x256x256: 81 GFLOP/s unpacked,
# 67 packed; 128^3: 86 and 91), and if not (8x1000x1000: 68 and 57; 16x512x784: 58 and 72).
UNPACKED_ROWS, UNPACKED_ROWS_LARGE = 48, 8
UNPACKED_BYTES = 256 << 10
# Up to as many steps of k, or panels, read A where it lies if its rows are adjacent: a tile then
# takes few bytes of each cache line, bad for long stretches of k (512^3: 78, transposed 89).
TRANSPOSED_K, TRANSPOSED_PANELS = 64, 4


@dataclass(frozen=True, slots=True)
class Matrix:
    """Where an operand or result lies: an address, and strides in bytes ("" for none)."""

    address: str
    row: str
    k: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What is worked on: a block of rows, a stretch of k, a chunk of columns, a panel in it."""

    row: str
    rows: str
    k: str
    steps: str
    chunk: str = "0"
    column: str = "0"
    columns: str = "0"  # from `column` on


def write(w: Writer) -> None:
    """Write the product for all rows of this call and the current batch."""
    nest = Nest(w)
    b, i, block = w.builder, w.integers, nest.block
    low, high = w.range_of(w.problem.row_axis)
    with ExitStack() as stack:
        loop = stack.enter_context(b.loop("block", low, high, block.rows))
        row, rows = loop.index, i.min(i.sub(high, loop.index), block.rows)
        if not block.may_split:
            nest.write_columns(Place(row, rows, "0", nest.k), nest.columns)
            return
        chunk = stack.enter_context(b.loop("chunk", "0", nest.columns, block.columns)).index
        end = i.min(nest.columns, i.add(chunk, block.columns))
        stop = i.max(nest.k, "1")
        k = stack.enter_context(b.loop("k", "0", stop, block.k, nonempty=True)).index
        steps = i.min(block.k, i.sub(nest.k, k))
        nest.write_columns(Place(row, rows, k, steps, chunk), end)


class Nest:
    """The nest of one product in one function."""

    def __init__(self, w: Writer) -> None:
        self.w, self.i = w, w.integers
        self.tile, self.problem = w.tile, w.problem
        self.block = blocking(w.problem, w.tile, w.integers)
        self.columns, self.k = w.size(w.problem.columns), w.size(w.problem.k)
        available = tile_rows(w.problem, w.tile, self.block)
        self.panel = panel_function(w.builder.module, w.tile, available, self.block.may_split)
        self.width = str(self.tile.columns)
        self.panel_row = str(self.tile.columns * self.tile.size)
        columns = known(self.columns)
        self.one_panel = columns is not None and columns <= self.tile.columns
        self.whole_panels = columns is not None and columns % self.tile.columns == 0

    def write_columns(self, place: Place, end: str) -> None:
        """All columns from `place.chunk` to `end`, for one block of rows and one stretch of k."""
        w, i = self.w, self.i
        left = self._left(place)
        packed = w.scratch("panel_b", panels_bytes(self.problem, self.tile, self.block))
        if self.one_panel:
            self._write_run(place, left, packed, ("0", self.columns))
            return
        step = i.mul(self.block.panels, self.width)
        with w.builder.loop("columns", place.chunk, end, step) as loop:
            self._write_run(place, left, packed, (loop.index, end))

    def _write_run(self, place: Place, left: Matrix, packed: str, columns: tuple[str, str]) -> None:
        """As many panels as are packed at once, of the columns from the first to the end."""
        w, i = self.w, self.i
        first, end = columns
        if self.problem.right[1] == 1:
            self._pack_whole(place, columns, packed)
        if self.one_panel or self.block.panels == "1":
            self._write_panel(place, left, packed, first)
            return
        end = i.min(end, i.add(first, i.mul(self.block.panels, self.width)))
        with w.builder.loop("column", first, end, self.width, nonempty=True) as loop:
            skipped = i.mul(i.sub(loop.index, first), w.bytes(place.steps))
            self._write_panel(place, left, i.address(packed, skipped), loop.index)

    def _write_panel(self, place: Place, left: Matrix, packed: str, column: str) -> None:
        columns = self.width if self.whole_panels else self.i.sub(self.columns, column)
        place = replace(place, column=column, columns=columns)
        self._multiply(left, self._right(place, packed), place)

    def _full(self, place: Place) -> str:
        """The condition that the panel has all its columns."""
        return self.i.compare("sge", place.columns, self.width)

    # -- operands

    def _left(self, place: Place) -> Matrix:
        """A block of A: where it lies, or transposed where its rows are adjacent and that pays."""
        w, i, tile, problem = self.w, self.i, self.tile, self.problem
        access, row, step = problem.left
        lies = Matrix("", w.bytes(w.size(row)), w.bytes(w.size(step)))
        address = i.address(w.base(access, (problem.row_axis,)), i.mul(place.row, lies.row))
        address = i.address(address, i.mul(place.k, lies.k))
        lies = Matrix(address, lies.row, lies.k)
        if not problem.left_transposed:
            return lies
        panels = i.compare("sgt", self.columns, str(TRANSPOSED_PANELS * tile.columns))
        long = i.compare("sgt", place.steps, str(TRANSPOSED_K))
        worth = i.both(i.both(panels, long), i.compare("sgt", place.rows, str(ROWS)))
        if worth == "false":
            return lies
        block = w.scratch("block_a", block_bytes(problem, tile, self.block))
        packed_row = w.bytes(i.add(self.block.k, str(padding(tile))))
        with w.when("transpose", worth):
            w.call(
                packing.transpose(w.builder.module, tile), f"ptr {address}", f"i64 {lies.k}",
                f"ptr {block}", f"i64 {packed_row}", f"i64 {place.steps}", f"i64 {place.rows}",
            )  # fmt: skip
        return Matrix(
            i.select(worth, block, address, "ptr"),
            i.select(worth, packed_row, lies.row),
            i.select(worth, str(tile.size), lies.k),
        )

    def _right_at(self, place_k: str, column: str) -> tuple[str, str, str]:
        """B from a column and a step of k on: (address, strides of columns and of k in bytes)."""
        w, i = self.w, self.i
        access, step, k_step = self.problem.right
        column_bytes, k_bytes = w.bytes(w.size(step)), w.bytes(w.size(k_step))
        address = i.address(w.base(access, (self.problem.column_axis,)), i.mul(place_k, k_bytes))
        return i.address(address, i.mul(column, column_bytes)), column_bytes, k_bytes

    def _many(self, place: Place) -> str:
        """The condition that whole panels are packed."""
        i, w = self.i, self.w
        extent = i.mul(place.steps, w.bytes(w.size(self.problem.right[2])))
        small = i.compare("sle", extent, str(UNPACKED_BYTES))
        most = i.select(small, str(UNPACKED_ROWS), str(UNPACKED_ROWS_LARGE))
        return i.compare("sgt", place.rows, most)

    def _pack_whole(self, place: Place, columns: tuple[str, str], packed: str) -> None:
        """Pack the next whole panels of B, whose columns are adjacent."""
        w, i = self.w, self.i
        first, end = columns
        address, _, k_bytes = self._right_at(place.k, first)
        count = i.min(self.block.panels, i.div(i.sub(end, first), self.width))
        pack = i.both(self._many(place), i.compare("sgt", count, "0"))
        with w.when("pack", pack) as possible:
            if possible:
                w.call(
                    packing.copy_panels(w.builder.module, self.tile), f"ptr {address}",
                    f"i64 {k_bytes}", f"ptr {packed}", f"i64 {place.steps}", f"i64 {count}",
                )  # fmt: skip

    def _right(self, place: Place, panel: str) -> Matrix:
        """A panel of B, in place or packed (at `panel`, if not yet)."""
        w, i, tile = self.w, self.i, self.tile
        _, step, k_step = self.problem.right
        address, column_bytes, k_bytes = self._right_at(place.k, place.column)
        full, module = self._full(place), w.builder.module
        source, target, steps = f"ptr {address}", f"ptr {panel}", f"i64 {place.steps}"
        if step == 1:
            with w.when("edge", i.invert(full)) as possible:
                if possible:
                    edge = packing.copy_edge(module, tile)
                    w.call(edge, source, f"i64 {k_bytes}", target, steps, f"i64 {place.columns}")
            in_place = i.both(full, i.invert(self._many(place)))
            chosen = i.select(in_place, address, panel, "ptr")
            return Matrix(chosen, "", i.select(in_place, k_bytes, self.panel_row))
        with w.when("edge", i.invert(full)) as possible:
            if possible:
                size = f"i64 {i.mul(place.steps, self.panel_row)}"
                w.builder.line(f"call void @llvm.memset.p0.i64({target}, i8 0, {size}, i1 false)")
        count = f"i64 {i.min(place.columns, self.width)}"
        row = f"i64 {self.panel_row}"
        if k_step == 1:
            transpose = packing.transpose(module, tile)
            w.call(transpose, source, f"i64 {column_bytes}", target, row, count, steps)
        else:
            strides = f"i64 {k_bytes}", f"i64 {column_bytes}"
            copy = packing.copy_scalar(module, tile)
            w.call(copy, source, *strides, target, row, f"i64 {tile.size}", steps, count)
        return Matrix(panel, "", self.panel_row)

    # -- sums

    def _multiply(self, left: Matrix, right: Matrix, place: Place) -> None:
        """One panel times one block: sums go to the output, to partial sums, or to the epilogue."""
        w, i, may_split = self.w, self.i, self.block.may_split
        reached = i.add(place.k, place.steps)
        last = i.compare("sge", reached, self.k) if may_split else "true"
        direct = self._full(place) if self.problem.plain else "false"
        straight = i.invert(i.both(i.invert(direct), last))
        sums = self._sums(place) if may_split or straight != "false" else None
        start = self._start(place, sums)
        with w.when("straight", straight) as possible:
            if possible:
                assert sums is not None
                self._call(left, right, place.steps, start, sums, place.rows)
        with w.when("grouped", i.invert(straight)) as possible:
            if possible:
                self._groups(left, right, place, start)

    def _sums(self, place: Place) -> Matrix:
        """Where the sums of a panel lie until they are complete: whole panels at home."""
        home, full = self.problem.home, self._full(place)
        if home is None or full == "false":
            return self._partial(place)
        output = self._output(home.access, place)
        if full == "true" or not self.block.may_split:
            return output
        return self._select(full, output, self._partial(place))

    def _select(self, condition: str, x: Matrix, y: Matrix) -> Matrix:
        i = self.i
        address = i.select(condition, x.address, y.address, "ptr")
        return Matrix(address, i.select(condition, x.row, y.row))

    def _start(self, place: Place, sums: Matrix | None) -> Matrix:
        """Where sums begin: at zero, or after the first stretch of k at the sums so far."""
        zeros = Matrix(self.w.zeros(), "0")
        if sums is None or not self.block.may_split:
            return zeros
        return self._select(self.i.compare("eq", place.k, "0"), zeros, sums)

    def _partial(self, place: Place) -> Matrix:
        """Scratch for the partial sums of a panel."""
        w, i = self.w, self.i
        rows, columns = partial_shape(self.problem, self.tile, self.block)
        address = w.scratch("partial", rows * columns * self.tile.size)
        if columns != self.tile.columns:
            address = i.address(address, w.bytes(i.sub(place.column, place.chunk)))
        return Matrix(address, str(columns * self.tile.size))

    def _output(self, access: Access, place: Place) -> Matrix:
        """The output of an epilogue that only stores sums."""
        w, i, problem = self.w, self.i, self.problem
        row = w.bytes(w.size(access.index.coefficient(problem.row_axis)))
        base = w.base(access, (problem.row_axis, problem.column_axis))
        address = i.address(i.address(base, i.mul(place.row, row)), w.bytes(place.column))
        return Matrix(address, row)

    def _groups(self, left: Matrix, right: Matrix, place: Place, start: Matrix) -> None:
        """Some rows at a time: their sums to scratch, then the epilogue over them."""
        w, i = self.w, self.i
        sums = Matrix(w.scratch("sums", MOST_ROWS * int(self.panel_row)), self.panel_row)
        number = groups(place.rows, i)
        with w.builder.loop("group", "0", number, nonempty=True) as group:
            skipped = i.mul(group.index, str(GROUP))
            final = i.compare("eq", group.index, i.sub(number, "1"))
            rows = i.select(final, i.sub(place.rows, skipped), str(GROUP))
            part = Matrix(i.address(left.address, i.mul(skipped, left.row)), left.row, left.k)
            begin = Matrix(i.address(start.address, i.mul(skipped, start.row)), start.row)
            self._call(part, right, place.steps, begin, sums, rows)
            columns = self.width
            if self._full(place) != "true":
                columns = i.min(place.columns, self.width)
            w.finish(
                (sums.address, sums.row), (i.add(place.row, skipped), rows), (place.column, columns)
            )

    def _call(
        self, left: Matrix, right: Matrix, k: str, start: Matrix, target: Matrix, rows: str
    ) -> None:
        self.w.call(
            self.panel, f"ptr {left.address}", f"i64 {left.row}", f"i64 {left.k}",
            f"ptr {right.address}", f"i64 {right.k}", f"i64 {k}", f"ptr {start.address}",
            f"i64 {start.row}", f"ptr {target.address}", f"i64 {target.row}", f"i64 {rows}",
        )  # fmt: skip
