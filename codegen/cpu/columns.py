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
from graphc.codegen.cpu.text import Builder, element_type, vector
from graphc.codegen.kernel import Access, D, Instruction, Kernel, Stage
from graphc.ir.records import record

SCRATCH_BYTES = 24 << 10  # what is kept for each column may take of the first-level cache
RUN = 4  # rows that are read side by side: fewer loads and stores of what is folded so far
LONG = 12  # instructions of a body that is not written so often
FEW = 64  # as many columns fit in registers, if there is little to do


def streams(kernel: Kernel, schedule: Schedule) -> int | None:
    """The number of the stage that folds many columns, if a kernel is one such fold.

    What comes before it and after it is computed once for each column.
    """
    if schedule.outer is None or schedule.order[-1] != schedule.outer:
        return None
    looped = [number for number, stage in enumerate(kernel.stages) if stage.axes]
    if len(looped) != 1 or not _fits(kernel.stages[looped[0]], schedule.outer):
        return None
    extent = kernel.axes[schedule.outer].extent
    least = FEW if schedule.wide else schedule.width
    return looped[0] if isinstance(extent, D) or extent > least else None


def _fits(stage: Stage, axis: int) -> bool:
    """Whether a stage folds along one axis, and what it reads and writes lies side by side."""
    loads = [i.data for i in stage.body if isinstance(i.data, Access)]
    stores = [store.access for store in stage.stores]
    return (
        len(stage.axes) == 1
        and bool(stage.reduces)
        and not stage.ordered
        and not any(reduce.kind.startswith("arg") for reduce in stage.reduces)
        and not any(i.fallible for i in stage.body)
        and all(store.mode == "set" for store in stage.stores)
        and all(
            access.index.coefficient(axis) in (0, 1)
            and not access.where
            and not access.index.values
            for access in (*loads, *stores)
        )
    )


def carried(kernel: Kernel, number: int) -> tuple[Instruction, ...]:
    """What is computed before stage `number` and used in it or later."""
    later = {a for stage in kernel.stages[number:] for i in stage.body for a in i.args}
    later |= {store.value for stage in kernel.stages[number:] for store in stage.stores}
    later |= {reduce.value for reduce in kernel.stages[number].reduces}
    return tuple(i for stage in kernel.stages[:number] for i in stage.body if i.number in later)


@record
class Columns:
    """Writes the fold of the columns along `axis` in `span`, at a point of the other outer axes.

    `before` are the stages before that of the fold, `kept` the instructions in them whose values
    are wanted later: these lie on the stack beside what is folded.
    """

    body: BodyEmitter
    folds: tuple[Fold, ...]
    stage: Stage
    rows: Span
    axis: int
    point: Point
    before: tuple[Stage, ...] = ()
    kept: tuple[Instruction, ...] = ()

    @property
    def builder(self) -> Builder:
        return self.body.builder

    @property
    def chunk(self) -> int:
        """How many columns are folded at once: a power of two."""
        column = sum(
            (len(fold.start()) + fold.compensated) * fold.source.size for fold in self.folds
        )
        column += sum(max(i.dtype.size, 1) for i in self.kept)
        return 1 << (SCRATCH_BYTES // column).bit_length() - 1

    @property
    def run(self) -> int:
        """How many rows are read side by side."""
        return RUN if len(self.stage.body) <= LONG else 1

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
                self._begin(point, columns)
            self._rows(columns)
            for point in self._vectors(columns):
                values = {
                    fold.reduce.number: fold.result(self._get(fold, point, columns), join=False)
                    for fold in self.folds
                }
                finish(point, {**self._known(point, columns), **values})

    def _begin(self, point: Point, columns: Span) -> None:
        """The stages before the fold, whose values are kept."""
        values: dict[int, Value] = {}
        for stage in self.before:
            values = self.body.emit(stage, point, values)
        for i in self.kept:
            width = self.folds[0].width
            kind, address = self._place_of(i, point, columns)
            name = widen(self.builder, values[i.number], width)
            self.builder.line(f"store {kind} {name}, ptr {address}, align 64")

    def _known(self, point: Point, columns: Span) -> dict[int, Value]:
        """The values that were kept, at a vector of columns."""
        found = {}
        for i in self.kept:
            kind, address = self._place_of(i, point, columns)
            name = self.builder.here("kept", f"load {kind}, ptr {address}, align 64")
            found[i.number] = Value(name, i.dtype, self.folds[0].width)
        return found

    def _place_of(self, i: Instruction, point: Point, columns: Span) -> tuple[str, str]:
        """(type, address) of a value that is kept, of a vector of columns."""
        b, element = self.builder, element_type(i.dtype)
        offset = b.let("offset", f"sub i64 {point.axes[self.axis]}, {columns.start}")
        memory = b.entry(f"kept.{i.number}", f"alloca [{self.chunk} x {element}], align 64")
        address = b.let("p", f"getelementptr {element}, ptr {memory}, i64 {offset}")
        return vector(element, self.folds[0].width), address

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
        """Some rows from the first to the last, `run` of them for each look at what is folded."""
        b = self.builder
        count = b.let("rows", f"sub i64 {rows.stop}, {rows.start}")
        whole = b.let("whole", f"and i64 {count}, -{self.run}")
        middle = b.let("middle", f"add i64 {rows.start}, {whole}")
        with b.loop("run", rows.start, middle, str(self.run)) as first:
            following = [b.let("row", f"add i64 {first.index}, {n}") for n in range(1, self.run)]
            self._add(columns, [first.index, *following])
        with b.loop("row", middle, rows.stop) as row:
            self._add(columns, [row.index])

    def _add(self, columns: Span, rows: Sequence[str]) -> None:
        """Take some rows into what is folded, in order."""
        (row_axis,) = self.stage.axes
        for point in self._vectors(columns):
            states = [self._get(fold, point, columns, fold.compensated) for fold in self.folds]
            known = self._known(point, columns)
            for row in rows:
                place = replace(point, axes={**point.axes, row_axis: row})
                values = self.body.emit(self.stage, place, known)
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
