"""Matrix products of the CPU target against NumPy in float64, on every path of the generator."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from graphc.codegen.cpu import tiles, writer
from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.target import Features, host_features
from graphc.codegen.kernel import (
    Access,
    Affine,
    Axis,
    Buffer,
    Contraction,
    D,
    Instruction,
    Kernel,
    Size,
    Stage,
    Store,
)
from graphc.ir.dtypes import DType, as_dtype, float32, float64, int8

FORMS = ("nn", "nt", "tn", "tt")


@pytest.fixture(scope="module")
def target() -> CpuTarget:
    return CpuTarget(disk=None)


# -- building kernels


@dataclass
class Dims:
    """Run-time integers of a kernel; `size("m", 5)` is 5 or a D whose value is 5."""

    run_time: str
    values: list[int] = field(default_factory=list)
    known: dict[str, D] = field(default_factory=dict)

    def size(self, letter: str, value: int) -> Size:
        if letter not in self.run_time:
            return value
        if letter not in self.known:
            self.known[letter] = D(len(self.values))
            self.values.append(value)
        return self.known[letter]


def epilogue(name: str, dtype: DType, row: Affine, bias: Affine) -> tuple[list[Buffer], Stage]:
    """Buffers from number 2 on, and the stage."""
    acc = Instruction(0, "acc", dtype)
    out = Buffer("out", dtype, "out")
    if name == "plain":
        return [out], Stage((), (acc,), (), (Store(Access(2, row), 0),))
    if name == "bias_relu":  # and the sum itself as a second result
        body = (
            acc,
            Instruction(1, "load", dtype, (), Access(4, bias)),
            Instruction(2, "add", dtype, (0, 1)),
            Instruction(3, "const", dtype, (), 0),
            Instruction(4, "max", dtype, (2, 3)),
        )
        stores = Store(Access(2, row), 4), Store(Access(3, row), 0)
        return [out, Buffer("sum", dtype, "out"), Buffer("bias", dtype, "in")], Stage(
            (), body, (), stores
        )
    assert name == "update", name  # w = w - 0.5 * acc, in place
    body = (
        acc,
        Instruction(1, "load", dtype, (), Access(2, row)),
        Instruction(2, "const", dtype, (), 0.5),
        Instruction(3, "mul", dtype, (0, 2)),
        Instruction(4, "sub", dtype, (1, 3)),
    )
    return [Buffer("w", dtype, "inout")], Stage((), body, (), (Store(Access(2, row), 4),))


def product(
    m: int,
    n: int,
    k: int,
    form: str = "nn",
    run_time: str = "",
    dtype: DType = float32,
    name: str = "plain",
    transposed_out: bool = False,
) -> tuple[Kernel, list[int]]:
    """The kernel of an unbatched product, and the values of its run-time integers."""
    dims = Dims(run_time)
    rows, columns, inner = dims.size("m", m), dims.size("n", n), dims.size("k", k)
    a_row, a_k = (1, rows) if form[0] == "t" else (inner, 1)
    b_k, b_column = (1, inner) if form[1] == "t" else (columns, 1)
    contraction = Contraction(
        Access(0, Affine(((0, a_row),))),
        (a_k,),
        Access(1, Affine(((1, b_column),))),
        (b_k,),
        (inner,),
        dtype,
    )
    place = Affine(((0, 1), (1, rows))) if transposed_out else Affine(((0, columns), (1, 1)))
    buffers, stage = epilogue(name, dtype, place, Affine(((1, 1),)))
    inputs = Buffer("a", dtype, "in"), Buffer("b", dtype, "in")
    axes = Axis("m", rows), Axis("n", columns)
    kernel = Kernel((*inputs, *buffers), len(dims.values), axes, 2, (stage,), contraction, 1)
    return kernel, dims.values


# -- running them


class Frame(ctypes.Structure):
    _fields_ = (
        ("buffers", ctypes.c_void_p),
        ("dims", ctypes.c_void_p),
        ("code", ctypes.c_int64),
        ("op", ctypes.c_int64),
        ("operands", ctypes.c_int64 * 2),
        ("cancel", ctypes.c_int64),
        ("arena", ctypes.c_void_p),
    )


def run(
    target: CpuTarget,
    kernel: Kernel,
    arrays: Sequence[np.ndarray],
    dims: Sequence[int],
    ranges: Sequence[tuple[int, int]],
) -> None:
    """Call a kernel once for each range of axis 0."""
    compiled = target.compile(kernel)
    pointers = (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])
    values = (ctypes.c_int64 * (len(dims) + 1))(*dims)
    slots = (ctypes.c_int64 * (len(arrays) + len(dims) + 1))(*range(len(arrays)), *range(len(dims)))
    frame = Frame(ctypes.addressof(pointers), ctypes.addressof(values))
    for begin, end in ranges:
        compiled(ctypes.addressof(frame), ctypes.addressof(slots), begin, end)
    assert frame.code == 0


def values(rng: np.random.Generator, dtype: DType, *shape: int) -> np.ndarray:
    if dtype.is_floating:
        return rng.standard_normal(shape).astype(dtype.numpy)
    low = 0 if dtype.is_unsigned else -100
    return rng.integers(low, 100, shape).astype(dtype.numpy)


@dataclass(frozen=True)
class Operands:
    """Random operands of one shape, their product in float64, and how far off it may be."""

    a: np.ndarray
    b: np.ndarray
    bias: np.ndarray
    w: np.ndarray
    total: np.ndarray
    bound: np.ndarray


@cache
def operands(m: int, n: int, k: int, dtype: DType) -> Operands:
    rng = np.random.default_rng(m * 1000003 + n * 1009 + k)
    a, b = values(rng, dtype, m, k), values(rng, dtype, k, n)
    bias, w = values(rng, dtype, n), values(rng, dtype, m, n)
    if not dtype.is_floating:
        with np.errstate(over="ignore"):
            return Operands(a, b, bias, w, a @ b, np.zeros((m, n)))
    # einsum, not BLAS: its threads are slow to come together on a busy machine
    wide, long = a.astype(float), b.astype(float)
    total = np.einsum("mk,kn->mn", wide, long)
    size = np.einsum("mk,kn->mn", np.abs(wide), np.abs(long)) + 4
    eps = np.finfo(dtype.numpy).eps
    return Operands(a, b, bias, w, total, eps * (k / 4 + 8) * size)


@dataclass
class Case:
    """Operands of an unbatched product with what is expected of each result."""

    m: int
    n: int
    k: int
    form: str = "nn"
    run_time: str = ""
    dtype: DType = float32
    name: str = "plain"
    transposed_out: bool = False

    def __post_init__(self) -> None:
        self.operands = operands(self.m, self.n, self.k, self.dtype)
        self.kernel, self.dims = product(
            self.m,
            self.n,
            self.k,
            self.form,
            self.run_time,
            self.dtype,
            self.name,
            self.transposed_out,
        )

    def arrays(self) -> list[np.ndarray]:
        """Fresh buffers, results filled with what must not stay."""
        given = self.operands
        a = np.ascontiguousarray(given.a.T) if self.form[0] == "t" else given.a
        b = np.ascontiguousarray(given.b.T) if self.form[1] == "t" else given.b
        shape = (self.n, self.m) if self.transposed_out else (self.m, self.n)
        out = np.full(shape, 77, self.dtype.numpy)
        match self.name:
            case "plain":
                return [a, b, out]
            case "bias_relu":
                return [a, b, out, out.copy(), given.bias]
            case _:
                return [a, b, given.w.copy()]

    def run(
        self, target: CpuTarget, ranges: Sequence[tuple[int, int]] | None = None
    ) -> list[np.ndarray]:
        arrays = self.arrays()
        run(target, self.kernel, arrays, self.dims, ranges or [(0, self.m)])
        results = arrays[2:4] if self.name == "bias_relu" else arrays[2:3]
        return [r.T if self.transposed_out else r for r in results]

    def check(self, target: CpuTarget) -> None:
        given = self.operands
        expected = {
            "plain": [given.total],
            "bias_relu": [np.maximum(given.total + given.bias, 0), given.total],
            "update": [given.w - 0.5 * given.total],
        }[self.name]
        for result, wanted in zip(self.run(target), expected, strict=True):
            assert np.all(np.abs(result - wanted) <= given.bound), (self, result, wanted)


def check_all(target: CpuTarget, cases: Sequence[Case]) -> None:
    """Check the cases; compiling them together is much faster than one by one."""
    target.compile_many(case.kernel for case in cases)
    for case in cases:
        case.check(target)


# -- shapes and layouts

SHAPES = (
    (33, 37, 29),
    (6, 16, 8),
    (50, 10, 70),
    (64, 48, 40),
    (100, 65, 300),
    (7, 23, 1),
    (3, 5, 600),
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["plain", "bias_relu"])
def test_constant_sizes(target: CpuTarget, form: str, name: str) -> None:
    check_all(target, [Case(*shape, form, "", float32, name) for shape in SHAPES])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", ["plain", "bias_relu"])
def test_sizes_around_tile_edges(target: CpuTarget, form: str, dtype: DType, name: str) -> None:
    """One kernel with run-time sizes, on a sample of all sizes from 1 to 40."""
    rng = np.random.default_rng(5)
    sample = [tuple(int(x) for x in rng.integers(1, 41, 3)) for _ in range(60)]
    edges = itertools.product((1, 5, 6, 7, 13), (1, 7, 8, 9, 15, 16, 17, 31, 33), (1, 33))
    for m, n, k in [*sample, *edges]:
        Case(m, n, k, form, "mnk", dtype, name).check(target)


@pytest.mark.parametrize("run_time", ["m", "n", "k", "mk"])
@pytest.mark.parametrize("form", ["nn", "tn"])
def test_some_sizes_at_run_time(target: CpuTarget, form: str, run_time: str) -> None:
    for shape in ((40, 50, 60), (13, 16, 300), (90, 70, 80)):
        Case(*shape, form, run_time, float32, "bias_relu").check(target)


@pytest.mark.parametrize("run_time", ["", "mnk"])
@pytest.mark.parametrize("form", FORMS)
def test_empty(target: CpuTarget, form: str, run_time: str) -> None:
    shapes = (0, 5, 7), (5, 0, 7), (13, 21, 0), (1, 21, 0), (13, 1, 0), (0, 0, 0)
    names = "plain", "bias_relu"
    pairs = itertools.product(shapes, names)
    check_all(target, [Case(*shape, form, run_time, float32, name) for shape, name in pairs])


@pytest.mark.parametrize("run_time", ["", "mnk"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_one_row_or_column(target: CpuTarget, form: str, run_time: str, dtype: DType) -> None:
    shapes = (1, 77, 50), (61, 1, 45), (1, 1, 37), (1, 5000, 9), (4500, 1, 9), (1, 16, 64)
    pairs = itertools.product(shapes, ("plain", "bias_relu"))
    check_all(target, [Case(*shape, form, run_time, dtype, name) for shape, name in pairs])


@pytest.mark.parametrize("run_time", ["", "mnk"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_long_k(target: CpuTarget, form: str, run_time: str, dtype: DType) -> None:
    """Stretches of k with partial sums, in the output or in scratch."""
    shapes = (20, 37, 4500), (190, 300, 700), (7, 16, 2049)
    pairs = itertools.product(shapes, ("plain", "bias_relu", "update"))
    check_all(target, [Case(*shape, form, run_time, dtype, name) for shape, name in pairs])


def test_many_rows(target: CpuTarget) -> None:
    """More rows than a block, or than there is room for partial sums."""
    for form in ("nn", "tn"):
        Case(700, 50, 1500, form).check(target)
        Case(700, 150, 600, form, "", float32, "update").check(target)
        Case(3000, 70, 820, form).check(target)
        Case(4200, 40, 40, form, "", float32, "bias_relu").check(target)
        for shape in ((400, 100, 90), (384, 90, 96), (200, 1100, 300), (50, 100, 2000)):
            Case(*shape, form, "mnk").check(target)


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "int64"])
def test_integers_wrap(target: CpuTarget, name: str) -> None:
    dtype = as_dtype(name)
    cases = [Case(33, 37, 29, form, "", dtype) for form in FORMS]
    cases += [Case(*shape, "nn", "", dtype) for shape in ((1, 77, 50), (61, 1, 45))]
    check_all(target, [*cases, Case(14, 70, 50, "nt", "mnk", dtype)])


def test_transposed_output_and_update_in_place(target: CpuTarget) -> None:
    cases = []
    for form, run_time in itertools.product(FORMS, ("", "mnk")):
        cases.append(Case(33, 37, 29, form, run_time, float32, "plain", True))
        cases.append(Case(33, 37, 29, form, run_time, float32, "update"))
    check_all(target, cases)


def test_operands_with_gaps(target: CpuTarget) -> None:
    """Neither stride of an operand is 1."""
    rng = np.random.default_rng(0)
    m, n, k = 23, 37, 41
    a, b = values(rng, float32, m, k, 3), values(rng, float32, k, n, 2)
    contraction = Contraction(
        Access(0, Affine(((0, 3 * k),), 2)),
        (3,),
        Access(1, Affine(((1, 2),), 1)),
        (2 * n,),
        (k,),
        float32,
    )
    buffers, stage = epilogue("plain", float32, Affine(((0, n), (1, 1))), Affine())
    axes = Axis("m", m), Axis("n", n)
    inputs = Buffer("a", float32, "in"), Buffer("b", float32, "in")
    kernel = Kernel((*inputs, *buffers), 0, axes, 2, (stage,), contraction, 1)
    out = np.zeros((m, n), np.float32)
    run(target, kernel, [a, b, out], [], [(0, m)])
    np.testing.assert_allclose(out, a[:, :, 2].astype(float) @ b[:, :, 1], rtol=1e-4, atol=1e-4)


# -- batches


@pytest.mark.parametrize("run_time", ["", "xmnk"])
@pytest.mark.parametrize("shape", [(9, 16, 20), (1, 30, 20), (18, 1, 20), (40, 50, 300)])
def test_batches_broadcast(target: CpuTarget, run_time: str, shape: tuple[int, int, int]) -> None:
    """Two batch axes: A has the first only, B the second only; the bias has one per batch."""
    m, n, k = shape
    x, y = 3, 2
    rng = np.random.default_rng(1)
    a, b = values(rng, float32, x, m, k), values(rng, float32, y, k, n)
    bias = values(rng, float32, x, n)
    dims = Dims(run_time)
    rows, columns, inner, outer = (
        dims.size(letter, value) for letter, value in (("m", m), ("n", n), ("k", k), ("x", x))
    )
    if run_time:  # strides of batches are sizes of their own
        a_batch, b_batch = dims.size("p", 0), dims.size("q", 0)
        dims.run_time += "pqrs"
        a_batch, b_batch = dims.size("p", m * k), dims.size("q", k * n)
        outer_stride, inner_stride = dims.size("r", y * m * n), dims.size("s", m * n)
    else:
        a_batch, b_batch, outer_stride, inner_stride = m * k, k * n, y * m * n, m * n
    contraction = Contraction(
        Access(0, Affine(((0, a_batch), (1, 0), (2, inner)))),
        (1,),
        Access(1, Affine(((1, b_batch), (3, 1)))),
        (columns,),
        (inner,),
        float32,
    )
    place = Affine(((0, outer_stride), (1, inner_stride), (2, columns), (3, 1)))
    buffers, stage = epilogue("bias_relu", float32, place, Affine(((0, columns), (3, 1))))
    inputs = Buffer("a", float32, "in"), Buffer("b", float32, "in")
    axes = Axis("x", outer), Axis("y", y), Axis("m", rows), Axis("n", columns)
    kernel = Kernel((*inputs, *buffers), len(dims.values), axes, 4, (stage,), contraction, 3)
    out, total = (np.full((x, y, m, n), 7, np.float32) for _ in range(2))
    run(target, kernel, [a, b, out, total, bias], dims.values, [(0, 1), (1, x)])
    expected = np.einsum("xmk,ykn->xymn", a.astype(float), b.astype(float))
    np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-4)
    relu = np.maximum(expected + bias[:, None, None, :], 0)
    np.testing.assert_allclose(out, relu, rtol=1e-4, atol=1e-4)


# -- promises


@pytest.mark.parametrize("run_time", ["", "mnk"])
@pytest.mark.parametrize("form", FORMS)
def test_same_bits_for_any_split(target: CpuTarget, form: str, run_time: str) -> None:
    shapes = (101, 50, 33), (61, 40, 600), (40, 17, 2100), (101, 1, 77), (1, 90, 70), (30, 16, 0)
    for shape in shapes:
        cases = [Case(*shape, form, run_time, float32, name) for name in ("plain", "bias_relu")]
        target.compile_many(case.kernel for case in cases)
        for case in cases:
            m = shape[0]
            whole = case.run(target)
            for cuts in ((m // 2,), (1, m - 1), tuple(range(0, m, 7)), (m // 3, m // 3)):
                points = sorted({0, m, *(max(0, c) for c in cuts)})
                ranges = [*itertools.pairwise(points), (m, m), (0, 0)]
                for first, second in zip(whole, case.run(target, ranges), strict=True):
                    np.testing.assert_array_equal(first.view(np.int32), second.view(np.int32))


def guarded(array: np.ndarray) -> Iterator[np.ndarray]:
    """Copies of `array` that end where a page that must not be touched begins, and begin where one
    ends."""
    page = mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    pages = -(-max(array.nbytes, 1) // page)
    for at_end in (True, False):
        memory = mmap.mmap(-1, (pages + 2) * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for guard in (0, pages + 1):
            protect = libc.mprotect(ctypes.c_void_p(start + guard * page), ctypes.c_size_t(page), 0)
            assert protect == 0
        offset = page + (pages * page - array.nbytes if at_end else 0)
        copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
        copy[...] = array
        yield copy


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
def test_nothing_outside_is_touched(target: CpuTarget, form: str, dtype: DType) -> None:
    shapes = (7, 23, 5), (25, 13, 37), (13, 33, 70), (1, 29, 13), (29, 1, 13), (9, 19, 300)
    for shape in shapes:
        for name in ("plain", "bias_relu") if dtype.is_floating else ("plain",):
            case = Case(*shape, form, "mnk", dtype, name)
            expected = case.run(target)
            for arrays in zip(*(guarded(x) for x in case.arrays()), strict=True):
                run(target, case.kernel, arrays, case.dims, [(0, shape[0])])
                np.testing.assert_array_equal(arrays[2], expected[0])


@pytest.mark.parametrize("vectors", [1, 3, 4])
def test_tiles_of_other_processors(monkeypatch: pytest.MonkeyPatch, vectors: int) -> None:
    """Wider and narrower tiles than this processor would get (they spill, but must be right)."""

    def other(dtype: DType, features: Features, columns: int | None) -> tiles.Tile:
        return replace(tiles.register_tile(dtype, features, columns), vectors=vectors)

    monkeypatch.setattr(writer, "register_tile", other)
    target = CpuTarget(disk=None)
    cases = [Case(7, 100, 4200), Case(13, 101, 70, "tt", "mnk", float32, "bias_relu")]
    for shape in ((20, 48, 30), (13, 100, 30), (1, 45, 30)):
        cases.append(Case(*shape, "nn", "", float32, "bias_relu"))
        cases.append(Case(*shape, "tt", "", float64, "bias_relu"))
    check_all(target, cases)


def test_without_vector_extensions() -> None:
    """The code for any x86-64 processor also runs here, if this is one."""
    host = host_features()
    if not host.is_x86:
        pytest.skip("not an x86 processor")
    target = CpuTarget(Features(host.triple, "x86-64", "+sse2"), disk=None)
    for form in FORMS:
        cases = [
            Case(21, 37, 29, form, "", float32, "bias_relu"),
            Case(21, 37, 29, form, "mnk", float64, "plain"),
            Case(1, 37, 29, form, "mnk", float32, "bias_relu"),
            Case(37, 1, 29, form, "", float32, "bias_relu"),
        ]
        check_all(target, cases)


PROCESSORS = {
    "avx2": Features("x86_64-unknown-linux-gnu", "x86-64", "+avx,+avx2,+fma"),
    "avx512": Features("x86_64-unknown-linux-gnu", "x86-64", "+avx,+avx2,+fma,+avx512f,+avx512vl"),
    "sse2": Features("x86_64-unknown-linux-gnu", "x86-64", "+sse2"),
    "neon": Features("aarch64-unknown-linux-gnu", "generic", "+neon"),
}


@pytest.mark.parametrize("processor", PROCESSORS)
def test_no_spills_in_inner_loops(processor: str) -> None:
    target = CpuTarget(PROCESSORS[processor], disk=None)
    for dtype in (float32, float64):
        kernel, _ = product(128, 512, 784, "tt", "mnk", dtype, "update")
        text = target.assembly(kernel)
        loops = list(tile_loops(text))
        assert len(loops) >= 4, text
        for name, lines in loops:
            assert not [x for x in lines if re.search(r"\(%rsp\)|\[sp", x)], (name, lines)


def tile_loops(assembly: str) -> Iterator[tuple[str, list[str]]]:
    """(function, lines) of every block of a tile function that jumps to itself."""
    function, label, lines = "", "", []
    for line in assembly.splitlines():
        if found := re.match(r"([\w.$]+):", line):
            name = found.group(1)
            function = function if name.startswith(".L") else name
            label, lines = name, []
            continue
        lines.append(line)
        if function.startswith(("tile_", "window_")) and re.match(
            rf"\s+(j\w+|b\.\w+|cbn?z).*{re.escape(label)}$", line
        ):
            yield function, list(lines)


def test_text_is_deterministic(target: CpuTarget) -> None:
    kernel, _ = product(30, 40, 50, "tn", "mk", float32, "bias_relu")
    assert target.llvm_ir(kernel) == target.llvm_ir(kernel)
