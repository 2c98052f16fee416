"""What runs the workloads: graphc and its peers, each imported late, in a process of its own.

An implementation is a module with `prepare(workload, inputs, threads) -> Prepared`, which raises
Missing where it has no form of the task.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from graphc.bench.workload import Inputs, Prepared, Workload

Prepare = Callable[[Workload, Inputs, int], Prepared]


@dataclass(frozen=True, slots=True)
class Implementation:
    """A library: `module` here prepares workloads for it, `requires` is what must be importable.

    `distributions` are the names under which an installed version may be found.
    """

    name: str
    module: str
    requires: tuple[str, ...]
    distributions: tuple[str, ...]

    def is_installed(self) -> bool:
        """Whether everything that it requires is there; nothing is imported."""
        return all(importlib.util.find_spec(name) is not None for name in self.requires)

    def version(self) -> str:
        """The installed version, or "" where no package manager knows it."""
        for name in self.distributions:
            try:
                return importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return ""

    def load(self) -> Prepare:
        """Import it.

        Raises:
            ImportError: it is not installed, or broken.
        """
        prepare: Prepare = importlib.import_module(f"{__name__}.{self.module}").prepare
        return prepare


def _row(name: str, module: str, *requires: str, package: tuple[str, ...] = ()) -> Implementation:
    return Implementation(name, module, requires or (name,), package or (name,))


GRAPHC = _row("graphc", "with_graphc")
PEERS = (
    _row("numpy", "with_numpy"),
    _row("torch", "with_torch"),
    _row("jax", "with_jax"),
    _row("tensorflow", "with_tensorflow", package=("tensorflow", "tensorflow-cpu")),
    _row("pytensor", "with_pytensor"),
    _row("onnxruntime", "with_onnxruntime", "onnxruntime", "onnx"),
)
BY_NAME = {implementation.name: implementation for implementation in (GRAPHC, *PEERS)}
