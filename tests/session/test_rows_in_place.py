"""Changing rows of variables: in place, at the cost of the rows alone, or not at all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.fusion import fuse
from graphc.codegen.plan import Schedule, plan

ROWS = 1000
train = tf.train
Maker = Callable[[], tf.train.Optimizer]
OPTIMIZERS: list[Maker] = [
    lambda: train.GradientDescentOptimizer(0.5),
    lambda: train.MomentumOptimizer(0.5, 0.9),
    lambda: train.MomentumOptimizer(0.5, 0.9, use_nesterov=True),
    lambda: train.AdagradOptimizer(0.5),
    lambda: train.AdadeltaOptimizer(0.5),
    lambda: train.RMSPropOptimizer(0.5, momentum=0.5),
    lambda: train.RMSPropOptimizer(0.5, centered=True),
    lambda: train.FtrlOptimizer(0.5),
    lambda: train.ProximalGradientDescentOptimizer(0.5, 0.1),
    lambda: train.ProximalAdagradOptimizer(0.5, l2_regularization_strength=0.1),
    lambda: tf.contrib.opt.LazyAdamOptimizer(0.5),
]
NAMES = [
    "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "centered", "ftrl",
    "proximal", "proximal_adagrad", "lazy_adam",
]  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_graph():
    tf.reset_default_graph()


def schedule(fetch: Any, feeds: dict[Any, Any]) -> Schedule:
    """The plan of a run."""
    return plan(fuse(tf.Session().optimized(fetch, feeds)))


def known_extents(found: Schedule) -> list[int]:
    """The sizes of loops that do not depend on the feeds."""
    axes = [axis for launch in found.launches for axis in launch.kernel.axes]
    return [axis.extent for axis in axes if isinstance(axis.extent, int)]


@pytest.mark.parametrize("make", OPTIMIZERS, ids=NAMES)
def test_a_step_costs_its_rows_alone(make: Maker) -> None:
    """Nothing goes over the whole table, and neither it nor a slot has a shadow."""
    table = tf.get_variable("table", [ROWS, 4])
    ids = tf.placeholder(tf.int32, [None])
    loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, ids)))
    found = schedule(make().minimize(loss), {ids: [1, 5, 1]})
    kinds = {place.kind for place in found.places.values()}
    assert "shadow" not in kinds and "heap" not in kinds
    assert max(known_extents(found)) < ROWS
    assert not any(launch.copy for launch in found.launches)


@pytest.mark.parametrize("target", ["", "numpy"])
@pytest.mark.parametrize("make", OPTIMIZERS, ids=NAMES)
def test_rows_are_those_of_a_dense_step(make: Maker, target: str) -> None:
    """Two steps equal dense ones on the touched rows, repeated indices included."""
    start = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    touched = [1, 3, 4]
    ids = tf.constant([1, 4, 1, 3])
    scale = tf.constant([[1.0], [2.0], [3.0], [-1.0]])
    sparse, dense = tf.Variable(start), tf.Variable(start[touched])
    by_row = tf.constant([0, 2, 0, 1])
    steps = [
        make().minimize(tf.reduce_sum(tf.square(tf.gather(sparse, ids)) * scale), var_list=[sparse])
    ]
    picked = tf.matmul(tf.one_hot(by_row, 3), dense)
    steps.append(make().minimize(tf.reduce_sum(tf.square(picked) * scale), var_list=[dense]))
    with tf.Session(target) as session:
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            session.run(steps)
        one, other = session.run([sparse, dense])
    np.testing.assert_allclose(one[touched], other, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(one[[0, 2]], start[[0, 2]])


@pytest.mark.parametrize("target", ["", "numpy"])
def test_a_failing_step_changes_nothing(target: str) -> None:
    """Whatever fails: the forward pass, the first or the second of several scatters."""
    a, b = tf.Variable(np.zeros((4, 2))), tf.Variable(np.ones((3, 2)))
    first, second = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int64, [None])
    row = tf.constant([[5.0, 6.0]], tf.float64)
    writes = [tf.scatter_add(a, first, row), tf.scatter_update(b, second, row)]
    step = tf.group(*writes)
    divided = tf.constant(7) // tf.reduce_sum(first)
    with tf.Session(target) as session:
        session.run(tf.global_variables_initializer())
        for one, other in ((4, 0), (-1, 0), (1, 3), (1, -9)):
            bad = {first: [one], second: [other]}
            with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
                session.run(step, bad)
        with pytest.raises(tf.errors.InvalidArgumentError, match="division by zero"):
            session.run([step, divided], {first: [0], second: [0]})
        assert session.run(a).sum() == 0 and session.run(b).sum() == 6
        session.run(step, {first: [1], second: [2]})
        assert session.run(a).tolist() == [[0, 0], [5, 6], [0, 0], [0, 0]]
        assert session.run(b).tolist() == [[1, 1], [1, 1], [5, 6]]


def test_both_of_two_tables_are_changed_in_place() -> None:
    """The check of the second table's indices comes before the first table is changed."""
    a, b = tf.get_variable("a", [ROWS, 2]), tf.get_variable("b", [ROWS, 2])
    first, second = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None])
    rows = tf.ones([3, 2])
    step = tf.group(tf.scatter_sub(a, first, rows), tf.scatter_nd_add(b, second[:, None], rows))
    found = schedule(step, {first: [0, 1, 2], second: [0, 1, 2]})
    assert "shadow" not in {place.kind for place in found.places.values()}
    assert not any(launch.copy for launch in found.launches)


@pytest.mark.parametrize("target", ["", "numpy"])
def test_old_and_new_values_are_both_seen(target: str) -> None:
    v = tf.Variable([1.0, 2.0, 3.0])
    old = v + 0.0
    new = tf.scatter_add(v, [0, 0], [10.0, 20.0])
    newer = tf.scatter_update(new, [2], 0.5)
    with tf.control_dependencies([newer]):
        last = tf.reduce_sum(v)
    itself = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    turned = tf.scatter_update(itself, [1, 0], itself)
    with tf.Session(target) as session:
        session.run(tf.global_variables_initializer())
        before, after, total = session.run([old, new, last])
        assert before.tolist() == [1, 2, 3] and after.tolist()[:2] == [31, 2] and total == 33.5
        assert session.run(v).tolist() == [31, 2, 0.5]
        assert session.run(turned).tolist() == [[3, 4], [1, 2]]
        assert session.run(turned.op) is None
        assert session.run(itself).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("target", ["", "numpy"])
def test_positions_of_several_dimensions(target: str) -> None:
    v = tf.Variable(np.zeros((2, 3)))
    where = tf.placeholder(tf.int32, [None, 2])
    step = tf.scatter_nd_update(v, where, tf.constant([1.0, 2.0], tf.float64)).op
    with tf.Session(target) as session:
        session.run(v.initializer)
        for bad in ([[0, 0], [2, 0]], [[0, 3], [1, 0]], [[0, 0], [0, -1]]):
            with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
                session.run(step, {where: bad})
        assert session.run(v).sum() == 0
        session.run(step, {where: [[1, 2], [0, 1]]})
        assert session.run(v).tolist() == [[0, 2, 0], [0, 0, 1]]
