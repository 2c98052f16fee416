"""Stacks: the values that a loop keeps of every iteration, row by row in one array each.

A bound iteration writes its rows where they belong: before it runs, the addresses of its results
are set to the next rows. Loops of unknown length get stacks that double when they are full.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.codegen.cpu.recycle import recycled
from graphc.codegen.cpu.words import address_of
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Operation, Tensor

LEAST_ROWS = 16


class Stacks:
    """The stacks of one run of a loop; `capacity` rows, or more if they are needed.

    `tensors` are the values inside, `op` is the loop.
    """

    def __init__(self, op: Operation, tensors: Sequence[Tensor], capacity: int) -> None:
        self.op, self.tensors = op, tensors
        self.capacity = capacity
        self.arrays: list[np.ndarray] = []
        self._numbers: list[int] = []
        self._slots = self._bases = self._strides = np.zeros(0, np.int64)

    def put(self, position: int, number: int, value: np.ndarray) -> None:
        """Copy a value into its row.

        Raises:
            InvalidArgumentError: it has another shape than those before it.
        """
        array = self.arrays[number]
        if value.shape != array.shape[1:]:
            tensor = self.tensors[number]
            raise InvalidArgumentError(
                None, tensor.op,
                f"a value that a loop keeps of every iteration (a result of tf.map_fn or tf.scan, "
                f"or what a gradient needs) has shape {value.shape}, and {array.shape[1:]} in "
                "another iteration; what a loop keeps of every iteration must have one shape",
            )  # fmt: skip
        array[position] = value

    def make(self, rows: Sequence[np.ndarray]) -> None:
        """Make room for rows like these."""
        self.arrays = [_empty(self.capacity, row) for row in rows]

    def put_all(self, position: int, values: Sequence[np.ndarray]) -> None:
        """Copy all values of an iteration, the first of which tells the shapes."""
        if not self.arrays:
            self.make(values)
        self.reserve(position)
        for number, value in enumerate(values):
            self.put(position, number, value)

    def aim(self, position: int, buffers: np.ndarray) -> None:
        """Let the values that are written in place go to their rows."""
        self.reserve(position)
        buffers[self._slots] = self._bases + position * self._strides

    def place(self, slots: dict[int, int]) -> None:
        """Say which values are written in place: their numbers, and the slots of their buffers."""
        self._numbers = list(slots)
        self._slots = np.array(list(slots.values()), np.int64)
        self._strides = np.array([self.arrays[n][0:1].nbytes for n in slots], np.int64)
        self._find()

    def reserve(self, position: int) -> None:
        """Make room for a row."""
        if position < self.capacity:
            return
        self.capacity = 2 * position
        for number, old in enumerate(self.arrays):
            self.arrays[number] = _empty(self.capacity, old[0])
            self.arrays[number][: len(old)] = old
        self._find()

    def _find(self) -> None:
        self._bases = np.array([address_of(self.arrays[n]) for n in self._numbers], np.int64)

    def finish(self, count: int) -> list[np.ndarray]:
        """The stacks of `count` rows."""
        if self.arrays:
            return [array if len(array) == count else array[:count] for array in self.arrays]
        return [
            np.zeros((0, *(d if isinstance(d, int) else 0 for d in t.type.dims)), t.dtype.numpy)
            for t in self.tensors
        ]


def _empty(capacity: int, row: np.ndarray) -> np.ndarray:
    return recycled((capacity, *row.shape), row.dtype)
