"""Matrix products: square ones of all sizes, the shapes of dense layers, transposed operands."""

from __future__ import annotations

from typing import Any

from graphc.bench.workload import Formula, Workload, normal

PRODUCT = Formula(
    tf1=lambda tf, a, b: tf.matmul(a, b),
    numpy=lambda np, a, b: a @ b,
    torch=lambda torch, a, b: a @ b,
    jax=lambda jax, a, b: a @ b,
    pytensor=lambda pt, a, b: a @ b,
    onnx=(("MatMul", ("x0", "x1"), "y", {}),),
)

LEFT_TRANSPOSED = Formula(
    tf1=lambda tf, a, b: tf.matmul(a, b, transpose_a=True),
    numpy=lambda np, a, b: a.T @ b,
    torch=lambda torch, a, b: a.T @ b,
    jax=lambda jax, a, b: a.T @ b,
    pytensor=lambda pt, a, b: a.T @ b,
    onnx=(("Gemm", ("x0", "x1"), "y", {"transA": 1}),),
)

RIGHT_TRANSPOSED = Formula(
    tf1=lambda tf, a, b: tf.matmul(a, b, transpose_b=True),
    numpy=lambda np, a, b: a @ b.T,
    torch=lambda torch, a, b: a @ b.T,
    jax=lambda jax, a, b: a @ b.T,
    pytensor=lambda pt, a, b: a @ b.T,
    onnx=(("Gemm", ("x0", "x1"), "y", {"transB": 1}),),
)

LAYER = Formula(
    tf1=lambda tf, x, w, b: tf.nn.relu(tf.nn.bias_add(tf.matmul(x, w), b)),
    numpy=lambda np, x, w, b: np.maximum(x @ w + b, np.float32(0)),
    torch=lambda torch, x, w, b: torch.relu(torch.addmm(b, x, w)),
    jax=lambda jax, x, w, b: jax.nn.relu(x @ w + b),
    pytensor=lambda pt, x, w, b: pt.maximum(x @ w + b, 0.0),
    onnx=(("Gemm", ("x0", "x1", "x2"), "p", {}), ("Relu", ("p",), "y", {})),
)

BATCHED = Formula(
    tf1=lambda tf, a, b: tf.matmul(a, b),
    numpy=lambda np, a, b: a @ b,
    torch=lambda torch, a, b: a @ b,
    jax=lambda jax, a, b: a @ b,
    onnx=(("MatMul", ("x0", "x1"), "y", {}),),
)


def _product(
    name: str, formula: Formula, m: int, n: int, k: int, *shapes: tuple[int, ...], batch: int = 1
) -> Workload:
    elements = batch * (m * k + k * n + m * n)
    return Workload(
        name=name,
        family="matmul",
        task=formula,
        inputs=lambda: tuple(normal(*shape, seed=i) for i, shape in enumerate(shapes)),
        flops=2.0 * batch * m * n * k,
        bytes=4.0 * elements,
    )


def _square(n: int) -> Workload:
    return _product(f"matmul {n}³", PRODUCT, n, n, n, (n, n), (n, n))


def _dense(m: int, k: int, n: int) -> Workload:
    return _product(f"matmul [{m}, {k}] [{k}, {n}]", PRODUCT, m, n, k, (m, k), (k, n))


def _transposed(form: str, formula: Formula, m: int, n: int, k: int) -> Workload:
    shapes: dict[str, Any] = {"Aᵀ B": ((k, m), (k, n)), "A Bᵀ": ((m, k), (n, k))}
    return _product(f"{form}, M {m} N {n} K {k}", formula, m, n, k, *shapes[form])


ROWS = (
    *map(_square, (32, 64, 128, 256, 512, 1024, 2048)),
    _dense(1, 1024, 1024),
    _dense(32, 784, 512),
    _product(
        "relu([256, 1024] [1024, 1024] + b)",
        LAYER,
        256,
        1024,
        1024,
        (256, 1024),
        (1024, 1024),
        (1024,),
    ),
    _transposed("Aᵀ B", LEFT_TRANSPOSED, 784, 512, 32),
    _transposed("Aᵀ B", LEFT_TRANSPOSED, 1024, 1024, 1024),
    _transposed("A Bᵀ", RIGHT_TRANSPOSED, 32, 784, 512),
    _transposed("A Bᵀ", RIGHT_TRANSPOSED, 1024, 1024, 1024),
    _product(
        "matmul [64, 64, 64] [64, 64, 64]",
        BATCHED,
        64,
        64,
        64,
        (64, 64, 64),
        (64, 64, 64),
        batch=64,
    ),
)
