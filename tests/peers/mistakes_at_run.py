"""Programs whose mistake running finds; they take TensorFlow or graphc, as those of `mistakes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.peers.mistakes import Mistake, assigned


def run(tf: Any, fetch: Any, feeds: dict[Any, Any] | None = None) -> Any:
    with tf.Session() as session:
        return session.run(fetch, feeds)


def fed(tf: Any, dtype: str, shape: Any, value: Any, use: Callable[[Any], Any]) -> Any:
    """Run `use` of a placeholder that is fed `value`."""
    x = tf.placeholder(dtype, shape)
    return run(tf, use(x), {x: value})


def closed_session(tf: Any) -> Any:
    session = tf.Session()
    x = tf.constant(1.0)
    session.close()
    return session.run(x)


AT_RUN: dict[str, Mistake] = {
    "uninitialized": lambda tf: run(tf, tf.Variable(1.0)),
    "not fed": lambda tf: run(tf, tf.placeholder(tf.float32, [2])),
    "not fed, inside": lambda tf: run(tf, tf.placeholder(tf.float32) + 1.0),
    "feed shape": lambda tf: fed(tf, "float32", [None, 2], np.zeros((2, 3)), lambda x: x + 1),
    "feed rank": lambda tf: fed(tf, "float32", [None, 2], np.zeros(2), lambda x: x + 1),
    "feed text": lambda tf: fed(tf, "float32", [], "a", lambda x: x + 1),
    "feed ragged": lambda tf: fed(tf, "float32", None, [[1], [1, 2]], lambda x: x + 1),
    "feed fraction": lambda tf: fed(tf, "int32", [], 1.5, lambda x: x + 1),
    "feed tensor": lambda tf: fed(tf, "float32", [], tf.constant(1.0), lambda x: x + 1),
    "feed None": lambda tf: fed(tf, "float32", [], None, lambda x: x + 1),
    "feed key": lambda tf: run(tf, tf.constant(1.0), {"no:0": 1.0}),
    "feed number": lambda tf: run(tf, tf.constant(1.0), {3: 1.0}),
    "feed huge": lambda tf: fed(tf, "int32", [], 2**40, lambda x: x + 1),
    "fetch None": lambda tf: run(tf, None),
    "fetch number": lambda tf: run(tf, 3.0),
    "fetch name": lambda tf: run(tf, "no:0"),
    "fetch operation name": lambda tf: run(tf, "no"),
    "empty graph": lambda tf: run(tf, []),
    "closed session": closed_session,
    "gather beyond": lambda tf: fed(tf, "int32", [], 5, lambda i: tf.gather([1.0, 2.0], i)),
    "gather negative": lambda tf: fed(tf, "int32", [], -1, lambda i: tf.gather([1.0, 2.0], i)),
    "gather nd beyond": lambda tf: fed(tf, "int32", [1], [7], lambda i: tf.gather_nd([1.0], i)),
    "scatter nd beyond": lambda tf: fed(
        tf, "int32", [1, 1], [[7]], lambda i: tf.scatter_nd(i, [1.0], [3])
    ),
    "reshape": lambda tf: fed(tf, "int32", [2], [4, 2], lambda s: tf.reshape(tf.zeros([6]), s)),
    "reshape negative": lambda tf: fed(
        tf, "int32", [2], [-2, 3], lambda s: tf.reshape(tf.zeros([6]), s)
    ),
    "matmul": lambda tf: fed(
        tf, "float32", [None, None], np.zeros((2, 3)), lambda x: tf.matmul(x, x)
    ),
    "add": lambda tf: fed(tf, "float32", [None], np.zeros(2), lambda x: x + tf.zeros([3])),
    "concat": lambda tf: fed(
        tf, "float32", [None, None], np.zeros((2, 3)), lambda x: tf.concat([x, tf.ones([1, 2])], 0)
    ),
    "stack": lambda tf: fed(
        tf, "float32", [None], np.zeros(2), lambda x: tf.stack([x, tf.zeros([3])])
    ),
    "split": lambda tf: fed(tf, "float32", [None], np.zeros(5), lambda x: tf.split(x, 2)),
    "squeeze": lambda tf: fed(tf, "float32", [None], np.zeros(5), lambda x: tf.squeeze(x, [0])),
    "slice": lambda tf: fed(tf, "int32", [1], [9], lambda n: tf.slice(tf.zeros([3]), [1], n)),
    "index": lambda tf: fed(tf, "int32", [], 9, lambda n: tf.zeros([3])[n]),
    "reduce axis": lambda tf: fed(tf, "int32", [], 9, lambda n: tf.reduce_sum(tf.zeros([3]), n)),
    "argmax axis": lambda tf: fed(tf, "int32", [], 9, lambda n: tf.argmax(tf.zeros([3]), n)),
    "argmax nothing": lambda tf: fed(tf, "float32", [None], np.zeros(0), lambda x: tf.argmax(x, 0)),
    "transpose": lambda tf: fed(
        tf, "int32", [2], [0, 5], lambda p: tf.transpose(tf.zeros([2, 3]), p)
    ),
    "expand": lambda tf: fed(tf, "int32", [], 9, lambda n: tf.expand_dims(tf.zeros([3]), n)),
    "fill": lambda tf: fed(tf, "int32", [1], [-3], lambda s: tf.fill(s, 1.0)),
    "tile": lambda tf: fed(tf, "int32", [1], [-3], lambda s: tf.tile(tf.zeros([2]), s)),
    "pad": lambda tf: fed(tf, "int32", [1, 2], [[-1, 0]], lambda s: tf.pad(tf.zeros([2]), s)),
    "range": lambda tf: fed(tf, "int32", [], 0, lambda n: tf.range(0, 3, n)),
    "divide": lambda tf: fed(tf, "int32", [], 0, lambda n: tf.constant(3) // n),
    "modulo": lambda tf: fed(tf, "int32", [], 0, lambda n: tf.constant(3) % n),
    "truncate": lambda tf: fed(tf, "int32", [], 0, lambda n: tf.truncatediv(tf.constant(3), n)),
    "power": lambda tf: fed(tf, "int32", [], -1, lambda n: tf.pow(tf.constant(3), n)),
    "one hot": lambda tf: fed(tf, "int32", [], -1, lambda n: tf.one_hot([0, 1], n)),
    "entropy label": lambda tf: fed(
        tf,
        "int32",
        [1],
        [7],
        lambda n: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=n, logits=tf.zeros([1, 3])),
    ),
    "entropy sizes": lambda tf: fed(
        tf,
        "int32",
        [None],
        [0, 1],
        lambda n: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=n, logits=tf.zeros([1, 3])),
    ),
    "segments": lambda tf: fed(
        tf, "int32", [2], [0, 9], lambda n: tf.unsorted_segment_sum(tf.ones([2]), n, 3)
    ),
    "assert": lambda tf: fed(tf, "bool", [], False, lambda c: tf.Assert(c, ["no"])),
    "assert equal": lambda tf: fed(
        tf, "int32", [], 3, lambda n: tf.identity(with_control(tf, tf.assert_equal(n, 4), n))
    ),
    "numerics": lambda tf: fed(tf, "float32", [], np.nan, lambda x: tf.check_numerics(x, "no")),
    "broadcast": lambda tf: fed(tf, "int32", [1], [2], lambda s: tf.broadcast_to(tf.zeros([3]), s)),
    "invert permutation": lambda tf: fed(tf, "int32", [2], [0, 0], tf.invert_permutation),
    "multinomial": lambda tf: fed(
        tf, "int32", [], -1, lambda n: tf.random.multinomial(tf.zeros([1, 2]), n)
    ),
    "uniform ints": lambda tf: fed(
        tf, "int32", [], 0, lambda n: tf.random_uniform([2], 5, n, tf.int32)
    ),
    "random shape": lambda tf: fed(tf, "int32", [1], [-1], tf.random_normal),
    "eval without session": lambda tf: tf.constant(1.0).eval(),
    "py_func": lambda tf: run(tf, shaped(tf.py_func(fails, [1.0], tf.float32))),
    "py_func dtype": lambda tf: run(tf, shaped(tf.py_func(lambda x: "a", [1.0], tf.float32))),
    "assign shape": lambda tf: fed(tf, "float32", [None], np.zeros(3), lambda x: assigned(tf, x)),
    "scatter beyond": lambda tf: scatter_beyond(tf),
}
"""Mistakes that running finds."""


def with_control(tf: Any, first: Any, x: Any) -> Any:
    with tf.control_dependencies([first]):
        return tf.identity(x)


def shaped(x: Any) -> Any:
    x.set_shape([])
    return x


def fails(x: Any) -> Any:
    raise KeyError("no")


def scatter_beyond(tf: Any) -> Any:
    variable = tf.Variable([1.0, 2.0], use_resource=False)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tf.scatter_add(variable, [5], [1.0]))
