"""What people get wrong, and what they are told: the class of the error, line, shapes, the cure.

Every entry is a small program. It finds `g` with a session and a trained variable `g.v`, whose
value must be the same after the error.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import graphc as tf

errors = tf.errors
HERE = "test_misuse.py:"
Errors = type[BaseException] | tuple[type[BaseException], ...]


@dataclass
class Given:
    """What programs start from."""

    sess: tf.Session
    v: tf.Variable
    x: Any = field(init=False)
    n: Any = field(init=False)

    def __post_init__(self) -> None:
        self.x = tf.placeholder(tf.float32, [None, 4], name="x")
        self.n = tf.placeholder(tf.int32, [], name="n")


@dataclass
class Case:
    name: str
    program: Callable[[Given], object]
    error: Errors
    texts: tuple[str, ...]


CASES: list[Case] = []


def case(error: Errors, *texts: str) -> Callable[[Any], Any]:
    def add(program: Callable[[Given], object]) -> Callable[[Given], object]:
        CASES.append(Case(program.__name__, program, error, texts))
        return program

    return add


# ---------------------------------------------------------------------------------------- feeding


@case(
    errors.InvalidArgumentError, HERE, "You must feed a value for placeholder tensor 'x'", "[?,4]"
)
def missing_feed(g: Given) -> object:
    return g.sess.run(g.x + 1)


@case(errors.InvalidArgumentError, HERE, "You must feed", "'n'", "feed_dict")
def one_of_two_feeds_missing(g: Given) -> object:
    return g.sess.run(g.x * tf.cast(g.n, tf.float32), {g.x: np.ones((1, 4))})


@case(ValueError, HERE, "Cannot feed value of shape (2, 3) for Tensor 'x:0'", "'(?, 4)'")
def wrong_size_fed(g: Given) -> object:
    return g.sess.run(g.x, {g.x: np.ones((2, 3))})


@case(ValueError, HERE, "Cannot feed value of shape (4,)", "reshape")
def wrong_rank_fed(g: Given) -> object:
    return g.sess.run(g.x, {g.x: np.ones(4)})


@case(ValueError, HERE, "Cannot feed value of shape ()", "'x:0'")
def scalar_fed_to_a_matrix(g: Given) -> object:
    return g.sess.run(g.x, {g.x: 1.0})


@case(TypeError, HERE, "The value of a feed cannot be a tf.Tensor object", "sess.run")
def tensor_fed(g: Given) -> object:
    return g.sess.run(g.x, {g.x: tf.ones([1, 4])})


@case(TypeError, HERE, "feed cannot be a tf.Tensor", "v:0")
def variable_fed(g: Given) -> object:
    return g.sess.run(g.x, {g.x: g.v})


@case(TypeError, HERE, "'x:0' is None")
def none_fed(g: Given) -> object:
    return g.sess.run(g.x, {g.x: None})


@case(ValueError, HERE, "'x:0'", "float32")
def ragged_list_fed(g: Given) -> object:
    return g.sess.run(g.x, {g.x: [[1, 2, 3, 4], [1, 2]]})


@case(ValueError, HERE, "Cannot feed 'hello'", "'x:0'")
def text_fed_to_floats(g: Given) -> object:
    return g.sess.run(g.x, {g.x: "hello"})


@case(TypeError, HERE, "3000000000", "int64")
def integer_too_large(g: Given) -> object:
    return g.sess.run(g.n, {g.n: 3_000_000_000})


@case(TypeError, HERE, "Cannot interpret feed_dict key as Tensor", "does not exist in the graph")
def unknown_name_as_key(g: Given) -> object:
    return g.sess.run(g.x, {"y:0": 1})


@case(TypeError, HERE, "Cannot interpret feed_dict key as Tensor", "'x:0'")
def operation_name_as_key(g: Given) -> object:
    return g.sess.run(g.x, {"x": 1})


@case(
    TypeError,
    HERE,
    "Cannot interpret feed_dict key as Tensor",
    "Can not convert a int into a Tensor",
)
def number_as_key(g: Given) -> object:
    return g.sess.run(g.x, {3: 1})


@case(TypeError, HERE, "feed_dict must be a dict")
def list_as_feed_dict(g: Given) -> object:
    return g.sess.run(g.x, [(g.x, np.ones((1, 4)))])


@case(ValueError, HERE, "Key had 2 elements, but value had 3 elements")
def tuple_key_with_another_count(g: Given) -> object:
    return g.sess.run(g.x, {(g.x, g.n): (1, 2, 3)})


@case(ValueError, HERE, "sets Tensor 'x:0' twice")
def fed_twice(g: Given) -> object:
    return g.sess.run(g.x, {g.x: np.ones((1, 4)), "x:0": np.ones((1, 4))})


@case(ValueError, HERE, "may not be fed")
def not_feedable(g: Given) -> object:
    c = tf.constant(1.0)
    c.graph.prevent_feeding(c)
    return g.sess.run(c, {c: 2.0})


@case(TypeError, HERE, "dtype int64", "type string")
def numbers_fed_to_strings(g: Given) -> object:
    s = tf.placeholder(tf.string, [None])
    return g.sess.run(s, {s: [1, 2]})


# --------------------------------------------------------------------------------------- fetching


@case(TypeError, HERE, "Fetch argument None has invalid type", "gradient")
def none_fetched(g: Given) -> object:
    return g.sess.run([g.v, None])


@case(TypeError, HERE, "Fetch argument 3 has invalid type", "must be a string or Tensor")
def number_fetched(g: Given) -> object:
    return g.sess.run(3)


@case(
    ValueError,
    HERE,
    "Fetch argument 'nothing:0' cannot be interpreted as a Tensor",
    "does not exist",
)
def unknown_name_fetched(g: Given) -> object:
    return g.sess.run("nothing:0")


@case(ValueError, HERE, "is not an element of this graph")
def tensor_of_another_graph_fetched(g: Given) -> object:
    with tf.Graph().as_default():
        c = tf.constant(1)
    return g.sess.run(c)


@case(TypeError, HERE, "Cannot interpret feed_dict key", "not an element of this graph")
def tensor_of_another_graph_fed(g: Given) -> object:
    with tf.Graph().as_default():
        p = tf.placeholder(tf.float32)
    return g.sess.run(g.v, {p: 1})


@case(TypeError, HERE, "Fetch argument", "invalid type")
def function_fetched(g: Given) -> object:
    return g.sess.run(tf.global_variables_initializer)


@case(ValueError, HERE, "not fetchable")
def not_fetchable(g: Given) -> object:
    op = tf.no_op()
    op.graph.prevent_fetching(op)
    return g.sess.run(op)


# --------------------------------------------------------------------------------------- sessions


@case(RuntimeError, HERE, "Attempted to use a closed Session")
def closed_session(g: Given) -> object:
    other = tf.Session("numpy")
    other.close()
    return other.run(g.v)


@case(RuntimeError, HERE, "The Session graph is empty", "reset_default_graph")
def empty_graph(g: Given) -> object:
    with tf.Graph().as_default(), tf.Session("numpy") as other:
        return other.run("x:0")


@case(ValueError, HERE, "No default session is registered", "eval(session=sess)")
def eval_without_session(g: Given) -> object:
    return g.x.eval()


@case(ValueError, HERE, "No default session is registered", "run(session=sess)")
def run_without_session(g: Given) -> object:
    return g.v.initializer.run()


@case(ValueError, HERE, "different from the session's graph", "'Const:0'")
def eval_in_a_session_of_another_graph(g: Given) -> object:
    with tf.Graph().as_default():
        c = tf.constant(1)
    return c.eval(session=g.sess)


@case(TypeError, HERE, "target must be a string", "graph=")
def graph_given_as_target(g: Given) -> object:
    return tf.Session(tf.get_default_graph())


@case(TypeError, HERE, "graph must be a tf.Graph")
def number_given_as_graph(g: Given) -> object:
    return tf.Session(graph=3)


@case(TypeError, HERE, "config must be a tf.ConfigProto")
def dict_given_as_config(g: Given) -> object:
    return tf.Session(config={"allow_growth": True})


@case(NotImplementedError, HERE, "grpc://", "distributed")
def distributed_target(g: Given) -> object:
    return tf.Session("grpc://localhost:2222")


@case(TypeError, HERE, "as_default")
def graph_as_context_manager(g: Given) -> object:
    with tf.Graph():
        return None


@case(RuntimeError, HERE, "not re-entrant")
def session_entered_twice(g: Given) -> object:
    with tf.Session("numpy") as other, other:
        return None


@case(AssertionError, HERE, "clear nested graphs")
def reset_inside_a_graph(g: Given) -> object:
    with tf.Graph().as_default():
        return tf.reset_default_graph()


# -------------------------------------------------------------------------------------- variables


@case(
    errors.FailedPreconditionError, HERE, "Attempting to use uninitialized value w", "initializer"
)
def uninitialized_variable(g: Given) -> object:
    return g.sess.run(tf.Variable(1.0, name="w") + 1)


@case(errors.FailedPreconditionError, HERE, "uninitialized value w")
def uninitialized_variable_changed(g: Given) -> object:
    w = tf.Variable(1.0, name="w")
    return g.sess.run([g.v.assign([9.0, 9.0]), w.assign_add(1.0)])


@case(ValueError, HERE, "initial_value must be specified")
def variable_without_value(g: Given) -> object:
    return tf.Variable()


@case(ValueError, HERE, "initial_value must have a shape specified", "validate_shape=False")
def variable_of_unknown_shape(g: Given) -> object:
    return tf.Variable(g.x)


@case(ValueError, HERE, "collections argument to Variable constructor must be a list")
def collections_as_text(g: Given) -> object:
    return tf.Variable(1.0, collections="mine")


@case(ValueError, HERE, "(2,)", "(3,)")
def assign_of_another_shape(g: Given) -> object:
    return g.v.assign([1.0, 2.0, 3.0])


@case(errors.InvalidArgumentError, HERE, "Assign", "'v'", "(2,)", "(1, 4)")
def assign_of_another_shape_at_run_time(g: Given) -> object:
    u = tf.placeholder(tf.float32, name="u")
    return g.sess.run(g.v.assign(u), {u: np.ones((1, 4))})


@case((TypeError, ValueError), HERE, "float32", "float64")
def assign_of_another_dtype(g: Given) -> object:
    return g.v.assign(tf.constant([1.0, 2.0], tf.float64))


@case(TypeError, HERE, "mutable tensor (e.g.: a tf.Variable)")
def assign_to_a_tensor(g: Given) -> object:
    return tf.assign(g.x, 1.0)


@case(TypeError, HERE, "mutable tensor")
def assign_to_a_read(g: Given) -> object:
    return tf.assign_add(g.v.value(), [1.0, 1.0])


@case(ValueError, HERE, "Variable same already exists, disallowed", "reuse=tf.AUTO_REUSE")
def get_variable_twice(g: Given) -> object:
    tf.get_variable("same", [1])
    return tf.get_variable("same", [1])


@case(ValueError, HERE, "Variable s/v does not exist", "AUTO_REUSE")
def reuse_of_nothing(g: Given) -> object:
    with tf.variable_scope("s", reuse=True):
        return tf.get_variable("v", [1])


@case(ValueError, HERE, "(3,)", "(1,)", "Trying to share variable same")
def share_with_another_shape(g: Given) -> object:
    tf.get_variable("same", [1])
    with tf.variable_scope("", reuse=True):
        return tf.get_variable("same", [3])


@case(ValueError, HERE, "Shape of a new variable (w) must be fully defined", "<unknown>")
def get_variable_without_shape(g: Given) -> object:
    return tf.get_variable("w")


@case(ValueError, HERE, "must be fully defined", "(?, 3)")
def get_variable_of_unknown_shape(g: Given) -> object:
    return tf.get_variable("w", [None, 3])


@case(ValueError, HERE, "If initializer is a constant, do not specify shape")
def shape_and_constant(g: Given) -> object:
    return tf.get_variable("w", [2], initializer=tf.ones([2]))


@case(TypeError, HERE, "default_name")
def scope_without_name(g: Given) -> object:
    with tf.variable_scope(None):
        return None


@case(NotImplementedError, HERE, "partitioner")
def partitioner(g: Given) -> object:
    return tf.get_variable("w", [2], partitioner=lambda **_: [1])


@case(ValueError, HERE, "load variable 'v'", "session")
def load_without_session(g: Given) -> object:
    return g.v.load([1.0, 2.0])


@case(ValueError, HERE, "Cannot feed value of shape (3,)", "'(2,)'")
def load_of_another_shape(g: Given) -> object:
    return g.v.load([1.0, 2.0, 3.0], g.sess)


# --------------------------------------------------------------------------------------- building


@case(ValueError, HERE, "MatMul", "4", "5")
def matmul_of_unfitting_matrices(g: Given) -> object:
    return tf.matmul(g.x, tf.zeros([5, 2]))


@case(errors.InvalidArgumentError, HERE, "MatMul", "3", "2")
def matmul_of_unfitting_matrices_at_run_time(g: Given) -> object:
    a = tf.placeholder(tf.float32, [None, None])
    return g.sess.run(tf.matmul(a, a), {a: np.ones((2, 3))})


@case(ValueError, HERE, "broadcast", "(?, 4)", "(3,)")
def unfitting_shapes_added(g: Given) -> object:
    return g.x + tf.zeros([3])


@case(errors.InvalidArgumentError, HERE, "broadcast", "(2,)", "(3,)")
def unfitting_shapes_added_at_run_time(g: Given) -> object:
    a, b = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    return g.sess.run(a + b, {a: np.ones(2), b: np.ones(3)})


@case((TypeError, ValueError), HERE, "float32", "int32", "tf.cast")
def mixed_dtypes(g: Given) -> object:
    return tf.add(g.x, g.n)


@case(TypeError, HERE, "int32", "2.5")
def float_beside_integers(g: Given) -> object:
    return g.n * 2.5


@case(TypeError, "tf.cond", "bool")
def tensor_as_condition(g: Given) -> object:
    return 1 if g.n else 2


@case(TypeError, "not iterable", "x:0")
def iteration_over_a_tensor(g: Given) -> object:
    return list(g.x)


@case(TypeError, "sess.run", "x:0")
def numpy_of_a_tensor(g: Given) -> object:
    return np.asarray(g.x)


@case(ValueError, HERE, "same graph")
def operands_of_two_graphs(g: Given) -> object:
    with tf.Graph().as_default():
        c = tf.constant(1.0)
    return tf.add(g.x, c)


@case(ValueError, HERE, "not a valid", "'bad name'")
def name_with_a_blank(g: Given) -> object:
    return tf.constant(1, name="bad name")


@case(RuntimeError, HERE, "finalized")
def finalized_graph(g: Given) -> object:
    with tf.Graph().as_default() as graph:
        graph.finalize()
        return tf.constant(1)


@case(TypeError, HERE, "Expected int32", "1.5")
def constant_of_the_wrong_dtype(g: Given) -> object:
    return tf.constant([1.5], dtype=tf.int32)


@case(ValueError, HERE, "dense")
def ragged_constant(g: Given) -> object:
    return tf.constant([[1, 2], [3]])


@case(TypeError, HERE, "tf.identity")
def constant_of_a_tensor(g: Given) -> object:
    return tf.constant(g.x)


@case(TypeError, HERE, "DType", "'flot'")
def misspelt_dtype(g: Given) -> object:
    return tf.placeholder("flot")


@case(TypeError, HERE, "Dimension")
def tensor_as_placeholder_size(g: Given) -> object:
    return tf.placeholder(tf.float32, [g.n, 2])


@case(ValueError, HERE, "elements")
def reshape_to_another_count(g: Given) -> object:
    return tf.reshape(tf.zeros([2, 3]), [4, 2])


@case(TypeError, HERE, "control_dependencies takes a list", "[x:0]")
def control_dependency_without_list(g: Given) -> object:
    with tf.control_dependencies(g.x):
        return None


@case(TypeError, HERE, "Control input must be Operation or Tensor", "3")
def control_dependency_on_a_number(g: Given) -> object:
    with tf.control_dependencies([3]):
        return None


@case(TypeError, HERE, "tf.group", "None")
def group_of_none(g: Given) -> object:
    return tf.group(None)


@case(ValueError, HERE, "x:0", "(?, 4)", "(3,)")
def set_shape_that_contradicts(g: Given) -> object:
    return g.x.set_shape([3])


@case(TypeError, HERE, "it is a dtype", "dtype=")
def dtype_as_value(g: Given) -> object:
    return tf.add(g.x, tf.float32)


# ---------------------------------------------------------------------------------------- running


@case(errors.InvalidArgumentError, HERE, "assertion failed: [x is too large] [5 6]")
def failed_assertion(g: Given) -> object:
    u = tf.placeholder(tf.float32, [None])
    check = tf.Assert(tf.reduce_all(u < 5), ["x is too large", u])
    with tf.control_dependencies([check]):
        return g.sess.run(g.v.assign(u), {u: [5, 6]})


@case(errors.InvalidArgumentError, HERE, "loss : Tensor had Inf and NaN values")
def numbers_that_are_none(g: Given) -> object:
    u = tf.placeholder(tf.float32, [None])
    with tf.control_dependencies([tf.check_numerics(u, "loss")]):
        return g.sess.run(g.v.assign_add(u), {u: [np.inf, np.nan]})


@case(errors.InvalidArgumentError, HERE, "division by zero")
def integer_division_by_zero(g: Given) -> object:
    return g.sess.run([g.v.assign([8.0, 8.0]), 7 // g.n], {g.n: 0})


@case(errors.InvalidArgumentError, HERE, "indices", "7")
def gather_beyond_the_end(g: Given) -> object:
    return g.sess.run(tf.gather(g.v, g.n), {g.n: 7})


@case(errors.InvalidArgumentError, HERE, "ZeroDivisionError", "division by zero")
def error_in_a_python_function(g: Given) -> object:
    def divide(n: Any) -> Any:
        raise ValueError(f"ZeroDivisionError: division by zero of {n}")

    y = tf.py_func(divide, [g.n], tf.int32)
    y.set_shape([])
    return g.sess.run([g.v.assign([8.0, 8.0]), y], {g.n: 1})


@case(errors.InvalidArgumentError, HERE, "float64", "expects float32", "Tout")
def python_function_of_another_dtype(g: Given) -> object:
    y = tf.py_func(lambda n: np.ones(2), [g.n], tf.float32)
    y.set_shape([None])
    return g.sess.run(y, {g.n: 1})


@case(errors.InvalidArgumentError, HERE, "set_shape")
def python_function_of_unknown_rank(g: Given) -> object:
    return g.sess.run(tf.py_func(lambda n: n, [g.n], tf.int32), {g.n: 1})


@case(errors.InvalidArgumentError, HERE, "x == y", "[1, 2]", "[1, 3]")
def assertion_about_constants(g: Given) -> object:
    return tf.assert_equal([1, 2], [1, 3])


@case(ValueError, HERE, "rank == 3", "(?, 4)")
def assertion_about_rank(g: Given) -> object:
    return tf.assert_rank(g.x, 3)


@case(TypeError, HERE, "None is among xs")
def gradient_by_none(g: Given) -> object:
    return tf.gradients(g.x, [None])


@case(ValueError, HERE, "2 grad_ys for 1 ys")
def too_many_grad_ys(g: Given) -> object:
    return tf.gradients(g.x, g.x, [g.x, g.x])


# -------------------------------------------------------------------------------------------------


@pytest.fixture
def given(sess: tf.Session) -> Given:
    v = tf.Variable([1.0, 2.0], name="v")
    sess.run(v.initializer)
    sess.run(v.assign_add([0.5, 0.5]))
    return Given(sess, v)


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry.name)
def test_misuse(entry: Case, given: Given) -> None:
    with pytest.raises(entry.error) as caught:
        entry.program(given)
    message = caught.value.args[0] if isinstance(caught.value, KeyError) else str(caught.value)
    missing = [text for text in entry.texts if text not in message]
    assert not missing, f"{missing} not in: {message}"
    assert given.sess.run(given.v).tolist() == [1.5, 2.5]
    assert tf.get_default_graph() is given.v.graph
    assert tf.get_default_graph().scope == ""
    assert tf.get_default_session() is None


def test_there_are_many_kinds() -> None:
    names = [entry.name for entry in CASES]
    assert len(names) >= 60
    assert [k for k, group in itertools.groupby(sorted(names)) if len(list(group)) > 1] == []
