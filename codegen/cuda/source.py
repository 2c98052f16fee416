"""Source: a `Kernel` printed as a readable numba.cuda function, one printer for each form.

The text names `cuda`, `libdevice`, `device`, dtypes, `inf` and `nan`, which the adapter supplies; so the
same text feeds the simulator and the compiler. Shared arrays stand on lines of their own: the
simulator tells them apart by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from graphc.codegen.cuda.forms import GPU, Form, Geometry, choose_form, known_inner_points
from graphc.codegen.cuda.prelude import helpers_for
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
    Reduce,
    Size,
    Stage,
    Store,
)
from graphc.ir.dtypes import DType
from graphc.ir.errors import UnimplementedError

FORM_NOTES = {
    "points": "one thread for each outer point",
    "rows": "one block for each outer point, whose lanes share the inner points",
    "tiles": "one block for each tile of the product",
    "serial": "one thread for everything, in order",
}


def kernel_name(kernel: Kernel) -> str:
    return f"kernel_{kernel.key[:12]}"


def kernel_source(kernel: Kernel, form: Form | None = None, geometry: Geometry = GPU) -> str:
    """The numba.cuda source of a kernel: helpers, then `def kernel_<key>(b0, …, d0, …, failure)`.

    Args:
        form: how points are dealt to threads (default: what a launch with many inner points takes).

    Raises:
        UnimplementedError: a dtype or special kernel that this target does not have.
    """
    chosen = form or choose_form(kernel, known_inner_points(kernel), geometry)
    lines = _Printer(kernel, chosen, geometry).lines()
    helpers = helpers_for("\n".join(lines))
    parts = ["\n".join(_header(kernel, chosen)), *helpers, "\n".join(lines)]
    return "\n\n\n".join(parts) + "\n"


def _header(kernel: Kernel, form: Form) -> list[str]:
    lines = [kernel.title or "kernel", f"  {FORM_NOTES[form]}"]
    lines += [f"  {source}" for source in kernel.sources]
    lines += [f"  b{n}: {b.role} {b.dtype.name}" for n, b in enumerate(kernel.buffers)]
    return [f"# {part}" for line in lines for part in line.splitlines()]


class _Printer:
    """Prints one kernel. `names` are the texts of SSA values, `types` their dtypes."""

    def __init__(self, kernel: Kernel, form: Form, geometry: Geometry) -> None:
        self.kernel, self.form, self.geometry = kernel, form, geometry
        self.out: list[str] = []
        self.depth = 0
        self.names: dict[int, str] = {}
        self.types: dict[int, DType] = {}
        self.exact = _adds(kernel)
        self.read: set[int] = set()  # buffers that this outer point has read

    def lines(self) -> list[str]:
        kernel = self.kernel
        names = [f"b{n}" for n in range(len(kernel.buffers))]
        names += [f"d{n}" for n in range(kernel.dims)]
        with self.block(f"def {kernel_name(kernel)}({', '.join([*names, 'failure'])}):"):
            if kernel.special is not None:
                self._special(kernel.special)
            elif self.form == "tiles":
                self._tiles()
            elif self.form == "rows":
                self._rows()
            elif self.form == "points":
                self._points()
            else:
                self._loops(range(kernel.outer), self._stages)
        return self.out

    # -- writing

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

    # -- forms

    def _special(self, name: str) -> None:
        if name != "permutation":
            raise UnimplementedError(None, None, f"the CUDA target has no special kernel {name!r}")
        with self.block("for i in range(d0):"):
            self.line("b0[i] = int64(i)")
        with self.block("for i in range(d0 - 1, 0, -1):"):
            for half, element in (("high", "2 * i"), ("low", "2 * i + 1")):
                draw = f"philox(int64({element}), int64(d1), int64(d2), int64(1))"
                self.line(f"{half} = uint64({draw})")
            self.line("j = int64(((high << uint64(32)) | low) % uint64(i + 1))")
            self.line("other = b0[j]")
            self.line("b0[j] = b0[i]")
            self.line("b0[i] = other")

    def _points(self) -> None:
        outer = range(self.kernel.outer)
        self.line(
            "point = int64(cuda.blockIdx.x) * int64(cuda.blockDim.x) + int64(cuda.threadIdx.x)"
        )
        with self.block(f"if point >= {self.product(outer)}:"):
            self.line("return")
        self.split("point", outer)
        self._stages()

    def _rows(self) -> None:
        for stage in self.kernel.stages:
            for reduce in stage.reduces:
                dtype = self._reduced(stage, reduce)
                self._shared(f"shared_{reduce.number}", str(self.geometry.lanes), dtype)
                if reduce.kind in ("argmax", "argmin"):
                    self.line(
                        f"shared_at_{reduce.number} = cuda.shared.array({self.geometry.lanes}, int64)"
                    )
        self.line("lane = int64(cuda.threadIdx.x)")
        self.line("lanes = int64(cuda.blockDim.x)")
        if self.kernel.outer:
            self.line("point = int64(cuda.blockIdx.x)")
            self.split("point", range(self.kernel.outer))
        self._stages()

    def _shared(self, name: str, shape: str, dtype: DType) -> None:
        self.line(f"{name} = cuda.shared.array({shape}, {storage_text(dtype)})")

    def _tiles(self) -> None:
        kernel, contraction = self.kernel, self.kernel.contraction
        assert contraction is not None
        edge, outer = self.geometry.tile, kernel.outer
        row, column = outer - 2, outer - 1
        dtype, k = contraction.dtype, size_text(contraction.k)
        self._shared("tile_a", f"({edge}, {edge})", dtype)
        self._shared("tile_b", f"({edge}, {edge})", dtype)
        self.line("x = int64(cuda.threadIdx.x)")
        self.line("y = int64(cuda.threadIdx.y)")
        self.line("rest = int64(cuda.blockIdx.x)")
        for axis, place, lane in ((column, "columns", "x"), (row, "rows", "y")):
            self.line(f"{place} = ({self.extent(axis)} + {edge - 1}) // {edge}")
            self.line(f"a{axis} = rest % {place} * {edge} + {lane}")
            self.line(f"rest = rest // {place}")
        self.split("rest", range(outer - 2))
        self.line(f"acc = {literal(0, dtype)}")
        with self.block(f"for start in range(0, {k}, {edge}):"):
            sides = (
                ("a", contraction.a, contraction.a_k, row, "x"),
                ("b", contraction.b, contraction.b_k, column, "y"),
            )
            for side, access, step, axis, lane in sides:
                self.line(f"k = start + {lane}")
                inside = f"a{axis} < {self.extent(axis)} and k < {k}"
                at = f"{self.affine(access.index)} + k * {size_text(step)}"
                value = f"b{access.buffer}[{at}]"
                self.line(f"tile_{side}[y, x] = {value} if {inside} else {literal(0, dtype)}")
            self.line("cuda.syncthreads()")
            with self.block(f"for step in range({edge}):"):
                total = combine("sum", dtype, "acc", "tile_a[y, step] * tile_b[step, x]")
                self.line(f"acc = {total}")
            self.line("cuda.syncthreads()")
        inside = f"a{row} < {self.extent(row)} and a{column} < {self.extent(column)}"
        with self.block(f"if {inside}:"):
            self._stages()

    # -- stages

    def _stages(self) -> None:
        for stage in self.kernel.stages:
            if self.form == "rows":
                self._shared_stage(stage)
            else:
                self._own_stage(stage)

    def _own_stage(self, stage: Stage) -> None:
        """A stage that one thread walks alone."""
        for reduce in stage.reduces:
            self._start(stage, reduce)
        self._loops(stage.axes, lambda: self._point(stage, self._position(stage)))
        for reduce in stage.reduces:
            arg = reduce.kind in ("argmax", "argmin")
            self.names[reduce.number] = f"{'at' if arg else 'r'}{reduce.number}"

    def _loops(self, axes: Sequence[int], body) -> None:  # type: ignore[no-untyped-def]
        depth = self.depth
        for axis in axes:
            self.line(f"for a{axis} in range({self.extent(axis)}):")
            self.depth += 1
        before = len(self.out)
        body()
        if axes and len(self.out) == before:
            self.line("pass")
        self.depth = depth

    def _shared_stage(self, stage: Stage) -> None:
        """A stage whose inner points are dealt to the lanes of a block."""
        if not stage.axes:
            self._outer_stage(stage)
            return
        for reduce in stage.reduces:
            self._start(stage, reduce)
        position = f"a{stage.axes[0]}"
        if len(stage.axes) > 1:
            position = "position"
        with self.block(f"for {position} in range(lane, {self.product(stage.axes)}, lanes):"):
            if len(stage.axes) > 1:
                self.line("rest = position")
                self.split("rest", stage.axes)
            self._point(stage, position)
        if stage.reduces:
            self._tree(stage)

    def _outer_stage(self, stage: Stage) -> None:
        """A stage without inner axes: all lanes compute it, the first one stores."""
        for instruction in stage.body:
            self._instruction(instruction)
        if not stage.stores:
            return
        if any(store.access.buffer in self.read for store in stage.stores):
            self.line("cuda.syncthreads()  # all lanes have read what is overwritten")
        with self.block("if lane == 0:"):
            for store in stage.stores:
                self._store(store)

    def _point(self, stage: Stage, position: str) -> None:
        for instruction in stage.body:
            self._instruction(instruction)
        for reduce in stage.reduces:
            self._step(stage, reduce, position)
        for store in stage.stores:
            self._store(store)

    def _position(self, stage: Stage) -> str:
        """The row-major position over a stage's axes."""
        text = ""
        for axis in stage.axes:
            if text:
                text = f"({text}) * {self.extent(axis)} + " if "+" in text else (
                    f"{text} * {self.extent(axis)} + ")  # fmt: skip
            text += f"a{axis}"
        return text or "0"

    # -- reductions

    def _reduced(self, stage: Stage, reduce: Reduce) -> DType:
        """The dtype of the values that a reduction folds."""
        for part in (stage, *self.kernel.stages):
            for i in part.body:
                if i.number == reduce.value:
                    return i.dtype
            for r in part.reduces:
                if r.number == reduce.value:
                    return r.dtype
        raise AssertionError(reduce)

    def _start(self, stage: Stage, reduce: Reduce) -> None:
        dtype = self._reduced(stage, reduce)
        self.types[reduce.number] = reduce.dtype
        self.line(f"r{reduce.number} = {_identity(reduce.kind, dtype)}")
        if reduce.kind in ("argmax", "argmin"):
            self.line(f"at{reduce.number} = int64(0)")

    def _step(self, stage: Stage, reduce: Reduce, position: str) -> None:
        dtype, value, name = self._reduced(stage, reduce), self.names[reduce.value], reduce.number
        if reduce.kind not in ("argmax", "argmin"):
            self.line(f"r{name} = {combine(reduce.kind, dtype, f'r{name}', value)}")
            return
        with self.block(f"if {_better(reduce.kind, dtype, value, f'r{name}')}:"):
            self.line(f"r{name} = {value}")
            self.line(f"at{name} = int64({position})")

    def _tree(self, stage: Stage) -> None:
        """Join the lanes' partial results: lane l takes in lane l + half, and half is halved."""
        folds = [(r, self._reduced(stage, r), r.kind in ("argmax", "argmin")) for r in stage.reduces]
        for reduce, dtype, arg in folds:
            number = reduce.number
            self.line(f"shared_{number}[lane] = {written_text(dtype, f'r{number}')}")
            if arg:
                self.line(f"shared_at_{number}[lane] = at{number}")
        self.line("cuda.syncthreads()")
        self.line("half = lanes // 2")
        with self.block("while half > 0:"):
            with self.block("if lane < half:"):
                for reduce, dtype, arg in folds:
                    self._join(reduce, dtype, arg)
            self.line("cuda.syncthreads()")
            self.line("half = half // 2")
        for reduce, dtype, arg in folds:
            name, number = f"v{reduce.number}", reduce.number
            whole = f"shared_at_{number}[0]" if arg else read_text(dtype, f"shared_{number}[0]")
            self.line(f"{name} = {whole}")
            self.names[number] = name

    def _join(self, reduce: Reduce, dtype: DType, arg: bool) -> None:
        n = reduce.number
        self.line(f"other_{n} = {read_text(dtype, f'shared_{n}[lane + half]')}")
        if not arg:
            self.line(f"r{n} = {combine(reduce.kind, dtype, f'r{n}', f'other_{n}')}")
            self.line(f"shared_{n}[lane] = {written_text(dtype, f'r{n}')}")
            return
        self.line(f"other_at_{n} = shared_at_{n}[lane + half]")
        same = f"other_{n} == r{n}"
        if dtype.is_floating:
            same = f"({same} or (other_{n} != other_{n} and r{n} != r{n}))"
        better = _better(reduce.kind, dtype, f"other_{n}", f"r{n}")
        with self.block(f"if ({better}) or ({same} and other_at_{n} < at{n}):"):
            self.line(f"r{n} = other_{n}")
            self.line(f"at{n} = other_at_{n}")
            self.line(f"shared_{n}[lane] = {written_text(dtype, f'r{n}')}")
            self.line(f"shared_at_{n}[lane] = at{n}")

    # -- instructions and memory

    def affine(self, a: Affine) -> str:
        terms = [(f"a{n}", c) for n, c in a.axes] + [(self.names[v], c) for v, c in a.values]
        parts = [name if c == 1 else f"{name} * {size_text(c)}" for name, c in terms]
        if a.offset != 0 or not parts:
            parts.append(size_text(a.offset))
        return " + ".join(parts)

    def bound(self, bound: Bound) -> str:
        index, low, high = self.affine(bound.index), _text(bound.low), _text(bound.high)
        return f"{low} <= {index} < {high}"

    def condition(self, access: Access) -> str:
        return " and ".join(self.bound(b) for b in access.where)

    def _instruction(self, i: Instruction) -> None:
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
                self.line(f"{name} = {expression(i, args, source, self.exact)}")

    def _load(self, i: Instruction) -> str:
        access: Access = i.data
        self.read.add(access.buffer)
        value = read_text(i.dtype, f"b{access.buffer}[{self.affine(access.index)}]")
        if not access.where:
            return value
        return f"{value} if {self.condition(access)} else {literal(access.other, i.dtype)}"

    def _store(self, store: Store) -> None:
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


