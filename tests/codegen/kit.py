"""Building kernels by hand, running them natively, and running them slowly in Python.

`interpret` is the meaning of the kernel IR, point by point, with NumPy scalars: the oracle that
native code is held to.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.codegen.cpu.driver import Frame
from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.words import address_of
from graphc.codegen.kernel import (
    CODES,
    Access,
    Affine,
    Axis,
    Bound,
    Buffer,
    D,
    Instruction,
    Kernel,
    Reduce,
    Size,
    Stage,
    Store,
)
from graphc.ir.dtypes import DType, bool_, int64
from graphc.ir.random import random_bits

Coefficients = Mapping[int, Size]


@dataclass
class _OpenStage:
    axes: tuple[int, ...]
    ordered: bool
    body: list[Instruction] = field(default_factory=list)
    reduces: list[Reduce] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)


class Kit:
    """Collects the parts of one kernel. Values are numbers, as in the IR."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.axes: list[Axis] = []
        self.stages: list[_OpenStage] = []
        self.dims = 0
        self.count = 0
        self.dtypes: dict[int, DType] = {}

    def dim(self) -> D:
        self.dims += 1
        return D(self.dims - 1)

    def buffer(self, dtype: DType, role: Any = "in") -> int:
        number = len(self.buffers)
        self.buffers.append(Buffer(f"b{number}", dtype, role))
        return number

    def axis(self, extent: Size, name: str = "") -> int:
        self.axes.append(Axis(name or "ijklmn"[len(self.axes)], extent))
        return len(self.axes) - 1

    def stage(self, *axes: int, ordered: bool = False) -> None:
        self.stages.append(_OpenStage(axes, ordered))

    def access(
        self,
        buffer: int,
        coefficients: Coefficients,
        offset: Size = 0,
        where: Sequence[Bound] = (),
        other: Any = 0,
        values: Coefficients | None = None,
    ) -> Access:
        form = affine(coefficients, offset, values)
        return Access(buffer, form, tuple(where), other)

    def op(self, op: str, dtype: DType, *args: int, data: Any = None) -> int:
        number = self.count
        self.count += 1
        self.dtypes[number] = dtype
        self.stages[-1].body.append(Instruction(number, op, dtype, args, data))
        return number

    def load(self, buffer: int, coefficients: Coefficients, **kwargs: Any) -> int:
        access = self.access(buffer, coefficients, **kwargs)
        return self.op("load", self.buffers[buffer].dtype, data=access)

    def const(self, value: Any, dtype: DType) -> int:
        return self.op("const", dtype, data=value)

    def reduce(self, kind: Any, value: int) -> int:
        number = self.count
        self.count += 1
        dtype = int64 if kind.startswith("arg") else self.dtypes[value]
        self.dtypes[number] = dtype
        self.stages[-1].reduces.append(Reduce(number, kind, value, dtype))
        return number

    def store(
        self, buffer: int, coefficients: Coefficients, value: int, mode: Any = "set", **kwargs: Any
    ) -> None:
        access = self.access(buffer, coefficients, **kwargs)
        self.stages[-1].stores.append(Store(access, value, mode))

    def kernel(self, outer: int, vector: int | None, title: str = "") -> Kernel:
        stages = tuple(
            Stage(s.axes, tuple(s.body), tuple(s.reduces), tuple(s.stores), s.ordered)
            for s in self.stages
        )
        return Kernel(
            tuple(self.buffers),
            self.dims,
            tuple(self.axes),
            outer,
            stages,
            None,
            vector,
            None,
            title,
        )


def affine(
    coefficients: Coefficients, offset: Size = 0, values: Coefficients | None = None
) -> Affine:
    return Affine(tuple(coefficients.items()), offset, tuple((values or {}).items()))


def run(
    target: CpuTarget, kernel: Kernel, arrays: Sequence[np.ndarray], dims: Sequence[int] = ()
) -> Frame:
    """Run `kernel` over its whole range; returns the frame, with what failed.

    Every array is passed as a copy beside a page that cannot be touched: an access out of bounds
    ends the process.
    """
    odd = int(kernel.key, 16)
    guarded = [_Guarded(array, bool(odd >> number & 1)) for number, array in enumerate(arrays)]
    slots = list(range(len(arrays))) + list(range(len(dims)))
    frame = Frame(
        np.array([g.address for g in guarded] + [0], np.int64),
        np.array([*dims, 0], np.int64),
        target,
    )
    words = np.array([*slots, 0], np.int64)
    stop = 1
    if kernel.outer:
        stop = size_of(kernel.axes[0].extent, dims)
    target.compile(kernel)(frame.address, address_of(words), 0, stop)
    for array, guard in zip(arrays, guarded, strict=True):
        guard.check()
        array[...] = guard.array
    return frame


