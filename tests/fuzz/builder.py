"""The builder of random graphs: operations are appended only where they are known to make sense.

Beside the user's graph, in which the batch size is unknown, stand *shadows*: the same operations in
graphs for one batch size each, evaluated at once by their references. So a move may look at shapes
and values, and what fails, explodes or becomes too large never enters the graph.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import Unknown
from graphc.ir.dtypes import DType
from graphc.ir.errors import OpError
from graphc.ir.graph import Graph, IndexedSlices, Operation, Tensor, definition
from graphc.ir.interpreter import run_operation
from graphc.ir.shapes import ShapeEnvironment

BATCHES = (11, 6)  # the batch size in each shadow
LARGEST_BATCH = 64
MOST_ELEMENTS = 20000
LARGEST_VALUE = 3e4

FLOATS = (dtypes.float32, dtypes.float64)
SMALL = (dtypes.int8, dtypes.int16, dtypes.uint8)


class Rejected(Exception):
    """An operation that does not fit here: try another."""


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A tensor of the graph with its shadows and their values."""

    tensor: Tensor
    shadows: tuple[Tensor, ...]
    arrays: tuple[np.ndarray, ...]

    @property
    def dtype(self) -> DType:
        return self.shadows[0].dtype

    @property
    def rank(self) -> int:
        return self.arrays[0].ndim

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """For each axis its size in each shadow."""
        return tuple(zip(*(a.shape for a in self.arrays), strict=True))

    @property
    def is_static(self) -> bool:
        """Whether the shape is the same for all batch sizes."""
        return len({a.shape for a in self.arrays}) == 1

    def size(self, axis: int) -> int | None:
        """The size of an axis; None where it depends on the batch size."""
        sizes = self.sizes[axis]
        return sizes[0] if len(set(sizes)) == 1 else None

    @property
    def shape(self) -> tuple[int | None, ...]:
        return tuple(self.size(axis) for axis in range(self.rank))

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest element (0 and 0 without elements)."""
        full = [a for a in self.arrays if a.size]
        if not full:
            return 0.0, 0.0
        return float(min(a.min() for a in full)), float(max(a.max() for a in full))


@dataclass
class Feed:
    """A placeholder, with an array for the largest batch and the axis (or None) that is the batch.

    `values` holds one array per run instead where the fed numbers are sizes.
    """

    tensor: Tensor
    array: np.ndarray
    axis: int | None
    choices: tuple[int, ...] = ()

    def at(self, batch: int, turn: int) -> np.ndarray:
        """What to feed for a batch size in a run."""
        if self.choices:
            return np.array(self.choices[turn % len(self.choices)], self.array.dtype)
        if self.axis is None:
            return self.array
        return np.ascontiguousarray(self.array.take(np.arange(batch), self.axis))


@dataclass
class Builder:
    """A graph in the making. `pool` are the values that moves choose from."""

    random: np.random.Generator
    graph: Graph = field(default_factory=Graph)
    shadows: tuple[Graph, ...] = field(
        default_factory=lambda: tuple(Graph(ShapeEnvironment()) for _ in BATCHES)
    )
    pool: list[Value] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    variables: dict[str, np.ndarray] = field(default_factory=dict)
    refs: list[Value] = field(default_factory=list)  # variables' storage
    writes: list[Operation] = field(default_factory=list)

    # -- choosing

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def integer(self, low: int, high: int) -> int:
        """An integer of [low, high]."""
        return int(self.random.integers(low, high + 1))

    def choose(self, items: Sequence[Any]) -> Any:
        """One of the items."""
        if not items:
            raise Rejected("nothing to choose from")
        return items[int(self.random.integers(len(items)))]

    def pick(self, dtype: Any = None, least: int = 0, most: int = 4, static: bool = False) -> Value:
        """A value of the pool of a dtype (or one of several), of some rank; new ones more often."""
        wanted = dtype if dtype is None or isinstance(dtype, (tuple, list)) else (dtype,)
        found = [
            v
            for v in self.pool
            if (wanted is None or v.dtype in wanted)
            and least <= v.rank <= most
            and (v.is_static or not static)
        ]
        if not found:
            raise Rejected(f"no value of dtype {dtype} and rank {least} to {most}")
        if self.chance(0.5):
            found = found[-4:]
        chosen: Value = self.choose(found)
        return chosen

    def width(self, most: int = 10) -> int:
        """A size that is not the batch: small, or larger than a vector, or a tile."""
        if self.chance(0.06):
            large: int = self.choose((16, 17, 31, 33, 64, 65, 100, 130, 260))
            return large
        return self.integer(1, most)

    def numbers(self, dtype: DType, shape: Sequence[int], low: float = -2, high: float = 2) -> Any:
        """Random numbers; half of the time floats are quarters, so that ties and zeros happen."""
        if dtype.is_bool:
            return np.asarray(self.random.random(shape) < 0.5)
        if dtype.is_integer:
            least, most = max(int(np.ceil(low)), dtype.min), min(int(np.floor(high)), dtype.max)
            return np.asarray(self.random.integers(least, max(most, least) + 1, shape), dtype.numpy)
        drawn = np.asarray(self.random.uniform(low, high, shape))
        if self.chance(0.5):
            drawn = np.clip(np.round(drawn * 4) / 4, low, high)
        return drawn.astype(dtype.numpy)

    # -- appending

    def constant(self, array: Any, dtype: DType | None = None) -> Value:
        """A constant; it does not join the pool."""
        tensors = [graph.constant(array, dtype) for graph in (self.graph, *self.shadows)]
        value = tensors[0].op.attrs["value"]
        return Value(tensors[0], tuple(tensors[1:]), (value,) * len(self.shadows))

    def emit(self, type: str, *inputs: Any, **attrs: Any) -> Value:
        """Append an operation with one result, which joins the pool.

        Raises:
            Rejected: it does not fit, or its values are out of range.
        """
        return self.emit_all(type, inputs, attrs)[0]

    def emit_all(self, type: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> list[Value]:
        """Append an operation; all its results join the pool."""
        given = [x if isinstance(x, Value) else self.constant(x) for x in inputs]
        made = [self._shadow(i, type, given, attrs) for i in range(len(self.shadows))]
        op = self.graph.create(type, [x.tensor for x in given], attrs)
        values = []
        for index, tensor in enumerate(op.outputs):
            shadows = tuple(shadow.outputs[index] for shadow, _ in made)
            value = Value(tensor, shadows, tuple(arrays[index] for _, arrays in made))
            _check_type(value)
            values.append(value)
        self.pool += values
        return values

    def _shadow(
        self, number: int, type: str, given: Sequence[Value], attrs: dict[str, Any]
    ) -> tuple[Operation, list[np.ndarray]]:
        graph = self.shadows[number]
        tensors = [x.shadows[number] for x in given]
        for index in definition(type).shape_inputs:  # sizes that only a run can know are known here
            if index < len(given) and given[index].dtype.is_integer:
                tensors[index] = graph.constant(given[index].arrays[number])
        try:
            op = graph.create(type, tensors, attrs)
            if any(int(np.prod(t.type.dims, dtype=object)) > MOST_ELEMENTS for t in op.outputs):
                raise Rejected("too large")
            with np.errstate(all="ignore"):
                arrays = run_operation(
                    op, [x.arrays[number] for x in given], random=lambda _: (12345, 0)
                )
        except (OpError, ValueError, TypeError) as error:
            raise Rejected(str(error)) from None
        for array in arrays:
            sizes = np.abs(array) if array.dtype.kind == "f" else np.zeros(0)
            if sizes.size and not sizes.max() <= LARGEST_VALUE:  # a NaN is not
                raise Rejected("values out of range")
        return op, arrays

    # -- sources

    def feed(self, dtype: DType, shape: Sequence[int], axis: int | None, declared: Any) -> Value:
        """A placeholder: `shape` with the largest batch at `axis`, of the `declared` type."""
        array = self.numbers(dtype, shape)
        tensor = self.graph.op("Placeholder", dtype=dtype, shape=declared)
        feed = Feed(tensor, array, axis)
        self.feeds.append(feed)
        return self._source(tensor, [feed.at(n, 0) for n in BATCHES])

    def feed_size(self) -> Value:
        """A fed integer scalar that may become a size."""
        dtype = self.choose((dtypes.int32, dtypes.int64))
        tensor = self.graph.op("Placeholder", dtype=dtype, shape=())
        choices = (3, self.integer(1, 5), self.integer(0, 4), 4)
        self.feeds.append(Feed(tensor, np.zeros((), dtype.numpy), None, choices))
        return self._source(tensor, [np.array(n, dtype.numpy) for n in (3, 4)])

    def variable(self, dtype: DType, shape: Sequence[int]) -> Value:
        """A variable's storage; its reading joins the pool."""
        array = self.numbers(dtype, shape)
        tensor = self.graph.op("VariableV2", dtype=dtype, shape=tuple(shape))
        self.variables[tensor.op.name] = array
        ref = self._value(tensor, [array] * len(self.shadows))
        self.refs.append(ref)
        read = self.graph.op("Identity", tensor, _alias=True)
        self.pool.append(Value(read, ref.shadows, ref.arrays))
        return ref

    def _source(self, tensor: Tensor, arrays: Sequence[np.ndarray]) -> Value:
        value = self._value(tensor, arrays)
        self.pool.append(value)
        return value

    def _value(self, tensor: Tensor, arrays: Sequence[np.ndarray]) -> Value:
        shadows = tuple(g.constant(a) for g, a in zip(self.shadows, arrays, strict=True))
        return Value(tensor, shadows, tuple(arrays))

    @contextlib.contextmanager
    def ordered(self) -> Iterator[None]:
        """Operations made inside come, sometimes, after some writes or other operations."""
        operations = [*self.writes[-3:], *(v.tensor.op for v in self.pool[-3:])]
        if self.writes and self.chance(0.5):
            operations = self.writes[-3:]
        if not operations or self.chance(0.6):
            yield
            return
        chosen = {self.choose(operations): None for _ in range(self.integer(1, 2))}
        with self.graph.control_dependencies(list(chosen)):
            yield


def dense(found: Any) -> Tensor | None:
    """A gradient as a tensor."""
    return found.dense() if isinstance(found, IndexedSlices) else found


def _check_type(value: Value) -> None:
    """What the type rule knew of the unknown batch must hold for every batch size."""
    tensor = value.tensor
    where = f"{tensor.op.type} of {[str(t.type) for t in tensor.op.inputs]}"
    assert tensor.dtype is value.dtype, f"{where} gives {tensor.type}, at run time {value.dtype}"
    if tensor.type.shape is None:
        return
    for array in value.arrays:
        fits = len(tensor.type.shape) == array.ndim and all(
            isinstance(d, Unknown) or d == n
            for d, n in zip(tensor.type.shape, array.shape, strict=True)
        )
        assert fits, f"{where} gives {tensor.type}, at run time {array.shape}"
