"""A workload: one row of a table. What is computed, on which inputs, and how that is measured.

A row says *what* (a task: a formula, a model, a program); the implementations know *how*. A task
that an implementation has no form for is missing there, and its cell in the results is "-".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray
Inputs = tuple[Array, ...]
Unit = Literal["s", "MiB"]
# The operations of an ONNX graph: (type, inputs, output, attributes). Inputs are "x0", "x1", …,
# earlier outputs, or numbers; the last operation gives the result.
OnnxNodes = tuple[tuple[str, tuple[str | float, ...], str, dict[str, Any]], ...]


class Missing(Exception):
    """An implementation has no form of a task, or lacks a library that it needs for it."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of arrays, as each library's users write it.

    Every form takes the library's module and the inputs in the library's own kind of array, and
    returns one result or several. `tf1` serves graphc and `tensorflow.compat.v1` alike.
    """

    tf1: Callable[..., Any]
    numpy: Callable[..., Any] | None = None
    torch: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    pytensor: Callable[..., Any] | None = None
    onnx: OnnxNodes | None = None
    by_session_run: bool = (
        False  # tf1: through `session.run` with a feed dict, not a bound callable
    )


@dataclass(frozen=True, slots=True)
class Unseen:
    """The first call of a formula at a batch size it never met, beyond what a second call costs."""

    formula: Formula
    inputs_of_batch: Callable[[int], Inputs]


@dataclass(frozen=True, slots=True)
class Model:
    """A dense network: relu between layers; softmax cross entropy, or squared error, at its end."""

    layers: tuple[int, ...]
    batch: int
    optimizer: Literal["sgd", "adam"] = "sgd"
    rate: float = 0.01
    loss: Literal["softmax", "squared"] = "softmax"


@dataclass(frozen=True, slots=True)
class Training:
    """One step: a batch in, the variables updated, the loss out."""

    model: Model


@dataclass(frozen=True, slots=True)
class Inference:
    """The network's logits for one batch; its weights are variables."""

    model: Model


@dataclass(frozen=True, slots=True)
class NetworkTraining:
    """One step of Adam on a network of `networks`: a batch in, weights updated, the loss out."""

    network: str
    batch: int
    rate: float = 1e-3


@dataclass(frozen=True, slots=True)
class NetworkInference:
    """The logits of a network of `networks` for one batch; its weights are variables."""

    network: str
    batch: int


@dataclass(frozen=True, slots=True)
class Program:
    """A program in a new process (`programs.py`).

    Metrics: "first" is the time from starting the process to the first result, imports included;
    "inside" is from the program's own start after its imports; "memory" is the peak resident set.
    `cold` starts with empty caches of compiled code, else they were filled by an earlier run.
    """

    name: str
    metric: Literal["first", "inside", "memory"]
    cold: bool = False


Task = Formula | Unseen | Training | Inference | NetworkTraining | NetworkInference | Program


@dataclass(frozen=True, slots=True)
class Workload:
    """One row.

    Args:
        name: what users see; unique.
        family: its table.
        task: what is computed.
        inputs: makes the inputs, the same ones whenever it is called; models make their own.
        reference: the results in float64, from the inputs in float64; None where the task's NumPy
            form, or the model, says it.
        tolerance: the largest error allowed, relative to the largest element of the reference.
        flops, bytes: the least arithmetic and memory traffic, for the roofline; None if not known.
        rounds: at most so many rounds.
    """

    name: str
    family: str
    task: Task
    inputs: Callable[[], Inputs] = tuple
    reference: Callable[..., Sequence[Array] | Array] | None = None
    tolerance: float = 1e-5
    flops: float | None = None
    bytes: float | None = None
    rounds: int | None = None

    @property
    def unit(self) -> Unit:
        """What the figures are in."""
        return "MiB" if isinstance(self.task, Program) and self.task.metric == "memory" else "s"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task made ready by an implementation.

    `function(*arguments)` is what is timed, result in hand when it returns. `outputs` computes what
    is checked, once, before anything is timed. For Unseen, `function` takes a batch size instead.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    outputs: Callable[[], list[Array]]


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    """Normally distributed float32 values."""
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return values * np.float32(scale)


def uniform(low: float, high: float, *shape: int, seed: int = 0) -> Array:
    """Uniformly distributed float32 values."""
    values = np.random.default_rng(seed).random(shape, dtype=np.float32)
    return np.float32(low) + values * np.float32(high - low)


def labels(count: int, classes: int, seed: int = 0) -> Array:
    """Class numbers, int64."""
    return np.random.default_rng(seed).integers(0, classes, count)


def as_arrays(results: Any) -> list[Array]:
    """One result or several as a list of NumPy arrays."""
    several = results if isinstance(results, (list, tuple)) else [results]
    return [np.asarray(result) for result in several]
