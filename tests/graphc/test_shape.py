"""TensorShape and Dimension behave as TF1's."""

import pickle

import numpy as np
import pytest

import graphc as tf
from graphc import Dimension, TensorShape


def test_dimension_arithmetic() -> None:
    three, unknown = Dimension(3), Dimension(None)
    assert int(three) == 3 and three.value == 3 and unknown.value is None
    assert (three + 1).value == 4 and (1 + three).value == 4
    assert (three - 1).value == 2 and (5 - three).value == 2
    assert (three * 2).value == 6 and (2 * three).value == 6
    assert (three // 2).value == 1 and (7 // three).value == 2
    assert (three % 2).value == 1 and (7 % three).value == 1
    assert (three + unknown).value is None and (unknown * 2).value is None
    assert list(range(three)) == [0, 1, 2]
    assert np.zeros([three, 2]).shape == (3, 2)
    with pytest.raises(TypeError, match="//"):
        three / 2


def test_dimension_comparison() -> None:
    assert Dimension(3) == 3 and Dimension(3) != 4 and Dimension(3) == Dimension(3)
    assert (Dimension(3) == None) is None  # noqa: E711 - what TF1 gives
    assert (Dimension(None) == 3) is None
    assert Dimension(2) < 3 and Dimension(3) >= 3
    assert (Dimension(None) < 3) is None
    assert hash(Dimension(3)) == hash(3)


def test_dimension_errors() -> None:
    with pytest.raises(TypeError, match="unknown"):
        int(Dimension(None))
    with pytest.raises(ValueError, match=">= 0"):
        Dimension(-1)
    with pytest.raises(ValueError, match="Ambiguous"):
        Dimension(2.5)
    with pytest.raises(TypeError, match="integer or None"):
        Dimension("x")
    with pytest.raises(ValueError, match="not compatible"):
        Dimension(2).merge_with(3)
    assert Dimension(2).merge_with(None).value == 2


def test_text() -> None:
    assert str(TensorShape([None, 10])) == "(?, 10)"
    assert str(TensorShape([3])) == "(3,)"
    assert str(TensorShape([])) == "()"
    assert str(TensorShape(None)) == "<unknown>"
    assert repr(TensorShape([2, None])) == "TensorShape([Dimension(2), Dimension(None)])"
    assert repr(TensorShape(None)) == "TensorShape(None)"
    assert str(Dimension(None)) == "?" and repr(Dimension(2)) == "Dimension(2)"


def test_questions() -> None:
    shape = TensorShape([2, None, 4])
    assert shape.ndims == 3 and shape.rank == 3 and len(shape) == 3
    assert shape.as_list() == [2, None, 4]
    assert shape.dims is not None and shape.dims[0] == 2
    assert shape.num_elements() is None and TensorShape([2, 3]).num_elements() == 6
    assert not shape.is_fully_defined() and TensorShape([]).is_fully_defined()
    assert [d.value for d in shape] == [2, None, 4]
    assert shape[0] == 2 and shape[-1].value == 4
    assert shape[1:] == TensorShape([None, 4])
    assert bool(shape) and bool(TensorShape([])) and not TensorShape(None)


def test_unknown_rank() -> None:
    unknown = TensorShape(None)
    assert unknown.ndims is None and unknown.dims is None and unknown.num_elements() is None
    assert unknown[1].value is None and unknown[:2] == TensorShape([None, None])
    for act in (unknown.as_list, lambda: len(unknown), lambda: list(unknown)):
        with pytest.raises(ValueError):
            act()
    with pytest.raises(ValueError, match="not fully defined"):
        unknown.assert_is_fully_defined()


def test_merging() -> None:
    a, b = TensorShape([2, None]), TensorShape([None, 3])
    assert a.merge_with(b) == [2, 3] and a.merge_with(None) == a
    assert a.is_compatible_with(b) and not a.is_compatible_with([3, 3])
    assert a.concatenate(b) == [2, None, None, 3]
    assert a.concatenate(TensorShape(None)).ndims is None
    assert a.most_specific_compatible_shape([2, 4]) == [2, None]
    with pytest.raises(ValueError, match=r"\(2, \?\) and \(3, 3\)"):
        a.merge_with([3, 3])
    with pytest.raises(ValueError):
        a.assert_is_compatible_with([2])


def test_ranks() -> None:
    shape = TensorShape([2, 3])
    assert shape.with_rank(2) == shape and TensorShape(None).with_rank(2).ndims == 2
    assert shape.with_rank_at_least(1) == shape and shape.with_rank_at_most(2) == shape
    shape.assert_has_rank(2)
    shape.assert_same_rank([4, 5])
    for act in (
        lambda: shape.with_rank(3),
        lambda: shape.with_rank_at_least(3),
        lambda: shape.with_rank_at_most(1),
        lambda: shape.assert_has_rank(1),
        lambda: shape.assert_same_rank([1]),
    ):
        with pytest.raises(ValueError, match="rank"):
            act()


def test_equality_and_pickling() -> None:
    assert TensorShape([1, 2]) == (1, 2) and TensorShape([1, 2]) != [1, 3]
    assert TensorShape([None]) == [None] and TensorShape(None) != []
    assert {TensorShape([1, 2]): 1}[TensorShape((1, 2))] == 1
    for shape in (TensorShape([1, None]), TensorShape(None)):
        assert pickle.loads(pickle.dumps(shape)) == shape


def test_shapes_of_tensors() -> None:
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    assert x.get_shape().as_list() == [None, 28, 28, 1] and x.shape[1] == 28
    assert int(x.get_shape()[1]) == 28 and x.get_shape()[1:4].num_elements() == 784
    assert tf.zeros([x.shape[1], 2]).shape == [28, 2]
    u = tf.placeholder(tf.float32)
    assert u.shape.ndims is None
    u.set_shape([None, 3])
    u.set_shape([2, None])
    assert u.shape == [2, 3]
    with pytest.raises(ValueError, match=r"Placeholder_1:0.*\(2, 3\) and \(4, 3\)"):
        u.set_shape([4, 3])
    assert tf.placeholder(tf.float32, ()).shape.ndims == 0
    assert tf.placeholder(tf.float32, x.shape).shape == x.shape
    assert tf.placeholder(tf.float32, 3).shape == [3]
