"""Sorted tables: the format of index files, that of LevelDB.

Blocks of entries (key, value), in which a key shares a prefix with the one before; every 16th is
whole. A block ends with the places of those, and is followed by its kind (0: not compressed) and
checksum. An index block lists the blocks, and a footer of 48 bytes says where that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphc.checkpoint.crc32c import crc32c, masked
from graphc.checkpoint.wire import damaged, read_varint, varint
from graphc.framework.errors import UnimplementedError

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_TRAILER = 5
_BLOCK = 262144
_INTERVAL = 16
# A file of n bytes may name keys of 16 MiB + 64 n bytes in all: shared prefixes must not make a
# small file large.
_KEYS = (1 << 24, 64)


def encode(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A table of entries, whose keys must be in order."""
    content = bytearray()
    index: list[tuple[bytes, bytes]] = []
    block: list[tuple[bytes, bytes]] = []
    size = 0

    def finish() -> None:
        index.append((block[-1][0], _placed(content, _encode_block(block, _INTERVAL))))

    for key, value in entries:
        assert not block or key > block[-1][0], key
        block.append((key, value))
        size += len(key) + len(value)
        if size >= _BLOCK:
            finish()
            block.clear()
            size = 0
    if block:
        finish()
        index[-1] = (_short_successor(index[-1][0]), index[-1][1])
    meta = _placed(content, _encode_block([], 1))
    handles = meta + _placed(content, _encode_block(index, 1))
    content += handles.ljust(_FOOTER - len(_MAGIC), b"\0") + _MAGIC
    return bytes(content)


def _short_successor(key: bytes) -> bytes:
    """A short key that is not less: what TensorFlow lists the last block under."""
    for place, octet in enumerate(key):
        if octet < 255:
            return key[:place] + bytes([octet + 1])
    return key


def _encode_block(entries: list[tuple[bytes, bytes]], interval: int) -> bytes:
    content, restarts, last = bytearray(), [0], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % interval:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        elif number:
            restarts.append(len(content))
        content += varint(shared) + varint(len(key) - shared) + varint(len(value))
        content += key[shared:] + value
        last = key
    for place in [*restarts, len(restarts)]:
        content += place.to_bytes(4, "little")
    return bytes(content)


def _placed(content: bytearray, block: bytes) -> bytes:
    """Append a block with its trailer; gives its handle."""
    handle = varint(len(content)) + varint(len(block))
    content += block + b"\0"
    content += masked(crc32c(block + b"\0")).to_bytes(4, "little")
    return handle


def decode(content: bytes) -> dict[bytes, bytes]:
    """The entries of a table, in order.

    Raises:
        DataLossError: it is no table, or a checksum is wrong; UnimplementedError: it is compressed.
    """
    if len(content) < _FOOTER or content[-len(_MAGIC) :] != _MAGIC:
        raise damaged("the index file is no sorted table")
    footer = content[-_FOOTER:]
    _, place = read_varint(footer, 0)
    _, place = read_varint(footer, place)
    room = _KEYS[0] + _KEYS[1] * len(content)
    found: dict[bytes, bytes] = {}
    last = None
    for _, handle in _entries(_block(content, footer[place:])):
        for key, value in _entries(_block(content, handle)):
            if last is not None and key <= last:
                raise damaged("keys of the index are not in order")
            room -= len(key)
            if room < 0:
                raise damaged("keys of the index are too long")
            found[key] = value
            last = key
    return found


def _block(content: bytes, handle: bytes) -> bytes:
    start, place = read_varint(handle, 0)
    size, _ = read_varint(handle, place)
    end = start + size
    if end + _TRAILER > len(content) - _FOOTER:
        raise damaged("a block lies outside the index file")
    stored = int.from_bytes(content[end + 1 : end + _TRAILER], "little")
    if masked(crc32c(content[start : end + 1])) != stored:
        raise damaged("the checksum of a block of the index is wrong")
    if content[end]:
        raise UnimplementedError(
            None, None, "compressed index files of checkpoints cannot be read: save it uncompressed"
        )
    return content[start:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise damaged("a block of the index is too short")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise damaged("a block of the index is too short")
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(block, place)
        own, place = read_varint(block, place)
        size, place = read_varint(block, place)
        if shared > len(key) or place + own + size > end:
            raise damaged("an entry of the index is cut off")
        key = key[:shared] + block[place : place + own]
        yield key, block[place + own : place + own + size]
        place += own + size
