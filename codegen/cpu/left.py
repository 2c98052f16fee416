"""The left operand of a product: blocks of A where they lie, found in tables, or packed."""

from __future__ import annotations

from graphc.codegen.cpu import packing, windows
from graphc.codegen.cpu.places import Matrix, Place
from graphc.codegen.cpu.problem import (
    MOST_BLOCK_ROWS,
    PACKED_PANELS,
    Blocking,
    block_bytes,
    longest_k,
    tile_rows,
)
from graphc.codegen.cpu.tiles import ROWS, panel_function
from graphc.codegen.cpu.windows import window_panel
from graphc.codegen.cpu.writer import Writer
from graphc.codegen.kernel import Size

# Up to as many steps of k (and `PACKED_PANELS`) read A where it lies if its rows are adjacent: a
# tile then takes few bytes of each cache line, bad for long stretches (512^3: 78, packed 89).
PACKED_K = 64


class Left:
    """A of one product in one function, and the function that multiplies its rows with a panel."""

    def __init__(self, w: Writer, block: Blocking) -> None:
        self.w, self.i, self.block = w, w.integers, block
        self.tile, self.problem = w.tile, w.problem
        in_place = self.problem.windowed and not self.problem.packs_windows(w.tile)
        self.in_tables = in_place
        self.may_pack = self.problem.left_transposed and not in_place
        available, module = tile_rows(w.problem, block), w.builder.module
        if in_place:
            self.function = window_panel(module, w.tile, available, block.may_split)
        else:
            self.function = panel_function(
                module, w.tile, available, block.may_split, self.may_pack
            )

    def rows(self, place: Place, steps: str) -> Matrix:
        """A block of rows; `steps` is the table of steps of a product with windows."""
        return self._windows(place, steps) if self.problem.windowed else self._strided(place)

    def arguments(self, left: Matrix) -> tuple[list[str], list[str]]:
        """What the function takes of a block, first and last of all its arguments."""
        if self.in_tables:
            return [f"ptr {left.address}", f"ptr {left.k}"], []
        more = [f"i64 {left.tile}", f"i64 {left.tile_k}"] if self.may_pack else []
        return [f"ptr {left.address}", f"i64 {left.row}", f"i64 {left.k}"], more

    def _strided(self, place: Place) -> Matrix:
        """A block of A: where it lies, or packed where its rows are adjacent and that pays."""
        w, i, tile, problem = self.w, self.i, self.tile, self.problem
        access, row, step = problem.left
        row_bytes, k_bytes = w.bytes(w.size(row)), w.bytes(w.size(step))
        address = i.address(w.base(access, (problem.row_axis,)), i.mul(place.row, row_bytes))
        address = i.address(address, i.mul(place.k, k_bytes))
        lies = Matrix(address, row_bytes, k_bytes, row_bytes, "0")
        if not self.may_pack:
            return lies
        panels = i.compare(
            "sgt", self.w.size(self.problem.columns), str(PACKED_PANELS * tile.columns)
        )
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

    def steps(self, place: Place) -> str:
        """The table of offsets of the left operand's steps in a stretch of k."""
        problem, c = self.problem, self.problem.contraction
        table = self.w.scratch("steps", longest_k(problem, self.tile) * windows.ENTRY)
        digits = self._digits(tuple(zip(c.k, c.a_k, strict=True)))
        windows.fill(self.w.builder, self.tile, table, "0", (place.k, place.steps), digits)
        return table

    def _windows(self, place: Place, steps: str) -> Matrix:
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
