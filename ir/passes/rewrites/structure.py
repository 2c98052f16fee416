"""Operations that only name, hold or group values."""

from __future__ import annotations

from graphc.ir.graph import Tensor
from graphc.ir.passes.rewrites.language import Match, Rewrite, op, same_type, variables

x, y, axis = variables("x", "y", "axis")


def _pack_of_one(match: Match) -> Tensor:
    graph = match.graph
    position: Tensor = graph.constant(match.root.attrs["axis"])
    return graph.create("ExpandDims", (match["x"], position)).outputs[0]


TABLE = (
    Rewrite("identity", op("Identity", x), x),
    Rewrite("stop-gradient", op("StopGradient", x), x),
    Rewrite(
        "placeholder-with-default",
        op("PlaceholderWithDefault", x),
        x,
        example=lambda g, x: g.op("PlaceholderWithDefault", x, shape=(None, 3)),
    ),
    Rewrite("addn-one", op("AddN", x), x),
    Rewrite("addn-two", op("AddN", x, y), x + y),
    Rewrite(
        "concat-one",
        op("ConcatV2", x, axis),
        x,
        example=lambda g, x: g.op("ConcatV2", x, g.constant(1)),
    ),
    Rewrite("pack-one", op("Pack", x), _pack_of_one, example=lambda g, x: g.op("Pack", x, axis=1)),
    Rewrite(
        "cast-same",
        op("Cast", x),
        x,
        same_type,
        example=lambda g, x: g.op("Cast", x, DstT=x.dtype),
    ),
)
