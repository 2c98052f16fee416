"""Transfer: `Rebuild` for passes that make new operations, which may ask for sizes.

Sizes known only in mid-run are symbols that belong to a tensor's elements. A copy of the tensor
must keep its symbols, and symbols that new operations asked for must join the function's `sizes`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from graphc.ir.dims import Symbol
from graphc.ir.function import Function, Rebuild
from graphc.ir.graph import Operation, Tensor


class Transfer(Rebuild):
    """A `Rebuild` that carries mid-run sizes over."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._before = len(self.function.environment.dynamic)
        self._sizes: dict[Operation, list[tuple[Symbol, Tensor, int]]] = {}
        for name, tensor, element in self.function.sizes:
            self._sizes.setdefault(tensor.op, []).append((name, tensor, element))

    def copy(self, op: Operation, inputs: Sequence[Tensor] | None = None) -> Operation:
        new = super().copy(op, inputs)
        if self._sizes and op in self._sizes:
            self._keep(op)
        return new

    def replace(self, op: Operation, outputs: Sequence[Tensor]) -> None:
        super().replace(op, outputs)
        if op in self._sizes:
            self._keep(op)

    def adopt(self, op: Operation, new: Operation) -> None:
        """Let an operation of the new body stand for one of whose results some are gone."""
        self.operations[op] = new
        if op in self._sizes:
            self._keep(op)

    def _keep(self, op: Operation) -> None:
        for name, tensor, element in self._sizes[op]:
            self.function.environment.keep_dynamic(name, self.tensors[tensor], element)

    def finish(self) -> Function:
        function = super().finish()
        dynamic = function.environment.dynamic
        if len(dynamic) == self._before:
            return function
        added = tuple(
            (name, tensor, element)
            for name, (tensor, element) in dynamic.items()
            if tensor.op.graph is self.body
        )
        known = {name for name, _, _ in function.sizes}
        fresh = tuple(size for size in added if size[0] not in known)
        return dataclasses.replace(function, sizes=(*function.sizes, *fresh))
