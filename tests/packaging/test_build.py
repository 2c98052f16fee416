"""The wheel, the source distribution and the editable install hold the packages and no more."""

import importlib.metadata
import json
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.packaging.project import FOLDERS, ROOT, copy_project, installed_files, run_python

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = f"graphc-{PROJECT['project']['version']}"
NOTES = (".md",)  # for those who read the source; not installed

PRINT_FILES = f"""
import importlib, json
print(json.dumps([importlib.import_module(name).__file__ for name in {list(FOLDERS)}]))
"""
# The editable install to test comes before this process's own, of which only the libraries count.
USE_SITE = "import site, sys; site.addsitedir(sys.argv[1]); sys.path += sys.argv[2:]\n"
BUILD_EDITABLE = "from setuptools import build_meta as b; import sys; b.build_editable(sys.argv[1])"

SETUPTOOLS = tuple(int(part) for part in importlib.metadata.version("setuptools").split(".")[:2])
pytestmark = pytest.mark.skipif(
    SETUPTOOLS < (77, 0), reason="builds need setuptools 77: pip install -e '.[dev]'"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("build")
    project = copy_project(folder / "project")
    run_python("-m", "build", "--no-isolation", "--outdir", folder / "dist", cwd=project)
    return folder / "dist"


def test_source_distribution_holds_the_folders_once(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        names = [member.name.removeprefix(f"{NAME}/") for member in archive if not member.isdir()]
        links = [member.name for member in archive if member.issym() or member.islnk()]
    expected = {str(f.relative_to(ROOT)) for f in installed_files().values() if is_installed(f)}
    found = [name for name in names if name.startswith(("graphc/", "ir/", "codegen/"))]
    assert sorted(found) == sorted(expected)
    assert not links
    assert {"LICENSE", "pyproject.toml"} <= set(names)


def test_wheel_from_source_distribution_holds_every_file(built: Path) -> None:
    check_wheel(built)


def test_wheel_from_checkout_holds_every_file(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    run_python("-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, cwd=project)
    check_wheel(tmp_path)


def test_wheel_installs_and_imports(built: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install(find_wheel(built), target)
    assert {entry.name for entry in target.iterdir()} <= {"graphc", f"{NAME}.dist-info", "bin"}
    printed = run_python("-c", PRINT_FILES, cwd=tmp_path, path=target)
    expected = [target.joinpath(*name.split("."), "__init__.py") for name in FOLDERS]
    assert json.loads(printed) == [str(file) for file in expected]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_editable_install_imports(tmp_path: Path, links: bool) -> None:
    project = copy_project(tmp_path / "project", links=links)
    run_python("-c", BUILD_EDITABLE, tmp_path, cwd=project)
    install(find_wheel(tmp_path), tmp_path / "site")
    libraries = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    sites = [tmp_path / "site", *libraries]
    printed = run_python("-I", "-S", "-c", USE_SITE + PRINT_FILES, *sites, cwd=tmp_path)
    for name, file in zip(FOLDERS, json.loads(printed), strict=True):
        assert Path(file).resolve() == project / FOLDERS[name] / "__init__.py"


def check_wheel(folder: Path) -> None:
    """Hold the one wheel in a folder to the files of the packages."""
    with zipfile.ZipFile(find_wheel(folder)) as archive:
        names = archive.namelist()
    metadata = [name for name in names if name.startswith(f"{NAME}.dist-info/")]
    packaged = sorted(set(names) - set(metadata))
    foreign = [name for name in packaged if not name.startswith("graphc/")]
    assert not foreign, "site-packages gets nothing but graphc"
    expected = {path for path, file in installed_files().items() if is_installed(file)}
    missing = sorted(expected - set(packaged))
    assert not missing, (
        f"not in the wheel: {missing}; list their folders in [tool.setuptools] packages, and "
        "files other than .py in [tool.setuptools.package-data] in pyproject.toml"
    )
    assert packaged == sorted(expected)
    assert len(names) == len(set(names))


def is_installed(file: Path) -> bool:
    return file.suffix not in NOTES


def find_wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, target: Path) -> None:
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--target", target]
    run_python("-m", "pip", "install", *options, wheel, cwd=target.parent)
