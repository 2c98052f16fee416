"""Epilogues: what a contraction does with its sums, for a rectangle of them that lies in scratch.

It is a function of its own, called for some rows of a panel at a time, so that its body is written
once (and once more for the last lanes), however many paths lead to it.
"""

from __future__ import annotations

from graphc.codegen.cpu.body import BodyEmitter, Lanes, Point, Value, entry_lines
from graphc.codegen.cpu.integers import Integers
from graphc.codegen.cpu.problem import Problem
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, ModuleText
from graphc.codegen.cpu.tiles import Tile

LANES = 16


def width_of(tile: Tile) -> int:
    """Lanes of the epilogue's vectors: a power of two up to 16 that divides a panel's columns."""
    return min(tile.columns & -tile.columns, LANES)


def epilogue_function(
    module: ModuleText, problem: Problem, tile: Tile, features: Features, name: str
) -> str:
    """Define the epilogue of kernel function `name`; its name.

    The arguments are the frame and slots, the values of the batch axes, then `i64 %row, i64 %rows,
    i64 %column, i64 %columns` and the sums' address and stride of rows in bytes.
    """
    batch = [f"%batch{axis}" for axis in problem.batch_axes]
    bounds = ["%row", "%rows", "%column", "%columns"]
    pointers = ["%frame", "%slots"]
    arguments = [*pointers, *batch, *bounds, "%sums", "%sums_row"]
    builder = Builder(module, arguments)
    entry_lines(builder, problem.kernel)
    _Epilogue(builder, problem, tile, features).write()
    builder.line("ret void")
    kinds = ", ".join(f"{'ptr' if x in (*pointers, '%sums') else 'i64'} {x}" for x in arguments)
    own = f"@{name}.epilogue"
    return module.require(own, tile.define(f"void {own}({kinds})", builder.lines))


class _Epilogue:
    def __init__(self, b: Builder, problem: Problem, tile: Tile, features: Features) -> None:
        self.builder, self.integers = b, Integers(b)
        self.problem, self.tile = problem, tile
        self.body = BodyEmitter(problem.kernel, features, b)

    def write(self) -> None:
        """Whole vectors of columns, then the last lanes; inside, all rows."""
        b, i, lanes = self.builder, self.integers, width_of(self.tile)
        # Where a vector is the last one, and how many of its lanes are real, is the same in every
        # call if the number of columns is known and calls do not cut them.
        columns = None if self.problem.column_axis == 0 else self.problem.columns
        columns = columns if isinstance(columns, int) else None
        whole = i.round_down("%columns", lanes) if columns is None or columns >= lanes else "0"
        if whole != "0":
            with b.loop("lane", "0", whole, str(lanes)) as loop:
                self._rows(loop.index, None)
        if columns is None or columns % lanes:
            rest = i.sub("%columns", whole)
            with b.when("rest", i.compare("sgt", rest, "0")):
                self._rows(whole, rest if columns is None else columns % lanes)

    def _rows(self, lane: str, count: int | str | None) -> None:
        b, i, tile = self.builder, self.integers, self.tile
        size = i.mul(lane, str(tile.size))
        column = i.add("%column", lane)
        with b.loop("r", "0", "%rows", nonempty=True) as loop:
            place = i.address(i.address("%sums", i.mul(loop.index, "%sums_row")), size)
            self._vector(place, i.add("%row", loop.index), column, count)

    def _vector(self, place: str, row: str, column: str, count: int | str | None) -> None:
        tile, problem, lanes = self.tile, self.problem, width_of(self.tile)
        (stage,) = problem.kernel.stages
        acc = self.builder.here(
            "acc", f"load <{lanes} x {tile.element}>, ptr {place}, align {tile.size}"
        )
        value = Value(acc, tile.dtype, lanes)
        axes: dict[int, str | int] = {axis: f"%batch{axis}" for axis in problem.batch_axes}
        axes |= {problem.row_axis: row, problem.column_axis: column}
        point = Point(axes, Lanes(problem.column_axis, lanes, count))
        self.body.emit(stage, point, {x.number: value for x in stage.body if x.op == "acc"})
