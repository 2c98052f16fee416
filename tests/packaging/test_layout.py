"""The list of packages, the links and the names under which the packages may be imported."""

import importlib
import json
import tomllib
from pathlib import Path

import pytest

from tests.packaging.project import FOLDERS, LINKS, ROOT, copy_project, installed_files, run_python

IMPORT_ALL = """
import importlib, json, sys
names = sys.argv[1].split(",")
files = {name: importlib.import_module(name).__file__ for name in names}
print(json.dumps([files, sorted(sys.modules)]))
"""


def test_package_list_matches_folders() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    listed = setuptools["packages"]
    present = [
        str(Path(path).parent).replace("/", ".")
        for path in installed_files()
        if path.endswith("/__init__.py")
    ]
    faults = [f"add {name!r}: {folder_of(name)}/ is there" for name in set(present) - set(listed)]
    faults += [
        f"remove {name!r}, or create {folder_of(name)}/__init__.py"
        for name in set(listed) - set(present)
    ]
    assert not faults, "[tool.setuptools] packages in pyproject.toml:\n" + "\n".join(sorted(faults))
    assert listed == sorted(set(listed)), "keep [tool.setuptools] packages sorted, each name once"
    assert setuptools["package-dir"] == FOLDERS


def test_every_folder_with_python_files_is_a_package() -> None:
    files = installed_files()
    folders = {str(Path(path).parent) for path in files if path.endswith(".py")}
    missing = [folder for folder in sorted(folders) if f"{folder}/__init__.py" not in files]
    assert not missing, "\n".join(
        f"create {folder_of(folder.replace('/', '.'))}/__init__.py" for folder in missing
    )


@pytest.mark.parametrize(("link", "target"), LINKS.items())
def test_links_are_relative(link: str, target: str) -> None:
    path = ROOT / link
    if path.is_file():
        assert path.read_text().strip() == target
        pytest.skip("this checkout has no symbolic links")
    if not path.is_symlink() and not path.exists():
        pytest.skip(f"{link} is not part of a source distribution")
    assert path.is_symlink(), f"{link} is a folder: replace it by a link to {target}"
    assert path.readlink().as_posix() == target


def test_imports_uninstalled(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    files, modules = import_packages(path=project, cwd=tmp_path)
    assert files == {
        "graphc": str(project / "graphc/__init__.py"),
        "graphc.ir": str(project / "graphc/ir/__init__.py"),
        "graphc.codegen": str(project / "graphc/codegen/__init__.py"),
    }
    heavy = {"llvmlite", "numba", "typer", "rich"} & set(modules)
    assert not heavy, f"import these when first needed, not with graphc: {sorted(heavy)}"


@pytest.mark.parametrize("name", ["ir", "codegen"])
def test_short_names_are_refused(name: str) -> None:
    with pytest.raises(ImportError, match=rf"this package is graphc\.{name}, not {name}"):
        importlib.import_module(name)


def import_packages(path: Path, cwd: Path) -> tuple[dict[str, str], list[str]]:
    """Import the packages in a new process; return their files and all imported modules."""
    printed = run_python("-c", IMPORT_ALL, ",".join(FOLDERS), cwd=cwd, path=path)
    files, modules = json.loads(printed)
    return files, modules


def folder_of(package: str) -> str:
    """Return the folder of a package, as one writes it from the root."""
    for prefix in ("graphc.ir", "graphc.codegen"):
        if package == prefix or package.startswith(prefix + "."):
            package = package.removeprefix("graphc.")
    return package.replace(".", "/")
