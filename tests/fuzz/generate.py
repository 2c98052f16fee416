"""Random cases: the same seed makes the same case, on every machine.

A graph starts with a few placeholders, grows by moves, and half of the time gets the gradients of a
scalar. All results that nobody reads are fetched, and some in between.
"""

from __future__ import annotations

import numpy as np

from graphc.ir import dtypes
from graphc.ir.gradients import gradients
from graphc.ir.graph import Tensor
from tests.fuzz.builder import LARGEST_BATCH, Builder, Rejected, Value, dense
from tests.fuzz.case import Case
from tests.fuzz.moves import moves

LEAST, MOST = 3, 40  # operations
LONG = 200  # now and then: longer than a kernel may be
SIZES = (1, 2, 3, 5, 6, 8, 11, 16, 17, 33)


def generate(seed: int) -> Case:
    """The case of a seed."""
    b = Builder(np.random.default_rng(seed))
    _sources(b)
    most = LONG if b.chance(0.02) else MOST
    _grow(b, int(np.exp(b.random.uniform(np.log(LEAST), np.log(most)))))
    fetches = _gradients(b) if b.chance(0.5) else []
    fetches = [*_outputs(b), *fetches]
    b.random.shuffle(fetches)  # type: ignore[arg-type]
    targets = [op for op in b.writes if b.chance(0.8)]
    b.random.shuffle(targets)  # type: ignore[arg-type]
    batches = _batches(b)
    runs = tuple(
        tuple(feed.at(batch, turn) for feed in b.feeds) for turn, batch in enumerate(batches)
    )
    feeds = tuple(feed.tensor for feed in b.feeds)
    for op in b.graph.operations:
        op.source = None  # the fuzzer's own lines tell nobody anything
    return Case(b.graph, tuple(fetches), tuple(targets), feeds, runs, b.variables, seed)


def _sources(b: Builder) -> None:
    """Two batched placeholders and perhaps a variable."""
    for _ in range(b.integer(1, 2)):
        features = [b.width(8) for _ in range(b.choose((0, 1, 1, 2)))]
        dtype = b.choose((dtypes.float32, dtypes.float32, dtypes.float32, dtypes.float64,
                          dtypes.int32, dtypes.bool_))  # fmt: skip
        b.feed(dtype, (LARGEST_BATCH, *features), 0, (None, *features))
    if b.chance(0.5):
        b.variable(dtypes.float32, [b.width(8) for _ in range(b.integer(0, 2))])


def _grow(b: Builder, wanted: int) -> None:
    choices = moves()
    weights = np.array([weight for _, weight in choices])
    weights /= weights.sum()
    attempts = 0
    while _computations(b) < wanted and attempts < 20 * wanted + 50:
        move, _ = choices[int(b.random.choice(len(choices), p=weights))]
        attempts += 1
        try:
            move(b)
        except Rejected:
            continue


def _computations(b: Builder) -> int:
    sources = ("Const", "Placeholder", "VariableV2")
    return sum(op.type not in sources for op in b.graph.operations)


def _floats(b: Builder) -> list[Value]:
    return [v for v in b.pool if v.dtype.is_floating and v.arrays[0].size]


def _gradients(b: Builder) -> list[Tensor]:
    """Gradients of a scalar made of a few values, with respect to a few others."""
    floats = _floats(b)
    if not floats:
        return []
    try:
        loss = _loss(b, floats)
    except Rejected:
        return []
    leaves = [v for v in floats if v.tensor.op.type in ("Placeholder", "Identity")]
    xs: list[Tensor] = [b.choose(leaves or floats).tensor]
    xs += [b.choose(floats).tensor for _ in range(b.integer(0, 3))]
    xs += [r.tensor for r in b.refs if r.dtype.is_floating and b.chance(0.5)]
    xs = list(dict.fromkeys(xs))
    found = [dense(g) for g in gradients(loss, xs)]
    if b.chance(0.15):
        again = [g for g in found if g is not None and g.dtype.is_floating]
        if again:
            second = gradients(b.choose(again), xs)
            found += [dense(g) for g in second]
    return [g for g in found if g is not None]


def _loss(b: Builder, floats: list[Value]) -> list[Tensor]:
    losses = []
    for _ in range(b.integer(1, 2)):
        value = b.choose(floats[-6:])
        axes = np.arange(value.rank, dtype=np.int32)
        if b.chance(0.5):
            value = b.emit("Square", value) if b.chance(0.5) else b.emit("Sin", value)
        losses.append(b.emit(b.choose(("Mean", "Sum")), value, axes).tensor)
    return losses


def _outputs(b: Builder) -> list[Tensor]:
    """What nobody reads, and a few values that somebody does."""
    read = {t for op in b.graph.operations for t in op.inputs}
    ends = [v.tensor for v in b.pool if v.tensor not in read and v.tensor.op.type != "Placeholder"]
    between = [b.choose(b.pool).tensor for _ in range(b.integer(0, 3))]
    chosen = [t for t in ends if b.chance(0.85)] + between
    return list(dict.fromkeys(chosen or ends or [b.pool[-1].tensor]))


def _batches(b: Builder) -> list[int]:
    """Batch sizes of the runs: two ordinary ones, and 0 and 1 often."""
    sizes = [b.choose(SIZES), b.choose(SIZES)]
    sizes += [n for n in (0, 1) if b.chance(0.6)]
    b.random.shuffle(sizes)  # type: ignore[arg-type]
    return [*sizes, b.choose(sizes)] if b.chance(0.3) else sizes
