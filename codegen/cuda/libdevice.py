"""libdevice for the simulator: NumPy's functions under the names that generated sources call.

Arguments are NumPy scalars of the function's dtype, and so are results.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from graphc.ir.scalar import OPERATIONS

_UFUNCS: dict[str, Callable[..., Any]] = {
    "fabs": np.abs, "fmod": np.fmod, "pow": np.power, "copysign": np.copysign,
    "atan2": np.arctan2, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "rint": np.rint,
}  # fmt: skip


def simulated_libdevice() -> SimpleNamespace:
    """What sources call `libdevice` under the simulator."""
    found: dict[str, Callable[..., Any]] = {}
    for name, function in _UFUNCS.items():
        found[name] = found[f"{name}f"] = function
    for name in ("fma", "erf", "erfc", "lgamma"):
        found[name] = _scalar(OPERATIONS[name], np.float64)
        found[f"{name}f"] = _scalar(OPERATIONS[name], np.float32)
    found |= {
        "fmul_rn": np.multiply, "dmul_rn": np.multiply, "fsqrt_rn": np.sqrt, "dsqrt_rn": np.sqrt,
        "float_as_int": _bits(np.int32), "int_as_float": _bits(np.float32),
        "double_as_longlong": _bits(np.int64), "longlong_as_double": _bits(np.float64),
    }  # fmt: skip
    return SimpleNamespace(**found)


def _scalar(function: Callable[..., Any], kind: Any) -> Callable[..., Any]:
    return lambda *args: kind(function(*args))


def _bits(kind: Any) -> Callable[[Any], Any]:
    return lambda x: x.view(kind)
