"""Source: a `Kernel` printed as a readable numba.cuda function, one printer for each form.

The text names `cuda`, `libdevice`, `device`, dtypes, `inf` and `nan`, which the adapter supplies;
so the same text feeds the simulator and the compiler. Shared arrays stand on lines of their own:
the simulator tells them apart by line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.codegen.cuda import folds
from graphc.codegen.cuda.forms import GPU, Form, Geometry, choose_form, known_inner_points
from graphc.codegen.cuda.prelude import helpers_for
from graphc.codegen.cuda.printer import Printer
from graphc.codegen.cuda.product import write_tiles
from graphc.codegen.cuda.specials import write_special
from graphc.codegen.kernel import Kernel, Stage
from graphc.ir.dtypes import int64

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
    lines = _Writer(kernel, chosen, geometry).lines()
    helpers = helpers_for("\n".join(lines))
    parts = ["\n".join(_header(kernel, chosen)), *helpers, "\n".join(lines)]
    return "\n\n\n".join(parts) + "\n"


def _header(kernel: Kernel, form: Form) -> list[str]:
    lines = [kernel.title or "kernel", f"  {FORM_NOTES[form]}"]
    lines += [f"  {source}" for source in kernel.sources]
    lines += [f"  b{n}: {b.role} {b.dtype.name}" for n, b in enumerate(kernel.buffers)]
    return [f"# {part}" for line in lines for part in line.splitlines()]


class _Writer:
    """Writes the function of one kernel in one form."""

    def __init__(self, kernel: Kernel, form: Form, geometry: Geometry) -> None:
        self.kernel, self.form = kernel, form
        self.p = Printer(kernel, geometry)

    def lines(self) -> list[str]:
        kernel = self.kernel
        names = [f"b{n}" for n in range(len(kernel.buffers))]
        names += [f"d{n}" for n in range(kernel.dims)]
        with self.p.block(f"def {kernel_name(kernel)}({', '.join([*names, 'failure'])}):"):
            if kernel.special is not None:
                write_special(self.p, kernel.special)
            elif self.form == "tiles":
                write_tiles(self.p, self._stages)
            elif self.form == "rows":
                self._rows()
            elif self.form == "points":
                self._points()
            else:
                self._loops(range(kernel.outer), self._stages)
        return self.p.out

    def _points(self) -> None:
        p = self.p
        outer = range(self.kernel.outer)
        p.line("point = int64(cuda.blockIdx.x) * int64(cuda.blockDim.x) + int64(cuda.threadIdx.x)")
        with p.block(f"if point >= {p.product(outer)}:"):
            p.line("return")
        p.split("point", outer)
        self._stages()

    def _rows(self) -> None:
        p = self.p
        for stage in self.kernel.stages:
            for reduce in stage.reduces:
                dtype = folds.folded_dtype(p, stage, reduce)
                p.shared(f"shared_{reduce.number}", str(p.geometry.lanes), dtype)
                if folds.is_arg(reduce):
                    p.shared(f"shared_at_{reduce.number}", str(p.geometry.lanes), int64)
        p.line("lane = int64(cuda.threadIdx.x)")
        p.line("lanes = int64(cuda.blockDim.x)")
        if self.kernel.outer:
            p.line("point = int64(cuda.blockIdx.x)")
            p.split("point", range(self.kernel.outer))
        self._stages()

    def _stages(self) -> None:
        for stage in self.kernel.stages:
            if self.form == "rows":
                self._shared_stage(stage)
            else:
                self._own_stage(stage)

    def _own_stage(self, stage: Stage) -> None:
        """A stage that one thread walks alone."""
        p = self.p
        for reduce in stage.reduces:
            folds.start(p, stage, reduce)
        self._loops(stage.axes, lambda: self._point(stage, self._position(stage)))
        for reduce in stage.reduces:
            p.names[reduce.number] = f"{'at' if folds.is_arg(reduce) else 'r'}{reduce.number}"

    def _loops(self, axes: Sequence[int], body: Callable[[], None]) -> None:
        p = self.p
        depth = p.depth
        for axis in axes:
            p.line(f"for a{axis} in range({p.extent(axis)}):")
            p.depth += 1
        before = len(p.out)
        body()
        if axes and len(p.out) == before:
            p.line("pass")
        p.depth = depth

    def _shared_stage(self, stage: Stage) -> None:
        """A stage whose inner points are dealt to the lanes of a block."""
        p = self.p
        if not stage.axes:
            self._outer_stage(stage)
            return
        for reduce in stage.reduces:
            folds.start(p, stage, reduce)
        position = f"a{stage.axes[0]}"
        if len(stage.axes) > 1:
            position = "position"
        with p.block(f"for {position} in range(lane, {p.product(stage.axes)}, lanes):"):
            if len(stage.axes) > 1:
                p.line("rest = position")
                p.split("rest", stage.axes)
            self._point(stage, position)
        if stage.reduces:
            folds.tree(p, stage)

    def _outer_stage(self, stage: Stage) -> None:
        """A stage without inner axes: all lanes compute it, the first one stores."""
        p = self.p
        for instruction in stage.body:
            p.instruction(instruction)
        if not stage.stores:
            return
        if any(store.access.buffer in p.read for store in stage.stores):
            p.line("cuda.syncthreads()  # all lanes have read what is overwritten")
        with p.block("if lane == 0:"):
            for store in stage.stores:
                p.store(store)

    def _point(self, stage: Stage, position: str) -> None:
        p = self.p
        for instruction in stage.body:
            p.instruction(instruction)
        for reduce in stage.reduces:
            folds.step(p, stage, reduce, position)
        for store in stage.stores:
            p.store(store)

    def _position(self, stage: Stage) -> str:
        """The row-major position over a stage's axes."""
        p = self.p
        text = ""
        for number, axis in enumerate(stage.axes):
            scaled = f"({text})" if number > 1 else text
            text = f"{scaled} * {p.extent(axis)} + a{axis}" if number else f"a{axis}"
        return text or "0"
