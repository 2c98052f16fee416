"""Writing checkpoints: the data file first, then the index, whose renaming is what commits.

A checkpoint that is saved again under its name keeps its data file until the new index is in its
place: the new data go to a file of another name (`-of-00002`), as the format allows.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from graphc.checkpoint.crc32c import crc32c, masked
from graphc.checkpoint.entries import Entry, encode_entry, encode_header
from graphc.checkpoint.files import replacing
from graphc.checkpoint.reader import data_file, lengths_crc
from graphc.checkpoint.table import encode
from graphc.checkpoint.wire import varint
from graphc.ir.dtypes import as_dtype

_DATA = re.compile(r"\.data-\d{5}-of-\d{5}$")


def write_checkpoint(prefix: str, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors as the checkpoint `prefix`, whole or not at all.

    Raises:
        OSError: the folder does not exist, or a file cannot be written.
    """
    shards = _free_number(prefix)
    data = data_file(prefix, 0, shards)
    entries = {}
    with replacing(data) as file:
        offset = 0
        for name in sorted(tensors, key=str.encode):
            content, entry = _encoded(np.asarray(tensors[name]), offset)
            file.write(content)
            offset += entry.size
            entries[name.encode()] = encode_entry(entry)
    with replacing(f"{prefix}.index") as file:
        file.write(encode([(b"", encode_header(shards)), *entries.items()]))
    for other in data_files(prefix):
        if other != data:
            _remove(other)


def delete_checkpoint(prefix: str, meta_graph_suffix: str = "meta") -> None:
    """Remove the files of a checkpoint, the index first."""
    for path in [f"{prefix}.index", *data_files(prefix), f"{prefix}.{meta_graph_suffix}"]:
        _remove(path)


def data_files(prefix: str) -> list[str]:
    """The data files of a checkpoint that are there."""
    found = glob.glob(f"{glob.escape(prefix)}.data-*-of-*")
    return sorted(path for path in found if _DATA.fullmatch(path[len(prefix) :]))


def _free_number(prefix: str) -> int:
    """The number of data files to claim: 1 unless that name may be in use."""
    number = 1
    if Path(f"{prefix}.index").exists():
        while Path(data_file(prefix, 0, number)).exists():
            number += 1
    return number


def _encoded(value: np.ndarray, offset: int) -> tuple[memoryview | bytes, Entry]:
    """The bytes of a tensor, and its entry."""
    dtype = as_dtype(value.dtype)
    if dtype.size == 0:
        flat = [v.encode() if isinstance(v, str) else bytes(v) for v in value.ravel().tolist()]
        lengths = [len(v) for v in flat]
        crc = lengths_crc(lengths)
        body = masked(crc).to_bytes(4, "little") + b"".join(flat)
        content = b"".join(map(varint, lengths)) + body
        entry = Entry(dtype, value.shape, 0, offset, len(content), masked(crc32c(body, crc)))
        return content, entry
    plain = np.ascontiguousarray(value, dtype.numpy.newbyteorder("<"))
    octets = plain.reshape(-1).view(np.uint8)
    crc = masked(crc32c(octets))
    return octets.data, Entry(dtype, value.shape, 0, offset, plain.nbytes, crc)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
