"""Split folds: a fold of a large tensor to one element becomes a fold of rows and one of the rows'
results.

Rows are independent, so targets can share them out; one long fold they cannot. The rows depend on
the tensor's shape alone: results are the same for any number of threads. A dimension is cut only
where the tensor lies in memory already, for no loop runs through such a reshape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from graphc.ir import dtypes
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record

FOLDS = frozenset(("Sum", "Prod", "Max", "Min", "Any", "All"))
_FEWEST, _MOST = 16, 64  # rows to cut a long dimension into
_SHORTEST = 512  # elements of a row


@record
class SplitFolds:
    """Fold tensors of at least `elements` elements in two steps, where their sizes are known."""

    name: ClassVar[str] = "split-folds"
    elements: int = 1 << 19

    def run(self, function: Function) -> Function:
        if not any(self._cut(op) for op in function.operations):
            return function
        rebuild = Transfer(function)
        for op in function.operations:
            cut = self._cut(op)
            if cut is None:
                rebuild.copy(op)
            else:
                rebuild.replace(op, [_split(rebuild, op, *cut)])
        return rebuild.finish()

    def _cut(self, op: Operation) -> tuple[tuple[int, ...], int] | None:
        """The shape to fold in two steps and its leading dimensions, the rows; None: leave it."""
        if op.definition.name not in FOLDS or op.control_inputs:
            return None
        shape, result = op.inputs[0].type.dims, op.outputs[0].type.dims
        if not all(isinstance(d, int) for d in shape) or any(d != 1 for d in result):
            return None
        if math.prod(shape) < self.elements:
            return None
        return rows(shape, op.inputs[0].op.definition.name == "Parameter")


def rows(shape: Sequence[int], cuts: bool) -> tuple[tuple[int, ...], int] | None:
    """How to divide a tensor into rows: its shape, where one dimension may have been cut in two if
    `cuts`, and how many dimensions lead; None if its sizes do not allow it.

    >>> rows((4096, 1024), True)
    ((64, 64, 1024), 1)
    """
    count = 1
    for place, size in enumerate(shape):
        if count * size <= _MOST:
            count *= size
            continue
        if count >= _FEWEST:
            return _long_enough(tuple(shape), place)
        for part in range(_MOST // count if cuts else 1, 1, -1):
            if size % part == 0 and count * part >= _FEWEST:
                cut = (*shape[:place], part, size // part, *shape[place + 1 :])
                return _long_enough(cut, place + 1)
        count *= size
        if count >= _FEWEST:
            return _long_enough(tuple(shape), place + 1)
    return None


def _long_enough(shape: tuple[int, ...], leading: int) -> tuple[tuple[int, ...], int] | None:
    return (shape, leading) if math.prod(shape[leading:]) >= _SHORTEST else None


def _split(rebuild: Transfer, op: Operation, shape: tuple[int, ...], leading: int) -> Tensor:
    """The two folds, with the name, source and role of the one that they replace."""
    body, kind = rebuild.body, op.definition.name
    x, old = rebuild.inputs(op)[0], op.inputs[0].type.dims

    def axes(first: int, last: int) -> Tensor:
        return body.constant(list(range(first, last)), dtypes.int32)

    with body.provenance(op), body.role(op.role):
        if shape != tuple(old):
            x = body.op("Reshape", x, body.constant(list(shape), dtypes.int32))
        partial = body.op(kind, x, axes(leading, len(shape)), keep_dims=False)
        result: Tensor = body.op(kind, partial, axes(0, leading), keep_dims=False)
        kept = op.outputs[0].type.dims
        if kept:
            result = body.op("Reshape", result, body.constant([1] * len(kept), dtypes.int32))
    return result
