"""Checks in the graph: `tf.Assert` and the assertions made of it.

What can be decided while the graph is built is decided there. An assertion is an operation: run
it, or put what it guards under `tf.control_dependencies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of, get_default_graph, graph_of
from graphc.framework.errors import InvalidArgumentError, located
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Operation, Tensor
from graphc.ops.control_flow_ops import group, no_op, with_dependencies
from graphc.ops.generated import check_numerics
from graphc.ops.math_ops import equal, greater, greater_equal, less, less_equal, not_equal
from graphc.ops.reduction_ops import reduce_all
from graphc.ops.script_ops import shown_values

__all__ = [
    "Assert",
    "add_check_numerics_ops",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_integer",
    "assert_less",
    "assert_less_equal",
    "assert_negative",
    "assert_non_negative",
    "assert_non_positive",
    "assert_none_equal",
    "assert_positive",
    "assert_rank",
    "assert_rank_at_least",
    "assert_scalar",
    "assert_type",
    "is_numeric_tensor",
    "verify_tensor_all_finite",
]


def Assert(
    condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None
) -> Operation:
    """An operation that fails with InvalidArgumentError, showing `data`, unless `condition` holds.

    Args:
        condition: a bool tensor; all of it must be true.
        data: tensors and texts to show.
        summarize: how many elements of each (default 3).
    """
    if not isinstance(data, (list, tuple)):
        raise TypeError(located(f"Assert: data is a list of tensors and texts, not {data!r}"))
    graph = graph_of(condition, *data)
    with graph.name_scope(name or "Assert") as scope:
        tensor = convert_to_tensor(condition, dtypes.bool_, name="condition")
        tensors, texts = shown_values(data)
        attrs = {"texts": texts, "summarize": 3 if summarize is None else int(summarize)}
        return graph.create("Assert", (tensor, *tensors), attrs, scope)


def _binary(
    relation: str,
    compare: Any,
    x: Any,
    y: Any,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str,
) -> Operation:
    """Assert a comparison of two tensors, at once if both are constants."""
    from graphc.framework.surface import get_static_value

    graph = graph_of(x, y)
    with graph.name_scope(name):
        like = element_of(x) if element_of(x) is not None else element_of(y)
        dtype = like.dtype if isinstance(like, Tensor) else None
        left = convert_to_tensor(x, dtype, name="x")
        right = convert_to_tensor(y, dtype or left.dtype, name="y")
        condition = compare(left, right)
        values = [get_static_value(t) for t in (left, right)]
        if values[0] is not None and values[1] is not None:
            holds = _RELATIONS[relation](values[0], values[1])
            if not np.all(holds):
                raise InvalidArgumentError(
                    None, None,
                    located(
                        f"{message or ''} Condition x {relation} y did not hold element-wise: "
                        f"x = {values[0].tolist()}, y = {values[1].tolist()}".strip()
                    ),
                )  # fmt: skip
            return no_op("static_checks_determined_all_ok")
        if data is None:
            lead = [message] if message else []
            text = f"Condition x {relation} y did not hold element-wise:"
            data = [*lead, text, f"x ({left.name}) = ", left, f"y ({right.name}) = ", right]
        return Assert(reduce_all(condition), data, summarize)


_RELATIONS = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def assert_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x == y in all elements (broadcast)."""
    return _binary("==", equal, x, y, data, summarize, message, name or "assert_equal")


def assert_none_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x != y in all elements (broadcast)."""
    return _binary("!=", not_equal, x, y, data, summarize, message, name or "assert_none_equal")


def assert_less(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x < y in all elements (broadcast)."""
    return _binary("<", less, x, y, data, summarize, message, name or "assert_less")


def assert_less_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x <= y in all elements (broadcast)."""
    return _binary("<=", less_equal, x, y, data, summarize, message, name or "assert_less_equal")


def assert_greater(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x > y in all elements (broadcast)."""
    return _binary(">", greater, x, y, data, summarize, message, name or "assert_greater")


