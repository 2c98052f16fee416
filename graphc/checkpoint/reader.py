"""Reading checkpoints: nothing is believed before its size is checked against the files'."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from graphc.checkpoint.crc32c import crc32c, masked
from graphc.checkpoint.entries import Entry, decode_entry, decode_header
from graphc.checkpoint.table import decode
from graphc.checkpoint.wire import damaged, read_varint
from graphc.framework.errors import NotFoundError, UnimplementedError
from graphc.ir.dtypes import DType


def data_file(prefix: str, shard: int, shards: int) -> str:
    """The name of a data file."""
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


class CheckpointReader:
    """The tensors of a checkpoint, by name.

    Args:
        filepattern: the checkpoint's prefix: what `Saver.save` returned.

    Raises:
        NotFoundError: there is no such checkpoint; DataLossError: the index is damaged.
    """

    def __init__(self, filepattern: str | os.PathLike[str]) -> None:
        self._prefix = os.fspath(filepattern)
        index = Path(f"{self._prefix}.index")
        try:
            content = index.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise _missing(self._prefix) from None
        found = decode(content)
        if b"" not in found:
            raise damaged("the index has no header")
        self._shards = decode_header(found.pop(b""))
        self._entries: dict[str, Entry] = {}
        for key, value in found.items():
            try:
                name = key.decode()
            except UnicodeDecodeError:
                continue  # keys of parts of tensors hold numbers
            if not name.startswith("\0"):
                self._entries[name] = decode_entry(name, value)

    @property
    def prefix(self) -> str:
        return self._prefix

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is a tensor of that name."""
        return tensor_str in self._entries

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shapes by name."""
        return {name: list(entry.shape) for name, entry in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The dtypes by name."""
        return {name: entry.dtype for name, entry in self._entries.items()}

    def debug_string(self) -> bytes:
        """One line per tensor: name, dtype and shape."""
        lines = [
            f"{name} (DT_{_protocol_name(entry.dtype)}) {list(entry.shape)}\n"
            for name, entry in self._entries.items()
        ]
        return "".join(lines).encode()

    def entry(self, name: str) -> Entry:
        """What the index says of a tensor.

        Raises:
            NotFoundError: there is none of that name.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise NotFoundError(
                None, None, f"Key {name} not found in checkpoint {self._prefix}"
            ) from None

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """The value of a tensor; strings are bytes in an object array.

        Raises:
            NotFoundError: there is no such tensor or data file; DataLossError: the file is too
                short or the checksum is wrong.
        """
        entry = self.entry(tensor_str)
        if entry.slices:
            raise UnimplementedError(
                None, None, f"{tensor_str} was saved in parts, which cannot be read"
            )
        content = self._content(tensor_str, entry)
        if entry.dtype.size == 0:
            return _strings(tensor_str, entry, content.tobytes())
        if masked(crc32c(content)) != entry.crc:
            raise damaged(f"the checksum of {tensor_str} is wrong")
        values = content.view(entry.dtype.numpy.newbyteorder("<"))
        try:
            return values.reshape(entry.shape).astype(entry.dtype.numpy, copy=False)
        except ValueError:  # no elements, and sizes beyond all bounds
            raise damaged(f"{tensor_str} has the impossible shape {entry.shape}") from None

    def _content(self, name: str, entry: Entry) -> np.ndarray:
        if entry.shard >= self._shards:
            raise damaged(f"{name} is said to lie in data file {entry.shard} of {self._shards}")
        path = data_file(self._prefix, entry.shard, self._shards)
        try:
            with open(path, "rb") as file:
                if entry.offset + entry.size > os.fstat(file.fileno()).st_size:
                    raise damaged(f"{path} ends before the bytes of {name}")
                return np.fromfile(file, np.uint8, entry.size, offset=entry.offset)
        except FileNotFoundError:
            raise NotFoundError(None, None, f"{path}; No such file or directory") from None


def _protocol_name(dtype: DType) -> str:
    return {"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype.name, dtype.name.upper())


def _missing(prefix: str) -> NotFoundError:
    if Path(prefix).is_file():
        return NotFoundError(
            None,
            None,
            f"{prefix}.index does not exist: give the prefix that Saver.save returned (checkpoints "
            "of version 1 cannot be read)",
        )
    return NotFoundError(
        None,
        None,
        f"Unsuccessful TensorSliceReader constructor: Failed to find any matching files for "
        f"{prefix}",
    )


def _strings(name: str, entry: Entry, content: bytes) -> np.ndarray:
    """Strings: all lengths, their checksum, then the bytes."""
    count = int(np.prod(entry.shape, dtype=object))
    lengths, place = [], 0
    for _ in range(count):
        length, place = read_varint(content, place)
        lengths.append(length)
    end = place + 4
    if end + sum(lengths) != len(content):
        raise damaged(f"the lengths of the strings of {name} do not fit")
    crc = lengths_crc(lengths)
    if masked(crc).to_bytes(4, "little") != content[place:end]:
        raise damaged(f"the checksum of {name} is wrong")
    if masked(crc32c(content[place:], crc)) != entry.crc:
        raise damaged(f"the checksum of {name} is wrong")
    values = np.empty(count, object)
    for i, length in enumerate(lengths):
        values[i] = content[end : end + length]
        end += length
    return values.reshape(entry.shape)


def lengths_crc(lengths: list[int]) -> int:
    """The checksum of strings' lengths, which count as words of four bytes (eight if large)."""
    words = [n.to_bytes(4 if n < 1 << 32 else 8, "little") for n in lengths]
    return crc32c(b"".join(words))
