"""Compiling and caching: in memory, on disk, and what happens to damaged or foreign entries."""

from __future__ import annotations

import ctypes
import gc
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest

from graphc.codegen.cpu.cache import DiskCache, default_cache
from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.library import pack
from graphc.codegen.cpu.target import Features, host_features
from graphc.codegen.kernel import Kernel
from graphc.ir.dtypes import float32
from tests.codegen.kit import Kit, run


def scaling(factor: float) -> Kernel:
    kit = Kit()
    i = kit.axis(kit.dim())
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    value = kit.op("mul", float32, kit.load(x, {i: 1}), kit.const(factor, float32))
    kit.store(y, {i: 1}, value)
    return kit.kernel(1, 0, f"scale by {factor}")


def check(target: CpuTarget, factor: float) -> None:
    x = np.arange(21, dtype=np.float32)
    y = np.zeros_like(x)
    run(target, scaling(factor), [x, y], [21])
    np.testing.assert_array_equal(y, x * np.float32(factor))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.o"))


def test_memory_and_disk(folder: Path) -> None:
    cold = CpuTarget(disk=DiskCache(folder))
    check(cold, 3)
    check(cold, 3)
    assert (cold.statistics.compiled, cold.statistics.disk_hits) == (1, 0)
    assert cold.statistics.memory_hits >= 1
    assert cold.statistics.milliseconds > 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(entries(folder)) >= 1
    warm = CpuTarget(disk=DiskCache(folder))
    check(warm, 3)
    assert (warm.statistics.compiled, warm.statistics.disk_hits) == (0, 1)


def test_many_kernels_share_a_file(folder: Path) -> None:
    kernels = [scaling(float(f)) for f in range(20)]
    cold = CpuTarget(disk=DiskCache(folder))
    compiled = cold.compile_many([*kernels, kernels[0]])
    assert [c.kernel.key for c in compiled] == [k.key for k in (*kernels, kernels[0])]
    assert len({c.address for c in compiled}) == 20
    assert cold.statistics.compiled == 20
    assert len({path.stat().st_ino for path in entries(folder)}) == 2
    warm = CpuTarget(disk=DiskCache(folder))
    for factor in (7.0, 0.0, 10.0):
        check(warm, factor)
    assert (warm.statistics.compiled, warm.statistics.disk_hits) == (0, 3)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(b"\x7fELF" * 100)


def _other_kernel(path: Path) -> None:
    """An entry that is whole, but of another kernel."""
    other = path.parent / "other"
    CpuTarget(disk=DiskCache(other)).compile(scaling(99))
    path.write_bytes(entries(other)[0].read_bytes())


def _shared(path: Path) -> None:
    """Others may write to it."""
    path.chmod(0o666)


def _link(path: Path) -> None:
    """A link to a whole entry elsewhere."""
    elsewhere = path.parent / "elsewhere"
    os.replace(path, elsewhere)
    path.symlink_to(elsewhere)


DAMAGES = (_truncate, _flip, _empty, _garbage, _other_kernel, _shared, _link)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__.strip("_"))
def test_damaged_and_foreign_entries_are_misses(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    CpuTarget(disk=DiskCache(folder)).compile(scaling(5))
    (path,) = entries(folder)
    damage(path)
    again = CpuTarget(disk=DiskCache(folder))
    check(again, 5)
    assert (again.statistics.compiled, again.statistics.disk_hits) == (1, 0)
    mended = CpuTarget(disk=DiskCache(folder))
    check(mended, 5)
    assert mended.statistics.compiled == 0


def test_a_valid_object_without_the_symbol_is_a_miss(folder: Path) -> None:
    """The header names this kernel, the content is another's."""
    target = CpuTarget(disk=DiskCache(folder))
    other = target.compile(scaling(1)).object
    kernel = scaling(2)
    DiskCache(folder).put([target.disk_key(kernel.text)], pack([], other))
    again = CpuTarget(disk=DiskCache(folder))
    check(again, 2)
    assert again.statistics.compiled == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    check(CpuTarget(disk=DiskCache(tmp_path / "cache")), 4)


def test_a_folder_open_to_others_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    target = CpuTarget(disk=DiskCache(folder))
    check(target, 4)
    assert not entries(folder)


def test_a_file_in_place_of_the_folder(folder: Path) -> None:
    folder.write_text("not a folder")
    check(CpuTarget(disk=DiskCache(folder)), 4)


def test_old_entries_are_evicted(folder: Path) -> None:
    cache = DiskCache(folder, limit=10_000)
    for number in range(130):
        cache.put([f"{number:064x}"], bytes(1000))
    total = sum(path.stat().st_size for path in entries(folder))
    assert total < 10_000 + 65 * 1200
    assert cache.get(f"{129:064x}") is not None
    assert cache.get(f"{0:064x}") is None


def test_few_entries_are_kept(folder: Path) -> None:
    cache = DiskCache(folder, entries=100)
    for number in range(256):
        cache.put([f"{number:064x}"], b"small")
    assert len(entries(folder)) <= 100
    assert cache.get(f"{255:064x}") == b"small"
    assert cache.get(f"{0:064x}") is None


def test_short_processes_sweep_once_an_hour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps = []
    sweep = DiskCache._sweep
    monkeypatch.setattr(DiskCache, "_sweep", lambda cache: (sweeps.append(1), sweep(cache)))
    for number in range(5):
        DiskCache(folder).put([f"{number:064x}"], b"small")
    assert len(sweeps) == 1
    stamp = folder / "swept"
    os.utime(stamp, (0, stamp.stat().st_mtime - 7200))
    DiskCache(folder).put([f"{9:064x}"], b"small")
    DiskCache(folder).put([f"{10:064x}"], b"small")
    assert len(sweeps) == 2


def test_keys_depend_on_the_processor(folder: Path) -> None:
    target = CpuTarget(disk=None)
    host = target.features
    other = CpuTarget(Features(host.triple, host.cpu, host.flags + ",-bmi"), disk=None)
    assert target.disk_key("x") != other.disk_key("x")
    assert target.disk_key("x") != target.disk_key("y")


def test_the_environment_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "here"))
    cache = default_cache()
    assert cache is not None
    assert cache.folder == tmp_path / "here"
    monkeypatch.setenv("GRAPHC_NO_DISK_CACHE", "1")
    assert default_cache() is None


