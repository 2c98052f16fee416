"""Generated sources: golden text, forms and grids, and what numba demands of every kernel."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from graphc.codegen.cuda import cuda_source
from graphc.codegen.cuda.forms import GPU, choose_form, launch_shape
from graphc.codegen.cuda.prelude import helpers_for
from graphc.codegen.cuda.source import kernel_name, kernel_source
from graphc.codegen.kernel import (
    Access,
    Affine,
    Axis,
    Bound,
    Buffer,
    Contraction,
    D,
    Instruction,
    Kernel,
    Reduce,
    Stage,
    Store,
)
from graphc.ir.dtypes import bool_, float32, int32, int64
from graphc.ir.errors import UnimplementedError

ROOT = Path(__file__).parents[2]


MATRIX = Affine(((0, D(1)), (1, 1)))  # a0 * d1 + a1


def softmax(vector: int = 1) -> Kernel:
    """exp(x - max) / sum over the rows of a d0 x d1 matrix."""
    f = float32
    load = lambda n: Instruction(n, "load", f, (), Access(0, MATRIX))  # noqa: E731
    stages = (
        Stage((1,), (load(0),), (Reduce(1, "max", 0, f),)),
        Stage(
            (1,),
            (load(2), Instruction(3, "sub", f, (2, 1)), Instruction(4, "exp", f, (3,))),
            (Reduce(5, "sum", 4, f),),
        ),
        Stage(
            (1,),
            (
                load(6),
                Instruction(7, "sub", f, (6, 1)),
                Instruction(8, "exp", f, (7,)),
                Instruction(9, "div", f, (8, 5)),
            ),
            (),
            (Store(Access(1, MATRIX), 9),),
        ),
    )
    buffers = (Buffer("b0", f, "in"), Buffer("b1", f, "out"))
    axes = (Axis("a0", D(0)), Axis("a1", D(1)))
    return Kernel(buffers, 2, axes, 1, stages, vector=vector, title="Max Sub Exp Sum RealDiv",
                  sources=("probabilities: Softmax at model.py:7",))  # fmt: skip


def dense() -> Kernel:
    """relu(x w + bias) of a d0 x 6 and a 6 x 3 matrix."""
    f, column = float32, Affine(((1, 1),))
    body = (
        Instruction(0, "acc", f),
        Instruction(1, "load", f, (), Access(2, column)),
        Instruction(2, "add", f, (0, 1)),
        Instruction(3, "const", f, (), 0.0),
        Instruction(4, "max", f, (2, 3)),
    )
    stage = Stage((), body, (), (Store(Access(3, Affine(((0, 3), (1, 1)))), 4),))
    product = Contraction(
        Access(0, Affine(((0, 6),))), (1,), Access(1, column), (3,), (6,), f
    )  # fmt: skip
    roles = ("in", "in", "in", "out")
    buffers = tuple(Buffer(f"b{n}", f, role) for n, role in enumerate(roles))
    return Kernel(buffers, 1, (Axis("a0", D(0)), Axis("a1", 3)), 2, (stage,), product, 1,
                  title="MatMul BiasAdd Relu", sources=("dense: model.py:5",))  # fmt: skip


def convolution() -> Kernel:
    """d0 images of 5 x 6 x 3, slid over by 2 x 3 windows in steps of 1 and 2, into 7 channels."""
    f, column = float32, Affine(((1, 1),))
    store = Store(Access(2, Affine(((0, 7), (1, 1)))), 0)
    stage = Stage((), (Instruction(0, "acc", f),), (), (store,))
    rows = ((D(0), 90), (4, 18), (2, 6))
    product = Contraction(Access(0, Affine()), (18, 1), Access(1, column), (63, 7), (2, 9), f, rows)
    buffers = tuple(Buffer(f"b{n}", f, role) for n, role in enumerate(("in", "in", "out")))
    axes = (Axis("a0", D(1)), Axis("a1", 7))
    return Kernel(buffers, 2, axes, 2, (stage,), product, 1, title="Convolution")


def gather() -> Kernel:
    """Rows of a table, scaled, zero outside a window; and a flag for each element."""
    f = float32
    body = (
        Instruction(0, "load", int32, (), Access(0, Affine(((0, 1),)))),
        Instruction(1, "convert", int64, (0,)),
        Instruction(2, "check", int64, (1,), (D(2), D(3))),
        Instruction(3, "load", f, (), Access(
            1, Affine(((1, 1),), -1, ((2, D(1)),)), (Bound(Affine(((1, 1),)), 1, D(1)),), 0.0)),
        Instruction(4, "const", f, (), float("inf")),
        Instruction(5, "lt", bool_, (3, 4)),
        Instruction(6, "mul", f, (3, 3)),
        Instruction(7, "add", f, (6, 3)),
    )  # fmt: skip
    stores = (Store(Access(2, MATRIX), 7), Store(Access(3, MATRIX), 5))
    buffers = (Buffer("b0", int32, "in"), Buffer("b1", f, "in"), Buffer("b2", f, "out"),
               Buffer("b3", bool_, "out"))  # fmt: skip
    axes = (Axis("a0", D(0)), Axis("a1", D(1)))
    return Kernel(buffers, 4, axes, 2, (Stage((), body, (), stores),), title="GatherV2 Mul")


KERNELS = {"softmax": softmax, "dense": dense, "convolution": convolution, "gather": gather}


@pytest.mark.parametrize("name", KERNELS)
def test_source(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"cuda/{name}.txt", cuda_source(KERNELS[name]()))


def test_forms() -> None:
    assert choose_form(softmax(), None) == "rows"
    assert choose_form(softmax(), GPU.row_from) == "rows"
    assert choose_form(softmax(), GPU.row_from - 1) == "points"
    assert choose_form(softmax(vector=0), 10**6) == "points"
    assert choose_form(dense(), None) == "tiles"
    assert choose_form(gather(), None) == "points"


def test_grids() -> None:
    assert launch_shape(softmax(), "rows", (7, 40), GPU) == (7, (64, 1))
    assert launch_shape(softmax(), "rows", (7, 10**5), GPU) == (7, (GPU.lanes, 1))
    assert launch_shape(softmax(), "rows", (7, 0), GPU) == (7, (1, 1))
    assert launch_shape(softmax(), "points", (300, 4), GPU) == (3, (128, 1))
    assert launch_shape(softmax(), "points", (5, 4), GPU) == (1, (5, 1))
    assert launch_shape(softmax(), "rows", (0, 4), GPU) is None
    assert launch_shape(dense(), "tiles", (17,), GPU) == (2, (16, 16))


@pytest.mark.parametrize("name", KERNELS)
def test_shared_arrays_stand_on_lines_of_their_own(name: str) -> None:
    for line in cuda_source(KERNELS[name]()).splitlines():
        assert line.count("shared.array(") <= 1


def test_products_are_not_contracted_with_additions() -> None:
    assert "libdevice.fmul_rn(v3, v3)" in cuda_source(gather())


def test_lanes_wait_before_the_first_overwrites_what_all_read() -> None:
    """s[a0] -= sum over a1 of x[a0, a1], in place."""
    f, row = float32, Affine(((0, 1),))
    fold = Stage(
        (1,), (Instruction(0, "load", f, (), Access(0, MATRIX)),), (Reduce(1, "sum", 0, f),)
    )
    body = (
        Instruction(2, "load", f, (), Access(1, row)),
        Instruction(3, "sub", f, (2, 1)),
    )
    buffers = (Buffer("b0", f, "in"), Buffer("b1", f, "inout"))
    axes = (Axis("a0", D(0)), Axis("a1", D(1)))
    stages = (fold, Stage((), body, (), (Store(Access(1, row), 3),)))
    lines = cuda_source(Kernel(buffers, 2, axes, 1, stages, vector=1)).splitlines()
    stored = next(n for n, line in enumerate(lines) if line.startswith("        b1["))
    assert lines[stored - 1].strip() == "if lane == 0:"
    assert lines[stored - 2].strip().startswith("cuda.syncthreads()")


def test_helpers_come_after_those_they_call() -> None:
    texts = helpers_for("div_int32(x, y, op, failure) + checked(i, n, op, failure)")
    names = [re.findall(r"def (\w+)", text)[0] for text in texts]
    assert sorted(names) == ["checked", "div_int32", "quotient_int32", "record"]
    assert names.index("record") < names.index("div_int32") > names.index("quotient_int32")


def test_what_the_target_lacks_is_said() -> None:
    with pytest.raises(UnimplementedError, match="no special kernel 'fft'"):
        cuda_source(Kernel((), 0, (), 0, (), special="fft"))


COMPILE = """
import json, sys
from types import SimpleNamespace
import numba.cuda.dispatcher
from graphc.codegen.cuda import adapter
from numba import cuda, types
numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=(8, 0))
for name, source, buffers, dims in json.load(sys.stdin):
    namespace = adapter.compiler_namespace(cuda)
    exec(source, namespace)
    parameters = [types.CPointer(getattr(types, b)) for b in buffers] + [types.int64] * dims
    ptx, _ = cuda.compile_ptx(
        namespace[name], types.void(*parameters, types.int64[::1]), cc=(8, 0))
    assert "st.global" in ptx and ".f64" not in ptx, ptx
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_sources_compile_without_a_driver() -> None:
    import json

    work = []
    for make in KERNELS.values():
        kernel = make()
        buffers = ["uint8" if b.dtype.is_bool else b.dtype.name for b in kernel.buffers]
        work.append((kernel_name(kernel), kernel_source(kernel), buffers, kernel.dims))
    subprocess.run(
        [sys.executable, "-c", COMPILE], input=json.dumps(work), text=True, cwd=ROOT, check=True
    )
