"""Random operations: distributions, repeatability, and the exactness of what they are made of."""

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Graph
from graphc.ir.interpreter import run_operation
from graphc.ir.ops import draws
from graphc.ir.random import permutation, random_bits, seed_key
from graphc.ir.scalar import NumpyBuilder
from graphc.ir.shapes import ShapeEnvironment
from graphc.ir.types import TensorType

COUNT = 40_000
KEY = seed_key(7, 3)


def draw(type: str, *operands: np.ndarray, run: int = 0, **attrs: object) -> np.ndarray:
    """What an operation draws in its given run."""
    graph = Graph(ShapeEnvironment())
    tensors = [graph.constant(operand) for operand in operands]
    op = graph.create(type, tensors, {**attrs, "seed": 7, "seed2": 3})
    return run_operation(op, operands, None, lambda op: (KEY, run))[0]


def draw_all(type: str, dtype: dtypes.DType) -> np.ndarray:
    return draw(type, np.array([COUNT]), dtype=dtype)


def distance(sample: np.ndarray, distribution: Callable[[float], float]) -> float:
    """Kolmogorov and Smirnov's statistic times sqrt(n): above 1.95 in one of a thousand samples."""
    x = np.sort(sample.astype(np.float64))
    p = np.array([distribution(v) for v in x])
    steps = np.arange(len(x) + 1) / len(x)
    return float(np.sqrt(len(x)) * max(np.max(steps[1:] - p), np.max(p - steps[:-1])))


NORMAL = statistics.NormalDist()
BELOW = NORMAL.cdf(-2.0)


def truncated_cdf(x: float) -> float:
    return (NORMAL.cdf(x) - BELOW) / (1 - 2 * BELOW)


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=str)
@pytest.mark.parametrize(
    ("type", "mean", "variance", "distribution"),
    [
        ("RandomUniform", 0.5, 1 / 12, lambda x: x),
        ("RandomStandardNormal", 0.0, 1.0, NORMAL.cdf),
        ("TruncatedNormal", 0.0, 0.77374, truncated_cdf),
        ("RandomGumbel", 0.5772157, math.pi**2 / 6, lambda x: math.exp(-math.exp(-x))),
    ],
)
def test_distribution(
    type: str, mean: float, variance: float, distribution: object, dtype: dtypes.DType
) -> None:
    sample = draw_all(type, dtype)
    assert sample.dtype == dtype.numpy
    assert sample.mean(dtype=np.float64) == pytest.approx(mean, abs=4 * math.sqrt(variance / COUNT))
    assert sample.var(dtype=np.float64) == pytest.approx(variance, rel=0.05)
    assert distance(sample, distribution) < 1.95


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=str)
def test_ranges(dtype: dtypes.DType) -> None:
    uniform = draw_all("RandomUniform", dtype)
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    assert np.abs(draw_all("TruncatedNormal", dtype)).max() <= 2.0


def test_runs_and_elements_differ() -> None:
    first, second = (draw("RandomUniform", np.array([1000]), run=run) for run in (0, 1))
    assert not np.array_equal(first, second)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.1
    assert len(np.unique(first)) > 990
    assert np.array_equal(first, draw("RandomUniform", np.array([1000]), run=0))


def test_shape_does_not_change_the_elements() -> None:
    flat = draw("RandomStandardNormal", np.array([60]))
    assert np.array_equal(draw("RandomStandardNormal", np.array([3, 4, 5])).ravel(), flat)


def scalar_builder(dtype: dtypes.DType) -> NumpyBuilder:
    return NumpyBuilder(TensorType(dtype, (1,)))


