"""Compiling and loading kernels: text to object with LLVM, object to address with ORC, and two
caches.

Compiled kernels are kept in memory by `Kernel.key` and as object files on disk (see `cache`). No
LLVM optimisation runs but the always-inliner: `text.Builder` already places instructions, `loops`
already vectorises, and LLVM's vectorisers and unroller would only cost time.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from graphc.codegen.cpu.cache import DiskCache, default_cache
from graphc.codegen.cpu.library import Library, pack, unpack
from graphc.codegen.cpu.target import Features, host_features
from graphc.codegen.kernel import Kernel
from graphc.ir.records import record

BATCH = 16  # kernels that share a module in `compile_many`
_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@record
class CompiledKernel:
    """A kernel in memory: `address` is its entry point (ABI.md), valid while the target lives."""

    kernel: Kernel
    address: int
    symbol: str
    object: bytes = field(repr=False)
    features: Features = field(repr=False)

    @property
    def ir_text(self) -> str:
        """Its LLVM IR, printed again."""
        return _text([self.kernel], self.features)

    def __call__(self, frame: int, slots: int, begin: int, end: int) -> None:
        """Run it directly (tests, debugging); arguments are addresses and the range of axis 0."""
        _ENTRY(self.address)(frame, slots, begin, end)


@dataclass(slots=True)
class Statistics:
    """What a target did since it was made; `milliseconds` is time spent in compile calls that
    missed the memory cache.
    """

    compiled: int = 0
    memory_hits: int = 0
    disk_hits: int = 0
    milliseconds: float = 0.0


class CpuTarget:
    """Compiles kernels for one processor and keeps them loaded. Thread-safe.

    Args:
        features: the processor; the host's by default. Kernels for another one compile but do not
        run. disk: the cache on disk; the user's by default, None for no cache at all.
    """

    def __init__(
        self, features: Features | None = None, disk: DiskCache | str | None = "default"
    ) -> None:
        self.features = features or host_features()
        self.disk = default_cache() if isinstance(disk, str) else disk
        self.statistics = Statistics()
        self._lock = threading.RLock()
        self._kernels: dict[str, CompiledKernel] = {}
        self._helpers = Library(self)
        self._machine = _target_machine(self.features)
        self._jit: llvm.LLJIT | None = None
        # LLVM unloads a library when any tracker of it goes, so each lookup's is kept
        self._trackers: list[llvm.ResourceTracker] = []
        self._addresses: dict[str, dict[str, int]] = {}  # by library, then by symbol

    # -- compiling

    def compile(self, kernel: Kernel) -> CompiledKernel:
        """The loaded code of `kernel`: from memory, from disk, or compiled now."""
        found = self._kernels.get(kernel.key)
        if found is not None:
            self.statistics.memory_hits += 1
            return found
        return self.compile_many([kernel])[0]

    def compile_many(self, kernels: Iterable[Kernel]) -> list[CompiledKernel]:
        """The loaded code of each kernel; those compiled now share modules and helpers."""
        kernels = list(kernels)
        with self._lock:
            start = time.perf_counter()
            missing = {k.key: k for k in kernels if k.key not in self._kernels}
            self.statistics.memory_hits += len(kernels) - len(missing)
            fresh = [k for k in missing.values() if not self._load(k)]
            for at in range(0, len(fresh), BATCH):
                self._build(fresh[at : at + BATCH])
            if missing:
                self.statistics.milliseconds += (time.perf_counter() - start) * 1e3
            return [self._kernels[k.key] for k in kernels]

    def _load(self, kernel: Kernel) -> bool:
        """Take `kernel` from disk; False if it is not there."""
        if self.disk is None:
            return False
        data = self.disk.get(self.disk_key(kernel.text))
        if data is None or not self._link(data, [kernel]):
            return False
        self.statistics.disk_hits += 1
        return True

    def _build(self, kernels: Sequence[Kernel]) -> None:
        """Compile `kernels` as one module."""
        from graphc.codegen.cpu.emit import emit_divided, module_head

        divided = emit_divided(kernels, self.features)
        self._helpers.provide(divided, module_head(self.features))
        data = pack(divided.calls, self.object_code(divided.text))
        if not self._link(data, kernels):
            raise AssertionError(f"object without entry points: {[k.key for k in kernels]}")
        self.statistics.compiled += len(kernels)
        if self.disk is not None:
            self.disk.put([self.disk_key(k.text) for k in kernels], data)

    def _link(self, data: bytes, kernels: Sequence[Kernel]) -> bool:
        """Load an object and note the kernels' addresses; False if something is missing."""
        try:
            calls, data = unpack(data)
            imports = self._helpers.addresses(calls)
            addresses = self.load_object(data, [k.symbol for k in kernels], imports)
        except (RuntimeError, LookupError, ValueError):
            return False
        for kernel in kernels:
            name = kernel.symbol
            self._kernels[kernel.key] = CompiledKernel(
                kernel, addresses[name], name, data, self.features
            )
        return True

    # -- pieces that the driver shares

    def object_code(self, ir: str, quick: bool = False) -> bytes:
        """Compile one module's text to an object file; `quick`: in a fifth of the time, to code
        that takes about half as long again.
        """
        with self._lock:
            module = self._parse(ir)
            machine = _target_machine(self.features, 0) if quick else self._machine
            return machine.emit_object(module)

    def load_text(self, ir: str, symbols: Sequence[str], quick: bool = False) -> dict[str, int]:
        """Compile a module (see `object_code`) or take it from disk, and look up symbols."""
        with self._lock:
            key = self.disk_key(f"{ir}; quick" if quick else ir)
            data = self.disk.get(key) if self.disk is not None else None
            if data is not None:
                try:
                    return self.load_object(data, symbols)
                except RuntimeError:
                    pass
            data = self.object_code(ir, quick)
            if self.disk is not None:
                self.disk.put([key], data)
            return self.load_object(data, symbols)

    def load_object(
        self, data: bytes, symbols: Sequence[str], imports: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """Load an object file (once), which may call `imports`, and look up symbols.

        Raises:
            RuntimeError: it is no object, or has no such symbol.
        """
        with self._lock:
            if self._jit is None:
                self._jit = llvm.create_lljit_compiler(
                    _target_machine(self.features), suppress_errors=True
                )
            name = "lib" + hashlib.sha256(data).hexdigest()
            known = self._addresses.get(name)
            if known is None:
                builder = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
                for symbol, address in (imports or {}).items():
                    builder.import_symbol(symbol, address)
                for symbol in symbols:
                    builder.export_symbol(symbol)
                tracker = builder.link(self._jit, name)
                self._trackers.append(tracker)
                known = self._addresses[name] = {symbol: tracker[symbol] for symbol in symbols}
            for symbol in symbols:
                if symbol not in known:
                    tracker = self._jit.lookup(name, symbol)
                    self._trackers.append(tracker)
                    known[symbol] = tracker[symbol]
            return {symbol: known[symbol] for symbol in symbols}

    def disk_key(self, text: str) -> str:
        """The name on disk of what is compiled from `text` for this processor by this version."""
        parts = (text, self.features.triple, self.features.cpu, self.features.flags, version())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _parse(self, ir: str) -> llvm.ModuleRef:
        module = llvm.parse_assembly(ir, context=llvm.create_context())
        module.verify()
        if "alwaysinline" in ir:
            options = llvm.create_pipeline_tuning_options(speed_level=0)
            passes = llvm.create_new_module_pass_manager()
            passes.add_always_inliner_pass()
            passes.run(module, llvm.create_pass_builder(self._machine, options))
        return module

    # -- for people

    def llvm_ir(self, kernel: Kernel) -> str:
        """The LLVM IR that is compiled for `kernel`."""
        return _text([kernel], self.features)

    def assembly(self, kernel: Kernel) -> str:
        """The machine code of `kernel` as text."""
        with self._lock:
            return self._machine.emit_assembly(self._parse(self.llvm_ir(kernel)))


def _text(kernels: Sequence[Kernel], features: Features) -> str:
    """The LLVM IR of `kernels`. The emitters are imported when something is compiled, which a
    process that finds all its kernels on disk does not do.
    """
    from graphc.codegen.cpu.emit import emit_module

    return emit_module(kernels, features)


def _target_machine(features: Features, level: int = 2) -> llvm.TargetMachine:
    _initialize(features == host_features())
    return llvm.Target.from_triple(features.triple).create_target_machine(
        cpu=features.cpu, features=features.flags, opt=level, reloc="pic", codemodel="default"
    )


@cache
def _initialize(native: bool) -> None:
    if native:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


@cache
def version() -> str:
    """The versions that decide what code comes out: LLVM, llvmlite, and a hash of this code
    generator.
    """
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(here.glob("*.py")):
        digest.update(path.read_bytes())
    number = ".".join(map(str, llvm.llvm_version_info))
    return f"llvm {number}, llvmlite {llvmlite.__version__}, graphc {digest.hexdigest()}"


@cache
def host_target() -> CpuTarget:
    """The process's target for the machine it runs on."""
    return CpuTarget()
