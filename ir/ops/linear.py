"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.lowering import Contraction
from graphc.ir.ops.pointwise import apply, sum_to, wanted
from graphc.ir.types import TensorType

_DTYPES = (dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64)


def _product_dims(
    c: TypeContext, a: Any, b: Any, transpose_a: bool, transpose_b: bool
) -> tuple[Any, Any]:
    """The last two sizes of a product of matrices with the sizes a and b; checks the inner ones."""
    rows, inner_a = (a[1], a[0]) if transpose_a else (a[0], a[1])
    inner_b, columns = (b[1], b[0]) if transpose_b else (b[0], b[1])
    if c.equal(inner_a, inner_b) is False:
        c.fail(
            f"Dimensions must be equal, but are {c.show(inner_a)} and {c.show(inner_b)}: the inner "
            f"sizes of {c.show_shape(c.inputs[0].shape)} and {c.show_shape(c.inputs[1].shape)}"
            f"{_transposition(c, transpose_a, transpose_b)}; transpose an operand?"
        )
    return rows, columns


def _transposition(c: TypeContext, transpose_a: bool, transpose_b: bool) -> str:
    names = [n for n, t in zip(c.definition.inputs, (transpose_a, transpose_b), strict=True) if t]
    return f" with {' and '.join(names)} transposed" if names else ""


def _wide_product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        if x.dtype.kind == "f":
            return np.asarray(np.matmul(x.astype(np.float64), y.astype(np.float64)), x.dtype)
        return np.asarray(np.matmul(x, y))


# -------------------------------------------------------------------------------- two dimensions


def _matmul_type(c: TypeContext) -> TensorType:
    dtype = c.same_dtype(0, 1)
    c.require_dtype(0, _DTYPES)
    a = c.require_rank(0, 2) or (UNKNOWN, UNKNOWN)
    b = c.require_rank(1, 2) or (UNKNOWN, UNKNOWN)
    return TensorType(dtype, _product_dims(c, a, b, c.attrs["transpose_a"], c.attrs["transpose_b"]))


def _matmul_reference(c: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _wide_product(a.T if c.attrs["transpose_a"] else a, b.T if c.attrs["transpose_b"] else b)


def product_gradients(
    product: Any, a: Tensor, b: Tensor, dy: Tensor, transpose_a: bool, transpose_b: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The wanted cotangents of y = op(a) op(b), by `product(x, y, transpose_x, transpose_y)`."""
    da = db = None
    if wanted(a):
        if transpose_a:
            da = product(b, dy, transpose_b, True)
        else:
            da = product(dy, b, False, not transpose_b)
    if wanted(b):
        if transpose_b:
            db = product(dy, a, True, transpose_a)
        else:
            db = product(a, dy, not transpose_a, False)
    return da, db


def _matmul_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    def product(x: Tensor, y: Tensor, transpose_x: bool, transpose_y: bool) -> Tensor:
        return apply("MatMul", x, y, transpose_a=transpose_x, transpose_b=transpose_y)

    a, b = op.inputs
    return list(
        product_gradients(product, a, b, dy, op.attrs["transpose_a"], op.attrs["transpose_b"])
    )


def _transposed(shape: tuple[int, ...], flag: bool) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1], shape[-2]) if flag else shape


def _product_samples(
    names: tuple[str, str], *sizes: tuple[tuple[int, ...], tuple[int, ...]]
) -> tuple[Sample, ...]:
    """All four transpositions of the first sizes, then the others as they are."""
    samples = []
    for number, (a, b) in enumerate(sizes):
        for flags in (0, 1, 2, 3) if number == 0 else (0,):
            ta, tb = bool(flags & 1), bool(flags & 2)
            operands = (Operand(_transposed(a, ta)), Operand(_transposed(b, tb)))
            samples.append(Sample(operands, {names[0]: ta, names[1]: tb}, tolerance=4))
    return tuple(samples)


register(OpDef(
    name="MatMul",
    doc="The product of two matrices, each transposed first if so asked: product = op(a) op(b).",
    inputs=("a", "b"),
    outputs=("product",),
    attrs={"transpose_a": Attr("bool", False), "transpose_b": Attr("bool", False)},
    infer=_matmul_type,
    reference=_matmul_reference,
    gradient=_matmul_gradient,
    lowering=Contraction(lambda op: (op.attrs["transpose_a"], op.attrs["transpose_b"])),
    dtypes=_DTYPES,
    samples=_product_samples(
        ("transpose_a", "transpose_b"),
        ((3, 5), (5, 7)), ((1, 1), (1, 1)), ((17, 33), (33, 9)), ((0, 4), (4, 3)), ((2, 0), (0, 3)),
    ),
))  # fmt: skip


# ----------------------------------------------------------------------------------- many matrices


def _batch_type(c: TypeContext) -> TensorType:
    dtype = c.same_dtype(0, 1)
    c.require_dtype(0, _DTYPES)
    shapes = [c.inputs[0].shape, c.inputs[1].shape]
    for index, shape in enumerate(shapes):
        if shape is not None and len(shape) < 2:
            c.fail(
                f"input '{c.definition.inputs[index]}' must have rank 2 or more, not {len(shape)}"
            )
    x, y = shapes
    if x is None or y is None:
        return TensorType(dtype, None)
    matrix = _product_dims(c, x[-2:], y[-2:], c.attrs["adj_x"], c.attrs["adj_y"])
    if c.definition.name == "BatchMatMul":
        batch = c.merge_shapes(x[:-2], y[:-2], "batch shapes")
    else:
        batch = c.broadcast(x[:-2], y[:-2])
    return TensorType(dtype, (*batch, *matrix))


def _batch_reference(c: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _wide_product(
        x.swapaxes(-1, -2) if c.attrs["adj_x"] else x, y.swapaxes(-1, -2) if c.attrs["adj_y"] else y
    )


def _batch_gradient(op: Operation, dy: Tensor) -> list[Tensor | None]:
    def product(x: Tensor, y: Tensor, adj_x: bool, adj_y: bool) -> Tensor:
        return apply(op.type, x, y, adj_x=adj_x, adj_y=adj_y)

    x, y = op.inputs
    found = product_gradients(product, x, y, dy, op.attrs["adj_x"], op.attrs["adj_y"])
    if op.type == "BatchMatMul":
        return list(found)
    return [d if d is None else sum_to(d, t) for d, t in zip(found, (x, y), strict=True)]


for _name, _how, _sizes in (
    ("BatchMatMul", "of equal leading sizes", (((2, 1, 3, 5), (2, 1, 5, 4)),)),
    ("BatchMatMulV2", "with broadcasting leading sizes",
     (((2, 3, 5), (1, 5, 4)), ((3, 5), (2, 5, 4)), ((2, 1, 2, 3), (3, 3, 2)), ((0, 2, 3), (3, 4)))),
):  # fmt: skip
    register(OpDef(
        name=_name,
        doc=f"Products of matrices {_how}, each transposed first if so asked: output = op(x) op(y) "
            "over the last two axes.",
        inputs=("x", "y"),
        attrs={"adj_x": Attr("bool", False), "adj_y": Attr("bool", False)},
        infer=_batch_type,
        reference=_batch_reference,
        gradient=_batch_gradient,
        lowering=Contraction(lambda op: (op.attrs["adj_x"], op.attrs["adj_y"])),
        dtypes=_DTYPES,
        samples=_product_samples(("adj_x", "adj_y"), *_sizes, ((3, 5), (5, 7)),
                                 ((1, 9, 0), (1, 0, 2))),
    ))  # fmt: skip
