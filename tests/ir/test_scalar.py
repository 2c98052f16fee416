"""The NumPy `ScalarBuilder`: every operation that kernels know, with their documented meaning."""

import fractions
import math

import numpy as np
import pytest

from graphc.codegen.kernel import SCALAR_OPS
from graphc.ir import dtypes, scalar
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.scalar import NumpyBuilder
from graphc.ir.types import TensorType

F32, F64 = np.float32, np.float64


def builder(dtype: dtypes.DType = dtypes.float32, shape: tuple[int, ...] = (2, 3)) -> NumpyBuilder:
    return NumpyBuilder(TensorType(dtype, shape))


def test_every_scalar_operation_is_there() -> None:
    assert set(SCALAR_OPS) == scalar.SCALAR_NAMES
    b = builder()
    for name in SCALAR_OPS:
        assert callable(getattr(b, name + "_" if name in ("and", "or", "not") else name))


@pytest.mark.parametrize("name", sorted(SCALAR_OPS))
def test_dtypes_are_kept(name: str) -> None:
    count, meaning = SCALAR_OPS[name]
    if name in ("select", "philox", "mulhi", "shl", "shr", "and", "or", "xor", "not"):
        return
    for dtype in (F32, F64):
        result = getattr(builder(), name)(*[np.full(3, 0.5, dtype)] * count)
        assert np.asarray(result).dtype == (np.bool_ if "-> bool" in meaning else dtype), name


def test_integer_division_truncates_and_rem_has_the_sign_of_x() -> None:
    x = np.array([7, -7, 7, -7, -(2**31)], np.int32)
    y = np.array([2, 2, -2, -2, -1], np.int32)
    b = builder(dtypes.int32)
    assert b.div(x, y).tolist() == [3, -3, -3, 3, -(2**31)]
    assert b.rem(x, y).tolist() == [1, -1, 1, -1, 0]
    assert b.floordiv(x, y).tolist() == [3, -4, -4, 3, -(2**31)]
    assert b.floormod(x, y).tolist() == [1, 1, -1, -1, 0]


@pytest.mark.parametrize("name", ["div", "rem", "floordiv", "floormod"])
def test_integer_division_by_zero_fails(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="division by zero"):
        getattr(builder(), name)(np.array([1, 2], np.int32), np.array([1, 0], np.int32))


def test_negative_integer_power_fails() -> None:
    b = builder()
    assert b.pow(np.array([3], np.int32), np.array([4], np.int32)).tolist() == [81]
    with pytest.raises(InvalidArgumentError, match="negative power"):
        b.pow(np.array([3], np.int32), np.array([-1], np.int32))


def test_float_division_follows_ieee() -> None:
    b = builder()
    with np.errstate(all="ignore"):
        result = b.div(np.array([1.0, -1.0, 0.0], F32), np.zeros(3, F32))
    assert result[:2].tolist() == [math.inf, -math.inf]
    assert np.isnan(result[2])


def test_max_and_min_propagate_nan() -> None:
    b = builder()
    x, y = np.array([math.nan, 1.0], F32), np.array([1.0, math.nan], F32)
    assert np.isnan(b.max(x, y)).all()
    assert np.isnan(b.min(x, y)).all()


@pytest.mark.parametrize("target", [*dtypes.INTS, dtypes.uint32, dtypes.uint64])
def test_float_to_int_saturates(target: dtypes.DType) -> None:
    x = np.array([-math.inf, -1e30, -1.9, 1.9, 1e30, math.inf, math.nan])
    low, high = int(target.min), int(target.max)
    expected = [low, low, max(low, -1), 1, high, high, 0]
    for dtype in (F32, F64):
        assert builder().convert(x.astype(dtype), target).tolist() == expected


def test_int_to_int_wraps_and_bool_is_a_test() -> None:
    b = builder()
    assert b.convert(np.array([300, -1]), dtypes.uint8).tolist() == [44, 255]
    assert b.convert(np.array([0.0, 0.5, math.nan]), dtypes.bool_).tolist() == [False, True, True]
    assert b.convert(np.array([True]), dtypes.float32).dtype == F32


def test_bits_and_shifts() -> None:
    b = builder(dtypes.int64)
    one = np.array([1.0])
    assert hex(int(b.bitcast(one, dtypes.int64)[0])) == "0x3ff0000000000000"
    assert b.shr(np.array([-8]), np.array([1])).tolist() == [-4]
    assert b.shr(np.array([2**31], np.uint32), np.array([31], np.uint32)).tolist() == [1]
    assert b.mulhi(np.array([2**31], np.uint32), np.array([6], np.uint32)).tolist() == [3]
    assert b.not_(np.array([0], np.int32)).tolist() == [-1]
    assert b.not_(np.array([True])).tolist() == [False]


def test_positions() -> None:
    b = builder()
    assert np.broadcast_to(b.index(1), (2, 3)).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert b.linear_index().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert b.dim(7).dtype == np.int64


@pytest.mark.parametrize("dtype", [F32, F64])
def test_fma_rounds_once(dtype: type) -> None:
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=500).astype(dtype) for _ in range(2))
    # Sums that cancel, ties, and addends of other magnitudes are where two roundings show.
    z = np.concatenate([-(x * y)[:250], (rng.normal(size=250) * 10.0 ** rng.integers(-9, 9, 250))])
    z = z.astype(dtype)
    got = scalar.fma(x, y, z)
    assert got.dtype == dtype
    for a, b, c, result in zip(x, y, z, got, strict=True):
        exact = fractions.Fraction(float(a)) * fractions.Fraction(float(b))
        exact += fractions.Fraction(float(c))
        nearest = min(
            (np.nextafter(result, dtype(-math.inf)), result, np.nextafter(result, dtype(math.inf))),
            key=lambda v: abs(fractions.Fraction(float(v)) - exact),
        )
        assert nearest == result


def test_fma_of_infinities() -> None:
    x = np.array([math.inf, 1.0, 1e308])
    got = scalar.fma(x, np.array([1.0, math.inf, 10.0]), np.array([1.0, -math.inf, 0.0]))
    assert got[0] == math.inf
    assert np.isnan(got[1])
    assert got[2] == math.inf


def test_special_functions() -> None:
    b = builder(dtypes.float64)
    assert b.digamma(np.array([1.0]))[0] == pytest.approx(-0.57721566490153286, rel=1e-14)
    assert b.digamma(np.array([-0.5]))[0] == pytest.approx(0.03648997397857652, rel=1e-12)
    assert np.isnan(b.digamma(np.array([0.0, -1.0]))).all()
    assert b.lgamma(np.array([0.5]))[0] == pytest.approx(math.log(math.sqrt(math.pi)))
    assert b.lgamma(np.array([0.0, -2.0])).tolist() == [math.inf, math.inf]
    assert b.sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]


def test_fail_if() -> None:
    b = builder()
    assert not b.fail_if(np.array([False])).any()
    with pytest.raises(InvalidArgumentError):
        b.fail_if(np.array([False, True]))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        builder().frobnicate  # noqa: B018