class _Guarded:
    """A copy of an array next to a page that nobody may touch: behind it, or (every second time)
    before it. On the other side there are bytes that must survive."""

    PAGE = 4096

    def __init__(self, array: np.ndarray, before: bool) -> None:
        size = array.nbytes
        pages = -(-size // self.PAGE) + 3
        self.memory = mmap.mmap(-1, pages * self.PAGE)
        self.block = np.frombuffer(self.memory, np.uint8)
        self.block[:] = 0xA5
        base = address_of(self.block)
        self.guard = base if before else base + (pages - 1) * self.PAGE
        self.start = self.PAGE if before else (pages - 1) * self.PAGE - size
        self.array = np.frombuffer(self.memory, array.dtype, array.size, self.start)
        self.array = self.array.reshape(array.shape)
        self.array[...] = array
        self.end = self.start + size
        self.address = base + self.start
        self._protect(0)

    def _protect(self, flags: int) -> None:
        libc = ctypes.CDLL(None)
        result = libc.mprotect(ctypes.c_void_p(self.guard), ctypes.c_size_t(self.PAGE), flags)
        assert result == 0

    def check(self) -> None:
        self._protect(mmap.PROT_READ | mmap.PROT_WRITE)
        assert (self.block[: self.start] == 0xA5).all(), "written before the buffer"
        assert (self.block[self.end :] == 0xA5).all(), "written behind the buffer"


def size_of(size: Size, dims: Sequence[int]) -> int:
    return int(dims[size.index]) if isinstance(size, D) else size


# -- the oracle


@dataclass
class Failure:
    code: int = 0
    op: int = 0
    operands: tuple[int, int] = (0, 0)

    def record(self, code: int, op: int, x: int, y: int) -> None:
        if self.code == 0 or op < self.op:
            self.code, self.op, self.operands = code, op, (x, y)


def interpret(kernel: Kernel, arrays: Sequence[np.ndarray], dims: Sequence[int] = ()) -> Failure:
    """Run `kernel` on `arrays` (written in place) point by point."""
    return _Interpreter(kernel, [a.reshape(-1) for a in arrays], dims).run()


class _Interpreter:
    def __init__(self, kernel: Kernel, arrays: list[np.ndarray], dims: Sequence[int]) -> None:
        self.kernel, self.arrays, self.dims = kernel, arrays, dims
        self.failure = Failure()

    def size(self, size: Size) -> int:
        return size_of(size, self.dims)

    def extents(self, axes: Sequence[int]) -> list[range]:
        return [range(self.size(self.kernel.axes[a].extent)) for a in axes]

    def run(self) -> Failure:
        outer = range(self.kernel.outer)
        for point in itertools.product(*self.extents(outer)):
            values: dict[int, Any] = {}
            for stage in self.kernel.stages:
                self.stage(stage, dict(zip(outer, point, strict=True)), values)
        return self.failure

    def stage(self, stage: Stage, axes: dict[int, int], values: dict[int, Any]) -> None:
        folds: dict[int, list[Any]] = {r.number: [] for r in stage.reduces}
        for point in itertools.product(*self.extents(stage.axes)):
            here = axes | dict(zip(stage.axes, point, strict=True))
            local = dict(values)
            for instruction in stage.body:
                local[instruction.number] = self.instruction(instruction, here, local)
            for store in stage.stores:
                self.store(store, here, local)
            for reduce in stage.reduces:
                folds[reduce.number].append(local[reduce.value])
            if not stage.axes:
                values.update(local)
        dtypes = {i.number: i.dtype for s in self.kernel.stages for i in s.body}
        for reduce in stage.reduces:
            values[reduce.number] = fold(reduce, folds[reduce.number], dtypes[reduce.value])

    def index(self, form: Affine, axes: Mapping[int, int], values: Mapping[int, Any]) -> int:
        total = self.size(form.offset)
        total += sum(self.size(c) * axes[a] for a, c in form.axes)
        return total + sum(self.size(c) * int(values[v]) for v, c in form.values)

    def inside(self, access: Access, axes: Mapping[int, int], values: Mapping[int, Any]) -> bool:
        return all(
            self.size(b.low) <= self.index(b.index, axes, values) < self.size(b.high)
            for b in access.where
        )

    def element(self, access: Access, axes: Mapping[int, int], values: Mapping[int, Any]) -> int:
        index = self.index(access.index, axes, values)
        assert 0 <= index < self.arrays[access.buffer].size, f"{access} touches {index}"
        return index

    def store(self, store: Store, axes: Mapping[int, int], values: Mapping[int, Any]) -> None:
        access = store.access
        array = self.arrays[access.buffer]
        if not self.inside(access, axes, values) or (self.failure.code and array.size == 0):
            return
        index = self.element(access, axes, values)
        value = values[store.value]
        if store.mode != "set":
            dtype = self.kernel.buffers[access.buffer].dtype
            value = scalar(store.mode, dtype, [array[index], value], None)
        array[index] = value

    def instruction(
        self, i: Instruction, axes: Mapping[int, int], values: Mapping[int, Any]
    ) -> Any:
        args = [values[a] for a in i.args]
        match i.op:
            case "load":
                access = i.data
                array = self.arrays[access.buffer]
                if not self.inside(access, axes, values):
                    return array.dtype.type(access.other)
                if self.failure.code and array.size == 0:
                    return array.dtype.type(0)
                return array[self.element(access, axes, values)]
            case "const":
                return i.dtype.numpy.type(i.data)
            case "index":
                return np.int64(self.index(i.data, axes, values))
            case "dim":
                return np.int64(self.size(i.data))
            case "check":
                bound, op = self.size(i.data[0]), self.size(i.data[1])
                if 0 <= args[0] < bound:
                    return args[0]
                self.failure.record(CODES["INDEX"], op, int(args[0]), bound)
                return np.int64(0)
            case "fail_if":
                if args[0]:
                    self.failure.record(CODES["CHECK"], self.size(i.data), 0, 0)
                return args[0]
            case "convert":
                return convert(args[0], i.dtype)
            case "bitcast":
                return np.asarray(args[0]).view(i.dtype.numpy)[()]
        fail = None if i.data is None else (self.failure, self.size(i.data))
        return scalar(i.op, i.dtype, args, fail)


def convert(x: Any, dtype: DType) -> Any:
    if dtype.is_bool:
        return np.bool_(x != 0)
    kind = dtype.numpy.type
    if dtype.is_integer and np.asarray(x).dtype.kind == "f":
        if np.isnan(x):
            return kind(0)
        return kind(max(min(int(dtype.max), int(x) if np.isfinite(x) else int(np.sign(x)) << 65),
                        int(dtype.min)))  # fmt: skip
    return np.asarray(x).astype(dtype.numpy)[()]


def wrap(value: int, dtype: DType) -> Any:
    bits = dtype.size * 8
    value &= (1 << bits) - 1
    if not dtype.is_unsigned and value >> (bits - 1):
        value -= 1 << bits
    return dtype.numpy.type(value)


FLOAT_OPS: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "rem": np.fmod,
    "floordiv": lambda x, y: np.floor(x / y), "floormod": np.mod, "pow": np.power,
    "max": np.maximum, "min": np.minimum, "atan2": np.arctan2, "neg": np.negative, "abs": np.abs,
    "sign": np.sign, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "exp": np.exp,
    "log": np.log, "tanh": np.tanh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "rint": np.rint, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
}  # fmt: skip
COMPARISONS: dict[str, Any] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


