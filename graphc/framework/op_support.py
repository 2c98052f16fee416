"""What wrappers of operations share: the graph they add to, and how their inputs become tensors."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of, graph_of
from graphc.framework.errors import relocated
from graphc.ir.graph import IndexedSlices, Tensor


def apply(type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
    """Append an operation to the graph of its inputs (without tensors: the default graph).

    Variables stand for their values; bare Python values take the dtype of the tensors beside them.
    Gives the tensor, the tuple of tensors, or the operation if it has no outputs.

    Raises:
        TypeError, ValueError: the inputs do not fit the operation; the message has the user's line.
    """
    graph = graph_of(*inputs)
    try:
        return graph.op(type, *[_as_value(x) for x in inputs], name=name, **attrs)
    except (TypeError, ValueError) as error:
        raise relocated(error) from None


def _as_value(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, IndexedSlices) or element_of(value) is not None:
        return convert_to_tensor(value)
    return value
