"""Scalar code: the instructions that compute one element, emitted through the `ScalarBuilder`
protocol.

A `Point` is an index along one dimension of a tensor, affine in the group's axes. Reading an
element composes the views that stand between a reader and memory into one linear index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.codegen.draft import Draft, OperationId, RandomDim
from graphc.codegen.fusion import Fused, dims, ones_only
from graphc.codegen.kernel import DIVISIONS, SCALAR_OPS, Access, Affine, Bound, Instruction
from graphc.ir import dtypes
from graphc.ir import lowering as low
from graphc.ir.dtypes import DType
from graphc.ir.graph import Operation, Tensor


@dataclass(slots=True)
class Point:
    """An index along one dimension: affine in group axes, plus gathered terms."""

    axes: dict[int, Any] = field(default_factory=dict)
    offset: Any = 0
    values: tuple[tuple[int, Any], ...] = ()

    def scaled(self, by: Any) -> Point:
        return Point(
            {a: c * by for a, c in self.axes.items()},
            self.offset * by,
            tuple((v, c * by) for v, c in self.values),
        )

    def plus(self, other: Point) -> Point:
        axes = dict(self.axes)
        for axis, coefficient in other.axes.items():
            axes[axis] = axes.get(axis, 0) + coefficient
        return Point(axes, self.offset + other.offset, self.values + other.values)

    def affine(self) -> Affine:
        axes = tuple(sorted((a, c) for a, c in self.axes.items() if not is_zero(c)))
        return Affine(axes, self.offset, self.values)


def linear(shape: Sequence[Any], index: Sequence[Point]) -> Point:
    """The row-major position of an element of a dense tensor."""
    result = Point()
    stride: Any = 1
    for size, point in zip(reversed(shape), reversed(index), strict=True):
        result = result.plus(point.scaled(stride))
        stride = stride * size
    return result


def is_zero(size: Any) -> bool:
    return isinstance(size, int) and size == 0


def is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


class Code:
    """Emits the instructions of one draft; equal instructions within a scope are shared."""

    def __init__(self, fused: Fused, draft: Draft) -> None:
        self.fused = fused
        self.draft = draft
        self.count = 0
        self.types: dict[int, DType] = {}
        self.body: list[Instruction] = []
        self.memo: dict[Any, int] = {}

    def number(self, dtype: DType) -> int:
        self.types[self.count] = dtype
        self.count += 1
        return self.count - 1

    def emit(self, op: str, dtype: DType, args: tuple[int, ...] = (), data: Any = None) -> int:
        key = (op, dtype.name, args, repr(data) if isinstance(data, float) else data)
        found = self.memo.get(key)
        if found is None:
            found = self.number(dtype)
            self.body.append(Instruction(found, op, dtype, args, data))
            self.memo[key] = found
        return found

    def buffer(self, storage: Tensor) -> int:
        buffers = self.draft.buffers
        if storage not in buffers:
            buffers.append(storage)
        return buffers.index(storage)

    def load(
        self, tensor: Tensor, index: Sequence[Point], op: Operation, immediate: bool = True
    ) -> int:
        """The element of a tensor at an index, through views, from memory.

        Constants of one element are numbers in the code where `immediate` allows it.
        """
        if immediate and tensor.op.type == "Const" and tensor.op.attrs["value"].size == 1:
            return self.emit("const", tensor.dtype, (), tensor.op.attrs["value"].item())
        where: list[Bound] = []
        other: Any = 0
        while self.fused.is_virtual(tensor):
            view = tensor.op
            lowering = view.definition.lowering
            if isinstance(lowering, low.Reshape):
                index, tensor = self._through(view, index), view.inputs[0]
                continue
            assert isinstance(lowering, low.View)
            regions = lowering.regions(view)
            if regions:
                other = lowering.fill(view)
                where += self.bounds(regions, index, view)
            index = [self.compose(i, index, view) for i in lowering.index(view)]
            tensor = view.inputs[0]
        buffer = self.buffer(self.fused.storage(tensor))
        if isinstance(other, bool) or not tensor.dtype.is_floating:
            other = int(other)
        position = linear(dims(tensor), index).affine()
        return self.emit("load", tensor.dtype, (), Access(buffer, position, tuple(where), other))

    def bounds(
        self, regions: Sequence[low.Region], at: Sequence[Point], view: Operation
    ) -> list[Bound]:
        """The predicates of a view's regions at an index over its output axes."""
        canonical = canonical_of(view)
        return [
            Bound(self.compose(r.index, at, view).affine(), canonical(r.low), canonical(r.high))
            for r in regions
        ]

    def _through(self, reshape: Operation, index: Sequence[Point]) -> list[Point]:
        """An index of the result of a virtual reshape, as one of its input."""
        mapping = ones_only(dims(reshape.inputs[0]), dims(reshape.outputs[0]))
        assert mapping is not None, reshape
        return [Point() if k is None else index[k] for k in mapping]

    def compose(self, index: low.Index, at: Sequence[Point], view: Operation) -> Point:
        """A view's index over its output axes, as an index over the group's axes."""
        canonical = canonical_of(view)
        result = Point(offset=canonical(index.offset))
        for axis, coefficient in index.axes:
            result = result.plus(at[axis].scaled(canonical(coefficient)))
        for term in index.indirect:
            position = [self.compose(i, at, view) for i in term.position]
            raw = self.load(view.inputs[term.operand], position, view)
            row = (
                raw
                if self.types[raw] is dtypes.int64
                else self.emit("convert", dtypes.int64, (raw,))
            )
            if term.bound is not None:
                bound = (canonical(term.bound), OperationId(view.number))
                row = self.emit("check", dtypes.int64, (row,), bound)
            result = result.plus(Point(values=((row, canonical(term.coefficient)),)))
        return result


