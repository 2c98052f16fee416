"""What does not fit in dtype, and None: TensorFlow's classes of errors.

TensorFlow raises TypeError for an operand of another dtype and ValueError for a tensor that is to
be converted; which of the two a function does changed between its versions, so ours is both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.ir.errors import DTypeMismatchError


def floats() -> Any:
    return tf.constant([1.0, 2.0])


def integers() -> Any:
    return tf.constant([1, 2])


def variable() -> Any:
    return tf.Variable([1.0, 2.0])


MISMATCHES: dict[str, Callable[[], Any]] = {
    "conversion": lambda: tf.convert_to_tensor(floats(), tf.int32),
    "operator": lambda: floats() + integers(),
    "comparison": lambda: floats() < integers(),
    "power": lambda: floats() ** integers(),
    "division": lambda: floats() / integers(),
    "concat": lambda: tf.concat([floats(), integers()], 0),
    "stack": lambda: tf.stack([floats(), integers()]),
    "pad": lambda: tf.pad(floats(), [[1, 1]], constant_values=tf.constant(0)),
    "assign": lambda: tf.assign(variable(), integers()),
    "assign_add": lambda: tf.assign_add(variable(), integers()),
    "method": lambda: variable().assign(integers()),
    "scatter": lambda: tf.scatter_update(variable(), [0], tf.constant([1])),
    "entropy": lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=integers(), logits=floats()),
}

NONE: dict[str, Callable[[], Any]] = {
    "constant": lambda: tf.constant(None),
    "convert": lambda: tf.convert_to_tensor(None),
    "identity": lambda: tf.identity(None),
    "operator": lambda: floats() + None,
    "add": lambda: tf.add(floats(), None),
    "reshape": lambda: tf.reshape(floats(), None),
    "zeros": lambda: tf.zeros(None),
    "variable": lambda: tf.Variable(None),
}

TYPES: dict[str, Callable[[], Any]] = {
    "placeholder": lambda: tf.placeholder(None),
    "cast": lambda: tf.cast(floats(), None),
    "mixed": lambda: tf.constant([1, "a"]),
    "one_hot": lambda: tf.one_hot([0], 2, on_value=1.0, off_value=tf.constant(0)),
    "check_numerics": lambda: tf.check_numerics(integers(), "no"),
    "gradient of a variable": lambda: tf.train.AdamOptimizer().apply_gradients(
        [(tf.cast(floats(), tf.float64), variable())]
    ),
}


@pytest.mark.parametrize("mistake", MISMATCHES)
def test_tensor_of_another_dtype(mistake: str) -> None:
    with pytest.raises(DTypeMismatchError, match="conversion requested dtype") as caught:
        MISMATCHES[mistake]()
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize("mistake", NONE)
def test_none(mistake: str) -> None:
    with pytest.raises(ValueError, match=r"None values not supported|initial_value"):
        NONE[mistake]()


@pytest.mark.parametrize("mistake", TYPES)
def test_type_errors(mistake: str) -> None:
    with pytest.raises(TypeError):
        TYPES[mistake]()


def test_texts_stay_texts() -> None:
    assert tf.constant(["a", b"b"]).dtype is tf.string
    assert tf.constant(np.array(["a", "b"])).dtype is tf.string


def test_one_hot_converts_exactly() -> None:
    with tf.Session() as session:
        found = session.run(tf.one_hot([0], 2, 1, 0, dtype=tf.float32))
        np.testing.assert_array_equal(found, np.float32([[1, 0]]))
        assert session.run(tf.one_hot([1], 2, dtype=tf.bool)).tolist() == [[False, True]]


def test_only_permutations_are_inverted() -> None:
    x = tf.placeholder(tf.int32, [None])
    y = tf.invert_permutation(x)
    with tf.Session() as session:
        assert session.run(y, {x: [2, 0, 1]}).tolist() == [1, 2, 0]
        for wrong in ([0, 0], [1, 1, 1], [0, 2], [-1, 0]):
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run(y, {x: wrong})
