"""The CPU target: LLVM IR for kernels, their compilation and cache, and the native driver.

`text` writes IR, `arith` and `vecmath` the arithmetic, `access` loads and stores, `body` stages,
`loops` and `reduce` loop nests, `emit` whole modules, `jit` compiles and caches, `driver` runs.
"""
