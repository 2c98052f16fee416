"""How TF1's functions make one operation: a scope of its name, in which inputs become tensors.

`tf.add(x, 2.0)` gives the constant "Add/y" and the operation "Add". Bare Python numbers take the
dtype of the tensors beside them, whichever side they stand on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import relocated
from graphc.framework.name_scope import name_scope
from graphc.ir.dtypes import DType
from graphc.ir.graph import INDEX_INPUTS, Tensor, definition


def scoped(
    type: str,
    values: Sequence[Any],
    name: str | None = None,
    default_name: str | None = None,
    **attrs: Any,
) -> Any:
    """Append one operation of a type over anything that converts to tensors.

    Args:
        name: of the operation; default `default_name`, else the type's.

    Raises:
        TypeError, ValueError: the values do not fit the operation; the message has the user's line.
    """
    with name_scope(name, default_name or type, values) as scope:
        tensors = convert_operands(values, input_names(type))
        try:
            return tensors[0].graph.op(type, *tensors, name=scope, **attrs)
        except (TypeError, ValueError) as error:
            raise relocated(error) from None


def input_names(type: str) -> list[str]:
    """The input names of an operation type, without the star of a variadic one."""
    return [name.lstrip("*") for name in definition(type).inputs]


def convert_operands(values: Sequence[Any], names: Sequence[str]) -> list[Tensor]:
    """Tensors for operands that share one dtype (those that hold indices aside).

    Python numbers and lists take the dtype of the first tensor among the operands, without one that
    of the first operand; so do NumPy arrays to the right of it, as in TF1.
    """
    shared = [name not in INDEX_INPUTS for name in names]
    like, origin = _dtype_beside(values, shared)
    tensors = []
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        wanted = like if shared[i] and _adapts(value, i > origin) else None
        tensors.append(convert_to_tensor(value, dtype=wanted, name=name))
        if like is None and shared[i]:
            like, origin = tensors[-1].dtype, i
    return tensors


def _dtype_beside(values: Sequence[Any], shared: Sequence[bool]) -> tuple[DType | None, int]:
    for i, value in enumerate(values):
        element = element_of(value)
        if shared[i] and isinstance(element, Tensor):
            return element.dtype, i
    return None, len(values)


def _adapts(value: Any, is_later: bool) -> bool:
    """Whether an operand takes the dtype of its neighbours."""
    if element_of(value) is not None:
        return False
    return is_later or not isinstance(value, (np.ndarray, np.generic))