def assert_greater_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x >= y in all elements (broadcast)."""
    return _binary(
        ">=", greater_equal, x, y, data, summarize, message, name or "assert_greater_equal"
    )


def assert_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x > 0 in all elements."""
    return _binary(">", greater, x, 0, data, summarize, message, name or "assert_positive")


def assert_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x < 0 in all elements."""
    return _binary("<", less, x, 0, data, summarize, message, name or "assert_negative")


def assert_non_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x >= 0 in all elements."""
    return _binary(
        ">=", greater_equal, x, 0, data, summarize, message, name or "assert_non_negative"
    )


def assert_non_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert x <= 0 in all elements."""
    return _binary("<=", less_equal, x, 0, data, summarize, message, name or "assert_non_positive")


def assert_rank(
    x: Any, rank: int, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert that x has `rank` dimensions; ValueError if it is known not to."""
    return _assert_rank(x, lambda n: n == rank, "==", equal, rank, (data, summarize, message, name))


def assert_rank_at_least(
    x: Any, rank: int, data: Any = None, summarize: int | None = None, message: str | None = None,
    name: str | None = None,
) -> Operation:  # fmt: skip
    """Assert that x has at least `rank` dimensions; ValueError if it is known not to."""
    test = greater_equal
    return _assert_rank(x, lambda n: n >= rank, ">=", test, rank, (data, summarize, message, name))


def _assert_rank(
    x: Any, holds: Any, relation: str, compare: Any, rank: int, options: tuple[Any, ...]
) -> Operation:
    data, summarize, message, name = options
    tensor = convert_to_tensor(x)
    known = tensor.shape.ndims
    if known is None:
        found = tensor.op.graph.op("Rank", tensor)
        return _binary(
            relation, compare, found, rank, data, summarize, message, name or "assert_rank"
        )
    if not holds(known):
        raise ValueError(
            located(
                f"{message or ''} Tensor {tensor.name} must have rank {relation} {rank}. "
                "Received rank "
                f"{known}, shape {tensor.shape}".strip()
            )
        )
    return no_op("static_checks_determined_all_ok")


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Operation:
    """An operation that does nothing; TypeError at once if the dtype is another."""
    value = convert_to_tensor(tensor)
    if value.dtype is not as_dtype(tf_type):
        raise TypeError(
            located(f"{message or ''} {value.name} must be of type {tf_type!r}".strip())
        )
    return no_op(name or "statically_determined_correct_type")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """An operation that does nothing; TypeError at once if x does not hold integers."""
    value = convert_to_tensor(x)
    if not value.dtype.is_integer:
        text = f'Expected "x" to be integer type.  Found: {value.dtype!r}, {value.name}'
        raise TypeError(located(f"{message or ''} {text}".strip()))
    return no_op(name or "statically_determined_was_integer")


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """`tensor`, which must be a scalar; ValueError if its shape is known to be another."""
    value = convert_to_tensor(tensor, name=name)
    if value.shape.ndims not in (None, 0):
        text = f"Expected scalar shape, saw shape: {value.shape}."
        raise ValueError(located(f"{message or ''} {text}".strip()))
    return value


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers (no bools or strings)."""
    return isinstance(tensor, Tensor) and tensor.dtype.is_numeric


def verify_tensor_all_finite(
    t: Any = None, msg: str = "", name: str | None = None, x: Any = None, message: str | None = None
) -> Tensor:
    """`t`, which fails the run where it holds NaN or infinities."""
    value = convert_to_tensor(t if x is None else x)
    check = check_numerics(value, message=message or msg, name=name or "VerifyFinite")
    return with_dependencies([check], value)


def add_check_numerics_ops() -> Operation:
    """An operation that fails where any floating-point tensor so far holds NaN or infinities."""
    graph = get_default_graph()
    checks = []
    for op in graph.get_operations():
        for output in op.outputs:
            if output.dtype.is_floating and not output.is_ref and op.type != "CheckNumerics":
                checks.append(check_numerics(output, message=output.name))
    return group(*checks)
