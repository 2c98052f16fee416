"""Elementwise: chains that one loop can compute, from the smallest caches to main memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.bench.workload import Array, Formula, Missing, Workload, normal, uniform

RATE, VOLATILITY = 0.02, 0.3


def _gelu_sigmoid(exp: Any, tanh: Any, x: Any) -> Any:
    """sigmoid(gelu(x)), gelu by its tanh formula."""
    gelu = 0.5 * x * (1.0 + tanh(0.7978845608 * (x + 0.044715 * x * x * x)))
    return 1.0 / (1.0 + exp(-gelu))


def _gelu_sigmoid_tf1(tf: Any, x: Any) -> Any:
    gelu = 0.5 * x * (1.0 + tf.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))
    return tf.sigmoid(gelu)


GELU_SIGMOID = Formula(
    tf1=_gelu_sigmoid_tf1,
    numpy=lambda np, x: _gelu_sigmoid(np.exp, np.tanh, x),
    torch=lambda torch, x: torch.sigmoid(torch.nn.functional.gelu(x, approximate="tanh")),
    jax=lambda jax, x: jax.nn.sigmoid(jax.nn.gelu(x, approximate=True)),
    pytensor=lambda pt, x: _gelu_sigmoid(pt.exp, pt.tanh, x),
)


def _black_scholes(log: Any, exp: Any, sqrt: Any, erf: Any, s: Any, k: Any, t: Any) -> list[Any]:
    """Prices of a call and a put: Black and Scholes (1973)."""
    spread = VOLATILITY * sqrt(t)
    d1 = (log(s / k) + (RATE + 0.5 * VOLATILITY * VOLATILITY) * t) / spread
    d2 = d1 - spread
    below1 = 0.5 * (1.0 + erf(d1 * math.sqrt(0.5)))
    below2 = 0.5 * (1.0 + erf(d2 * math.sqrt(0.5)))
    present = k * exp(-RATE * t)
    call = s * below1 - present * below2
    return [call, call - s + present]


def _exact_erf(x: Array) -> Array:
    return np.fromiter(map(math.erf, x.ravel()), np.float64, x.size).reshape(x.shape)


def _numpy_black_scholes(np: Any, s: Array, k: Array, t: Array) -> list[Array]:
    try:
        from scipy.special import erf
    except ImportError:
        raise Missing("NumPy has no erf, and SciPy is not installed") from None
    return _black_scholes(np.log, np.exp, np.sqrt, erf, s, k, t)


BLACK_SCHOLES = Formula(
    tf1=lambda tf, *xs: _black_scholes(tf.log, tf.exp, tf.sqrt, tf.erf, *xs),
    numpy=_numpy_black_scholes,
    torch=lambda torch, *xs: _black_scholes(torch.log, torch.exp, torch.sqrt, torch.erf, *xs),
    jax=lambda jax, *xs: _black_scholes(
        jax.numpy.log, jax.numpy.exp, jax.numpy.sqrt, jax.lax.erf, *xs
    ),
    pytensor=lambda pt, *xs: _black_scholes(pt.log, pt.exp, pt.sqrt, pt.erf, *xs),
)

ADD = Formula(
    tf1=lambda tf, x, y: x + y,
    numpy=lambda np, x, y: x + y,
    torch=lambda torch, x, y: x + y,
    jax=lambda jax, x, y: x + y,
    pytensor=lambda pt, x, y: x + y,
)

BIAS = Formula(
    tf1=lambda tf, x, b: tf.nn.relu(tf.nn.bias_add(x, b)),
    numpy=lambda np, x, b: np.maximum(x + b, np.float32(0)),
    torch=lambda torch, x, b: torch.relu(x + b),
    jax=lambda jax, x, b: jax.nn.relu(x + b),
    pytensor=lambda pt, x, b: pt.maximum(x + b, 0.0),
)


def _chain(power: int) -> Workload:
    count = 10**power
    return Workload(
        name=f"sigmoid(gelu(x)), 1e{power} floats",
        family="elementwise",
        task=GELU_SIGMOID,
        inputs=lambda: (normal(count),),
        bytes=8.0 * count,
    )


ROWS = (
    *map(_chain, (3, 5, 7)),
    Workload(
        name="x + y, 1e7 floats",
        family="elementwise",
        task=ADD,
        inputs=lambda: (normal(10**7), normal(10**7, seed=1)),
        flops=1e7,
        bytes=12e7,
    ),
    Workload(
        name="relu(x + b), [100000, 10]",
        family="elementwise",
        task=BIAS,
        inputs=lambda: (normal(100_000, 10), normal(10, seed=1)),
        bytes=8e6,
    ),
    Workload(
        name="Black-Scholes, 1e6 options",
        family="elementwise",
        task=BLACK_SCHOLES,
        inputs=lambda: (
            uniform(80, 120, 10**6),
            uniform(80, 120, 10**6, seed=1),
            uniform(0.1, 2, 10**6, seed=2),
        ),
        reference=lambda *xs: _black_scholes(np.log, np.exp, np.sqrt, _exact_erf, *xs),
        bytes=20e6,
    ),
)
