"""Contractions with windows, from the operation to native code, against NumPy in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cpu import tiles, writer
from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.target import Features, host_features
from graphc.codegen.fusion import fuse
from graphc.codegen.kernel import Kernel
from graphc.codegen.plan import plan
from graphc.codegen.program import Program
from graphc.codegen.state import SessionState
from graphc.ir import opdef
from tests.codegen.test_contraction import PROCESSORS, guarded, run, tile_loops
from tests.codegen.windows import FILTERS, FORWARD, convolve, convolve_filters


@pytest.fixture(autouse=True)
def window_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two operation types, for this test alone, and a fresh graph."""
    for definition in (FORWARD, FILTERS):
        monkeypatch.setitem(opdef._REGISTRY, definition.name, definition)
    tf.reset_default_graph()


@pytest.fixture(scope="module")
def target() -> CpuTarget:
    return CpuTarget(disk=None)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def forward(x: Any, f: Any, strides: Sequence[int] = (1, 1), rates: Sequence[int] = (1, 1)) -> Any:
    return x.graph.op("WindowProduct", x, f, strides=tuple(strides), rates=tuple(rates))


def filters(
    x: Any, dy: Any, window: Sequence[int], strides: Sequence[int], rates: Sequence[int]
) -> Any:
    attrs = {"strides": tuple(strides), "rates": tuple(rates), "window": tuple(window)}
    return x.graph.op("WindowProductFilters", x, dy, **attrs)


def feeds_of(*arrays: np.ndarray, known: bool = True, dtype: Any = tf.float32) -> dict:
    """A placeholder for each array, of its shape or of its rank alone."""
    shapes = [list(a.shape) if known else [None] * a.ndim for a in arrays]
    return {tf.placeholder(dtype, s): a for s, a in zip(shapes, arrays, strict=True)}


def results(fetches: Any, feeds: dict, threads: int = 1) -> Any:
    config = tf.ConfigProto(intra_op_parallelism_threads=threads)
    with tf.Session(config=config) as session:
        return session.run(fetches, feeds)


def kernels(fetches: Sequence[Any], feeds: dict) -> list[Kernel]:
    program = Program(tf.get_default_graph(), list(fetches), (), list(feeds))
    function = program.optimize(program.resolve(list(feeds.values()), SessionState()))
    return [launch.kernel for launch in plan(fuse(function)).launches]


# x, filters, strides, rates
CASES = (
    ((2, 9, 8, 3), (3, 3, 3, 5), (1, 1), (1, 1)),
    ((1, 16, 15, 1), (5, 5, 1, 32), (1, 1), (1, 1)),
    ((3, 11, 12, 4), (3, 2, 4, 17), (2, 3), (1, 1)),
    ((2, 11, 12, 4), (2, 3, 4, 8), (1, 1), (3, 2)),
    ((2, 7, 7, 20), (1, 1, 20, 40), (1, 1), (1, 1)),
    ((2, 7, 9, 6), (1, 1, 6, 10), (2, 2), (1, 1)),
    ((5, 4, 4, 7), (4, 4, 7, 9), (1, 1), (1, 1)),
    ((3, 9, 5, 2), (3, 5, 2, 1), (2, 1), (1, 1)),
    ((0, 7, 9, 6), (3, 3, 6, 10), (1, 1), (1, 1)),
    ((2, 7, 9, 6), (3, 3, 6, 0), (1, 1), (1, 1)),
    ((2, 7, 9, 0), (3, 3, 0, 4), (1, 1), (1, 1)),
    ((2, 30, 7), (4, 7, 9), (2,), (1,)),
    ((1, 30, 7), (4, 7, 9), (1,), (2,)),
    ((2, 5, 6, 7, 3), (2, 3, 2, 3, 6), (1, 2, 1), (1, 1, 2)),
    ((2, 8, 8, 150), (3, 3, 150, 20), (1, 1), (1, 1)),
    ((4, 20, 20, 6), (5, 5, 6, 70), (1, 1), (1, 1)),
    ((2, 12, 12, 5), (3, 3, 5, 90), (1, 1), (1, 2)),
)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward(case: tuple, known: bool) -> None:
    x_shape, f_shape, strides, rates = case
    feeds = feeds_of(normal(*x_shape), normal(*f_shape), known=known)
    result = results(forward(*feeds, strides, rates), feeds)
    expected = convolve(*feeds.values(), strides, rates)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_filters(case: tuple, known: bool) -> None:
    x_shape, f_shape, strides, rates = case
    window = f_shape[:-2]
    counts = convolve(np.zeros(x_shape), np.zeros(f_shape), strides, rates).shape[1:-1]
    dy_shape = (x_shape[0], *counts, f_shape[-1])
    feeds = feeds_of(normal(*x_shape), normal(*dy_shape), known=known)
    result = results(filters(*feeds, window, strides, rates), feeds)
    expected = convolve_filters(*feeds.values(), window, strides, rates)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", [tf.float64, tf.int32], ids=str)
