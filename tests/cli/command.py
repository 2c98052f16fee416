"""Runs the command as users do, in the folder of the test programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]


def graphc(
    *arguments: object, code: int = 0, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`graphc arguments…`; its exit code must be `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "graphc", *map(str, arguments)],
        cwd=PROGRAMS,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "100",
            **(environment or {}),
        },
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stderr[-3000:]}"
    return done
