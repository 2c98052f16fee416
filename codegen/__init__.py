"""Code generation: from a compiled function to kernels, a memory plan and an executable.

Fusion groups, schedules, buffer plans, executables and caches are shared by all targets; `cpu`
emits LLVM IR, `cuda` emits numba.cuda kernels. Imports graphc.ir, and nothing above it.
"""

if __name__ != "graphc.codegen":
    raise ImportError(
        f"this package is graphc.codegen, not {__name__}: write `import graphc.codegen`"
    )
