"""Fold: operations on constants are evaluated by their references.

Never anything random, stateful or on the host, and nothing whose result is large: a constant lives
in the compiled step, a computation only while it runs.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.errors import OpError
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.interpreter import run_operation
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record


@record
class Fold:
    """Evaluate pure operations whose inputs are all constants.

    Options: `largest`, the greatest number of elements of a result; `work`, that of all inputs.
    """

    name: ClassVar[str] = "fold"
    largest: int = 4096
    work: int = 1 << 20

    def run(self, function: Function) -> Function:
        constants: dict[Tensor, np.ndarray] = {}
        folded: set[Operation] = set()
        for op in function.operations:
            inputs = op.inputs
            if inputs and inputs[0] not in constants:
                continue
            if op.definition.name == "Const":
                constants[op.outputs[0]] = op.attrs["value"]
                continue
            if not all(t in constants for t in inputs) or not self._may_fold(op):
                continue
            results = self._evaluate(op, [constants[t] for t in inputs])
            if results is not None:
                constants.update(zip(op.outputs, results, strict=True))
                folded.add(op)
        return _apply(function, folded, constants) if folded else function

    def _may_fold(self, op: Operation) -> bool:
        definition = op.definition
        return (
            definition.effect == "pure"
            and definition.reference is not None
            and bool(op.outputs)
            and not op.control_inputs
            and all(t.type.is_static and t.type.size <= self.largest for t in op.outputs)
            and sum(t.type.size for t in op.inputs) <= self.work
            and not any(map(_holds_size, op.attrs.values()))
        )

    def _evaluate(self, op: Operation, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
        """The results, or None where the operation fails: then it must do so when it runs."""
        try:
            with np.errstate(all="ignore"):
                results = run_operation(op, arrays)
        except (OpError, ArithmeticError, ValueError, IndexError):
            return None
        for tensor, result in zip(op.outputs, results, strict=True):
            assert result.shape == tensor.type.shape, f"{op}: {result.shape} is not {tensor.type}"
            assert result.dtype == tensor.dtype.numpy, f"{op}: {result.dtype} is not {tensor.type}"
        return results


def _holds_size(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_holds_size, value))
    return isinstance(value, Dim)


def _apply(
    function: Function, folded: set[Operation], constants: dict[Tensor, np.ndarray]
) -> Function:
    rebuild = Transfer(function)
    for op in function.operations:
        if op not in folded:
            rebuild.copy(op)
            continue
        with rebuild.body.provenance(op), rebuild.body.role(op.role):
            outputs = [rebuild.body.constant(constants[t], t.dtype) for t in op.outputs]
        for tensor in outputs:
            tensor.op.name = op.name
        rebuild.replace(op, outputs)
    return rebuild.finish()
