"""Initializers: what gives new variables their first values, as TF1's classes.

An initializer is called with a shape; `get_variable` also takes the class itself and makes an
instance without arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import Tensor
from graphc.ops import constant_op, random_ops


class Initializer:
    """The base of all initializers: a function of (shape, dtype, partition_info) with a
    configuration.
    """

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """An initializer for what `get_config` gave."""
        return cls(**config)


def _filled(shape: Any, value: Any, dtype: DType, name: str) -> Tensor:
    sizes = constant_op.constant(_sizes(shape), dtypes.int32, name="shape")
    return apply("Fill", sizes, constant_op.constant(value, dtype, name="Const"), name=name)


def _sizes(shape: Any) -> list[int]:
    """The sizes of a list or a fully known `TensorShape`.

    Raises:
        ValueError: a size is not known.
    """
    listed = shape.as_list() if hasattr(shape, "as_list") else list(shape)
    sizes = [getattr(size, "value", size) for size in listed]
    if any(size is None for size in sizes):
        raise ValueError(located(f"an initializer needs a fully known shape, not {shape}"))
    return [int(size) for size in sizes]


class Zeros(Initializer):
    """Zeros (False for bool)."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        wanted = self.dtype if dtype is None else as_dtype(dtype)
        return _filled(shape, False if wanted.is_bool else 0, wanted, "zeros")

    def get_config(self) -> dict[str, Any]:
        return {"dtype": self.dtype.name}


class Ones(Initializer):
    """Ones (True for bool)."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        wanted = self.dtype if dtype is None else as_dtype(dtype)
        return _filled(shape, True if wanted.is_bool else 1, wanted, "ones")

    def get_config(self) -> dict[str, Any]:
        return {"dtype": self.dtype.name}


class Constant(Initializer):
    """A number everywhere, or the elements of a list or array in row-major order (the last
    repeated).

    Raises:
        TypeError: `value` is neither number, list nor array; or, with `verify_shape`, of another
            shape.
    """

    def __init__(
        self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False
    ) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                located(
                    f"Invalid type for initial value: {type(value)} (expected Python scalar, list "
                    "or tuple of values, or numpy.ndarray)."
                )
            )
        self.value = value
        self.dtype = as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(
        self,
        shape: Any,
        dtype: Any = None,
        partition_info: Any = None,
        verify_shape: bool | None = None,
    ) -> Tensor:
        wanted = self.dtype if dtype is None else as_dtype(dtype)
        checked = self._verify_shape if verify_shape is None else verify_shape
        if np.isscalar(self.value) and not checked:
            return _filled(shape, self.value, wanted, "Const")
        return constant_op.constant(self.value, wanted, _sizes(shape), verify_shape=checked)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value, "dtype": self.dtype.name}


class _Random(Initializer):
    """What random initializers share: a seed and a floating dtype."""

    def __init__(self, seed: int | None, dtype: Any) -> None:
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def _wanted(self, dtype: Any) -> DType:
        return self.dtype if dtype is None else as_dtype(dtype)


class RandomUniform(_Random):
    """Uniform numbers in [minval, maxval); maxval defaults to 1 for floats."""

    def __init__(
        self,
        minval: Any = 0,
        maxval: Any = None,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(seed, dtype)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        wanted = self._wanted(dtype)
        return random_ops.random_uniform(shape, self.minval, self.maxval, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            "minval": self.minval, "maxval": self.maxval,
            "seed": self.seed, "dtype": self.dtype.name,
        }  # fmt: skip


class RandomNormal(_Random):
    """Normal numbers."""

    def __init__(
        self,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(seed, _require_floating(dtype))
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        wanted = self._wanted(dtype)
        return random_ops.random_normal(shape, self.mean, self.stddev, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            "mean": self.mean, "stddev": self.stddev, "seed": self.seed, "dtype": self.dtype.name,
        }  # fmt: skip


class TruncatedNormal(RandomNormal):
    """Normal numbers no further than two standard deviations from the mean."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        wanted = self._wanted(dtype)
        return random_ops.truncated_normal(shape, self.mean, self.stddev, wanted, seed=self.seed)


