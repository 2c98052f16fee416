"""Shapes: integer tensors whose value is known symbolically become data; computing them dies.

After this `tf.stack([tf.shape(x)[0], -1])` is one `DimValues`, or `Const` where all sizes are
numbers.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.ir.dims import Unknown
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record

_SOURCES = frozenset({"Const", "DimValues", "Parameter"})


@record
class Shapes:
    """Replace operations by their symbolic values."""

    name: ClassVar[str] = "shapes"

    def run(self, function: Function) -> Function:
        known: dict[Operation, list[np.ndarray]] = {}
        for op in function.operations:
            if op.definition.value is not None and op.type not in _SOURCES:
                values = _values(op)
                if values is not None:
                    known[op] = values
        if not known:
            return function
        rebuild = Transfer(function)
        for op in function.operations:
            if op not in known:
                rebuild.copy(op)
                continue
            with rebuild.body.provenance(op), rebuild.body.role(op.role):
                outputs = [
                    _materialize(rebuild, tensor, value)
                    for tensor, value in zip(op.outputs, known[op], strict=True)
                ]
            for tensor in outputs:
                tensor.op.name = op.name
            rebuild.replace(op, outputs)
        return rebuild.finish()


def _values(op: Operation) -> list[np.ndarray] | None:
    """The values of all outputs where every element is a number that fits, or a size."""
    for tensor in op.outputs:
        if not tensor.type.dtype.is_integer:
            return None
    if op.definition.effect != "pure":
        return None
    values = []
    for tensor in op.outputs:
        value = op.graph.value_of(tensor)
        if value is None or not tensor.type.is_static:
            return None
        value = np.asarray(value, dtype=object)
        if value.shape != tensor.type.shape or not all(_is_known(tensor, v) for v in value.flat):
            return None
        values.append(value)
    return values


def _is_known(tensor: Tensor, element: Any) -> bool:
    if isinstance(element, Unknown):
        return False
    if isinstance(element, (int, np.integer)):
        return bool(tensor.dtype.min <= element <= tensor.dtype.max)
    return True


def _materialize(rebuild: Transfer, tensor: Tensor, value: np.ndarray) -> Tensor:
    elements = [int(v) if isinstance(v, (int, np.integer)) else v for v in value.ravel().tolist()]
    if all(isinstance(v, int) for v in elements):
        return rebuild.body.constant(np.array(elements, tensor.dtype.numpy).reshape(value.shape))
    attrs = {"dims": tuple(elements), "dtype": tensor.dtype, "shape": tensor.type.shape}
    return rebuild.body.create("DimValues", (), attrs).outputs[0]
