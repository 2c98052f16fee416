"""Moves of state: variables written in random order, with and without control dependencies."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from tests.fuzz import fitting
from tests.fuzz.builder import Builder, Rejected, Value


def _ref(b: Builder, floats: bool = False) -> Value:
    found = [r for r in b.refs if r.dtype is not dtypes.bool_]
    if floats:
        found = [r for r in found if r.dtype.is_floating]
    chosen: Value = b.choose(found)
    return chosen


def _like(b: Builder, ref: Value) -> Value:
    """A value of a variable's type, made of the pool where it offers something."""
    found = [v for v in b.pool if v.dtype is ref.dtype and v.sizes == ref.sizes]
    if found and b.chance(0.7):
        chosen: Value = b.choose(found)
        return chosen
    sums = [v for v in b.pool if v.dtype is ref.dtype and v.rank > ref.rank
            and v.sizes[v.rank - ref.rank:] == ref.sizes]  # fmt: skip
    if sums and b.chance(0.7):
        wide = b.choose(sums)
        return b.emit("Sum", wide, np.arange(wide.rank - ref.rank, dtype=np.int32))
    return b.constant(b.numbers(ref.dtype, ref.arrays[0].shape))


def _write(b: Builder, type: str, inputs: list[Any], attrs: dict[str, Any] | None = None) -> None:
    """Append a write; what it gives (the variable) may be read later."""
    given = [x if isinstance(x, Value) else b.constant(x) for x in inputs]
    with b.ordered():
        op = b.graph.create(type, [x.tensor for x in given], attrs or {})
    b.writes.append(op)
    ref = given[0]
    if b.chance(0.4):
        b.pool.append(Value(op.outputs[0], ref.shadows, ref.arrays))


def assign_move(b: Builder) -> None:
    ref = b.choose(b.refs)
    types = ("Assign", "AssignAdd", "AssignSub") if ref.dtype.is_numeric else ("Assign",)
    _write(b, b.choose(types), [ref, _like(b, ref)])


def read_move(b: Builder) -> None:
    """Read a variable again, perhaps after writes."""
    ref = b.choose(b.refs)
    with b.ordered():
        tensor = b.graph.op("Identity", ref.tensor, **({"_alias": True} if b.chance(0.5) else {}))
    b.pool.append(Value(tensor, ref.shadows, ref.arrays))


def scatter_write_move(b: Builder) -> None:
    ref = _ref(b)
    if not ref.rank:
        raise Rejected("scalars have no rows")
    rows = fitting.indices(b, [b.integer(1, 4)], ref.arrays[0].shape[0])
    updates = b.numbers(ref.dtype, (rows.arrays[0].shape[0], *ref.arrays[0].shape[1:]))
    types = ("ScatterAdd", "ScatterSub", "ScatterUpdate", "ScatterMax", "ScatterMin", "ScatterMul")
    _write(b, b.choose(types), [ref, rows, updates])


def optimizer_move(b: Builder) -> None:
    """An optimizer's update, its slots being variables of the same shape."""
    ref = _ref(b, floats=True)
    shape, numpy = ref.arrays[0].shape, ref.dtype.numpy
    rate = b.constant(np.asarray(0.1, numpy))
    gradient = _like(b, ref)

    def slot(positive: bool = False) -> Value:
        made = b.variable(ref.dtype, shape)
        if positive:
            name = made.tensor.op.name
            b.variables[name] = np.abs(b.variables[name]) + numpy.type(0.5)
        return made

    kind = b.choose(("ApplyGradientDescent", "ApplyMomentum", "ApplyAdagrad", "ApplyAdam",
                     "ApplyRMSProp"))  # fmt: skip
    half = b.constant(np.asarray(0.5, numpy))
    if kind == "ApplyGradientDescent":
        _write(b, kind, [ref, rate, gradient])
    elif kind == "ApplyMomentum":
        _write(b, kind, [ref, slot(), rate, gradient, half], {"use_nesterov": b.chance(0.5)})
    elif kind == "ApplyAdagrad":
        _write(b, kind, [ref, slot(positive=True), rate, gradient])
    elif kind == "ApplyRMSProp":
        mean, momentum = slot(positive=True), slot()
        _write(b, kind, [ref, mean, momentum, rate, half, half, half, gradient])
    else:
        m, v = slot(), slot(positive=True)
        _write(b, kind, [ref, m, v, half, half, rate, half, half, half, gradient])


MOVES = [
    (assign_move, 1.5),
    (read_move, 0.7),
    (scatter_write_move, 0.5),
    (optimizer_move, 0.5),
]
