"""`tf.cond` and `tf.case`."""

import collections

import numpy as np
import pytest

import graphc as tf


def test_the_branch_of_the_predicate_is_given(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x - 1.0)
    assert y.op.name == "cond/Merge" and y.shape.as_list() == [None]
    np.testing.assert_array_equal(sess.run(y, {x: [1.0, 2.0]}), [2.0, 4.0])
    np.testing.assert_array_equal(sess.run(y, {x: [-1.0, -2.0]}), [-2.0, -3.0])


def test_only_the_taken_branch_has_its_effects(sess: tf.Session) -> None:
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0)
    w = tf.get_variable("w", initializer=5.0)
    calls: list[str] = []

    def python(word: str) -> float:
        calls.append(word)
        return 0.0

    def branch(variable: tf.Variable, word: str) -> tf.Tensor:
        called = tf.py_func(lambda: np.float32(python(word)), [], tf.float32)
        called.set_shape([])
        return variable.assign_add(10.0) + called

    y = tf.cond(p, lambda: branch(v, "then"), lambda: branch(w, "else"))
    sess.run(tf.global_variables_initializer())
    assert sess.run(y, {p: True}) == 11.0 and sess.run([v, w]) == [11.0, 5.0]
    assert sess.run(y, {p: False}) == 15.0 and sess.run([v, w]) == [11.0, 15.0]
    assert calls == ["then", "else"]


def test_later_reads_see_what_a_branch_wrote(sess: tf.Session) -> None:
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0)
    step = tf.cond(p, lambda: tf.group(v.assign(7.0)), lambda: tf.no_op())
    with tf.control_dependencies([step]):
        after = v.read_value()
    sess.run(tf.global_variables_initializer())
    assert sess.run([after, v.value()], {p: False}) == [1.0, 1.0]
    assert sess.run(after, {p: True}) == 7.0 and sess.run(v) == 7.0


def test_structures_come_back(sess: tf.Session) -> None:
    Pair = collections.namedtuple("Pair", "a b")
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(
        p,
        lambda: {"pair": Pair(tf.constant(1), tf.constant([2.0])), "x": [3]},
        lambda: {"pair": Pair(tf.constant(4), tf.constant([5.0, 6.0])), "x": [7]},
    )
    assert isinstance(y["pair"], Pair) and y["pair"].b.shape.as_list() == [None]
    assert sess.run(y["pair"].a, {p: True}) == 1
    np.testing.assert_array_equal(sess.run(y["pair"].b, {p: False}), [5.0, 6.0])
    assert sess.run(y["x"], {p: False}) == [7]
    alone = tf.cond(p, lambda: [tf.constant(1)], lambda: [tf.constant(2)])
    assert isinstance(alone, tf.Tensor)
    kept = tf.cond(p, lambda: [tf.constant(1)], lambda: [tf.constant(2)], strict=True)
    assert sess.run(kept, {p: True}) == [1]


