"""Optimizer steps as state operations: new values of a variable and its slots from a gradient.

Each formula is written once, on tensors, and serves the dense operation on whole variables and the
sparse one on the rows that a gradient touches. They are plain elementwise arithmetic, so a whole
optimizer step fuses into few kernels. Formulas and operand orders are TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.graph import Attr, NoGradient, OpDef, Operation, Tensor, TypeContext, register
from graphc.ir.ops.pointwise import select, zero
from graphc.ir.ops.positions import dim_values
from graphc.ir.ops.scattering import checked_rows
from graphc.ir.types import TensorType

Tensors = Sequence[Tensor]
# (op, values of the variable and its slots, gradient, hyperparameters by name) -> their new values
Formula = Callable[[Operation, Tensors, Tensor, dict[str, Tensor]], Tensors]

_LOCKING = {"use_locking": Attr("bool", False, "accepted; every run's writes are exclusive")}


# ------------------------------------------------------------------------------------ type rules


def _type(c: TypeContext) -> TensorType:
    """All operands have the variable's dtype; slots and gradient fit it; the others are scalars."""
    names = c.definition.inputs
    slots = len(c.definition.writes)
    is_sparse = "indices" in names
    dtype = c.require_dtype(0, dtypes.FLOATS)
    shape = c.inputs[0].shape
    for index, name in enumerate(names):
        if name == "indices":
            c.require_dtype(index, dtypes.INDICES)
            c.require_rank(index, 1)
            continue
        c.same_dtype(0, index)
        if index < slots:
            shape = c.merge_shapes(shape, c.inputs[index].shape, f"shapes of var and of {name}")
        elif name in ("grad", "delta"):
            if not is_sparse:
                shape = c.merge_shapes(
                    shape, c.inputs[index].shape, "shapes of var and of its gradient"
                )
        else:
            c.require_rank(index, 0)
    if is_sparse:
        _check_rows(c, shape)
    return TensorType(dtype, shape)


def _check_rows(c: TypeContext, shape: Any) -> None:
    names = c.definition.inputs
    rows, indices = (c.inputs[names.index(name)].shape for name in ("grad", "indices"))
    if shape is not None and len(shape) < 1:
        c.fail("var must be at least 1 dimensional")
    if rows is None:
        return
    if len(rows) < 1:
        c.fail("the gradient must be at least 1 dimensional")
    if indices is not None:
        c.merge(rows[0], indices[0], "the numbers of rows of the gradient and of indices")
    if shape is not None:
        c.merge_shapes(shape[1:], rows[1:], "shapes of rows of var and of its gradient")


# ---------------------------------------------------------------------------------- registration


def _optimizer(
    name: str,
    doc: str,
    refs: tuple[str, ...],
    others: tuple[str, ...],
    formula: Formula,
    *,
    sparse: tuple[str, ...] | None = None,
    attrs: dict[str, Attr] | None = None,
) -> None:
    """Register Apply<name> with inputs refs + others and, if `sparse` gives them, the inputs after
    the refs of SparseApply<name>, which changes rows only.
    """

    def dense_update(op: Operation, *values: Tensor) -> Tensors:
        operands = dict(zip(others, values[len(refs) :], strict=True))
        gradient = operands.pop("delta" if "delta" in operands else "grad")
        return formula(op, values[: len(refs)], gradient, operands)

    def sparse_update(op: Operation, *values: Tensor) -> Tensors:
        assert sparse is not None
        operands = dict(zip(sparse, values[len(refs) :], strict=True))
        indices = operands.pop("indices")
        indices = checked_rows(indices, values[0])
        gradient = add_repeated(operands.pop("grad"), indices, values[0].type.dims[0])
        wholes = values[: len(refs)]
        rows = formula(op, [_take(whole, indices) for whole in wholes], gradient, operands)
        return [_put(whole, indices, row) for whole, row in zip(wholes, rows, strict=True)]

    for prefix, inputs, update in (
        ("Apply", others, dense_update),
        ("SparseApply", sparse, sparse_update),
    ):
        if inputs is None:
            continue
        rows = (
            ""
            if prefix == "Apply"
            else " for the rows `indices`; gradients of a repeated row add up"
        )
        register(OpDef(
            name=prefix + name,
            doc=f"{doc}{rows}.",
            inputs=(*refs, *inputs),
            outputs=("out",),
            attrs={**(attrs or {}), **_LOCKING},
            infer=_type,
            reference=None,
            gradient=NoGradient("it changes state"),
            effect="state",
            refs=True,
            update=update,
            writes=tuple(range(len(refs))),
        ))  # fmt: skip


# ------------------------------------------------------------------------------------------- rows


def _column(indices: Tensor) -> Tensor:
    column: Tensor = indices.graph.op("ExpandDims", indices, indices.graph.constant(np.int32(-1)))
    return column


def _take(whole: Tensor, indices: Tensor) -> Tensor:
    rows: Tensor = whole.graph.op("GatherV2", whole, indices, whole.graph.constant(np.int32(0)))
    return rows


