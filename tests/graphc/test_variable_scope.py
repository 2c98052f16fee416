"""Variable scopes: names, sharing, inherited defaults."""

import numpy as np
import pytest

import graphc as tf


def test_names() -> None:
    with tf.variable_scope("outer"):
        a = tf.get_variable("a", [2])
        with tf.name_scope("ops"):
            b = tf.get_variable("b", [2])
            c = tf.Variable(1.0, name="c")
            d = tf.constant(1.0, name="d")
        with tf.variable_scope("inner"):
            e = tf.get_variable("e", [2])
    assert [x.name for x in (a, b, c, d, e)] == [
        "outer/a:0", "outer/b:0", "outer/ops/c:0", "outer/ops/d:0", "outer/inner/e:0",
    ]  # fmt: skip
    assert a.initial_value.name.startswith("outer/a/Initializer/")
    assert a.initializer.name == "outer/a/Assign"


def test_sharing() -> None:
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=True):
        assert tf.get_variable("v", [2]) is v
        with tf.variable_scope("deeper"), pytest.raises(ValueError, match="does not exist"):
            tf.get_variable("v", [2])
    with tf.variable_scope("s") as scope:
        with pytest.raises(
            ValueError, match=r"already exists.*Originally defined at.*test_variable_scope"
        ):
            tf.get_variable("v", [2])
        scope.reuse_variables()
        assert scope.reuse is True
        assert tf.get_variable("v", [2]) is v
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v") is v
        assert tf.get_variable("w", [3]).name == "s/w:0"


def test_sharing_checks_shape_and_dtype() -> None:
    tf.get_variable("v", [2, 3])
    tf.get_variable_scope().reuse_variables()
    with pytest.raises(ValueError, match=r"specified shape \(3, 2\) and found shape \(2, 3\)"):
        tf.get_variable("v", [3, 2])
    with pytest.raises(ValueError, match="specified dtype float64 and found dtype float32"):
        tf.get_variable("v", [2, 3], dtype=tf.float64)


def test_reentering_a_scope_object() -> None:
    with tf.variable_scope("a") as scope, tf.variable_scope("b") as inner:
        v = tf.get_variable("v", [1])
    with tf.variable_scope("elsewhere"):
        with tf.variable_scope(scope, reuse=True), tf.variable_scope("b"):
            assert tf.get_variable("v", [1]) is v
        with tf.variable_scope(inner) as again:
            assert again.name == "a/b" and again.original_name_scope == "a/b/"
            assert tf.get_variable("w", [1]).name == "a/b/w:0"
            assert tf.constant(1, name="c").name == "elsewhere/b/c:0"
        assert tf.get_variable_scope().name == "elsewhere"


def test_reopening_a_scope_by_name_gives_new_name_scopes() -> None:
    with tf.variable_scope("s"):
        assert tf.constant(1, name="c").name == "s/c:0"
    with tf.variable_scope("s"):
        assert tf.constant(1, name="c").name == "s_1/c:0"
        assert tf.get_variable("v", [1]).name == "s/v:0"
    with tf.variable_scope("s", auxiliary_name_scope=False):
        assert tf.constant(1, name="c").name == "c:0"


def test_default_names() -> None:
    def layer() -> str:
        with tf.variable_scope(None, default_name="layer"):
            return tf.get_variable("w", [1]).name

    assert [layer(), layer()] == ["layer/w:0", "layer_1/w:0"]
    with tf.variable_scope("net"):
        assert [layer(), layer()] == ["net/layer/w:0", "net/layer_1/w:0"]
    with tf.variable_scope("net", reuse=True):
        assert [layer(), layer()] == ["net/layer/w:0", "net/layer_1/w:0"]