def test_sizes_may_differ_and_new_ones_compile_nothing(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.cond(tf.shape(x)[0] > 3, lambda: x[1:], lambda: tf.concat([x, x], 0)) * 1.0
    for rows in (2, 5, 3, 7):
        assert sess.run(y, {x: np.ones((rows, 2))}).shape == (rows - 1 if rows > 3 else 2 * rows, 2)
    compiled = sess.statistics["compilations"]
    for rows in (4, 9, 2):
        sess.run(y, {x: np.ones((rows, 2))})
    assert sess.statistics["compilations"] == compiled


def test_a_variable_made_in_a_branch_lies_outside(sess: tf.Session) -> None:
    p = tf.placeholder(tf.bool, [])

    def branch() -> tf.Tensor:
        v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
        return v * 3.0

    with tf.variable_scope("s"):
        y = tf.cond(p, branch, lambda: tf.zeros([2]))
    assert [v.op.name for v in tf.trainable_variables()] == ["s/v"]
    sess.run(tf.global_variables_initializer())
    np.testing.assert_array_equal(sess.run(y, {p: True}), [3.0, 3.0])
    (dv,) = tf.gradients(y, tf.trainable_variables())
    np.testing.assert_array_equal(sess.run(dv, {p: True}), [3.0, 3.0])
    np.testing.assert_array_equal(sess.run(dv, {p: False}), [0.0, 0.0])


def test_random_numbers_go_on_and_gradients_see_the_same(sess: tf.Session) -> None:
    p = tf.placeholder(tf.bool, [])
    x = tf.constant([1.0, 2.0])
    y = tf.cond(p, lambda: x * tf.random_uniform([2], seed=3), lambda: x)
    (dx,) = tf.gradients(y, x)
    seen = set()
    for _ in range(4):
        value, slope = sess.run([y, dx], {p: True})
        np.testing.assert_allclose(value, slope * [1.0, 2.0], rtol=1e-6)
        seen.add(float(value[0]))
    assert len(seen) == 4
    plain = tf.random_uniform([2], seed=3)
    other = tf.Session(sess.sess_str)
    assert float(other.run(y, {p: False})[0]) == 1.0
    assert float(other.run(plain)[0]) not in (None, 1.0)


def test_case(sess: tf.Session) -> None:
    x = tf.placeholder(tf.int32, [])
    first = (x < 1, lambda: tf.constant(10))
    second = (x < 5, lambda: tf.constant(20))
    y = tf.case([first, second], default=lambda: tf.constant(30))
    assert [sess.run(y, {x: k}) for k in (0, 3, 9)] == [10, 20, 30]
    strict = tf.case([first, second], exclusive=True)
    assert sess.run(strict, {x: 3}) == 20
    with pytest.raises(tf.errors.InvalidArgumentError, match="More than one condition"):
        sess.run(strict, {x: 0})
    with pytest.raises(tf.errors.InvalidArgumentError, match="None of the conditions"):
        sess.run(strict, {x: 9})
    with pytest.raises(TypeError, match="2-tuple"):
        tf.case([(x < 1, lambda: x, 3)])
    with pytest.raises(TypeError, match="fn for pred must be callable"):
        tf.case([(x < 1, x)])


def test_misuse_is_told_with_the_line() -> None:
    p = tf.placeholder(tf.bool, [])
    one, half = tf.constant(1), tf.constant(0.5)
    with pytest.raises(TypeError, match=r"Python bool.*test_cond.py"):
        tf.cond(True, lambda: one, lambda: one)
    with pytest.raises(TypeError, match=r"has type int32, but bool is wanted.*test_cond.py"):
        tf.cond(one, lambda: one, lambda: one)
    with pytest.raises(TypeError, match="true_fn must be callable"):
        tf.cond(p, one, lambda: one)
    with pytest.raises(TypeError, match="false_fn argument required"):
        tf.cond(p, lambda: one)
    with pytest.raises(ValueError, match="true_fn must have a return value"):
        tf.cond(p, lambda: None, lambda: one)
    with pytest.raises(ValueError, match="must have the same type: int32, float32"):
        tf.cond(p, lambda: one, lambda: half)
    with pytest.raises(ValueError, match="Incompatible return values of true_fn and false_fn"):
        tf.cond(p, lambda: [one, one], lambda: [one])
    with pytest.raises(ValueError, match="same rank"):
        tf.cond(p, lambda: half, lambda: tf.zeros([2]))


def test_what_is_inside_can_be_neither_fetched_nor_used_outside() -> None:
    p = tf.placeholder(tf.bool, [])
    inside: list[tf.Tensor] = []

    def branch() -> tf.Tensor:
        inside.append(tf.sqrt(2.0))
        return inside[0]

    tf.cond(p, branch, lambda: tf.constant(1.0))
    with tf.Session() as sess:
        with pytest.raises(ValueError, match=r"lies inside a branch.*return it"):
            sess.run(inside[0], {p: True})
        with pytest.raises(TypeError, match="lies inside a branch"):
            sess.run(p, {p: True, inside[0]: 1.0})
    with pytest.raises(ValueError, match="lies inside a branch"):
        tf.add(inside[0], 1.0)


def test_unordered_writes_in_and_out_of_a_branch_are_all_applied(sess: tf.Session) -> None:
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0)
    first = v.assign_add(10.0)
    inside = tf.cond(p, lambda: v.assign_add(100.0), lambda: tf.constant(0.0))
    last = v.assign_add(1000.0)
    sess.run(tf.global_variables_initializer())
    sess.run([first, inside, last], {p: True})
    assert sess.run(v) == 1111.0
    sess.run([first, inside, last], {p: False})
    assert sess.run(v) == 2121.0
