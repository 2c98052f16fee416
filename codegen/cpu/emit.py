"""Modules: a kernel as the text of one LLVM module.

A module's entry point is `@kernel_<key>(ptr %frame, ptr %slots, i64 %begin, i64 %end)`, see ABI.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.cpu.helpers import Divided, divide
from graphc.codegen.cpu.loops import emit_loops
from graphc.codegen.cpu.special import emit_special
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import ModuleText
from graphc.codegen.kernel import Kernel


def emit_module(kernels: Sequence[Kernel], features: Features) -> str:
    """One module with the entry points of all `kernels` (distinct) and all that they call."""
    functions, module = _emit(kernels, features)
    return "\n".join([module_head(features), *functions, module.text()])


def emit_divided(kernels: Sequence[Kernel], features: Features) -> Divided:
    """The same, without the helpers that other kernels call as well."""
    functions, module = _emit(kernels, features)
    return divide(module_head(features), functions, module.parts)


def module_head(features: Features) -> str:
    """What every module begins with."""
    return f'target triple = "{features.triple}"\n'


def _emit(kernels: Sequence[Kernel], features: Features) -> tuple[list[str], ModuleText]:
    module = ModuleText()
    return [_header(k) + emit_kernel(k, features, module) for k in kernels], module


def emit_kernel(kernel: Kernel, features: Features, module: ModuleText) -> str:
    """The function(s) of one kernel; helpers go to `module`."""
    name = kernel.symbol
    if kernel.special is not None:
        return emit_special(kernel, features, module, name)
    if kernel.contraction is not None:
        from graphc.codegen.cpu.contraction import emit_contraction

        return emit_contraction(kernel, features, module, name)
    return emit_loops(kernel, features, module, name)


def _header(kernel: Kernel) -> str:
    """Title, sources and loop form as comments."""
    lines = [line for line in (kernel.title, *kernel.sources) if line]
    lines += kernel.text.rstrip("\n").split("\n")
    return "".join(f"; {line.replace(chr(10), ' ')}\n" for line in lines)
