"""The verifier: the invariants of functions that every pass may rely on and must keep."""

from __future__ import annotations

from typing import NoReturn

from graphc.ir.dims import symbols
from graphc.ir.dtypes import DType
from graphc.ir.errors import InternalError, OpError
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor, TypeContext, infer
from graphc.ir.nested import nested_functions

# Types are inferred again for at most this many operations, evenly spread.
_MOST_INFERRED = 2000


def verify(function: Function, when: str = "", infer_types: bool = True) -> None:
    """Check a function.

    Every operation is of the body and comes after its inputs and control inputs; numbers are
    positions; arity, attributes and dtypes are what the definitions say; types are concrete;
    results, updates, effects and sizes are of the body; symbols have hints; parameters are the
    "Parameter" operations. `infer_types`: run type rules again (on a sample of large functions).

    Raises:
        InternalError: an invariant is broken; it names the operation, and `when`.
    """
    _Verifier(function, when, infer_types).run()


class _Verifier:
    def __init__(self, function: Function, when: str, infer_types: bool) -> None:
        self.function = function
        self.infer_types = infer_types
        self.when = f" {when}" if when else ""
        self.seen: set[Operation] = set()
        self.types_seen: set[object] = set()

    def fail(self, op: Operation | None, message: str) -> NoReturn:
        raise InternalError(None, op, f"{self.function.name} is broken{self.when}: {message}")

    def run(self) -> None:
        operations = self.function.operations
        stride = max(1, -(-len(operations) // _MOST_INFERRED))
        for number, op in enumerate(operations):
            self._check(op, number)
            if self.infer_types and number % stride == 0:
                self._check_dtypes(op)
        self._check_ends()

    def _check(self, op: Operation, number: int) -> None:
        seen = self.seen
        if op.graph is not self.function.body:
            self.fail(op, f"{op.name} belongs to another graph")
        if op.number != number:
            self.fail(op, f"{op.name} has number {op.number} at position {number}")
        for tensor in op.inputs:
            if tensor.op not in seen:
                self.fail(op, f"{op.name} reads {tensor.name}, which is not computed before it")
            if tensor.op.outputs[tensor.index] is not tensor:
                self.fail(op, f"{op.name} reads {tensor.name}, which is no output of its operation")
        for control in op.control_inputs:
            if control not in seen:
                self.fail(op, f"{op.name} comes before its control input {control.name}")
        least = len(op.definition.inputs) - op.definition.variadic
        count = len(op.inputs)
        if count < least or (count > least and not op.definition.variadic):
            self.fail(op, f"{op.name} has {count} inputs, {op.type} takes {op.definition.inputs}")
        for name in op.definition.attrs:
            if name not in op.attrs:
                self.fail(op, f"{op.name} lacks the attribute {name}")
        for tensor in op.outputs:
            if tensor.type not in self.types_seen:
                self._check_type(tensor)
                self.types_seen.add(tensor.type)
        if op in seen:
            self.fail(op, f"{op.name} is there twice")
        if op.definition.effect == "nested":
            self._check_nested(op)
        seen.add(op)

    def _check_nested(self, op: Operation) -> None:
        """Hold nested functions to the invariants, and to what the operation hands in and out."""
        names = op.attrs["names"]
        if len(names) != len(op.inputs) or len(set(names)) != len(names):
            self.fail(op, f"{op.name} has {len(op.inputs)} inputs, named {names}")
        kinds = dict(zip(names, (t.dtype for t in op.inputs), strict=True))
        for word, function in nested_functions(op).items():
            verify(function, f"{self.when} in {op.name}".strip(), self.infer_types)
            for p in function.parameters:
                if kinds.get(p.name) is not p.tensor.dtype:
                    self.fail(op, f"{word} of {op.name} takes {p.name}, which is not handed in")
            carried = [name for name, _ in function.updates]
            if carried and carried != list(names[: len(carried)]):
                self.fail(op, f"{word} of {op.name} gives the carries {carried}")

    def _check_type(self, tensor: Tensor) -> None:
        if not tensor.type.is_concrete:
            self.fail(tensor.op, f"{tensor.name} has type {tensor.type}, which is not concrete")
        hints = self.function.environment.hints
        for dim in tensor.type.dims:
            if isinstance(dim, int) and dim < 0:
                self.fail(tensor.op, f"{tensor.name} has a negative size: {tensor.type}")
            for name in symbols(dim):
                if name not in hints:
                    self.fail(tensor.op, f"{tensor.name} has the size {dim}, {name} has no hint")

    def _check_dtypes(self, op: Operation) -> None:
        """Infer again: dtypes and ranks must be those the operation has."""
        environment = self.function.environment
        if environment.dynamic:
            return  # asking for sizes would make new mid-run symbols
        context = TypeContext(op.definition, op.inputs, op.attrs, environment, op.graph.value_of)
        try:
            types = infer(op.definition, context)
        except (OpError, ValueError, TypeError) as error:
            self.fail(op, f"the type rule refuses {op.name}: {error}")
        given = [(t.dtype, t.type.rank) for t in op.outputs]
        wanted: list[tuple[DType, int | None]] = [(t.dtype, t.rank) for t in types]
        if given != wanted:
            self.fail(op, f"{op.name} has types {[str(t.type) for t in op.outputs]}, "
                          f"its rule says {[str(t) for t in types]}")  # fmt: skip

    def _check_ends(self) -> None:
        function = self.function
        for tensor in function.live:
            if tensor.op not in self.seen:
                self.fail(tensor.op, f"{tensor.name} is wanted but not computed")
        for op in function.effects:
            if op not in self.seen:
                self.fail(op, f"the effect {op.name} is not in the body")
        declared = [p.tensor.op for p in function.parameters]
        for op in declared:
            if op.type != "Parameter" or op not in self.seen:
                self.fail(op, f"the parameter {op.name} is not in the body")
        if len(set(declared)) != len(declared):
            self.fail(None, "a parameter is declared twice")
        known = set(declared)
        for op in function.operations:
            if op.type == "Parameter" and op not in known:
                self.fail(op, f"{op.name} is no parameter of the function")
        names = [name for name, _ in function.updates]
        if len(set(names)) != len(names):
            self.fail(None, f"a variable is updated twice: {names}")
