"""The format of checkpoints: TensorFlow's bytes, checksums, and files that are damaged."""

import base64
import contextlib
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as tf
from graphc.checkpoint import table
from graphc.checkpoint.crc32c import crc32c
from graphc.checkpoint.reader import CheckpointReader
from graphc.checkpoint.wire import read_varint, varint
from graphc.checkpoint.writer import write_checkpoint
from graphc.ir import dtypes

# What TensorFlow 2.21 wrote for `VALUES` (but a/w, which was drawn).
INDEX = (
    "c-muNVB=tvV&Y(AU=~i)FXvzs;t*ouU<P6q4Fl6ZQyy$$VB}5W;1ps|Fwo#I-F<z&AOoXlG6xe_9TNyESZFAidjIm"
    "yVqg_a%`GUY1RBC7!~ilzA;R>=tENQ^EP`n{iRm0%LM&hn5gJUU@f*%HGB64ibFhO2nH8cmwlSF=oz%t000fL6;)CP"
    "2#c<AnPYX9NFfx}g%w~j({j3u{w1AOgEh9ezK@k4Cp<AWY{WbtrOe)_"
)
DATA = (
    "c-qUe6tSOr*nR)HRhIVCkIU>oChosK;PPr)hO9@{r{X>BQ}!*ed-C4PKJ1^-{;GU+dv*q7@WCDz&B(ySu!iY&xSd%"
    ">X2mEV8UO&7)T;{"
)
VALUES = {
    "b": np.int64(7),
    "c": np.ones((2, 2)),
    "empty": np.zeros((0, 3), np.float32),
    "flag": np.array([True, False]),
    "s": np.array([b"hi", b"", b"x" * 300], object),
}


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    prefix = str(tmp_path / "theirs")
    Path(f"{prefix}.index").write_bytes(unpacked(INDEX))
    Path(f"{prefix}.data-00000-of-00001").write_bytes(unpacked(DATA))
    return prefix


def contents(prefix: str) -> dict[str, np.ndarray]:
    reader = CheckpointReader(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        one[k].dtype == np.asarray(other[k]).dtype and np.array_equal(one[k], other[k]) for k in one
    )


# ----------------------------------------------------------------------------------------- format


def test_reading_what_tensorflow_wrote(theirs: str) -> None:
    found = contents(theirs)
    drawn = found.pop("a/w")
    assert drawn.shape == (3, 4) and drawn.dtype == np.float32 and np.all(np.abs(drawn) < 1)
    assert same(found, VALUES)
    reader = tf.train.NewCheckpointReader(theirs)
    assert reader.has_tensor("c") and not reader.has_tensor("d")
    assert reader.get_variable_to_dtype_map()["c"] is tf.float64
    assert reader.debug_string().decode().splitlines()[:2] == [
        "a/w (DT_FLOAT) [3, 4]",
        "b (DT_INT64) []",
    ]


def test_writing_the_same_bytes(theirs: str, tmp_path: Path) -> None:
    ours = str(tmp_path / "ours")
    write_checkpoint(ours, contents(theirs))
    for suffix in (".index", ".data-00000-of-00001"):
        assert Path(ours + suffix).read_bytes() == Path(theirs + suffix).read_bytes(), suffix


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d.size])
def test_dtypes(dtype: tf.DType, tmp_path: Path) -> None:
    value = np.arange(6).reshape(2, 3).astype(dtype.numpy)
    write_checkpoint(str(tmp_path / "x"), {"v": value, "turned": value.T})
    assert same(contents(str(tmp_path / "x")), {"v": value, "turned": value.T})


def test_many_tensors_fill_several_blocks(tmp_path: Path) -> None:
    values = {"long" * 60 + f"/{i}": np.float32(i) for i in range(1500)}
    write_checkpoint(str(tmp_path / "x"), values)
    assert same(contents(str(tmp_path / "x")), values)
    assert os.path.getsize(tmp_path / "x.index") < 100_000  # prefixes are shared


@given(st.dictionaries(st.binary(max_size=20), st.binary(max_size=400), max_size=60))
def test_tables(entries: dict[bytes, bytes]) -> None:
    assert table.decode(table.encode(sorted(entries.items()))) == dict(sorted(entries.items()))


@given(st.integers(0, 2**64 - 1))
def test_varints(number: int) -> None:
    octets = varint(number)
    assert read_varint(b"?" + octets, 1) == (number, 1 + len(octets))


# -------------------------------------------------------------------------------------- checksums


