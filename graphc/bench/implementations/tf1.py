"""Workloads as TensorFlow 1 programs: one code for graphc and for `tensorflow.compat.v1`."""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np

from graphc.bench.mlp import CHECKED_STEPS, batch_of, first_weights
from graphc.bench.networks import networks
from graphc.bench.workload import (
    Array,
    Formula,
    Inference,
    Inputs,
    Missing,
    Model,
    NetworkInference,
    NetworkTraining,
    Prepared,
    Program,
    Training,
    Unseen,
    Workload,
    as_arrays,
)


def prepare_tf1(tf: Any, workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Build the workload's graph in a session of `tf` that uses `threads` threads."""
    graph = tf.Graph()
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    with graph.as_default():
        session = tf.Session(graph=graph, config=config)
        match workload.task:
            case Formula() as formula:
                return _formula(tf, session, formula, inputs)
            case Unseen() as unseen:
                return _unseen(tf, session, unseen, inputs)
            case Training(model):
                return _training(tf, session, model)
            case Inference(model):
                return _inference(tf, session, model)
            case NetworkTraining(name, size, rate):
                return _network_training(tf, session, name, size, rate)
            case NetworkInference(name, size):
                return _network_inference(tf, session, name, size)
            case Program():
                raise Missing("programs run in processes of their own")
            case _ as never:
                assert_never(never)


def _formula(tf: Any, session: Any, formula: Formula, inputs: Inputs) -> Prepared:
    holders = [tf.placeholder(tf.as_dtype(array.dtype), array.shape) for array in inputs]
    results = formula.tf1(tf, *holders)
    if formula.by_session_run:
        feeds = dict(zip(holders, inputs, strict=True))
        return Prepared(
            session.run, (results, feeds), lambda: as_arrays(session.run(results, feeds))
        )
    call = session.make_callable(results, holders)
    return Prepared(call, inputs, lambda: as_arrays(call(*inputs)))


def _unseen(tf: Any, session: Any, unseen: Unseen, inputs: Inputs) -> Prepared:
    holders = [
        tf.placeholder(
            tf.as_dtype(array.dtype), (None, *array.shape[1:]) if i == 0 else array.shape
        )
        for i, array in enumerate(inputs)
    ]
    call = session.make_callable(unseen.formula.tf1(tf, *holders), holders)
    return Prepared(call, (), lambda: as_arrays(call(*inputs)))


def _network(tf: Any, model: Model) -> tuple[Any, Any, list[Any]]:
    """The placeholder of the inputs, the last layer, and the weight matrices."""
    x = tf.placeholder(tf.float32, [None, model.layers[0]])
    layer, matrices = x, []
    for number, (weights, bias) in enumerate(first_weights(model)):
        if number:
            layer = tf.nn.relu(layer)
        matrices.append(tf.Variable(weights))
        layer = tf.nn.bias_add(tf.matmul(layer, matrices[-1]), tf.Variable(bias))
    return x, layer, matrices


def _training(tf: Any, session: Any, model: Model) -> Prepared:
    x, output, matrices = _network(tf, model)
    if model.loss == "softmax":
        y = tf.placeholder(tf.int64, [None])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=output)
    else:
        y = tf.placeholder(tf.float32, [None, model.layers[-1]])
        losses = tf.square(output - y)
    loss = tf.reduce_mean(losses)
    if model.optimizer == "adam":
        optimizer = tf.train.AdamOptimizer(model.rate)
    else:
        optimizer = tf.train.GradientDescentOptimizer(model.rate)
    step = optimizer.minimize(loss)
    session.run(tf.global_variables_initializer())
    xs, ys = batch_of(model)
    fetches, feeds = [loss, step], {x: xs, y: ys}

    def outputs() -> list[Array]:
        seen = [session.run(fetches, feeds)[0] for _ in range(CHECKED_STEPS)]
        return [np.array(seen), session.run(matrices[-1])]

    return Prepared(session.run, (fetches, feeds), outputs)


def _inference(tf: Any, session: Any, model: Model) -> Prepared:
    x, output, _ = _network(tf, model)
    session.run(tf.global_variables_initializer())
    xs = batch_of(model)[0]
    call = session.make_callable(output, [x])
    return Prepared(call, (xs,), lambda: as_arrays(call(xs)))


# -- networks of `graphc.bench.networks`


def _logits(tf: Any, session: Any, name: str, size: int, dtype: Any) -> tuple[Any, Any, Any]:
    """(placeholder of the inputs, logits, what loads the first weights), in `dtype`."""
    network = networks()[name]
    weights, (xs, _) = network.weights(), network.batch(size)
    made = network.loads(weights) if network.loads is not None else {}
    loaded = [value for value in weights.values() if any(value is v for v in made.values())]
    x = tf.placeholder(dtype, [None, *xs.shape[1:]])
    variables = {
        key: tf.Variable(value.astype(dtype.as_numpy_dtype))
        for key, value in weights.items()
        if not any(value is other for other in loaded)
    }
    logits = network.tf1(tf, variables, x)
    loads = []
    for end, value in made.items():
        (variable,) = [v for v in tf.global_variables() if v.op.name.endswith(end)]
        loads.append(tf.assign(variable, value.astype(dtype.as_numpy_dtype)))
    return x, logits, loads


def _network_training(
    tf: Any, session: Any, name: str, size: int, rate: float, dtype: Any = None
) -> Prepared:
    dtype = dtype or tf.float32
    x, logits, loads = _logits(tf, session, name, size, dtype)
    y = tf.placeholder(tf.int64, [None])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(rate).minimize(loss)
    session.run(tf.global_variables_initializer())
    session.run(loads)
    xs, ys = networks()[name].batch(size)
    fetches, feeds = [loss, step], {x: xs.astype(dtype.as_numpy_dtype), y: ys}

    def outputs() -> list[Array]:
        return [np.array([session.run(fetches, feeds)[0] for _ in range(CHECKED_STEPS)])]

    return Prepared(session.run, (fetches, feeds), outputs)


def _network_inference(tf: Any, session: Any, name: str, size: int, dtype: Any = None) -> Prepared:
    dtype = dtype or tf.float32
    x, logits, loads = _logits(tf, session, name, size, dtype)
    session.run(tf.global_variables_initializer())
    session.run(loads)
    xs = networks()[name].batch(size)[0].astype(dtype.as_numpy_dtype)
    call = session.make_callable(logits, [x])
    return Prepared(call, (xs,), lambda: as_arrays(call(xs)))


def network_reference(tf: Any, task: NetworkTraining | NetworkInference) -> list[Array]:
    """The task's outputs in float64, by graphc's interpreter: the NumPy meaning of its program."""
    graph = tf.Graph()
    with graph.as_default(), tf.Session("numpy", graph=graph) as session:
        match task:
            case NetworkTraining(name, size, rate):
                prepared = _network_training(tf, session, name, size, rate, tf.float64)
            case NetworkInference(name, size):
                prepared = _network_inference(tf, session, name, size, tf.float64)
        return prepared.outputs()
