"""`Linear`: a matrix and a bias in the current variable scope, for cells that wrap others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.variable_scope import get_variable
from graphc.ops import init_ops, joining_ops, linear_ops, nn_ops


class Linear:
    """[args…] W + b for tensors [batch, n], joined along dimension 1.

    The variables "kernel" and "bias" are made, or shared, in the scope it is made in.
    """

    def __init__(self, args: Any, output_size: int) -> None:
        tensors = _listed(args)
        width = sum(int(tensor.get_shape()[1]) for tensor in tensors)
        dtype = tensors[0].dtype
        self._kernel = get_variable("kernel", [width, output_size], dtype)
        start = init_ops.constant_initializer(0.0, dtype=dtype)
        self._bias = get_variable("bias", [output_size], dtype, initializer=start)

    def __call__(self, args: Any) -> Any:
        tensors = _listed(args)
        joined = tensors[0] if len(tensors) == 1 else joining_ops.concat(tensors, 1)
        return nn_ops.bias_add(linear_ops.matmul(joined, self._kernel), self._bias)


def _listed(args: Any) -> Sequence[Any]:
    return args if isinstance(args, (list, tuple)) else [args]
