"""The loop nest of a matrix product, between the loops over batches and the register tiles.

Chunks of columns, stretches of k, blocks of rows, panels: see `contraction` for the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

from graphc.codegen.cpu import packing, windows
from graphc.codegen.cpu.integers import known
from graphc.codegen.cpu.problem import (
    MOST_BLOCK_ROWS,
    PACKED_PANELS,
    block_bytes,
    blocking,
    longest_k,
    panels_bytes,
    partial_shape,
    tile_rows,
)
from graphc.codegen.cpu.tiles import GROUP, MOST_ROWS, ROWS, groups, panel_function
from graphc.codegen.cpu.windows import window_panel
from graphc.codegen.cpu.writer import Writer
from graphc.codegen.kernel import Access, Size

# Up to as many rows read B where it lies, since packing would cost more than it gains: if the
# stretch of B fits into the second-level cache with room to spare (24x256x256: 81 GFLOP/s unpacked,
# 67 packed; 128^3: 86 and 91), and if not (8x1000x1000: 68 and 57; 16x512x784: 58 and 72).
UNPACKED_ROWS, UNPACKED_ROWS_LARGE = 48, 8
UNPACKED_BYTES = 256 << 10
UNPACKED_BYTES_NEAR = 16 << 10  # B stays in the first-level cache: any number of rows
# Up to as many steps of k (and `PACKED_PANELS`) read A where it lies if its rows are adjacent: a
# tile then takes few bytes of each cache line, bad for long stretches (512^3: 78, packed 89).
PACKED_K = 64


@dataclass(frozen=True, slots=True)
class Matrix:
    """Where an operand or result lies: an address, and strides in bytes ("" for none).

    Of a block of A whose rows are adjacent, `tile` is what a tile's address grows with each row
    before it, and `tile_k` what is added to the stride of k for each row of the tile.
    """

    address: str
    row: str
    k: str = ""
    tile: str = ""
    tile_k: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps of k to pack: where they begin in B (in bytes), their number, where they go."""

    offset: str
    steps: str
    target: str


@dataclass(frozen=True, slots=True)
class Place:
    """What is worked on: some rows, a stretch of k, a chunk of columns, a panel in it."""

    top: str  # first of the rows between two packings of B
    row: str
    rows: str
    k: str
    steps: str
    chunk: str
    end: str  # of the chunk
    column: str = "0"
    columns: str = "0"  # from `column` on


def write_batches(w: Writer, batches: Callable[[], AbstractContextManager[None]]) -> None:
    """Write the product for all rows of all batches, whose loops `batches` enters: B is the same
    for all, so its panels are packed outside."""
    nest = Nest(w, packed=True)
    i, block = w.integers, nest.block
    width = i.mul(block.panels, nest.width)
    with ExitStack() as stack:
        chunk, columns = nest.steps(stack, "chunk", "0", nest.columns, width, w.problem.columns)
        place = Place("0", "0", "0", "0", nest.k, chunk, i.add(chunk, columns))
        shared = nest.share(place)
        stack.enter_context(batches())
        low, high = w.range_of(w.problem.row_axis)
        row, rows = nest.steps(stack, "rows", low, high, block.rows, w.problem.rows)
        nest.write_blocks(replace(place, top=row, row=row, rows=rows), *shared)


def write(w: Writer) -> None:
    """Write the product for all rows of this call and the current batch."""
    nest = Nest(w)
    i, block = w.integers, nest.block
    low, high = w.range_of(w.problem.row_axis)
    with ExitStack() as stack:
        row, rows = nest.steps(stack, "rows", low, high, block.rows, w.problem.rows)
        width = i.mul(block.panels, nest.width)
        chunk, columns = nest.steps(stack, "chunk", "0", nest.columns, width, w.problem.columns)
        end = i.add(chunk, columns)
        if block.may_split:
            stop = i.max(nest.k, "1")
            k = stack.enter_context(w.builder.loop("k", "0", stop, block.k, nonempty=True)).index
            steps = i.min(block.k, i.sub(nest.k, k))
        else:
            k, steps = "0", nest.k
        place = Place(row, row, rows, k, steps, chunk, end)
        nest.write_blocks(place, *nest.share(place))


