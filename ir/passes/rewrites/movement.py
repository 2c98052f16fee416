"""Views, reshapes, broadcasts and reductions that leave things as they are, or undo one another."""

from __future__ import annotations

import numpy as np

from graphc.ir.dtypes import int32
from graphc.ir.graph import Tensor
from graphc.ir.passes.rewrites.language import (
    Example,
    Match,
    Node,
    Rewrite,
    Term,
    op,
    same_type,
    variables,
)

x, p, q, axes = variables("x", "p", "q", "axes")


def permutation(tensor: Tensor) -> list[int] | None:
    """The numbers an integer tensor is known to hold."""
    value = tensor.graph.value_of(tensor)
    if value is None:
        return None
    numbers = np.ravel(value).tolist()
    return [int(n) for n in numbers] if all(isinstance(n, int) for n in numbers) else None


def _keeps_order(match: Match) -> bool:
    perm = permutation(match.root.inputs[1])
    return perm is not None and perm == list(range(len(perm)))


def _joined_transpose(match: Match) -> Tensor | None:
    """Transpose(Transpose(x, p), q): dimension i is dimension p[q[i]] of x."""
    inner, outer = permutation(match["p"]), permutation(match["q"])
    if inner is None or outer is None:
        return None
    joined = match.graph.constant(np.array([inner[i] for i in outer], int32.numpy))
    return match.graph.create("Transpose", (match["x"], joined)).outputs[0]


def _joined_reshape(match: Match) -> Tensor | None:
    """Reshape of a reshape: one Reshape to the final sizes, where they are known before the run."""
    result = match.root.outputs[0]
    sizes, graph = result.type.dims, match.graph
    assert graph.environment is not None, graph
    if any(map(graph.environment.is_dynamic, sizes)):
        return None
    attrs = {"dims": sizes, "dtype": int32, "shape": (len(sizes),)}
    shape = graph.create("DimValues", (), attrs).outputs[0]
    return graph.create("Reshape", (match["x"], shape)).outputs[0]


def _no_axes(type: str) -> Example:
    return lambda graph, x: graph.create(type, (x, graph.constant(np.zeros(0, np.int32)))).outputs[
        0
    ]


_RESHAPES = ("Reshape", "ExpandDims", "Squeeze", "ReshapeToShapeOf")


def _reshape_pattern(type: str, operand: Term, other: Term) -> Node:
    return op(type, operand) if type == "Squeeze" else op(type, operand, other)


def _reshape_example(outer: str, inner: str) -> Example:
    """A matrix [2, 3] through two reshapes."""

    def one(type: str, x: Tensor, rows: int) -> Tensor:
        graph = x.graph
        other = {
            "Reshape": (np.array([rows, 1, 6 // rows], np.int32),),
            "ExpandDims": (np.array(0, np.int32),),
            "Squeeze": (),
            "ReshapeToShapeOf": (np.zeros((6 // rows, rows, 1), np.float32),),
        }[type]
        result: Tensor = graph.op(type, x, *map(graph.constant, other))
        return result

    return lambda graph, x: one(outer, one(inner, x, 3), 6)


TABLE = (
    Rewrite(
        "transpose-identity",
        op("Transpose", x, p),
        x,
        _keeps_order,
        example=lambda g, x: g.op("Transpose", x, g.constant([0, 1])),
    ),
    Rewrite(
        "transpose-transpose",
        op("Transpose", op("Transpose", x, p), q),
        _joined_transpose,
        example=lambda g, x: g.op(
            "Transpose", g.op("Transpose", x, g.constant([1, 0])), g.constant([1, 0])
        ),
    ),
    *(
        Rewrite(
            f"{type.lower()}-same",
            _reshape_pattern(type, x, p),
            x,
            same_type,
            example=example,
        )
        for type, example in {
            "Reshape": lambda g, x: g.op("Reshape", x, g.op("Shape", x)),
            "ReshapeToShapeOf": lambda g, x: g.op("ReshapeToShapeOf", x, g.op("Neg", x)),
            "Squeeze": lambda g, x: g.op("Squeeze", x),
        }.items()
    ),
    *(
        Rewrite(
            f"{outer.lower()}-{inner.lower()}",
            _reshape_pattern(outer, _reshape_pattern(inner, x, p), q),
            _joined_reshape,
            example=_reshape_example(outer, inner),
        )
        for outer in _RESHAPES
        for inner in _RESHAPES
    ),
    # a result of the operand's type: nothing was repeated, cut off or added up
    *(
        Rewrite(f"{type.lower()}-same", op(type, x, p), x, same_type, example=example)
        for type, example in {
            "BroadcastTo": lambda g, x: g.op("BroadcastTo", x, g.op("Shape", x)),
            "BroadcastToShapeOf": lambda g, x: g.op("BroadcastToShapeOf", x, g.op("Neg", x)),
            "SumToShapeOf": lambda g, x: g.op("SumToShapeOf", x, g.op("Neg", x)),
            "Tile": lambda g, x: g.op("Tile", x, g.constant([1, 1])),
            "Pad": lambda g, x: g.op("Pad", x, g.constant([[0, 0], [0, 0]])),
        }.items()
    ),
    Rewrite(
        "slice-same",
        op("Slice", x, p, q),
        x,
        same_type,
        example=lambda g, x: g.op("Slice", x, g.constant([0, 0]), g.constant([-1, 3])),
    ),
    *(
        Rewrite(f"{type.lower()}-none", op(type, x, axes), x, same_type, example=_no_axes(type))
        for type in ("Sum", "Prod", "Max", "Min", "Mean")
    ),
)
