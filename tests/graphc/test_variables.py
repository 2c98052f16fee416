"""Variables: naming, initial values, reads and writes."""

from collections.abc import Callable

import numpy as np
import pytest

import graphc as tf


def test_operations_around_a_variable_have_tf1_names() -> None:
    with tf.name_scope("layer"):
        w = tf.Variable([1.0, 2.0], name="w")
    assert w.name == "layer/w:0" and w.op.name == "layer/w" and w.op.type == "VariableV2"
    assert w.initializer.name == "layer/w/Assign"
    assert w.value().name == "layer/w/read:0" and w.value().op.type == "Identity"
    assert w.initial_value.name == "layer/w/initial_value:0"
    assert tf.Variable(1.0).name == "Variable:0"
    assert tf.Variable(1.0).name == "Variable_1:0"
    assert tf.Variable(lambda: tf.zeros([2]), name="f").initial_value.name.startswith(
        "f/Initializer/"
    )


def test_properties() -> None:
    w = tf.Variable(np.zeros((2, 3)), name="w")
    assert w.dtype == tf.float64 and w.shape == [2, 3] and w.get_shape().as_list() == [2, 3]
    assert w.graph is tf.get_default_graph() and w.trainable and w.constraint is None
    assert repr(w) == "<tf.Variable 'w:0' shape=(2, 3) dtype=float64_ref>"
    assert tf.Variable(1).dtype == tf.int32 and tf.Variable(1.0).dtype == tf.float32
    assert tf.Variable(1, dtype=tf.float32).dtype == tf.float32
    assert isinstance(w.op, tf.Operation) and isinstance(w.value(), tf.Tensor)
    assert w == w and w != tf.Variable(1) and len({w, w}) == 1
    assert w.device == ""
    u = tf.Variable(tf.placeholder(tf.float32), validate_shape=False)
    assert u.shape.ndims is None
    u.set_shape([None, 2])
    assert u.value().shape.as_list() == [None, 2]


def test_collections() -> None:
    a = tf.Variable(1.0)
    b = tf.Variable(1.0, trainable=False)
    c = tf.Variable(1.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
    assert tf.global_variables() == [a, b] == tf.all_variables()
    assert tf.trainable_variables() == [a]
    assert tf.local_variables() == [c]
    assert tf.model_variables() == [] == tf.moving_average_variables()


def test_initialization(sess: tf.Session) -> None:
    a = tf.Variable(1.0, name="a")
    b = tf.get_variable("b", [2], initializer=tf.zeros_initializer)
    assert sorted(sess.run(tf.report_uninitialized_variables()).tolist()) == [b"a", b"b"]
    assert not sess.run(tf.is_variable_initialized(a))
    with pytest.raises(
        tf.errors.FailedPreconditionError, match=r"uninitialized value.*test_variables"
    ):
        sess.run(a)
    with pytest.raises(tf.errors.FailedPreconditionError):
        sess.run(tf.assert_variables_initialized())
    sess.run(tf.global_variables_initializer())
    assert sess.run([a, b])[0] == 1 and sess.run(b).tolist() == [0, 0]
    assert sess.run(tf.report_uninitialized_variables()).tolist() == []
    sess.run(tf.assert_variables_initialized())
    assert sess.run(tf.is_variable_initialized(a))


@pytest.mark.parametrize(
    "value",
    [3.0, [1.0, 2.0], np.float32(2), np.ones((2, 2), np.int64), True, lambda: tf.fill([2], 3.0)],
)
def test_initial_values(value: object, sess: tf.Session) -> None:
    v = tf.Variable(value)
    sess.run(v.initializer)
    expected = [3.0, 3.0] if callable(value) else value
    np.testing.assert_array_equal(sess.run(v), expected)


def test_initializers_may_read_other_variables(sess: tf.Session) -> None:
    a = tf.Variable(tf.random_normal([3], seed=1), name="a")
    b = tf.Variable(a * 2, name="b")
    c = tf.Variable(a.initialized_value() + b, name="c")
    sess.run(tf.global_variables_initializer())
    x, y, z = sess.run([a, b, c])
    np.testing.assert_allclose(y, x * 2)
    np.testing.assert_allclose(z, x + y)
    sess.run(a.assign([7.0, 7.0, 7.0]))
    d = tf.Variable(a.initialized_value())
    sess.run(d.initializer)
    assert sess.run(d).tolist() == [7, 7, 7]


def test_writes(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0])
    sess.run(v.initializer)
    assert sess.run(v.assign([3.0, 4.0])).tolist() == [3, 4]
    assert sess.run(v.assign_add([1.0, 1.0])).tolist() == [4, 5]
    assert sess.run(tf.assign_sub(v, [2.0, 2.0])).tolist() == [2, 3]
    assert sess.run(tf.assign(v, tf.assign(v, [5.0, 5.0]) * 2)).tolist() == [10, 10]
    assert sess.run(v.assign([0.0, 0.0], read_value=False)) is None
    assert sess.run(v).tolist() == [0, 0]
    assert v.assign([1.0, 1.0], name="mine").name == "mine:0"
    sess.run(tf.assign(tf.Variable([1.0], name="other"), [2.0]))


