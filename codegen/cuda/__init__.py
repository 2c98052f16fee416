"""The CUDA target: every `Kernel` becomes readable numba.cuda source, compiled or simulated.

`source` prints kernels, `adapter` holds all contact with numba, `executable` runs schedules. numba
is imported when the first program runs on this target, not before.
"""

from __future__ import annotations

from graphc.codegen.kernel import Kernel

__all__ = ["cuda_source", "is_available"]


def cuda_source(kernel: Kernel) -> str:
    """The numba.cuda source text of a kernel, as a GPU would get it."""
    from graphc.codegen.cuda.source import kernel_source

    return kernel_source(kernel)


def is_available() -> bool:
    """Whether a GPU can be used (the simulator does not count)."""
    from graphc.codegen.cuda.adapter import gpu_problem

    return gpu_problem() is None