def test_dtypes(dtype: Any) -> None:
    x, f = (3 * normal(*s) for s in ((2, 9, 8, 3), (3, 3, 3, 5)))
    feeds = feeds_of(*(a.astype(dtype.as_numpy_dtype) for a in (x, f)), dtype=dtype)
    result = results(forward(*feeds, (1, 1), (2, 1)), feeds)
    expected = convolve(*feeds.values(), (1, 1), (2, 1))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_one_compiled_program_serves_all_sizes() -> None:
    x, f = tf.placeholder(tf.float32, [None, None, None, 3]), normal(3, 3, 3, 5)
    y = forward(x, tf.constant(f))
    with tf.Session() as session:
        for shape in ((2, 9, 8, 3), (1, 3, 3, 3), (5, 20, 31, 3)):
            value = normal(*shape)
            np.testing.assert_allclose(
                session.run(y, {x: value}), convolve(value, f, (1, 1), (1, 1)), 1e-4, 1e-4
            )


# -- what fuses


def test_rows_are_all_positions_of_all_images_and_taps_run_along_lines() -> None:
    feeds = feeds_of(normal(2, 9, 8, 3), normal(3, 3, 3, 5))
    (kernel,) = kernels([forward(*feeds)], feeds)
    assert kernel.contraction is not None
    assert [axis.extent for axis in kernel.axes] == [2 * 7 * 6, 5]
    assert kernel.contraction.rows == ((2, 9 * 8 * 3), (7, 8 * 3), (6, 3))
    assert kernel.contraction.k == (3, 9)


def test_a_window_of_one_is_a_product_of_matrices() -> None:
    feeds = feeds_of(normal(2, 7, 6, 20), normal(1, 1, 20, 40))
    (kernel,) = kernels([forward(*feeds)], feeds)
    assert kernel.contraction is not None and kernel.contraction.rows == ()
    assert [axis.extent for axis in kernel.axes] == [2 * 7 * 6, 40]


def test_rows_of_all_batches_are_one_axis_if_b_is_the_same() -> None:
    feeds = feeds_of(normal(3, 5, 7), normal(1, 7, 4))
    a, b = feeds
    product = tf.matmul(a, tf.broadcast_to(b, [3, 7, 4]))
    (kernel,) = kernels([product], feeds)
    assert [axis.extent for axis in kernel.axes] == [15, 4]
    np.testing.assert_allclose(results(product, feeds), feeds[a] @ feeds[b], 1e-5, 1e-5)


@pytest.mark.parametrize("channels", [3, 20, 200])
@pytest.mark.parametrize("bias", [(37,), (2, 1, 1, 37), (7, 1, 1), (2, 7, 6, 37)], ids=str)
def test_the_epilogue_is_part_of_the_kernel(bias: tuple[int, ...], channels: int) -> None:
    """Also where it sees images apart: they are then a batch axis, and share what is packed."""
    shapes = (2, 9, 8, channels), (3, 3, channels, 37), bias
    feeds = feeds_of(*(normal(*shape) for shape in shapes))
    x, f, b = feeds
    y = tf.nn.relu(forward(x, f) + b)
    assert len(kernels([y], feeds)) == 1
    expected = np.maximum(convolve(feeds[x], feeds[f], (1, 1), (1, 1)) + feeds[b], 0)
    np.testing.assert_allclose(results(y, feeds), expected, rtol=1e-4, atol=2e-4)


