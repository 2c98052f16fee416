"""Candidate samplers: classes drawn beside the true ones, for losses over very many classes.

Distinct candidates are the first ones of a stream of draws that did not occur before. The stream is
so long that it practically always holds enough of them; the classes 0, 1, … stand at its end, so
that it always does. Everything is ordinary operations, at a cost that does not depend on the number
of classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.surface import get_static_value
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.ops import array_ops, generated, linear_ops, math_ops, script_ops
from graphc.ops.random_ops import random_uniform
from graphc.ops.reduction_ops import reduce_sum

_LONGEST = 1 << 17  # draws in a stream
_GRID = 4096  # classes whose probabilities stand for those of all when the length is chosen


class Candidates(NamedTuple):
    """What a sampler gives."""

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Classes below `range_max`, all equally likely.

    Args:
        true_classes: int64 [batch, num_true].
        num_sampled: how many to draw for the whole batch.
        unique: whether they must be distinct.

    Returns:
        sampled_candidates int64 [num_sampled], and how often each true class [batch, num_true] and
        each sampled one [num_sampled] is expected to be drawn.

    Raises:
        ValueError: more distinct classes are wanted than there are.
    """
    size = int(range_max)

    def draw(uniform: Tensor) -> Tensor:
        return generated.floor(uniform * float(size))

    def probability(classes: Tensor) -> Tensor:
        return array_ops.ones_like(classes) * np.float32(1 / size)

    return _sample(
        name or "UniformCandidateSampler", draw, probability, lambda c: np.full(len(c), 1 / size),
        true_classes, num_true, num_sampled, unique, size, seed,
    )  # fmt: skip


def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Classes below `range_max` with Zipf's distribution: frequent ones must come first.

    P(class) = (log(class + 2) - log(class + 1)) / log(range_max + 1). Arguments, results and errors
    are those of `uniform_candidate_sampler`.
    """
    size = int(range_max)
    log_size = math.log(size + 1)

    def draw(uniform: Tensor) -> Tensor:
        return generated.floor(generated.exp(uniform * log_size)) - 1.0

    def probability(classes: Tensor) -> Tensor:
        return generated.log1p(1.0 / (classes + 1.0)) / np.float32(log_size)

    return _sample(
        name or "LogUniformCandidateSampler", draw, probability,
        lambda c: np.log1p(1 / (c + 1)) / log_size,
        true_classes, num_true, num_sampled, unique, size, seed,
    )  # fmt: skip


def all_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """All classes below `num_sampled`, once each: for comparing losses with exact ones."""
    with name_scope(name, "AllCandidateSampler", [true_classes]):
        true = _true_classes(true_classes, num_true)
        classes = convert_to_tensor(np.arange(num_sampled), dtypes.int64)
        ones = convert_to_tensor(np.ones(num_sampled, np.float32))
        return Candidates(classes, array_ops.ones_like(true, dtypes.float32), ones)


def fixed_unigram_candidate_sampler(*_: Any, **__: Any) -> NoReturn:
    """Not available; raises NotImplementedError."""
    raise NotImplementedError(
        located(
            "fixed_unigram_candidate_sampler is not supported: sort classes by frequency and use "
            "log_uniform_candidate_sampler, or feed what NumPy draws as sampled_values"
        )
    )


def learned_unigram_candidate_sampler(*_: Any, **__: Any) -> NoReturn:
    """Not available; raises NotImplementedError."""
    raise NotImplementedError(
        located(
            "learned_unigram_candidate_sampler is not supported: use log_uniform_candidate_sampler"
        )
    )


def compute_accidental_hits(
    true_classes: Any,
    sampled_candidates: Any,
    num_true: int,
    seed: int | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Where candidates are among the true classes.

    Args:
        seed: accepted; nothing is random here.

    Returns:
        (rows int32 [hits], positions among the candidates int64 [hits], float32 [hits] of the
        lowest number), to be added to logits.
    """
    lowest = np.finfo(np.float32).min

    def find(true: np.ndarray, sampled: np.ndarray) -> tuple[np.ndarray, ...]:
        rows, _, places = np.nonzero(true[:, :, None] == sampled[None, None, :])
        return rows.astype(np.int32), places, np.full(len(rows), lowest)

    with name_scope(name, "ComputeAccidentalHits", [true_classes, sampled_candidates]):
        true = _true_classes(true_classes, num_true)
        sampled = convert_to_tensor(sampled_candidates, dtypes.int64)
        kinds = [dtypes.int32, dtypes.int64, dtypes.float32]
        rows, places, weights = script_ops.py_func(find, [true, sampled], kinds, stateful=False)
        for tensor in (rows, places, weights):
            tensor.set_shape([None])
        return rows, places, weights


# ---------------------------------------------------------------------------------------- drawing


def _true_classes(true_classes: Any, num_true: int) -> Tensor:
    true = convert_to_tensor(true_classes, preferred_dtype=dtypes.int64, name="true_classes")
    if not true.dtype.is_integer:
        raise TypeError(located(f"true_classes must be int64, not {true.dtype.name}"))
    if true.type.rank is not None and true.type.rank != 2:
        raise ValueError(located(f"true_classes must be a matrix, not of shape {true.shape}"))
    if not true.shape.is_compatible_with([None, num_true]):
        raise ValueError(
            located(f"true_classes must have num_true = {num_true} columns, not {true.shape}")
        )
    return math_ops.cast(true, dtypes.int64)


