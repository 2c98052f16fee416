"""Random operations: uniform, normal, truncated normal, Gumbel, shuffles and samples.

Shapes are operands, so that computed sizes stay symbolic. What is drawn depends on the seeds, on
how often the operation ran in its session and on the element alone (`graphc.ir.random`); `seed` and
`seed2` are TF1's pair (graph seed, operation seed), both 0 meaning entropy of the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Unknown
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Elementwise, Special
from graphc.ir.ops import draws
from graphc.ir.ops.positions import dim_values
from graphc.ir.random import permutation
from graphc.ir.scalar import evaluate
from graphc.ir.types import TensorType

_SEEDS = {
    "seed": Attr("int", 0, "the graph's seed"),
    "seed2": Attr("int", 0, "the operation's seed; both 0: entropy of the session"),
}
_NO_GRADIENT = NoGradient("what is drawn depends on no input continuously")


def _shape(c: TypeContext, index: int = 0) -> Any:
    """The sizes that a shape operand holds."""
    c.require_dtype(index, dtypes.INDICES)
    operand = c.require_rank(index, 1)
    sizes = c.sizes(index)
    if sizes is None:
        rank = operand[0] if operand is not None else None
        return (UNKNOWN,) * rank if isinstance(rank, int) else None
    for size in sizes:
        if not isinstance(size, Unknown) and c.less(size, 0):
            c.fail(f"a shape with a negative size: {c.show_shape(sizes)}")
    return sizes


def _draw(
    name: str, doc: str, scalar: Callable[[Any], Any], cost: float, tolerance: float = 1.0
) -> None:
    """Register an operation that fills a shape with independent draws."""

    def infer(c: TypeContext) -> TensorType:
        return TensorType(c.attrs["dtype"], _shape(c))

    register(OpDef(
        name=name,
        doc=doc,
        inputs=("shape",),
        attrs={"dtype": Attr("dtype", dtypes.float32, choices=dtypes.FLOATS), **_SEEDS},
        infer=infer,
        reference=lambda c, shape: evaluate(c, scalar),
        gradient=_NO_GRADIENT,
        lowering=Elementwise(scalar, cost),
        shape_inputs=(0,),
        dtypes=dtypes.INDICES,
        effect="random",
        samples=tuple(
            Sample((Operand((len(shape),), value=np.array(shape)),),
                   {"dtype": dtype, "seed": 7, "seed2": 3},
                   differentiable=False, tolerance=tolerance)
            for shape in ((3, 5), (), (0, 4), (201,))
            for dtype in dtypes.FLOATS
        ),
    ))  # fmt: skip


_draw(
    "RandomUniform",
    "Uniform in [0, 1): a multiple of 2^-24 (float32) or of 2^-53 (float64).",
    draws.uniform,
    25,
)
_draw(
    "RandomStandardNormal",
    "Normal with mean 0 and variance 1, by the inverse distribution function (Wichura's AS 241) of "
    "a draw with 32 bits (float32) or 52 bits (float64).",
    draws.normal,
    90,
)
_draw(
    "TruncatedNormal",
    "Standard normal given that it lies in [-2, 2], by the inverse distribution function.",
    draws.truncated_normal,
    90,
)
_draw("RandomGumbel", "Gumbel: -log(-log u) with u uniform in (0, 1).", draws.gumbel, 70)


# ----------------------------------------------------------------------------------------- integers


def _integer_type(c: TypeContext) -> TensorType:
    dtype = c.same_dtype(1, 2)
    c.require_dtype(1, dtypes.INDICES)
    for index in (1, 2):
        c.require_rank(index, 0)
    low, high = (c.value(index) for index in (1, 2))
    if low is not None and high is not None:
        low, high = low.item(), high.item()
        if isinstance(low, int) and isinstance(high, int) and low >= high:
            c.fail(f"Need minval < maxval, got {low} >= {high}")
    return TensorType(dtype, _shape(c))


def _integer_reference(c: Any, shape: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    if low >= high:
        c.fail(f"Need minval < maxval, got {low} >= {high}")
    return evaluate(c, draws.uniform_int, low, high)


register(OpDef(
    name="RandomUniformInt",
    doc="Uniform integers in [minval, maxval): minval + r mod (maxval - minval), r of 63 bits.",
    inputs=("shape", "minval", "maxval"),
    attrs=_SEEDS,
    infer=_integer_type,
    reference=_integer_reference,
    gradient=_NO_GRADIENT,
    lowering=Elementwise(draws.uniform_int, 60),
    shape_inputs=(0,),
    dtypes=dtypes.INDICES,
    effect="random",
    samples=tuple(
        Sample((Operand((len(shape),), dtypes.int32, value=np.array(shape)),
                Operand((), value=np.array(low)), Operand((), value=np.array(high))),
               {"seed": 7, "seed2": 3})
        for shape, low, high in (
            ((3, 5), -3, 4), ((), 0, 2), ((0, 4), 0, 1), ((201,), 0, 2**31 - 1),
        )
    ),
))  # fmt: skip

# ------------------------------------------------------------------------ permutations and samples


def _size(c: TypeContext, index: int, what: str) -> Any:
    """The single size that a scalar operand holds."""
    c.require_rank(index, 0)
    sizes = c.sizes(index)
    size = UNKNOWN if sizes is None else sizes[0]
    if not isinstance(size, Unknown) and c.less(size, 0):
        c.fail(f"{what} is negative: {c.show(size)}")
    return size


def _permutation_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.INDICES)
    return TensorType(dtypes.int64, (_size(c, 0, "the number of elements"),))


register(OpDef(
    name="RandomPermutation",
    doc="A uniform random permutation of 0..n-1 (Fisher-Yates).",
    inputs=("n",),
    attrs=_SEEDS,
    infer=_permutation_type,
    reference=lambda c, n: permutation(int(n), c.key, c.run),
    gradient=_NO_GRADIENT,
    lowering=Special("permutation", lambda op: op.outputs[0].type.dims),
    shape_inputs=(0,),
    dtypes=dtypes.INDICES,
    effect="random",
    samples=tuple(
        Sample((Operand((), value=np.array(n)),), {"seed": 7, "seed2": 3}) for n in (0, 1, 2, 50)
    ),
))  # fmt: skip


def random_attrs(op: Operation) -> dict[str, Any]:
    """The attributes by which the parts of a random operation draw what it would."""
    return {name: op.attrs[name] for name in ("seed", "seed2", "_random") if name in op.attrs}


def _shuffle_decompose(op: Operation) -> Tensor:
    value = op.inputs[0]
    graph = op.graph
    dims = value.type.dims
    if not dims:
        same: Tensor = graph.op("Identity", value)
        return same
    order = graph.op("RandomPermutation", dim_values(graph, dims[:1], ()), **random_attrs(op))
    shuffled: Tensor = graph.op("GatherV2", value, order, graph.constant(np.int32(0)))
    return shuffled


def _shuffle_reference(c: Any, value: np.ndarray) -> np.ndarray:
    return value if value.ndim == 0 else value[permutation(len(value), c.key, c.run)]


register(OpDef(
    name="RandomShuffle",
    doc="The rows of `value` (its slices along dimension 0) in random order.",
    inputs=("value",),
    attrs=_SEEDS,
    infer=lambda c: c.inputs[0],
    reference=_shuffle_reference,
    gradient=_NO_GRADIENT,
    decompose=_shuffle_decompose,
    dtypes=dtypes.COMPUTED,
    effect="random",
    samples=tuple(
        Sample((Operand(shape),), {"seed": 7, "seed2": 3}, differentiable=False)
        for shape in ((6, 2), (9,), (), (0, 3))
    ),
))  # fmt: skip


def _multinomial_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.FLOATS)
    c.require_dtype(1, (dtypes.int32,))
    shape = c.require_rank(0, 2)
    rows = UNKNOWN if shape is None else shape[0]
    if shape is not None and c.equal(shape[1], 0):
        c.fail("num_classes should be positive")
    return TensorType(c.attrs["output_dtype"], (rows, _size(c, 1, "num_samples")))


def _multinomial_decompose(op: Operation) -> Tensor:
    """The Gumbel trick: argmax_c (logits_bc + g_bsc) has the wanted distribution, and is exact."""
    logits = op.inputs[0]
    graph = op.graph
    rows, samples = op.outputs[0].type.dims
    shape = dim_values(graph, (rows, samples, logits.type.dims[1]))
    noise = graph.op("RandomGumbel", shape, dtype=logits.dtype, **random_attrs(op))
    scores = graph.op("ExpandDims", logits, graph.constant(np.int32(1))) + noise
    axis = graph.constant(np.int32(2))
    chosen: Tensor = graph.op("ArgMax", scores, axis, output_type=op.attrs["output_dtype"])
    return chosen


def _multinomial_reference(c: Any, logits: np.ndarray, samples: np.ndarray) -> Any:
    noise = np.empty((len(logits), int(samples), logits.shape[1]), logits.dtype)
    drawn = evaluate(_Draws(c, noise), draws.gumbel)
    return np.argmax(logits[:, None] + drawn, 2).astype(c.attrs["output_dtype"].numpy)


class _Draws:
    """The reference context of the Gumbel noise inside a Multinomial."""

    def __init__(self, c: Any, noise: np.ndarray) -> None:
        self.op, self.attrs, self.random_bits, self.fail = c.op, c.attrs, c.random_bits, c.fail
        self.types = (TensorType(dtypes.as_dtype(noise.dtype), noise.shape),)


register(OpDef(
    name="Multinomial",
    doc="num_samples independent class numbers per row, drawn with probabilities softmax(logits) "
    "by the Gumbel trick: argmax_c (logits_bc + g_bsc).",
    inputs=("logits", "num_samples"),
    attrs={**_SEEDS, "output_dtype": Attr("dtype", dtypes.int64, choices=dtypes.INDICES)},
    infer=_multinomial_type,
    reference=_multinomial_reference,
    gradient=_NO_GRADIENT,
    decompose=_multinomial_decompose,
    shape_inputs=(1,),
    effect="random",
    samples=tuple(
        Sample((Operand((3, 4)), Operand((), dtypes.int32, value=np.array(n))),
               {"seed": 7, "seed2": 3, "output_dtype": dtype}, differentiable=False)
        for n, dtype in ((1, dtypes.int64), (5, dtypes.int32), (0, dtypes.int64))
    ),
))  # fmt: skip
