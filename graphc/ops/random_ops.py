"""`tf.random_*`: tensors of random numbers, and the seeds that make them repeat.

A run's numbers depend on the seeds fixed when an operation is made and on how often it ran in its
session. A graph seed without an operation seed uses the operation's name, so that adding operations
elsewhere in a program changes nothing here; an operation seed alone uses the default graph seed;
with neither each session draws its own numbers.
"""

from __future__ import annotations

import zlib
from typing import Any, NoReturn

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph, graph_of
from graphc.framework.errors import located, relocated
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor

DEFAULT_GRAPH_SEED = 87654321
_MASK = 2**31 - 1


# ------------------------------------------------------------------------------------------- seeds


def set_random_seed(seed: int | None) -> None:
    """Set the default graph's seed, for the random operations made from now on."""
    get_default_graph().seed = None if seed is None else int(seed)


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The pair (graph seed, operation seed) for an operation made now; (None, None) for entropy.

    Without an operation seed that of the graph is joined by the number of operations so far.
    """
    graph = get_default_graph()
    pair = _pair(graph.seed, op_seed, len(graph.operations))
    return pair if pair != (0, 0) else (None, None)


def _pair(graph_seed: int | None, op_seed: int | None, otherwise: int) -> tuple[int, int]:
    if graph_seed is None:
        if op_seed is None:
            return 0, 0
        graph_seed = DEFAULT_GRAPH_SEED
    elif op_seed is None:
        op_seed = otherwise
    pair = int(graph_seed) & _MASK, int(op_seed) & _MASK
    return pair if pair != (0, 0) else (0, _MASK)


def _draw(type: str, *inputs: Any, seed: int | None, name: str | None = None, **attrs: Any) -> Any:
    """Append a random operation, with its seeds."""
    graph = graph_of(*inputs)
    path = name[:-1] if name and name.endswith("/") else graph.unique_name(name or type, False)
    first, second = _pair(graph.seed, seed, zlib.crc32(path.encode()))
    return apply(type, *inputs, name=name, seed=first, seed2=second, **attrs)


def _shape(shape: Any) -> Tensor:
    """A shape, its sizes numbers, `Dimension`s or scalar tensors, as an integer tensor."""
    is_empty = isinstance(shape, (list, tuple)) and len(shape) == 0
    return convert_to_tensor(shape, dtypes.int32 if is_empty else None, name="shape")


def _floating(dtype: Any, function: str) -> Any:
    found = as_dtype(dtype)
    if found not in dtypes.FLOATS:
        raise TypeError(
            located(
                f"tf.{function}: dtype must be float32 or float64, not {found.name}; tf.cast it"
            )
        )
    return found


# ------------------------------------------------------------------------------------------- draws


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers. `mean` and `stddev` broadcast over `shape`, a list or integer tensor."""
    return _scaled("RandomStandardNormal", "random_normal", shape, mean, stddev, dtype, seed, name)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers no further than two standard deviations from the mean."""
    return _scaled("TruncatedNormal", "truncated_normal", shape, mean, stddev, dtype, seed, name)


def _scaled(
    type: str,
    function: str,
    shape: Any,
    mean: Any,
    stddev: Any,
    dtype: Any,
    seed: int | None,
    name: str | None,
) -> Tensor:
    wanted = _floating(dtype, function)
    with name_scope(name, function, [shape, mean, stddev]) as scope:
        sizes = _shape(shape)
        centre = convert_to_tensor(mean, wanted, name="mean")
        deviation = convert_to_tensor(stddev, wanted, name="stddev")
        numbers = _draw(type, sizes, seed=seed, dtype=wanted)
        return apply("Add", numbers * deviation, centre, name=scope)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval); integers for an integer `dtype`, where maxval is
    required.

    Raises:
        ValueError: no maxval for an integer dtype; InvalidArgumentError (in the run): minval >=
            maxval for an integer dtype.
    """
    wanted = as_dtype(dtype)
    if wanted not in (*dtypes.FLOATS, *dtypes.INDICES):
        raise TypeError(
            located(
                "tf.random_uniform: dtype must be float32, float64, int32 or int64, not "
                f"{wanted.name}"
            )
        )
    if maxval is None:
        if wanted.is_integer:
            raise ValueError(located(f"Must specify maxval for integer dtype {wanted!r}"))
        maxval = 1
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        sizes = _shape(shape)
        low = convert_to_tensor(minval, wanted, name="min")
        high = convert_to_tensor(maxval, wanted, name="max")
        if wanted.is_integer:
            return _draw("RandomUniformInt", sizes, low, high, seed=seed, name=scope)
        numbers = _draw("RandomUniform", sizes, seed=seed, dtype=wanted)
        return apply("Add", numbers * (high - low), low, name=scope)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows of `value` (its slices along dimension 0) in random order."""
    tensor = convert_to_tensor(value, name="value")
    return _draw("RandomShuffle", tensor, seed=seed, name=name)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A slice of `value` of shape `size`, at a random position.

    Raises:
        InvalidArgumentError (in the run): `size` is larger than `value` in some dimension.
    """
    with name_scope(name, "random_crop", [value, size]) as scope:
        tensor = convert_to_tensor(value, name="value")
        sizes = convert_to_tensor(size, dtypes.int32, name="size")
        limit = apply("Shape", tensor) - sizes + 1
        low = apply("ZerosLike", limit)
        far = np.int32(dtypes.int32.max)
        draws = _draw("RandomUniformInt", apply("Shape", limit), np.int32(0), far, seed=seed)
        # A size that is too large leaves a limit below 1: the slice then refuses its position.
        offset = apply("Maximum", draws % apply("Maximum", limit, low + 1), low)
        return apply("Slice", tensor, offset, sizes, name=scope)


def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """Class numbers drawn per row with probabilities softmax(logits): int64 [rows, num_samples]."""
    return _classes("multinomial", logits, num_samples, output_dtype, seed, name)


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`multinomial` under its later name."""
    return _classes("categorical", logits, num_samples, dtype, seed, name)


def _classes(
    function: str, logits: Any, num_samples: Any, dtype: Any, seed: int | None, name: str | None
) -> Tensor:
    wanted = dtypes.int64 if dtype is None else as_dtype(dtype)
    with name_scope(name, function, [logits]):
        tensor = convert_to_tensor(logits, name="logits")
        count = convert_to_tensor(num_samples, dtypes.int32, name="num_samples")
        try:
            return _draw("Multinomial", tensor, count, seed=seed, output_dtype=wanted)
        except (TypeError, ValueError) as error:
            raise relocated(error) from None


def random_gamma(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available; raises NotImplementedError."""
    raise NotImplementedError(
        located("tf.random_gamma is not supported; draw with NumPy and feed, or use tf.py_func")
    )


def random_poisson(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available; raises NotImplementedError."""
    raise NotImplementedError(
        located("tf.random_poisson is not supported; draw with NumPy and feed, or use tf.py_func")
    )
