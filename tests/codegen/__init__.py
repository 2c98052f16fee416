"""Tests of code generation: kernels built by hand, run natively, compared with NumPy."""
