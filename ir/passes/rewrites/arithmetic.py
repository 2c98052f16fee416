"""Arithmetic: neutral and absorbing elements, signs, idempotent functions.

Only what gives the same bits; the one liberty, which TensorFlow takes too, is the sign of zero in
x + 0.
"""

from __future__ import annotations

from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, Tensor
from graphc.ir.ops.positions import dim_values
from graphc.ir.passes.rewrites.language import Match, Rewrite, floats, integers, op, variables

x, y = variables("x", "y")


def _is_lossless(source: DType, target: DType) -> bool:
    """Whether every value of a dtype is one of the other: a cast there and on loses nothing."""
    if source is target:
        return True
    if source.is_bool:
        return target.is_numeric
    if source.is_integer and target.is_integer:
        return bool(target.min <= source.min and source.max <= target.max)
    if source.is_integer and target.is_floating:
        digits = {"float16": 11, "float32": 24, "float64": 53}[target.name]
        return source.bits - (not source.is_unsigned) <= digits
    return source.is_floating and target.is_floating and source.size < target.size


def _inner_cast_is_lossless(match: Match) -> bool:
    return _is_lossless(match["x"].dtype, match.root.inputs[0].dtype)


def _one_cast(match: Match) -> Tensor:
    target = match.root.outputs[0].dtype
    if target is match["x"].dtype:
        found: Tensor = match["x"]
        return found
    return match.graph.create("Cast", (match["x"],), {**match.root.attrs}).outputs[0]


def _cast_twice(graph: Graph, x: Tensor) -> Tensor:
    wide = graph.op("Cast", x, DstT=dtypes.float64)
    narrow: Tensor = graph.op("Cast", wide, DstT=dtypes.int32)
    return narrow


def _zeros(match: Match) -> Tensor:
    """Zeros of the result's type: not ZerosLike, which nobody decomposes late in a pipeline."""
    result, graph = match.root.outputs[0], match.graph
    sizes = dim_values(graph, result.type.dims)
    zeros: Tensor = graph.op("BroadcastTo", graph.constant(0, result.dtype), sizes)
    return zeros


TABLE = (
    # neutral elements
    Rewrite("add-zero", x + 0, x),
    Rewrite("addv2-zero", op("AddV2", x, 0), x),
    Rewrite("sub-zero", x - 0, x),
    Rewrite("mul-one", x * 1, x),
    Rewrite("realdiv-one", op("RealDiv", x, 1), x),
    Rewrite("div-one", op("Div", x, 1), x),
    Rewrite("floordiv-one", op("FloorDiv", x, 1), x, integers, example_dtype="int32"),
    Rewrite("truncatediv-one", op("TruncateDiv", x, 1), x, integers, example_dtype="int32"),
    Rewrite("pow-one", op("Pow", x, 1), x),
    Rewrite("pow-two", op("Pow", x, 2), op("Square", x), floats),
    # absorbing elements: for floats 0 * NaN is NaN
    Rewrite("mul-zero", x * 0, _zeros, integers, example_dtype="int32"),
    Rewrite("sub-self", x - x, _zeros, integers, example_dtype="int32"),
    # signs
    Rewrite("neg-neg", op("Neg", -x), x),
    Rewrite("mul-minus-one", x * -1, -x),
    Rewrite("add-neg", x + (-y), x - y),
    Rewrite("sub-neg", x - (-y), x + y),
    Rewrite("mul-neg-neg", (-x) * (-y), x * y),
    Rewrite("neg-sub", -(x - y), y - x, integers, example_dtype="int32"),
    Rewrite("zero-sub", 0 - x, -x, integers, example_dtype="int32"),
    Rewrite("square-neg", op("Square", -x), op("Square", x)),
    Rewrite("square-abs", op("Square", op("Abs", x)), op("Square", x)),
    Rewrite("abs-neg", op("Abs", -x), op("Abs", x)),
    # functions that change nothing the second time
    *(
        Rewrite(f"{name.lower()}-twice", op(name, op(name, x)), op(name, x))
        for name in ("Abs", "Relu", "Relu6", "Floor", "Ceil", "Rint", "Sign")
    ),
    Rewrite("maximum-self", op("Maximum", x, x), x),
    Rewrite("minimum-self", op("Minimum", x, x), x),
    # casts
    Rewrite(
        "cast-cast",
        op("Cast", op("Cast", x)),
        _one_cast,
        _inner_cast_is_lossless,
        example=_cast_twice,
    ),
)
