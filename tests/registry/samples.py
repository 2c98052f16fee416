"""Cases drawn from the samples of operation definitions, and graphs built of them.

A case is a definition, one of its samples and a dtype for the sample's type variable. Values depend
on the case's id alone, so every test, backend and process sees the same arrays.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.errors import OpError
from graphc.ir.function import Function
from graphc.ir.graph import Graph, OpDef, Operand, Operation, Sample, Tensor, definitions
from graphc.ir.interpreter import run_function
from graphc.ir.passes.resolve import resolve

# What a placeholder's type says of the operand: all sizes, its rank only, or nothing.
Shapes = Literal["static", "dims", "rank"]

RANDOM_STATE = (0x1234_5678_9ABC_DEF0, 3)  # key and run counter of random operations


@dataclass(frozen=True)
class Case:
    """One sample of a definition with a dtype (None: the sample has no type variable)."""

    definition: OpDef
    number: int
    dtype: DType | None

    @property
    def sample(self) -> Sample:
        return self.definition.samples[self.number]

    @property
    def id(self) -> str:
        dtype = "" if self.dtype is None else f"-{self.dtype.name}"
        return f"{self.definition.name}-{self.number}{dtype}"

    def arrays(self) -> list[np.ndarray]:
        """The operands' values."""
        generator = np.random.default_rng(zlib.crc32(self.id.encode()))
        return [
            draw(operand, operand.dtype or self.dtype, generator)
            for operand in self.sample.operands
        ]


@dataclass
class Built:
    """A graph with one operation: `inputs[i]` is fed `arrays[i]` unless it is constant."""

    case: Case
    graph: Graph
    inputs: list[Tensor]
    arrays: list[np.ndarray]
    op: Operation
    feeds: dict[Tensor, np.ndarray] = field(default_factory=dict)

    def function(self, fetches: list[Tensor] | None = None) -> Function:
        """The function that computes the operation's outputs (or other tensors)."""
        wanted = list(self.op.outputs) if fetches is None else fetches
        return resolve(self.graph, wanted, [self.op], self.feeds, lambda name: None)


def cases(definition: OpDef) -> list[Case]:
    """All cases of a definition."""
    found = []
    for number, sample in enumerate(definition.samples):
        free = any(operand.dtype is None for operand in sample.operands)
        dtypes = (sample.dtypes or definition.dtypes) if free else (None,)
        found += [Case(definition, number, dtype) for dtype in dtypes]
    return found


def sampled() -> list[OpDef]:
    """Definitions that have samples and a meaning to compare with."""
    return [d for d in definitions() if d.samples and d.effect in ("pure", "random", "check")]


def draw(operand: Operand, dtype: DType | None, generator: np.random.Generator) -> np.ndarray:
    """Random values within the operand's bounds, or its given value."""
    assert dtype is not None, operand
    if operand.value is not None:
        return np.array(operand.value, dtype.numpy)
    low, high = operand.low, operand.high
    if dtype.is_bool:
        return generator.random(operand.shape) < 0.5
    if dtype.is_integer:
        least = max(int(np.ceil(low)), dtype.min)
        most = min(max(int(np.floor(high)), least), dtype.max)
        return generator.integers(least, most + 1, operand.shape).astype(dtype.numpy)
    if dtype.is_floating:
        return np.asarray(generator.uniform(low, high, operand.shape)).astype(dtype.numpy)
    raise ValueError(f"no random values of {dtype}")


def build(case: Case, shapes: Shapes = "static", feed_sizes: bool = False) -> Built:
    """A graph with the case's operation.

    Operands that only the type rule reads are constants, as programs write them, or fed with
    `feed_sizes`.
    """
    graph = Graph()
    arrays = case.arrays()
    count = len(arrays)
    sizes = {index % count for index in case.definition.shape_inputs if -count <= index < count}
    inputs, feeds = [], {}
    for index, array in enumerate(arrays):
        if index in sizes and not feed_sizes:
            inputs.append(graph.constant(array))
            continue
        tensor = placeholder(graph, array, "static" if index in sizes else shapes, f"x{index}")
        inputs.append(tensor)
        feeds[tensor] = array
    op = graph.create(case.definition.name, inputs, dict(case.sample.attrs))
    return Built(case, graph, inputs, arrays, op, feeds)


def placeholder(graph: Graph, array: np.ndarray, shapes: Shapes, name: str) -> Tensor:
    """A placeholder for an array whose type says more or less of its shape."""
    shape = {"static": array.shape, "dims": (None,) * array.ndim, "rank": None}[shapes]
    tensor: Tensor = graph.op("Placeholder", dtype=as_dtype(array.dtype), shape=shape, name=name)
    return tensor


def evaluate(function: Function, feeds: dict[Tensor, np.ndarray]) -> list[np.ndarray]:
    """The function's results by the interpreter, random operations in a fixed state."""
    named = {tensor.name: array for tensor, array in feeds.items()}
    return run_function(function, named, random=lambda op: RANDOM_STATE).results


def assert_close(actual: Any, expected: Any, tolerance: float, what: str) -> None:
    """Equal dtypes and shapes; integers equal, floats within a multiple of their precision."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, not {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    if actual.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected, what)
        return
    precision = float(np.finfo(actual.dtype).eps) * 32 * tolerance
    np.testing.assert_allclose(actual, expected, precision, precision, err_msg=what)


@contextlib.contextmanager
def naming(case: Case) -> Iterator[None]:
    """Say in any failure inside which case it was."""
    try:
        yield
    except (AssertionError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise AssertionError(f"{case.id}: {type(error).__name__}: {error}") from error
    except (OpError, NotImplementedError) as error:
        raise AssertionError(f"{case.id}: {type(error).__name__}: {error}") from error
