"""Dead code: keep what results, updates, mid-run sizes and effects need."""

from __future__ import annotations

from typing import ClassVar

from graphc.ir.function import Function, Rebuild, pruned
from graphc.ir.records import record


@record
class DeadCode:
    """Drop operations that nothing needs. Parameters stay: they are the signature."""

    name: ClassVar[str] = "dce"

    def run(self, function: Function) -> Function:
        kept = pruned(function)
        if len(kept) == len(function.operations):
            return function
        rebuild = Rebuild(function)
        for op in kept:
            rebuild.copy(op)
        return rebuild.finish()
