"""CRC-32C (Castagnoli), the checksum in checkpoint files, at memory speed on NumPy.

The polynomial divides x^5685 + x^1362 + x^426 + 1, hence also that of the 64th powers. So a 64-bit
word may be taken out of the data if it is added (exclusive or) to the three words that lie
5685 - 1362, 5685 - 426 and 5685 places later: thousands of words at once. The last 5685 words are
folded in halves with tables, down to one word.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_MASK = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
_WINDOW = 5685
_STRIDES = (5685 - 1362, 5685 - 426, 5685)
_SEGMENT = _STRIDES[0] * 8  # words that are copied and reduced at a time: a quarter of a megabyte
_SHORT = 1024  # bytes: below, a loop over bytes is the quickest


def crc32c(data: Any, before: int = 0) -> int:
    """The checksum of bytes, or of a contiguous array's bytes, after data of checksum `before`."""
    octets = np.frombuffer(data, np.uint8) if len(data) else np.zeros(0, np.uint8)
    if len(octets) < _SHORT:
        return _by_bytes(octets.tolist(), before ^ _MASK) ^ _MASK
    words = _reduced(octets, before ^ _MASK)
    while len(words) > 1:
        half = len(words) // 2
        words = _folded(words[:half], half) ^ words[half:]
    return _by_bytes(words.view(np.uint8).tolist(), 0) ^ _MASK


def masked(crc: int) -> int:
    """A checksum as it is stored, so that checksums of data with checksums stay good ones."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _MASK


def _reduced(octets: np.ndarray, register: int) -> np.ndarray:
    """Words of the same remainder as `octets` after `register`; a power of two of them.

    The register is added to the first four bytes; zeros in front of all change nothing.
    """
    first = len(octets) % 8 + 8
    start = np.zeros(16, np.uint8)
    start[16 - first :] = octets[:first]
    start[16 - first : 20 - first] ^= np.frombuffer(register.to_bytes(4, "little"), np.uint8)
    carried = np.zeros(_WINDOW, "<u8")
    carried[-2:] = start.view("<u8")
    rest = octets[first:].view("<u8")
    for begin in range(0, len(rest), _SEGMENT):
        segment = rest[begin : begin + _SEGMENT]
        work = np.concatenate([carried, segment])
        for i in range(0, len(segment), _STRIDES[0]):
            chunk = work[i : min(i + _STRIDES[0], len(segment))]
            for stride in _STRIDES:
                work[i + stride : i + stride + len(chunk)] ^= chunk
        carried = work[len(segment) :]
    count = 1 << (min(len(rest) + 2, _WINDOW) - 1).bit_length()
    result = np.zeros(count, "<u8")
    kept = min(count, _WINDOW)
    result[count - kept :] = carried[_WINDOW - kept :]
    return result


# ------------------------------------------------------------------------------------------ tables


@cache
def _table() -> np.ndarray:
    """The remainder of each byte."""
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


@cache
def _listed() -> list[int]:
    numbers: list[int] = _table().tolist()
    return numbers


def _by_bytes(octets: list[int], register: int) -> int:
    table = _listed()
    for octet in octets:
        register = (register >> 8) ^ table[(register ^ octet) & 255]
    return register


@cache
def _fold_tables(words: int) -> np.ndarray:
    """[8, 256]: what byte j of a word becomes in the word `words` places later."""
    return np.stack([_after_zeros(_table(), 8 * words - 1 - j) for j in range(8)])


def _folded(row: np.ndarray, words: int) -> np.ndarray:
    """What each word of a row becomes in the word `words` places later."""
    tables, octets = _fold_tables(words), row.view(np.uint8).reshape(-1, 8)
    result = tables[0][octets[:, 0]]
    for j in range(1, 8):
        result ^= tables[j][octets[:, j]]
    return result.astype("<u8")


def _after_zeros(registers: np.ndarray, count: int) -> np.ndarray:
    """Registers after `count` further zero bytes: squarings of the map of one byte."""
    units = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = (units >> 8) ^ _table()[units & 255]  # what it makes of single bits
    while count:
        if count & 1:
            registers = _mapped(step, registers)
        step = _mapped(step, step)
        count >>= 1
    return registers


def _mapped(images: np.ndarray, registers: np.ndarray) -> np.ndarray:
    """A linear map, given by its images of single bits, of registers."""
    result = np.zeros_like(registers)
    for bit in range(32):
        result ^= np.where((registers >> np.uint32(bit)) & 1, images[bit], np.uint32(0))
    return result
