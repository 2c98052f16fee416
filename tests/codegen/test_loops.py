"""Loop kernels of the CPU target: every form of access, reduction and stage, against the oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.kernel import CODES, Bound, D, Kernel, Size
from graphc.ir.dtypes import (
    COMPUTED,
    INTS,
    NUMERIC,
    DType,
    bool_,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint32,
)
from tests.codegen.kit import Kit, affine, compare, run, sample

SIZES = (0, 1, 3, 15, 16, 17, 100)


@pytest.fixture(scope="module")
def target() -> CpuTarget:
    return CpuTarget(disk=None)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def elementwise(op: str, dtype: DType, result: DType, arity: int, vector: int | None = 0) -> Kernel:
    """y[i] = op(x0[i], x1[i], ...)."""
    kit = Kit()
    axis = kit.axis(kit.dim())
    buffers = [kit.buffer(dtype) for _ in range(arity)]
    out = kit.buffer(result, "out")
    kit.stage()
    args = [kit.load(b, {axis: 1}) for b in buffers]
    data = 9 if op in ("div", "rem", "floordiv", "floormod", "pow") and dtype.is_integer else None
    kit.store(out, {axis: 1}, kit.op(op, result, *args, data=data))
    return kit.kernel(1, vector)


@pytest.mark.parametrize("dtype", COMPUTED, ids=str)
def test_every_dtype_and_size(target: CpuTarget, rng: np.random.Generator, dtype: DType) -> None:
    op = "or" if dtype.is_bool else "add"
    kernel = elementwise(op, dtype, dtype, 2)
    for n in (*SIZES, 1000):
        x, y = sample(rng, dtype, n), sample(rng, dtype, n)
        compare(target, kernel, [x, y, np.zeros_like(x)], [n])


@pytest.mark.parametrize("extent", [0, 1, 3, 10, 16, 21, 48, 63])
def test_known_extents(target: CpuTarget, rng: np.random.Generator, extent: int) -> None:
    for dtype in (float32, int8, float64):
        kit = Kit()
        i, j = kit.axis(kit.dim()), kit.axis(extent)
        x, b, y = kit.buffer(dtype), kit.buffer(dtype), kit.buffer(dtype, "out")
        kit.stage()
        total = kit.op("add", dtype, kit.load(x, {i: extent, j: 1}), kit.load(b, {j: 1}))
        kit.store(y, {i: extent, j: 1}, total)
        arrays = [sample(rng, dtype, s) for s in ((4, extent), extent, (4, extent))]
        compare(target, kit.kernel(2, 1), arrays, [4])


def test_stores_of_bools_and_selects(target: CpuTarget, rng: np.random.Generator) -> None:
    kit = Kit()
    i = kit.axis(kit.dim())
    x, m, y = kit.buffer(float32), kit.buffer(bool_, "out"), kit.buffer(float32, "out")
    kit.stage()
    value = kit.load(x, {i: 1})
    zero = kit.const(0.0, float32)
    positive = kit.op("gt", bool_, value, zero)
    kit.store(m, {i: 1}, positive)
    kit.store(y, {i: 1}, kit.op("select", float32, positive, value, zero))
    kernel = kit.kernel(1, 0)
    for n in SIZES:
        arrays = [sample(rng, d, n) for d in (float32, bool_, float32)]
        compare(target, kernel, arrays, [n])


ARITHMETIC = [
    (op, dtype)
    for dtype in NUMERIC
    for op in (
        "add", "sub", "mul", "max", "min", "neg", "abs", "sign",
        "div", "rem", "floordiv", "floormod",
    )
]  # fmt: skip


@pytest.mark.parametrize("vector", [0, None], ids=["vector", "scalar"])
@pytest.mark.parametrize(("op", "dtype"), ARITHMETIC, ids=lambda v: str(v))
def test_arithmetic(
    target: CpuTarget, rng: np.random.Generator, op: str, dtype: DType, vector: int | None
) -> None:
    arity = 1 if op in ("neg", "abs", "sign") else 2
    kernel = elementwise(op, dtype, dtype, arity, vector)
    xs = [sample(rng, dtype, 83) for _ in range(arity)]
    if dtype.is_integer:
        edge = [dtype.min, dtype.max, 0, 1, -1 % 256 if dtype.is_unsigned else -1]
        pairs = [(a, b) for a in edge for b in edge]
        for x, values in zip(xs, zip(*pairs, strict=True), strict=False):
            x[: len(pairs)] = values
        if arity == 2:
            xs[1][40:60] = rng.integers(1, 6, 20)
    else:
        xs[0][:6] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5.5]
        xs[-1][2:8] = [np.nan, 1.0, -0.0, 0.0, np.inf, -2.0]
        if op == "floordiv":
            xs[1][:20] = np.abs(xs[1][:20]) + 1
    compare(
        target, kernel, [*xs, np.zeros_like(xs[0])], [83], rtol=1e-6 if dtype == float32 else 1e-13
    )


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_bits_powers_and_shifts(target: CpuTarget, rng: np.random.Generator, dtype: DType) -> None:
    x, y = sample(rng, dtype, 50), sample(rng, dtype, 50)
    for op in ("and", "or", "xor", "shl", "shr"):
        compare(target, elementwise(op, dtype, dtype, 2), [x, y, np.zeros_like(x)], [50])
    compare(target, elementwise("not", dtype, dtype, 1), [x, np.zeros_like(x)], [50])
    small = rng.integers(0, 12, 50).astype(dtype.numpy)
    small[0] = 0
    compare(target, elementwise("pow", dtype, dtype, 2), [x, small, np.zeros_like(x)], [50])


@pytest.mark.parametrize("dtype", COMPUTED, ids=str)
def test_comparisons(target: CpuTarget, rng: np.random.Generator, dtype: DType) -> None:
    x, y = sample(rng, dtype, 40), sample(rng, dtype, 40)
    y[:10] = x[:10]
    if dtype.is_floating:
        x[20], y[21] = np.nan, np.nan
    for op in ("eq", "ne", "lt", "le", "gt", "ge"):
        compare(target, elementwise(op, dtype, bool_, 2), [x, y, np.zeros(40, bool)], [40])


@pytest.mark.parametrize("source", COMPUTED, ids=str)
def test_conversions(target: CpuTarget, rng: np.random.Generator, source: DType) -> None:
    x = sample(rng, source, 53)
    if source.is_floating:
        x[:9] = [np.nan, np.inf, -np.inf, 1e30, -1e30, 255.5, -0.5, 2.0**31, -(2.0**63)]
        x[9:30] *= 300
    for goal in COMPUTED:
        kernel = elementwise("convert", source, goal, 1)
        compare(target, kernel, [x, np.zeros(53, goal.numpy)], [53])


def test_maximum_with_constants(target: CpuTarget) -> None:
    """Relu and clipping: one instruction, but NaN stays."""
    x = np.array([np.nan, -np.inf, -1, -0.0, 0.0, 0.3, 7, np.inf] * 3, np.float32)
    for op, constant in (("max", 0.0), ("min", 6.0), ("max", np.nan), ("min", -np.inf)):
        for swapped in (False, True):
            kit = Kit()
            i = kit.axis(kit.dim())
            a, b = kit.buffer(float32), kit.buffer(float32, "out")
            kit.stage()
            args = kit.load(a, {i: 1}), kit.const(constant, float32)
            kit.store(b, {i: 1}, kit.op(op, float32, *(args[::-1] if swapped else args)))
            compare(target, kit.kernel(1, 0), [x, np.zeros_like(x)], [x.size])


def test_bitcast_and_rounding(target: CpuTarget, rng: np.random.Generator) -> None:
    for source, goal in ((float32, int32), (int32, float32), (float64, int64), (int64, float64)):
        x = sample(rng, source, 37)
        kernel = elementwise("bitcast", source, goal, 1)
        y = np.zeros(37, goal.numpy)
        run(target, kernel, [x, y], [37])
        np.testing.assert_array_equal(x.view(goal.numpy), y)
    x = np.array([0.5, 1.5, -0.5, 2.5, -2.5, np.nan, np.inf, 1e30, -1.2, 3.7], np.float32)
    for op in ("floor", "ceil", "trunc", "rint", "sqrt"):
        compare(target, elementwise(op, float32, float32, 1), [x, np.zeros_like(x)], [10])
    for op in ("isnan", "isinf", "isfinite"):
        compare(target, elementwise(op, float32, bool_, 1), [x, np.zeros(10, bool)], [10])


# -- accesses


def strided(vector: int | None, known: bool) -> tuple[Kit, Kernel]:
    """y[i, j] = x[j, i] * s[i] + row[j] + x[j, 0] reversed."""
    kit = Kit()
    m: Size = 5 if known else kit.dim()
    n: Size = 21 if known else kit.dim()
    i, j = kit.axis(m), kit.axis(n)
    x, s, row, y = (kit.buffer(float32, role) for role in ("in", "in", "in", "out"))
    kit.stage()
    value = kit.op("mul", float32, kit.load(x, {i: 1, j: m}), kit.load(s, {i: 1}))
    value = kit.op("add", float32, value, kit.load(row, {j: 1}))
    back = kit.load(row, {j: -1}, offset=20)
    value = kit.op("add", float32, value, back)
    twice = kit.load(x, {j: 2 if known else m}, offset=0)
    value = kit.op("sub", float32, value, twice)
    kit.store(y, {i: n, j: 1}, value)
    return kit, kit.kernel(2, vector)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("vector", [0, 1, None])
def test_strided_broadcast_reversed(
    target: CpuTarget, rng: np.random.Generator, vector: int | None, known: bool
) -> None:
    _, kernel = strided(vector, known)
    arrays = [sample(rng, float32, s) for s in ((21, 5), 5, 21, (5, 21))]
    compare(target, kernel, arrays, [] if known else [5, 21])


def test_strided_stores(target: CpuTarget, rng: np.random.Generator) -> None:
    for dtype in (float32, int8, bool_):
        kit = Kit()
        m, n = kit.dim(), kit.dim()
        i, j = kit.axis(m), kit.axis(n)
        x, y = kit.buffer(dtype), kit.buffer(dtype, "out")
        kit.stage()
        kit.store(y, {i: 1, j: m}, kit.load(x, {i: n, j: 1}))
        kernel = kit.kernel(2, 1)
        for shape in ((3, 20), (1, 5), (0, 3), (2, 0)):
            arrays = [sample(rng, dtype, shape), sample(rng, dtype, shape[::-1])]
            compare(target, kernel, arrays, list(shape))


@pytest.mark.parametrize("dtype", [float32, float64, int8, int16, bool_], ids=str)
@pytest.mark.parametrize("vector", [0, 1, None])
def test_pad_by_predicates(
    target: CpuTarget, rng: np.random.Generator, dtype: DType, vector: int | None
) -> None:
    kit = Kit()
    n, m = kit.dim(), kit.dim()
    i, j = kit.axis(kit.dim()), kit.axis(kit.dim())
    x, y = kit.buffer(dtype), kit.buffer(dtype, "out")
    kit.stage()
    where = [Bound(affine({i: 1}, -1), 0, n), Bound(affine({j: 1}, -2), 0, m)]
    value = kit.load(x, {i: m, j: 1}, offset=D(4), where=where, other=1)
    kit.dim()
    kit.store(y, {i: D(3), j: 1}, value)
    kernel = kit.kernel(2, vector)
    for n, m in ((3, 18), (0, 4), (2, 0), (1, 1)):
        arrays = [sample(rng, dtype, (n, m)), sample(rng, dtype, (n + 2, m + 5))]
        compare(target, kernel, arrays, [n, m, n + 2, m + 5, -m - 2])


@pytest.mark.parametrize("dtype", [float32, int16, bool_], ids=str)
def test_predicated_stores(target: CpuTarget, rng: np.random.Generator, dtype: DType) -> None:
    """Concatenation by placement: rows under a scalar condition, columns under a vector one."""
    kit = Kit()
    i, j = kit.axis(6), kit.axis(kit.dim())
    x, y, z = kit.buffer(dtype), kit.buffer(dtype, "out"), kit.buffer(dtype, "out")
    kit.stage()
    value = kit.load(x, {i: D(0), j: 1})
    kit.store(y, {i: D(0), j: 1}, value, where=[Bound(affine({i: 1}), 2, 4)])
    kit.store(z, {i: D(0), j: 1}, value, where=[Bound(affine({j: 1, i: 1}), 3, D(0))])
    kernel = kit.kernel(2, 1)
    for n in (1, 15, 16, 40):
        compare(target, kernel, [sample(rng, dtype, (6, n)) for _ in range(3)], [n])


def test_in_place(target: CpuTarget, rng: np.random.Generator) -> None:
    kit = Kit()
    i = kit.axis(kit.dim())
    x, g = kit.buffer(float32, "inout"), kit.buffer(float32)
    kit.stage()
    step = kit.op("mul", float32, kit.load(g, {i: 1}), kit.const(0.5, float32))
    kit.store(x, {i: 1}, kit.op("sub", float32, kit.load(x, {i: 1}), step))
    kit.store(x, {i: 1}, step, mode="add")
    kernel = kit.kernel(1, 0)
    for n in SIZES:
        compare(target, kernel, [sample(rng, float32, n) for _ in range(2)], [n])


def gather(vector: int, dtype: DType = float32) -> Kernel:
    """y[i, j] = table[check(index[i]), j]."""
    kit = Kit()
    rows, columns = kit.dim(), kit.dim()
    i, j = kit.axis(kit.dim()), kit.axis(columns)
    index, table, y = kit.buffer(int32), kit.buffer(dtype), kit.buffer(dtype, "out")
    kit.stage()
    row = kit.op("convert", int64, kit.load(index, {i: 1}))
    row = kit.op("check", int64, row, data=(rows, 42))
    kit.store(y, {i: columns, j: 1}, kit.load(table, {j: 1}, values={row: columns}))
    return kit.kernel(2, vector)


@pytest.mark.parametrize("vector", [0, 1])
def test_gather_records_the_first_bad_index(
    target: CpuTarget, rng: np.random.Generator, vector: int
) -> None:
    kernel = gather(vector)
    for n, rows, columns in ((20, 7, 19), (5, 3, 1), (4, 1, 0), (0, 3, 4)):
        index = rng.integers(0, rows, n).astype(np.int32)
        table = sample(rng, float32, (rows, columns))
        arrays = [index, table, np.zeros((n, columns), np.float32)]
        compare(target, kernel, arrays, [rows, columns, n])
        if n > 3 and columns:
            index[3], index[2] = -1, rows
            frame = run(target, kernel, arrays, [rows, columns, n])
            assert (frame.code, frame.op, frame.operands) == (CODES["INDEX"], 42, (rows, rows))
            compare(target, kernel, arrays, [rows, columns, n])
    # no rows at all: every index fails and nothing may be read
    arrays = [
        np.array([0, 5], np.int32),
        np.zeros((0, 33), np.float32),
        np.ones((2, 33), np.float32),
    ]
    compare(target, kernel, arrays, [0, 33, 2])


def test_the_lowest_op_wins(target: CpuTarget) -> None:
    kit = Kit()
    i = kit.axis(kit.dim())
    x, y = kit.buffer(int32), kit.buffer(int32, "out")
    kit.stage()
    value = kit.load(x, {i: 1})
    hundred = kit.const(100, int32)
    first = kit.op("div", int32, hundred, value, data=D(1))
    negative = kit.op("lt", bool_, value, kit.const(0, int32))
    flag = kit.op("fail_if", bool_, negative, data=D(2))
    kit.store(y, {i: 1}, kit.op("select", int32, flag, hundred, first))
    kit.dims = 3
    for vector in (0, None):
        kernel = kit.kernel(1, vector)
        x0 = np.array([3, 4, -2, 0, 7] * 7, np.int32)
        arrays = [x0, np.zeros_like(x0)]
        compare(target, kernel, arrays, [35, 5, 8])
        frame = run(target, kernel, arrays, [35, 5, 8])
        assert (frame.code, frame.op) == (CODES["DIVIDE"], 5)
        frame = run(target, kernel, arrays, [35, 8, 5])
        assert (frame.code, frame.op, frame.operands) == (CODES["CHECK"], 5, (0, 0))
        frame = run(target, kernel, arrays, [2, 8, 5])
        assert frame.code == 0


@pytest.mark.parametrize("mode", ["add", "sub", "mul", "div", "min", "max", "set"])
@pytest.mark.parametrize("dtype", [float32, int32], ids=str)
def test_ordered_scatter(
    target: CpuTarget, rng: np.random.Generator, mode: str, dtype: DType
) -> None:
    kit = Kit()
    n, columns, rows = kit.dim(), kit.dim(), kit.dim()
    i, j = kit.axis(n), kit.axis(columns)
    y, index, update = kit.buffer(dtype, "inout"), kit.buffer(int64), kit.buffer(dtype)
    kit.stage(i, j, ordered=True)
    row = kit.op("check", int64, kit.load(index, {i: 1}), data=(rows, 3))
    kit.store(y, {j: 1}, kit.load(update, {i: columns, j: 1}), mode=mode, values={row: columns})
    for vector in (1, None):
        kernel = kit.kernel(0, vector)
        for count, width in ((9, 21), (0, 3), (7, 1)):
            updates = sample(rng, dtype, (count, width))
            arrays = [
                sample(rng, dtype, (4, width)),
                rng.integers(0, 4, count),
                np.where(updates == 0, dtype.numpy.type(1), updates),
            ]
            compare(target, kernel, arrays, [count, width, 4], rtol=1e-5)


def test_scalar_scatter_is_in_order(target: CpuTarget, rng: np.random.Generator) -> None:
    """A histogram: neighbouring points write the same element, so lanes may not run together."""
    kit = Kit()
    i = kit.axis(kit.dim())
    y, index = kit.buffer(float32, "inout"), kit.buffer(int64)
    kit.stage(i, ordered=True)
    kit.store(y, {}, kit.const(1.0, float32), mode="add", values={kit.load(index, {i: 1}): 1})
    compare(target, kit.kernel(0, 0), [np.zeros(3, np.float32), rng.integers(0, 3, 50)], [50])


# -- reductions

KINDS = ("sum", "prod", "max", "min", "argmax", "argmin")


def reduction(kind: str, dtype: DType, form: str) -> Kernel:
    """A fold of x[a, b] over rows ("inner"), columns ("outer"), or both ("full"), 16 lanes or
    scalar.
    """
    kit = Kit()
    m, n = kit.dim(), kit.dim()
    result = int64 if kind.startswith("arg") else dtype
    x, y = kit.buffer(dtype), kit.buffer(result, "out")
    if form in ("inner", "scalar"):
        i, j = kit.axis(m), kit.axis(n)
        kit.stage(j)
        folded = kit.reduce(kind, kit.load(x, {i: n, j: 1}))
        kit.stage()
        kit.store(y, {i: 1}, folded)
        return kit.kernel(1, 1 if form == "inner" else None)
    if form == "outer":
        j, i = kit.axis(n), kit.axis(m)
        kit.stage(i)
        folded = kit.reduce(kind, kit.load(x, {i: n, j: 1}))
        kit.stage()
        kit.store(y, {j: 1}, folded)
        return kit.kernel(1, 0)
    i, j = kit.axis(m), kit.axis(n)
    kit.stage(i, j)
    folded = kit.reduce(kind, kit.load(x, {i: n, j: 1}))
    kit.stage()
    kit.store(y, {}, folded)
    return kit.kernel(0, {"full": j, "full-rows": i}[form])


@pytest.mark.parametrize("form", ["inner", "outer", "full", "full-rows", "scalar"])
@pytest.mark.parametrize("kind", KINDS)
def test_reductions(target: CpuTarget, rng: np.random.Generator, kind: str, form: str) -> None:
    for dtype in (float32, float64, int32, uint8):
        kernel = reduction(kind, dtype, form)
        for m, n in ((3, 35), (2, 5), (1, 16), (3, 0), (0, 4), (5, 90)):
            x = sample(rng, dtype, (m, n))
            if kind == "prod" and dtype.is_floating:
                x = np.exp(x * 0.1).astype(dtype.numpy)
            size = {"inner": m, "scalar": m, "outer": n}.get(form, 1)
            y = np.zeros(size, np.int64 if kind.startswith("arg") else dtype.numpy)
            compare(target, kernel, [x, y], [m, n], rtol=1e-5)


@pytest.mark.parametrize("form", ["inner", "outer", "full", "scalar"])
@pytest.mark.parametrize("kind", ["max", "min", "argmax", "argmin"])
def test_nan_and_ties(target: CpuTarget, rng: np.random.Generator, kind: str, form: str) -> None:
    kernel = reduction(kind, float32, form)
    result = np.int64 if kind.startswith("arg") else np.float32
    for trial in range(6):
        x = rng.integers(-2, 3, (4, 37)).astype(np.float32)
        x[rng.random((4, 37)) < (0, 0.02, 0.1, 0, 0, 1)[trial]] = np.nan
        if trial == 3:
            x[:] = -np.inf if kind.endswith("max") else np.inf
        if trial == 4:
            x[x == x.max()] = np.inf
        size = {"inner": 4, "scalar": 4, "outer": 37}.get(form, 1)
        compare(target, kernel, [x, np.zeros(size, result)], [4, 37])


@pytest.mark.parametrize("form", ["inner", "outer", "full"])
def test_any_all(target: CpuTarget, rng: np.random.Generator, form: str) -> None:
    for kind in ("any", "all"):
        kernel = reduction(kind, bool_, form)
        for density in (0.0, 0.02, 0.98, 1.0):
            for m, n in ((3, 40), (2, 0), (3, 7)):
                x = rng.random((m, n)) < density
                size = {"inner": m, "outer": n}.get(form, 1)
                compare(target, kernel, [x, np.zeros(size, bool)], [m, n])


@pytest.mark.parametrize("form", ["inner", "outer", "full", "full-rows"])
def test_long_sums_are_accurate(target: CpuTarget, form: str) -> None:
    """Sums in blocks: far from the error of adding a million terms one by one."""
    kernel = reduction("sum", float32, form)
    shape = {"inner": (1, 1_000_003), "outer": (1_000_003, 1)}.get(form, (1009, 1000))
    x = np.full(shape, 0.1, np.float32)
    y = np.zeros(1, np.float32)
    run(target, kernel, [x, y], shape)
    exact = float(np.float32(0.1)) * x.size
    assert abs(y[0] - exact) / exact < 3e-6


def test_column_sums_of_all_widths(target: CpuTarget, rng: np.random.Generator) -> None:
    kernel = reduction("sum", float32, "outer")
    for m, n in ((600, 3), (5, 64), (7, 150), (300, 16), (1, 129)):
        x = sample(rng, float32, (m, n))
        y = np.zeros(n, np.float32)
        run(target, kernel, [x, y], [m, n])
        np.testing.assert_allclose(y, x.sum(0, dtype=np.float64), rtol=1e-5, atol=1e-5)


def test_splitting_the_outer_axis_changes_no_bit(
    target: CpuTarget, rng: np.random.Generator
) -> None:
    """Threads take ranges of axis 0: any split must give the same bits."""
    from graphc.codegen.cpu.driver import Frame
    from graphc.codegen.cpu.words import address_of

    for form, m, n in (("inner", 9, 333), ("outer", 77, 130)):
        kernel = reduction("sum", float32, form)
        x = sample(rng, float32, (m, n))
        size = m if form == "inner" else n
        results = []
        for cuts in ((0, size), (0, 1, size), (0, 5, 7, 8, size)):
            y = np.zeros(size, np.float32)
            frame = Frame(
                np.array([address_of(x), address_of(y)], np.int64),
                np.array([m, n], np.int64),
                target,
            )
            words = np.array([0, 1, 0, 1], np.int64)
            for begin, end in itertools.pairwise(cuts):
                target.compile(kernel)(frame.address, address_of(words), begin, end)
            results.append(y.view(np.int32).copy())
        assert all(np.array_equal(r, results[0]) for r in results)


# -- stages


def softmax(columns: Size, kit: Kit) -> Kernel:
    i, j = kit.axis(kit.dim()), kit.axis(columns)
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage(j)
    highest = kit.reduce("max", kit.load(x, {i: columns, j: 1}))
    kit.stage(j)
    shifted = kit.op("sub", float32, kit.load(x, {i: columns, j: 1}), highest)
    power = kit.op("exp", float32, shifted)
    kit.store(y, {i: columns, j: 1}, power)
    total = kit.reduce("sum", power)
    kit.stage()
    factor = kit.op("div", float32, kit.const(1.0, float32), total)
    kit.stage(j)
    scaled = kit.op("mul", float32, kit.load(y, {i: columns, j: 1}), factor)
    kit.store(y, {i: columns, j: 1}, scaled)
    return kit.kernel(1, 1, "softmax")


@pytest.mark.parametrize("known", [True, False])
def test_softmax(target: CpuTarget, rng: np.random.Generator, known: bool) -> None:
    for n in (1, 10, 16, 37):
        kit = Kit()
        kernel = softmax(n if known else kit.dim(), kit)
        dims = [4] if known else [n, 4]
        arrays = [sample(rng, float32, (4, n)) * 5, np.zeros((4, n), np.float32)]
        _, y = compare(target, kernel, arrays, dims, rtol=2e-6)
        np.testing.assert_allclose(y.sum(1), 1, rtol=1e-5)


def test_layer_norm(target: CpuTarget, rng: np.random.Generator) -> None:
    kit = Kit()
    rows, columns = kit.dim(), kit.dim()
    i, j = kit.axis(rows), kit.axis(columns)
    x, scale, y = kit.buffer(float64), kit.buffer(float64), kit.buffer(float64, "out")
    kit.stage(j)
    total = kit.reduce("sum", kit.load(x, {i: columns, j: 1}))
    kit.stage()
    count = kit.op("convert", float64, kit.op("dim", int64, data=columns))
    mean = kit.op("div", float64, total, count)
    kit.stage(j)
    away = kit.op("sub", float64, kit.load(x, {i: columns, j: 1}), mean)
    squares = kit.reduce("sum", kit.op("mul", float64, away, away))
    kit.stage()
    variance = kit.op("div", float64, squares, count)
    factor = kit.op("rsqrt", float64, kit.op("add", float64, variance, kit.const(1e-5, float64)))
    kit.stage(j)
    away = kit.op("sub", float64, kit.load(x, {i: columns, j: 1}), mean)
    normal = kit.op("mul", float64, away, factor)
    kit.store(y, {i: columns, j: 1}, kit.op("mul", float64, normal, kit.load(scale, {j: 1})))
    kernel = kit.kernel(1, 1)
    for n in (1, 5, 32, 45):
        arrays = [sample(rng, float64, (3, n)), sample(rng, float64, n), np.zeros((3, n))]
        compare(target, kernel, arrays, [3, n], rtol=1e-12)


def test_batch_statistics(target: CpuTarget, rng: np.random.Generator) -> None:
    """Channels outside and vectorised, two inner axes, two folds at once."""
    kit = Kit()
    a, b, channels = kit.dim(), kit.dim(), kit.dim()
    c, i, j = kit.axis(channels), kit.axis(a), kit.axis(b)
    x, mean, square = kit.buffer(float32), kit.buffer(float32, "out"), kit.buffer(float32, "out")
    batch = kit.dim()
    kit.stage(i, j)
    value = kit.load(x, {i: batch, j: channels, c: 1})
    sums = kit.reduce("sum", value), kit.reduce("sum", kit.op("mul", float32, value, value))
    kit.stage()
    kit.store(mean, {c: 1}, sums[0])
    kit.store(square, {c: 1}, sums[1])
    kernel = kit.kernel(1, 0)
    for m, n, k in ((3, 5, 20), (2, 2, 3), (4, 1, 70), (0, 3, 5)):
        arrays = [sample(rng, float32, (m, n, k)), *(np.zeros(k, np.float32) for _ in range(2))]
        compare(target, kernel, arrays, [m, n, k, n * k], rtol=1e-5)


def test_random_bits(target: CpuTarget) -> None:
    for vector, count in ((0, 200), (0, 3), (None, 70)):
        kit = Kit()
        n, key, counter = kit.dim(), kit.dim(), kit.dim()
        i, j = kit.axis(n), kit.axis(3)
        y = kit.buffer(uint32, "out")
        kit.stage()
        element = kit.op("index", int64, data=affine({i: 3, j: 1}, 17))
        args = [kit.op("dim", int64, data=d) for d in (key, counter)]
        stream = kit.const(2, int64)
        kit.store(y, {i: 3, j: 1}, kit.op("philox", uint32, element, *args, stream))
        arrays = [np.zeros((count, 3), np.uint32)]
        compare(target, kit.kernel(2, vector), arrays, [count, -(2**62) + 12345, 7])


def test_uniform_values_are_scalar_code(target: CpuTarget) -> None:
    """What is the same in all lanes is computed once, outside the loop."""
    kit = Kit()
    i, j = kit.axis(kit.dim()), kit.axis(kit.dim())
    x, s, y = kit.buffer(float32), kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    scale = kit.op("sqrt", float32, kit.load(s, {i: 1}))
    kit.store(y, {i: D(1), j: 1}, kit.op("mul", float32, kit.load(x, {i: D(1), j: 1}), scale))
    text = target.llvm_ir(kit.kernel(2, 1))
    assert "sqrt.v16f32" not in text
    lines = text.split("\n")
    loop = lines[lines.index("j.loop:") : lines.index("j.end:")]
    assert any("fmul <16 x float>" in line for line in loop)
    assert not any("llvm.sqrt" in line or "shufflevector" in line for line in loop)