def test_a_transposed_result() -> None:
    feeds = feeds_of(normal(2, 9, 8, 3), normal(3, 3, 3, 5))
    y = tf.transpose(forward(*feeds), [0, 3, 1, 2]) * 2.0
    expected = 2 * convolve(*feeds.values(), (1, 1), (1, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(results(y, feeds), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [(3, 5), (40, 70), (600, 20)], ids=str)
def test_views_of_operands_are_read_where_they_lie(channels: tuple[int, int]) -> None:
    """The flipped, transposed filters of an input's gradient, and a transposed, sliced input."""
    c, f = channels
    feeds = feeds_of(normal(c, 9, 9, 2), normal(3, 3, f, c))
    x, w = feeds
    seen = tf.transpose(x, [3, 1, 2, 0])[:, :, 1:]
    y = forward(seen, tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]))
    assert len(kernels([y], feeds)) == 1
    images = np.ascontiguousarray(feeds[x].transpose(3, 1, 2, 0)[:, :, 1:])
    flipped = np.ascontiguousarray(feeds[w][::-1, ::-1].transpose(0, 1, 3, 2))
    expected = convolve(images, flipped, (1, 1), (1, 1))
    np.testing.assert_allclose(results(y, feeds), expected, rtol=1e-3, atol=1e-3)


def test_axes_of_size_one_do_not_part_views_from_their_reader() -> None:
    feeds = feeds_of(normal(2, 9, 8, 3), normal(3, 3, 5, 3))
    x, w = feeds
    parted = tf.reshape(tf.transpose(tf.reverse(w, [0]), [0, 3, 1, 2]), [3, 3, 1, 3, 1, 5])
    kernel = tf.reshape(tf.transpose(parted, [0, 2, 3, 4, 1, 5]), [3, 3, 3, 5])
    y = forward(x, kernel)
    assert len(kernels([y], feeds)) == 1
    wanted = np.ascontiguousarray(feeds[w][::-1].transpose(0, 1, 3, 2))
    expected = convolve(feeds[x], wanted, (1, 1), (1, 1))
    np.testing.assert_allclose(results(y, feeds), expected, rtol=1e-4, atol=1e-4)


def test_a_padded_operand_is_written_first_also_behind_axes_of_size_one() -> None:
    feeds = feeds_of(normal(2, 7, 6, 3), normal(3, 3, 3, 5))
    x, f = feeds
    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    y = forward(tf.reshape(tf.reshape(padded, [2, 9, 1, 8, 3]), [2, 9, 8, 3]), f)
    assert len(kernels([y], feeds)) == 2
    wide = np.pad(feeds[x], [(0, 0), (1, 1), (1, 1), (0, 0)])
    expected = convolve(wide, feeds[f], (1, 1), (1, 1))
    np.testing.assert_allclose(results(y, feeds), expected, rtol=1e-4, atol=1e-4)


def test_parts_of_a_padded_input_are_read_where_they_lie() -> None:
    feeds = feeds_of(normal(2, 7, 6, 3), normal(3, 3, 3, 5))
    x, f = feeds
    padded = tf.pad(x, [[0, 0], [1, 1], [2, 1], [0, 0]])
    both = forward(padded[:, 1:], f), forward(padded[:, :-1, 1:], f)
    assert len(kernels(both, feeds)) == 3
    wide = np.pad(feeds[x], [(0, 0), (1, 1), (2, 1), (0, 0)])
    parts = (np.ascontiguousarray(part) for part in (wide[:, 1:], wide[:, :-1, 1:]))
    for result, part in zip(results(both, feeds), parts, strict=True):
        expected = convolve(part, feeds[f], (1, 1), (1, 1))
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


# -- promises

MakeCase = Callable[[], tuple[Any, dict, tuple[int, ...]]]


def forward_case() -> tuple[Any, dict, tuple[int, ...]]:
    feeds = feeds_of(normal(3, 13, 12, 20), normal(3, 3, 20, 24), normal(24))
    x, f, bias = feeds
    return tf.nn.relu(forward(x, f) + bias), feeds, (3, 11, 10, 24)


def long_case() -> tuple[Any, dict, tuple[int, ...]]:
    feeds = feeds_of(normal(1, 12, 12, 200), normal(3, 3, 200, 37))
    return forward(*feeds), feeds, (1, 10, 10, 37)


