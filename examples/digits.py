"""The real digits these examples train on: 10,000 MNIST images, in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent / "data" / "mnist10k.npz"


@dataclass(frozen=True, slots=True)
class Digits:
    """Images float32 [n, 784] in [0, 1] and labels int64 [n]."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def load(held_back: int = 2000) -> tuple[Digits, Digits]:
    """The digits to train on and the last `held_back` ones to test on."""
    with np.load(DATA) as archive:
        images = archive["images"].astype(np.float32) / np.float32(255)
        labels = archive["labels"].astype(np.int64)
    cut = len(labels) - held_back
    return Digits(images[:cut], labels[:cut]), Digits(images[cut:], labels[cut:])


def batches(digits: Digits, size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """One epoch: the row numbers of each batch, shuffled; the last batch may be smaller."""
    order = generator.permutation(len(digits))
    return [order[start : start + size] for start in range(0, len(order), size)]
