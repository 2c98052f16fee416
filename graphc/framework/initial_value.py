"""Initial values that read other variables: made safe against the order of initializers.

`v2 = tf.Variable(v1 * 2)` must work although one run initializes both. As TF1 does, the operations
between the variables and the initial value are copied, reading each variable's initial value
instead, unless the session has a value of it already (attribute `_unless_initialized`, which
`graphc.session` looks for).
"""

from __future__ import annotations

from graphc.framework.graph import Graph
from graphc.ir.graph import Operation, Tensor


def guarded(graph: Graph, name: str, initial: Tensor) -> Tensor:
    """The initial value of variable `name` with variables replaced by their initialized values."""
    reads = _reading(initial.op)
    if not reads:
        return initial
    copies: dict[Tensor, Tensor] = {}
    for op in sorted(reads, key=lambda op: op.number):
        if op.type == "VariableV2":
            variable = graph.variables.get(op.name)
            if variable is None:
                return initial
            copies[op.outputs[0]] = variable.initialized_value()
            continue
        inputs = [copies.get(t, t) for t in op.inputs]
        attrs = {key: value for key, value in op.attrs.items() if key != "_alias"}
        copy = graph.create(op.type, inputs, attrs, f"{op.name.replace('/', '_')}_{_last(name)}")
        copies.update(zip(op.outputs, copy.outputs, strict=True))
    return copies[initial]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _reading(end: Operation) -> set[Operation]:
    """The operations between variables and `end`; empty if one of them changes state."""
    ancestors = {end}
    pending = [end]
    while pending:
        for tensor in pending.pop().inputs:
            if tensor.op not in ancestors:
                ancestors.add(tensor.op)
                pending.append(tensor.op)
    found: set[Operation] = set()
    for op in sorted(ancestors, key=lambda op: op.number):
        if op.type == "VariableV2" or any(t.op in found for t in op.inputs):
            if op.definition.effect != "pure" and op.type != "VariableV2":
                return set()
            found.add(op)
    return found if end in found else set()
