"""What metrics are made of: local variables that add up over runs, and how results are given out.

A metric is a pair (value, update): running `update` takes a batch in and gives the result with it,
`value` is the result so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphc.framework.collections import GraphKeys, add_to_collections
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.framework.variable_scope import variable_scope
from graphc.framework.variables import Variable
from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import Tensor
from graphc.ops.filling_ops import zeros
from graphc.ops.math_ops import cast, div_no_nan, maximum
from graphc.ops.state_ops import assign_add
from graphc.ops.weights_broadcast_ops import remove_squeezable_dimensions, with_rank

Metric = tuple[Any, Any]


def metric_variable(shape: Sequence[int], dtype: DType, name: str) -> Variable:
    """A variable of zeros in LOCAL_VARIABLES and METRIC_VARIABLES."""
    return Variable(
        lambda: zeros(list(shape), dtype),
        trainable=False,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
        name=name,
    )


@contextmanager
def metric_scope(name: str | None, default: str, *values: Any) -> Iterator[str]:
    """The variable scope of a metric, named or numbered; gives its name scope."""
    present = [value for value in values if value is not None]
    with variable_scope(name, default, present) as scope:
        yield scope.original_name_scope


def added(variable: Variable, batch: Tensor, name: str | None = None) -> Tensor:
    """The variable after `batch` has been added to it."""
    return apply("Identity", assign_add(variable, batch, name=name))


def finished(value: Any, update: Any, metrics_collections: Any, updates_collections: Any) -> Metric:
    """The pair, after value and update have joined the collections asked for."""
    if metrics_collections:
        add_to_collections(metrics_collections, value)
    if updates_collections:
        add_to_collections(updates_collections, update)
    return value, update


def ratio(total: Any, count: Any, name: str | None = None) -> Tensor:
    """total / count: 0 where the count is not positive."""
    return div_no_nan(total, maximum(count, 0.0), name=name)


def aligned(predictions: Any, labels: Any, weights: Any = None) -> tuple[Tensor, Any, Any]:
    """Predictions, labels and weights without needless last dimensions of size 1.

    Labels and weights may be None. Weights are a scalar, or have the rank of the predictions.

    Raises:
        ValueError: the shapes of predictions and labels are known to differ.
    """
    x = convert_to_tensor(predictions, name="predictions")
    y = labels
    if labels is not None:
        y, x = remove_squeezable_dimensions(labels, x)
        if not x.shape.is_compatible_with(y.shape):
            raise ValueError(located(f"Shapes {x.shape} and {y.shape} are incompatible"))
    if weights is None:
        return x, y, None
    return x, y, with_rank(convert_to_tensor(weights, name="weights"), x.shape.ndims)


def as_bools(predictions: Any, labels: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    """`aligned`, of what is nonzero."""
    x = cast(convert_to_tensor(predictions, name="predictions"), dtypes.bool_)
    y = cast(convert_to_tensor(labels, name="labels"), dtypes.bool_)
    return aligned(x, y, weights)


def flat(x: Tensor) -> Tensor:
    """x as a vector."""
    if x.type.rank == 1:
        return x
    return apply("Reshape", x, convert_to_tensor([-1], dtypes.int32))
