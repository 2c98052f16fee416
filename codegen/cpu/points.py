"""Where a body runs and what it computes with: lanes, points, register values."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.cpu.text import Builder, element_type, vector
from graphc.ir.dtypes import DType
from graphc.ir.records import record

VL = 16


@record
class Lanes:
    """Which kernel axis the lanes of a vector run along: lane l is at axis value + l.

    `count` is how many lanes, from the first, are real: None for all of them, an int if known when
    compiling, or the name of an i64 value. It is at least 1. Nothing is read, written or recorded
    for the other lanes. `full` may name an i1 that is true where all lanes are real after all: then
    loads and stores branch on it, and one body serves whole vectors and remainders.
    """

    axis: int
    width: int = VL
    count: int | str | None = None
    full: str | None = None


@record
class Point:
    """Where a body runs: the value of each axis (an i64 name like "%row", or an int), and the
    lanes.

    For the lanes' axis the value is that of lane 0. Without lanes the body is scalar code. Axes may
    be missing if the stage does not use them.
    """

    axes: Mapping[int, str | int]
    lanes: Lanes | None = None

    @property
    def width(self) -> int | None:
        return None if self.lanes is None else self.lanes.width

    @property
    def whole(self) -> bool:
        """Whether every lane is real."""
        lanes = self.lanes
        return lanes is None or lanes.count is None or lanes.count == lanes.width


@record
class Value:
    """A value in registers: LLVM name or constant, element type, and lanes (None: a scalar, which
    in vector code is one value for all lanes)."""

    name: str
    dtype: DType
    width: int | None = None

    @property
    def type(self) -> str:
        return vector(element_type(self.dtype), self.width)


def splat(builder: Builder, name: str, element: str, width: int | None) -> str:
    """The scalar `name` (register or constant) in every lane."""
    if width is None:
        return name
    if not name.startswith("%"):
        return f"splat ({element} {name})"
    kind = vector(element, width)
    one = builder.let(f"{name[1:]}.0", f"insertelement {kind} poison, {element} {name}, i64 0")
    zeros = f"<{width} x i32> zeroinitializer"
    return builder.let(f"{name[1:]}.v", f"shufflevector {kind} {one}, {kind} poison, {zeros}")


def widen(builder: Builder, value: Value, width: int | None) -> str:
    """The name of `value` in `width` lanes."""
    if value.width == width:
        return value.name
    assert value.width is None, (value, width)
    return splat(builder, value.name, element_type(value.dtype), width)


def iota(element: str, width: int) -> str:
    """The vector constant 0, 1, 2, ..."""
    return "<" + ", ".join(f"{element} {lane}" for lane in range(width)) + ">"


def prefix_mask(builder: Builder, count: int | str, width: int) -> str:
    """The i1 vector whose first `count` (0 <= count) lanes are true."""
    if isinstance(count, int):
        return (
            "<"
            + ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(width))
            + ">"
        )
    short = builder.let("count", f"trunc i64 {count} to i32")
    limit = splat(builder, short, "i32", width)
    return builder.let("active", f"icmp ult <{width} x i32> {iota('i32', width)}, {limit}")


def both(builder: Builder, x: str | None, y: str | None, width: int | None) -> str | None:
    """The conjunction of two masks of which either may be None (true everywhere)."""
    if x is None or y is None:
        return y if x is None else x
    return builder.let("mask", f"and {vector('i1', width)} {x}, {y}")


def active_mask(builder: Builder, point: Point) -> str | None:
    """The mask of real lanes at `point`; None if all are."""
    if point.whole:
        return None
    assert point.lanes is not None and point.lanes.count is not None
    return prefix_mask(builder, point.lanes.count, point.lanes.width)


def any_lane(builder: Builder, mask: str, width: int | None) -> str:
    """An i1: whether any lane of `mask` is true."""
    if width is None:
        return mask
    bits = builder.let("bits", f"bitcast <{width} x i1> {mask} to i{width}")
    return builder.let("any", f"icmp ne i{width} {bits}, 0")
