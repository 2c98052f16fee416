"""The printer: lines, sizes, addresses and instructions of one kernel, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from graphc.codegen.cuda.forms import Geometry
from graphc.codegen.cuda.scalar import (
    combine,
    expression,
    literal,
    read_text,
    size_text,
    storage_text,
    type_text,
    written_text,
)
from graphc.codegen.kernel import (
    CODES,
    Access,
    Affine,
    Bound,
    Instruction,
    Kernel,
    Store,
)
from graphc.ir.dtypes import DType


class Printer:
    """Writes the body of one kernel. `names` are the texts of SSA values, `types` their dtypes;
    `read` are the buffers read so far."""

    def __init__(self, kernel: Kernel, geometry: Geometry) -> None:
        self.kernel, self.geometry = kernel, geometry
        self.out: list[str] = []
        self.depth = 0
        self.names: dict[int, str] = {}
        self.types: dict[int, DType] = {}
        self.read: set[int] = set()
        self._exact = _adds(kernel)

    def line(self, text: str) -> None:
        self.out.append("    " * self.depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1

    def extent(self, axis: int) -> str:
        return size_text(self.kernel.axes[axis].extent)

    def product(self, axes: Sequence[int]) -> str:
        return " * ".join(self.extent(a) for a in axes if self.kernel.axes[a].extent != 1) or "1"

    def split(self, index: str, axes: Sequence[int]) -> None:
        """The axes' values at a row-major position."""
        for axis in reversed(axes[1:]):
            self.line(f"a{axis} = {index} % {self.extent(axis)}")
            self.line(f"{index} = {index} // {self.extent(axis)}")
        if axes:
            self.line(f"a{axes[0]} = {index}")

    def shared(self, name: str, shape: str, dtype: DType) -> None:
        """An array that a block shares."""
        self.line(f"{name} = cuda.shared.array({shape}, {storage_text(dtype)})")

    # -- instructions and memory

    def affine(self, a: Affine, renamed: Mapping[int, str] | None = None) -> str:
        names = renamed or {}
        terms = [(names.get(n, f"a{n}"), c) for n, c in a.axes]
        terms += [(self.names[v], c) for v, c in a.values]
        parts = [name if c == 1 else f"{name} * {size_text(c)}" for name, c in terms]
        text = " + ".join(parts)
        if isinstance(a.offset, int) and a.offset < 0 and parts:
            return f"{text} - {-a.offset}"
        if a.offset != 0 or not parts:
            return " + ".join([*parts, size_text(a.offset)])
        return text

    def bound(self, bound: Bound) -> str:
        low, high = size_text(bound.low), size_text(bound.high)
        return f"{low} <= {self.affine(bound.index)} < {high}"

    def condition(self, access: Access) -> str:
        return " and ".join(self.bound(b) for b in access.where)

    def instruction(self, i: Instruction) -> None:
        self.types[i.number] = i.dtype
        type_text(i.dtype)  # raises where the target lacks the dtype
        name = f"v{i.number}"
        self.names[i.number] = name
        args = [self.names[a] for a in i.args]
        match i.op:
            case "load":
                self.line(f"{name} = {self._load(i)}")
            case "const":
                self.names[i.number] = literal(i.data, i.dtype)
            case "index":
                self.line(f"{name} = int64({self.affine(i.data)})")
            case "dim":
                self.line(f"{name} = int64({size_text(i.data)})")
            case "acc":
                self.line(f"{name} = acc")
            case "fail_if":
                self.names[i.number] = args[0]
                with self.block(f"if {args[0]}:"):
                    self.line(f"record(failure, {CODES['CHECK']}, {size_text(i.data)}, 0, 0)")
            case _:
                source = self.types[i.args[0]] if i.args else None
                self.line(f"{name} = {expression(i, args, source, self._exact)}")

    def _load(self, i: Instruction) -> str:
        access: Access = i.data
        self.read.add(access.buffer)
        value = read_text(i.dtype, f"b{access.buffer}[{self.affine(access.index)}]")
        if not access.where:
            return value
        return f"{value} if {self.condition(access)} else {literal(access.other, i.dtype)}"

    def store(self, store: Store) -> None:
        access, value = store.access, self.names[store.value]
        dtype = self.kernel.buffers[access.buffer].dtype
        if access.where:
            self.line(f"if {self.condition(access)}:")
            self.depth += 1
        element = f"b{access.buffer}[{self.affine(access.index)}]"
        if store.mode != "set":
            self.line(f"old = {read_text(dtype, element)}")
            value = combine(store.mode, dtype, "old", value)
        self.line(f"{element} = {written_text(dtype, value)}")
        if access.where:
            self.depth -= 1


def _adds(kernel: Kernel) -> bool:
    """Whether a product of this kernel might be contracted with an addition."""
    stages = kernel.stages
    return any(i.op in ("add", "sub") for s in stages for i in s.body) or any(
        [r.kind == "sum" for s in stages for r in s.reduces]
        + [x.mode in ("add", "sub") for s in stages for x in s.stores]
    )
