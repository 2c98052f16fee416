"""Which launches may be shared out between threads, and what they cost.

A launch is cut along axis 0, whose points are independent. The static estimate of one row (all
points of one value of axis 0) times the extent tells the driver whether threads pay, and how long a
chunk should be. Estimates are for data in the second-level cache; a factor of two matters little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.codegen.cpu.schedule import plan
from graphc.codegen.draft import Launch
from graphc.codegen.kernel import DIVISIONS, MATH, Access, Instruction, Kernel, Size, Stage
from graphc.ir.dims import product
from graphc.ir.dtypes import DType
from graphc.ir.records import record

# Picoseconds per element, as vectors of float32; a first-order model of the figures that
# `graphc bench` prints for one thread.
_PER_BYTE = 10  # read or written in order
_APART = 400  # read or written element by element
_ARITHMETIC = 25
_PREDICATE = 50
_FOLD = 60
_DIVIDE = 120
_MATHEMATICS = 300
_LONG_MATHEMATICS = 1200
_PHILOX = 500
_SCALAR = 10  # how much longer it takes without vectors
_PRODUCT = {"float32": 14, "float64": 28}  # of a matrix product, for each step of k
_PRODUCT_OTHER = 60
TILE_ROWS = 6  # of the register tiles of matrix products: `tiles.ROWS`
_LONG = frozenset({"pow", "lgamma", "digamma", "erfc", "atan2"})
_SHORT = frozenset({"sqrt", "rsqrt", "div", "rem", "floordiv", "floormod"})


@record
class Sharing:
    """How a launch may be cut. `cost`: picoseconds per row (an int or a Dim, at least 1);
    `granule`: chunks are multiples of so many rows; `merge`: a thread takes neighbouring chunks in
    one call, for kernels that prepare something in each call.
    """

    cost: Any
    granule: int
    merge: bool


class Sharings:
    """Finds out how launches may be cut; what depends on the kernel alone is worked out once."""

    def __init__(self) -> None:
        self._kernels: dict[str, _Terms | None] = {}
        self._found: dict[Any, Sharing | None] = {}

    def of(self, launch: Launch) -> Sharing | None:
        """How a launch may be cut along axis 0; None if it must run in one piece."""
        if launch.extent is None or launch.extent == 1:
            return None
        kernel = launch.kernel
        key = kernel.key, launch.dims
        if key not in self._found:
            if kernel.key not in self._kernels:
                self._kernels[kernel.key] = _terms(kernel) if divisible(kernel) else None
            terms = self._kernels[kernel.key]
            self._found[key] = None if terms is None else _sharing(kernel, terms, launch.dims)
        return self._found[key]


# Picoseconds per row: of each stage, or of a matrix product, with the sizes to multiply them by.
_Terms = tuple[tuple[int, tuple[Size, ...]], ...]


def divisible(kernel: Kernel) -> bool:
    """Whether parts of axis 0 can run at the same time, in any order: every element is written by
    one value of axis 0 only, and overwritten, not added to.
    """
    if kernel.special is not None or kernel.outer == 0:
        return False
    if any(stage.ordered for stage in kernel.stages):
        return False
    return all(
        store.mode == "set"
        and not store.access.index.values
        and store.access.index.coefficient(0) != 0
        for stage in kernel.stages
        for store in stage.stores
    )


def _granule(kernel: Kernel) -> int:
    """Rows by which chunks grow: whole vectors, whole tiles of a matrix product."""
    if kernel.contraction is not None:
        if kernel.outer > 2:
            return 1
        return TILE_ROWS if kernel.axes[1].extent != 1 else 64
    if kernel.vector != 0:
        return 1
    return 64 if kernel.outer == 1 else 16


def _terms(kernel: Kernel) -> _Terms:
    """What one value of axis 0 costs, for each value of the other outer axes."""
    schedule = plan(kernel) if kernel.contraction is None else None
    terms: list[tuple[int, tuple[Size, ...]]] = [(1, ())]
    for number, stage in enumerate(kernel.stages):
        vectors = schedule is None or schedule.outer is not None or number in schedule.inner
        cost = _stage_cost(kernel, stage, kernel.vector if vectors else None)
        terms.append((cost, tuple([kernel.axes[axis].extent for axis in stage.axes])))
    if kernel.contraction is not None:
        step = _PRODUCT.get(kernel.contraction.dtype.name, _PRODUCT_OTHER)
        terms.append((step, kernel.contraction.k))
    return tuple(terms)


def _sharing(kernel: Kernel, terms: _Terms, sizes: Sequence[Any]) -> Sharing:
    def total(factors: Sequence[Size]) -> Any:
        return product([f if isinstance(f, int) else sizes[f.index] for f in factors])

    cost: Any = 0
    for picoseconds, factors in terms:
        cost = cost + total(factors) * picoseconds
    cost = cost * total([axis.extent for axis in kernel.axes[1 : kernel.outer]])
    return Sharing(cost, _granule(kernel), kernel.contraction is not None)


def _stage_cost(kernel: Kernel, stage: Stage, lanes: int | None) -> int:
    """Picoseconds for one point of a stage vectorised along axis `lanes` (None: not at all)."""
    accesses = [i.data for i in stage.body if isinstance(i.data, Access)]
    accesses += [store.access for store in stage.stores]
    memory = sum(_access_cost(kernel, access, lanes) for access in accesses)
    work = sum(_work(i) for i in stage.body) + _FOLD * len(stage.reduces)
    return memory + work * (_SCALAR if lanes is None else 1)


def _access_cost(kernel: Kernel, access: Access, lanes: int | None) -> int:
    checks = _PREDICATE * len(access.where)
    if access.index.values:
        return _APART + checks
    near = access.index.coefficient(lanes) if lanes is not None else 1
    if near == 0:
        return checks + 1
    return checks + (kernel.buffers[access.buffer].dtype.size * _PER_BYTE if near == 1 else _APART)


def _work(instruction: Instruction) -> int:
    """Picoseconds of one instruction's arithmetic on a vector's element."""
    op, dtype = instruction.op, instruction.dtype
    if op in ("load", "const", "index", "dim", "acc"):
        return 0
    return math.ceil(_picoseconds(op, dtype) * max(dtype.size, 4) / 4)


def _picoseconds(op: str, dtype: DType) -> int:
    if op == "philox":
        return _PHILOX
    if op in _LONG:
        return _LONG_MATHEMATICS
    if op in MATH or (op in DIVISIONS and dtype.is_integer):
        return _MATHEMATICS
    return _DIVIDE if op in _SHORT else _ARITHMETIC
