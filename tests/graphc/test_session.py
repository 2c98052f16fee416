"""Sessions: what may be fetched and fed, default sessions, threads, and graphs that grow."""

import collections
import gc
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest

import graphc as tf

State = collections.namedtuple("State", ["c", "h"])


def test_structures_come_back(sess: tf.Session) -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant([1, 2], name="b")
    v = tf.Variable(3.0)
    sess.run(v.initializer)
    assert sess.run(a) == 1
    result = sess.run([a, (b, v), {"x": a, "y": [b, v.initializer]}, State(a, b), "a:0", "b"])
    assert result[0] == 1 and isinstance(result[1], tuple) and result[1][1] == 3
    assert result[2]["x"] == 1 and result[2]["y"][1] is None
    assert isinstance(result[3], State) and result[3].h.tolist() == [1, 2]
    assert result[4] == 1 and result[5] is None
    ordered = sess.run(collections.OrderedDict([("z", a), ("y", b)]))
    assert isinstance(ordered, collections.OrderedDict) and list(ordered) == ["z", "y"]
    assert sess.run([]) == [] and sess.run({}) == {} and sess.run(()) == ()
    assert sess.run((a, a)) == (1, 1)


def test_the_structure_is_told_apart_on_a_warm_key(sess: tf.Session) -> None:
    a, b = tf.constant(1.0), tf.constant(2.0)
    for _ in range(2):
        assert sess.run([a, b]) == [1, 2]
        assert sess.run((a, b)) == (1, 2)
        assert sess.run(State(a, b)) == State(1, 2)
        assert isinstance(sess.run(State(a, b)), State)
        assert sess.run([[a, b]]) == [[1, 2]]
        assert isinstance(sess.run([State(a, b)])[0], State)
        assert not isinstance(sess.run([(a, b)])[0], State)


def test_kinds_of_results(sess: tf.Session) -> None:
    scalar = sess.run(tf.constant(1.5))
    assert isinstance(scalar, np.float32)
    assert isinstance(sess.run(tf.constant(True)), np.bool_)
    assert isinstance(sess.run(tf.constant([1])), np.ndarray)
    array = sess.run(tf.constant([1.0, 2.0]))
    array[0] = 7
    assert sess.run(tf.no_op()) is None


def test_results_belong_to_the_caller(sess: tf.Session) -> None:
    c = tf.constant([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    for fetch, feed in ((c, None), (x, {x: np.array([1, 2], np.float32)}), (c + 1, None)):
        first = sess.run(fetch, feed)
        kept = first.copy()
        first[:] = 99
        np.testing.assert_array_equal(sess.run(fetch, feed), kept)
    given = np.array([1, 2], np.float32)
    sess.run(x, {x: given})[:] = 99
    assert given.tolist() == [1, 2]


def test_indexed_slices(sess: tf.Session) -> None:
    table = tf.Variable(np.ones((4, 2), np.float32))
    sess.run(table.initializer)
    (slices,) = tf.gradients(tf.reduce_sum(tf.gather(table, [1, 1])), table)
    assert isinstance(slices, tf.IndexedSlices)
    value = sess.run(slices)
    assert value.indices.tolist() == [1, 1] and value.values.shape == (2, 2)


def test_feeds_of_all_kinds(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    total = tf.reduce_sum(x)
    for value in (
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]]),
        np.array([[1, 2], [3, 4]], np.float64, order="F"),
        [np.array([1, 2]), np.array([3, 4])],
        np.arange(1, 5, dtype=">f4").reshape(2, 2),
        np.array([[4, 0, 3, 0], [2, 0, 1, 0]], np.float32)[::-1, ::2],
    ):
        assert sess.run(total, {x: value}) == 10
        assert sess.run(total, {"x:0": value}) == 10
        assert sess.run(total, feed_dict=collections.OrderedDict([(x, value)])) == 10
    flag = tf.placeholder(tf.bool, [])
    assert sess.run(tf.cast(flag, tf.int32), {flag: True}) == 1
    assert sess.run(tf.cast(flag, tf.int32), {flag: np.bool_(False)}) == 0
    n = tf.placeholder(tf.int64, [])
    assert sess.run(n + 1, {n: np.int32(3)}) == 4
    assert sess.run(n, {n: 2.9}) == 2  # as TF1, where NumPy truncates


