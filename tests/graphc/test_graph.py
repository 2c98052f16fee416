"""The graph users hold: names, look-ups, collections, scopes, the default graph."""

import threading

import numpy as np
import pytest

import graphc as tf
from graphc.framework.default_graph import get_default_graph


def test_names_are_made_unique() -> None:
    assert [tf.constant(1, name="a").name for _ in range(3)] == ["a:0", "a_1:0", "a_2:0"]
    assert tf.constant(1, name="a_1").name == "a_1_1:0"
    assert tf.constant(1, name="A").name == "A_3:0"
    assert tf.placeholder("float").name == "Placeholder:0"


def test_name_scopes() -> None:
    with tf.name_scope("outer") as scope:
        assert scope == "outer/"
        assert tf.constant(1, name="c").name == "outer/c:0"
        with tf.name_scope("inner"):
            assert tf.no_op(name="n").name == "outer/inner/n"
        with tf.name_scope(None):
            assert tf.no_op(name="n").name == "n"
    with tf.name_scope("outer") as again:
        assert again == "outer_1/"
    with tf.name_scope(scope):
        assert tf.constant(1, name="c").name == "outer/c_1:0"
    with tf.name_scope(None, "default", [tf.constant(1)]) as named:
        assert named == "default/"
    with tf.op_scope([], "old", "default") as old:
        assert old == "old/"


def test_constants_are_named_after_their_operation() -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.add(x, 1.0, name="y")
    assert [t.name for t in y.op.inputs] == ["x:0", "y/y:0"]


def test_looking_up(fresh_graph: tf.Graph) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="scope/x")
    graph = tf.get_default_graph()
    assert graph is fresh_graph
    assert graph.get_tensor_by_name("scope/x:0") is x
    assert graph.get_operation_by_name("scope/x") is x.op
    assert graph.as_graph_element("scope/x") is x.op
    assert graph.as_graph_element("scope/x:0") is x
    assert graph.as_graph_element(x) is x
    v = tf.Variable(1.0, name="v")
    assert graph.as_graph_element(v).name == "v:0"
    assert x.op in graph.get_operations()
    assert graph.version == len(graph.get_operations())
    assert graph.graph_def_versions.producer > 0


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("y", KeyError, "Operation not in the graph"),
        ("y:0", KeyError, "does not exist in the graph"),
        ("x:1", KeyError, "only has 1 outputs"),
        ("x:a", ValueError, "valid"),
        (3, TypeError, "Can not convert a int into a Tensor or Operation"),
    ],
)
def test_looking_up_what_is_not_there(name: object, kind: type, text: str) -> None:
    tf.placeholder(tf.float32, name="x")
    with pytest.raises(kind, match=text):
        tf.get_default_graph().as_graph_element(name)


def test_tensor_name_for_an_operation() -> None:
    x = tf.placeholder(tf.float32, name="x")
    with pytest.raises(ValueError, match="here 'x:0'"):
        x.graph.get_tensor_by_name("x")
    with pytest.raises(ValueError, match="appears to refer to a Tensor"):
        x.graph.get_operation_by_name("x:0")


def test_text_of_tensors_and_operations() -> None:
    x = tf.placeholder(tf.float32, [None, 10], name="x")
    assert str(x) == 'Tensor("x:0", shape=(?, 10), dtype=float32)'
    assert repr(x) == "<tf.Tensor 'x:0' shape=(?, 10) dtype=float32>"
    assert str(tf.placeholder("int32", name="y")) == 'Tensor("y:0", shape=<unknown>, dtype=int32)'
    assert repr(x.op) == "<tf.Operation 'x' type=Placeholder>"


def test_collections() -> None:
    a, b = tf.Variable(1.0, name="a/w"), tf.Variable(1.0, name="b/w", trainable=False)
    assert tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES) == [a]
    assert tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="b") == [b]
    assert tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope=".*w") == [a, b]
    tf.add_to_collection("mine", 3)
    assert tf.get_collection("mine") == [3]
    assert tf.get_collection("mine", scope="x") == []
    tf.get_collection("mine").append(4)
    tf.get_collection_ref("mine").append(5)
    assert tf.get_collection("mine") == [3, 5]
    graph = tf.get_default_graph()
    graph.add_to_collections(["mine", "other", "other"], 6)
    assert graph.get_collection("other") == [6]
    assert "other" in graph.get_all_collection_keys()
    graph.clear_collection("mine")
    assert tf.get_collection("mine") == []


