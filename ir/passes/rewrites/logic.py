"""Logic and selection."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import Graph, Tensor
from graphc.ir.passes.rewrites.language import Example, Rewrite, op, variables

c, x, y = variables("c", "x", "y")


def _chosen(type: str, condition: bool) -> Example:
    """A selection by a constant condition."""

    def example(graph: Graph, x: Tensor) -> Tensor:
        chosen = graph.constant(np.full((2, 3), condition))
        result: Tensor = graph.op(type, chosen, x, graph.op("Neg", x))
        return result

    return example


def _same(type: str) -> Example:
    """A selection between a tensor and itself."""
    return lambda graph, x: graph.create(type, (graph.op("Greater", x, x), x, x)).outputs[0]


TABLE = (
    Rewrite("not-not", op("LogicalNot", op("LogicalNot", x)), x, example_dtype="bool"),
    Rewrite("and-true", op("LogicalAnd", x, True), x, example_dtype="bool"),
    Rewrite("or-false", op("LogicalOr", x, False), x, example_dtype="bool"),
    Rewrite("and-self", op("LogicalAnd", x, x), x, example_dtype="bool"),
    Rewrite("or-self", op("LogicalOr", x, x), x, example_dtype="bool"),
    *(
        row
        for type in ("Select", "SelectV2")
        for row in (
            Rewrite(f"{type.lower()}-true", op(type, True, x, y), x, example=_chosen(type, True)),
            Rewrite(
                f"{type.lower()}-false", op(type, False, x, y), y, example=_chosen(type, False)
            ),
            Rewrite(
                f"{type.lower()}-same",
                op(type, c, x, x),
                x,
                example=_same(type),
            ),
        )
    ),
)