def test_feeding_what_is_no_placeholder(sess: tf.Session) -> None:
    a = tf.add(2, 5)
    c = tf.constant(3)
    v = tf.Variable(1, name="v")
    d = tf.placeholder_with_default(10, [])
    y = a * c
    assert sess.run(y, {a: 15}) == 45
    assert sess.run(y, {c: 2}) == 14
    assert sess.run(y, {y: 1}) == 1
    assert sess.run(v + 1, {v: 41}) == 42
    assert sess.run(v + 1, {v.value(): 41}) == 42
    assert sess.run(d + 1) == 11 and sess.run(d + 1, {d: 1}) == 2
    assert sess.run([a, a + 1], {a: 0}) == [0, 1]


def test_tuples_as_keys(sess: tf.Session) -> None:
    state = State(tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [2]))
    total = tf.reduce_sum(state.c - state.h)
    value = State(np.array([3.0, 4.0]), np.array([1.0, 1.0]))
    assert sess.run(total, {state: value}) == 5
    assert sess.run(total, {(state.c, state.h): ([1, 1], [0, 0])}) == 2
    nested = {((state.c,), state.h): (([1, 1],), [0, 0])}
    assert sess.run(total, nested) == 2
    with pytest.raises(ValueError, match="Key had 2 elements, but value had 1"):
        sess.run(total, {state: ([1, 2],)})


