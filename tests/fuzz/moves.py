"""Moves: the ways in which a random graph grows by an operation or a few.

`MOVES` pairs each with its weight. A move raises `Rejected` where the pool does not offer what it
needs; the generator then tries another. Operation types come from the registry wherever a shape of
inputs says what they are; samples give attributes and bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import OpDef, Sample, definitions
from graphc.ir.lowering import Elementwise
from tests.fuzz import fitting
from tests.fuzz.builder import FLOATS, LARGEST_BATCH, Builder, Rejected, Value

AXES = "reduction_indices"
# Their rules trust the operation that decomposes to them, or their sample's shape.
NOT_POINTWISE = ("ChooseDiagonal", "LinSpaceOf", "PlaceholderWithDefault")


@cache
def pointwise() -> list[OpDef]:
    """Operation types that work element by element on inputs of one kind."""
    return [
        d
        for d in definitions()
        if d.effect == "pure"
        and isinstance(d.lowering, Elementwise)
        and not d.variadic
        and not d.shape_inputs
        and d.inputs
        and d.name not in NOT_POINTWISE
        and any(_plain(s) for s in d.samples)
    ]


@cache
def reductions() -> list[OpDef]:
    """Operation types that fold axes given as their second input."""
    return [d for d in definitions() if d.inputs[1:] in ((AXES,), ("dimension",))]


@cache
def sampled() -> list[OpDef]:
    """All operation types that a sample shows how to use."""
    return [d for d in definitions() if d.samples and d.effect in ("pure", "random", "check")]


def _plain(sample: Sample) -> bool:
    return all(o.value is None for o in sample.operands)


def sample_move(b: Builder) -> None:
    """Any operation of the registry, as one of its samples has it."""
    definition: OpDef = b.choose(sampled())
    sample: Sample = b.choose(definition.samples)
    dtype = b.choose(sample.dtypes or definition.dtypes)
    if definition.effect == "random":
        attrs = {**sample.attrs, "seed": b.integer(1, 99), "seed2": b.integer(1, 99)}
    else:
        attrs = sample.attrs
    inputs = [fitting.operand(b, o, o.dtype or dtype) for o in sample.operands]
    with b.ordered():
        b.emit_all(definition.name, inputs, attrs)


def pointwise_move(b: Builder) -> None:
    definition: OpDef = b.choose(pointwise())
    sample: Sample = b.choose([s for s in definition.samples if _plain(s)])
    first_operand = sample.operands[0]
    dtype = first_operand.dtype or b.choose(sample.dtypes or definition.dtypes)
    if dtype.is_floating and b.chance(0.7):
        dtype = dtypes.float32 if dtypes.float32 in definition.dtypes else dtype
    first = fitting.within(b, b.pick(dtype), first_operand.low, first_operand.high)
    inputs = [first]
    for wanted in sample.operands[1:]:
        kind = wanted.dtype or (dtype if first_operand.dtype is None else b.choose(FLOATS))
        exact = definition.name.endswith("Grad") or b.chance(0.3)
        other = (fitting.same_shape if exact else fitting.broadcastable)(b, first, kind)
        inputs.append(fitting.within(b, other, wanted.low, wanted.high))
    if len(inputs) == 2 and b.chance(0.3) and inputs[0].dtype is inputs[1].dtype:
        low, high = sample.operands[0].low, sample.operands[1]
        if (low, sample.operands[0].high) == (high.low, high.high):
            inputs.reverse()
    with b.ordered():
        b.emit(definition.name, *inputs, **sample.attrs)


def arithmetic_move(b: Builder) -> None:
    """The few operations that most programs consist of."""
    name = b.choose(("Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"))
    x = b.pick((*FLOATS, dtypes.int32, dtypes.int64, dtypes.float32))
    inputs = [x, fitting.broadcastable(b, x, x.dtype)]
    b.emit(name, *(reversed(inputs) if b.chance(0.5) else inputs))


def neutral_move(b: Builder) -> None:
    """Operations with constants that rewrites look for."""
    x = b.pick((*FLOATS, dtypes.int32))
    number = np.asarray(b.choose((0, 1, -1, 2)), x.dtype.numpy)
    name = b.choose(("Add", "Sub", "Mul", "AddV2", "Maximum", "Minimum", "Mul"))
    b.emit(name, *((number, x) if b.chance(0.4) else (x, number)))


def reduction_move(b: Builder) -> None:
    definition: OpDef = b.choose(reductions())
    x = b.pick(definition.dtypes, least=1 if definition.inputs[1] != AXES else 0)
    attrs: dict[str, Any] = {}
    if definition.inputs[1] == AXES:
        axes = [a for a in range(x.rank) if b.chance(0.5)]
        b.random.shuffle(axes)
        given = [a - x.rank if b.chance(0.3) else a for a in axes]
        axis = np.array(given, np.int32) if len(given) != 1 or b.chance(0.5) else np.int32(given[0])
        if "keep_dims" in definition.attrs:
            attrs["keep_dims"] = b.chance(0.4)
    else:
        axis = np.int32(b.integer(-x.rank, x.rank - 1))
        attrs["output_type"] = b.choose(dtypes.INDICES)
    if definition.name == "Prod":
        x = fitting.within(b, x, -2, 2)
    with b.ordered():
        b.emit(definition.name, x, axis, **attrs)


def matmul_move(b: Builder) -> None:
    x = b.pick((*FLOATS, dtypes.int32, *FLOATS), least=2)
    adjoint, batched = b.chance(0.3), x.rank > 2 or b.chance(0.15)
    inner = x.shape[-2 if adjoint else -1]
    found = [
        v for v in b.pool
        if v.dtype is x.dtype and v.rank >= 2 and v.sizes[-2] == x.sizes[-2 if adjoint else -1]
        and (batched or v.rank == 2)
    ]  # fmt: skip
    other_adjoint = b.chance(0.3)
    if other_adjoint:
        found = [v for v in b.pool if v.dtype is x.dtype and v.rank == 2
                 and v.sizes[-1] == x.sizes[-2 if adjoint else -1]]  # fmt: skip
    if found and b.chance(0.7):
        y = b.choose(found)
    else:
        if inner is None:
            raise Rejected("no constant is as large as the batch")
        shape = [inner, b.width()]
        y = b.constant(b.numbers(x.dtype, shape[::-1] if other_adjoint else shape))
        if b.chance(0.3):
            ref = b.variable(x.dtype, y.arrays[0].shape)
            y = b.pool[-1]
            assert ref.arrays is y.arrays
    if batched:
        b.emit("BatchMatMulV2", x, y, adj_x=adjoint, adj_y=other_adjoint)
    elif x.rank == 2 and y.rank == 2:
        b.emit("MatMul", x, y, transpose_a=adjoint, transpose_b=other_adjoint)


def layer_move(b: Builder) -> None:
    """A dense layer on variables."""
    x = b.pick(dtypes.float32, least=2, most=2)
    inputs = x.shape[1]
    if not inputs:
        raise Rejected("the number of features must be known")
    units = b.width()
    b.variable(dtypes.float32, (inputs, units))
    product = b.emit("MatMul", x, b.pool[-1])
    b.variable(dtypes.float32, (units,))
    summed = b.emit(b.choose(("BiasAdd", "Add")), product, b.pool[-1])
    b.emit(b.choose(("Relu", "Tanh", "Sigmoid", "Identity", "Elu", "Softplus")), summed)


def softmax_move(b: Builder) -> None:
    kind = b.choose(("Softmax", "LogSoftmax", "Dense", "Sparse", "Logsumexp"))
    x = b.pick(FLOATS, least=1 if kind in ("Softmax", "LogSoftmax", "Logsumexp") else 2, most=3)
    if kind in ("Softmax", "LogSoftmax"):
        b.emit(kind, x)
    elif kind == "Logsumexp":
        top = b.emit("StopGradient", b.emit("Max", x, np.int32(-1), keep_dims=True))
        total = b.emit("Sum", b.emit("Exp", b.emit("Sub", x, top)), np.int32(-1), keep_dims=True)
        b.emit("Add", b.emit("Log", total), top)
    elif x.rank != 2:
        raise Rejected("cross entropy is of matrices")
    elif kind == "Dense":
        labels = b.emit("Softmax", fitting.same_shape(b, x, x.dtype))
        b.emit_all("SoftmaxCrossEntropyWithLogits", [x, labels], {})
    else:
        classes = x.shape[1]
        if not classes:
            raise Rejected("no classes")
        row = b.emit("Sum", x, np.array([1], np.int32))
        whole = fitting.cast(b, row, b.choose(dtypes.INDICES))
        labels = b.emit("FloorMod", whole, np.asarray(classes, whole.dtype.numpy))
        b.emit_all("SparseSoftmaxCrossEntropyWithLogits", [x, labels], {})


def cast_move(b: Builder) -> None:
    x = b.pick()
    target = b.choose((*FLOATS, *dtypes.INDICES, dtypes.float32, *dtypes.COMPUTED))
    fitting.cast(b, x, target)


def select_move(b: Builder) -> None:
    x = b.pick()
    y = fitting.same_shape(b, x, x.dtype) if b.chance(0.5) else None
    if y is None:
        condition = fitting.broadcastable(b, x, dtypes.bool_)
        b.emit("SelectV2", condition, x, fitting.broadcastable(b, x, x.dtype))
    elif x.dtype.is_numeric and b.chance(0.6):
        condition = b.emit(b.choose(("Less", "GreaterEqual", "Equal", "NotEqual")), x, y)
        b.emit(b.choose(("Select", "SelectV2")), condition, x, y)
    else:
        b.emit("Select", fitting.same_shape(b, x, dtypes.bool_), x, y)


def random_move(b: Builder) -> None:
    """A random operation with seeds; its shape is a constant or that of another value."""
    name = b.choose(("RandomUniform", "RandomStandardNormal", "TruncatedNormal", "RandomUniformInt",
                     "RandomShuffle"))  # fmt: skip
    attrs: dict[str, Any] = {"seed": b.integer(1, 9), "seed2": b.integer(1, 9)}
    if name == "RandomShuffle":
        b.emit(name, b.pick(least=1), **attrs)
        return
    if b.chance(0.6):
        shape = b.emit("Shape", b.pick())
    else:
        shape = b.constant(np.array([b.integer(0, 5) for _ in range(b.integer(0, 3))], np.int32))
    if name == "RandomUniformInt":
        dtype = b.choose(dtypes.INDICES)
        low = np.asarray(b.integer(-5, 0), dtype.numpy)
        b.emit(name, shape, low, np.asarray(b.integer(1, 7), dtype.numpy), **attrs)
    else:
        b.emit(name, shape, dtype=b.choose(FLOATS), **attrs)


def new_variable_move(b: Builder) -> None:
    dtype = b.choose((*FLOATS, dtypes.float32, dtypes.int32, dtypes.int64, dtypes.bool_))
    b.variable(dtype, [b.integer(1, 5) for _ in range(b.integer(0, 2))])


def feed_move(b: Builder) -> None:
    """Another placeholder: batched, static, of unknown shape, or a number that becomes a size."""
    if b.chance(0.15):
        b.feed_size()
        return
    dtype = b.choose((dtypes.float32, dtypes.float32, *dtypes.COMPUTED))
    rank = b.integer(0, 3)
    shape = [b.width(5) for _ in range(rank)]
    if rank == 1 and b.chance(0.1):
        shape = [2500]  # sums of so many elements are made in blocks
    axis = None
    if rank and shape != [2500] and b.chance(0.7):
        axis = 0 if b.chance(0.8) else b.integer(0, rank - 1)
        shape[axis] = LARGEST_BATCH
    declared: Any = [None if i == axis or b.chance(0.1) else n for i, n in enumerate(shape)]
    if b.chance(0.08):
        declared = None
    b.feed(dtype, shape, axis, declared)


Move = Callable[[Builder], Any]


def moves() -> list[tuple[Move, float]]:
    """All moves with their weights."""
    from tests.fuzz import moves_array, moves_state

    return [
        (pointwise_move, 5),
        (arithmetic_move, 3),
        (neutral_move, 1),
        (reduction_move, 3),
        (matmul_move, 1.5),
        (layer_move, 0.7),
        (softmax_move, 1),
        (cast_move, 1),
        (select_move, 1),
        (random_move, 0.7),
        (new_variable_move, 0.7),
        (feed_move, 0.8),
        (sample_move, 3),
        *moves_array.MOVES,
        *moves_state.MOVES,
    ]


__all__ = ["Move", "Value", "moves"]