def slow_crc(data: bytes) -> int:
    register = 0xFFFFFFFF
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


# around the lengths at which the method changes: bytes, the window of 5685 words, segments
@pytest.mark.parametrize("size", [0, 1, 9, 1023, 1024, 1031, 9000, 45479, 45488, 45497, 323000])
def test_checksums(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    whole = slow_crc(data)
    assert crc32c(data) == whole
    for cut in (size // 3, size - min(size, 2000)):
        assert crc32c(data[cut:], crc32c(data[:cut])) == whole


def test_checksum_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720
    assert crc32c(bytes(32)) == 0x8A9136AA


# ----------------------------------------------------------------------------------------- damage

DAMAGE = (tf.errors.DataLossError, tf.errors.NotFoundError, tf.errors.UnimplementedError)


def test_truncated_files(theirs: str) -> None:
    index, data = Path(f"{theirs}.index"), Path(f"{theirs}.data-00000-of-00001")
    whole = index.read_bytes()
    for size in range(len(whole)):
        index.write_bytes(whole[:size])
        with pytest.raises(tf.errors.DataLossError):
            CheckpointReader(theirs)
    index.write_bytes(whole)
    for size in (0, 47, 399):
        data.write_bytes(unpacked(DATA)[:size])
        with pytest.raises(tf.errors.DataLossError, match=r"ends before|strings"):
            contents(theirs)
    data.unlink()
    with pytest.raises(tf.errors.NotFoundError, match="data-00000-of-00001"):
        contents(theirs)
    index.unlink()
    with pytest.raises(tf.errors.NotFoundError, match="Failed to find any matching files"):
        contents(theirs)


def test_every_changed_byte_is_noticed(theirs: str) -> None:
    path = Path(f"{theirs}.data-00000-of-00001")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(tf.errors.DataLossError):
            contents(theirs)


def resealed(content: bytearray) -> bytes:
    """An index of one block of data with right checksums, so that what it says is believed."""
    handles = content[-48:]
    _, place = read_varint(handles, 0)
    _, place = read_varint(handles, place)
    start, place = read_varint(handles, place)
    size, _ = read_varint(handles, place)
    blocks = table._entries(bytes(content[start : start + size]))
    for handle in [bytes(handles[place - len(varint(start)) :]), *[h for _, h in blocks]]:
        first, after = read_varint(handle, 0)
        length, _ = read_varint(handle, after)
        sealed = bytes(content[first : first + length + 1])
        end = first + length + 1
        content[end : end + 4] = table.masked(crc32c(sealed)).to_bytes(4, "little")
    return bytes(content)


def test_hostile_indices(theirs: str) -> None:
    """Bytes of entries changed at random under right checksums: never a crash, never much memory.

    Sizes in a file this small can only be believed up to a few kilobytes.
    """
    path = Path(f"{theirs}.index")
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    read = 0
    for _ in range(600):
        changed = bytearray(whole)
        for place in generator.integers(0, 160, size=generator.integers(1, 4)):
            changed[place] = generator.integers(256)
        path.write_bytes(resealed(changed))
        try:
            reader = CheckpointReader(theirs)
        except DAMAGE:
            continue
        read += 1
        for name in reader.get_variable_to_shape_map():
            with contextlib.suppress(DAMAGE):
                assert reader.get_tensor(name).nbytes <= 4096
    assert read > 40


@given(st.binary(max_size=300))
def test_noise_is_no_table(noise: bytes) -> None:
    with pytest.raises(tf.errors.DataLossError):
        table.decode(noise)
    footer = table.encode([(b"a", b"b")])[-48:]
    with contextlib.suppress(DAMAGE):
        table.decode(noise + footer)


def test_shared_prefixes_do_not_explode(tmp_path: Path) -> None:
    first = varint(0) + varint(1 << 20) + varint(0) + bytes(1 << 20)
    more = b"".join(varint((1 << 20) + i) + varint(1) + varint(0) + b"x" for i in range(2000))
    block = first + more + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    content = bytearray()
    data = table._placed(content, block)
    meta = table._placed(content, table._encode_block([], 1))
    index = table._placed(content, table._encode_block([(b"z", data)], 1))
    content += (meta + index).ljust(40, b"\0") + table._MAGIC
    with pytest.raises(tf.errors.DataLossError, match="too long"):
        table.decode(bytes(content))


def test_an_old_format_says_so(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"anything")
    with pytest.raises(tf.errors.NotFoundError, match="version 1 cannot be read"):
        CheckpointReader(str(tmp_path / "model"))
