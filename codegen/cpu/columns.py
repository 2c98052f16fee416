"""Column folds: one value per column of a matrix, whose rows are read one after the other.

A column's elements are a row apart. Folding some columns in registers, from top to bottom, would
touch a page for each row and few bytes of it; so rows are read along, many columns at once, and
what is folded so far lies on the stack, in the first-level cache ([4096, 1024] floats: 0.9 ms in
registers, 0.4 ms so).

Float sums of blocks of rows are kept apart as in `loops`, so the results are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from graphc.codegen.cpu.body import BodyEmitter
from graphc.codegen.cpu.parts import BLOCK, Span, vectors
from graphc.codegen.cpu.points import VL, Point, Value, widen
from graphc.codegen.cpu.reduce import Fold
from graphc.codegen.cpu.schedule import Schedule
from graphc.codegen.cpu.text import Builder
from graphc.codegen.kernel import D, Kernel, Stage
from graphc.ir.records import record

SCRATCH_BYTES = 24 << 10  # what all accumulators may take of the first-level cache
RUN = 4  # rows that are read side by side: fewer loads and stores of what is folded so far
FEW = 64  # as many columns fit in registers


def streams(kernel: Kernel, schedule: Schedule) -> bool:
    """Whether a kernel is a light fold of many columns, with nothing before it."""
    if not schedule.wide or schedule.order[-1] != schedule.outer:
        return False
    extent = kernel.axes[schedule.outer or 0].extent
    first = kernel.stages[0]
    return (
        (isinstance(extent, D) or extent > FEW)
        and len(first.axes) == 1
        and not first.stores
        and not any(stage.axes for stage in kernel.stages[1:])
    )


@record
class Columns:
    """Writes the fold of the columns along `axis` in `span`, at a point of the other outer axes."""

    body: BodyEmitter
    folds: tuple[Fold, ...]
    stage: Stage
    rows: Span
    axis: int
    point: Point

    @property
    def builder(self) -> Builder:
        return self.body.builder

    @property
    def chunk(self) -> int:
        """How many columns are folded at once: a power of two."""
        column = sum(
            (len(fold.start()) + fold.compensated) * fold.source.size for fold in self.folds
        )
        return 1 << (SCRATCH_BYTES // column).bit_length() - 1

    def write(self, span: Span, finish: Callable[[Point, Mapping[int, Value]], None]) -> None:
        """All columns of `span`; `finish` takes the results at each vector of them."""
        b = self.builder
        with b.loop("chunk", span.start, span.stop, str(self.chunk)) as chunk:
            far = b.let("far", f"add i64 {chunk.index}, {self.chunk}")
            stop = b.let("near", f"call i64 @llvm.smin.i64(i64 {far}, i64 {span.stop})")
            columns = Span(chunk.index, stop, None)
            for point in self._vectors(columns):
                for fold in self.folds:
                    self._put(fold, point, columns, [init for _, _, init in fold.start()])
            self._rows(columns)
            for point in self._vectors(columns):
                values = {
                    fold.reduce.number: fold.result(self._get(fold, point, columns), join=False)
                    for fold in self.folds
                }
                finish(point, values)

    def _vectors(self, columns: Span) -> Iterator[Point]:
        """Loops over the vectors of a chunk, the last one masked."""
        for part in vectors(self.builder, self.axis, "column", columns, (VL,), shared=False):
            with part.open() as (index, _):
                lanes = part.lanes_at(index)
                yield replace(self.point, axes={**self.point.axes, self.axis: index}, lanes=lanes)

    def _rows(self, columns: Span) -> None:
        """All rows: in blocks, where a fold keeps the sums of blocks apart."""
        b, rows = self.builder, self.rows
        blocked = [fold for fold in self.folds if fold.compensated]
        known = rows.extent is not None and rows.extent > 0
        if not blocked:
            self._fold(columns, rows)
            return
        with b.loop("block", rows.start, rows.stop, str(BLOCK), nonempty=known) as block:
            far = b.let("far", f"add i64 {block.index}, {BLOCK}")
            stop = b.let("near", f"call i64 @llvm.smin.i64(i64 {far}, i64 {rows.stop})")
            for point in self._vectors(columns):
                for fold in blocked:
                    self._put(fold, point, columns, [fold.start()[0][2]], part=True)
            self._fold(columns, Span(block.index, stop, None))
            for point in self._vectors(columns):
                for fold in blocked:
                    total = self._get(fold, point, columns)
                    part = self._get(fold, point, columns, part=True)
                    self._put(fold, point, columns, fold.merge(total, part))

    def _fold(self, columns: Span, rows: Span) -> None:
        """Some rows from the first to the last, `RUN` of them for each look at what is folded."""
        b = self.builder
        count = b.let("rows", f"sub i64 {rows.stop}, {rows.start}")
        whole = b.let("whole", f"and i64 {count}, -{RUN}")
        middle = b.let("middle", f"add i64 {rows.start}, {whole}")
        with b.loop("run", rows.start, middle, str(RUN)) as first:
            following = [b.let("row", f"add i64 {first.index}, {n}") for n in range(1, RUN)]
            self._add(columns, [first.index, *following])
        with b.loop("row", middle, rows.stop) as row:
            self._add(columns, [row.index])

    def _add(self, columns: Span, rows: Sequence[str]) -> None:
        """Take some rows into what is folded, in order."""
        (row_axis,) = self.stage.axes
        for point in self._vectors(columns):
            states = [self._get(fold, point, columns, fold.compensated) for fold in self.folds]
            for row in rows:
                place = replace(point, axes={**point.axes, row_axis: row})
                values = self.body.emit(self.stage, place)
                for number, fold in enumerate(self.folds):
                    value = widen(self.builder, values[fold.reduce.value], fold.width)
                    states[number] = fold.step(states[number], value, "", None)
            for fold, state in zip(self.folds, states, strict=True):
                self._put(fold, point, columns, state, fold.compensated)

    # -- what is folded so far

    def _places(self, fold: Fold, point: Point, columns: Span, part: bool) -> list[tuple[str, str]]:
        """(type, address) of each accumulator of a vector; or of the sum of its block."""
        b, index = self.builder, point.axes[self.axis]
        offset = b.let("offset", f"sub i64 {index}, {columns.start}")
        carried = fold.start()[:1] if part else fold.start()
        places = []
        for hint, kind, _ in carried:
            name = f"{hint}.part" if part else f"{hint}.all"
            memory = b.entry(name, f"alloca [{self.chunk} x {fold.element}], align 64")
            address = b.let("p", f"getelementptr {fold.element}, ptr {memory}, i64 {offset}")
            places.append((kind, address))
        return places

    def _get(self, fold: Fold, point: Point, columns: Span, part: bool = False) -> tuple[str, ...]:
        return tuple(
            self.builder.here("so_far", f"load {kind}, ptr {address}, align 64")
            for kind, address in self._places(fold, point, columns, part)
        )

    def _put(
        self, fold: Fold, point: Point, columns: Span, state: Sequence[str], part: bool = False
    ) -> None:
        places = self._places(fold, point, columns, part)
        for (kind, address), name in zip(places, state, strict=True):
            self.builder.line(f"store {kind} {name}, ptr {address}, align 64")
