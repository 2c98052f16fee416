"""Tensor types: an element type and a shape, each dimension an int, a `Dim` or UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphc.ir.dims import UNKNOWN, AnyDim, Dim, Unknown, product
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.records import record

Shape = tuple[AnyDim, ...] | None


@record
class TensorType:
    """dtype and shape; `shape` is None while even the rank is unknown."""

    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    @property
    def dims(self) -> tuple[Any, ...]:
        """The shape where the rank is known (always so when compiling)."""
        assert self.shape is not None, self
        return self.shape

    @property
    def size(self) -> Any:
        """The number of elements: an int, a Dim, or UNKNOWN."""
        return UNKNOWN if self.shape is None else product(self.shape)

    @property
    def is_static(self) -> bool:
        return self.shape is not None and all(isinstance(d, int) for d in self.shape)

    @property
    def is_concrete(self) -> bool:
        """Whether rank and all dimensions are ints or Dims (nothing UNKNOWN)."""
        return self.shape is not None and UNKNOWN not in self.shape

    def with_shape(self, shape: Iterable[AnyDim] | None) -> TensorType:
        return TensorType(self.dtype, None if shape is None else tuple(shape))

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype.name}[*]"
        return f"{self.dtype.name}[{','.join(map(repr, self.shape))}]"


def tensor_type(dtype: Any, shape: Iterable[Any] | None) -> TensorType:
    """A type from loose parts: None means UNKNOWN; sizes may be anything with `__index__`."""
    if shape is None:
        return TensorType(as_dtype(dtype), None)
    dims: list[AnyDim] = []
    for dim in shape:
        if dim is None:
            dims.append(UNKNOWN)
        elif isinstance(dim, (Dim, Unknown)):
            dims.append(dim)
        else:
            dims.append(dim.__index__())
    return TensorType(as_dtype(dtype), tuple(dims))


def shape_text(shape: Shape) -> str:
    """A shape as TensorFlow prints it: ``(?, 10)``, ``<unknown>``."""
    if shape is None:
        return "<unknown>"
    inner = ", ".join(map(repr, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
