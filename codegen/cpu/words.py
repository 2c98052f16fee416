"""Tables of 64-bit words that native code reads, and what keeps their contents alive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Words(np.ndarray):
    """A table of words, with the objects that its addresses point to."""

    keep: list[Any]


def word_table(values: Sequence[int]) -> Words:
    """A table that holds `values`."""
    table = np.array(values, np.int64).view(Words)
    table.keep = []
    return table


def address_of(array: np.ndarray) -> int:
    """The address of an array's first element."""
    address: int = array.__array_interface__["data"][0]
    return address
