"""Sampling along an axis: where each position of a resized axis reads, and with which weights.

A method reads one, two or four *taps* per output position: (index, weight) vectors over the output.
They are worked out in float32 like TensorFlow's, once as operations and once in NumPy, by the same
functions over a small set of `Arithmetic`. The adjoint is a gather too: the outputs that read input
i are among a few neighbours of where i lands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import floordiv, minimum
from graphc.ir.graph import Graph, Tensor
from graphc.ir.ops.adjoint import axes_constant, reshape
from graphc.ir.ops.pointwise import select
from graphc.ir.ops.positions import dim_values
from graphc.ir.records import record

Method = Literal["nearest", "bilinear", "bicubic"]
REACH = {"nearest": 1, "bilinear": 1, "bicubic": 2}  # how far from a source position taps lie


@record
class Axis:
    """One axis that is resized: how many positions are read (`size`) and made (`output`).

    `aligned`: the centres of the corners stay where they are; `half`: pixels are areas, whose
    centres are at 0.5; else pixels are at whole positions and the last ones are stretched.
    """

    size: Any
    output: Any
    aligned: bool
    half: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Float32 and int32 vectors as operations of a graph; `None` for NumPy arrays."""

    graph: Graph | None

    def of(self, type: str, *operands: Any) -> Any:
        """The result of an elementwise operation type; Python numbers are float32."""
        if self.graph is None:
            return np.asarray(_NUMPY[type](*operands), np.float32)
        return self.graph.op(type, *[self.number(x) for x in operands])

    def number(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value
        assert self.graph is not None
        return self.graph.constant(np.float32(value))

    def size(self, value: Any) -> Any:
        """A size as float32."""
        if self.graph is None or isinstance(value, int):
            return np.float32(value)
        count = dim_values(self.graph, (value,), ())
        return self.graph.op("Cast", count, DstT=dtypes.float32)

    def counting(self, count: Any) -> Any:
        """0, 1, … count - 1 as float32."""
        if self.graph is None:
            return np.arange(count, dtype=np.float32)
        return self.graph.op("Sequence", start=0.0, delta=1.0, size=count, dtype=dtypes.float32)

    def integers(self, x: Any) -> Any:
        if self.graph is None:
            return x.astype(np.int32)
        return self.graph.op("Cast", x, DstT=dtypes.int32)

    def chosen(self, condition: Any, x: Any, y: Any) -> Any:
        if self.graph is None:
            return np.where(condition, np.float32(x), np.float32(y))
        return select(condition, self.number(x), self.number(y))

    def same(self, x: Any, y: Any) -> Any:
        return x == y if self.graph is None else self.graph.op("Equal", x, y)


_NUMPY: dict[str, Any] = {
    "Add": lambda x, y: np.float32(x) + np.float32(y),
    "Sub": lambda x, y: np.float32(x) - np.float32(y),
    "Mul": lambda x, y: np.float32(x) * np.float32(y),
    "RealDiv": lambda x, y: np.float32(x) / np.float32(y),
    "Minimum": np.minimum,
    "Maximum": np.maximum,
    "Floor": np.floor,
    "Rint": np.rint,
}


def _scale(axis: Axis, a: Arithmetic, is_aligned: bool) -> Any:
    """How far apart in the input neighbouring outputs lie."""
    if is_aligned:
        return a.of("RealDiv", a.size(axis.size - 1), a.size(axis.output - 1))
    return a.of("RealDiv", a.size(axis.size), a.size(axis.output))


def _is_aligned(axis: Axis, a: Arithmetic) -> bool:
    """Whether corners are kept: one output alone has no corners."""
    if not axis.aligned:
        return False
    if a.graph is None:
        return bool(axis.output > 1)
    assert a.graph.environment is not None
    return a.graph.environment.less(1, axis.output)


def taps(method: Method, axis: Axis, a: Arithmetic) -> list[tuple[Any, Any]]:
    """(index, weight) of each tap: int32 and float32 [output]; the weight None stands for 1."""
    aligned = _is_aligned(axis, a)
    scale, outputs = _scale(axis, a, aligned), a.counting(axis.output)
    last = a.size(axis.size - 1)
    if method == "nearest":
        if axis.half:
            outputs = a.of("Add", outputs, 0.5)
        source = a.of("Mul", outputs, scale)
        source = a.of("Floor", a.of("Add", source, 0.5) if aligned else source)
        return [(a.integers(a.of("Minimum", source, last)), None)]
    if axis.half:
        source = a.of("Sub", a.of("Mul", a.of("Add", outputs, 0.5), scale), 0.5)
    else:
        source = a.of("Mul", outputs, scale)
    below = a.of("Floor", source)
    apart = a.of("Sub", source, below)
    if method == "bilinear":
        lower = a.of("Maximum", below, 0.0)
        above = a.of("Minimum", _ceiling(a, source), last)
        return [
            (a.integers(lower), a.of("Sub", 1.0, apart)),
            (a.integers(above), apart),
        ]
    return _cubic(axis, a, below, apart, last)


def _ceiling(a: Arithmetic, x: Any) -> Any:
    return a.of("Sub", 0.0, a.of("Floor", a.of("Sub", 0.0, x)))


def _cubic(axis: Axis, a: Arithmetic, below: Any, apart: Any, last: Any) -> list[tuple[Any, Any]]:
    """Keys' cubic convolution with A = -0.75, distances rounded to 1/1024; with half-pixel centres
    A = -0.5, and taps outside count nothing.
    """
    sharpness = -0.5 if axis.half else -0.75
    near = a.of("RealDiv", a.of("Rint", a.of("Mul", apart, 1024.0)), 1024.0)
    far = a.of("Sub", 1.0, near)
    weights = [
        _outer(a, near, sharpness), _inner(a, near, sharpness),
        _inner(a, far, sharpness), _outer(a, far, sharpness),
    ]  # fmt: skip
    indices = []
    for number, offset in enumerate((-1.0, 0.0, 1.0, 2.0)):
        place = a.of("Add", below, offset)
        inside = a.of("Minimum", a.of("Maximum", place, 0.0), last)
        if axis.half:
            weights[number] = a.chosen(a.same(place, inside), weights[number], 0.0)
        indices.append(a.integers(inside))
    if axis.half:
        total = weights[0]
        for weight in weights[1:]:
            total = a.of("Add", total, weight)
        weights = [a.of("RealDiv", weight, total) for weight in weights]
    return list(zip(indices, weights, strict=True))


def _inner(a: Arithmetic, x: Any, sharpness: float) -> Any:
    """((A + 2) x - (A + 3)) x^2 + 1: the weight at distance x < 1."""
    slope = a.of("Sub", a.of("Mul", sharpness + 2, x), sharpness + 3)
    return a.of("Add", a.of("Mul", a.of("Mul", slope, x), x), 1.0)


def _outer(a: Arithmetic, x: Any, sharpness: float) -> Any:
    """((A y - 5 A) y + 8 A) y - 4 A with y = x + 1: the weight at distance 1 + x."""
    y = a.of("Add", x, 1.0)
    total = a.of("Sub", a.of("Mul", sharpness, y), 5 * sharpness)
    total = a.of("Add", a.of("Mul", total, y), 8 * sharpness)
    return a.of("Sub", a.of("Mul", total, y), 4 * sharpness)


# ---------------------------------------------------------------------------------- as operations


def _along(x: Tensor, axis: int, rank: int) -> Tensor:
    """A vector or matrix so that its first dimension broadcasts along an axis of `rank`."""
    return reshape(x, (*x.type.dims, *(1,) * (rank - axis - 1)))


def sampled(x: Tensor, place: int, axis: Axis, method: Method, dtype: Any) -> Tensor:
    """`x` resized along dimension `place`, in `dtype`."""
    graph, rank = x.graph, len(x.type.dims)
    total: Any = None
    for index, weight in taps(method, axis, Arithmetic(graph)):
        found = graph.op("GatherV2", x, index, graph.constant(place))
        if found.dtype is not dtype:
            found = graph.op("Cast", found, DstT=dtype)
        if weight is not None:
            found = graph.op("Mul", found, _along(_cast(weight, dtype), place, rank))
        total = found if total is None else graph.op("Add", total, found)
    result: Tensor = total
    return result


def _cast(x: Tensor, dtype: Any) -> Tensor:
    if x.dtype is dtype:
        return x
    result: Tensor = x.graph.op("Cast", x, DstT=dtype)
    return result


def unsampled(dy: Tensor, place: int, axis: Axis, method: Method) -> Tensor:
    """The adjoint of `sampled`: for every input position the sum over the outputs that read it."""
    graph, rank, a = dy.graph, len(dy.type.dims), Arithmetic(dy.graph)
    neighbours = _neighbours(axis, a, REACH[method])
    clipped, is_output = _clipped(a, neighbours, axis)
    inputs = reshape(a.integers(a.counting(axis.size)), (axis.size, 1))
    first = graph.constant(0)
    weight: Any = None
    for index, share in taps(method, axis, a):
        reads = graph.op("Equal", graph.op("GatherV2", index, clipped, first), inputs)
        reads = graph.op("LogicalAnd", reads, is_output)
        value = 1.0 if share is None else graph.op("GatherV2", share, clipped, first)
        part = a.chosen(reads, value, 0.0)
        weight = part if weight is None else graph.op("Add", weight, part)
    found = graph.op("GatherV2", dy, clipped, graph.constant(place))
    shares = graph.op("Mul", found, _along(_cast(weight, dy.dtype), place, rank))
    total: Tensor = graph.op("Sum", shares, axes_constant(graph, (place + 1,)))
    return total


def _clipped(a: Arithmetic, neighbours: Tensor, axis: Axis) -> tuple[Tensor, Tensor]:
    """Output positions within their range, and whether they were."""
    last = a.size(axis.output - 1)
    inside = a.of("Minimum", a.of("Maximum", neighbours, 0.0), last)
    return a.integers(inside), a.same(inside, neighbours)


def _neighbours(axis: Axis, a: Arithmetic, reach: int) -> Tensor:
    """[size, j]: output positions among which are all that read each input position.

    Source positions within `reach` of i: from (i - reach) / scale on, 2 * reach / scale of them;
    one more on either side makes up for rounding.
    """
    graph = a.graph
    assert graph is not None and graph.environment is not None
    aligned = _is_aligned(axis, a)
    if aligned and graph.environment.equal(axis.size, 1):
        return reshape(a.counting(axis.output), (1, axis.output))
    size, output = (axis.size - 1, axis.output - 1) if aligned else (axis.size, axis.output)
    count = minimum(floordiv(2 * reach * output + size - 1, size) + 3, axis.output)
    begin = a.of("Sub", a.counting(axis.size), float(reach))
    if axis.half:
        begin = a.of("Add", begin, 0.5)
    begin = a.of("RealDiv", begin, _scale(axis, a, aligned))
    begin = a.of("Maximum", a.of("Sub", a.of("Floor", begin), 1.0), 0.0)
    steps: Tensor = a.of("Add", reshape(begin, (axis.size, 1)), a.counting(count))
    return steps


# --------------------------------------------------------------------------------------- in NumPy


def matrix(axis: Axis, method: Method) -> np.ndarray:
    """[output, size]: what resizing multiplies an axis by, in double precision."""
    found = np.zeros((axis.output, axis.size))
    rows = np.arange(axis.output)
    for index, weight in taps(method, axis, Arithmetic(None)):
        np.add.at(found, (rows, index), 1.0 if weight is None else weight)
    return found


def resized(x: np.ndarray, axes: Sequence[Axis], method: Method) -> np.ndarray:
    """Images [n, h, w, c] resized, in double precision."""
    rows, columns = (matrix(axis, method) for axis in axes)
    found = np.einsum("ah,nhwc,bw->nabc", rows, x.astype(np.float64), columns, optimize=True)
    return np.asarray(found)


def unresized(dy: np.ndarray, axes: Sequence[Axis], method: Method) -> np.ndarray:
    """The adjoint of `resized`."""
    rows, columns = (matrix(axis, method) for axis in axes)
    found = np.einsum("ah,nabc,bw->nhwc", rows, dy.astype(np.float64), columns, optimize=True)
    return np.asarray(found)
