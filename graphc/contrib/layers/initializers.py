"""Initializers as contrib spells them: `xavier_initializer`, `variance_scaling_initializer`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphc.framework.errors import located
from graphc.framework.shape import as_shape
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ops import random_ops
from graphc.ops.init_ops import compute_fans


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = dtypes.float32
) -> Callable[..., Any]:
    """Numbers of variance 2 / (fan in + fan out) (Glorot and Bengio, 2010), uniform or truncated
    normal.
    """
    return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = dtypes.float32,
) -> Callable[..., Any]:
    """Numbers of variance factor / n, n being the fan in, the fan out, or their mean.

    Args:
        mode: "FAN_IN", "FAN_OUT" or "FAN_AVG".
        uniform: uniform in sqrt(3 factor / n), else normal with deviation sqrt(1.3 factor / n), cut
            at two deviations.

    Raises:
        TypeError: the mode is unknown, or the dtype is not floating.
    """
    wanted = as_dtype(dtype)
    if not wanted.is_floating:
        raise TypeError(located("Cannot create initializer for non-floating point type."))
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise TypeError(located(f"Unknown mode {mode} [FAN_IN, FAN_OUT, FAN_AVG]"))

    def initializer(shape: Any, dtype: Any = wanted, partition_info: Any = None) -> Any:
        kind = as_dtype(dtype)
        if not kind.is_floating:
            raise TypeError(located("Cannot create initializer for non-floating point type."))
        sizes = [size for size in as_shape(shape).as_list() if size is not None]
        if len(sizes) != as_shape(shape).ndims:
            raise ValueError(located(f"an initializer needs a fully known shape, not {shape}"))
        fan_in, fan_out = compute_fans(sizes)
        n = {"FAN_IN": fan_in, "FAN_OUT": fan_out, "FAN_AVG": (fan_in + fan_out) / 2.0}[mode]
        n = max(n, 1)
        if uniform:
            limit = math.sqrt(3.0 * factor / n)
            return random_ops.random_uniform(sizes, -limit, limit, kind, seed=seed)
        deviation = math.sqrt(1.3 * factor / n)
        return random_ops.truncated_normal(sizes, 0.0, deviation, kind, seed=seed)

    return initializer
