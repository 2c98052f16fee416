"""The make targets explain themselves and say what they lack."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.packaging.project import ROOT, run, run_unchecked

MAKEFILE = (ROOT / "Makefile").read_text()

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def test_help_lists_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    lines = run("make", "help", cwd=ROOT).splitlines()
    assert [line.split()[1] for line in lines] == phony.split()
    assert {"demo", "test", "check", "bench", "fuzz", "golden", "docs"} <= set(phony.split())


def test_old_python_is_refused_by_name(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.1 || exit 1\n")
    old.chmod(0o755)
    done = run_unchecked("make", "test", f"PYTHON={old}", f"VENV={tmp_path}/venv", cwd=ROOT)
    assert done.returncode != 0
    assert f"graphc needs Python 3.11 or newer; {old} is: Python 3.9.1" in done.stdout
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("target", ["demo", "test"])
def test_environment_is_made_once(tmp_path: Path, target: str) -> None:
    for stamp in (".created", ".installed", ".installed-dev"):
        (tmp_path / stamp).touch()
    planned = run("make", "--dry-run", target, f"VENV={tmp_path}", cwd=ROOT)
    assert "pip" not in planned
    os.utime(tmp_path / ".installed", (0, 0))
    os.utime(tmp_path / ".installed-dev", (0, 0))
    planned = run("make", "--dry-run", target, f"VENV={tmp_path}", cwd=ROOT)
    assert "pip" in planned
    assert "venv --clear" not in planned


def test_continuous_integration_script() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    run("bash", "-n", script, cwd=ROOT)
