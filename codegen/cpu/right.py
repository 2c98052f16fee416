"""The right operand of a product: panels of B, read where they lie or packed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from graphc.codegen.cpu import packing
from graphc.codegen.cpu.integers import known
from graphc.codegen.cpu.places import Matrix, Place
from graphc.codegen.cpu.writer import Writer

# Up to as many rows read B where it lies, since packing would cost more than it gains: if the
# stretch of B fits into the second-level cache with room to spare (24x256x256: 81 GFLOP/s unpacked,
# 67 packed; 128^3: 86 and 91), and if not (8x1000x1000: 68 and 57; 16x512x784: 58 and 72).
UNPACKED_ROWS, UNPACKED_ROWS_LARGE = 48, 8
UNPACKED_BYTES = 256 << 10
UNPACKED_BYTES_NEAR = 16 << 10  # B stays in the first-level cache: any number of rows


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps of k to pack: where they begin in B (in bytes), their number, where they go."""

    offset: str
    steps: str
    target: str


class Right:
    """B of one product in one function. `packed`: all panels are packed, however few rows there
    are."""

    def __init__(self, w: Writer, packed: bool) -> None:
        self.w, self.i = w, w.integers
        self.tile, self.problem = w.tile, w.problem
        self.columns = w.size(w.problem.columns)
        self.width = str(self.tile.columns)
        self.panel_row = str(self.tile.columns * self.tile.size)
        self.all_packed = packed or not self.problem.right_even
        columns = known(self.columns)
        self.one_panel = columns is not None and columns <= self.tile.columns
        self.whole_panels = columns is not None and columns % self.tile.columns == 0

    def at_column(self, place: Place, column: str) -> Place:
        """The panel that starts at a column."""
        columns = self.width if self.whole_panels else self.i.sub(self.columns, column)
        return replace(place, column=column, columns=columns)

    def full(self, place: Place) -> str:
        """The condition that the panel has all its columns."""
        return self.i.compare("sge", place.columns, self.width)

    def pack(self, place: Place, packed: str) -> None:
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

    def panel(self, place: Place, rows: str, packed: str) -> Matrix:
        """A panel of B for so many rows in all, in place or packed."""
        i = self.i
        panel = self._packed(place, packed, i.sub(place.column, place.chunk))
        if self.all_packed or self.problem.right[1] != 1:
            return Matrix(panel, "", self.panel_row)
        step = self.w.bytes(self.w.size(self.problem.right[2]))
        address, _, k_bytes = self._at(i.mul(place.k, step), place.column)
        in_place = i.both(self.full(place), i.invert(self._many(rows, place.steps)))
        chosen = i.select(in_place, address, panel, "ptr")
        return Matrix(chosen, "", i.select(in_place, k_bytes, self.panel_row))

    # -- addresses

    def _at(self, offset: str, column: str) -> tuple[str, str, str]:
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
        if self.all_packed:
            return "true"
        extent = i.mul(steps, w.bytes(w.size(self.problem.right[2])))
        small = i.compare("sle", extent, str(UNPACKED_BYTES))
        most = i.select(small, str(UNPACKED_ROWS), str(UNPACKED_ROWS_LARGE))
        near = i.compare("sle", extent, str(UNPACKED_BYTES_NEAR))
        return i.both(i.compare("sgt", rows, most), i.invert(near))

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
            self._pack_apart(self.at_column(place, column), piece, panel)

    def _pack_adjacent(self, place: Place, piece: Piece) -> None:
        """Pack the panels of a chunk whose columns are adjacent: whole ones, then the last."""
        w, i, tile, module = self.w, self.i, self.tile, self.w.builder.module
        columns = i.sub(place.end, place.chunk)
        count = i.div(columns, self.width)
        steps = f"i64 {piece.steps}"
        address, _, k_bytes = self._at(piece.offset, place.chunk)
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
                address, _, _ = self._at(piece.offset, i.add(place.chunk, whole))
                panel = self._packed(place, piece.target, whole)
                w.call(
                    packing.copy_edge(module, tile), f"ptr {address}", f"i64 {k_bytes}",
                    f"ptr {panel}", steps, f"i64 {rest}",
                )  # fmt: skip

    def _pack_apart(self, place: Place, piece: Piece, panel: str) -> None:
        """Pack one panel whose columns are not adjacent."""
        w, i, tile, module = self.w, self.i, self.tile, self.w.builder.module
        address, column_bytes, k_bytes = self._at(piece.offset, place.column)
        source, target, steps = f"ptr {address}", f"ptr {panel}", f"i64 {piece.steps}"
        with w.when("edge", i.invert(self.full(place))) as possible:
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