def canonical_of(op: Operation) -> Callable[[Any], Any]:
    environment = op.graph.environment
    assert environment is not None
    return environment.canonical


class Scalar:
    """The ScalarBuilder that emits kernel instructions for one element of one operation."""

    def __init__(self, code: Code, op: Operation, position: Sequence[Point]) -> None:
        self._code, self._op, self._position = code, op, position
        self.attrs = op.attrs
        self.dtype = op.outputs[0].dtype

    def const(self, value: Any, dtype: DType | None = None) -> int:
        dtype = dtype or self.dtype
        number = dtype.numpy.type(value).item()
        return self._code.emit("const", dtype, (), number)

    def convert(self, x: int, dtype: DType) -> int:
        return x if self._code.types[x] is dtype else self._code.emit("convert", dtype, (x,))

    def bitcast(self, x: int, dtype: DType) -> int:
        return x if self._code.types[x] is dtype else self._code.emit("bitcast", dtype, (x,))

    def dtype_of(self, x: int) -> DType:
        return self._code.types[x]

    def index(self, axis: int) -> int:
        return self._code.emit("index", dtypes.int64, (), self._position[axis].affine())

    def linear_index(self) -> int:
        position = linear(dims(self._op.outputs[0]), self._position)
        return self._code.emit("index", dtypes.int64, (), position.affine())

    def dim(self, size: Any) -> int:
        return self._code.emit("dim", dtypes.int64, (), canonical_of(self._op)(size))

    def checked(self, index: int, bound: Any) -> int:
        limits = (canonical_of(self._op)(bound), OperationId(self._op.number))
        return self._code.emit("check", dtypes.int64, (index,), limits)

    def random_bits(self, element: int, stream: int = 0) -> int:
        attrs = self._op.attrs
        seeds = (attrs["_random"], attrs.get("seed", 0), attrs.get("seed2", 0))
        key = self._code.emit("dim", dtypes.int64, (), RandomDim(*seeds, "key"))
        run = self._code.emit("dim", dtypes.int64, (), RandomDim(*seeds, "run"))
        lane = self._code.emit("const", dtypes.int64, (), stream)
        return self._code.emit("philox", dtypes.uint32, (element, key, run, lane))

    def __getattr__(self, name: str) -> Callable[..., int]:
        name = name.rstrip("_")
        if name != "fail_if" and name not in SCALAR_OPS:
            raise AttributeError(f"ScalarBuilder has no operation {name!r}")
        return lambda *args: self._apply(name, args)

    def _apply(self, name: str, args: tuple[int, ...]) -> int:
        types = self._code.types
        dtype = types[args[1]] if name == "select" else types[args[0]]
        assert all(isinstance(a, int) for a in args), (self._op, name, args)
        result = dtype
        if name in _TESTS:
            result = dtypes.bool_
        elif name == "philox":
            result = dtypes.uint32
        data: Any = None
        if name == "fail_if" or (name in DIVISIONS and dtype.is_integer):
            data = OperationId(self._op.number)
        return self._code.emit(name, result, args, data)


_TESTS = frozenset(["isnan", "isinf", "isfinite", "eq", "ne", "lt", "le", "gt", "ge"])
