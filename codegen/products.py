"""Products: the contraction of a draft, from an operation that is a matrix product or has windows.

Both operands are read through the views behind them, as long as these only stride over memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.codegen.fusion import dims
from graphc.codegen.kernel import Access, Affine, Contraction
from graphc.codegen.scalar import Code, Point, canonical_of, is_one
from graphc.ir import lowering as low
from graphc.ir.graph import Operation, Tensor

# Axes from the output's rank on stand for the summed ones.


def contraction(code: Code, op: Operation) -> Contraction:
    """The contraction of an operation over all axes of its output; the code is empty again."""
    rank = len(dims(op.outputs[0]))
    assert rank >= 2, op
    lowering = op.definition.lowering
    if isinstance(lowering, low.Contraction):
        k, indices = _matrices(op, lowering)
    else:
        assert isinstance(lowering, low.Product)
        k, indices = _windows(code, op, lowering)
    (a, a_k), (b, b_k) = (
        _operand(code, op, tensor, index, len(k))
        for tensor, index in zip(op.inputs, indices, strict=True)
    )
    code.body.clear()
    code.memo.clear()
    rows: tuple[tuple[Any, Any], ...] = ()
    if isinstance(lowering, low.Product):
        rows = ((dims(op.outputs[0])[rank - 2], a.index.coefficient(rank - 2)),)
        a = Access(
            a.buffer, Affine(tuple(t for t in a.index.axes if t[0] != rank - 2), a.index.offset)
        )
    return Contraction(a, a_k, b, b_k, k, op.outputs[0].dtype, rows)


def _matrices(
    op: Operation, lowering: low.Contraction
) -> tuple[tuple[Any, ...], list[list[Point]]]:
    """The extent of k, and where both matrices are read."""
    first, second = lowering.transposes(op)
    rank = len(dims(op.outputs[0]))
    row, column, fold = rank - 2, rank - 1, rank
    inner = dims(op.inputs[0])[-2 if first else -1]
    last = [fold, row] if first else [row, fold], [column, fold] if second else [fold, column]
    indices = []
    for tensor, axes in zip(op.inputs, last, strict=True):
        shape = dims(tensor)
        batch = len(shape) - 2
        index = [
            Point() if is_one(shape[d]) else Point({rank - 2 - batch + d: 1}) for d in range(batch)
        ]
        indices.append(index + [Point({axis: 1}) for axis in axes])
    return (inner,), indices


def _windows(
    code: Code, op: Operation, lowering: low.Product
) -> tuple[tuple[Any, ...], list[list[Point]]]:
    """The extents of the summed axes, and where both operands are read."""
    canonical = canonical_of(op)
    k = tuple(canonical(size) for size in lowering.k(op))
    points = [Point({axis: 1}) for axis in range(len(dims(op.outputs[0])) + len(k))]
    indices = [
        [code.compose(index, points, op) for index in operand]
        for operand in (lowering.a(op), lowering.b(op))
    ]
    return k, indices


def _operand(
    code: Code, op: Operation, tensor: Tensor, index: Sequence[Point], sums: int
) -> tuple[Access, tuple[Any, ...]]:
    """The access to an operand along the output's axes, and its steps along the summed ones."""
    number = code.load(tensor, index, op, immediate=False)
    access = next(i.data for i in code.body if i.number == number)
    assert not access.where and not access.index.values, op
    rank = len(dims(op.outputs[0]))
    steps = tuple(access.index.coefficient(rank + axis) for axis in range(sums))
    axes = tuple((n, c) for n, c in access.index.axes if n < rank)
    return Access(access.buffer, Affine(axes, access.index.offset)), steps
