"""TensorFlow 1 programs that take the module to run on: TensorFlow itself, or graphc.

Each returns NumPy values (or names of exceptions, or truths) that must not depend on which it was.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def mlp_losses(tf: Any, steps: int = 100) -> list[float]:
    """The losses of a 20-32-16-5 network under Adam, from given initial values."""
    generator = np.random.default_rng(3)
    centers = generator.standard_normal((5, 20)).astype(np.float32)
    sizes = [20, 32, 16, 5]
    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [None, 20])
    labels = tf.placeholder(tf.int64, [None])
    hidden = x
    for number, (inputs, units) in enumerate(itertools.pairwise(sizes)):
        start = generator.standard_normal((inputs, units)) * np.sqrt(2 / inputs)
        weights = tf.Variable(start.astype(np.float32), name=f"weights_{number}")
        bias = tf.Variable(np.zeros(units, np.float32), name=f"bias_{number}")
        hidden = tf.nn.bias_add(tf.matmul(hidden, weights), bias)
        if number < 2:
            hidden = tf.nn.relu(hidden)
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=hidden)
    )
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    losses = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            rows = generator.integers(0, 5, 64)
            images = centers[rows] + generator.standard_normal((64, 20)).astype(np.float32)
            feed = {x: images.astype(np.float32), labels: rows}
            losses.append(float(session.run([loss, step], feed)[0]))
    return losses


def ordered_effects(tf: Any) -> list[Any]:
    """Reads and writes in the order that control dependencies give them."""
    v = tf.Variable(1.0, name="v", use_resource=False)
    add = tf.assign_add(v, 2.0)
    with tf.control_dependencies([add]):
        after = tf.identity(v) * 10.0
        twice = tf.assign(v, v * 2.0)
    with tf.control_dependencies([twice]):
        last = v.read_value() + 0.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first = session.run([last])
        return [*first, session.run(v), session.run(after), session.run(v), session.run(last)]


def group_and_fetch(tf: Any) -> list[Any]:
    """A group runs its operations; fetching it gives None; an assignment gives the new value."""
    a, b = tf.Variable(3), tf.Variable(4)
    both = tf.group(tf.assign_add(a, 1), tf.assign_sub(b, 1))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        nothing = session.run(both)
        return [nothing is None, session.run({"a": a, "b": [b]}), session.run(tf.assign(a, 9))]


def fed_inner_tensors(tf: Any) -> list[Any]:
    """Feeding a tensor in the middle cuts off what is before it."""
    x = tf.placeholder(tf.float32, [None], name="x")
    middle = x * 2.0
    result = middle + 1.0
    counter = tf.Variable(0)
    with tf.control_dependencies([tf.assign_add(counter, 1)]):
        counted = tf.constant(5.0) + 0.0
    handle_fed = {middle: np.float32([1, 2])}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = [session.run(result, handle_fed), session.run(counted, {counted: 7.0})]
        values.append(session.run(counter))
        return [*values, session.run(counted), session.run(counter)]


def seeds(tf: Any) -> list[bool]:
    """What graph and operation seeds make repeat, as truths."""
    tf.set_random_seed(7)
    a, b = tf.random_uniform([4], seed=1), tf.random_uniform([4], seed=1)
    c, d = tf.random_normal([4]), tf.random_normal([4])
    with tf.Session() as session:
        first, again = session.run([a, b, c, d]), session.run([a, b, c, d])
    with tf.Session() as session:
        restarted = session.run([a, b, c, d])

    def same(x: Any, y: Any) -> bool:
        return bool(np.array_equal(x, y))

    truths = [same(x, y) for x, y in zip(first, restarted, strict=True)]
    truths += [same(x, y) for x, y in zip(first, again, strict=True)]
    return [*truths, same(first[0], first[1]), same(first[2], first[3])]


def unseeded(tf: Any) -> list[bool]:
    """Without seeds nothing repeats."""
    a = tf.random_uniform([4])
    with tf.Session() as session:
        first, again = session.run(a), session.run(a)
    with tf.Session() as session:
        other = session.run(a)
    return [bool(np.array_equal(first, again)), bool(np.array_equal(first, other))]


def gradients_at_corners(tf: Any) -> list[Any]:
    """Derivatives where functions have none: ties, zeros."""
    x = tf.constant([0.0, 1.0, 1.0, -2.0])
    y = tf.constant([0.0, 1.0, 2.0, -2.0])
    functions = [
        tf.maximum(x, y), tf.minimum(x, y), tf.nn.relu(x), tf.abs(x), tf.reduce_max(x),
        tf.reduce_min(tf.abs(x)), tf.nn.relu6(x * 6.0), tf.clip_by_value(x, 0.0, 1.0),
        tf.reduce_prod(x), tf.nn.elu(x), tf.nn.leaky_relu(x), tf.sign(x) * x, tf.pow(y, 2.0),
    ]  # fmt: skip
    found = [tf.gradients(f, [x])[0] for f in functions[:-1]]
    assert tf.gradients(functions[-1], [x])[0] is None
    with tf.Session() as session:
        return list(session.run(found))


def integers_and_rounding(tf: Any) -> list[Any]:
    """Division, remainders, casts and rounding."""
    a, b = tf.constant([7, -7, 7, -7]), tf.constant([2, 2, -2, -2])
    f = tf.constant([0.5, 1.5, 2.5, -0.5, -1.5, 2.7, -2.7])
    with tf.Session() as session:
        return list(session.run([
            tf.floordiv(a, b), tf.mod(a, b), tf.truncatediv(a, b), a // b, a % b, a / b,
            tf.round(f), tf.cast(f, tf.int32), tf.floor(f), tf.ceil(f), tf.rint(f),
            tf.argmax([[1.0, 3.0, 3.0]], 1), tf.argmin([[1, 1, 0, 0]], 1), tf.sign(f),
        ]))  # fmt: skip


def empty_batches(tf: Any) -> list[Any]:
    """Reductions and products over no rows."""
    x = tf.placeholder(tf.float32, [None, 3])
    fetches = [
        tf.reduce_sum(x, 0), tf.reduce_prod(x, 0), tf.reduce_max(x, 0), tf.reduce_mean(x),
        tf.matmul(x, tf.ones([3, 2])), tf.matmul(x, x, transpose_a=True), tf.nn.softmax(x),
        tf.shape(x), tf.concat([x, x], 0),
    ]  # fmt: skip
    with tf.Session() as session:
        return list(session.run(fetches, {x: np.zeros((0, 3), np.float32)}))


def error_names(tf: Any) -> list[str]:
    """The classes of the errors that mistakes raise."""
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    v = tf.Variable(1.0)
    index = tf.placeholder(tf.int32, [])
    picked = tf.gather(tf.constant([1.0, 2.0]), index)
    wanted = tf.placeholder(tf.int32, [2])

    def name(call: Any) -> str:
        try:
            call()
        except TypeError:
            return "TypeError"  # TensorFlow has classes derived of it
        except Exception as error:
            return type(error).__name__
        return "none"

    with tf.Session() as session:
        return [
            name(lambda: session.run(v)),
            name(lambda: session.run(x)),
            name(lambda: session.run(x, {x: np.zeros((2, 3))})),
            name(lambda: session.run(picked, {index: 5})),
            name(lambda: session.run(tf.reshape(tf.zeros([6]), wanted), {wanted: [4, 2]})),
            name(lambda: tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))),
            name(lambda: tf.constant(1) + tf.constant(1.0)),
            name(lambda: tf.add(tf.zeros([2]), tf.zeros([3]))),
            name(lambda: session.run("nothing:0")),
            name(lambda: tf.zeros([2]) if tf.zeros([]) else None),
        ]


def optimizer_paths(tf: Any) -> list[Any]:
    """Where each optimizer takes a variable in five steps."""
    train = tf.train
    makers = [
        lambda: train.GradientDescentOptimizer(0.1),
        lambda: train.MomentumOptimizer(0.1, 0.9),
        lambda: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        lambda: train.AdagradOptimizer(0.1),
        lambda: train.AdadeltaOptimizer(0.5),
        lambda: train.RMSPropOptimizer(0.1, momentum=0.5),
        lambda: train.RMSPropOptimizer(0.1, centered=True),
        lambda: train.AdamOptimizer(0.1),
        lambda: train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    ]
    found = []
    for make in makers:
        tf.reset_default_graph()
        v = tf.Variable([1.0, -2.0, 0.5])
        target = tf.constant([0.5, 1.0, 0.5])
        loss = tf.reduce_sum(tf.square(v - target) * tf.constant([1.0, 0.5, 3.0]))
        step = make().minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                session.run(step)
            found.append(session.run(v))
    return found


SEMANTICS = (
    ordered_effects,
    group_and_fetch,
    fed_inner_tensors,
    seeds,
    unseeded,
    gradients_at_corners,
    integers_and_rounding,
    empty_batches,
    error_names,
    optimizer_paths,
)
