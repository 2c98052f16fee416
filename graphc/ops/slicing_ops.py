"""Indexing: `x[key]` as Python writes it, `tf.slice` and `tf.strided_slice`."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.framework.shape import Dimension
from graphc.ir import dtypes
from graphc.ir.graph import HOOKS, Graph, Tensor
from graphc.ops.build import create, index_tensor, scope_of

newaxis = None


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The block that starts at `begin` with shape `size`; size[i] = -1 is all that is left.

    Raises:
        ValueError: the block does not lie inside.
    """
    with scope_of(name, "Slice", input_, begin, size) as (graph, scope):
        x = convert_to_tensor(input_, name="input")
        spec = _one_dtype(graph, [index_tensor(begin, "begin"), index_tensor(size, "size")])
        return create(graph, scope, "Slice", x, *spec)[0]


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """x[begin:end:strides]; the masks' bits omit bounds, and make ellipses, new axes and indices.

    Raises:
        ValueError: a stride of 0, or an index out of bounds.
        NotImplementedError: `var` is given (assignment to slices).
    """
    if var is not None:
        raise NotImplementedError(
            located("tf.strided_slice: assigning through `var` is not supported")
        )
    with scope_of(name, "StridedSlice", input_, begin, end, strides) as (graph, scope):
        x = convert_to_tensor(input_, name="input")
        low, high = index_tensor(begin, "begin"), index_tensor(end, "end")
        steps = graph.op("OnesLike", low) if strides is None else index_tensor(strides, "strides")
        return create(
            graph, scope, "StridedSlice", x, *_one_dtype(graph, [low, high, steps]),
            begin_mask=int(begin_mask), end_mask=int(end_mask), ellipsis_mask=int(ellipsis_mask),
            new_axis_mask=int(new_axis_mask), shrink_axis_mask=int(shrink_axis_mask),
        )[0]  # fmt: skip


def _one_dtype(graph: Graph, tensors: list[Tensor]) -> list[Tensor]:
    """int64 for all where one is."""
    if all(t.dtype is tensors[0].dtype for t in tensors):
        return tensors
    return [
        t if t.dtype is dtypes.int64 else graph.op("Cast", t, DstT=dtypes.int64) for t in tensors
    ]


@dataclass(slots=True)
class _Spec:
    """A key as begin, end, strides and masks, entry by entry."""

    begin: list[Any] = field(default_factory=list)
    end: list[Any] = field(default_factory=list)
    strides: list[Any] = field(default_factory=list)
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0

    def add(self, entry: Any) -> None:
        bit = 1 << len(self.begin)
        begin, end, stride = 0, 0, 1
        if isinstance(entry, builtins.slice):
            begin, end, stride = (_bound(b) for b in (entry.start, entry.stop, entry.step))
            self.begin_mask |= 0 if begin is not None else bit
            self.end_mask |= 0 if end is not None else bit
            begin, end = (0 if b is None else b for b in (begin, end))
            stride = 1 if stride is None else stride
        elif entry is Ellipsis:
            self.ellipsis_mask |= bit
        elif entry is newaxis:
            self.new_axis_mask |= bit
            end = 1
        else:
            begin = _bound(entry)
            end = begin + 1
            self.shrink_axis_mask |= bit
        self.begin.append(begin)
        self.end.append(end)
        self.strides.append(stride)

    @property
    def masks(self) -> dict[str, int]:
        words = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
        return {word: getattr(self, word) for word in words}


def _bound(value: Any) -> Any:
    """A bound or index: an int, a scalar integer tensor, or None."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, Dimension):
        return value.value
    if isinstance(value, (np.integer, np.ndarray)) and value.ndim == 0 and value.dtype.kind in "iu":
        return int(value)
    element = element_of(value)
    if isinstance(element, Tensor):
        if element.dtype.is_bool:
            raise TypeError(
                located(
                    f"Boolean masks cannot be indices ({value}): multiply by the mask, or take the "
                    "rows with tf.gather"
                )
            )
        if element.dtype.is_integer and element.type.rank in (None, 0):
            return convert_to_tensor(value)
    raise TypeError(
        located(
            "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
            f"tf.int32/tf.int64 tensors are valid indices, got {value!r}"
        )
    )


def getitem(tensor: Any, key: Any) -> Tensor:
    """`tensor[key]`: integers, slices, `...`, `tf.newaxis` and scalar integer tensors in any mix.

    Raises:
        TypeError: another kind of index; ValueError: an index out of bounds, or too many of them.
    """
    entries = key if isinstance(key, (tuple, list)) else (key,)
    parts = [p for e in entries for p in ((e.start, e.stop, e.step) if _is_slice(e) else (e,))]
    with scope_of(None, "strided_slice", tensor, *parts) as (graph, scope):
        spec = _Spec()
        for entry in entries:
            spec.add(entry)
        x = convert_to_tensor(tensor)
        rows = (spec.begin, spec.end, spec.strides)
        operands = _one_dtype(graph, [_stacked(graph, row) for row in rows])
        return create(graph, scope, "StridedSlice", x, *operands, **spec.masks)[0]


def _is_slice(entry: Any) -> bool:
    return isinstance(entry, builtins.slice)


def _stacked(graph: Graph, row: list[Any]) -> Tensor:
    """A vector of ints and scalar tensors."""
    tensors = [value for value in row if isinstance(value, Tensor)]
    if not tensors:
        fits = all(-(2**31) <= value < 2**31 for value in row)
        return graph.constant(np.array(row, np.int32 if fits else np.int64), name="stack")
    dtype = dtypes.int32 if all(t.dtype is dtypes.int32 for t in tensors) else dtypes.int64
    elements = []
    for value in row:
        if not isinstance(value, Tensor):
            value = graph.constant(value, dtype)
        elements.append(value if value.dtype is dtype else graph.op("Cast", value, DstT=dtype))
    return graph.create("Pack", elements, {"axis": 0}, "stack").outputs[0]


HOOKS.getitem = getitem
