"""The walls between the layers stand, and a breach of any of them is found."""

import sys
import tomllib
from pathlib import Path

import pytest

from tests.packaging.project import ROOT, copy_project, run_unchecked

LINT = (
    "import sys; from importlinter.cli import lint_imports_command; "
    "sys.argv[1:] = ['--no-cache', '--no-logo']; lint_imports_command()"
)
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract["name"] for contract in CONFIG["contracts"]}

# Contract, file to plant, its text, what the report says.
BREACHES = [
    ("layers", "graphc/session/plant_0.py", "import graphc.cli", "session.plant_0 -> graphc.cli"),
    ("layers", "ir/plant_1.py", "import graphc.codegen.cpu", "ir.plant_1 -> graphc.codegen.cpu"),
    ("layers", "graphc/plant_2.py", "", "graphc.plant_2"),
    ("ir", "ir/plant_3.py", "from graphc import nn", "ir.plant_3 -> graphc.nn"),
    ("ir", "ir/ops/plant_4.py", "import ctypes.util", "ir.ops.plant_4 -> ctypes"),
    ("ir", "ir/ops/plant_5.py", "from llvmlite import ir", "ir.ops.plant_5 -> llvmlite"),
    ("codegen", "codegen/cpu/plant_6.py", "import graphc.train", "cpu.plant_6 -> graphc.train"),
    ("root", "ir/passes/plant_7.py", "import graphc", "passes.plant_7 -> graphc"),
    ("root", "codegen/plant_8.py", "from graphc import Session", "codegen.plant_8 -> graphc"),
    ("llvmlite", "codegen/plant_9.py", "import llvmlite.ir", "codegen.plant_9 -> llvmlite"),
    ("numba", "graphc/cli/plant_10.py", "import numba.cuda", "cli.plant_10 -> numba"),
    ("numba", "codegen/cpu/plant_11.py", "from numba import cuda", "cpu.plant_11 -> numba"),
]


@pytest.fixture(scope="module")
def report_of_breaches(tmp_path_factory: pytest.TempPathFactory) -> str:
    project = copy_project(tmp_path_factory.mktemp("breaches") / "project")
    for _, file, text, _ in BREACHES:
        (project / file).write_text(text + "\n")
    passed, report = lint_imports(project)
    assert not passed
    return report


def test_walls_stand(tmp_path: Path) -> None:
    passed, report = lint_imports(copy_project(tmp_path / "project"))
    assert passed, report


def test_code_generators_may_import_their_libraries(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project / "codegen/cpu/plant.py").write_text("import llvmlite.binding, graphc.ir.ops\n")
    (project / "codegen/cuda/plant.py").write_text("from numba import cuda\n")
    (project / "graphc/session/plant.py").write_text("import graphc.codegen.cpu.plant\n")
    passed, report = lint_imports(project)
    assert passed, report


def test_every_contract_is_breached() -> None:
    assert {contract for contract, *_ in BREACHES} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "file", "text", "line"), BREACHES)
def test_breach_is_found(
    report_of_breaches: str, contract: str, file: str, text: str, line: str
) -> None:
    assert line in section_of(report_of_breaches, CONTRACTS[contract])


def lint_imports(project: Path) -> tuple[bool, str]:
    """Run import-linter in a folder; return whether it passed, and what it printed."""
    done = run_unchecked(sys.executable, "-c", LINT, cwd=project)
    return done.returncode == 0, done.stdout


def section_of(report: str, name: str) -> str:
    """Return what the report says of one broken contract: from its underlined name to the next."""
    underline = "-" * len(name)
    assert f"{name}\n{underline}\n" in report, report
    section = report.split(f"{name}\n{underline}\n")[1]
    ends = [section.find(f"\n{other}\n---") for other in CONTRACTS.values()]
    return section[: min([end for end in ends if end >= 0], default=len(section))]
