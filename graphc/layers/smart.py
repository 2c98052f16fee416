"""Choices by a flag that may be a Python bool or a tensor: `training` of dropout and batch norm.

With a bool the graph has only what is chosen. With a tensor both values are in the graph and an
element-wise choice follows, which fuses into the kernel that uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.framework.surface import get_static_value
from graphc.ir import dtypes
from graphc.ir.graph import Tensor


def flag_of(value: Any, argument: str = "training") -> bool | Tensor:
    """A bool, where it is known before the run, else a bool scalar tensor.

    Raises:
        TypeError: it is neither a bool, 0, 1, nor a bool scalar.
    """
    if value is None:
        return False
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    tensor = convert_to_tensor(value, name=argument)
    if tensor.dtype is not dtypes.bool_ or tensor.type.rank not in (0, None):
        raise TypeError(located(f"{argument} must be a bool or a bool scalar tensor, not {tensor}"))
    static = get_static_value(tensor)
    return tensor if static is None else bool(static)


def choose(flag: bool | Tensor, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """What `if_true` or `if_false` gives, as `flag` says."""
    if isinstance(flag, bool):
        return if_true() if flag else if_false()
    return apply("SelectV2", flag, if_true(), if_false())
