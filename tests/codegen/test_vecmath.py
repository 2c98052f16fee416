"""Vector mathematics of the CPU target: errors in units in the last place, and special values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.target import Features, host_features
from graphc.ir.dtypes import DType, as_dtype, float32, float64
from tests.codegen.kit import Kit, run

INF, NAN = np.inf, np.nan
EDGES = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, INF, -INF, NAN, 1e4, 1e-4, 1e-30, -1e-30,
    88.7, 88.8, -87.4, -103.9, -104.2, 709.7, 709.8, -745.1, -745.2, 1e30, -1e30, 33.0, 177.49998,
)  # fmt: skip


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _each(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    def apply(x: np.ndarray) -> np.ndarray:
        return np.array([_guarded(function, float(v)) for v in x], x.dtype)

    return apply


def _guarded(function: Callable[[float], float], x: float) -> float:
    try:
        return function(x)
    except (ValueError, OverflowError):
        return NAN if math.isnan(x) else INF


def _digamma(x: float) -> float:
    if math.isnan(x) or x == -INF or (x < 0 and x == int(x)):
        return NAN
    if x == 0 or x == INF:
        return math.copysign(INF, -x) if x == 0 else INF
    total, y = 0.0, x
    if x < 0:
        total, y = -math.pi / math.tan(math.pi * (x - round(x))), 1 - x
    shifts = []
    while y < 15:
        shifts.append(-1 / y)
        y += 1
    z = 1 / (y * y)
    series = z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))))
    return math.fsum([total, *shifts, math.log(y), -0.5 / y, -series])


# op: (reference in a wider type, allowed error for float, for double)
FUNCTIONS: dict[str, tuple[Any, float, float]] = {
    "exp": (np.exp, 1.1, 1.3), "expm1": (np.expm1, 2, 2), "log": (np.log, 1.1, 1.1),
    "log1p": (np.log1p, 1.2, 1.2), "sin": (np.sin, 2, 2), "cos": (np.cos, 2, 2),
    "tan": (np.tan, 3.5, 3.5), "asin": (np.arcsin, 2, 2), "acos": (np.arccos, 2, 2),
    "atan": (np.arctan, 2, 2), "sinh": (np.sinh, 2, 2), "cosh": (np.cosh, 2, 2),
    "tanh": (np.tanh, 2, 2.5), "asinh": (np.arcsinh, 2.5, 2.5), "acosh": (np.arccosh, 2.5, 2.5),
    "atanh": (np.arctanh, 2.5, 2.5), "sigmoid": (_sigmoid, 2, 2.2),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.6, 1.6), "sqrt": (np.sqrt, 0.51, 0.51),
    "erf": (_each(math.erf), 1.6, 2.5), "erfc": (_each(math.erfc), 4.5, 5),
}  # fmt: skip


@pytest.fixture(scope="module")
def target() -> CpuTarget:
    return CpuTarget(disk=None)


def without_fma() -> Features:
    host = host_features()
    return Features(host.triple, host.cpu, host.flags.replace("+fma,", "-fma,"))


def apply(target: CpuTarget, op: str, *xs: np.ndarray, vector: int | None = 0) -> np.ndarray:
    """op on arrays, elementwise, by a kernel."""
    dtype = as_dtype(xs[0].dtype)
    kit = Kit()
    axis = kit.axis(kit.dim())
    buffers = [kit.buffer(dtype) for _ in xs]
    out = kit.buffer(dtype, "out")
    kit.stage()
    kit.store(out, {axis: 1}, kit.op(op, dtype, *(kit.load(b, {axis: 1}) for b in buffers)))
    result = np.empty_like(xs[0])
    run(target, kit.kernel(1, vector), [*xs, result], [xs[0].size])
    return result


def samples(dtype: DType, count: int = 4000) -> np.ndarray:
    """Edges, random bits, and random numbers of several sizes."""
    rng = np.random.default_rng(5)
    kind = dtype.numpy.type
    info = np.finfo(kind)
    tiny = [info.max, info.min, info.tiny, -info.tiny, info.smallest_subnormal, info.tiny / 3]
    bits = rng.integers(0, 2**63, count, dtype=np.uint64) << np.uint64(1)
    narrow = (bits >> np.uint64(32)).astype(np.uint32).view(np.float32)
    random_bits = narrow if dtype == float32 else bits.view(np.float64)
    parts = [
        EDGES, tiny, random_bits, rng.normal(size=count) * 3, rng.uniform(-1, 1, count),
        rng.uniform(-110, 110, count), 1 + rng.uniform(-0.01, 0.01, count),
        rng.choice([-1, 1], count) * rng.uniform(0, 2, count) ** 12,
        np.arange(1, count) * (np.pi / 2),
    ]  # fmt: skip
    return np.concatenate([np.asarray(p, kind) for p in parts])


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|got - exact| in units of the last place of the result's type; 0 where both are the same."""
    kind = got.dtype.type
    rounded = exact.astype(kind)
    unit = np.maximum(np.spacing(np.abs(rounded)), np.finfo(kind).smallest_subnormal)
    error = np.abs(got.astype(exact.dtype) - exact) / unit.astype(exact.dtype)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    return np.where(same, 0, np.where(np.isnan(error), INF, error))