def _put(whole: Tensor, indices: Tensor, rows: Tensor) -> Tensor:
    """Rows replaced; the rows of a repeated index are equal, so their order does not matter."""
    changed: Tensor = whole.graph.op(
        "TensorScatterUpdate", whole, _column(indices), rows, checked=True
    )
    return changed


def add_repeated(rows: Tensor, indices: Tensor, size: Any) -> Tensor:
    """For every i the sum of all rows j with indices[j] == indices[i].

    One position stands for all of an index: the last one written to a table of `size` entries, of
    which only those are read that were written. That takes time linear in the rows alone, and no
    size that only the run itself knows. The indices must have been checked.
    """
    graph = rows.graph
    count = rows.type.dims[0]
    start, step = (graph.constant(v, dtypes.int64) for v in (0, 1))
    positions = graph.op("Range", start, dim_values(graph, (count,), (), dtypes.int64), step)
    table = graph.op("LastWritten", _column(indices), positions, dim_values(graph, (size,)))
    chosen = _take(table, indices)
    sums = graph.op(
        "ScatterNd", _column(chosen), rows, dim_values(graph, rows.type.dims, dtype=chosen.dtype)
    )
    return _take(sums, chosen)


# --------------------------------------------------------------------------------------- formulas


def _sqrt(x: Tensor) -> Tensor:
    root: Tensor = x.graph.op("Sqrt", x)
    return root


def _square(x: Tensor) -> Any:
    return x * x


