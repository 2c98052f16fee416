"""Matrix products take transposed operands as they are."""

from __future__ import annotations

from graphc.ir.graph import Graph, Tensor
from graphc.ir.passes.rewrites.language import (
    Example,
    Match,
    Replacement,
    Rewrite,
    op,
    variables,
)
from graphc.ir.passes.rewrites.movement import permutation

a, b, p = variables("a", "b", "p")


def _flip(flag: str, side: int) -> Replacement:
    """The product that reads `a` or `b` untransposed, with the flag turned over."""

    def build(match: Match) -> Tensor | None:
        rank = match["p"].type.dims[0]
        last_swapped = [*range(rank - 2), rank - 1, rank - 2]
        if permutation(match["p"]) != last_swapped:
            return None
        attrs = {**match.root.attrs, flag: not match.root.attrs[flag]}
        operands = list(match.root.inputs)
        operands[side] = match["ab"[side]]
        return match.graph.create(match.root.type, operands, attrs).outputs[0]

    return build


def _example(type: str, side: int) -> Example:
    """The product of a matrix and its transpose, which is the operand `side`."""

    def example(graph: Graph, x: Tensor) -> Tensor:
        operands = [x, x]
        operands[side] = graph.op("Transpose", x, graph.constant([1, 0]))
        return graph.create(type, operands).outputs[0]

    return example


TABLE = tuple(
    row
    for type, flags in {
        "MatMul": ("transpose_a", "transpose_b"),
        "BatchMatMul": ("adj_x", "adj_y"),
        "BatchMatMulV2": ("adj_x", "adj_y"),
    }.items()
    for row in (
        Rewrite(
            f"{type.lower()}-transposed-a",
            op(type, op("Transpose", a, p), b),
            _flip(flags[0], 0),
            example=_example(type, 0),
        ),
        Rewrite(
            f"{type.lower()}-transposed-b",
            op(type, a, op("Transpose", b, p)),
            _flip(flags[1], 1),
            example=_example(type, 1),
        ),
    )
)
