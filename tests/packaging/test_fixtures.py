"""The fixtures and markers that tests/conftest.py offers."""

import os
import sys
from pathlib import Path

import pytest

from tests.packaging.project import ROOT, copy_file, run_unchecked

TESTS = """
import pytest

@pytest.mark.parametrize("path", ["same.txt", "folder/differs.txt", "folder/missing.txt"])
def test_golden(golden, path):
    golden(path, "one\\ntwo\\n")

@pytest.mark.peers("no_such_implementation")
def test_peers():
    raise AssertionError
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tests with the real conftest."""
    copy_file(ROOT / "tests/conftest.py", tmp_path / "conftest.py")
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def test_golden_files_are_compared_and_rewritten(folder: Path) -> None:
    golden = folder / "golden"
    (golden / "folder").mkdir(parents=True)
    (golden / "same.txt").write_bytes(b"one\ntwo\n")
    (golden / "folder/differs.txt").write_bytes(b"one\n2\n")

    code, printed = run_pytest(folder)
    assert code == 1
    assert (
        "tests/golden/folder/missing.txt does not exist; write it with --update-golden" in printed
    )
    assert "--- tests/golden/folder/differs.txt" in printed
    assert "-2\n+two\n" in printed
    assert "no_such_implementation is not installed" in printed
    assert "2 failed, 1 passed, 1 skipped" in printed
    assert not (golden / "folder/missing.txt").exists()

    code, printed = run_pytest(folder, "--update-golden")
    assert code == 0, printed
    files = sorted(file for file in golden.rglob("*") if file.is_file())
    assert [file.name for file in files] == ["differs.txt", "missing.txt", "same.txt"]
    assert {file.read_bytes() for file in files} == {b"one\ntwo\n"}


def test_cold_cache_is_empty(cold_cache: Path) -> None:
    assert os.environ["GRAPHC_CACHE_DIR"] == str(cold_cache)
    assert list(cold_cache.iterdir()) == []


def run_pytest(folder: Path, *options: str) -> tuple[int, str]:
    config = [
        "-c",
        ROOT / "pyproject.toml",
        "--rootdir",
        folder,
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    command = [sys.executable, "-m", "pytest", *config, *options, folder]
    done = run_unchecked(*command, cwd=folder)
    return done.returncode, done.stdout
