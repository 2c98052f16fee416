"""ONNX Runtime: one small ONNX model for each formula, and the network for inference."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from graphc.bench.mlp import batch_of, first_weights
from graphc.bench.networks import networks
from graphc.bench.workload import (
    Array,
    Formula,
    Inference,
    Inputs,
    Missing,
    Model,
    NetworkInference,
    OnnxNodes,
    Prepared,
    Workload,
)

OPSET, FORMAT = 17, 8


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready; `InferenceSession.run` takes and returns arrays."""
    match workload.task:
        case Formula(onnx=nodes) if nodes is not None:
            return _prepared(nodes, inputs, {}, threads)
        case Inference(model):
            nodes, constants = _network(model)
            return _prepared(nodes, batch_of(model)[:1], constants, threads)
        case NetworkInference(name, size):
            network = networks()[name]
            if network.onnx is None:
                raise Missing("no form in ONNX")
            nodes, constants = network.onnx(network.weights())
            return _prepared(nodes, network.batch(size)[:1], constants, threads)
        case _:
            raise Missing("no form in ONNX")


def _prepared(
    nodes: OnnxNodes, inputs: Inputs, constants: dict[str, Array], threads: int
) -> Prepared:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        _model(nodes, inputs, constants), options, providers=["CPUExecutionProvider"]
    )
    feeds = {f"x{i}": array for i, array in enumerate(inputs)}
    run = partial(session.run, None)
    return Prepared(run, (feeds,), lambda: list(run(feeds)))


def _model(nodes: OnnxNodes, inputs: Inputs, constants: dict[str, Array]) -> bytes:
    constants = dict(constants)
    made = []
    for kind, operands, output, attributes in nodes:
        names = []
        for operand in operands:
            if not isinstance(operand, str):
                constants[f"constant_{operand}"] = np.asarray(operand, np.float32)
                operand = f"constant_{operand}"
            names.append(operand)
        made.append(helper.make_node(kind, names, [output], **attributes))
    graph = helper.make_graph(
        made,
        "workload",
        [_value(f"x{i}", array.shape) for i, array in enumerate(inputs)],
        # Its shape is inferred.
        [helper.make_empty_tensor_value_info(nodes[-1][2])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = FORMAT
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _value(name: str, shape: tuple[int, ...]) -> Any:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def _network(model: Model) -> tuple[OnnxNodes, dict[str, Array]]:
    nodes: list[tuple[str, tuple[str | float, ...], str, dict[str, Any]]] = []
    constants: dict[str, Array] = {}
    value = "x0"
    for number, (weights, bias) in enumerate(first_weights(model)):
        if number:
            nodes.append(("Relu", (value,), f"relu_{number}", {}))
            value = f"relu_{number}"
        constants |= {f"weights_{number}": weights, f"bias_{number}": bias}
        operands = (value, f"weights_{number}", f"bias_{number}")
        nodes.append(("Gemm", operands, f"layer_{number}", {}))
        value = f"layer_{number}"
    return tuple(nodes), constants
