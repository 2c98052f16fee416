"""Helpers are compiled once, linked to every kernel that calls them, and found again on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphc.codegen.cpu.cache import DiskCache
from graphc.codegen.cpu.emit import emit_divided, emit_module
from graphc.codegen.cpu.helpers import divide
from graphc.codegen.cpu.jit import CpuTarget
from graphc.codegen.cpu.library import pack, unpack
from graphc.codegen.cpu.target import host_features
from graphc.codegen.kernel import Kernel
from graphc.ir.dtypes import float32
from tests.codegen.kit import Kit, run

TANHS = 9  # as many are called, not inlined


def chain(factor: float) -> Kernel:
    kit = Kit()
    i = kit.axis(kit.dim())
    x, y = kit.buffer(float32), kit.buffer(float32, "out")
    kit.stage()
    value = kit.op("mul", float32, kit.load(x, {i: 1}), kit.const(factor, float32))
    for _ in range(TANHS):
        value = kit.op("tanh", float32, value)
    kit.store(y, {i: 1}, value)
    return kit.kernel(1, 0, f"tanh of {factor} x")


def check(target: CpuTarget, factor: float) -> None:
    x = np.linspace(-3, 3, 37, dtype=np.float32)
    y, wanted = np.zeros_like(x), x.astype(np.float64) * factor
    run(target, chain(factor), [x, y], [37])
    for _ in range(TANHS):
        wanted = np.tanh(wanted)
    np.testing.assert_allclose(y, wanted, rtol=1e-5)


def compiled_texts(target: CpuTarget, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    compile_text = target.object_code

    def noting(ir: str, quick: bool = False) -> bytes:
        if "graphc_" not in ir:  # what runs kernels
            texts.append(ir)
        return compile_text(ir, quick)

    monkeypatch.setattr(target, "object_code", noting)
    return texts


def test_a_helper_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    target = CpuTarget(disk=None)
    texts = compiled_texts(target, monkeypatch)
    check(target, 1.5)
    assert len(texts) == 2 and "define <32 x float> @tanh" in texts[0]
    check(target, 2.5)
    assert len(texts) == 3
    assert "declare <32 x float> @tanh" in texts[2]
    assert texts[2].count("define") == 1


def test_what_is_printed_is_whole() -> None:
    text = emit_module([chain(1.0)], host_features())
    assert "define internal <32 x float> @tanh" in text and "declare <" not in text


def test_found_again_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(CpuTarget(disk=DiskCache(tmp_path / "c")), 1.5)
    warm = CpuTarget(disk=DiskCache(tmp_path / "c"))
    texts = compiled_texts(warm, monkeypatch)
    check(warm, 1.5)
    assert texts == [] and warm.statistics.disk_hits == 1
    check(warm, 3.5)  # a new kernel, the old helper
    assert len(texts) == 1 and texts[0].count("define") == 1


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_kernel_whose_helper_is_gone_is_a_miss(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = DiskCache(tmp_path / "c")
    cold = CpuTarget(disk=disk)
    check(cold, 1.5)
    (name,) = emit_divided([chain(1.5)], cold.features).helpers
    key = cold.disk_key(name)
    if damage == "missing":
        (tmp_path / "c" / f"{key}.o").unlink()
    else:
        disk.put([key], pack([], b"\x7fELF" * 100))
    again = CpuTarget(disk=disk)
    texts = compiled_texts(again, monkeypatch)
    check(again, 1.5)
    assert len(texts) == 2 and again.statistics.compiled == 1


def test_names_follow_the_content() -> None:
    def parts(value: int) -> dict[str, str]:
        return {
            "@inner": "define internal i64 @inner() alwaysinline {\nentry:\n"
            f"  ret i64 {value}\n}}\n",
            "@outer": "define internal i64 @outer() noinline {\nentry:\n"
            "  %x = call i64 @inner()\n  ret i64 %x\n}\n",
            "@top": "define internal i64 @top() noinline {\nentry:\n"
            "  %x = call i64 @outer()\n  ret i64 %x\n}\n",
            "@unused": "define internal i64 @unused() noinline {\nentry:\n  ret i64 0\n}\n",
        }

    main = "define i64 @main() {\nentry:\n  %x = call i64 @top()\n  ret i64 %x\n}\n"
    one, two = divide("", [main], parts(1)), divide("", [main], parts(2))
    assert [name.split(".")[0] for name in one.helpers] == ["outer", "top"]
    assert set(one.helpers).isdisjoint(two.helpers)
    assert divide("", [main], parts(1)) == one
    assert one.calls == (list(one.helpers)[1],)
    assert "@inner" not in one.text and "declare i64 @top." in one.text


def test_packed_objects() -> None:
    for calls in ((), ("a",), ("a.1", "b.2")):
        assert unpack(pack(calls, b"\n\x00code")) == ([*calls], b"\n\x00code")
    for data in (b"", b"calls:a", b"\x7fELF\nmore"):
        with pytest.raises(ValueError):
            unpack(data)
