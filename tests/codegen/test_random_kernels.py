"""Kernels drawn at random, native against the oracle: axes, strides, predicates, folds, stages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.target import Features, host_features
from graphc.codegen.kernel import Bound, Kernel, Size
from graphc.ir.dtypes import DType, bool_, float32, float64, int8, int32, int64, uint8
from tests.codegen.kit import Kit, affine, compare, sample

DTYPES = (float32, float32, float64, int32, int64, int8, uint8)
EXTENTS = (0, 1, 2, 3, 5, 7, 15, 16, 17, 19, 33, 40)
MOST_POINTS = 700


@pytest.fixture(scope="module")
def target() -> CpuTarget:
    return CpuTarget(disk=None)


class Draw:
    """One random kernel, its arrays and run-time integers."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.kit = Kit()
        self.dims: list[int] = []
        self.arrays: list[np.ndarray] = []
        self.extents: list[int] = []
        self.dtype: DType = self.one_of(DTYPES)
        self.numbers: list[int] = []
        self.positions: list[int] = []

    def one_of(self, choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def size(self, value: int) -> Size:
        """`value` as a constant or as a run-time integer."""
        if self.chance(0.5):
            return value
        self.dims.append(value)
        return self.kit.dim()

    def kernel(self) -> Kernel:
        outer, inner = int(self.rng.integers(0, 4)), int(self.rng.integers(0, 3))
        room = MOST_POINTS
        for _ in range(outer + inner):
            extent = min(int(self.one_of(EXTENTS)), max(room, 1))
            room //= max(extent, 1)
            self.extents.append(extent)
            self.kit.axis(self.size(extent))
        axes = range(outer + inner)
        for number in range(int(self.rng.integers(1, 4))):
            looped = [a for a in axes[outer:] if self.chance(0.7)]
            self.stage(outer, looped, number)
        if self.positions:
            self.kit.stage()
        for position in self.positions:
            self.keep(list(range(outer)), position, int64)
        vector = int(self.one_of(axes)) if axes and self.chance(0.85) else None
        return self.kit.kernel(outer, vector)

    def stage(self, outer: int, looped: list[int], number: int) -> None:
        kit = self.kit
        kit.stage(*looped)
        here = [*range(outer), *looped]
        values = list(self.numbers)
        values += [self.load(here) for _ in range(int(self.rng.integers(1, 3)))]
        if self.chance(0.2):
            values.append(self.gather(here))
        for _ in range(int(self.rng.integers(0, 4))):
            values.append(self.op(values))
        if looped and self.chance(0.7):
            kinds = ("sum", "max", "min", "argmax", "argmin")
            results = [(kind, kit.reduce(kind, values[-1])) for kind in kinds if self.chance(0.4)]
            for kind, result in results:
                (self.positions if kind.startswith("arg") else self.numbers).append(result)
        if self.chance(0.9) or number == 0:
            self.store(here, values[-1])
        if not looped:
            self.numbers += values[-1:]

    def layout(self, here: list[int]) -> tuple[dict[int, Size], Size, int]:
        """Coefficients and offset of an access to some axes, in any order and direction, and the
        number of elements that it needs."""
        order = [int(a) for a in self.rng.permutation(here)] if self.chance(0.4) else list(here)
        coefficients: dict[int, Size] = {}
        stride, offset = int(self.one_of((1, 1, 1, 2))), int(self.one_of((0, 0, 3)))
        highest = offset
        for axis in reversed(order):
            extent = self.extents[axis]
            backwards = self.chance(0.1)
            coefficients[axis] = self.size(-stride if backwards else stride)
            highest += stride * max(extent - 1, 0)
            offset += stride * max(extent - 1, 0) if backwards else 0
            stride *= max(extent, 1)
        return coefficients, self.size(offset), highest + 1

    def buffer(self, dtype: DType, count: int, role: str = "in") -> int:
        values = sample(self.rng, dtype, count)
        if dtype.is_integer and self.chance(0.7):
            values = values % dtype.numpy.type(5)
        if dtype.is_floating and self.chance(0.2) and count:
            values[self.rng.integers(count)] = np.nan
        self.arrays.append(values)
        return self.kit.buffer(dtype, role)

    def load(self, here: list[int]) -> int:
        used = [a for a in here if self.chance(0.75)]
        coefficients, offset, count = self.layout(used)
        where = []
        other = 0
        if self.chance(0.25) and used:
            axis = int(self.one_of(used))
            low = int(self.rng.integers(0, 3))
            high = int(self.rng.integers(0, self.extents[axis] + 2))
            where = [Bound(affine({axis: 1}), self.size(low), self.size(high))]
            other = int(self.rng.integers(0, 3))
        buffer = self.buffer(self.dtype, count)
        return self.kit.load(buffer, coefficients, offset=offset, where=where, other=other)

    def gather(self, here: list[int]) -> int:
        used = [a for a in here if self.chance(0.6)]
        coefficients, offset, count = self.layout(used)
        indices = self.buffer(int64, count)
        rows = int(self.rng.integers(1, 5))
        self.arrays[-1][:] = self.rng.integers(0, rows, count)
        rest = [a for a in here if a not in used]
        columns, start, width = self.layout(rest)
        table = self.buffer(self.dtype, rows * width)
        index = self.kit.load(indices, coefficients, offset=offset)
        index = self.kit.op("check", int64, index, data=(self.size(rows), 5))
        if self.chance(0.2) and count:
            self.arrays[indices][self.rng.integers(count)] = rows + 3
        return self.kit.load(table, columns, offset=start, values={index: self.size(width)})

    def keep(self, here: list[int], value: int, dtype: DType) -> None:
        coefficients, offset, count = self.layout(here)
        buffer = self.buffer(dtype, count, "out")
        self.kit.store(buffer, coefficients, value, offset=offset)

    def op(self, values: list[int]) -> int:
        kit, dtype = self.kit, self.dtype
        x, y = (int(self.one_of(values)) for _ in range(2))
        match self.one_of(("binary", "binary", "unary", "select", "const")):
            case "binary":
                return kit.op(self.one_of(("add", "sub", "mul", "max", "min")), dtype, x, y)
            case "unary":
                return kit.op(self.one_of(("neg", "abs", "sign")), dtype, x)
            case "select":
                condition = kit.op(self.one_of(("lt", "ge", "eq")), bool_, x, y)
                return kit.op("select", dtype, condition, y, x)
        return kit.op("add", dtype, x, kit.const(2, dtype))

    def store(self, here: list[int], value: int) -> None:
        coefficients, offset, count = self.layout(here)
        mode = self.one_of(("set", "set", "set", "add", "max"))
        role = "out" if mode == "set" else "inout"
        where = []
        if self.chance(0.2) and here:
            axis = int(self.one_of(here))
            where = [Bound(affine({axis: 1}, -1), self.size(0), self.size(self.extents[axis] - 2))]
        buffer = self.buffer(self.dtype, count, role)
        self.kit.store(buffer, coefficients, value, mode, offset=offset, where=where)


def check(target: CpuTarget, seed: int) -> None:
    draw = Draw(seed)
    kernel = draw.kernel()
    if math.prod(draw.extents) > MOST_POINTS:
        return
    rtol = 1e-4 if draw.dtype == float32 else 1e-9
    with np.errstate(all="ignore"):
        compare(target, kernel, draw.arrays, draw.dims, rtol=rtol)


@pytest.mark.parametrize("part", range(4))
def test_random_kernels(target: CpuTarget, part: int) -> None:
    for seed in range(part * 20, part * 20 + 20):
        check(target, seed)


def test_random_kernels_without_vector_extensions() -> None:
    """The same without AVX: remainders by copies, masks by loops over lanes."""
    host = host_features()
    if not host.is_x86:
        pytest.skip("for x86 only")
    off = ",".join(f"-{name}" for name in ("avx512f", "avx2", "avx", "fma", "f16c", "sse4.1"))
    target = CpuTarget(Features(host.triple, "x86-64", off), disk=None)
    for seed in range(1000, 1015):
        check(target, seed)
