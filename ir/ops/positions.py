"""Sizes and positions as operands: what array operations ask about begins, sizes, paddings, axes.

Type rules and lowerings work out the same positions from the same operands, so the functions here
take a `TypeContext`; `context_of` makes one for an operation that is being lowered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, Dim, Unknown
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, Operand, Operation, Tensor, TypeContext
from graphc.ir.shapes import Guard
from graphc.ir.values import LARGEST


def context_of(op: Operation) -> TypeContext:
    """The context in which the type rule of an existing operation was asked."""
    return TypeContext(op.definition, op.inputs, op.attrs, op.graph.environment, op.graph.value_of)


def sizes_of(op: Operation, index: int) -> tuple[Any, ...]:
    """The value of a shape operand when lowering: ints and Dims, flattened."""
    sizes = context_of(op).sizes(index)
    assert sizes is not None, (op, index)
    return sizes


def axis_of(op: Operation, index: int, rank: int) -> int:
    """The non-negative axis that a scalar operand holds when lowering."""
    found = context_of(op).constants(index)
    assert found is not None and len(found) == 1, (op, index)
    return found[0] % rank


def dim_values(
    graph: Graph,
    dims: Sequence[Any],
    shape: tuple[int, ...] | None = None,
    dtype: DType = dtypes.int64,
) -> Tensor:
    """A tensor that holds sizes, in the body of a function; `shape` defaults to a vector."""
    dims = tuple(dims)
    shape = (len(dims),) if shape is None else shape
    tensor: Tensor = graph.op("DimValues", dims=dims, dtype=dtype, shape=shape)
    return tensor


def reshaped(tensor: Tensor, dims: Sequence[Any]) -> Tensor:
    """`tensor` under the sizes `dims`, in the body of a function."""
    graph = tensor.op.graph
    result: Tensor = graph.op("Reshape", tensor, dim_values(graph, dims))
    return result


def has_unknown(*sizes: Any) -> bool:
    return any(isinstance(d, Unknown) for d in sizes)


def is_dynamic(c: TypeContext, *sizes: Any) -> bool:
    """Whether a size is one that only the middle of the run can know."""
    environment = c.environment
    return environment is not None and any(environment.is_dynamic(d) for d in sizes)


def require(
    c: TypeContext, a: Any, relation: Literal["<=", "<"], b: Any, message: str, *shown: Any
) -> None:
    """Fail unless a relation b; mid-run sizes are checked when they are known.

    The `{}` of the message are the sizes `shown`. Of a check in mid-run, which serves many runs,
    only those that are the same in all of them are.
    """
    if is_dynamic(c, a, b):
        assert c.environment is not None
        lasting = [d if isinstance(d, int) else "?" for d in shown]
        reason = f"{c.definition.name}: {message.format(*lasting)}"
        guard = Guard(relation, a, b, reason)
        if guard not in c.environment.guards:
            c.environment.guards.append(guard)
        return
    # "0 <= size" is known to hold; in this form the environment can tell
    answer = c.less_equal(0, b - a) if relation == "<=" else c.less(a, b)
    if answer is False:
        c.fail(message.format(*map(c.show, shown)))


def is_minus_one(c: TypeContext, size: Any) -> bool | None:
    """Whether a size operand is the placeholder -1; fails for other negative values.

    None while building: it cannot be known. A mid-run value is taken to be a size, and checked.
    """
    if isinstance(size, Unknown):
        return None
    if isinstance(size, Dim):
        if is_dynamic(c, size):
            require(c, 0, "<=", size, "a size must not be negative")
            return False
        if c.less_equal(0, size):
            return False
    elif size >= 0:
        return False
    if c.equal(size, -1) is False:
        c.fail(f"a size must be -1 or not negative, not {c.show(size)}")
    return True


def non_negative_sizes(c: TypeContext, index: int) -> tuple[Any, ...] | None:
    """`c.sizes(index)` where every element must be a size; fails for negative ones."""
    sizes = c.sizes(index)
    for i, size in enumerate(sizes or ()):
        if not has_unknown(size):
            require(c, 0, "<=", size, f"size {i} must not be negative, it is {{}}", size)
    return sizes


def scalar_axis(c: TypeContext, index: int, rank: int | None) -> int | None:
    """The non-negative axis in a scalar operand; None while it or the rank is unknown."""
    found = c.constants(index)
    if found is None or rank is None:
        return None
    if len(found) != 1:
        c.fail(f"one axis is needed, not {len(found)}")
    return c.axis(found[0], rank)


def known(c: TypeContext, index: int) -> Any:
    """The symbolic value of an input with UNKNOWN for unknown elements; None where even its shape
    is not known, or it is too large for a value."""
    value = c.value(index)
    if value is not None:
        return np.asarray(value, dtype=object)
    type = c.inputs[index]
    if type.shape is None or not type.is_static or type.size > LARGEST:
        return None
    return np.full(type.dims, UNKNOWN, dtype=object)


def plain_ints(c: TypeContext, index: int) -> tuple[int, ...] | None:
    """The value of an input if all its elements are numbers, flattened; else None."""
    value = c.value(index)
    if value is None:
        return None
    flat = np.asarray(value, dtype=object).ravel().tolist()
    return tuple(int(v) for v in flat) if all(_is_int(v) for v in flat) else None


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer))


def index_operand(value: Any, dtype: DType = dtypes.int32) -> Operand:
    """An operand of a sample that holds the given indices, sizes or axes."""
    array = np.array(value, dtype.numpy)
    return Operand(array.shape, dtype, value=array)