def test_control_dependencies() -> None:
    a, b = tf.no_op(name="a"), tf.constant(1.0, name="b")
    v = tf.Variable(1.0, name="v")
    with tf.control_dependencies([a, b, v, "a"]):
        c = tf.no_op()
        d = tf.identity(c.graph.get_tensor_by_name("b:0"))
        with tf.control_dependencies(None):
            e = tf.no_op()
        with tf.control_dependencies([e]):
            f = tf.no_op()
    assert [op.name for op in c.control_inputs] == ["a", "b", "v"]
    assert [op.name for op in d.op.control_inputs] == ["a", "b", "v"]
    assert e.control_inputs == ()
    assert [op.name for op in f.control_inputs] == ["a", "b", "v", "NoOp_1"]


def test_device_text() -> None:
    with tf.device("/gpu:0"):
        a = tf.constant(1.0)
        with tf.device(None):
            b = tf.constant(1.0)
        with tf.device(lambda op: "/cpu:0"):
            c = tf.constant(1.0)
    assert (a.device, b.device, c.device) == ("/gpu:0", "", "")
    with tf.colocate_with(a):
        assert tf.constant(1.0).device == ""


def test_default_graph_stack(fresh_graph: tf.Graph) -> None:
    other = tf.Graph()
    with other.as_default():
        assert tf.get_default_graph() is other
        assert tf.constant(1).graph is other
    assert tf.get_default_graph() is fresh_graph


def test_threads_see_the_process_graph_and_have_their_own_stack() -> None:
    found = []

    def work() -> None:
        found.append(get_default_graph())
        with tf.Graph().as_default() as graph:
            found.append(graph)
            found.append(tf.get_default_graph())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[3]
    assert found[1] is found[2]
    assert found[1] is not found[4]


def test_reset_default_graph() -> None:
    def program() -> None:
        before = tf.get_default_graph()
        tf.constant(1)
        tf.reset_default_graph()
        assert tf.get_default_graph() is not before
        assert tf.get_default_graph().version == 0

    thread = threading.Thread(target=program)
    thread.start()
    thread.join()
    with pytest.raises(AssertionError, match="nested graphs"):
        tf.reset_default_graph()


def test_finalize() -> None:
    graph = tf.get_default_graph()
    tf.constant(1)
    assert not graph.finalized
    graph.finalize()
    assert graph.finalized
    with pytest.raises(RuntimeError, match=r"finalized.*test_graph\.py"):
        tf.constant(2)


def test_wrappers_use_the_graph_of_their_inputs() -> None:
    other = tf.Graph()
    with other.as_default():
        x = tf.placeholder(tf.float32, [2])
    assert tf.square(x).graph is other
    assert (x + 1).graph is other
    with pytest.raises(ValueError, match="same graph"):
        tf.add(x, tf.constant([1.0, 2.0]))


def test_conversion() -> None:
    assert tf.convert_to_tensor(1).dtype == tf.int32
    assert tf.convert_to_tensor(1.0).dtype == tf.float32
    assert tf.convert_to_tensor(np.ones(2)).dtype == tf.float64
    assert tf.convert_to_tensor([1, 2], name="c").name == "c:0"
    assert tf.convert_to_tensor(1, tf.float64).dtype == tf.float64
    assert tf.convert_to_tensor(1, preferred_dtype=tf.float32).dtype == tf.float32
    assert tf.convert_to_tensor(1.5, preferred_dtype=tf.int32).dtype == tf.float32
    v = tf.Variable(1.0, name="v")
    assert tf.convert_to_tensor(v).name == "v/read:0"
    x = tf.placeholder(tf.float32, [3, None])
    assert tf.convert_to_tensor(x.shape[0]).op.get_attr("value") == 3
    assert tf.convert_to_tensor(tf.TensorShape([2, 3])).dtype == tf.int32
    assert tf.convert_to_tensor("text").dtype == tf.string
    with pytest.raises(ValueError, match="unknown Dimension"):
        tf.convert_to_tensor(x.shape[1])
    with pytest.raises(ValueError, match="partially known"):
        tf.convert_to_tensor(x.shape)
    with pytest.raises(TypeError, match="dtype"):
        tf.convert_to_tensor(tf.float32)
    with pytest.raises(TypeError, match="Operation"):
        tf.convert_to_tensor(tf.no_op())


