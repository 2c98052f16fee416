"""Public array functions: TF1's signatures, names and defaults, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.framework.graph import Graph
from graphc.framework.variables import Variable
from graphc.ir import dtypes
from graphc.ir.function import Function
from graphc.ir.graph import Tensor
from graphc.ir.interpreter import run_function
from graphc.ir.passes.decompose import Decompose
from graphc.ir.passes.resolve import resolve
from graphc.ops import array_ops as ao
from graphc.ops import state_ops
from graphc.ops.constant_op import constant, placeholder

A = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture(autouse=True)
def graph() -> Any:
    with Graph().as_default() as g:
        yield g


def evaluate(fetches: Any, feeds: dict[Tensor, Any] | None = None) -> Any:
    """Results by the interpreter, the same before and after decomposition."""
    listed = list(fetches) if isinstance(fetches, (list, tuple)) else [fetches]
    arrays = {t: np.asarray(a, t.dtype.numpy) for t, a in (feeds or {}).items()}
    function: Function = resolve(listed[0].op.graph, listed, [], arrays, lambda name: None)
    named = {t.name: a for t, a in arrays.items()}
    plain = run_function(function, named).results
    final = run_function(Decompose().run(function), named).results
    for one, other in zip(plain, final, strict=True):
        np.testing.assert_array_equal(one, other)
    return final if isinstance(fetches, (list, tuple)) else final[0]


def test_names_are_tensorflow_s() -> None:
    x = placeholder(dtypes.float32, [None, 3], name="x")
    names = [
        ao.reshape(x, [-1]), ao.shape(x), ao.expand_dims(x, 0), ao.squeeze(x[:, None]),
        ao.transpose(x), ao.concat([x, x], 0), ao.stack([x, x]), ao.unstack(x, axis=1)[0],
        ao.split(x, 3, 1)[0], ao.gather(x, [0]), ao.one_hot([0], 2), ao.zeros([2]), ao.ones([2]),
        ao.range(3), ao.tile(x, [1, 1]), ao.pad(x, [[0, 0], [1, 1]]), ao.zeros_like(x),
        ao.slice(x, [0, 0], [1, 1]), ao.fill([2], 1.0),
    ]  # fmt: skip
    assert [t.op.name for t in names] == [
        "Reshape", "Shape", "ExpandDims", "Squeeze", "transpose", "concat", "stack", "unstack",
        "split", "GatherV2", "one_hot", "zeros", "ones", "range", "Tile", "Pad", "zeros_like",
        "Slice", "Fill",
    ]  # fmt: skip
    assert x[0].op.name == "strided_slice_1"
    assert ao.concat([x, x], 0).op.inputs[-1].op.name == "concat_1/axis"
    assert ao.reshape(x, [3, -1]).op.inputs[1].op.name == "Reshape_1/shape"


def test_shapes_may_mix_numbers_and_tensors() -> None:
    x = placeholder(dtypes.float32, [None, 3])
    n = ao.shape(x)[0]
    fetches = [
        ao.zeros([n, 2]), ao.ones(ao.stack([n, 1])), ao.reshape(x, [n, 1, 3]), ao.fill([n], 7),
        ao.zeros(5), ao.zeros(()), ao.ones([2, 2], dtypes.bool_), ao.tile(x, [1, n]),
        ao.broadcast_to(x[0], [n, 3]), ao.zeros([40, 50], "int32"), ao.range(n), ao.eye(n),
    ]  # fmt: skip
    expected = [
        np.zeros((4, 2)), np.ones((4, 1)), A[:, None], np.full(4, 7), np.zeros(5), np.zeros(()),
        np.ones((2, 2), bool), np.tile(A, (1, 4)), np.broadcast_to(A[0], (4, 3)),
        np.zeros((40, 50)), np.arange(4), np.eye(4),
    ]  # fmt: skip
    for got, want in zip(evaluate(fetches, {x: A}), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert ao.zeros([n, 2]).type.rank == 2


def test_old_argument_orders() -> None:
    x = constant(A)
    np.testing.assert_array_equal(evaluate(ao.concat(1, [x, x])), np.concatenate([A, A], 1))
    np.testing.assert_array_equal(
        evaluate(ao.concat(concat_dim=0, values=[x, x])), np.concatenate([A, A])
    )
    for parts in (
        ao.split(1, 3, x),
        ao.split(value=x, split_dim=1, num_split=3),
        ao.split(x, 3, 1),
    ):
        np.testing.assert_array_equal(evaluate(parts), np.split(A, 3, 1))
    np.testing.assert_array_equal(evaluate(ao.expand_dims(x, dim=1)), A[:, None])
    np.testing.assert_array_equal(evaluate(ao.reverse(x, [False, True])), A[:, ::-1])
    np.testing.assert_array_equal(evaluate(ao.pack([x, x])), np.stack([A, A]))
    with pytest.raises(ValueError, match="both 'axis' and 'dim'"):
        ao.expand_dims(x, 0, dim=0)


def test_splits_and_stacks() -> None:
    x = constant(A)
    parts = evaluate(ao.split(x, [1, -1], 0))
    np.testing.assert_array_equal(parts[1], A[1:])
    np.testing.assert_array_equal(evaluate(ao.stack([x, A + 1], axis=-1)), np.stack([A, A + 1], -1))
    assert ao.stack([1, 2, 3]).op.type == "Const"
    assert len(ao.unstack(x)) == 4
    with pytest.raises(ValueError, match="Cannot infer num"):
        ao.unstack(placeholder(dtypes.float32, [None, 3]))
    with pytest.raises(ValueError, match="does not divide"):
        ao.split(x, 5, 0)
    with pytest.raises(ValueError, match="Rank-0"):
        ao.split(x, constant(2))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((5,), np.arange(5, dtype=np.int32)),
        ((3, 18, 3), np.arange(3, 18, 3, dtype=np.int32)),
        ((3, 1, -0.5), np.array([3, 2.5, 2, 1.5], np.float32)),
        ((0.0, 0.3, 0.1), np.array([0, 0.1, 0.2], np.float32)),
        ((np.int64(4),), np.arange(4)),
    ],
)
def test_range(arguments: tuple[Any, ...], expected: np.ndarray) -> None:
    got = evaluate(ao.range(*arguments))
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_range_of_floats_that_only_the_run_knows() -> None:
    limit = placeholder(dtypes.float32, [])
    got = evaluate(ao.range(0.0, limit, 0.5), {limit: 1.75})
    np.testing.assert_array_equal(got, [0, 0.5, 1, 1.5])


def test_one_hot_dtypes() -> None:
    assert ao.one_hot([0], 2).dtype is dtypes.float32
    assert ao.one_hot([0], 2, dtype=dtypes.int64).dtype is dtypes.int64
    assert ao.one_hot([0], 2, True, False).dtype is dtypes.bool_
    assert ao.one_hot([0], 2, on_value=5).dtype is dtypes.int32
    got = evaluate(ao.one_hot([0, 2, -1, 3], 3, 5.0, -1.0, axis=0))
    np.testing.assert_array_equal(got, [[5, -1, -1, -1], [-1, -1, -1, -1], [-1, 5, -1, -1]])
    with pytest.raises(TypeError, match="must match"):
        ao.one_hot([0], 2, on_value=constant(1.0), dtype=dtypes.int32)


def test_transposes_of_unknown_rank() -> None:
    x = placeholder(dtypes.float32)
    np.testing.assert_array_equal(evaluate(ao.transpose(x), {x: A}), A.T)
    stacked = np.stack([A, A + 1])
    np.testing.assert_array_equal(
        evaluate(ao.matrix_transpose(x), {x: stacked}), stacked.transpose(0, 2, 1)
    )
    with pytest.raises(NotImplementedError, match="conjugate"):
        ao.transpose(x, conjugate=True)


@pytest.mark.parametrize(
    ("mode", "value"), [("CONSTANT", 0), ("constant", 2), ("reflect", 0), ("SYMMETRIC", 0)]
)
def test_pad(mode: str, value: float) -> None:
    got = evaluate(ao.pad(constant(A), [[1, 2], [0, 1]], mode, constant_values=value))
    extra: Any = {"constant_values": value} if mode.lower() == "constant" else {}
    np.testing.assert_array_equal(got, np.pad(A, [[1, 2], [0, 1]], mode.lower(), **extra))


def test_pad_with_a_value_of_the_run() -> None:
    value = placeholder(dtypes.float32, [])
    got = evaluate(ao.pad(constant(A), [[1, 0], [0, 1]], constant_values=value), {value: np.inf})
    np.testing.assert_array_equal(got, np.pad(A, [[1, 0], [0, 1]], constant_values=np.inf))


def test_grids_and_matrices() -> None:
    for indexing in ("xy", "ij"):
        got = evaluate(ao.meshgrid([1, 2, 3], [4, 5], indexing=indexing))
        for one, other in zip(got, np.meshgrid([1, 2, 3], [4, 5], indexing=indexing), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(evaluate(ao.eye(2, 3, [2])), np.stack([np.eye(2, 3)] * 2))
    np.testing.assert_array_equal(evaluate(ao.diag([1.0, 2.0])), np.diag([1, 2]))
    np.testing.assert_array_equal(evaluate(ao.matrix_band_part(constant(A), 0, -1)), np.triu(A))
    new = ao.matrix_set_diag(constant(A), [9.0, 9.0, 9.0])
    np.testing.assert_array_equal(np.diagonal(evaluate(new)), [9, 9, 9])


def test_masks_and_segments() -> None:
    lengths = placeholder(dtypes.int32, [None])
    mask = [[True, False, False], [True, True, True]]
    feeds = {lengths: [1, 3]}
    np.testing.assert_array_equal(evaluate(ao.sequence_mask(lengths), feeds), mask)
    np.testing.assert_array_equal(evaluate(ao.sequence_mask(lengths, 3, "float32"), feeds), mask)
    rows = ao.segment_sum(constant(A), [0, 0, 2, 2])
    np.testing.assert_array_equal(evaluate(rows), [A[0] + A[1], np.zeros(3), A[2] + A[3]])
    with pytest.raises(TypeError, match="Boolean masks"):
        constant(A)[constant([True, False, True, True])]


def test_lists_with_tensors_become_tensors() -> None:
    n = placeholder(dtypes.int32, [])
    x = placeholder(dtypes.float32, [])
    got = evaluate([ao.stack([n, 3]), ao.reshape([[x, 1.0], [2.0, x]], [-1])], {n: 2, x: 5.0})
    assert got[0].tolist() == [2, 3]
    assert got[1].tolist() == [5, 1, 2, 5]
    with pytest.raises(TypeError, match=r"tf\.cast"):
        ao.reshape([n, x], [-1])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (state_ops.scatter_update, [0, 20, 2]),
        (state_ops.scatter_add, [0, 31, 2]),
        (state_ops.scatter_sub, [0, -29, 2]),
    ],
)
def test_scatters_of_variables(graph: Graph, function: Any, expected: list[float]) -> None:
    v = Variable(np.array([0, 1, 2], np.float32), name="v")
    changed = function(v, [1, 1], [10.0, 20.0])
    compiled = resolve(graph, [changed], [], {}, lambda name: (3,))
    results = run_function(compiled, {}, {"v": np.array([0, 1, 2], np.float32)})
    np.testing.assert_array_equal(results.results[0], expected)
    np.testing.assert_array_equal(results.updates["v"], expected)
