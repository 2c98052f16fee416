"""Loop nests: the function of a kernel without a contraction.

Outer axes run from the outside in, then the stages one after the other. One axis is vectorised: a
main loop of whole vectors and a masked remainder. If that axis belongs to a stage (softmax), the
stage's reductions keep one accumulator per lane and join them at the end; if it is an outer axis
(a column sum), everything inside is computed for 16 neighbouring outer points at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from graphc.codegen.cpu.address import operand, size_name
from graphc.codegen.cpu.body import BodyEmitter, entry_lines
from graphc.codegen.cpu.columns import Columns, carried, streams
from graphc.codegen.cpu.parts import MOST, Part, Span, vectors, whole
from graphc.codegen.cpu.points import Point, Value, active_mask, iota, splat, widen
from graphc.codegen.cpu.reduce import Fold, blocks
from graphc.codegen.cpu.schedule import pairs, plan
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, Carried, ModuleText, vector
from graphc.codegen.kernel import D, Kernel, Size, Stage
from graphc.ir.records import record

State = list[tuple[str, ...]]  # accumulators of each fold


def emit_loops(kernel: Kernel, features: Features, module: ModuleText, name: str) -> str:
    """The LLVM function `name` of a kernel made of stages."""
    builder = Builder(module, ("%frame", "%slots", "%begin", "%end"))
    entry_lines(builder, kernel)
    _Nest(kernel, features, builder).outer(0, Point({}))
    head = f"define void @{name}(ptr %frame, ptr %slots, i64 %begin, i64 %end)"
    body = "\n".join(builder.lines)
    return f"{head} {features.attributes} {{\nentry:\n{body}\n  ret void\n}}\n"


@record
class _Run:
    """A stage that is being written, with the values it may use."""

    stage: Stage
    folds: tuple[Fold, ...]
    vectorised: bool
    before: Mapping[int, Value]
    inside: dict[int, Value]

    @property
    def blocked(self) -> bool:
        return any(fold.blocked for fold in self.folds)

    def carried(self, state: State) -> list[Carried]:
        """What a loop carries whose accumulators come in as `state`."""
        return [
            (hint, kind, name)
            for fold, names in zip(self.folds, state, strict=True)
            for (hint, kind, _), name in zip(fold.start(), names, strict=False)
        ]

    def initial(self) -> State:
        return [tuple(init for _, _, init in fold.start()) for fold in self.folds]

    def fresh(self, state: State) -> State:
        """`state` with sums started anew."""
        return [
            (fold.start()[0][2],) if fold.blocked else names
            for fold, names in zip(self.folds, state, strict=True)
        ]

    def merged(self, before: State, after: State) -> State:
        """The accumulators after a block that was started with `fresh(before)`."""
        return [
            fold.merge(old, new) if fold.blocked else new
            for fold, old, new in zip(self.folds, before, after, strict=True)
        ]


class _Nest:
    """Writes one kernel's loops."""

    def __init__(self, kernel: Kernel, features: Features, builder: Builder) -> None:
        self.kernel = kernel
        self.features = features
        self.builder = builder
        self.body = BodyEmitter(kernel, features, builder)
        self.schedule = plan(kernel)
        self.width = self.schedule.width
        if pairs(kernel, self.schedule, features.masked(4)):
            self.width *= 2
            self.builder.compact = True
        self.dtypes = {i.number: i.dtype for stage in kernel.stages for i in stage.body}
        self.dtypes |= {r.number: r.dtype for stage in kernel.stages for r in stage.reduces}

    def _span(self, axis: int) -> Span:
        extent = self.kernel.axes[axis].extent
        return Span("0", size_name(extent), None if isinstance(extent, D) else extent)

    def outer(self, level: int, point: Point) -> None:
        """Loop over the outer axes from `level` inwards, then run the stages."""
        if level == self.kernel.outer:
            self._stages(point)
            return
        axis = self.schedule.order[level]
        span = self._span(axis) if axis else Span("%begin", "%end", None)
        hint = self.kernel.axes[axis].name
        if axis != self.schedule.outer:
            with whole(self.builder, axis, hint, span).open() as (index, _):
                self.outer(level + 1, replace(point, axes={**point.axes, axis: index}))
            return
        number = streams(self.kernel, self.schedule)
        if number is not None:
            self._columns(number, axis, point, span)
            return
        width = self.width
        widths: tuple[int, ...] = (4 * width, width) if self.schedule.wide else (width,)
        shared = self.schedule.wide or self.schedule.shares(self.kernel.stages)
        for part in vectors(self.builder, axis, hint, span, widths, shared):
            with part.open() as (index, _):
                lanes = part.lanes_at(index)
                self.outer(level + 1, Point({**point.axes, axis: index}, lanes))

    def _columns(self, number: int, axis: int, point: Point, span: Span) -> None:
        """A fold of many columns; other stages run for each vector of them."""
        stages = self.kernel.stages
        folds = self._folds(stages[number], self.width, False)
        rows = self._span(stages[number].axes[0])
        kept = carried(self.kernel, number)
        columns = Columns(
            self.body, folds, stages[number], rows, axis, point, stages[:number], kept
        )
        columns.write(span, lambda at, results: self._stages(at, number + 1, results))

    def _stages(
        self, point: Point, first: int = 0, known: Mapping[int, Value] | None = None
    ) -> None:
        """The stages from `first` on; `known` are the values of those before."""
        values: dict[int, Value] = dict(known or {})
        for number, stage in enumerate(self.kernel.stages[first:], first):
            vectorised = number in self.schedule.inner
            folds = self._folds(stage, self.width if vectorised else point.width, vectorised)
            run = _Run(stage, folds, vectorised, values, {})
            state = self._walk(run, 0, point, run.initial())
            if not stage.axes:
                values = {**values, **run.inside}
            results = {
                fold.reduce.number: fold.result(names, join=vectorised)
                for fold, names in zip(folds, state, strict=True)
            }
            values = {**values, **results}

    def _folds(self, stage: Stage, width: int | None, vectorised: bool) -> tuple[Fold, ...]:
        short = len(stage.axes) < 2 and all(
            _short(self.kernel.axes[axis].extent, self.width if vectorised else 1)
            for axis in stage.axes
        )
        extents = [self.kernel.axes[axis].extent for axis in stage.axes]
        known = [extent for extent in extents if not isinstance(extent, D)]
        few = len(known) == len(extents) and math.prod(known) < 2**31
        return tuple(
            Fold(
                reduce,
                self.dtypes[reduce.value],
                width,
                self.features,
                self.builder,
                not short and blocks(reduce.kind, self.dtypes[reduce.value]),
                "i32" if few else "i64",
            )
            for reduce in stage.reduces
        )

    def _walk(self, run: _Run, level: int, point: Point, state: State) -> State:
        """Loop over the stage's axes from `level` inwards; returns the accumulators."""
        if level == len(run.stage.axes):
            return self._point(run, point, state)
        axis = run.stage.axes[level]
        hint = self.kernel.axes[axis].name
        if not run.vectorised or axis != self.kernel.vector:
            part = whole(self.builder, axis, hint, self._span(axis))
            return self._loop(run, level, point, state, part)
        shared = self.schedule.shares((run.stage,))
        for part in vectors(self.builder, axis, hint, self._span(axis), (self.width,), shared):
            state = self._loop(run, level, point, state, part)
        return state

    def _loop(self, run: _Run, level: int, point: Point, state: State, part: Part) -> State:
        """One loop; float sums of a block of its iterations, or of what is inside it, are kept
        apart from the running sum.
        """
        innermost = level == len(run.stage.axes) - 1
        short = part.iterations is not None and part.iterations <= MOST
        if not run.blocked or (innermost and short):
            return self._iterations(run, level, point, state, part, apart=False)
        if not innermost:
            return self._iterations(run, level, point, state, part, apart=True)
        with part.blocks(run.carried(state)) as (block, loop):
            before = _grouped(loop.carried, state)
            after = self._iterations(run, level, point, run.fresh(before), block, apart=False)
            loop.next = _flat(run.merged(before, after))
        return _grouped(loop.results, state)

    def _iterations(
        self, run: _Run, level: int, point: Point, state: State, part: Part, apart: bool
    ) -> State:
        with part.open(run.carried(state)) as (index, loop):
            lanes = part.lanes_at(index) or point.lanes
            inner = Point({**point.axes, part.axis: index}, lanes)
            before = _grouped(loop.carried, state)
            after = self._walk(run, level + 1, inner, run.fresh(before) if apart else before)
            loop.next = _flat(run.merged(before, after) if apart else after)
        return _grouped(loop.results, state)

    def _point(self, run: _Run, point: Point, state: State) -> State:
        """The stage's body, stores and folds at one point."""
        values = self.body.emit(run.stage, point, run.before)
        run.inside.update(values)
        mask = active_mask(self.builder, point) if run.vectorised else None
        result = []
        for fold, old in zip(run.folds, state, strict=True):
            value = widen(self.builder, values[fold.reduce.value], fold.width)
            position = self._position(run.stage, point, fold) if fold.arg else ""
            result.append(fold.step(old, value, position, mask))
        return result

    def _position(self, stage: Stage, point: Point, fold: Fold) -> str:
        """The linear position over the stage's axes, row-major, in each lane."""
        addressing = self.body.sites.addressing
        scale: str | int = 1
        total: str | int = 0
        step: str | int = 0
        for axis in reversed(stage.axes):
            total = addressing.add(total, addressing.multiply(point.axes[axis], scale))
            if point.lanes is not None and axis == point.lanes.axis:
                step = scale
            scale = addressing.multiply(scale, operand(self.kernel.axes[axis].extent))
        name, width = str(total), fold.width
        if fold.place == "i32" and isinstance(total, str):
            name = self.builder.let("short", f"trunc i64 {total} to i32")
        start = splat(self.builder, name, fold.place, width)
        if step == 0 or width is None:
            return start
        kind = vector(fold.place, width)
        by = splat(self.builder, str(step), fold.place, width)
        apart = self.builder.let("apart", f"mul {kind} {iota(fold.place, width)}, {by}")
        return self.builder.let("at", f"add {kind} {start}, {apart}")


def _short(extent: Size, step: int) -> bool:
    """Whether a loop is known to have so few iterations that its sum needs no blocks."""
    return not isinstance(extent, D) and extent // step <= MOST


def _flat(state: State) -> tuple[str, ...]:
    return tuple(name for names in state for name in names)


def _grouped(names: tuple[str, ...], like: State) -> State:
    """A flat list of accumulators, per fold again."""
    rest = iter(names)
    return [tuple(next(rest) for _ in group) for group in like]