def test_initializers(sess: tf.Session) -> None:
    shape = [2, 3]
    by_class = tf.get_variable("a", shape, initializer=tf.zeros_initializer)
    by_instance = tf.get_variable("b", shape, initializer=tf.constant_initializer(2.0))
    by_value = tf.get_variable("c", initializer=[[1, 2]])
    by_tensor = tf.get_variable("d", initializer=tf.ones([2, 2]))
    by_array = tf.get_variable("e", initializer=np.ones((1, 2)))
    by_function = tf.get_variable("f", shape, initializer=lambda shape, dtype: tf.fill(shape, 5.0))
    by_default = tf.get_variable("g", [50, 60])
    integers = tf.get_variable("h", [2], dtype=tf.int32)
    by_thunk = tf.get_variable("i", initializer=lambda: tf.ones([2]))
    legacy = tf.get_variable(
        "j", [2], initializer=lambda shape, dtype=None, partition_info=None: tf.ones(shape, dtype)
    )
    sess.run(tf.global_variables_initializer())
    assert not sess.run(by_class).any() and (sess.run(by_instance) == 2).all()
    assert by_value.dtype == tf.int32 and sess.run(by_value).tolist() == [[1, 2]]
    assert (sess.run(by_tensor) == 1).all() and by_array.dtype == tf.float64
    assert (sess.run(by_function) == 5).all()
    limit = np.sqrt(6 / (50 + 60))
    values = sess.run(by_default)
    assert np.abs(values).max() <= limit and values.std() == pytest.approx(
        limit / np.sqrt(3), rel=0.1
    )
    assert sess.run(integers).tolist() == [0, 0]
    assert sess.run(by_thunk).tolist() == [1, 1] and sess.run(legacy).tolist() == [1, 1]


def test_inherited_defaults(sess: tf.Session) -> None:
    with tf.variable_scope(
        "s", initializer=tf.constant_initializer(3.0), dtype=tf.float64,
        regularizer=lambda w: tf.reduce_sum(w) * 0.5,
    ) as scope:  # fmt: skip
        assert scope.dtype == tf.float64
        with tf.variable_scope("t"):
            v = tf.get_variable("v", [2])
            w = tf.get_variable("w", [2], regularizer=tf.no_regularizer)
    assert v.dtype == tf.float64
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert [loss.name.startswith("s/t/v/Regularizer/") for loss in losses] == [True]
    sess.run([v.initializer, w.initializer])
    assert sess.run(losses[0]) == 3


def test_custom_getter() -> None:
    names = []

    def getter(getter, name, *args, **kwargs):  # type: ignore[no-untyped-def]
        names.append(name)
        return tf.identity(getter(name, *args, **kwargs), name="wrapped")

    def outer(getter, name, **kwargs):  # type: ignore[no-untyped-def]
        names.append("outer")
        return getter(name, **kwargs)

    with tf.variable_scope("s", custom_getter=outer):
        with tf.variable_scope("t", custom_getter=getter):
            v = tf.get_variable("v", [1])
        assert tf.get_variable("w", [1]).name == "s/w:0"
    assert isinstance(v, tf.Tensor) and names == ["s/t/v", "outer", "outer"]


def test_collections_of_a_scope() -> None:
    with tf.variable_scope("a") as scope:
        v = tf.get_variable("v", [1])
        w = tf.get_variable("w", [1], trainable=False)
    tf.get_variable("ab", [1])
    assert scope.trainable_variables() == [v] and scope.global_variables() == [v, w]
    assert scope.local_variables() == []


def test_old_form() -> None:
    x = tf.placeholder(tf.float32, [1])
    with tf.variable_op_scope([x], None, "default"):
        assert tf.get_variable("v", [1]).name == "default/v:0"


def test_a_scope_left_by_an_error_is_closed() -> None:
    with pytest.raises(RuntimeError, match="stop"), tf.variable_scope("s"):
        raise RuntimeError("stop")
    assert tf.get_variable_scope().name == "" and tf.get_default_graph().scope == ""
    assert tf.get_variable("v", [1]).name == "v:0"


def test_constraint() -> None:
    v = tf.get_variable("v", [1], constraint=tf.abs)
    assert v.constraint is tf.abs
