"""Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011), as every target draws them.

The number drawn for an element depends on (key, run counter, stream, element) alone, never on
vector width, threads or target. Elements are dealt so that 16 neighbours share one word position:
element e belongs to group g = e >> 6, has lane l = e & 15 and word w = (e >> 4) & 3, and takes
output word w of the Philox block whose counter is g * 16 + l. A target may thus compute four
vectors from one block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10
_MASK = np.uint64(0xFFFFFFFF)


def philox(block: Any, key: int, run: int, stream: int = 0) -> np.ndarray:
    """Four 32-bit words of each Philox block.

    The counter is (low and high half of `block`, low half of `run`, low half of `stream`); the key
    is (low half of `key`, high half of `key`). Returns uint32 of shape [4, *block.shape].
    """
    block = np.asarray(block, np.uint64)
    c0, c1 = block & _MASK, block >> np.uint64(32)
    c2 = np.full_like(block, run & 0xFFFFFFFF)
    c3 = np.full_like(block, stream & 0xFFFFFFFF)
    k0, k1 = key & 0xFFFFFFFF, (key >> 32) & 0xFFFFFFFF
    for _ in range(ROUNDS):
        p0, p1 = c0 * np.uint64(M0), c2 * np.uint64(M1)
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & _MASK,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & _MASK,
        )
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3]).astype(np.uint32)


def random_bits(elements: Any, key: int, run: int, stream: int = 0) -> np.ndarray:
    """The 32 random bits of each element (uint32, the shape of `elements`)."""
    elements = np.asarray(elements, np.int64)
    block = (elements >> 6) * 16 + (elements & 15)
    word = (elements >> 4) & 3
    words = philox(block, key, run, stream)
    bits: np.ndarray = np.take_along_axis(words, word[None], axis=0)[0]
    return bits


def permutation(n: int, key: int, run: int) -> np.ndarray:
    """A uniform random permutation of range(n), int64: Fisher-Yates from the end.

    Step i (from n-1 down to 1) swaps i with r mod (i + 1), where r joins the bits of elements 2i
    (high half) and 2i + 1 (low half) of stream 1.
    """
    order = np.arange(n, dtype=np.int64)
    if n < 2:
        return order
    bits = random_bits(np.arange(2 * n), key, run, stream=1).astype(np.uint64)
    draws = (bits[0::2] << np.uint64(32)) | bits[1::2]
    for i in range(n - 1, 0, -1):
        j = int(draws[i] % np.uint64(i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def seed_key(graph_seed: int, op_seed: int) -> int:
    """The 64-bit Philox key of a pair of TF1 seeds (splitmix64 finaliser over both), as int64."""
    mask = (1 << 64) - 1
    value = ((graph_seed & 0xFFFFFFFF) << 32 | (op_seed & 0xFFFFFFFF)) + 0x9E3779B97F4A7C15 & mask
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
    value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
    value ^= value >> 31
    return value - (1 << 64) if value >> 63 else value