def test_assign_may_change_the_shape(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0], validate_shape=False)
    sess.run(v.initializer)
    sess.run(tf.assign(v, [[1.0, 2.0, 3.0]], validate_shape=False))
    assert sess.run(v).shape == (1, 3)


def test_scatter(sess: tf.Session) -> None:
    v = tf.Variable([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    sess.run(v.initializer)
    assert sess.run(tf.scatter_add(v, [0, 0], [[1.0, 1.0], [1.0, 1.0]]))[0].tolist() == [3, 3]
    assert sess.run(tf.scatter_update(v, [2], [[9.0, 9.0]]))[2].tolist() == [9, 9]
    slices = tf.IndexedSlices(tf.constant([[1.0, 1.0]]), tf.constant([1]))
    assert sess.run(v.scatter_sub(slices))[1].tolist() == [1, 1]
    assert sess.run(v.scatter_add(slices))[1].tolist() == [2, 2]
    assert sess.run(v.scatter_update(slices))[1].tolist() == [1, 1]


def test_reads_see_the_version_at_their_place(sess: tf.Session) -> None:
    v = tf.Variable(1.0)
    sess.run(v.initializer)
    before = v.read_value()
    add = v.assign_add(10.0)
    with tf.control_dependencies([add]):
        after = v.read_value()
        inherited = tf.identity(v)
    assert sess.run([before, after, inherited]) == [1, 11, 11]
    assert sess.run(v.value()) == 11


def test_operators() -> None:
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="v")
    x = tf.placeholder(tf.float32, [2, 2])
    array = np.ones((2, 2), np.float32)
    for result in (
        v + 1, 1 + v, v - x, x - v, v * 2, 2 * v, v / x, 1 / v, v // 2, v % 2, v**2, 2**v, -v,
        abs(v), v @ x, x @ v, array + v, v + array, v[0], v[:, 1], v + v,
    ):  # fmt: skip
        assert isinstance(result, tf.Tensor) and result.dtype == tf.float32, result
    for result in (v < 1, v <= x, v > 1, v >= x):
        assert result.dtype == tf.bool
    flags = tf.Variable([True, False])
    for result in (~flags, flags & True, flags | flags, flags ^ True):
        assert result.dtype == tf.bool


def test_operands(sess: tf.Session) -> None:
    v = tf.Variable(np.float64(3.0))
    sess.run(v.initializer)
    assert sess.run(tf.add(v, 2.0)) == 5
    assert sess.run(tf.multiply(2.0, v)) == 6
    assert sess.run(tf.stack([v, v])).tolist() == [3, 3]
    assert sess.run(v - 1) == 2


def test_eval_and_load(new_session: Callable[[], tf.Session]) -> None:
    v = tf.Variable([1.0, 2.0])
    one, other = new_session(), new_session()
    for session in (one, other):
        session.run(v.initializer)
    v.load([5.0, 6.0], one)
    assert v.eval(one).tolist() == [5, 6] and v.eval(session=other).tolist() == [1, 2]
    with one.as_default():
        assert v.eval().tolist() == [5, 6]
        v.load([7.0, 8.0])
        assert v.eval().tolist() == [7, 8]


def test_reading_gives_a_copy(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0])
    sess.run(v.initializer)
    first = sess.run(v)
    first[:] = 100
    sess.run(v.assign_add([1.0, 1.0]))
    assert first.tolist() == [100, 100] and sess.run(v).tolist() == [2, 3]


def test_local_variables(sess: tf.Session) -> None:
    v = tf.get_local_variable("total", [], initializer=tf.zeros_initializer())
    assert tf.local_variables() == [v] and tf.global_variables() == []
    assert not v.trainable
    sess.run(tf.local_variables_initializer())
    assert sess.run(v) == 0


def test_what_is_not_supported() -> None:
    v = tf.Variable(1)
    for act in (lambda: v.count_up_to(3), lambda: tf.count_up_to(v, 3), v.to_proto):
        with pytest.raises(NotImplementedError, match="not supported"):
            act()
    with pytest.raises(NotImplementedError):
        tf.Variable.from_proto(None)
    with pytest.raises(TypeError, match="not iterable"):
        list(v)
    with pytest.raises(TypeError, match=r"sess\.run"):
        np.asarray(v)


def test_gradients_by_variables(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0])
    u = tf.Variable([1.0])
    sess.run(tf.global_variables_initializer())
    dv, du = tf.gradients(tf.reduce_sum(v * v), [v, u])
    assert du is None and sess.run(dv).tolist() == [2, 4]
    (dr,) = tf.gradients(v * v, v.value(), grad_ys=[[1.0, 10.0]])
    assert sess.run(dr).tolist() == [2, 40]
    zero = tf.gradients(v, u, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert sess.run(zero[0]).tolist() == [0]
    assert sess.run(tf.hessians(tf.reduce_sum(v * v * v), v)[0]).tolist() == [[6, 0], [0, 12]]
    with pytest.raises(TypeError, match="None"):
        tf.gradients(None, v)
    with pytest.raises(ValueError, match="grad_ys"):
        tf.gradients([v], [v], grad_ys=[None, None])