def filters_case() -> tuple[Any, dict, tuple[int, ...]]:
    feeds = feeds_of(normal(8, 14, 13, 6), normal(8, 12, 12, 24))
    return filters(*feeds, (3, 2), (1, 1), (1, 1)), feeds, (3, 2, 6, 24)


def wide_filters_case() -> tuple[Any, dict, tuple[int, ...]]:
    feeds = feeds_of(normal(5, 14, 13, 7), normal(5, 12, 12, 80))
    return filters(*feeds, (3, 2), (1, 1), (1, 1)), feeds, (3, 2, 7, 80)


def images_apart_case() -> tuple[Any, dict, tuple[int, ...]]:
    feeds = feeds_of(normal(7, 8, 9, 6), normal(3, 3, 6, 40), normal(7, 1, 1, 40))
    x, f, bias = feeds
    return forward(x, f) * bias, feeds, (7, 6, 7, 40)


CASES_OF_PROMISES = [
    forward_case, long_case, filters_case, wide_filters_case, images_apart_case,
]  # fmt: skip


@pytest.mark.parametrize("make", CASES_OF_PROMISES)
def test_same_bits_for_any_split(target: CpuTarget, make: MakeCase) -> None:
    y, feeds, shape = make()
    (kernel,) = kernels([y], feeds)
    rows = int(kernel.axes[0].extent)
    whole, parts = (np.full(shape, 7, np.float32) for _ in range(2))
    run(target, kernel, [*feeds.values(), whole], [], [(0, rows)])
    cuts = sorted({0, 1, min(8, rows), rows // 3, rows // 2 + 1, rows})
    run(target, kernel, [*feeds.values(), parts], [], list(itertools.pairwise(cuts)))
    np.testing.assert_array_equal(whole.view(np.int32), parts.view(np.int32))


@pytest.mark.parametrize("make", [forward_case, filters_case])
def test_same_bits_for_any_number_of_threads(make: MakeCase) -> None:
    y, feeds, _ = make()
    one, two = (results(y, feeds, threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.view(np.int32), two.view(np.int32))


@pytest.mark.parametrize("make", CASES_OF_PROMISES)
def test_nothing_outside_is_touched(target: CpuTarget, make: MakeCase) -> None:
    y, feeds, shape = make()
    (kernel,) = kernels([y], feeds)
    arrays = [*feeds.values(), np.zeros(shape, np.float32)]
    expected = results(y, feeds)
    for copies in zip(*(guarded(array) for array in arrays), strict=True):
        run(target, kernel, copies, [], [(0, int(kernel.axes[0].extent))])
        np.testing.assert_array_equal(copies[-1], expected)


@pytest.mark.parametrize("vectors", [1, 3, 4])
def test_tiles_of_other_processors(monkeypatch: pytest.MonkeyPatch, vectors: int) -> None:
    def other(dtype: Any, features: Features, columns: int | None) -> tiles.Tile:
        return replace(tiles.register_tile(dtype, features, columns), vectors=vectors)

    monkeypatch.setattr(writer, "register_tile", other)
    check_everywhere(CpuTarget(disk=None))


def test_without_vector_extensions() -> None:
    """The code for any x86-64 processor also runs here, if this is one."""
    host = host_features()
    if not host.is_x86:
        pytest.skip("not an x86 processor")
    check_everywhere(CpuTarget(Features(host.triple, "x86-64", "+sse2"), disk=None))


def check_everywhere(target: CpuTarget) -> None:
    for make in CASES_OF_PROMISES:
        y, feeds, shape = make()
        (kernel,) = kernels([y], feeds)
        found = np.full(shape, 7, np.float32)
        run(target, kernel, [*feeds.values(), found], [], [(0, int(kernel.axes[0].extent))])
        with tf.Session("numpy") as session:
            expected = session.run(y, feeds)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("processor", PROCESSORS)
def test_no_spills_in_inner_loops(processor: str) -> None:
    feeds = feeds_of(normal(4, 14, 14, 32), normal(5, 5, 32, 64))
    (kernel,) = kernels([forward(*feeds)], feeds)
    loops = list(tile_loops(CpuTarget(PROCESSORS[processor], disk=None).assembly(kernel)))
    assert [name.split("x")[0] for name, _ in loops] == ["window_6", "window_4", "window_1"]
    for name, lines in loops:
        assert not [line for line in lines if "(%rsp)" in line or "[sp" in line], (name, lines)
