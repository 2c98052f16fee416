"""Philox4x32-10 on registers: the same bits as `graphc.ir.random.random_bits`."""

from __future__ import annotations

from graphc.codegen.cpu.numeric import Num, where
from graphc.ir.random import M0, M1, ROUNDS, W0, W1


def philox(element: Num, key: Num, run: Num, stream: Num) -> Num:
    """The 32 random bits of each `element` (all arguments i64), as i32."""
    block = (element.ashr(6) << 4) + (element & 15)
    words = rounds(block, key, run, stream)
    word = (element.cast("trunc", "i32") >> 4) & 3
    low = where((word & 1).ne(0), words[1], words[0])
    high = where((word & 1).ne(0), words[3], words[2])
    return where((word & 2).ne(0), high, low)


def rounds(block: Num, key: Num, run: Num, stream: Num) -> tuple[Num, Num, Num, Num]:
    """The four output words of each block (a counter)."""
    c0, c1 = block.cast("trunc", "i32"), (block >> 32).cast("trunc", "i32")
    c2, c3 = run.cast("trunc", "i32"), stream.cast("trunc", "i32")
    k0, k1 = key.cast("trunc", "i32"), (key >> 32).cast("trunc", "i32")
    for _ in range(ROUNDS):
        high0, low0 = _wide_product(c0, M0)
        high1, low1 = _wide_product(c2, M1)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + W0, k1 + W1
    return c0, c1, c2, c3


def _wide_product(x: Num, constant: int) -> tuple[Num, Num]:
    """High and low half of the 64-bit product of unsigned 32-bit numbers."""
    product = x.cast("zext", "i64") * constant
    return (product >> 32).cast("trunc", "i32"), product.cast("trunc", "i32")