def check(xs: tuple[np.ndarray, ...], got: np.ndarray, exact: np.ndarray, limit: float) -> None:
    error = ulps(got, exact)
    worst = int(np.argmax(error))
    assert error[worst] <= limit, (
        f"{error[worst]} ulp at {[x[worst] for x in xs]}: {got[worst]!r}, exact {exact[worst]!r}"
    )


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("op", FUNCTIONS)
def test_accuracy(target: CpuTarget, op: str, dtype: DType) -> None:
    reference, *limits = FUNCTIONS[op]
    x = samples(dtype)
    got = apply(target, op, x)
    exact = reference(x.astype(np.float64 if dtype == float32 else np.longdouble))
    check((x,), got, exact, limits[dtype == float64])
    zeros = (x == 0) & ~np.isnan(exact)
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(exact[zeros]))
    scalars = apply(target, op, x[:300], vector=None)
    np.testing.assert_array_equal(scalars, got[:300])


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("op", ["sin", "cos", "tan"])
def test_zeros_of_sine_and_huge_arguments(target: CpuTarget, op: str, dtype: DType) -> None:
    rng = np.random.default_rng(1)
    half_turns = np.arange(1, 20000) * (
        np.longdouble(np.pi) / 2 + np.longdouble(6.123233995736766e-17)
    )
    powers = 2.0 ** rng.uniform(10, 127 if dtype == float32 else 1023, 3000)
    x = np.concatenate([half_turns, powers, -powers]).astype(dtype.numpy)
    x = np.concatenate([x, np.nextafter(x, dtype.numpy.type(0))])
    exact = getattr(np, op)(x.astype(np.longdouble))
    check((x,), apply(target, op, x), exact, 3.5 if op == "tan" else 2)


def pairs(dtype: DType) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(2)
    edges = [*EDGES[:17], 4.0, -4.0, 1e9 + 1, -1.5, INF, 2.0**60]
    grid = np.array([(a, b) for a in edges for b in edges]).T
    spread = np.exp(rng.normal(size=4000) * 10), rng.normal(size=4000) * 20
    near = 1 + rng.normal(size=4000) * 0.01, rng.normal(size=4000) * 3000
    whole = rng.integers(-20, 20, 2000), rng.integers(-30, 30, 2000)
    x = samples(dtype, 1000)
    wild = x, rng.permutation(x)
    return [
        tuple(np.asarray(part, dtype.numpy) for part in pair)
        for pair in (grid, spread, near, whole, wild)
    ]


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_power_and_angle(target: CpuTarget, dtype: DType) -> None:
    for x, y in pairs(dtype):
        wide = x.astype(np.longdouble), y.astype(np.longdouble)
        power = np.power(*wide)
        check((x, y), apply(target, "pow", x, y), power, 1.5)
        angle = apply(target, "atan2", x, y)
        check((x, y), angle, np.arctan2(*wide), 2)
        zeros = angle == 0
        signs = np.signbit(np.arctan2(*wide)[zeros])
        np.testing.assert_array_equal(np.signbit(angle[zeros]), signs)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_remainders_are_exact(target: CpuTarget, dtype: DType) -> None:
    for x, y in pairs(dtype):
        for op, reference in (("rem", np.fmod), ("floormod", np.mod)):
            got = apply(target, op, x, y)
            expected = reference(x, y)
            np.testing.assert_array_equal(got, expected)
            number = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(expected[number]))


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_gamma_functions(target: CpuTarget, dtype: DType) -> None:
    """Relative to max(1, |f|): near their zeros, f is a difference of larger numbers."""
    x = samples(dtype, 1500)
    x = x[(np.abs(x) < 1e15) & ((x > 0) | (np.abs(x - np.round(x)) > 1e-3) | (x == 0))]
    for op, reference, limit in (("lgamma", math.lgamma, 40), ("digamma", _digamma, 400)):
        got = apply(target, op, x).astype(np.float64)
        exact = _each(reference)(x.astype(np.float64))
        finite = np.isfinite(exact.astype(dtype.numpy))
        np.testing.assert_array_equal(np.isfinite(got), finite)
        error = np.abs(got - exact)[finite] / np.maximum(1, np.abs(exact[finite]))
        scale = np.finfo(dtype.numpy).eps
        assert np.nanmax(error) < (scale if dtype == float32 else limit * scale)
    positive = np.array([0.1, 0.5, 1.5, 3.0, 7.9, 8.1, 50.0], dtype.numpy)
    exact = _each(math.lgamma)(positive.astype(np.float64))
    np.testing.assert_allclose(apply(target, "lgamma", positive), exact, rtol=8 * scale)


@pytest.mark.parametrize("op", ["exp", "tanh", "log", "sin", "pow", "atan", "rem"])
def test_without_fma(op: str) -> None:
    """The formulas hold, a little less exactly, where there is no fused multiply-add."""
    plain = CpuTarget(without_fma(), disk=None)
    for dtype in (float32, float64):
        x = samples(dtype, 300)
        wide = np.longdouble
        if op in ("pow", "rem"):
            y = np.random.default_rng(3).permutation(x)
            exact = (np.power if op == "pow" else np.fmod)(x.astype(wide), y.astype(wide))
            check((x, y), apply(plain, op, x, y), exact, 3 if op == "pow" else 0)
        else:
            reference = FUNCTIONS[op][0]
            check((x,), apply(plain, op, x), reference(x.astype(wide)), 5)


def test_half_precision_goes_through_float(target: CpuTarget) -> None:
    x = np.array([0.0, 1.0, -2.0, 10.0, NAN, 0.1], np.float16)
    got = apply(target, "exp", x)
    np.testing.assert_array_equal(got, np.exp(x.astype(np.float32)).astype(np.float16))
    np.testing.assert_array_equal(apply(target, "add", x, x), x + x)