def scalar(op: str, dtype: DType, args: list[Any], fail: tuple[Failure, int] | None) -> Any:
    """One op on NumPy scalars; `dtype` is the result's."""
    if op == "select":
        return args[1] if args[0] else args[2]
    if op in COMPARISONS:
        return COMPARISONS[op](*args)
    if op == "philox":
        element, key, counter, stream = (int(a) for a in args)
        return random_bits(element, key, counter, stream)[()]
    if op == "fma":
        wide = np.longdouble
        return dtype.numpy.type(wide(args[0]) * wide(args[1]) + wide(args[2]))
    if op in ("isnan", "isinf", "isfinite") or dtype.is_floating:
        return FLOAT_OPS[op](*args)
    if dtype.is_bool:
        x, y = bool(args[0]), bool(args[-1])
        table = {"and": x and y, "or": x or y, "xor": x != y, "not": not x,
                 "max": x or y, "min": x and y, "add": x or y, "mul": x and y}  # fmt: skip
        return np.bool_(table[op])
    return wrap(_integer(op, dtype, [int(a) for a in args], fail), dtype)


def _integer(op: str, dtype: DType, args: list[int], fail: tuple[Failure, int] | None) -> int:
    x, y = args[0], args[-1]
    if op in ("div", "rem", "floordiv", "floormod") and y == 0:
        if fail is not None:
            fail[0].record(CODES["DIVIDE"], fail[1], x, 0)
        return 0
    if op == "pow" and y < 0:
        if fail is not None:
            fail[0].record(CODES["POWER"], fail[1], x, y)
        return 0
    bits = dtype.size * 8
    match op:
        case "add":
            return x + y
        case "sub":
            return x - y
        case "mul":
            return x * y
        case "div":
            return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        case "rem":
            return abs(x) % abs(y) * (-1 if x < 0 else 1)
        case "floordiv":
            return x // y
        case "floormod":
            return x % y
        case "pow":
            return pow(x, y, 1 << bits)
        case "max":
            return max(x, y)
        case "min":
            return min(x, y)
        case "neg":
            return -x
        case "abs":
            return abs(x)
        case "sign":
            return (x > 0) - (x < 0)
        case "and":
            return x & y
        case "or":
            return x | y
        case "xor":
            return x ^ y
        case "not":
            return ~x
        case "shl":
            return x << (y & (bits - 1))
        case "shr":
            return x >> (y & (bits - 1))
        case "mulhi":
            return x * y >> 32
    raise AssertionError(op)  # fmt: skip


