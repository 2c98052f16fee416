"""Lowerings of array operations, read literally: views, scatters, placements against references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import evaluate
from graphc.ir.graph import OpDef, Operation
from graphc.ir.interpreter import run_operation
from graphc.ir.lowering import Index, Placement, Scatter, View
from tests.registry.samples import build, cases, naming, sampled

KINDS = (View, Scatter, Placement)
_COMBINE: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip


class Reader:
    """Positions of one operation, with its symbols at their hints."""

    def __init__(self, op: Operation, arrays: list[np.ndarray]) -> None:
        environment = op.graph.environment
        assert environment is not None
        self.hints, self.arrays = environment.hints, arrays

    def size(self, size: Any) -> int:
        return evaluate(size, self.hints)

    def position(self, index: Index, point: tuple[int, ...]) -> int:
        total = self.size(index.offset)
        total += sum(self.size(c) * point[axis] for axis, c in index.axes)
        for term in index.indirect:
            place = tuple(self.position(i, point) for i in term.position)
            row = int(self.arrays[term.operand][place])
            assert 0 <= row < self.size(term.bound)
            total += self.size(term.coefficient) * row
        return total

    def place(self, indices: tuple[Index, ...], point: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.position(i, point) for i in indices)


def by_view(op: Operation, lowering: View, arrays: list[np.ndarray], shape: Any) -> np.ndarray:
    reader, indices, regions = Reader(op, arrays), lowering.index(op), lowering.regions(op)
    assert len(indices) == arrays[0].ndim
    result = np.full(shape, lowering.fill(op), arrays[0].dtype)
    for point in np.ndindex(*shape):
        inside = all(
            reader.size(r.low) <= reader.position(r.index, point) < reader.size(r.high)
            for r in regions
        )
        if inside:
            place = reader.place(indices, point)
            assert all(0 <= p < n for p, n in zip(place, arrays[0].shape, strict=True)), place
            result[point] = arrays[0][place]
    return result


def by_scatter(
    op: Operation, lowering: Scatter, arrays: list[np.ndarray], shape: Any
) -> np.ndarray:
    reader, indices, updates = Reader(op, arrays), lowering.index(op), arrays[lowering.updates]
    base = lowering.base
    result = np.zeros(shape, updates.dtype) if base is None else arrays[base].copy()
    assert len(indices) == result.ndim
    for point in np.ndindex(*updates.shape):
        place = reader.place(indices, point)
        new = updates[point]
        if lowering.mode != "set":
            new = _COMBINE[lowering.mode](result[place], new)
        result[place] = new
    return result


def by_placement(op: Operation, lowering: Placement, arrays: list[np.ndarray]) -> np.ndarray:
    shapes = {i % len(arrays) for i in op.definition.shape_inputs}
    parts = [a for i, a in enumerate(arrays) if i not in shapes]
    return np.concatenate(parts, lowering.axis(op))


@pytest.mark.parametrize(
    "definition", [d for d in sampled() if isinstance(d.lowering, KINDS)], ids=lambda d: d.name
)
@pytest.mark.parametrize("shapes", ["static", "dims"])
def test_lowering_says_what_the_reference_does(definition: OpDef, shapes: Any) -> None:
    for case in cases(definition):
        if case.dtype is not None and case.dtype.name not in ("float32", "bool"):
            continue
        with naming(case):
            built = build(case, shapes)
            op = next(
                o for o in built.function().operations if o.type == definition.name and o.outputs
            )
            (expected,) = run_operation(built.op, built.arrays)
            match definition.lowering:
                case View() as lowering:
                    actual = by_view(op, lowering, built.arrays, expected.shape)
                case Scatter() as lowering:
                    actual = by_scatter(op, lowering, built.arrays, expected.shape)
                case Placement() as lowering:
                    actual = by_placement(op, lowering, built.arrays)
            np.testing.assert_array_equal(actual, expected)
