"""Small parts of the namespace: versions, eager-mode switches, `tf.test`, constants of tensors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.ir.graph import IndexedSlices, Tensor

__all__ = [
    "COMPILER_VERSION", "GIT_VERSION", "GRAPH_DEF_VERSION", "VERSION", "disable_eager_execution",
    "disable_resource_variables", "disable_v2_behavior", "disable_v2_tensorshape",
    "enable_eager_execution", "enable_resource_variables", "enable_v2_behavior",
    "executing_eagerly", "get_static_value", "is_tensor", "newaxis", "test",
]  # fmt: skip

__version__ = "1.15.0-graphc"
VERSION = __version__
GIT_VERSION = "graphc"
COMPILER_VERSION = "llvm"
GRAPH_DEF_VERSION = 134
newaxis = None


def executing_eagerly() -> bool:
    """False: operations are always added to a graph."""
    return False


def disable_eager_execution() -> None:
    """Nothing to do: there is no eager execution."""


def disable_v2_behavior() -> None:
    """Nothing to do: behaviour is TensorFlow 1's."""


def disable_v2_tensorshape() -> None:
    """Nothing to do: sizes are `Dimension`s."""


def disable_resource_variables() -> None:
    """Nothing to do: there is one kind of variable."""


def enable_resource_variables() -> None:
    """Nothing to do: the order of reads and writes is defined for all variables."""


def enable_eager_execution(*_: Any, **__: Any) -> NoReturn:
    """Not available.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        located("there is no eager execution in graphc: build a graph and run it in a tf.Session")
    )


def enable_v2_behavior() -> NoReturn:
    """Not available; raises NotImplementedError."""
    raise NotImplementedError(
        located("graphc follows TensorFlow 1; there is no version 2 behaviour")
    )


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, a variable or `IndexedSlices`."""
    return isinstance(x, IndexedSlices) or isinstance(element_of(x), Tensor)


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value of a tensor that can be worked out without running, as an array; else None.

    With `partial` unknown elements of an integer tensor are None in an object array.

    Raises:
        TypeError: `tensor` is no tensor.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(located(f"a tensor is wanted, not {tensor!r}"))
    value = tensor.op.graph.value_of(tensor)
    if value is None:
        return None
    value = np.asarray(value)
    if value.dtype != object or tensor.dtype.kind == "string":
        return value
    if all(isinstance(v, (int, np.integer)) for v in value.ravel()):
        return value.astype(tensor.dtype.numpy)
    if not partial:
        return None
    known = [v if isinstance(v, (int, np.integer)) else None for v in value.ravel()]
    return np.array(known, dtype=object).reshape(value.shape)


def _is_gpu_available(*_: Any, **__: Any) -> bool:
    """Whether the driver of a GPU is loaded and the compiler for it is installed."""
    return Path("/proc/driver/nvidia/version").exists() and find_spec("numba_cuda") is not None


def _gpu_device_name() -> str:
    return "/device:GPU:0" if _is_gpu_available() else ""


test = SimpleNamespace(
    is_gpu_available=_is_gpu_available,
    is_built_with_cuda=lambda: find_spec("numba_cuda") is not None,
    gpu_device_name=_gpu_device_name,
)
