"""How far results may be apart: what rounding alone can do to them.

Close results agree. Where two are further apart than a few units in the last place, the function is
interpreted again and again with every intermediate result moved at random by its last bits (Monte
Carlo arithmetic: Parker, 1997): what a cancellation magnifies, or a comparison decides, then
differs between the samples as well, and a wrong computation does not. Numbers that are exact
(multiples of a small power of two) stay as they are, unless a transcendental function gives them:
its values are exact at 0 only, or 0 (Lindemann and Weierstrass); others that look exact were
rounded to a limit, as tanh(20) to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphc.ir.graph import Operation
from graphc.ir.interpreter import Rounding

ULPS = 64.0  # of difference that need no explanation
EXACT_STEP, EXACT_MOST = 2.0**-10, 2.0**12
FIRST_SAMPLES, MOST_SAMPLES = 8, 96
MARGIN = 8.0  # times the spread of the samples

BOUNDED = ("Cos", "Erf", "Sigmoid", "Sin", "Tanh")  # by 1
TRANSCENDENTAL = (*BOUNDED, "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Erfc",
                  "Exp", "Expm1", "Log", "Log1p", "Sinh", "Softplus", "Tan")  # fmt: skip
NEGATIVE_HALF = ("Elu", "Selu")  # exponentials of negative numbers; of others a multiple

Sampler = Callable[[Rounding], Sequence[np.ndarray]]


def close(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where two arrays of a shape agree without further explanation (NaNs agree)."""
    if expected.dtype.kind != "f":
        return np.asarray(got == expected)
    info = np.finfo(expected.dtype)
    with np.errstate(all="ignore"):
        allowed = ULPS * info.eps * np.abs(expected) + 64 * info.tiny
        near = np.abs(got - expected) <= allowed
    return np.asarray((got == expected) | near | (np.isnan(got) & np.isnan(expected)))


@dataclass
class Spread:
    """What rounding does to the results of a run: samples are drawn as they are asked for."""

    sample: Sampler
    seed: int
    blunt: bool = False  # move exact numbers, too
    _random: np.random.Generator = field(init=False)
    _samples: list[Sequence[np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def explains(self, index: int, got: np.ndarray, expected: np.ndarray) -> bool:
        """Whether rounding explains how result number `index` differs from what is expected."""
        wrong = ~close(got, expected)
        for count in (FIRST_SAMPLES, 32, MOST_SAMPLES):
            while len(self._samples) < count:
                self._samples.append(self.sample(self._rounded))
            samples = [s[index] for s in self._samples]
            if any(s.shape != expected.shape for s in samples):
                return True  # sizes hang on rounding
            wrong &= ~self._allowed(samples, got, expected)
            if not wrong.any():
                return True
        return False

    def _allowed(
        self, samples: Sequence[np.ndarray], got: np.ndarray, expected: np.ndarray
    ) -> np.ndarray:
        stack = np.stack([*samples, expected])
        if expected.dtype.kind != "f":
            return np.asarray((stack != expected).any(axis=0))
        finite = np.isfinite(stack)
        with np.errstate(all="ignore"):
            low, high = stack.min(axis=0), stack.max(axis=0)
            room = MARGIN * (high - low)
            inside = (got >= low - room) & (got <= high + room)
        return np.asarray(inside | (finite.any(axis=0) & ~finite.all(axis=0)))

    def _rounded(
        self, op: Operation, inputs: Sequence[np.ndarray], array: np.ndarray
    ) -> np.ndarray:
        """A result with inexact elements moved by up to two units in the last place."""
        if array.dtype.kind != "f" or not array.size:
            return array
        with np.errstate(all="ignore"):
            exact = (np.abs(array) <= EXACT_MOST) & (np.fmod(array, EXACT_STEP) == 0)
            exact &= not self.blunt
            exact &= ~_transcendental(op, inputs)
            noise = self._random.uniform(-2, 2, array.shape) * np.finfo(array.dtype).eps
            moved = (array * (1 + noise)).astype(array.dtype)
        if op.type in BOUNDED:
            moved = np.clip(moved, -1, 1)
        return np.where(exact | ~np.isfinite(array), array, moved).astype(array.dtype)


def _transcendental(op: Operation, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Where the elements of a result are values of a transcendental function, but not at 0."""
    if op.type in TRANSCENDENTAL:
        return np.asarray(inputs[0] != 0)
    if op.type in NEGATIVE_HALF:
        return np.asarray(inputs[0] < 0)
    return np.zeros((), np.bool_)
