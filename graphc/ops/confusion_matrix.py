"""`tf.confusion_matrix`: how often each class was taken for each."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import graph_of
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor
from graphc.ops import check_ops
from graphc.ops.control_flow_ops import with_dependencies
from graphc.ops.math_ops import cast
from graphc.ops.reduction_ops import reduce_max
from graphc.ops.weights_broadcast_ops import remove_squeezable_dimensions


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    weights: Any = None,
) -> Tensor:
    """The matrix whose element [l, p] counts the elements of label l that were predicted as p.

    Args:
        labels, predictions: vectors of class numbers, [n] or [n, 1].
        num_classes: the number of classes (default one more than the greatest number there is).
        dtype: of the matrix.
        weights: [n]: what each element counts (default 1).

    Returns:
        [num_classes, num_classes].

    Raises:
        ValueError: shapes differ; InvalidArgumentError (in the run): a number is out of range.
    """
    inputs = [v for v in (predictions, labels, num_classes, weights) if v is not None]
    with name_scope(name, "confusion_matrix", inputs) as scope:
        y, x = remove_squeezable_dimensions(labels, predictions)
        y, x = cast(y, dtypes.int64), cast(x, dtypes.int64)
        if num_classes is None:
            greatest = apply("Maximum", reduce_max(x), reduce_max(y))
            classes = apply("Add", greatest, convert_to_tensor(1, dtypes.int64))
        else:
            classes = cast(convert_to_tensor(num_classes), dtypes.int64)
        y, x = _checked(y, "labels", classes), _checked(x, "predictions", classes)
        wanted = as_dtype(dtype)
        if weights is None:
            counted = apply("OnesLike", cast(x, wanted))
        else:
            counted = cast(convert_to_tensor(weights, name="weights"), wanted)
            if not x.shape.is_compatible_with(counted.shape):
                raise ValueError(located(f"Shapes {x.shape} and {counted.shape} are incompatible"))
        indices = apply("Pack", y, x, axis=1)
        shape = apply("Pack", classes, classes, axis=0)
        return apply("ScatterNd", indices, counted, shape, name=scope)


def _checked(numbers: Tensor, what: str, classes: Tensor) -> Tensor:
    """The class numbers, once it is known that they are in [0, classes)."""
    graph = graph_of(numbers)
    with graph.name_scope("check"):
        checks = [
            check_ops.assert_non_negative(numbers, message=f"`{what}` contains negative values"),
            check_ops.assert_less(numbers, classes, message=f"`{what}` out of bound"),
        ]
    return with_dependencies(checks, numbers)