def fold(reduce: Reduce, values: list[Any], dtype: DType) -> Any:
    """A reduction in full precision, rounded once (sums), or exactly (others)."""
    kind = dtype.numpy.type
    match reduce.kind:
        case "sum" | "prod" if dtype.is_floating:
            total = np.longdouble(0 if reduce.kind == "sum" else 1)
            for value in values:
                total = total + value if reduce.kind == "sum" else total * value
            return kind(total)
        case "sum":
            return wrap(sum(int(v) for v in values), dtype)
        case "prod":
            product = 1
            for value in values:
                product *= int(value)
            return wrap(product, dtype)
        case "any":
            return np.bool_(any(values))
        case "all":
            return np.bool_(all(values))
    array = np.array(values, dtype.numpy)
    if reduce.kind.startswith("arg"):
        return np.int64(
            (np.argmax if reduce.kind == "argmax" else np.argmin)(array) if values else 0
        )
    if not values:
        low, high = (-np.inf, np.inf) if dtype.is_floating else (dtype.min, dtype.max)
        return kind(low if reduce.kind == "max" else high)
    return (np.max if reduce.kind == "max" else np.min)(array)


def compare(
    target: CpuTarget,
    kernel: Kernel,
    arrays: Sequence[np.ndarray],
    dims: Sequence[int] = (),
    rtol: float = 1e-6,
) -> list[np.ndarray]:
    """Run natively and by the oracle; every buffer and what failed must agree. Returns native
    arrays.
    """
    native, slow = [a.copy() for a in arrays], [a.copy() for a in arrays]
    frame = run(target, kernel, native, dims)
    failure = interpret(kernel, slow, dims)
    for buffer, got, expected in zip(kernel.buffers, native, slow, strict=True):
        if buffer.dtype.is_floating:
            np.testing.assert_allclose(
                got, expected, rtol=rtol, atol=rtol, err_msg=f"{buffer}\n{kernel}"
            )
        else:
            np.testing.assert_array_equal(got, expected, err_msg=f"{buffer}\n{kernel}")
    seen = (frame.code, frame.op, frame.operands)
    assert seen == (failure.code, failure.op, failure.operands), (seen, failure, str(kernel))
    return native


def sample(rng: np.random.Generator, dtype: DType, shape: Any) -> np.ndarray:
    """Random values of a dtype."""
    if dtype == bool_:
        return rng.random(shape) < 0.5
    if dtype.is_floating:
        return rng.normal(size=shape).astype(dtype.numpy)
    low, high = max(int(dtype.min), -(2**40)), min(int(dtype.max), 2**40)
    return rng.integers(low, high, shape, endpoint=True).astype(dtype.numpy)
