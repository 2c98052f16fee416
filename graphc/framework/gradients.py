"""`tf.gradients` and `tf.hessians`: TF1's arguments around the differentiator of `graphc.ir`."""

from __future__ import annotations

import enum
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located, relocated
from graphc.ir import gradients as ir_gradients
from graphc.ir.graph import IndexedSlices, Tensor

__all__ = ["AggregationMethod", "UnconnectedGradients", "gradients", "hessians"]


class AggregationMethod:
    """How contributions to a gradient are added; all methods are one sum here."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients(enum.Enum):
    """What an x that no y depends on gets."""

    NONE = "none"
    ZERO = "zero"


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: UnconnectedGradients = UnconnectedGradients.NONE,
) -> list[Tensor | IndexedSlices | None]:
    """Append operations that compute d(sum of ys)/dx for each x in xs.

    Args:
        ys, xs: tensors or variables, or lists of them.
        grad_ys: gradients to start from (default ones), of ys' shapes.
        stop_gradients: tensors to take as constant.
        colocate_gradients_with_ops, gate_gradients, aggregation_method: accepted; one device runs
            all operations in a defined order here, and sums are fused.

    Returns:
        A list with a tensor of x's shape and dtype for each x; `IndexedSlices` where x was only
        gathered from; None (or zeros, as `unconnected_gradients` says) where no y depends on x.

    Raises:
        TypeError, ValueError: something is no tensor, or grad_ys do not fit ys.
    """
    sources = [_source(x) for x in _listed(xs)]
    targets = [_target(y) for y in _listed(ys)]
    if aggregation_method not in (None, 0, 1, 2):
        raise ValueError(located(f"Invalid aggregation_method specified {aggregation_method}."))
    if not targets:
        return [None] * len(sources)
    seeds = None if grad_ys is None else [_seed(dy, y) for dy, y in _paired(grad_ys, targets)]
    stops = None if stop_gradients is None else [_source(t) for t in _listed(stop_gradients)]
    try:
        mode: Any = UnconnectedGradients(unconnected_gradients).value
        return ir_gradients.gradients(
            targets, sources, seeds, stops, unconnected=mode, name=name or "gradients"
        )
    except (TypeError, ValueError) as error:
        raise relocated(error) from None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _source(x: Any) -> Tensor:
    """The tensor to differentiate with respect to: a variable's storage, or the tensor itself."""
    element = element_of(x)
    if isinstance(element, Tensor):
        return element
    if x is None:
        raise TypeError(located("gradients: None is among xs"))
    return convert_to_tensor(x)


def _target(y: Any) -> Any:
    if isinstance(y, IndexedSlices):
        return y
    if y is None:
        raise TypeError(located("gradients: None is among ys"))
    return convert_to_tensor(y)


def _paired(grad_ys: Any, ys: list[Any]) -> list[tuple[Any, Any]]:
    seeds = _listed(grad_ys)
    if len(seeds) != len(ys):
        raise ValueError(located(f"Passed {len(seeds)} grad_ys for {len(ys)} ys"))
    return list(zip(seeds, ys, strict=True))


def _seed(dy: Any, y: Any) -> Any:
    if dy is None or isinstance(dy, IndexedSlices):
        return dy
    tensor = convert_to_tensor(dy, preferred_dtype=y.dtype)
    if not tensor.shape.is_compatible_with(y.get_shape() if isinstance(y, Tensor) else None):
        raise ValueError(
            located(f"grad_ys of shape {tensor.shape} does not fit {y.name} of shape {y.shape}")
        )
    return tensor


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Tensor]:
    """The second derivatives of sum(ys) by each x: shape x.shape + x.shape.

    The shapes of xs must be known. The other arguments are those of `gradients`.

    Raises:
        ValueError: the shape of an x is not known, or no y depends on it.
    """
    options = (colocate_gradients_with_ops, gate_gradients, aggregation_method)
    firsts = gradients(ys, xs, None, "gradients", *options)
    found = []
    for x, first in zip(_listed(xs), firsts, strict=True):
        tensor = _source(x)
        sizes = tensor.type.shape
        if sizes is None or not tensor.type.is_static:
            raise ValueError(located(f"hessians: the shape of {tensor.name} must be known"))
        if first is None:
            raise ValueError(located(f"hessians: ys do not depend on {tensor.name}"))
        graph = tensor.op.graph
        with graph.name_scope(name):
            flat = graph.op("Reshape", convert_to_tensor(first), graph.constant([-1]))
            count = int(tensor.type.size)
            rows = [_row(graph, flat, x, i, options) for i in range(count)]
            shape = graph.constant([*sizes, *sizes])
            found.append(graph.op("Reshape", graph.op("Pack", *rows, axis=0), shape))
    return found


def _row(graph: Any, flat: Tensor, x: Any, index: int, options: Any) -> Tensor:
    """d flat[index] / dx."""
    colocate, gate, aggregation = options
    zero = UnconnectedGradients.ZERO
    (row,) = gradients(flat[index], [x], None, "gradients", colocate, gate, aggregation, None, zero)
    return convert_to_tensor(row)
