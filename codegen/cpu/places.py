"""Places: which part of a product is worked on, and where operands and sums lie for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Matrix:
    """Where an operand or result lies: an address, and strides in bytes ("" for none).

    Of a block of A whose rows are adjacent, `tile` is what a tile's address grows with each row
    before it, and `tile_k` what is added to the stride of k for each row of the tile.
    """

    address: str
    row: str
    k: str = ""
    tile: str = ""
    tile_k: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What is worked on: some rows, a stretch of k, a chunk of columns, a panel in it."""

    top: str  # first of the rows between two packings of B
    row: str
    rows: str
    k: str
    steps: str
    chunk: str
    end: str  # of the chunk
    column: str = "0"
    columns: str = "0"  # from `column` on
