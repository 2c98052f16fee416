"""Python in the middle of a run: py_func, Print, assertions."""

import numpy as np
import pytest

import graphc as tf


def test_py_func(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.py_func(lambda a: a * 2, [x], tf.float32, name="double")
    assert y.name == "double:0" and y.shape.ndims is None
    y.set_shape(x.shape)
    z = y + 1
    for value in ([1.0], [1.0, 2.0, 3.0], [1.0, 2.0]):
        assert sess.run(z, {x: value}).tolist() == [2 * v + 1 for v in value]


def test_results_of_sizes_that_only_the_run_knows(sess: tf.Session) -> None:
    x = tf.placeholder(tf.int32, [None])
    unique, count = tf.py_func(
        lambda a: (np.unique(a), np.int64(len(np.unique(a)))), [x], [tf.int32, tf.int64]
    )
    unique.set_shape([None])
    count.set_shape([])
    assert sess.run([unique * 10, count], {x: [3, 1, 3]})[0].tolist() == [10, 30]
    values, number = sess.run([unique, count], {x: [5, 4, 4, 6]})
    assert values.tolist() == [4, 5, 6] and number == 3


def test_several_results_and_none(sess: tf.Session) -> None:
    seen = []
    effect = tf.py_func(lambda a: seen.append(a.tolist()), [tf.constant([1, 2])], [])
    assert isinstance(effect, tf.Operation)
    assert sess.run(effect) is None
    assert seen == [[1, 2]]
    (text,) = tf.py_func(lambda: "text", [], [tf.string])
    text.set_shape([])
    assert sess.run(text) == b"text"


def test_the_function_gets_copies(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0])
    sess.run(v.initializer)

    def spoil(a: np.ndarray) -> np.ndarray:
        a[:] = 9
        return a

    y = tf.py_func(spoil, [v], tf.float32)
    y.set_shape([2])
    assert sess.run(y).tolist() == [9, 9]
    assert sess.run(v).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ValueError, tf.errors.InvalidArgumentError),
        (TypeError, tf.errors.InvalidArgumentError),
        (StopIteration, tf.errors.OutOfRangeError),
        (MemoryError, tf.errors.ResourceExhaustedError),
        (NotImplementedError, tf.errors.UnimplementedError),
        (KeyError, tf.errors.UnknownError),
    ],
)
def test_exceptions_become_errors(raised: type, kind: type, sess: tf.Session) -> None:
    def fail() -> None:
        raise raised("the reason")

    with pytest.raises(kind, match=r"the reason[\s\S]*test_host\.py"):
        sess.run(tf.py_func(fail, [], []))


def test_a_function_may_run_the_session(sess: tf.Session) -> None:
    v = tf.Variable(3.0)
    sess.run(v.initializer)
    y = tf.py_func(lambda: sess.run(v) + np.float32(1), [], tf.float32)
    y.set_shape([])
    assert sess.run(y * 2) == 8


def test_misuse() -> None:
    with pytest.raises(TypeError, match="callable"):
        tf.py_func(3, [], tf.float32)
    with pytest.raises(TypeError, match="list of tensors"):
        tf.py_func(abs, tf.constant(1), tf.int32)


def test_wrong_number_of_results(sess: tf.Session) -> None:
    y = tf.py_func(lambda: (1, 2), [], [tf.int32, tf.int32, tf.int32])
    for part in y:
        part.set_shape([])
    with pytest.raises(tf.errors.InvalidArgumentError, match="returned 2 values, Tout names 3"):
        sess.run(y)


def test_shape_that_was_promised(sess: tf.Session) -> None:
    y = tf.py_func(lambda: np.zeros(3, np.float32), [], tf.float32)
    y.set_shape([2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"has shape \(3,\), set_shape said"):
        sess.run(y)


def test_print(sess: tf.Session, capfd: pytest.CaptureFixture[str]) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.Print(x, [x, "and", tf.shape(x), tf.constant(7)], message="x is ", first_n=2)
    assert y.shape.as_list() == [None] and y.name == "Print:0"
    for _ in range(3):
        sess.run(y + 1, {x: [1, 2.5, 3, 4]})
    assert capfd.readouterr().err == "x is [1 2.5 3...][and][4][7]\n" * 2
    sess.run(tf.Print(x, [x], summarize=-1), {x: [1, 2, 3, 4]})
    assert capfd.readouterr().err == "[1 2 3 4]\n"
    (dx,) = tf.gradients(tf.Print(x * 2, [x]), x)
    assert sess.run(dx, {x: [1, 2]}).tolist() == [2, 2]


def test_assertions(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    checks = {
        tf.assert_positive(x): ([1, 2], [1, 0]),
        tf.assert_non_negative(x): ([0, 2], [1, -1]),
        tf.assert_negative(x): ([-1], [0]),
        tf.assert_non_positive(x): ([0], [1]),
        tf.assert_equal(x, [1.0, 2.0]): ([1, 2], [1, 3]),
        tf.assert_none_equal(x, 3): ([1, 2], [1, 3]),
        tf.assert_less(x, 3): ([1, 2], [1, 3]),
        tf.assert_less_equal(x, 3): ([1, 3], [4]),
        tf.assert_greater(x, 3, message="too small"): ([4], [3]),
        tf.assert_greater_equal(x, 3): ([3], [2]),
    }
    for check, (good, bad) in checks.items():
        assert sess.run(check, {x: good}) is None
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"assertion failed.*test_host\.py"
        ):
            sess.run(check, {x: bad})


def test_assertions_while_building() -> None:
    assert tf.assert_equal([1, 2], [1, 2]).type == "NoOp"
    x = tf.placeholder(tf.float32, [None, 2])
    assert tf.assert_rank(x, 2).type == "NoOp" == tf.assert_rank_at_least(x, 1).type
    assert tf.assert_type(x, tf.float32).type == "NoOp"
    assert tf.assert_scalar(3.0).shape == []
    assert tf.is_numeric_tensor(x) and not tf.is_numeric_tensor(3)
    for act, kind in (
        (lambda: tf.assert_rank_at_least(x, 3), ValueError),
        (lambda: tf.assert_type(x, tf.int32), TypeError),
        (lambda: tf.assert_integer(x), TypeError),
        (lambda: tf.assert_scalar(x), ValueError),
    ):
        with pytest.raises(kind, match=r"test_host\.py"):
            act()


def test_check_numerics(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.log(x)
    everything = tf.add_check_numerics_ops()
    finite = tf.verify_tensor_all_finite(y, "the logarithm")
    assert sess.run([everything, finite], {x: [1.0]})[1].tolist() == [0]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="the logarithm : Tensor had Inf values"
    ):
        sess.run(finite, {x: [0.0]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="Tensor had NaN values"):
        sess.run(everything, {x: [-1.0]})