def _text(size: Size) -> str:
    return size_text(size)


def _adds(kernel: Kernel) -> bool:
    """Whether a product of this kernel might be contracted with an addition."""
    stages = kernel.stages
    return any(i.op in ("add", "sub") for s in stages for i in s.body) or any(
        [r.kind == "sum" for s in stages for r in s.reduces]
        + [x.mode in ("add", "sub") for s in stages for x in s.stores]
    )


def _identity(kind: str, dtype: DType) -> str:
    """The empty fold's result."""
    if kind in ("sum", "any"):
        return literal(0, dtype)
    if kind in ("prod", "all"):
        return literal(1, dtype)
    least = kind in ("max", "argmax")
    if dtype.is_floating:
        return literal(float("-inf" if least else "inf"), dtype)
    return literal(dtype.min if least else dtype.max, dtype)


def _better(kind: str, dtype: DType, new: str, old: str) -> str:
    """Whether `new` replaces `old`: strictly more extreme, or the first NaN."""
    if dtype.is_bool:
        return f"{new} and not {old}" if kind == "argmax" else f"{old} and not {new}"
    sign = ">" if kind == "argmax" else "<"
    if dtype.is_floating:
        return f"({new} {sign} {old} or {new} != {new}) and {old} == {old}"
    return f"{new} {sign} {old}"
