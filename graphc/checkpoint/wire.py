"""The encoding of protocol buffers, for the few small messages in checkpoints.

A message is a sequence of fields (number, value): ints for varints and fixed words, bytes for all
that has a length.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphc.framework.errors import DataLossError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """An unsigned number, seven bits to a byte, the lowest first."""
    assert value >= 0, value
    octets = bytearray()
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """The number at a place, and the place behind it.

    Raises:
        DataLossError: the data end within it, or it has more than 64 bits.
    """
    value = shift = 0
    while shift < 64:
        if place >= len(data):
            break
        octet = data[place]
        place += 1
        value |= (octet & 127) << shift
        if octet < 128:
            if value >> 64:
                break
            return value, place
        shift += 7
    raise damaged("a number is cut off or too long")


def field(number: int, value: int | bytes) -> bytes:
    """One field of a message: a varint, or bytes."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    return varint(number << 3 | LENGTH) + varint(len(value)) + value


def fixed32(number: int, value: int) -> bytes:
    """One field that holds a 32-bit word."""
    return varint(number << 3 | FIXED32) + value.to_bytes(4, "little")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, in order.

    Raises:
        DataLossError: the data are no message.
    """
    place = 0
    while place < len(data):
        key, place = read_varint(data, place)
        kind = key & 7
        if kind == VARINT:
            value, place = read_varint(data, place)
            yield key >> 3, value
            continue
        if kind == LENGTH:
            size, place = read_varint(data, place)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise damaged(f"a message has a field of unknown kind {kind}")
        if size > len(data) - place:
            raise damaged("a message is cut off")
        part = data[place : place + size]
        place += size
        yield key >> 3, part if kind == LENGTH else int.from_bytes(part, "little")


def damaged(what: str) -> DataLossError:
    """The error for a file that is not what was written."""
    return DataLossError(None, None, f"the checkpoint is damaged: {what}")
