"""What fuses with what, where tensors live, and what is written in place."""

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.executable import Executable
from graphc.codegen.fusion import fuse
from graphc.codegen.kernel import Kernel
from graphc.codegen.plan import Schedule, plan
from graphc.codegen.program import Program
from graphc.codegen.state import SessionState
from graphc.ir.function import Function


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


def optimized(fetches, feeds, targets=(), shapes=None) -> Function:
    """The function of a run after all passes; variables have their declared shapes."""
    program = Program(tf.get_default_graph(), fetches, targets, list(feeds))
    return program.optimize(program.resolve(list(feeds.values()), SessionState()))


def titles(schedule: Schedule) -> list[str]:
    return [launch.kernel.title for launch in schedule.launches]


def scheduled(fetches, feeds, targets=()) -> Schedule:
    return plan(fuse(optimized(fetches, feeds, targets)))


def feed(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_elementwise_chains_become_one_kernel() -> None:
    x, y = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [4])
    z = tf.tanh(x * y + 1.0) - tf.exp(y)
    schedule = scheduled([z], {x: feed(3, 4), y: feed(4)})
    # exp(y) does not depend on the rows: computed once, not once for each row
    assert titles(schedule) == ["Exp", "Mul Add Tanh Sub"]


def test_softmax_is_three_stages_of_one_kernel() -> None:
    x = tf.placeholder(tf.float32, [None, None])
    (launch,) = scheduled([tf.nn.softmax(x)], {x: feed(3, 4)}).launches
    assert launch.kernel.outer == 1
    assert [len(s.reduces) for s in launch.kernel.stages if s.axes] == [1, 1, 0]


def exponentials(schedule: Schedule) -> int:
    bodies = [s.body for launch in schedule.launches for s in launch.kernel.stages]
    return sum(i.op == "exp" for body in bodies for i in body)


def test_softmax_takes_exponentials_once() -> None:
    x = tf.placeholder(tf.float32, [None, 7])
    (launch,) = scheduled([tf.nn.softmax(x)], {x: feed(3, 7)}).launches
    kernel = launch.kernel
    assert sum(i.op == "exp" for stage in kernel.stages for i in stage.body) == 1
    written = [store.access for stage in kernel.stages for store in stage.stores]
    assert len(written) == 2 and written[0] == written[1]
    assert [buffer.role for buffer in kernel.buffers].count("out") == 1


def test_cross_entropy_and_its_gradient_take_exponentials_once() -> None:
    x, y = tf.placeholder(tf.float32, [None, 7]), tf.placeholder(tf.int64, [None])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x)
    (dx,) = tf.gradients(losses, x)
    feeds = {x: feed(3, 7), y: np.zeros(3, np.int64)}
    assert exponentials(scheduled([losses, dx], feeds)) == 1


def test_a_stored_costly_value_is_read_again() -> None:
    x = tf.placeholder(tf.float32, [None, 7])
    y = tf.exp(x)
    z = y / tf.reduce_sum(y, 1, keepdims=True)
    schedule = scheduled([y, z], {x: feed(3, 7)})
    assert exponentials(schedule) == 1
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    with tf.Session() as session:
        first, second = session.run([y, z], {x: values})
    np.testing.assert_allclose(first, np.exp(values), rtol=1e-6)
    np.testing.assert_allclose(second, np.exp(values) / np.exp(values).sum(1)[:, None], rtol=1e-6)


def test_kept_values_give_way_to_results_in_place() -> None:
    """A variable that softmax of itself replaces: the old value is read until the end."""
    values = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    v = tf.Variable(values)
    step = tf.assign(v, tf.nn.softmax(v))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        expected = np.exp(values) / np.exp(values).sum(1, keepdims=True)
        np.testing.assert_allclose(session.run(v), expected, rtol=2e-6)


def test_log_softmax_keeps_its_logarithm_out_of_the_row_loop() -> None:
    x = tf.placeholder(tf.float32, [None, 7])
    (launch,) = scheduled([tf.nn.log_softmax(x)], {x: feed(3, 7)}).launches
    (stage,) = [s for s in launch.kernel.stages if any(i.op == "log" for i in s.body)]
    assert stage.axes == ()


def test_a_matmul_takes_its_epilogue() -> None:
    x, b = tf.placeholder(tf.float32, [None, 8]), tf.placeholder(tf.float32, [5])
    y = tf.nn.relu(tf.matmul(x, tf.constant(feed(8, 5))) + b)
    (launch,) = scheduled([y], {x: feed(3, 8), b: feed(5)}).launches
    assert launch.kernel.contraction is not None
    assert launch.kernel.title == "MatMul Add Relu"


def test_views_are_index_arithmetic() -> None:
    x = tf.placeholder(tf.float32, [None, 6])
    y = tf.transpose(x[:, ::-2]) * 2.0
    (launch,) = scheduled([y], {x: feed(3, 6)}).launches
    (load,) = [i for s in launch.kernel.stages for i in s.body if i.op == "load"]
    assert load.data.index.offset == 5


def test_a_transpose_is_absorbed_by_a_matmul() -> None:
    x, y = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.float32, [None, 6])
    z = tf.matmul(tf.transpose(x), y)
    schedule = scheduled([z], {x: feed(3, 6), y: feed(3, 6)})
    assert titles(schedule) == ["MatMul"]


def test_reshapes_share_memory() -> None:
    x = tf.placeholder(tf.float32, [None, 6])
    y = tf.reshape(tf.reshape(x * 2.0, [-1, 2, 3]), [-1])
    assert len(scheduled([y], {x: feed(3, 6)}).launches) == 1


