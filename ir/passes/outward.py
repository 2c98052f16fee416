"""Outward: operations of a nested function written for the function around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.ir.dims import Dim, Symbol, as_symbol, substitute, symbols
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.transfer import Transfer
from graphc.ir.types import TensorType


def outer_sizes(
    op: Operation, function: Function, inputs: tuple[Tensor, ...], unsure: str = ""
) -> dict[Symbol, Any]:
    """What the symbols of a nested function are in the function around it, as its parameters tell.

    `inputs` are those of the operation; parameters whose names begin with a letter of `unsure`
    change from one iteration to the next and tell nothing.
    """
    by_name = dict(zip(op.attrs["names"], inputs, strict=True))
    found: dict[Symbol, Any] = {}
    for parameter in function.parameters:
        if parameter.name[0] in unsure:
            continue
        tensor, given = parameter.tensor, by_name[parameter.name]
        for mine, theirs in zip(tensor.type.dims, given.type.dims, strict=True):
            symbol = as_symbol(mine)
            if symbol is not None:
                found[symbol] = theirs
        held = tensor.op.attrs.get("_value", ())
        value = given.op.graph.value_of(given) if any(isinstance(d, Dim) for d in held) else None
        if value is not None:
            for mine, theirs in zip(held, value.ravel(), strict=True):
                symbol = as_symbol(mine)
                if symbol is not None:
                    found[symbol] = theirs
    return found


def is_told(op: Operation, sizes: dict[Symbol, Any]) -> bool:
    """Whether all sizes that an operation names are known outside."""
    pending: list[Any] = [*op.attrs.values(), *(t.type.dims for t in op.outputs)]
    while pending:
        value = pending.pop()
        if isinstance(value, Dim):
            if any(symbol not in sizes for symbol in symbols(value)):
                return False
        elif isinstance(value, (tuple, list)):
            pending += value
    return True


def copy_outward(
    rebuild: Transfer,
    op: Operation,
    inputs: tuple[Tensor, ...],
    outer: Callable[[Any], Any],
) -> Operation:
    """The operation of a nested function, appended to the function around it."""
    attrs = {name: replaced(value, outer) for name, value in op.attrs.items()}
    types = [TensorType(t.dtype, tuple(map(outer, t.type.dims))) for t in op.outputs]
    return rebuild.body.append(
        Operation(
            rebuild.body, op.definition, op.name, inputs, attrs, types, (), op.source, op.role,
            op.device,
        )
    )  # fmt: skip


def replaced(value: Any, outer: Callable[[Any], Any]) -> Any:
    """An attribute with outer sizes."""
    if isinstance(value, Dim):
        return outer(value)
    if isinstance(value, (tuple, list)):
        return type(value)([replaced(item, outer) for item in value])
    return value


def writer(sizes: dict[Symbol, Any]) -> Callable[[Any], Any]:
    """Writes a size of the nested function as one outside."""
    return lambda size: substitute(size, sizes.__getitem__)
