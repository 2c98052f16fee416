"""TensorFlow 1 programs with branches and loops; see `programs`."""

from __future__ import annotations

from typing import Any

import numpy as np

DATA = np.random.default_rng(5).standard_normal((4, 3))


def _run(tf: Any, fetches: list[Any], feed: Any = None) -> list[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return list(session.run(fetches, feed))


def branches(tf: Any) -> list[Any]:
    """Values, gradients and static shapes of `cond` and `case`."""
    x = tf.constant(DATA)
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: tf.sin(x) * 2.0, lambda: x[:2])
    (dx,) = tf.gradients(y, x)
    k = tf.placeholder(tf.int32, [])
    c = tf.case([(k < 1, lambda: x + 1.0), (k < 5, lambda: x * 2.0)], default=lambda: -x)
    found: list[Any] = [y.shape.as_list(), y.name, c.shape.as_list()]
    with tf.Session() as session:
        for flag in (True, False):
            found += session.run([y, dx], {p: flag})
        for number in (0, 3, 7):
            found.append(session.run(c, {k: number}))
    return found


def loops(tf: Any) -> list[Any]:
    """Values, names, static shapes and gradients of `while_loop`."""
    x = tf.constant(DATA)
    w = tf.Variable(DATA[:3, :3])
    i, h = tf.while_loop(
        lambda i, h: i < 5, lambda i, h: (i + 1, tf.tanh(tf.matmul(h, w) + x)), [0, x]
    )
    grown = tf.while_loop(
        lambda z: tf.shape(z)[0] < 20,
        lambda z: tf.concat([z, z], 0),
        [x],
        shape_invariants=[tf.TensorShape([None, 3])],
    )
    limited = tf.while_loop(lambda i: True, lambda i: i + 2, [0], maximum_iterations=3)
    found: list[Any] = [i.name, h.name, h.shape.as_list(), grown.shape.as_list()]
    return found + _run(tf, [i, h, grown, limited, *tf.gradients(h, [x, w])])


def variables_in_loops(tf: Any) -> list[Any]:
    """Variables made, read and written by a body; the first gradient step."""
    v = tf.Variable(1.0)

    def body(i: Any, s: Any) -> Any:
        with tf.variable_scope("cell", reuse=tf.AUTO_REUSE):
            w = tf.get_variable("w", [3], initializer=tf.ones_initializer())
        with tf.control_dependencies([v.assign_add(2.0)]):
            return i + 1, s * 0.5 + tf.reduce_sum(w * w)

    i, s = tf.while_loop(lambda i, s: i < 4, body, [0, 1.0])
    names = [variable.name for variable in tf.trainable_variables()]
    with tf.control_dependencies([i]):
        after = v.read_value()
    dw = tf.gradients(s, tf.trainable_variables()[1])[0]
    return [names, *_run(tf, [i, s, after, dw])]


def arrays(tf: Any) -> list[Any]:
    """`TensorArray` in and out of loops."""
    x = tf.constant(DATA)
    source = tf.TensorArray(tf.float64, 4).unstack(x)
    _, h, target = tf.while_loop(
        lambda t, h, a: t < 4,
        lambda t, h, a: (t + 1, h * 0.5 + source.read(t), a.write(t, h)),
        [0, x[0], tf.TensorArray(tf.float64, 4, clear_after_read=False)],
    )
    stack = target.stack()
    grown = tf.TensorArray(tf.int32, 0, dynamic_size=True)
    _, grown = tf.while_loop(
        lambda t, a: t < 6, lambda t, a: (t + 1, a.write(t, t * t)), [0, grown]
    )
    placed = tf.TensorArray(tf.float64, 4, clear_after_read=False).scatter([2, 0, 3, 1], x)
    values = [
        stack, h, grown.stack(), grown.size(), placed.gather([1, 2]), placed.concat(),
        tf.TensorArray(tf.float64, 2).split(x, [2, 2]).read(1),
        *tf.gradients(tf.reduce_sum(stack * stack) + tf.reduce_sum(h), [x]),
    ]  # fmt: skip
    return [stack.shape.as_list(), *_run(tf, values)]


def functionals(tf: Any) -> list[Any]:
    """`map_fn`, `scan`, folds, and their gradients."""
    x = tf.constant(DATA)
    mapped = tf.map_fn(lambda r: tf.reduce_sum(r * r), x)
    several = tf.map_fn(lambda r: (r[0] + 1.0, tf.argmax(r[1])), (x, -x), (tf.float64, tf.int64))
    scanned = tf.scan(lambda a, r: a * 0.5 + r, x)
    paired = tf.scan(lambda a, r: (a[0] + r, a[1] + 1), x, (x[0], 0))
    backwards = tf.scan(lambda a, r: a * 0.5 + r, x, reverse=True)
    left, right = tf.foldl(lambda a, r: a - r, x), tf.foldr(lambda a, r: a - r, x)
    values = [mapped, *several, scanned, *paired, backwards, left, right]
    slopes = [tf.gradients(tf.reduce_sum(v * v), x)[0] for v in (mapped, scanned, left)]
    shapes = [v.shape.as_list() for v in (mapped, scanned, left)]
    return [shapes, *_run(tf, [*values, *slopes])]


def mistakes(tf: Any) -> list[Any]:
    """The kinds of exceptions that misuse raises."""
    p, one = tf.placeholder(tf.bool, []), tf.constant(1)
    attempts = [
        lambda: tf.cond(True, lambda: one, lambda: one),
        lambda: tf.cond(p, one, lambda: one),
        lambda: tf.cond(p, lambda: one),
        lambda: tf.cond(p, lambda: None, lambda: one),
        lambda: tf.cond(p, lambda: one, lambda: 0.5),
        lambda: tf.cond(p, lambda: [one, one], lambda: [one]),
        lambda: tf.while_loop(lambda i: i, lambda i: i, [one]),
        lambda: tf.while_loop(lambda i: i < 3, lambda i: i, []),
        lambda: tf.while_loop(one, lambda i: i, [one]),
        lambda: tf.while_loop(lambda i, j: i < 3, lambda i, j: [i], [one, one]),
        lambda: tf.while_loop(lambda x: True, lambda x: tf.concat([x, x], 0), [tf.zeros([1])]),
        lambda: tf.map_fn(lambda r: r, one),
        lambda: tf.scan(lambda a, r: tf.concat([a, r], 0), tf.zeros([3, 2])),
        lambda: tf.TensorArray(tf.float32),
        lambda: tf.case([one]),
    ]
    found = []
    for attempt in attempts:
        try:
            attempt()
        except (TypeError, ValueError) as error:
            found.append(type(error).__name__)
        else:
            found.append("nothing")
    return [found]


SEMANTICS = [
    branches, loops, variables_in_loops, arrays, functionals, mistakes,
]  # fmt: skip
