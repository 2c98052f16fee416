"""The adapter: all contact with numba.

A `Device` compiles generated sources, holds memory (plain bytes) and launches. There are two: the
GPU through numba-cuda, which registers itself as `numba.cuda` where it is installed, and numba's
simulator where NUMBA_ENABLE_CUDASIM was 1 when numba was first imported. Buffers reach GPU kernels
as bare pointers, which saves six parameters for each (`CPointer` signatures; numba's own,
deprecated `numba.cuda` cannot launch those).
"""

from __future__ import annotations

import functools
import importlib.util
import linecache
import math
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from graphc.codegen.cuda.forms import GPU, SIMULATOR, Geometry
from graphc.codegen.cuda.libdevice import simulated_libdevice
from graphc.codegen.cuda.prelude import FAILURE_WORDS
from graphc.codegen.cuda.source import kernel_name
from graphc.codegen.kernel import Kernel
from graphc.ir.errors import ResourceExhaustedError, UnavailableError

DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
          "float64")  # fmt: skip
# For `record`'s lock; numba-cuda 0.30 with CUDA 13 supports nothing older than 7.5 anyway.
LEAST_CAPABILITY = (7, 0)


class Device(Protocol):
    """Compiles and runs generated sources. `memory` objects are opaque."""

    geometry: Geometry

    def compile(self, kernel: Kernel, source: str) -> Any:
        """What `launch` takes as its function."""
        ...

    def allocate(self, size: int) -> Any:
        """Uninitialised memory of some bytes.

        Raises:
            ResourceExhaustedError: there is not so much.
        """
        ...

    def upload(self, array: np.ndarray) -> Any:
        """New memory with an array's elements."""
        ...

    def write(self, memory: Any, array: np.ndarray) -> None: ...

    def read(self, memory: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """A fresh host array of what the first bytes of some memory hold."""
        ...

    def launch(
        self,
        kernel: Kernel,
        function: Any,
        grid: int,
        block: tuple[int, int],
        buffers: Sequence[Any],
        dims: Sequence[int],
        failure: Any,
    ) -> None:
        """Run a function; `failure` is memory of `FAILURE_WORDS` int64."""
        ...  # fmt: skip


@functools.cache
def device() -> Device:
    """The device of this process.

    Raises:
        UnavailableError: there is no GPU that can be used, and numba does not simulate.
    """
    if _simulated():
        return SimulatedDevice()
    problem = gpu_problem()
    if problem is not None:
        raise UnavailableError(
            None, None,
            f"CUDA is not available: {problem}; to try it without a GPU set NUMBA_ENABLE_CUDASIM=1",
        )  # fmt: skip
    return GpuDevice()


def gpu_problem() -> str | None:
    """Why no GPU can be used, or None."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed"
    if _simulated():
        return "numba simulates CUDA in this process"
    if importlib.util.find_spec("numba_cuda") is None:
        return "the package numba-cuda is not installed (pip install 'graphc[cuda]')"
    cuda = _numba_cuda()
    try:
        if not cuda.is_available():
            lines = [line.strip() for line in str(cuda.cuda_error() or "").splitlines()]
            return next(filter(None, lines), "there is no CUDA driver").rstrip(".")
        capability = cuda.get_current_device().compute_capability
    except Exception as error:  # whatever a broken driver installation raises
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    if tuple(capability) < LEAST_CAPABILITY:
        return f"the GPU has compute capability {capability}, needed is {LEAST_CAPABILITY}"
    return None


def _simulated() -> bool:
    if importlib.util.find_spec("numba") is None:
        return False
    from numba import config

    return bool(vars(config)["ENABLE_CUDASIM"])


def _numba_cuda() -> Any:
    with warnings.catch_warnings():
        # numba announces that its own numba.cuda gives way to numba-cuda, taken here anyway.
        warnings.filterwarnings("ignore", message=".*numba[-_.]cuda", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*numba[-_.]cuda", category=FutureWarning)
        from numba import cuda
    return cuda


def _load(source: str, name: str, namespace: dict[str, Any]) -> None:
    """Execute a source under a file name of its own, so that tracebacks can show its lines."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), namespace)


class SimulatedDevice:
    """numba's simulator: every CUDA thread is a Python thread, memory is NumPy arrays of bytes."""

    geometry = SIMULATOR

    def __init__(self) -> None:
        self._cuda = _numba_cuda()
        from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

        self._wrap = FakeCUDAArray
        self._one_launch = threading.Lock()  # the simulator has one kernel context
        self._namespace: dict[str, Any] = {name: getattr(np, name) for name in DTYPES} | {
            "boolean": np.bool_, "cuda": self._cuda, "libdevice": simulated_libdevice(),
            "device": lambda function: function, "inf": math.inf, "nan": math.nan,
            "errstate": np.errstate,
        }  # fmt: skip

    def compile(self, kernel: Kernel, source: str) -> Any:
        namespace = dict(self._namespace)
        name = kernel_name(kernel)
        _load(source, name, namespace)
        # NumPy warns of overflow where hardware wraps or gives infinity; its setting is per thread.
        quiet = f"def run(*args):\n    with errstate(all='ignore'):\n        {name}(*args)\n"
        _load(quiet, f"{name} run", namespace)
        return self._cuda.jit(namespace["run"])

    def allocate(self, size: int) -> Any:
        try:
            return np.empty(max(-(-size // 8) * 8, 8), np.uint8)
        except (MemoryError, ValueError):
            raise _exhausted(size) from None

    def upload(self, array: np.ndarray) -> Any:
        memory = self.allocate(array.nbytes)
        self.write(memory, array)
        return memory

    def write(self, memory: Any, array: np.ndarray) -> None:
        memory[: array.nbytes] = _bytes(array)

    def read(self, memory: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        size = math.prod(shape) * dtype.itemsize
        copy: np.ndarray = memory[:size].copy().view(dtype).reshape(shape)
        return copy

    def launch(
        self, kernel: Kernel, function: Any, grid: int, block: tuple[int, int],
        buffers: Sequence[Any], dims: Sequence[int], failure: Any,
    ) -> None:  # fmt: skip
        arrays = [
            self._wrap(memory.view(np.uint8 if b.dtype.is_bool else b.dtype.numpy))
            for memory, b in zip(buffers, kernel.buffers, strict=True)
        ]
        with self._one_launch:
            function[grid, block](*arrays, *dims, self._wrap(failure.view(np.int64)))


class GpuDevice:
    """The current GPU through numba-cuda."""

    geometry = GPU

    def __init__(self) -> None:
        self._cuda = _numba_cuda()
        import numba
        from numba.core.errors import NumbaPerformanceWarning

        # Small graphs launch small grids; that is no mistake of the user's.
        warnings.filterwarnings("ignore", message="Grid size", category=NumbaPerformanceWarning)
        self._types = numba.types
        self._namespace = compiler_namespace(self._cuda)

    def compile(self, kernel: Kernel, source: str) -> Any:
        namespace = dict(self._namespace)
        _load(source, kernel_name(kernel), namespace)
        return self._cuda.jit(signature(kernel, self._types))(namespace[kernel_name(kernel)])

    def allocate(self, size: int) -> Any:
        try:
            return self._cuda.device_array(max(size, 8), np.uint8)
        except Exception as error:  # the driver's classes differ between versions
            if "MEMORY" in str(error).upper():
                raise _exhausted(size) from None
            raise

    def upload(self, array: np.ndarray) -> Any:
        memory = self.allocate(array.nbytes)
        self.write(memory, array)
        return memory

    def write(self, memory: Any, array: np.ndarray) -> None:
        if array.nbytes:
            memory[: array.nbytes].copy_to_device(_bytes(array))

    def read(self, memory: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        size = math.prod(shape) * dtype.itemsize
        if not size:
            return np.empty(shape, dtype)
        host: np.ndarray = memory[:size].copy_to_host().view(dtype).reshape(shape)
        return host

    def launch(
        self, kernel: Kernel, function: Any, grid: int, block: tuple[int, int],
        buffers: Sequence[Any], dims: Sequence[int], failure: Any,
    ) -> None:  # fmt: skip
        pointers = [memory.__cuda_array_interface__["data"][0] for memory in buffers]
        function[grid, block](*pointers, *dims, failure.view(np.int64)[:FAILURE_WORDS])


def compiler_namespace(cuda: Any) -> dict[str, Any]:
    """The names that sources use, for numba's compiler."""
    import numba
    from numba.cuda import libdevice

    device: Callable[..., Any] = cuda.jit(device=True)
    return {name: getattr(numba, name) for name in DTYPES} | {
        "boolean": numba.boolean, "cuda": cuda, "libdevice": libdevice, "device": device,
        "inf": math.inf, "nan": math.nan,
    }  # fmt: skip


def signature(kernel: Kernel, types: Any) -> Any:
    """A kernel's compiled signature: pointers, int64 sizes and the failure record."""
    buffers = [
        types.CPointer(types.uint8 if b.dtype.is_bool else getattr(types, b.dtype.name))
        for b in kernel.buffers
    ]
    return types.void(*buffers, *[types.int64] * kernel.dims, types.int64[::1])


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _exhausted(size: int) -> Exception:
    return ResourceExhaustedError(None, None, f"no device memory for {size} bytes")
