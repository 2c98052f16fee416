"""The project's folders, copies of them to build or to break, and running commands in them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Where each package lives; the links make `import graphc.ir` work from the root, uninstalled.
FOLDERS = {"graphc": "graphc", "graphc.ir": "ir", "graphc.codegen": "codegen"}
LINKS = {"graphc/ir": "../ir", "graphc/codegen": "../codegen"}
BUILD_INPUTS = ("pyproject.toml", "README.md", "LICENSE")


def installed_files() -> dict[str, Path]:
    """Map the path that each file of the packages gets when installed to the file itself."""
    found = {}
    for package, folder in FOLDERS.items():
        for file in walk_files(ROOT / folder):
            found[f"{package.replace('.', '/')}/{file.relative_to(ROOT / folder)}"] = file
    return found


def walk_files(folder: Path) -> list[Path]:
    """List the files below a folder, without the links, hidden files and Python's caches."""
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if keeps(where, name)]
        found += [Path(where, name) for name in sorted(files) if keeps(where, name)]
    return found


def keeps(where: str, name: str) -> bool:
    # Where git cannot make links, it writes their targets into plain files of the same names.
    is_link = Path(where, name).relative_to(ROOT).as_posix() in LINKS
    return not (is_link or name.startswith(".") or name == "__pycache__")


def copy_project(folder: Path, links: bool = True) -> Path:
    """Copy what a build reads into a new folder, with or without the links, and return it."""
    for name in FOLDERS.values():
        for file in walk_files(ROOT / name):
            copy_file(file, folder / file.relative_to(ROOT))
    for name in BUILD_INPUTS:
        if (ROOT / name).exists():
            copy_file(ROOT / name, folder / name)
    for link, target in LINKS.items() if links else ():
        (folder / link).symlink_to(target, target_is_directory=True)
    return folder


def copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """Run a command that must succeed, with `path` as PYTHONPATH, and return its output."""
    done = run_unchecked(*command, cwd=cwd, path=path)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def run_unchecked(
    *command: str | Path, cwd: Path, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command without this process's settings for Python, pytest and make."""
    inherited: Mapping[str, str] = os.environ
    env = {k: v for k, v in inherited.items() if not k.startswith(("PYTHON", "PYTEST_", "MAKE"))}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    if path is not None:
        env["PYTHONPATH"] = str(path)
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run_python(*arguments: str | Path, cwd: Path, path: Path | None = None) -> str:
    """Run this Python with the given arguments, as `run` does."""
    return run(sys.executable, *arguments, cwd=cwd, path=path)