def test_packing_of_lists_with_tensors() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    packed = tf.convert_to_tensor([x, 2.0, tf.Variable(3.0)])
    assert packed.shape.as_list() == [3]
    nested = tf.convert_to_tensor([[x, 1.0], [2.0, x]])
    assert nested.shape.as_list() == [2, 2]
    n = tf.placeholder(tf.float32, [None, 7])
    assert tf.convert_to_tensor([-1, n.shape[1]]).op.get_attr("value").tolist() == [-1, 7]


def test_registered_conversion() -> None:
    class Celsius:
        def __init__(self, degrees: float) -> None:
            self.degrees = degrees

    def convert(value, dtype=None, name=None, as_ref=False):  # type: ignore[no-untyped-def]
        return tf.constant(value.degrees + 273.15, dtype=dtype)

    tf.register_tensor_conversion_function(Celsius, convert)
    x = tf.placeholder(tf.float32, [])
    assert tf.convert_to_tensor(Celsius(1.0)).dtype == tf.float32
    assert tf.add(x, Celsius(1.0)).dtype == tf.float32


def test_constant() -> None:
    assert tf.constant(2.0, shape=[2, 2]).op.get_attr("value").tolist() == [[2, 2], [2, 2]]
    filled = tf.constant([1, 2], shape=[2, 2], dtype=tf.int64)
    assert filled.op.get_attr("value").tolist() == [[1, 2], [2, 2]]
    assert tf.constant([1, 2, 3, 4], shape=[2, 2]).shape == [2, 2]
    assert tf.constant(np.float64(1)).dtype == tf.float64
    assert tf.constant([]).dtype == tf.float32
    assert tf.constant([True]).dtype == tf.bool
    with pytest.raises(ValueError, match="Too many elements"):
        tf.constant([1, 2, 3], shape=[2])
    with pytest.raises(TypeError, match="Expected Tensor's shape"):
        tf.constant([1, 2], shape=[3], verify_shape=True)
    with pytest.raises(TypeError, match="Expected int32"):
        tf.constant(1.5, dtype=tf.int32)


def test_constant_is_a_copy() -> None:
    array = np.ones(3, np.float32)
    c = tf.constant(array)
    array[:] = 5
    assert c.op.get_attr("value").tolist() == [1, 1, 1]


def test_group_and_tuple() -> None:
    a, b = tf.constant(1.0), tf.constant(2.0)
    grouped = tf.group(a, [b], tf.no_op(name="n"))
    assert [op.name for op in grouped.control_inputs] == ["Const", "Const_1", "n"]
    assert tf.group(name="g").name == "g"
    x, none, y = tf.tuple([a, None, b])
    assert none is None
    assert x.op.control_inputs == y.op.control_inputs
    with pytest.raises(TypeError, match="group"):
        tf.group(3)


def test_seed_is_kept() -> None:
    tf.set_random_seed(7)
    assert tf.get_default_graph().seed == 7


def test_static_values() -> None:
    x = tf.placeholder(tf.float32, [2, None])
    assert tf.get_static_value(tf.constant([1, 2])).tolist() == [1, 2]
    assert tf.get_static_value(tf.shape(x)) is None
    assert tf.get_static_value(tf.shape(x), partial=True).tolist() == [2, None]
    assert tf.get_static_value(x) is None
    assert tf.is_tensor(x) and tf.is_tensor(tf.Variable(1)) and not tf.is_tensor(3)


def test_deep_graphs_need_no_recursion() -> None:
    x = tf.placeholder(tf.float32, [])
    y = x
    for _ in range(3000):
        y = tf.identity(y)
    v = tf.Variable(y * 0 + tf.Variable(1.0), validate_shape=False)
    assert v.initial_value.dtype == tf.float32
