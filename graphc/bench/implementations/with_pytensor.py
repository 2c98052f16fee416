"""PyTensor, by its Numba backend; models are left to the other libraries.

Its C backend multiplies matrices without a BLAS where it was installed as a wheel.
"""

from __future__ import annotations

from typing import Any

import pytensor
import pytensor.tensor as pt

from graphc.bench.workload import Formula, Inputs, Missing, Prepared, Unseen, Workload, as_arrays


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready."""
    match workload.task:
        case Formula(pytensor=form) if form is not None:
            call = _compiled(form, inputs)
            return Prepared(call, inputs, lambda: as_arrays(call(*inputs)))
        case Unseen(formula=Formula(pytensor=form)) if form is not None:
            call = _compiled(form, inputs)
            return Prepared(call, (), lambda: as_arrays(call(*inputs)))
        case _:
            raise Missing("no form in PyTensor")


def _compiled(form: Any, inputs: Inputs) -> Any:
    with pytensor.config.change_flags(floatX="float32"):
        variables = [pt.tensor(dtype=a.dtype.name, shape=(None,) * a.ndim) for a in inputs]
        return pytensor.function(variables, form(pt, *variables), mode="NUMBA")