def _descent(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    return [refs[0] - h["alpha"] * g]


_optimizer(
    "GradientDescent",
    "var <- var - alpha delta",
    ("var",),
    ("alpha", "delta"),
    _descent,
)


def _momentum(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, accum = refs
    accum = accum * h["momentum"] + g
    if op.attrs["use_nesterov"]:
        return [var - (g * h["lr"] + accum * h["momentum"] * h["lr"]), accum]
    return [var - accum * h["lr"], accum]


_optimizer(
    "Momentum",
    "accum <- momentum accum + grad; var <- var - lr accum, or with use_nesterov "
    "var <- var - lr (grad + momentum accum)",
    ("var", "accum"),
    ("lr", "grad", "momentum"),
    _momentum,
    sparse=("lr", "grad", "indices", "momentum"),
    attrs={"use_nesterov": Attr("bool", False)},
)


def _adagrad(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, accum = refs
    if op.attrs["update_slots"]:
        accum = accum + _square(g)
    return [var - h["lr"] * g / _sqrt(accum), accum]


_optimizer(
    "Adagrad",
    "accum <- accum + grad^2 (if update_slots); var <- var - lr grad / sqrt(accum)",
    ("var", "accum"),
    ("lr", "grad"),
    _adagrad,
    sparse=("lr", "grad", "indices"),
    attrs={"update_slots": Attr("bool", True)},
)


def _rms_prop(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, ms, mom = refs
    ms = ms + (_square(g) - ms) * (1 - h["rho"])
    mom = mom * h["momentum"] + h["lr"] * g / _sqrt(ms + h["epsilon"])
    return [var - mom, ms, mom]


_optimizer(
    "RMSProp",
    "ms <- rho ms + (1 - rho) grad^2; mom <- momentum mom + lr grad / sqrt(ms + epsilon); "
    "var <- var - mom",
    ("var", "ms", "mom"),
    ("lr", "rho", "momentum", "epsilon", "grad"),
    _rms_prop,
    sparse=("lr", "rho", "momentum", "epsilon", "grad", "indices"),
)


def _centered_rms_prop(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, mg, ms, mom = refs
    ms = ms + (_square(g) - ms) * (1 - h["rho"])
    mg = mg + (g - mg) * (1 - h["rho"])
    variance = (ms - _square(mg)) + h["epsilon"]
    mom = mom * h["momentum"] + h["lr"] * g / _sqrt(variance)
    return [var - mom, mg, ms, mom]


_optimizer(
    "CenteredRMSProp",
    "mg <- rho mg + (1 - rho) grad; ms <- rho ms + (1 - rho) grad^2; "
    "mom <- momentum mom + lr grad / sqrt(ms - mg^2 + epsilon); var <- var - mom",
    ("var", "mg", "ms", "mom"),
    ("lr", "rho", "momentum", "epsilon", "grad"),
    _centered_rms_prop,
    sparse=("lr", "rho", "momentum", "epsilon", "grad", "indices"),
)


def _adam(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, m, v = refs
    alpha = h["lr"] * _sqrt(1 - h["beta2_power"]) / (1 - h["beta1_power"])
    m = m + (g - m) * (1 - h["beta1"])
    v = v + (_square(g) - v) * (1 - h["beta2"])
    step = m
    if op.attrs["use_nesterov"]:
        step = g * (1 - h["beta1"]) + m * h["beta1"]
    return [var - step * alpha / (_sqrt(v) + h["epsilon"]), m, v]


_optimizer(
    "Adam",
    "m <- beta1 m + (1 - beta1) grad; v <- beta2 v + (1 - beta2) grad^2; var <- var - "
    "lr sqrt(1 - beta2_power) / (1 - beta1_power) m / (sqrt(v) + epsilon); with use_nesterov "
    "beta1 m + (1 - beta1) grad stands for the last m",
    ("var", "m", "v"),
    ("beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon", "grad"),
    _adam,
    sparse=("beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon", "grad", "indices"),
    attrs={"use_nesterov": Attr("bool", False)},
)


def _adadelta(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, accum, accum_update = refs
    accum = accum * h["rho"] + _square(g) * (1 - h["rho"])
    step = _sqrt(accum_update + h["epsilon"]) / _sqrt(accum + h["epsilon"]) * g
    accum_update = accum_update * h["rho"] + _square(step) * (1 - h["rho"])
    return [var - step * h["lr"], accum, accum_update]


_optimizer(
    "Adadelta",
    "accum <- rho accum + (1 - rho) grad^2; "
    "update = sqrt(accum_update + epsilon) / sqrt(accum + epsilon) grad; "
    "accum_update <- rho accum_update + (1 - rho) update^2; var <- var - lr update",
    ("var", "accum", "accum_update"),
    ("lr", "rho", "epsilon", "grad"),
    _adadelta,
    sparse=("lr", "rho", "epsilon", "grad", "indices"),
)


def _is_minus_half(power: Tensor) -> bool:
    return power.op.type == "Const" and float(power.op.attrs["value"]) == -0.5


def _power(x: Tensor, lr_power: Tensor) -> Tensor:
    """x^(-lr_power), by a square root for the usual -0.5."""
    return _sqrt(x) if _is_minus_half(lr_power) else x**-lr_power


def _ftrl(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, accum, linear = refs
    graph = g.graph
    shrunk = g + 2 * h["l2_shrinkage"] * var if "l2_shrinkage" in h else g
    new_accum = accum + _square(g)
    new_power, power = (_power(x, h["lr_power"]) for x in (new_accum, accum))
    linear = linear + (shrunk - (new_power - power) / h["lr"] * var)
    quadratic = new_power / h["lr"] + 2 * h["l2"]
    pulled = (graph.op("Sign", linear) * h["l1"] - linear) / quadratic
    return [select(abs(linear) > h["l1"], pulled, zero(var)), new_accum, linear]


_FTRL = (
    "n' = n + grad^2 with n = accum; linear <- linear + grad - (n'^-lr_power - n^-lr_power) / lr "
    "var; q = n'^-lr_power / lr + 2 l2; var <- (sign(linear) l1 - linear) / q where |linear| > l1, "
    "else 0; accum <- n'"
)
_optimizer(
    "Ftrl",
    _FTRL,
    ("var", "accum", "linear"),
    ("grad", "lr", "l1", "l2", "lr_power"),
    _ftrl,
    sparse=("grad", "indices", "lr", "l1", "l2", "lr_power"),
)
_optimizer(
    "FtrlV2",
    f"{_FTRL}; linear takes grad + 2 l2_shrinkage var",
    ("var", "accum", "linear"),
    ("grad", "lr", "l1", "l2", "l2_shrinkage", "lr_power"),
    _ftrl,
    sparse=("grad", "indices", "lr", "l1", "l2", "l2_shrinkage", "lr_power"),
)


def _proximal(var: Tensor, lr: Tensor, h: dict[str, Tensor]) -> Tensor:
    """The proximal step for l1 and l2 penalties after a gradient step to `var`."""
    graph = var.graph
    shrunk = graph.op("Maximum", abs(var) - lr * h["l1"], zero(var))
    result: Tensor = graph.op("Sign", var) * shrunk / (1 + h["l2"] * lr)
    return result


def _proximal_descent(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    return [_proximal(refs[0] - h["alpha"] * g, h["alpha"], h)]


_optimizer(
    "ProximalGradientDescent",
    "p = var - alpha delta; var <- sign(p) max(|p| - alpha l1, 0) / (1 + alpha l2)",
    ("var",),
    ("alpha", "l1", "l2", "delta"),
    _proximal_descent,
    sparse=("alpha", "l1", "l2", "grad", "indices"),
)


def _proximal_adagrad(op: Operation, refs: Tensors, g: Tensor, h: dict[str, Tensor]) -> Tensors:
    var, accum = refs
    accum = accum + _square(g)
    rate = h["lr"] / _sqrt(accum)
    return [_proximal(var - rate * g, rate, h), accum]


_optimizer(
    "ProximalAdagrad",
    "accum <- accum + grad^2; r = lr / sqrt(accum); p = var - r grad; "
    "var <- sign(p) max(|p| - r l1, 0) / (1 + r l2)",
    ("var", "accum"),
    ("lr", "l1", "l2", "grad"),
    _proximal_adagrad,
    sparse=("lr", "l1", "l2", "grad", "indices"),
)
