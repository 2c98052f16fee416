"""What machine code is written for: triple, CPU name and instruction set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

OLDEST_LLVM = 20  # before it, llvmlite reads pointers with types only


@dataclass(frozen=True)
class Features:
    """A processor as LLVM names it. `flags` is LLVM's feature string, "+avx2,-avx512f,...".

    The instruction set comes from `flags` alone; `cpu` only picks scheduling tables, because
    virtual machines report a processor's name together with fewer abilities than its name promises.
    """

    triple: str
    cpu: str
    flags: str

    @cached_property
    def _on(self) -> frozenset[str]:
        return frozenset(flag[1:] for flag in self.flags.split(",") if flag.startswith("+"))

    @cached_property
    def is_x86(self) -> bool:
        return self.triple.startswith(("x86_64", "i386", "i686"))

    @cached_property
    def fma(self) -> bool:
        """Whether x * y + z rounded once is one instruction."""
        return not self.is_x86 or "fma" in self._on or "avx512f" in self._on

    @cached_property
    def avx512(self) -> bool:
        return "avx512f" in self._on

    def masked(self, size: int) -> bool:
        """Whether masked vector loads and stores of elements of `size` bytes are instructions."""
        if size < 4:
            return "avx512bw" in self._on and "avx512vl" in self._on
        return "avx" in self._on or "sve" in self._on or "v" in self._on

    @cached_property
    def attributes(self) -> str:
        """Function attributes that make 512-bit registers usable where they exist."""
        wide = '"prefer-vector-width"="512" "min-legal-vector-width"="512"' if self.avx512 else ""
        return f"nounwind {wide}".strip()


@cache
def host_features() -> Features:
    """The machine this process runs on.

    Raises:
        ImportError: llvmlite is too old for the LLVM IR that is written here.
    """
    import llvmlite
    import llvmlite.binding as llvm

    if llvm.llvm_version_info[0] < OLDEST_LLVM:
        raise ImportError(
            f"graphc needs llvmlite 0.45 or newer (LLVM {OLDEST_LLVM}), not {llvmlite.__version__}:"
            " pip install -U llvmlite numba"
        )
    try:
        flags = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # platforms where LLVM cannot tell: the baseline of the triple
        flags = ""
    return Features(llvm.get_process_triple(), llvm.get_host_cpu_name(), flags)
