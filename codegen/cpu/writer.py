"""What all parts of a contraction's function write with: sizes, addresses, scratch, calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphc.codegen.cpu.address import size_name
from graphc.codegen.cpu.epilogue import epilogue_function
from graphc.codegen.cpu.integers import Integers
from graphc.codegen.cpu.problem import problem_of
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder
from graphc.codegen.cpu.tiles import register_tile
from graphc.codegen.kernel import Access, Kernel, Size


class Writer:
    """Writes one contraction into one function."""

    def __init__(self, kernel: Kernel, features: Features, builder: Builder, name: str) -> None:
        self.name = name
        self.problem = problem_of(kernel)
        columns = self.problem.columns
        self.tile = register_tile(
            self.problem.dtype, features, columns if isinstance(columns, int) else None
        )
        self.features = features
        self.builder = builder
        self.integers = Integers(builder)
        self.axes: dict[int, str | int] = {}

    @property
    def kernel(self) -> Kernel:
        return self.problem.kernel

    @contextmanager
    def when(self, hint: str, condition: str) -> Iterator[bool]:
        """A region that runs where `condition` holds; gives False (write nothing) if never."""
        if condition in ("true", "false"):
            yield condition == "true"
        else:
            with self.builder.when(hint, condition):
                yield True

    def range_of(self, axis: int) -> tuple[str, str]:
        """The bounds of an axis in this call."""
        if axis == 0:
            return "%begin", "%end"
        return "0", self.size(self.kernel.axes[axis].extent)

    def size(self, size: Size) -> str:
        return size_name(size)

    def bytes(self, elements: str) -> str:
        return self.integers.mul(elements, str(self.tile.size))

    def base(self, access: Access, skip: tuple[int, ...]) -> str:
        """The address of an access at the current batch, with the axes in `skip` at 0."""
        i = self.integers
        address = i.address(f"%b{access.buffer}", self.bytes(self.size(access.index.offset)))
        for axis, coefficient in access.index.axes:
            if axis not in skip and coefficient != 0:
                step = i.mul(str(self.axes[axis]), self.size(coefficient))
                address = i.address(address, self.bytes(step))
        return address

    def scratch(self, hint: str, size: int) -> str:
        return self.builder.entry(hint, f"alloca [{size} x i8], align 64")

    def zeros(self) -> str:
        """A row of zeros as wide as a panel."""
        size = self.tile.columns * self.tile.size
        text = f"internal constant [{size} x i8] zeroinitializer, align 64"
        return self.builder.module.require(f"@zeros_{size}", f"@zeros_{size} = {text}")

    def call(self, function: str, *arguments: str) -> None:
        """Call a helper function; arguments are written with their types."""
        self.builder.line(f"call fastcc void {function}({', '.join(arguments)})")

    def finish(
        self, sums: tuple[str, str], rows: tuple[str, str], columns: tuple[str, str]
    ) -> None:
        """Call the epilogue: sums at (address, stride of rows in bytes), (first, count) of rows and
        of columns, of which there is at least one."""
        name = self.name
        own = epilogue_function(self.builder.module, self.problem, self.tile, self.features, name)
        batch = [f"i64 {self.axes[axis]}" for axis in self.problem.batch_axes]
        bounds = [f"i64 {x}" for x in (*rows, *columns)]
        address, stride = sums
        self.call(
            own, "ptr %frame", "ptr %slots", *batch, *bounds, f"ptr {address}", f"i64 {stride}"
        )
