"""Checks: operations that pass or fail the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Attr, NoGradient, OpDef, Operand, Sample, register
from graphc.ir.lowering import Host
from graphc.ir.ops.host import shown
from graphc.ir.types import TensorType


def _assert_type(c: Any) -> tuple[TensorType, ...]:
    c.require_dtype(0, (dtypes.bool_,))
    return ()


def _assert(op: Any, condition: np.ndarray, *data: np.ndarray) -> tuple[()]:
    if not np.all(condition):
        raise InvalidArgumentError(None, op, f"assertion failed: {' '.join(shown(op, data))}")
    return ()


register(OpDef(
    name="Assert",
    doc="Fail the run with InvalidArgumentError, showing `data`, unless all of `condition` holds.",
    inputs=("condition", "*data"),
    outputs=(),
    attrs={
        "summarize": Attr("int", 3),
        "texts": Attr("any", (), "what is shown: a text, or None for the next of `data`"),
    },
    infer=_assert_type,
    reference=None,
    gradient=NoGradient("it has no outputs"),
    lowering=Host(_assert),
    effect="check",
))  # fmt: skip


def _check_numerics(op: Any, x: np.ndarray) -> np.ndarray:
    finite = np.isfinite(x)
    if not finite.all():
        nan = bool(np.isnan(x).any())
        inf = bool(np.isinf(x).any())
        kinds = " and ".join(word for word, found in (("Inf", inf), ("NaN", nan)) if found)
        raise InvalidArgumentError(None, op, f"{op.attrs['message']} : Tensor had {kinds} values")
    return x


register(OpDef(
    name="CheckNumerics",
    doc="y = x; fails the run with InvalidArgumentError where x holds NaN or infinities.",
    inputs=("tensor",),
    attrs={"message": Attr("string")},
    infer=lambda c: TensorType(c.require_dtype(0, dtypes.FLOATS), c.inputs[0].shape),
    reference=lambda c, x: _check_numerics(c.op, x),
    gradient=lambda op, dy: [dy],
    lowering=Host(_check_numerics),
    effect="check",
    public="check_numerics",
    samples=(Sample((Operand((2, 3)),), {"message": "sample"}),),
))  # fmt: skip
