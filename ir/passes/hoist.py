"""Hoist: what a loop computes anew in each iteration from what does not change moves out of it.

Only operations that cannot fail move, since a loop may do no iteration; and only where the result
takes work: constants, views and broadcasts of them are made where they are used.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from graphc.ir.function import Function, Parameter, Rebuild
from graphc.ir.graph import Operation, Tensor, definition
from graphc.ir.lowering import Contraction, Elementwise, Reduction
from graphc.ir.passes.inline_branches import may_fail
from graphc.ir.passes.outward import copy_outward, is_told, outer_sizes, writer
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record


@record
class Hoist:
    """Move invariant operations out of loops."""

    name: ClassVar[str] = "hoist"

    def run(self, function: Function) -> Function:
        found = {op: moved for op in function.operations
                 if op.type in ("While", "Scan") and (moved := _movable(op))}  # fmt: skip
        if not found:
            return function
        rebuild = Transfer(function)
        for op in function.operations:
            if op in found:
                _move(rebuild, op, found[op])
            else:
                rebuild.copy(op)
        return rebuild.finish()


def _movable(op: Operation) -> list[Operation]:
    """The operations of a loop's body that move out: work, and what it needs."""
    body: Function = op.attrs["body"]
    sizes = outer_sizes(op, body, op.inputs, unsure="cr")
    fixed: set[Operation] = set()
    for inner in body.operations:
        if inner.type == "Parameter":
            if inner.attrs["name"][0] == "k":
                fixed.add(inner)
        elif (
            inner.definition.effect == "pure"
            and inner.outputs
            and not inner.control_inputs
            and not may_fail(inner)
            and all(t.op in fixed for t in inner.inputs)
            and is_told(inner, sizes)
        ):
            fixed.add(inner)
    wanted = {inner for inner in fixed if _is_work(inner)}
    needed = set(wanted)
    for inner in reversed(body.operations):
        if inner in needed:
            needed.update(t.op for t in inner.inputs)
    return [inner for inner in body.operations if inner in needed and inner.type != "Parameter"
            ] if wanted else []  # fmt: skip


def _is_work(op: Operation) -> bool:
    """Whether computing an operation's result costs more than reading it."""
    if not any(t.op.type not in ("Const", "DimValues") for t in op.inputs):
        return False
    match op.definition.lowering:
        case Elementwise(cost=cost):
            return cost >= 1
        case Reduction() | Contraction():
            return True
    return False


def _move(rebuild: Transfer, op: Operation, moved: list[Operation]) -> None:
    """Append the operations that move, and the loop with their results as captures."""
    body: Function = op.attrs["body"]
    inputs = rebuild.inputs(op)
    outer = writer(outer_sizes(op, body, inputs, unsure="cr"))
    by_name = dict(zip(op.attrs["names"], inputs, strict=True))
    outside: dict[Tensor, Tensor] = {
        p.tensor: by_name[p.name] for p in body.parameters if p.name[0] == "k"
    }
    for inner in moved:
        made = copy_outward(rebuild, inner, tuple([outside[t] for t in inner.inputs]), outer)
        outside.update(zip(inner.outputs, made.outputs, strict=True))
    gone = set(moved)
    # what is cheap is made inside as well, where it is read
    again = _closed(body, {o for o in _producers(body, gone) if not _is_work(o)}) & gone
    gone -= again
    read = {t for o in body.operations if o not in gone for t in o.inputs} | set(body.live)
    border = [t for inner in moved if inner in gone for t in inner.outputs if t in read]
    numbers = [int(name[1:]) for name in op.attrs["names"] if name[0] == "k"]
    first = max(numbers, default=-1) + 1
    names = [f"k{first + number}" for number in range(len(border))]
    attrs = {
        **op.attrs,
        "body": _without(body, gone, dict(zip(border, names, strict=True))),
        "names": (*op.attrs["names"][: _end(op)], *names, *op.attrs["names"][_end(op) :]),
    }
    new = rebuild.copy(op, (*inputs[: _end(op)], *(outside[t] for t in border),
                            *inputs[_end(op) :]))  # fmt: skip
    new.attrs = attrs


def _producers(body: Function, gone: set[Operation]) -> set[Operation]:
    """The operations among those that move whose results something that stays reads."""
    read = {t.op for o in body.operations if o not in gone for t in o.inputs}
    return (read | {t.op for t in body.live}) & gone


def _closed(body: Function, wanted: set[Operation]) -> set[Operation]:
    """Cheap operations and the cheap ones that they need."""
    found = set(wanted)
    for inner in reversed(body.operations):
        if inner in found:
            found.update(t.op for t in inner.inputs if not _is_work(t.op))
    return found


def _end(op: Operation) -> int:
    """Where new captures go among a loop's inputs: before rows and count."""
    names = op.attrs["names"]
    return next((n for n, name in enumerate(names) if name[0] == "r" or name == "count"),
                len(names))  # fmt: skip


def _without(body: Function, gone: set[Operation], border: dict[Tensor, str]) -> Function:
    """The body without operations, with parameters for their results that it reads."""
    rebuild = Rebuild(body)
    fresh: list[Parameter] = []
    for inner in body.operations:
        if inner not in gone:
            rebuild.copy(inner)
            continue
        for tensor in inner.outputs:
            if tensor in border:
                parameter = _parameter(rebuild, tensor, border[tensor])
                rebuild.tensors[tensor] = parameter
                fresh.append(Parameter(parameter, "variable", border[tensor]))
    done = rebuild.finish()
    return dataclasses.replace(done, parameters=(*done.parameters, *fresh))


def _parameter(rebuild: Rebuild, tensor: Tensor, name: str) -> Tensor:
    type = tensor.type
    attrs = {"kind": "variable", "name": name, "dtype": type.dtype, "shape": type.dims}
    made = rebuild.body.append(
        Operation(rebuild.body, definition("Parameter"), name, (), attrs, [type], (),
                  tensor.op.source)
    )  # fmt: skip
    return made.outputs[0]
