"""What was measured, on what: processor, cores, load, versions. No names of hosts or users."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphc.bench.implementations import BY_NAME

BLAS_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_ENABLE_INSTRUCTIONS")


def describe_machine(implementations: Sequence[str]) -> dict[str, str]:
    """Facts by name, in the order in which they are shown."""
    versions = [f"{name} {BY_NAME[name].version()}".strip() for name in implementations]
    found = {
        "processor": _processor(),
        "vectors": _vectors(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": ", ".join(versions),
        "BLAS of NumPy": _blas(),
    }
    changed = [f"{name}={os.environ[name]}" for name in BLAS_VARIABLES if name in os.environ]
    if changed:
        found["BLAS settings"] = ", ".join(changed)
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    pairs = [line.partition(":") for line in lines if ":" in line]
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    name = facts.get("model name", "unknown")
    family = [f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return f"{name} ({', '.join(family)})" if family else name


def _vectors() -> str:
    from graphc.codegen.cpu.target import host_features

    features = host_features()
    flags = [
        name for name in ("avx512f", "avx2", "fma", "amx-bf16") if f"+{name}" in features.flags
    ]
    return ", ".join(flags) or features.triple


def _blas() -> str:
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