class Nest:
    """The nest of one product in one function. `packed`: all panels are packed, however few rows
    there are."""

    def __init__(self, w: Writer, packed: bool = False) -> None:
        self.w, self.i = w, w.integers
        self.tile, self.problem = w.tile, w.problem
        self.block = blocking(w.problem, w.tile, w.integers)
        self.columns, self.k = w.size(w.problem.columns), w.problem.steps(w.integers)
        available = tile_rows(w.problem, self.block)
        module, resume = w.builder.module, self.block.may_split
        self.packs_windows = self.problem.packs_windows(w.tile)
        self.in_tables = self.problem.windowed and not self.packs_windows
        self.packs_left = self.problem.left_transposed and not self.in_tables
        if self.in_tables:
            self.panel = window_panel(module, w.tile, available, resume)
        else:
            self.panel = panel_function(module, w.tile, available, resume, self.packs_left)
        self.width = str(self.tile.columns)
        self.panel_row = str(self.tile.columns * self.tile.size)
        self.all_packed = packed or not self.problem.right_even
        columns = known(self.columns)
        self.one_panel = columns is not None and columns <= self.tile.columns
        self.whole_panels = columns is not None and columns % self.tile.columns == 0

    def steps(
        self, stack: ExitStack, hint: str, low: str, high: str, step: str, extent: object
    ) -> tuple[str, str]:
        """Enter a loop in steps of `step`: (start, length) of each; `extent` is the most there
        can be. No loop where it is known to be one step."""
        limit = known(step)
        start = self.w.builder.loop(hint, low, high, step)
        if isinstance(extent, int) and limit is not None and extent <= limit:
            if low == "0" and known(high):
                return low, high
            index = stack.enter_context(start).index
            return index, self.i.sub(high, index)
        index = stack.enter_context(start).index
        return index, self.i.min(self.i.sub(high, index), step)

    def share(self, place: Place) -> tuple[str, str]:
        """What all rows share in a chunk of columns and a stretch of k: packed panels, and the
        table of steps of a product with windows ("" else)."""
        packed = self.w.scratch("panel_b", panels_bytes(self.problem, self.tile, self.block))
        self._pack(place, packed)
        return packed, self._steps(place) if self.problem.windowed else ""

    def write_blocks(self, place: Place, packed: str, steps: str) -> None:
        """All columns of a chunk, for some rows and one stretch of k."""
        w, i, block = self.w, self.i, self.block
        with ExitStack() as stack:
            first, rows = "0", place.rows
            height, extent = known(block.block), self.problem.rows
            if height is None or not isinstance(extent, int) or extent > height:
                loop = w.builder.loop("block", "0", place.rows, block.block, nonempty=True)
                first = stack.enter_context(loop).index
                rows = i.min(i.sub(place.rows, first), block.block)
            part = replace(place, row=i.add(place.row, first), rows=rows)
            left = self._rows(part, steps) if steps else self._left(part)
            column = place.chunk
            if not self.one_panel:
                loop = w.builder.loop("column", column, place.end, self.width, nonempty=True)
                column = stack.enter_context(loop).index
            part = self._panel(part, column)
            self._multiply(left, self._right(part, place.rows, packed), part)

    def _panel(self, place: Place, column: str) -> Place:
        """The panel that starts at a column."""
        columns = self.width if self.whole_panels else self.i.sub(self.columns, column)
        return replace(place, column=column, columns=columns)

    def _full(self, place: Place) -> str:
        """The condition that the panel has all its columns."""
        return self.i.compare("sge", place.columns, self.width)

    # -- operands

    def _left(self, place: Place) -> Matrix:
        """A block of A: where it lies, or packed where its rows are adjacent and that pays."""
        w, i, tile, problem = self.w, self.i, self.tile, self.problem
        access, row, step = problem.left
        row_bytes, k_bytes = w.bytes(w.size(row)), w.bytes(w.size(step))
        address = i.address(w.base(access, (problem.row_axis,)), i.mul(place.row, row_bytes))
        address = i.address(address, i.mul(place.k, k_bytes))
        lies = Matrix(address, row_bytes, k_bytes, row_bytes, "0")
        if not self.packs_left:
            return lies
        panels = i.compare("sgt", self.columns, str(PACKED_PANELS * tile.columns))
        long = i.compare("sgt", place.steps, str(PACKED_K))
        worth = i.both(i.both(panels, long), i.compare("sgt", place.rows, str(ROWS)))
        if worth == "false":
            return lies
        block = w.scratch("block_a", block_bytes(problem, tile, self.block))
        available = tile_rows(problem, self.block)
        with w.when("pack_a", worth):
            w.call(
                packing.pack_rows(w.builder.module, tile, available), f"ptr {address}",
                f"i64 {k_bytes}", f"ptr {block}", f"i64 {place.steps}", f"i64 {place.rows}",
            )  # fmt: skip
        return Matrix(
            i.select(worth, block, address, "ptr"),
            row_bytes,
            i.select(worth, "0", k_bytes),
            i.select(worth, self._tile_step(place), row_bytes),
            i.select(worth, str(tile.size), "0"),
        )

    def _steps(self, place: Place) -> str:
        """The table of offsets of the left operand's steps in a stretch of k."""
        problem, c = self.problem, self.problem.contraction
        table = self.w.scratch("steps", longest_k(problem, self.tile) * windows.ENTRY)
        digits = self._digits(tuple(zip(c.k, c.a_k, strict=True)))
        windows.fill(self.w.builder, self.tile, table, "0", (place.k, place.steps), digits)
        return table

    def _rows(self, place: Place, steps: str) -> Matrix:
        """A block of rows with windows: the table of their addresses and that of steps, or packed
        by both."""
        w, problem = self.w, self.problem
        most = problem.rows if isinstance(problem.rows, int) else MOST_BLOCK_ROWS
        table = w.scratch("rows", max(1, min(most, MOST_BLOCK_ROWS)) * windows.ENTRY)
        base = w.base(problem.left[0], (problem.row_axis,))
        base = w.builder.let("base", f"ptrtoint ptr {base} to i64")
        digits = self._digits(problem.contraction.rows)
        windows.fill(w.builder, self.tile, table, base, (place.row, place.rows), digits)
        if self.in_tables:
            return Matrix(table, "", steps, str(windows.ENTRY))
        block = w.scratch("block_a", block_bytes(problem, self.tile, self.block))
        w.call(
            windows.pack_rows(w.builder.module, self.tile, tile_rows(problem, self.block)),
            f"ptr {table}", f"ptr {steps}", f"ptr {block}", f"i64 {place.steps}",
            f"i64 {place.rows}",
        )  # fmt: skip
        element = str(self.tile.size)
        return Matrix(block, element, "0", self._tile_step(place), element)

    def _tile_step(self, place: Place) -> str:
        """What a tile's address in a packed block grows with each row before it."""
        return self.w.bytes(self.i.add(place.steps, str(packing.BLOCK_PADDING)))

    def _digits(self, digits: tuple[tuple[Size, Size], ...]) -> list[tuple[str, str]]:
        """Extents and steps in bytes, as many as both tables need: they share a function."""
        w, c = self.w, self.problem.contraction
        more = max(len(c.rows), len(c.k)) - len(digits)
        sizes = [(w.size(extent), w.bytes(w.size(step))) for extent, step in digits]
        return [("1", "0")] * more + sizes

    def _right_at(self, offset: str, column: str) -> tuple[str, str, str]:
        """B from a column and an offset of k in bytes on: (address, strides of columns and of k in
        bytes)."""
        w, i = self.w, self.i
        access, step, k_step = self.problem.right
        column_bytes, k_bytes = w.bytes(w.size(step)), w.bytes(w.size(k_step))
        address = i.address(w.base(access, (self.problem.column_axis,)), offset)
        return i.address(address, i.mul(column, column_bytes)), column_bytes, k_bytes

    def _apart(self, place: Place) -> str:
        """Bytes between packed panels."""
        return self.i.mul(self.i.add(place.steps, str(packing.PANEL_PADDING)), self.panel_row)

    def _packed(self, place: Place, packed: str, skipped: str) -> str:
        """Where the panel lies before which there are so many columns of the chunk."""
        w, i = self.w, self.i
        steps = i.add(place.steps, str(packing.PANEL_PADDING))
        return i.address(packed, i.mul(skipped, w.bytes(steps)))

    def _many(self, rows: str, steps: str) -> str:
        """The condition that whole panels of adjacent columns are packed."""
        i, w = self.i, self.w
        extent = i.mul(steps, w.bytes(w.size(self.problem.right[2])))
        small = i.compare("sle", extent, str(UNPACKED_BYTES))
        most = i.select(small, str(UNPACKED_ROWS), str(UNPACKED_ROWS_LARGE))
        near = i.compare("sle", extent, str(UNPACKED_BYTES_NEAR))
        if self.all_packed:
            return "true"
        return i.both(i.compare("sgt", rows, most), i.invert(near))

    def _right(self, place: Place, rows: str, packed: str) -> Matrix:
        """A panel of B for so many rows in all, in place or packed."""
        i = self.i
        panel = self._packed(place, packed, i.sub(place.column, place.chunk))
        if self.problem.right[1] != 1:
            return Matrix(panel, "", self.panel_row)
        if self.all_packed:
            return Matrix(panel, "", self.panel_row)
        step = self.w.bytes(self.w.size(self.problem.right[2]))
        address, _, k_bytes = self._right_at(i.mul(place.k, step), place.column)
        in_place = i.both(self._full(place), i.invert(self._many(rows, place.steps)))
        chosen = i.select(in_place, address, panel, "ptr")
        return Matrix(chosen, "", i.select(in_place, k_bytes, self.panel_row))

    def _pack(self, place: Place, packed: str) -> None:
        """Pack the panels of a chunk, if they are not read where they lie."""
        w, i, c = self.w, self.i, self.problem.contraction
        step = w.bytes(w.size(self.problem.right[2]))
        if self.problem.right_even:
            self._pack_piece(place, Piece(i.mul(place.k, step), place.steps, packed))
            return
        # Steps of k that are equally far apart come in runs of the last digit.
        # Divisions move to where k may be empty.
        extent, stop = i.max(w.size(c.k[-1]), "1"), i.add(place.k, place.steps)
        with w.when("runs", i.compare("slt", place.k, stop)) as possible:
            if not possible:
                return
            first, end = i.div(place.k, extent), i.add(i.div(i.sub(stop, "1"), extent), "1")
            with w.builder.loop("run", first, end, nonempty=True) as run:
                begin = i.mul(run.index, extent)
                low, high = i.max(begin, place.k), i.min(i.add(begin, extent), stop)
                offset = i.add(self._run_offset(run.index), i.mul(i.sub(low, begin), step))
                skipped = i.mul(i.sub(low, place.k), self.panel_row)
                target = i.address(packed, skipped)
                self._pack_piece(place, Piece(offset, i.sub(high, low), target))

    def _run_offset(self, run: str) -> str:
        """Where a run of the last digit of k begins in the right operand, in bytes."""
        w, i, c = self.w, self.i, self.problem.contraction
        offset, rest = "0", run
        outer = list(zip(c.k[:-1], c.b_k[:-1], strict=True))
        for size, step in reversed(outer[1:]):
            extent = i.max(w.size(size), "1")
            above = i.div(rest, extent)
            digit = i.sub(rest, i.mul(above, extent))
            offset, rest = i.add(offset, i.mul(digit, w.bytes(w.size(step)))), above
        return i.add(offset, i.mul(rest, w.bytes(w.size(outer[0][1]))))

    def _pack_piece(self, place: Place, piece: Piece) -> None:
        if self.problem.right[1] == 1:
            self._pack_adjacent(place, piece)
            return
        i, column = self.i, place.chunk
        with ExitStack() as stack:
            if not self.one_panel:
                stop = place.end
                loop = self.w.builder.loop("pack", column, stop, self.width, nonempty=True)
                column = stack.enter_context(loop).index
            panel = self._packed(place, piece.target, i.sub(column, place.chunk))
            self._pack_apart(self._panel(place, column), piece, panel)

    def _pack_adjacent(self, place: Place, piece: Piece) -> None:
        """Pack the panels of a chunk whose columns are adjacent: whole ones, then the last."""
        w, i, tile, module = self.w, self.i, self.tile, self.w.builder.module
        columns = i.sub(place.end, place.chunk)
        count = i.div(columns, self.width)
        steps = f"i64 {piece.steps}"
        address, _, k_bytes = self._right_at(piece.offset, place.chunk)
        pack = i.both(self._many(place.rows, place.steps), i.compare("sgt", count, "0"))
        with w.when("pack", pack) as possible:
            if possible:
                apart = self._apart(place)
                w.call(
                    packing.copy_panels(module, tile), f"ptr {address}", f"i64 {k_bytes}",
                    f"ptr {piece.target}", steps, f"i64 {count}", f"i64 {apart}",
                )  # fmt: skip
        if self.whole_panels:
            return
        whole = i.mul(count, self.width)
        rest = i.sub(columns, whole)
        with w.when("edge", i.compare("sgt", rest, "0")) as possible:
            if possible:
                address, _, _ = self._right_at(piece.offset, i.add(place.chunk, whole))
                panel = self._packed(place, piece.target, whole)
                w.call(
                    packing.copy_edge(module, tile), f"ptr {address}", f"i64 {k_bytes}",
                    f"ptr {panel}", steps, f"i64 {rest}",
                )  # fmt: skip

    def _pack_apart(self, place: Place, piece: Piece, panel: str) -> None:
        """Pack one panel whose columns are not adjacent."""
        w, i, tile, module = self.w, self.i, self.tile, self.w.builder.module
        address, column_bytes, k_bytes = self._right_at(piece.offset, place.column)
        source, target, steps = f"ptr {address}", f"ptr {panel}", f"i64 {piece.steps}"
        with w.when("edge", i.invert(self._full(place))) as possible:
            if possible:
                size = f"i64 {i.mul(piece.steps, self.panel_row)}"
                w.builder.line(f"call void @llvm.memset.p0.i64({target}, i8 0, {size}, i1 false)")
        count, row = f"i64 {i.min(place.columns, self.width)}", f"i64 {self.panel_row}"
        if self.problem.right[2] == 1:
            transpose = packing.transpose(module, tile)
            w.call(transpose, source, f"i64 {column_bytes}", target, row, count, steps)
        else:
            strides = f"i64 {k_bytes}", f"i64 {column_bytes}"
            copy = packing.copy_scalar(module, tile)
            w.call(copy, source, *strides, target, row, f"i64 {tile.size}", steps, count)

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
        """Scratch for the partial sums of a panel and a block of rows."""
        w, i = self.w, self.i
        rows, columns = partial_shape(self.problem, self.tile)
        address = w.scratch("partial", rows * columns * self.tile.size)
        row = str(columns * self.tile.size)
        address = i.address(address, i.mul(i.sub(place.row, place.top), row))
        if columns != self.tile.columns:
            address = i.address(address, w.bytes(i.sub(place.column, place.chunk)))
        return Matrix(address, row)

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
            part = replace(left, address=i.address(left.address, i.mul(skipped, left.tile)))
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
        more = (f"i64 {left.tile}", f"i64 {left.tile_k}") if self.packs_left else ()
        operand = [f"ptr {left.address}", f"i64 {left.row}", f"i64 {left.k}"]
        if self.in_tables:
            operand = [f"ptr {left.address}", f"ptr {left.k}"]
        self.w.call(
            self.panel, *operand, f"ptr {right.address}", f"i64 {right.k}", f"i64 {k}",
            f"ptr {start.address}", f"i64 {start.row}", f"ptr {target.address}",
            f"i64 {target.row}", f"i64 {rows}", *more,
        )  # fmt: skip
