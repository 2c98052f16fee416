"""Resolving tensor arrays whose element shape is not known: settled by the first write.

Until then an array is *open*: typed [size, 0]. Writing to it first makes zeros of the right shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.ir import dtypes
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Operation, Tensor
from graphc.ir.ops.positions import dim_values
from graphc.ir.ops.tensor_array import settled_element

# The input that is written, and its leading dimensions that are no part of an element.
_WRITES = {"TensorArrayWrite": (2, 0), "TensorArrayScatter": (2, 1)}
# These do not look at elements.
_BLIND = frozenset({"Shape", "Size", "TensorArrayGrow", "BodyArgument"})


def is_open(tensor: Tensor) -> bool:
    """Whether a tensor of a function is an array of which no element shape is known yet."""
    while tensor.op.type == "TensorArrayGrow":
        tensor = tensor.op.inputs[0]
    attrs = tensor.op.attrs
    if tensor.op.type == "Parameter":
        return bool(attrs.get("_open"))
    return tensor.op.type == "EmptyArray" and settled_element(attrs) is None


def settle(tensor: Tensor, element: Sequence[Any]) -> Tensor:
    """The open array with elements of this shape: zeros."""
    graph = tensor.op.graph
    size = dim_values(graph, tensor.type.dims[:1], (), dtypes.int64)
    attrs = {"dtype": tensor.dtype, "element": tuple(element)}
    return graph.create("EmptyArray", (size,), attrs, source=tensor.op.source).outputs[0]


def settled_inputs(op: Operation, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The inputs of an operation, with an open array that it writes to settled.

    Raises:
        InvalidArgumentError: it reads elements of an open array.
    """
    if not any(map(is_open, inputs)):
        return inputs
    if op.type in _BLIND:
        return inputs
    if op.type not in _WRITES:
        raise InvalidArgumentError(
            None, op,
            "the element shape of this TensorArray is not known: nothing has been written to it; "
            "pass element_shape to tf.TensorArray",
        )  # fmt: skip
    number, lead = _WRITES[op.type]
    array = settle(inputs[0], inputs[number].type.dims[lead:])
    return (array, *inputs[1:])
