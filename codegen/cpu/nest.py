"""The loop nest of a matrix product, between the loops over batches and the register tiles.

Chunks of columns, stretches of k, blocks of rows, panels: see `contraction` for the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from graphc.codegen.cpu.integers import known
from graphc.codegen.cpu.left import Left
from graphc.codegen.cpu.places import Matrix, Place
from graphc.codegen.cpu.problem import blocking, panels_bytes, partial_shape
from graphc.codegen.cpu.right import Right
from graphc.codegen.cpu.tiles import GROUP, MOST_ROWS, groups
from graphc.codegen.cpu.writer import Writer
from graphc.codegen.kernel import Access


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
        self.left = Left(w, self.block)
        self.right = Right(w, packed)
        self.width, self.panel_row = self.right.width, self.right.panel_row

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
        self.right.pack(place, packed)
        return packed, self.left.steps(place) if self.problem.windowed else ""

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
            left = self.left.rows(part, steps)
            column = place.chunk
            if not self.right.one_panel:
                loop = w.builder.loop("column", column, place.end, self.width, nonempty=True)
                column = stack.enter_context(loop).index
            part = self.right.at_column(part, column)
            self._multiply(left, self.right.panel(part, place.rows, packed), part)

    # -- sums

    def _multiply(self, left: Matrix, right: Matrix, place: Place) -> None:
        """One panel times one block: sums go to the output, to partial sums, or to the epilogue."""
        w, i, may_split = self.w, self.i, self.block.may_split
        reached = i.add(place.k, place.steps)
        last = i.compare("sge", reached, self.k) if may_split else "true"
        direct = self.right.full(place) if self.problem.plain else "false"
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
        home, full = self.problem.home, self.right.full(place)
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
            if self.right.full(place) != "true":
                columns = i.min(place.columns, self.width)
            w.finish(
                (sums.address, sums.row), (i.add(place.row, skipped), rows), (place.column, columns)
            )

    def _call(
        self, left: Matrix, right: Matrix, k: str, start: Matrix, target: Matrix, rows: str
    ) -> None:
        first, last = self.left.arguments(left)
        self.w.call(
            self.left.function, *first, f"ptr {right.address}", f"i64 {right.k}", f"i64 {k}",
            f"ptr {start.address}", f"i64 {start.row}", f"ptr {target.address}",
            f"i64 {target.row}", f"i64 {rows}", *last,
        )  # fmt: skip
