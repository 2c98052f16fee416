"""`tf.layers.InputSpec`: what a layer demands of its inputs, and the errors where it is not met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.framework.errors import located
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor


@dataclass(frozen=True)
class InputSpec:
    """The dtype, shape (None: any size), rank or sizes of axes that one input must have.

    What is None is not checked; nothing is checked of what an input does not say before the run.
    """

    dtype: Any = None
    shape: Any = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int | None] | None = None


def check_inputs(specs: Any, inputs: Sequence[Tensor], layer: str) -> None:
    """Hold inputs to what a layer demands.

    Raises:
        ValueError: there is another number of inputs, or one does not fit.
    """
    if specs is None:
        return
    listed = list(specs) if isinstance(specs, (list, tuple)) else [specs]
    if len(inputs) != len(listed):
        raise ValueError(
            located(
                f"Layer {layer} expects {len(listed)} inputs, but it received {len(inputs)} input "
                f"tensors. Inputs received: {list(inputs)}"
            )
        )
    for index, (spec, x) in enumerate(zip(listed, inputs, strict=True)):
        problem = None if spec is None else _problem(spec, x)
        if problem is not None:
            raise ValueError(
                located(f"Input {index} of layer {layer} is incompatible with the layer: {problem}")
            )


def _problem(spec: InputSpec, x: Tensor) -> str | None:
    if spec.dtype is not None and x.dtype is not as_dtype(spec.dtype):
        return f"expected dtype={as_dtype(spec.dtype).name}, found dtype={x.dtype.name}."
    if x.shape.ndims is None:
        return None
    return _wrong_rank(spec, x) or _wrong_axis(spec, x) or _wrong_shape(spec, x)


def _wrong_rank(spec: InputSpec, x: Tensor) -> str | None:
    rank, full = x.shape.ndims, f"Full shape received: {x.shape.as_list()}"
    wanted = len(spec.shape) if spec.shape is not None else spec.ndim
    if wanted is not None and rank != wanted:
        return f"expected ndim={wanted}, found ndim={rank}. {full}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}. {full}"
    return None


def _wrong_axis(spec: InputSpec, x: Tensor) -> str | None:
    sizes = x.shape.as_list()
    for axis, size in (spec.axes or {}).items():
        if size is not None and sizes[axis] not in (size, None):
            return (
                f"expected axis {axis} of input shape to have value {size} but received input "
                f"with shape {sizes}"
            )
    return None


def _wrong_shape(spec: InputSpec, x: Tensor) -> str | None:
    if spec.shape is None:
        return None
    sizes = x.shape.as_list()
    wanted = [getattr(size, "value", size) for size in spec.shape]
    if all(a is None or b is None or a == b for a, b in zip(wanted, sizes, strict=True)):
        return None
    return f"expected shape={tuple(wanted)}, found shape={sizes}"