def probabilities(smallest: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    tails = 10.0 ** rng.uniform(math.log10(smallest), -0.5, 2000)
    return np.concatenate([rng.uniform(0.01, 0.99, 2000), tails, 1 - tails[tails > 1e-14]])


@pytest.mark.parametrize(
    ("dtype", "smallest", "tolerance"),
    [(dtypes.float32, 2.0**-33, 1e-12), (dtypes.float64, 2.0**-53, 5e-15)],
    ids=str,
)
def test_inverse_normal_and_logarithm(
    dtype: dtypes.DType, smallest: float, tolerance: float
) -> None:
    p = probabilities(smallest)
    x = draws.inverse_normal(scalar_builder(dtype), p)
    expected = np.array([NORMAL.inv_cdf(v) for v in p])
    np.testing.assert_allclose(x, expected, rtol=tolerance)
    np.testing.assert_allclose(
        draws.logarithm(scalar_builder(dtype), p), np.log(p), rtol=10 * tolerance
    )


class Recorder(NumpyBuilder):
    """Notes which scalar operations a function uses."""

    def __init__(self, dtype: dtypes.DType) -> None:
        super().__init__(TensorType(dtype, (8,)), {}, lambda e, s=0: random_bits(e, KEY, 0, s))
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> object:
        self.used.add(name.removesuffix("_"))
        return super().__getattr__(name)


EXACT = {
    "add",
    "sub",
    "mul",
    "div",
    "rem",
    "sqrt",
    "neg",
    "abs",
    "min",
    "max",
    "select",
    "and",
    "or",
    "xor",
    "shl",
    "shr",
}
EXACT |= {"eq", "ne", "lt", "le", "gt", "ge"}


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=str)
@pytest.mark.parametrize(
    "transform",
    [draws.uniform, draws.normal, draws.truncated_normal, draws.gumbel],
    ids=lambda f: f.__name__,
)
def test_transforms_use_exact_operations_only(
    transform: Callable[[Any], Any], dtype: dtypes.DType
) -> None:
    recorder = Recorder(dtype)
    transform(recorder)
    assert recorder.used <= EXACT


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.int32, -3, 4),
        (np.int32, -(2**31), 2**31 - 1),
        (np.int64, 0, 10),
        (np.int64, -(2**62), 2**62),
        (np.int64, -(2**63), 2**63 - 1),
        (np.int64, -5, 2**63 - 1),
    ],
)
def test_uniform_int(dtype: type, low: int, high: int) -> None:
    sample = draw(
        "RandomUniformInt", np.array([COUNT]), np.array(low, dtype), np.array(high, dtype)
    )
    assert sample.dtype == dtype
    assert sample.min() >= low
    assert sample.max() < high
    scaled = (sample.astype(np.float64) - low) / (high - low)
    if high - low < 100:
        counts = np.bincount(sample - low, minlength=high - low)
        expected = COUNT / (high - low)
        assert ((counts - expected) ** 2 / expected).sum() < 30
    else:
        assert distance(scaled, lambda x: x) < 1.95


def test_uniform_int_refuses_an_empty_range() -> None:
    with pytest.raises(InvalidArgumentError, match="Need minval < maxval, got 3 >= 3"):
        draw("RandomUniformInt", np.array([2]), np.array(3), np.array(3))
    builder = NumpyBuilder(
        TensorType(dtypes.int32, (4,)), {}, lambda e, s=0: random_bits(e, 1, 0, s)
    )
    with pytest.raises(InvalidArgumentError, match="division by zero"):
        draws.uniform_int(builder, np.array(3, np.int32), np.array(2, np.int32))


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="negative size"):
        draw("RandomUniform", np.array([2, -1]))


def test_permutation_and_shuffle() -> None:
    order = draw("RandomPermutation", np.array(500))
    assert np.array_equal(np.sort(order), np.arange(500))
    assert np.array_equal(order, permutation(500, KEY, 0))
    rows = np.arange(20.0).reshape(10, 2)
    shuffled = draw("RandomShuffle", rows)
    assert np.array_equal(shuffled, rows[permutation(10, KEY, 0)])
    firsts = [int(draw("RandomPermutation", np.array(4), run=run)[0]) for run in range(400)]
    assert np.bincount(firsts, minlength=4).min() > 60


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=str)
def test_multinomial(dtype: dtypes.DType) -> None:
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        logits = np.log(weights).astype(dtype.numpy) + 3
    sample = draw("Multinomial", logits, np.array(COUNT, np.int32))
    assert sample.dtype == np.int64
    assert sample.shape == (2, COUNT)
    for row, expected in zip(sample, weights, strict=True):
        found = np.bincount(row, minlength=3) / COUNT
        np.testing.assert_allclose(found, expected, atol=4 * math.sqrt(0.25 / COUNT))