def test_threads_compile_once() -> None:
    target = CpuTarget(disk=None)
    addresses: list[int] = []

    def work() -> None:
        for factor in (1, 2, 3):
            addresses.append(target.compile(scaling(factor)).address)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(addresses) == 18
    assert len(set(addresses)) == 3
    assert target.statistics.compiled == 3


def test_text_and_assembly() -> None:
    target = CpuTarget(disk=None)
    kernel = scaling(2.5)
    compiled = target.compile(kernel)
    assert compiled.ir_text == target.llvm_ir(kernel)
    assert "; scale by 2.5" in compiled.ir_text
    assert compiled.symbol in target.assembly(kernel)
    assert "vmulps" in target.assembly(kernel) or "mul" in target.assembly(kernel)


def test_other_processors_compile() -> None:
    """Code for processors that are not here: only that LLVM takes it."""
    for triple, cpu, flags in (
        ("x86_64-unknown-linux-gnu", "x86-64", ""),
        ("x86_64-unknown-linux-gnu", "", "+avx512f,+avx512bw,+avx512vl,+fma,+avx2,+avx"),
        ("aarch64-unknown-linux-gnu", "generic", "+neon"),
    ):  # fmt: skip
        target = CpuTarget(Features(triple, cpu, flags), disk=None)
        assert len(target.object_code(target.llvm_ir(scaling(3)))) > 100


def test_golden_ir(golden: Callable[[str, str], None]) -> None:
    """The whole text for a small kernel, for a fixed processor."""
    features = Features("x86_64-unknown-linux-gnu", "x86-64-v3", "+avx,+avx2,+fma")
    kit = Kit()
    i = kit.axis(kit.dim())
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    value = kit.load(x, {i: 1})
    scaled = kit.op("mul", float32, value, kit.const(2**-0.5, float32))
    half = kit.op("mul", float32, value, kit.const(0.5, float32))
    error = kit.op("erf", float32, scaled)
    one = kit.op("add", float32, error, kit.const(1.0, float32))
    kit.store(y, {i: 1}, kit.op("mul", float32, half, one))
    kernel = kit.kernel(1, 0, "gelu: Gelu (model.py:12)")
    golden("codegen/gelu.ll", CpuTarget(features, disk=None).llvm_ir(kernel))


def test_repeated_lookups_keep_code_loaded() -> None:
    target = CpuTarget(disk=None)
    text = "define i64 @one() { ret i64 1 }\ndefine i64 @two() { ret i64 2 }\n"
    data = target.object_code(text)
    first = target.load_object(data, ["one"])
    for _ in range(3):
        again = target.load_object(data, ["one", "two"])
        assert again["one"] == first["one"]
        gc.collect()
        for symbol, number in (("one", 1), ("two", 2)):
            assert ctypes.CFUNCTYPE(ctypes.c_int64)(again[symbol])() == number


def test_an_old_llvm_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvmlite.binding, "llvm_version_info", (15, 0, 7))
    with pytest.raises(ImportError, match=r"llvmlite 0\.45 or newer"):
        host_features.__wrapped__()
