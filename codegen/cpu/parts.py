"""Cutting an axis into loops: whole vectors, a remainder, blocks of iterations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from graphc.codegen.cpu.points import Lanes
from graphc.codegen.cpu.text import Builder, Carried, Loop
from graphc.ir.records import record

BLOCK = 64  # iterations whose float sum is kept apart (1024 elements in 16 lanes)
MOST = 128  # iterations that are not worth cutting into blocks


@record
class Span:
    """start <= axis < stop, i64 operands; `extent` if it is known when compiling."""

    start: str
    stop: str
    extent: int | None


@record
class Part:
    """A piece of an axis: `for (i = start; i < stop; i += step)`, or one pass at `start` (a
    remainder, `stop` is None). `lanes` if it is vectorised. `known`: its bounds are constants and
    it is not empty; `nonempty`: the latter alone. `limit`: the end of the axis where the last
    vector may reach beyond it, so that the loop does whole vectors and the remainder alike.
    """

    builder: Builder
    axis: int
    hint: str
    start: str
    stop: str | None
    lanes: Lanes | None
    known: bool
    nonempty: bool = False
    limit: str | None = None

    def lanes_at(self, index: str | int) -> Lanes | None:
        """The lanes of the vector at `index`, inside the loop."""
        if self.limit is None or self.lanes is None:
            return self.lanes
        width = self.lanes.width
        left = self.builder.let("left", f"sub i64 {self.limit}, {index}")
        count = self.builder.let("count", f"call i64 @llvm.smin.i64(i64 {left}, i64 {width})")
        full = self.builder.let("full", f"icmp sge i64 {left}, {width}")
        return replace(self.lanes, count=count, full=full)

    @property
    def step(self) -> int:
        return 1 if self.lanes is None else self.lanes.width

    @property
    def iterations(self) -> int | None:
        """How often it runs, if known."""
        if self.stop is None:
            return 1
        if not self.known:
            return None
        return -((int(self.start) - int(self.stop)) // self.step)

    @contextmanager
    def open(self, carried: Sequence[Carried] = ()) -> Iterator[tuple[str | int, Loop]]:
        """Write the loop around what follows; gives the axis's value and the loop."""
        if self.known and self.iterations == 1:
            straight = Loop("", tuple(init for _, _, init in carried))
            yield int(self.start), straight
            straight.results = straight.next
        elif self.stop is None:
            assert self.lanes is not None
            some = self.builder.let(f"{self.hint}.some", f"icmp ne i64 {self.lanes.count}, 0")
            with self.builder.when(f"{self.hint}.rest", some, carried) as region:
                yield self.start, region
        else:
            with self.builder.loop(
                self.hint,
                self.start,
                self.stop,
                str(self.step),
                carried,
                self.known or self.nonempty,
            ) as loop:
                yield loop.index, loop

    @contextmanager
    def blocks(self, carried: Sequence[Carried]) -> Iterator[tuple[Part, Loop]]:
        """Write a loop over blocks of the iterations; gives the part that is one block."""
        assert self.stop is not None
        size = str(BLOCK * self.step)
        with self.builder.loop(
            f"{self.hint}.block", self.start, self.stop, size, carried, self.known
        ) as loop:
            far = self.builder.let("far", f"add i64 {loop.index}, {size}")
            stop = self.builder.let("near", f"call i64 @llvm.smin.i64(i64 {far}, i64 {self.stop})")
            yield replace(self, start=loop.index, stop=stop, known=False, nonempty=True), loop


def whole(builder: Builder, axis: int, hint: str, span: Span) -> Part:
    """The scalar loop over all of a span."""
    known = span.extent is not None and span.extent > 0
    return Part(builder, axis, hint, span.start, span.stop, None, known)


def vectors(
    builder: Builder, axis: int, hint: str, span: Span, widths: tuple[int, ...], shared: bool
) -> Iterator[Part]:
    """Loops over whole vectors, of each width in turn, and a remainder of the last width.

    `shared`: one loop does the last width's whole vectors and the remainder. Parts come as a
    generator because each may write instructions where the last one ended.
    """
    if span.extent is not None:
        yield from _known_vectors(builder, axis, hint, span.extent, widths, shared)
        return
    length, start, last = span.stop, span.start, widths[-1]
    if start != "0":
        length = builder.let("length", f"sub i64 {span.stop}, {start}")
    for width in widths:
        if shared and width == last:
            lanes = Lanes(axis, width)
            yield Part(builder, axis, hint, start, span.stop, lanes, False, limit=span.stop)
            return
        stop = builder.let("whole", f"and i64 {length}, {-width}")
        if span.start != "0":
            stop = builder.let("whole", f"add i64 {span.start}, {stop}")
        yield Part(builder, axis, hint, start, stop, Lanes(axis, width), False)
        start = stop
    rest = builder.let("rest", f"and i64 {length}, {last - 1}")
    yield Part(builder, axis, hint, start, None, Lanes(axis, last, rest), False)


def _known_vectors(
    builder: Builder, axis: int, hint: str, extent: int, widths: tuple[int, ...], shared: bool
) -> Iterator[Part]:
    """`vectors` of an axis from 0 to an extent that is known when compiling."""
    at, last, end = 0, widths[-1], str(extent)
    for width in widths:
        lanes = Lanes(axis, width)
        stop = extent - extent % width
        if shared and width == last and stop - at >= width and stop < extent:
            yield Part(builder, axis, hint, str(at), end, lanes, True, limit=end)
            return
        if stop > at:
            yield Part(builder, axis, hint, str(at), str(stop), lanes, True)
            at = stop
    if at < extent:
        yield Part(builder, axis, hint, str(at), None, Lanes(axis, last, extent - at), True)
