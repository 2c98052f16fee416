"""Writing at computed positions: ScatterNd, TensorScatter*, and Scatter* on variables.

Updates are applied in order, one after the other, so duplicates have a defined result: the last one
of several "set" updates stays, the others accumulate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import (
    Attr,
    NoGradient,
    OpDef,
    Operand,
    Operation,
    Sample,
    Tensor,
    TypeContext,
    register,
)
from graphc.ir.lowering import Elementwise, Index, Scatter, StoreMode
from graphc.ir.ops.gathering import check_rows, index_depth, nd_index, nd_rows
from graphc.ir.ops.positions import (
    context_of,
    dim_values,
    index_operand,
    non_negative_sizes,
    reshaped,
)
from graphc.ir.types import TensorType

_COMBINE: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def scatter(
    c: Any, mode: str, base: np.ndarray, indices: np.ndarray, updates: np.ndarray
) -> np.ndarray:
    """`base` with the updates combined into it at indices [..., depth], in order."""
    result = base.copy()
    if updates.size == 0:
        return result
    depth = indices.shape[-1]
    rows = indices.reshape(math.prod(indices.shape[:-1]), depth)
    listed = updates.reshape(len(rows), *base.shape[depth:])
    nd_rows(c, indices, base.shape)
    for row, update in zip(rows, listed, strict=True):
        place = tuple(row)
        if mode == "set":
            result[place] = update
        elif mode == "div" and np.issubdtype(base.dtype, np.integer):
            result[place] = np.trunc(result[place] / update).astype(base.dtype)
        else:
            result[place] = _COMBINE[mode](result[place], update)
    return result


def _check_updates(c: TypeContext, shape: Any, indices: Any, updates: Any) -> None:
    """updates.shape must be indices.shape[:-1] + shape[depth:]."""
    depth = index_depth(c, indices)
    if shape is None or depth is None:
        return
    if depth > len(shape):
        c.fail(f"indices address {depth} dimensions of a tensor of rank {len(shape)}")
    c.merge_shapes(
        (*indices[:-1], *shape[depth:]), updates, "shapes of updates and of what they replace"
    )


def _scatter_index(shape: Callable[[Operation], Any], indices: int) -> Callable[[Operation], Any]:
    def index(op: Operation) -> tuple[Index, ...]:
        rows = op.inputs[indices].type.dims
        depth = index_depth(context_of(op), rows)
        assert depth is not None, op
        return nd_index(len(rows), shape(op), depth, indices, op.attrs.get("checked", False))

    return index


# ------------------------------------------------------------------------------------- ScatterNd


def _scatter_nd_type(c: TypeContext) -> TensorType:
    c.require_dtype(0, dtypes.INDICES)
    given = c.require_rank(2, 1)
    shape = non_negative_sizes(c, 2)
    if shape is None and given is not None and isinstance(given[0], int):
        shape = (UNKNOWN,) * given[0]
    _check_updates(c, shape, c.inputs[0].shape, c.inputs[1].shape)
    return c.inputs[1].with_shape(shape)


def _scatter_nd_reference(
    c: Any, indices: Any, updates: np.ndarray, shape: np.ndarray
) -> np.ndarray:
    return scatter(c, "add", np.zeros(shape.tolist(), updates.dtype), indices, updates)


register(OpDef(
    name="ScatterNd",
    doc="Zeros of `shape` to which every update is added at its index; duplicates add up.",
    inputs=("indices", "updates", "shape"),
    infer=_scatter_nd_type,
    reference=_scatter_nd_reference,
    gradient=lambda op, dy: [None, op.graph.op("GatherNd", dy, op.inputs[0]), None],
    lowering=Scatter("add", None, 1, _scatter_index(lambda op: op.outputs[0].type.dims, 0)),
    shape_inputs=(2,),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((index_operand([[1], [3], [1]]), Operand((3, 2)), index_operand([4, 2]))),
        Sample((index_operand([[0, 1], [2, 0]]), Operand((2,)), index_operand([3, 2]))),
        Sample((index_operand([[[1]], [[0]]]), Operand((2, 1)), index_operand([2]))),
        Sample((index_operand(np.zeros((0, 1))), Operand((0, 3)), index_operand([2, 3]))),
    ),
))  # fmt: skip


def _written_reference(
    c: Any, indices: np.ndarray, updates: np.ndarray, shape: np.ndarray
) -> np.ndarray:
    return scatter(c, "set", np.zeros(shape.tolist(), updates.dtype), indices, updates)


register(OpDef(
    name="LastWritten",
    doc="A tensor of `shape` with the last update at each index, other elements undefined. "
        "For tables of which only what was written is read.",
    inputs=("indices", "updates", "shape"),
    infer=_scatter_nd_type,
    reference=_written_reference,
    gradient=NoGradient("it is made of positions"),
    lowering=Scatter("set", None, 1, _scatter_index(lambda op: op.outputs[0].type.dims, 0), True),
    shape_inputs=(2,),
    dtypes=dtypes.NUMERIC,
    samples=(
        Sample((index_operand([[1], [0], [1], [2]]), Operand((4, 3)), index_operand([3, 3]))),
    ),
))  # fmt: skip


# --------------------------------------------------------------------------------- TensorScatter


def _tensor_scatter_type(c: TypeContext) -> TensorType:
    c.require_dtype(1, dtypes.INDICES)
    c.same_dtype(0, 2)
    _check_updates(c, c.inputs[0].shape, c.inputs[1].shape, c.inputs[2].shape)
    return c.inputs[0]


def _update_gradient(op: Operation, dy: Tensor) -> list[Any]:
    graph, (_, indices, updates) = op.graph, op.inputs
    hidden = graph.op("TensorScatterUpdate", dy, indices, graph.op("ZerosLike", updates))
    return [hidden, None, graph.op("GatherNd", dy, indices)]


def _add_gradient(op: Operation, dy: Tensor) -> list[Any]:
    return [dy, None, op.graph.op("GatherNd", dy, op.inputs[1])]


def _sub_gradient(op: Operation, dy: Tensor) -> list[Any]:
    return [dy, None, op.graph.op("Neg", op.graph.op("GatherNd", dy, op.inputs[1]))]


_NO_GRADIENT = NoGradient("TensorFlow defines none")

# word, mode, gradient, what happens
_TENSOR_SCATTERS: tuple[tuple[str, StoreMode, Any, str], ...] = (
    ("Update", "set", _update_gradient, "replaced by"),
    ("Add", "add", _add_gradient, "increased by"),
    ("Sub", "sub", _sub_gradient, "decreased by"),
    ("Mul", "mul", _NO_GRADIENT, "multiplied by"),
    ("Div", "div", _NO_GRADIENT, "divided by"),
    ("Min", "min", _NO_GRADIENT, "replaced by the lesser of it and"),
    ("Max", "max", _NO_GRADIENT, "replaced by the greater of it and"),
)

_CHECKED = {"checked": Attr("bool", False, "the indices are known to be in range")}

for _word, _mode, _gradient, _text in _TENSOR_SCATTERS:
    register(OpDef(
        name=f"TensorScatter{_word}",
        doc=f"`tensor` with what lies at each index {_text} the update, in order of the updates.",
        inputs=("tensor", "indices", "updates"),
        attrs=_CHECKED,
        infer=_tensor_scatter_type,
        reference=lambda c, x, rows, updates, _mode=_mode: scatter(c, _mode, x, rows, updates),
        gradient=_gradient,
        lowering=Scatter(_mode, 0, 2, _scatter_index(lambda op: op.inputs[0].type.dims, 1)),
        dtypes=dtypes.COMPUTED if _mode == "set" else dtypes.NUMERIC,
        samples=(
            Sample((Operand((4, 2)), index_operand([[1], [3]]), Operand((2, 2), low=0.5)),
                   dtypes=dtypes.FLOATS if _mode == "div" else None),
            Sample((Operand((4,)), index_operand([[1], [3], [1]]), Operand((3,), low=0.5)),
                   dtypes=dtypes.FLOATS if _mode == "div" else None, differentiable=_mode != "set"),
            Sample((Operand((2, 3)), index_operand([1, 2], dtypes.int64), Operand((), low=0.5)),
                   dtypes=dtypes.FLOATS if _mode == "div" else None),
        ),
    ))  # fmt: skip


# ------------------------------------------------------------------------------------------ checks


def _check_indices(b: Any, index: Any) -> Any:
    """Each index against the size of its dimension: dimension 0, or that of its column."""
    sizes, axis = b.attrs["sizes"], b.attrs["axis"]
    place = b.convert(index, dtypes.int64)
    if axis is None:
        return b.convert(b.checked(place, sizes[0]), b.dtype)
    column = b.index(axis)
    result = place
    for number, size in enumerate(sizes):
        here = b.eq(column, b.const(number, dtypes.int64))
        zero = b.const(0, dtypes.int64)
        result = b.select(here, b.checked(b.select(here, place, zero), size), result)
    return b.convert(result, b.dtype)


def _check_reference(c: Any, indices: np.ndarray) -> np.ndarray:
    sizes, axis = c.attrs["sizes"], c.attrs["axis"]
    for number, size in enumerate(sizes):
        check_rows(c, indices if axis is None else indices.take(number, axis), int(size))
    return indices


register(OpDef(
    name="CheckIndices",
    doc="The indices as they are; fails the run unless all lie in a tensor of which `sizes` "
        "are leading dimensions: the first one, or with `axis` that of their column along it.",
    inputs=("indices",),
    attrs={"sizes": Attr("any"), "axis": Attr("any", None)},
    infer=lambda c: c.inputs[0],
    reference=_check_reference,
    gradient=NoGradient("indices are integers"),
    lowering=Elementwise(_check_indices, cost=2),
    dtypes=dtypes.INDICES,
    samples=(
        Sample((index_operand([2, 0, 2]),), {"sizes": (3,)}),
        Sample((index_operand([[2, 0], [1, 3]], dtypes.int64),), {"sizes": (3, 4), "axis": 1}),
    ),
))  # fmt: skip


def checked_rows(indices: Tensor, whole: Tensor) -> Tensor:
    """Row numbers of `whole`, checked before anything is written: see `put`."""
    rows: Tensor = indices.graph.op("CheckIndices", indices, sizes=whole.type.dims[:1])
    return rows


# --------------------------------------------------------------------------- scatters of variables


def _ref_nd_type(c: TypeContext) -> TensorType:
    return _tensor_scatter_type(c)


def _ref_rows_type(c: TypeContext) -> TensorType:
    """updates.shape is indices.shape + ref.shape[1:], or a scalar for all."""
    c.require_dtype(1, dtypes.INDICES)
    c.same_dtype(0, 2)
    ref, indices, updates = (t.shape for t in c.inputs)
    if ref == ():
        c.fail("the variable must have at least one dimension")
    if updates != () and ref is not None and indices is not None:
        c.merge_shapes((*indices, *ref[1:]), updates, "shapes of updates and of what they replace")
    return c.inputs[0]


def _update_rows(word: str) -> Callable[..., list[Tensor]]:
    def update(op: Operation, ref: Tensor, indices: Tensor, updates: Tensor) -> list[Tensor]:
        graph = ref.op.graph
        if updates.type.rank == 0:
            shape = (*indices.type.dims, *ref.type.dims[1:])
            updates = graph.op("BroadcastTo", updates, dim_values(graph, shape))
        rows = reshaped(checked_rows(indices, ref), (*indices.type.dims, 1))
        return [graph.op(f"TensorScatter{word}", ref, rows, updates, checked=True)]

    return update


def _update_nd(word: str) -> Callable[..., list[Tensor]]:
    def update(op: Operation, ref: Tensor, indices: Tensor, updates: Tensor) -> list[Tensor]:
        graph, dims = ref.op.graph, indices.type.dims
        depth = index_depth(context_of(op), dims)
        assert depth is not None, op
        rows = graph.op("CheckIndices", indices, sizes=ref.type.dims[:depth], axis=len(dims) - 1)
        return [graph.op(f"TensorScatter{word}", ref, rows, updates, checked=True)]

    return update


for _word, _mode, _gradient, _text in _TENSOR_SCATTERS:
    register(OpDef(
        name=f"Scatter{_word}",
        doc=f"Change rows of a variable: ref[indices[i…]] is {_text} updates[i…].",
        inputs=("ref", "indices", "updates"),
        attrs={"use_locking": Attr("bool", _mode == "set")},
        infer=_ref_rows_type,
        reference=None,
        gradient=NoGradient("it changes state"),
        effect="state",
        refs=True,
        update=_update_rows(_word),
        writes=(0,),
        dtypes=dtypes.COMPUTED if _mode == "set" else dtypes.NUMERIC,
    ))  # fmt: skip

for _word, _mode, _gradient, _text in _TENSOR_SCATTERS[:3]:
    register(OpDef(
        name=f"ScatterNd{_word}",
        doc=f"Change parts of a variable: what lies at each index is {_text} the update.",
        inputs=("ref", "indices", "updates"),
        attrs={"use_locking": Attr("bool", _mode == "set")},
        infer=_ref_nd_type,
        reference=None,
        gradient=NoGradient("it changes state"),
        effect="state",
        refs=True,
        update=_update_nd(_word),
        writes=(0,),
        dtypes=dtypes.COMPUTED if _mode == "set" else dtypes.NUMERIC,
    ))  # fmt: skip