def test_bias_gradients_reduce_along_rows() -> None:
    x = tf.placeholder(tf.float32, [None, 6])
    schedule = scheduled([tf.reduce_sum(tf.square(x), axis=0)], {x: feed(3, 6)})
    (launch,) = schedule.launches
    assert launch.kernel.outer == 1 and launch.kernel.vector == 0


def test_an_optimizer_updates_in_place() -> None:
    x = tf.placeholder(tf.float32, [None, 4])
    w = tf.Variable(feed(4, 3), name="w")
    loss = tf.reduce_sum(tf.tanh(tf.matmul(x, w)))
    step = tf.train.AdamOptimizer().minimize(loss)
    schedule = scheduled([loss], {x: feed(5, 4)}, [step])
    new = {name: schedule.places[storage].kind for name, storage in schedule.updates}
    assert new["w"] == "variable" and new["w/Adam"] == new["w/Adam_1"] == "variable"


def test_nothing_is_written_in_place_where_a_step_can_fail() -> None:
    x, i = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.int32, [None])
    w = tf.Variable(feed(4, 3), name="w")
    step = tf.assign_sub(w, tf.matmul(x, tf.gather(x, i)[:, :3], transpose_a=True))
    schedule = scheduled([], {x: feed(5, 4), i: np.zeros(5, np.int32)}, [step.op])
    kinds = [schedule.places[storage].kind for _, storage in schedule.updates]
    fails = [n for n, launch in enumerate(schedule.launches) if launch.kernel.can_fail]
    writes = [n for n, launch in enumerate(schedule.launches)
              if any(b.role == "inout" for b in launch.kernel.buffers)]  # fmt: skip
    assert kinds == ["variable"] and max(fails) < min(writes)  # the gather runs before the write

    late = tf.assign_add(w, tf.gather(w, i)[:4] * 0.5)
    schedule = scheduled([], {i: np.zeros(4, np.int32)}, [late.op])
    assert [schedule.places[s].kind for _, s in schedule.updates] == ["shadow"]


def test_the_predicted_peak_is_the_actual_one() -> None:
    x = tf.placeholder(tf.float32, [None, 64])
    y = x
    for _ in range(6):
        y = tf.nn.softmax(tf.matmul(y, tf.constant(feed(64, 64))))
    (gradient,) = tf.gradients(y, x)
    state = SessionState()
    program = Program(tf.get_default_graph(), [gradient], [], [x])
    executable = Executable(program.optimize(program.resolve([feed(8, 64)], state)), state)
    for rows in (8, 1, 100):
        array = feed(rows, 64)
        predicted = executable.arena_bytes([array], state)
        assert predicted is not None and 0 < predicted <= 24 * rows * 64 * 4 + 64 * 64
        frame = executable._take()
        executable._pool.append(frame)
        executable.run([array], state)
        frame = executable._take()
        assert int(frame.dims[executable.tables.arena_slot]) == predicted
        used = max(
            int(frame.buffers[slot]) - int(frame.native.arena) + int(np.prod([rows, 64])) * 4
            for storage, slot in executable.tables.buffer_slot.items()
            if executable.schedule.places[storage].kind == "arena"
            and len(storage.type.dims) == 2 and storage.type.dims[1] == 64
        )  # fmt: skip
        assert used <= predicted
        executable._pool.append(frame)


def test_equal_structures_share_a_kernel() -> None:
    x = tf.placeholder(tf.float32, [None, 16])
    y = x
    for _ in range(10):
        y = tf.tanh(tf.matmul(y, tf.constant(feed(16, 16))))
    schedule = scheduled([y], {x: feed(2, 16)})
    assert len(schedule.launches) == 10
    # the last one writes to the result: still the same kernel
    assert len({launch.kernel.key for launch in schedule.launches}) == 1


def test_long_chains_are_cut_alike() -> None:
    x = tf.placeholder(tf.float32, [None])
    y = x
    for _ in range(480):
        y = tf.sin(y)
    schedule = scheduled([y], {x: feed(3)})
    assert len({launch.kernel.key for launch in schedule.launches}) == 1
    assert 5 <= len(schedule.launches) <= 20


def passes(schedule: Schedule) -> list[Kernel]:
    """The kernels that go through all rows, whose number is known in the run."""
    return [
        launch.kernel
        for launch in schedule.launches
        if any(not isinstance(axis.extent, int) for axis in launch.kernel.axes)
    ]


@pytest.mark.parametrize("shape", [(24,), (5, 5, 24)], ids=["rows", "images"])
def test_batch_norm_trains_in_four_passes(shape: tuple[int, ...]) -> None:
    """Mean; variance; forward with both folds of the backward pass; the gradient."""
    x = tf.placeholder(tf.float32, [None, *shape])
    weights = tf.placeholder(tf.float32, [None, *shape])
    y = tf.nn.relu(tf.layers.batch_normalization(x, training=True))
    variables = tf.trainable_variables()
    gradients = tf.gradients(tf.reduce_sum(y * weights), [x, *variables])
    feeds = {x: feed(8, *shape), weights: feed(8, *shape)}
    found = passes(scheduled([y, *gradients], feeds))
    assert len(found) == 4, [kernel.title for kernel in found]
    assert [sum(len(s.reduces) for s in kernel.stages) for kernel in found] == [1, 1, 2, 0]
    assert "ReluGrad" in found[2].title


def test_batch_norm_at_inference_is_an_epilogue() -> None:
    x = tf.placeholder(tf.float32, [None, 16])
    hidden = tf.layers.dense(x, 24, use_bias=False)
    y = tf.nn.relu(tf.layers.batch_normalization(hidden))
    (product,) = passes(scheduled([y], {x: feed(8, 16)}))
    assert product.title == "MatMul Mul Add Relu"
