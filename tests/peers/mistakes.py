"""Programs with one mistake each, that take the module to run on: TensorFlow itself, or graphc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Mistake = Callable[[Any], Any]


def two_graphs(tf: Any) -> Any:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
    with tf.Graph().as_default():
        return x + tf.constant(2.0)


def finalized(tf: Any) -> Any:
    graph = tf.Graph()
    graph.finalize()
    with graph.as_default():
        return tf.constant(1.0)


def reused(tf: Any) -> Any:
    tf.get_variable("v", [2])
    return tf.get_variable("v", [2])


def reused_shape(tf: Any) -> Any:
    with tf.variable_scope("s"):
        tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=True):
        return tf.get_variable("v", [3])


def absent(tf: Any) -> Any:
    with tf.variable_scope("s", reuse=True):
        return tf.get_variable("w", [3])


def assigned(tf: Any, value: Any) -> Any:
    return tf.assign(tf.Variable([1.0, 2.0], use_resource=False), value)


def zeros(tf: Any, *shape: int) -> Any:
    return tf.zeros(shape)


AT_BUILD: dict[str, Mistake] = {
    "matmul inner": lambda tf: tf.matmul(zeros(tf, 2, 3), zeros(tf, 2, 3)),
    "matmul rank": lambda tf: tf.matmul(zeros(tf, 2), zeros(tf, 2)),
    "matmul dtypes": lambda tf: tf.matmul(zeros(tf, 2, 2), tf.ones([2, 2], tf.float64)),
    "matmul bool": lambda tf: tf.matmul(tf.ones([2, 2], tf.bool), tf.ones([2, 2], tf.bool)),
    "add shapes": lambda tf: tf.add(zeros(tf, 2), zeros(tf, 3)),
    "add list": lambda tf: tf.add(zeros(tf, 2), ["a", "b"]),
    "mul dtypes": lambda tf: tf.multiply(tf.constant(1.0), tf.constant(1.0, tf.float64)),
    "bool sum": lambda tf: tf.reduce_sum(tf.constant([True])),
    "int sqrt": lambda tf: tf.sqrt(tf.constant(4)),
    "int exp": lambda tf: tf.exp(tf.constant(4)),
    "float and": lambda tf: tf.logical_and(tf.constant(1.0), tf.constant(2.0)),
    "reduce axis": lambda tf: tf.reduce_sum(zeros(tf, 2, 3), 2),
    "reduce twice": lambda tf: tf.reduce_sum(zeros(tf, 2, 3), [0, 0]),
    "argmax axis": lambda tf: tf.argmax(zeros(tf, 2, 3), 5),
    "reshape size": lambda tf: tf.reshape(zeros(tf, 6), [4, 2]),
    "reshape two unknown": lambda tf: tf.reshape(zeros(tf, 6), [-1, -1]),
    "reshape floats": lambda tf: tf.reshape(zeros(tf, 6), [2.0, 3.0]),
    "reshape divides": lambda tf: tf.reshape(zeros(tf, 6), [-1, 4]),
    "concat ranks": lambda tf: tf.concat([zeros(tf, 2), zeros(tf, 2, 2)], 0),
    "concat sizes": lambda tf: tf.concat([zeros(tf, 2, 2), zeros(tf, 2, 3)], 0),
    "concat axis": lambda tf: tf.concat([zeros(tf, 2), zeros(tf, 2)], 1),
    "concat dtypes": lambda tf: tf.concat([zeros(tf, 2), tf.constant([1])], 0),
    "concat scalars": lambda tf: tf.concat([tf.constant(1.0), tf.constant(1.0)], 0),
    "stack shapes": lambda tf: tf.stack([zeros(tf, 2), zeros(tf, 3)]),
    "stack axis": lambda tf: tf.stack([zeros(tf, 2), zeros(tf, 2)], axis=3),
    "unstack unknown": lambda tf: tf.unstack(tf.placeholder(tf.float32, [None])),
    "unstack number": lambda tf: tf.unstack(zeros(tf, 3), num=2),
    "iterate unknown": lambda tf: list(tf.placeholder(tf.float32, [None])),
    "iterate scalar": lambda tf: list(tf.constant(1.0)),
    "split uneven": lambda tf: tf.split(zeros(tf, 5), 2),
    "split sizes": lambda tf: tf.split(zeros(tf, 5), [2, 2]),
    "transpose perm": lambda tf: tf.transpose(zeros(tf, 2, 3), [0, 0]),
    "transpose length": lambda tf: tf.transpose(zeros(tf, 2, 3), [0]),
    "squeeze": lambda tf: tf.squeeze(zeros(tf, 2, 3), [0]),
    "expand axis": lambda tf: tf.expand_dims(zeros(tf, 2), 3),
    "tile length": lambda tf: tf.tile(zeros(tf, 2, 2), [2]),
    "pad shape": lambda tf: tf.pad(zeros(tf, 2, 2), [[1, 1]]),
    "pad mode": lambda tf: tf.pad(zeros(tf, 2), [[1, 1]], mode="NONE"),
    "pad negative": lambda tf: tf.pad(zeros(tf, 2), [[-1, 1]]),
    "slice beyond": lambda tf: tf.slice(zeros(tf, 3), [1], [5]),
    "index beyond": lambda tf: zeros(tf, 3)[5],
    "index many": lambda tf: zeros(tf, 3)[0, 0],
    "index float": lambda tf: zeros(tf, 3)[1.5],
    "index step": lambda tf: zeros(tf, 3)[::0],
    "gather floats": lambda tf: tf.gather(zeros(tf, 3), [0.0]),
    "gather scalar": lambda tf: tf.gather(tf.constant(1.0), [0]),
    "gather nd depth": lambda tf: tf.gather_nd(zeros(tf, 3), [[0, 0]]),
    "one hot axis": lambda tf: tf.one_hot([0, 1], 3, axis=5),
    "one hot floats": lambda tf: tf.one_hot([0.0, 1.0], 3),
    "fill negative": lambda tf: tf.fill([-1], 0.0),
    "range step": lambda tf: tf.range(0, 5, 0),
    "range direction": lambda tf: tf.range(5, 0, 1),
    "cast strings": lambda tf: tf.cast("a", tf.float32),
    "constant dtype": lambda tf: tf.constant("a", tf.float32),
    "constant ragged": lambda tf: tf.constant([[1.0], [1.0, 2.0]]),
    "constant shape": lambda tf: tf.constant([1.0, 2.0, 3.0], shape=[2]),
    "constant None": lambda tf: tf.constant(None),
    "constant huge": lambda tf: tf.constant(2**40, tf.int32),
    "constant fraction": lambda tf: tf.constant(1.5, tf.int32),
    "constant mixed": lambda tf: tf.constant([1, "a"]),
    "bool of tensor": lambda tf: bool(tf.constant(True)),
    "length": lambda tf: len(zeros(tf, 3)),
    "where shapes": lambda tf: tf.where(tf.constant([True, False]), zeros(tf, 3), zeros(tf, 3)),
    "where one branch": lambda tf: tf.where(tf.constant([True]), zeros(tf, 1)),
    "where condition": lambda tf: tf.where(tf.constant([1.0]), zeros(tf, 1), zeros(tf, 1)),
    "bias rank": lambda tf: tf.nn.bias_add(zeros(tf, 2), zeros(tf, 2)),
    "bias size": lambda tf: tf.nn.bias_add(zeros(tf, 2, 3), zeros(tf, 2)),
    "bias format": lambda tf: tf.nn.bias_add(zeros(tf, 2, 3), zeros(tf, 3), data_format="N"),
    "softmax axis": lambda tf: tf.nn.softmax(zeros(tf, 2, 3), axis=3),
    "sparse entropy swap": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=zeros(tf, 2), logits=zeros(tf, 2, 3)
    ),
    "sparse entropy positions": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.constant([0, 1]), zeros(tf, 2, 3)
    ),
    "sparse entropy rank": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.constant([[0], [1]]), logits=zeros(tf, 2, 3)
    ),
    "sparse entropy scalar": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.constant(0), logits=tf.constant(0.0)
    ),
    "entropy positions": lambda tf: tf.nn.softmax_cross_entropy_with_logits_v2(
        zeros(tf, 2, 3), zeros(tf, 2, 4)
    ),
    "sigmoid entropy shapes": lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(
        labels=zeros(tf, 2), logits=zeros(tf, 3)
    ),
    "dropout rate": lambda tf: tf.nn.dropout(zeros(tf, 3), rate=1.5),
    "dropout keep": lambda tf: tf.nn.dropout(zeros(tf, 3), keep_prob=0.0),
    "dropout ints": lambda tf: tf.nn.dropout(tf.constant([1]), keep_prob=0.5),
    "top k": lambda tf: tf.nn.in_top_k(zeros(tf, 2), tf.constant([0, 1]), 1),
    "gradient of ints": lambda tf: tf.gradients(tf.constant(1) * 2, [tf.constant(2)])[0].name,
    "grad ys length": lambda tf: tf.gradients([tf.constant(1.0)], [tf.constant(1.0)], [1.0, 2.0]),
    "two graphs": two_graphs,
    "finalized": finalized,
    "reused variable": reused,
    "reused with another shape": reused_shape,
    "absent variable": absent,
    "variable without value": lambda tf: tf.Variable(None),
    "variable of unknown shape": lambda tf: tf.get_variable("v"),
    "variable shape and tensor": lambda tf: tf.get_variable(
        "v", [2], initializer=tf.constant([1.0, 2.0])
    ),
    "assign shape": lambda tf: assigned(tf, [1.0, 2.0, 3.0]),
    "assign dtype": lambda tf: assigned(tf, tf.constant([1, 2])),
    "minimize nothing": lambda tf: tf.train.GradientDescentOptimizer(0.1).minimize(
        tf.constant(1.0)
    ),
    "minimize unconnected": lambda tf: tf.train.GradientDescentOptimizer(0.1).minimize(
        tf.constant(1.0), var_list=[tf.Variable(1.0)]
    ),
    "apply nothing": lambda tf: tf.train.AdamOptimizer().apply_gradients([]),
    "apply only None": lambda tf: tf.train.AdamOptimizer().apply_gradients(
        [(None, tf.Variable(1.0))]
    ),
    "name": lambda tf: tf.constant(1.0, name="a b"),
    "unknown tensor": lambda tf: tf.get_default_graph().get_tensor_by_name("no:0"),
    "tensor without number": lambda tf: tf.get_default_graph().get_tensor_by_name("no"),
    "unknown operation": lambda tf: tf.get_default_graph().get_operation_by_name("no"),
    "dtype name": lambda tf: tf.as_dtype("float33"),
    "shapes incompatible": lambda tf: tf.TensorShape([2]).assert_is_compatible_with([3]),
    "set shape": lambda tf: zeros(tf, 2).set_shape([3]),
    "placeholder without dtype": lambda tf: tf.placeholder(None),
    "control by number": lambda tf: tf.control_dependencies([1.0]).__enter__(),
    "group number": lambda tf: tf.group(1.0),
    "add_n nothing": lambda tf: tf.add_n([]),
    "add_n shapes": lambda tf: tf.add_n([zeros(tf, 2), zeros(tf, 3)]),
    "clip norm of nothing": lambda tf: tf.clip_by_global_norm(zeros(tf, 2), 1.0),
    "assert rank": lambda tf: tf.assert_rank(zeros(tf, 2), 3),
    "uniform ints": lambda tf: tf.random_uniform([2], dtype=tf.int32),
    "truncated ints": lambda tf: tf.truncated_normal([2], dtype=tf.int32),
    "broadcast": lambda tf: tf.broadcast_to(zeros(tf, 3), [2]),
    "tensordot": lambda tf: tf.tensordot(zeros(tf, 2, 3), zeros(tf, 2, 3), 1),
    "mod floats": lambda tf: tf.floormod(tf.constant(True), tf.constant(False)),
    "power of bool": lambda tf: tf.constant(True) ** 2,
    "negative bool": lambda tf: -tf.constant(True),
    "bool plus": lambda tf: tf.constant(True) + tf.constant(True),
    "linspace": lambda tf: tf.linspace(0, 1, 3),
    "sequence mask": lambda tf: tf.sequence_mask(tf.constant([1.0])),
    "eye": lambda tf: tf.eye(-1),
}
"""Mistakes that building the graph may find."""


def floats(tf: Any) -> Any:
    return tf.constant([1.0, 2.0])


def integers(tf: Any) -> Any:
    return tf.constant([1, 2])


def doubles(tf: Any) -> Any:
    return tf.constant([1.0, 2.0], tf.float64)


def descend(tf: Any, gradient: Any, variable: Any) -> Any:
    return tf.train.GradientDescentOptimizer(0.1).apply_gradients([(gradient, variable)])


OF_DTYPE: dict[str, Mistake] = {
    "add": lambda tf: floats(tf) + integers(tf),
    "divide": lambda tf: floats(tf) / integers(tf),
    "floor": lambda tf: floats(tf) // doubles(tf),
    "power": lambda tf: floats(tf) ** integers(tf),
    "less": lambda tf: floats(tf) < integers(tf),
    "fraction": lambda tf: integers(tf) * 1.5,
    "text": lambda tf: floats(tf) + "a",
    "None": lambda tf: floats(tf) + None,
    "object": lambda tf: floats(tf) + object(),
    "array": lambda tf: floats(tf) + np.array([1.0, 2.0]),
    "maximum": lambda tf: tf.maximum(floats(tf), doubles(tf)),
    "stack": lambda tf: tf.stack([floats(tf), integers(tf)]),
    "add_n": lambda tf: tf.add_n([floats(tf), integers(tf)]),
    "where": lambda tf: tf.where(tf.constant([True, False]), floats(tf), integers(tf)),
    "pad": lambda tf: tf.pad(floats(tf), [[1, 1]], constant_values=tf.constant(1)),
    "clip": lambda tf: tf.clip_by_value(floats(tf), tf.constant(0), tf.constant(1)),
    "bias": lambda tf: tf.nn.bias_add(tf.zeros([2, 2]), doubles(tf)),
    "entropy": lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(
        labels=integers(tf), logits=floats(tf)
    ),
    "assign": lambda tf: assigned(tf, doubles(tf)),
    "one hot": lambda tf: tf.one_hot([0], 2, on_value=1.0, off_value=tf.constant(0)),
    "gather": lambda tf: tf.gather(floats(tf), tf.constant([True])),
    "fill": lambda tf: tf.fill([2.0], 1.0),
    "axis": lambda tf: tf.reduce_sum(floats(tf), 0.0),
    "relu": lambda tf: tf.nn.relu(tf.constant([True])),
    "softmax": lambda tf: tf.nn.softmax(integers(tf)),
    "log": lambda tf: tf.log(integers(tf)),
    "mean": lambda tf: tf.reduce_mean(tf.constant([True])),
    "any": lambda tf: tf.reduce_any(floats(tf)),
    "is_nan": lambda tf: tf.is_nan(integers(tf)),
    "check_numerics": lambda tf: tf.check_numerics(integers(tf), "no"),
    "convert": lambda tf: tf.convert_to_tensor(floats(tf), tf.int32),
    "convert None": lambda tf: tf.convert_to_tensor(None),
    "convert object": lambda tf: tf.convert_to_tensor(object()),
    "list with None": lambda tf: tf.constant([1.0, None]),
    "variable": lambda tf: tf.Variable([1.5], dtype=tf.int32),
    "placeholder": lambda tf: tf.placeholder("nothing"),
    "cast": lambda tf: tf.cast(floats(tf), None),
    "minimize": lambda tf: tf.train.GradientDescentOptimizer(0.1).minimize(tf.Variable(1)),
    "gradient": lambda tf: descend(tf, doubles(tf), tf.Variable([1.0, 2.0])),
    "gradient shape": lambda tf: descend(tf, zeros(tf, 3), tf.Variable([1.0, 2.0])),
    "bool gradient": lambda tf: tf.gradients(floats(tf) > 1.0, [floats(tf)])[0].name,
    "argmax": lambda tf: tf.argmax(floats(tf), output_type=tf.float32),
    "reshape": lambda tf: tf.reshape(floats(tf), None),
}
"""Values of the wrong dtype, or none."""