def _sample(
    name: str,
    draw: Callable[[Tensor], Tensor],
    probability: Callable[[Tensor], Tensor],
    known: Callable[[np.ndarray], np.ndarray],
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    size: int,
    seed: int | None,
) -> Candidates:
    """Candidates of a distribution over `size` classes.

    `draw` makes a class of a uniform number, `probability` and `known` (on NumPy) give classes'
    probabilities.
    """
    count = int(num_sampled)
    if count < 1 or size < 1 or num_true < 1:
        raise ValueError(located("num_true, num_sampled and range_max must be at least 1"))
    if unique and count > size:
        raise ValueError(
            located(f"cannot draw {count} distinct classes of {size}: num_sampled > range_max")
        )
    with name_scope(name):
        true = _true_classes(true_classes, num_true)
        draws = _stream_length(known, size, count) if unique else count
        numbers = draw(random_uniform([draws], dtype=dtypes.float64, seed=seed))
        classes = math_ops.minimum(math_ops.cast(numbers, dtypes.int64), np.int64(size - 1))
        tries: Tensor | None = None
        if unique:
            classes, tries = _first_distinct(classes, draws, count, size)

        def expected(of: Tensor) -> Tensor:
            p = probability(math_ops.cast(of, dtypes.float32))
            if tries is None:
                return p * float(count)
            some = -generated.expm1(tries * generated.log1p(-p))
            is_plain = math_ops.equal(tries, float(count))
            return apply("SelectV2", is_plain, p * float(count), some)

        return Candidates(classes, expected(true), expected(classes))


def _stream_length(known: Callable[[np.ndarray], np.ndarray], size: int, count: int) -> int:
    """How many draws hold `count` distinct classes but for six standard deviations."""
    grid = np.unique(np.geomspace(1, size + 1, min(size + 1, _GRID)).astype(np.int64)) - 1
    grid = np.append(grid[grid < size], size)
    classes, weights = grid[:-1], np.diff(grid)
    p = np.clip(known(classes), 0, 1 - 1e-12)
    draws = count
    while draws < _LONGEST:
        seen = -np.expm1(draws * np.log1p(-p))
        mean = float(np.sum(weights * seen))
        deviation = math.sqrt(float(np.sum(weights * seen * (1 - seen))))
        if mean - 6 * deviation >= count - 1e-3:
            break
        draws += max(draws // 4, 8)
    return draws


def _first_distinct(classes: Tensor, draws: int, count: int, size: int) -> tuple[Tensor, Tensor]:
    """The first `count` distinct classes of a stream, and after how many draws they were found."""
    fill = convert_to_tensor(np.arange(count), dtypes.int64)
    stream = array_ops.concat([classes, fill], 0)
    length = draws + count
    back = np.arange(length)[::-1].copy()
    # where each class occurs first: written from the end, so that the first place stays
    turned = array_ops.reverse(stream, [0])
    first = apply(
        "LastWritten", array_ops.expand_dims(turned, 1), convert_to_tensor(back, dtypes.int64),
        convert_to_tensor(np.array([size], np.int64)),
    )  # fmt: skip
    is_new = math_ops.equal(array_ops.gather(first, stream), np.arange(length))
    place = math_ops.cast(_running_count(is_new, length), dtypes.int64) - 1
    wanted = math_ops.logical_and(is_new, math_ops.less(place, np.int64(count)))
    unwanted = array_ops.ones_like(place) * np.int64(count)  # all others go to one more place
    target = math_ops.where(wanted, place, unwanted)
    chosen = apply(
        "LastWritten", array_ops.expand_dims(target, 1), stream,
        convert_to_tensor(np.array([count + 1], np.int64)),
    )  # fmt: skip
    before = math_ops.less(place, np.int64(count - 1))
    tries = reduce_sum(math_ops.cast(before, dtypes.float32)) + 1.0
    return array_ops.slice(chosen, [0], [count]), math_ops.minimum(tries, float(draws))


def _running_count(flags: Tensor, length: int) -> Tensor:
    """How many flags are set up to each place, as float32 (exact below 2^24).

    Rows of about sqrt(length) are added up by products with triangular matrices.
    """
    width = math.isqrt(length - 1) + 1
    height = -(-length // width)
    padded = array_ops.pad(math_ops.cast(flags, dtypes.float32), [[0, height * width - length]])
    rows = array_ops.reshape(padded, [height, width])
    inside = linear_ops.matmul(rows, np.triu(np.ones((width, width), np.float32)))
    below = np.tril(np.ones((height, height), np.float32), -1)
    offsets = linear_ops.matmul(below, inside[:, -1:])
    return array_ops.reshape(inside + offsets, [-1])[:length]


def static_size(value: Any, what: str) -> int:
    """A number that must be known while the graph is built.

    Raises:
        ValueError: it is not.
    """
    known = get_static_value(value) if isinstance(value, Tensor) else value
    if known is None:
        raise ValueError(located(f"{what} must be a number, known while the graph is built"))
    return int(known)


def hits(true_classes: Tensor, sampled: Tensor) -> Tensor:
    """Whether candidate j is among the true classes of row i: bool [batch, num_sampled]."""
    same = math_ops.equal(array_ops.expand_dims(true_classes, 2), _shaped(sampled, [1, 1, -1]))
    return apply("Any", same, np.array([1], np.int32))


def _shaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    return array_ops.reshape(x, list(shape))
