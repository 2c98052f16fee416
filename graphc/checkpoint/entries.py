"""What an index says of a tensor: dtype, shape, and where its bytes lie in the data file."""

from __future__ import annotations

import math

from graphc.checkpoint.wire import damaged, field, fields, fixed32
from graphc.framework.errors import UnimplementedError
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.records import record

_VERSION = 1  # of the format, as TensorFlow writes and reads it
_MOST_SHARDS = 99999


@record
class Entry:
    """One tensor.

    Attributes:
        shard: the number of its data file.
        offset, size: where its bytes lie there.
        crc: of its bytes, masked.
        slices: whether it was saved in parts, under other keys.
    """

    dtype: DType
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: bool = False


def encode_header(shards: int) -> bytes:
    """The entry of the empty key: how many data files there are."""
    return field(1, shards) + field(3, field(1, _VERSION))


def decode_header(data: bytes) -> int:
    """How many data files there are.

    Raises:
        DataLossError: the header is damaged; UnimplementedError: bytes are in another order, or the
            format is newer.
    """
    shards = 0
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            shards = value
        elif number == 2 and value:
            raise UnimplementedError(None, None, "big-endian checkpoints cannot be read")
        elif number == 3 and isinstance(value, bytes):
            oldest = next((v for n, v in fields(value) if n == 2), 0)
            if isinstance(oldest, int) and oldest > _VERSION:
                raise UnimplementedError(
                    None, None, f"the checkpoint's format has version {oldest}, which is newer"
                )
    if not 0 < shards <= _MOST_SHARDS:
        raise damaged(f"its header names {shards} data files")
    return shards


def encode_entry(entry: Entry) -> bytes:
    """The message BundleEntryProto; fields that are 0 are left out."""
    dims = b"".join(field(2, field(1, n) if n else b"") for n in entry.shape)
    message = field(1, entry.dtype.enum) + field(2, dims)
    for number, value in ((3, entry.shard), (4, entry.offset), (5, entry.size)):
        if value:
            message += field(number, value)
    return message + fixed32(6, entry.crc)


def decode_entry(name: str, data: bytes) -> Entry:
    """What a BundleEntryProto says.

    Raises:
        DataLossError: it is damaged; UnimplementedError: there is no such dtype here.
    """
    numbers = dict.fromkeys(range(1, 7), 0)
    shape: tuple[int, ...] = ()
    slices = False
    for number, value in fields(data):
        if number == 2 and isinstance(value, bytes):
            shape = _shape(name, value)
        elif number == 7:
            slices = True
        elif number in numbers and isinstance(value, int):
            numbers[number] = value
    try:
        dtype = as_dtype(numbers[1])
    except TypeError:
        raise UnimplementedError(
            None, None, f"{name} of the checkpoint has dtype number {numbers[1]}, unknown here"
        ) from None
    entry = Entry(dtype, shape, numbers[3], numbers[4], numbers[5], numbers[6], slices)
    elements = math.prod(shape)
    if not slices and (
        entry.size != elements * dtype.size if dtype.size else entry.size < elements
    ):
        raise damaged(f"{name} of shape {shape} and dtype {dtype.name} has {entry.size} bytes")
    return entry


def _shape(name: str, data: bytes) -> tuple[int, ...]:
    sizes = []
    for number, value in fields(data):
        if number == 3 and value:
            raise damaged(f"{name} has no shape")
        if number == 2 and isinstance(value, bytes):
            found = next((v for n, v in fields(value) if n == 1), 0)
            if not isinstance(found, int) or found >> 63:
                raise damaged(f"{name} has a negative size")
            sizes.append(found)
    if len(sizes) > 254:
        raise damaged(f"{name} has {len(sizes)} dimensions")
    return tuple(sizes)