class UniformUnitScaling(_Random):
    """Uniform in (-limit, limit) with limit = factor sqrt(3 / n), n the product of all sizes but
    the last.
    """

    def __init__(
        self, factor: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(seed, _require_floating(dtype))
        self.factor = factor

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        sizes = _sizes(getattr(partition_info, "full_shape", shape))
        count = max(math.prod(sizes[:-1]), 1.0)
        limit = math.sqrt(3 / count) * self.factor
        return random_ops.random_uniform(shape, -limit, limit, self._wanted(dtype), seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "seed": self.seed, "dtype": self.dtype.name}


# The standard deviation of a standard normal number that lies in [-2, 2].
_TRUNCATED_DEVIATION = 0.87962566103423978


class VarianceScaling(_Random):
    """Numbers of variance scale / n, where n is fan in, fan out or their mean (`mode`).

    Args:
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "normal" or "truncated_normal" (cut at two deviations), "untruncated_normal",
            or "uniform" with limit sqrt(3 scale / n).

    Raises:
        ValueError: an unknown mode or distribution, a scale that is not positive, a dtype not
            floating.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if scale <= 0.0:
            raise ValueError(located("`scale` must be positive float."))
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(located(f"Invalid `mode` argument: {mode}"))
        distribution = distribution.lower()
        if distribution not in ("normal", "uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(located(f"Invalid `distribution` argument: {distribution}"))
        super().__init__(seed, _require_floating(dtype))
        self.scale = scale
        self.mode = mode
        self.distribution = distribution

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        wanted = self._wanted(dtype)
        fan_in, fan_out = compute_fans(_sizes(getattr(partition_info, "full_shape", shape)))
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random_ops.random_uniform(shape, -limit, limit, wanted, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_ops.random_normal(shape, 0.0, math.sqrt(variance), wanted, seed=self.seed)
        deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
        return random_ops.truncated_normal(shape, 0.0, deviation, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale, "mode": self.mode, "distribution": self.distribution,
            "seed": self.seed, "dtype": self.dtype.name,
        }  # fmt: skip


class GlorotUniform(VarianceScaling):
    """Uniform with variance 2 / (fan in + fan out): the default of `get_variable` (Xavier)."""

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "dtype": self.dtype.name}


class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (fan in + fan out)."""

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "dtype": self.dtype.name}


class Orthogonal(_Random):
    """A matrix with orthonormal rows or columns times `gain`; sizes but the last count as rows.

    It is the Q of a QR decomposition of normal numbers, computed by NumPy when initializers run.
    """

    def __init__(
        self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(seed, _require_floating(dtype))
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        from graphc.ops.script_ops import host_call

        wanted = self._wanted(dtype)
        sizes = _sizes(shape)
        if len(sizes) < 2:
            raise ValueError(located("The tensor to initialize must be at least two-dimensional"))
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        tall = (max(rows, columns), min(rows, columns))
        numbers = random_ops.random_normal(tall, dtype=wanted, seed=self.seed)

        def orthonormal(x: np.ndarray) -> np.ndarray:
            q, r = np.linalg.qr(x)
            q = q * np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri, 2007)
            return (self.gain * (q.T if rows < columns else q)).reshape(sizes).astype(wanted.numpy)

        graph = get_default_graph()
        result = host_call(graph, orthonormal, [numbers], [wanted], True, "orthogonal")[0]
        result.set_shape(sizes)
        return result

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed, "dtype": self.dtype.name}


class Identity(Initializer):
    """The identity matrix (rectangular ones too) times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.dtype = as_dtype(_require_floating(dtype))

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        sizes = _sizes(getattr(partition_info, "full_shape", shape))
        if len(sizes) != 2:
            raise ValueError(
                located("Identity matrix initializer can only be used for 2D matrices.")
            )
        wanted = self.dtype if dtype is None else as_dtype(dtype)
        return constant_op.constant(self.gain * np.eye(sizes[0], sizes[1]), wanted, name="eye")

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "dtype": self.dtype.name}


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal with variance 1 / fan in."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 1 / fan in."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal with variance 2 / fan in."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 2 / fan in."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def compute_fans(sizes: list[int]) -> tuple[float, float]:
    """The numbers of inputs and outputs of a unit, for weights of a shape: (…, inputs, outputs),
    leading sizes being a convolution's window.
    """
    if len(sizes) < 1:
        return 1, 1
    if len(sizes) == 1:
        return sizes[0], sizes[0]
    window = math.prod(sizes[:-2])
    return window * sizes[-2], window * sizes[-1]


def _require_floating(dtype: Any) -> DType:
    found = as_dtype(dtype)
    if not found.is_floating:
        raise ValueError(located(f"Expected floating point type, got {found!r}."))
    return found


zeros_initializer = Zeros
ones_initializer = Ones
constant_initializer = Constant
random_uniform_initializer = RandomUniform
random_normal_initializer = RandomNormal
truncated_normal_initializer = TruncatedNormal
uniform_unit_scaling_initializer = UniformUnitScaling
variance_scaling_initializer = VarianceScaling
glorot_uniform_initializer = GlorotUniform
glorot_normal_initializer = GlorotNormal
orthogonal_initializer = Orthogonal
identity_initializer = Identity