def test_sizes_and_ranks_may_change(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.reduce_sum(x, 1)
    for n in (1, 5, 2, 0, 7):
        assert sess.run(y, {x: np.ones((n, 3))}).tolist() == [3.0] * n
    u = tf.placeholder(tf.float32)
    for shape in ((), (2,), (2, 3), (4, 1, 2), (3,)):
        assert sess.run(u * 2, {u: np.ones(shape)}).shape == shape


def test_one_program_serves_all_sizes(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = x * 2 + 1
    for n in (4, 2, 9, 6):
        sess.run(y, {x: np.ones((n, 3))})
        sess.run([y], {x: np.ones((n, 3))})
        sess.run({"y": (y,)}, {x: np.ones((n, 3))})
    assert sess.statistics["compilations"] == 1


def test_a_growing_graph_keeps_what_was_compiled(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2])
    y = x + 1
    for i in range(5):
        sess.run(y, {x: [1, 2]})
        sess.run(tf.constant(float(i)))
    assert sess.statistics["compilations"] == 6


def test_two_sessions_have_their_own_variables(new_session: Callable[[], tf.Session]) -> None:
    v = tf.Variable(1)
    add = v.assign_add(1)
    one, other = new_session(), new_session()
    one.run(v.initializer)
    other.run(v.initializer)
    one.run(add)
    assert one.run(v) == 2 and other.run(v) == 1
    one.close()
    assert other.run(v) == 1


def test_threads_share_a_session(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.reduce_sum(x * x)
    v = tf.Variable(0.0)
    sess.run(v.initializer)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(20):
                value = np.full(number + i + 1, 2.0, np.float32)
                assert sess.run(y, {x: value}) == 4 * value.size
                assert sess.run(v) == 0
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_writers_in_threads_exclude_each_other(sess: tf.Session) -> None:
    v = tf.Variable(np.zeros(2000, np.float32))
    add = v.assign_add(np.ones(2000, np.float32)).op
    sess.run(v.initializer)
    threads = [
        threading.Thread(target=lambda: [sess.run(add) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sess.run(v).tolist() == [200.0] * 2000


def test_default_sessions(session_target: str, fresh_graph: tf.Graph) -> None:
    c = tf.constant(3.0)
    step = tf.Variable(0).assign_add(1)
    assert tf.get_default_session() is None
    with tf.Session(session_target) as sess:
        assert tf.get_default_session() is sess
        assert c.eval() == 3
        tf.global_variables_initializer().run()
        step.op.run()
        x = tf.placeholder(tf.float32, [])
        assert (x + c).eval(feed_dict={x: 1}) == 4
        assert (x + c).eval({x: 2}) == 5
    assert tf.get_default_session() is None
    with pytest.raises(RuntimeError, match="closed Session"):
        sess.run(c)
    other = tf.Session(session_target)
    with other.as_default():
        assert c.eval() == 3
    assert c.eval(session=other) == 3
    assert other.run(c) == 3
    other.close()


def test_session_makes_its_graph_the_default(session_target: str, fresh_graph: tf.Graph) -> None:
    graph = tf.Graph()
    with graph.as_default():
        c = tf.constant(1)
    with tf.Session(session_target, graph=graph) as sess:
        assert tf.get_default_graph() is graph and sess.graph is graph
        assert sess.run(c) == 1
        with pytest.raises(RuntimeError, match="not re-entrant"):
            sess.__enter__()
    assert tf.get_default_graph() is fresh_graph


def test_interactive_session(session_target: str, fresh_graph: tf.Graph) -> None:
    sess = tf.InteractiveSession(session_target)
    try:
        assert tf.get_default_session() is sess
        assert tf.constant(2).eval() == 2
        seen = []
        thread = threading.Thread(target=lambda: seen.append(tf.get_default_session()))
        thread.start()
        thread.join()
        assert seen == [sess]
        with tf.Session(session_target) as inner:
            assert tf.get_default_session() is inner
        assert tf.get_default_session() is sess
    finally:
        sess.close()
    assert tf.get_default_session() is None
    graph = tf.Graph()
    with graph.as_default():
        c = tf.constant(4)
    explicit = tf.InteractiveSession(session_target, graph=graph)
    assert c.eval() == 4
    explicit.close()


def test_make_callable(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.placeholder(tf.float32, [])
    call = sess.make_callable([x * y, {"y": y}], [x, y])
    assert call([1, 2], 3)[0].tolist() == [3, 6]
    assert call(np.ones(3), 2)[1]["y"] == 2
    assert sess.make_callable(tf.constant(1))() == 1
    traced = sess.make_callable(x, ["x:0"], accept_options=True)
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    traced([1.0], options=options, run_metadata=metadata)
    assert metadata.step_stats.dev_stats[0].node_stats[0].all_end_rel_micros >= 0
    with pytest.raises(TypeError, match="takes 2 values"):
        call([1, 2])
    with pytest.raises(TypeError, match="list or tuple"):
        sess.make_callable(x, x)


def test_configuration(session_target: str) -> None:
    config = tf.ConfigProto(allow_soft_placement=True, gpu_options=tf.GPUOptions(allow_growth=True))
    config.gpu_options.per_process_gpu_memory_fraction = 0.5
    config.intra_op_parallelism_threads = 1
    config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
    with tf.Session(session_target, config=config) as sess:
        assert sess.run(tf.constant(1)) == 1
        assert sess.list_devices()[0].device_type == "CPU"
    with pytest.raises(TypeError, match="no field 'alow_growth'"):
        tf.GPUOptions(alow_growth=True)
    with pytest.raises(AttributeError, match="no field"):
        config.gpu_option = 3
    assert "allow_soft_placement: True" in repr(config)
    assert tf.ConfigProto() == tf.ConfigProto()


def test_strings(sess: tf.Session) -> None:
    c = tf.constant("text")
    assert sess.run(c) == b"text"
    s = tf.placeholder(tf.string, [None])
    assert sess.run(s, {s: ["a", b"b"]}).tolist() == [b"a", b"b"]


def test_a_failed_run_changes_no_variable(sess: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0])
    x = tf.placeholder(tf.float32, [None])
    sess.run(v.initializer)
    add = v.assign_add(x)
    with tf.control_dependencies([add]):
        check = tf.Assert(tf.reduce_all(x > 0), ["x must be positive, but is", x])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x must be positive.*\[-1 1\]"):
        sess.run([add, check], {x: [-1, 1]})
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(add, {x: [1, 2, 3]})
    assert sess.run(v).tolist() == [1, 2]
    sess.run([add, check], {x: [1, 1]})
    assert sess.run(v).tolist() == [2, 3]


def test_closing_gives_up_the_values(session_target: str) -> None:
    v = tf.Variable(np.ones(10, np.float32))
    sess = tf.Session(session_target)
    sess.run(v.initializer)
    gone = weakref.ref(sess)
    sess.close()
    del sess
    gc.collect()
    assert gone() is None


def test_partial_runs_are_refused(sess: tf.Session) -> None:
    with pytest.raises(NotImplementedError, match="partial"):
        sess.partial_run_setup([], [])
    with pytest.raises(NotImplementedError, match="partial"):
        sess.partial_run("", [])
    with pytest.raises(NotImplementedError, match="reset"):
        tf.Session.reset("")
    with pytest.raises(NotImplementedError, match="GraphDef"):
        _ = sess.graph_def
