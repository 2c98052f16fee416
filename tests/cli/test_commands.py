"""`graphc viz`, `ops`, `version`, `cache`."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.ir.graph import definitions
from tests.cli.command import graphc
from tests.viz.test_page import page_data


def test_help_lists_the_commands() -> None:
    text = graphc("--help").stdout
    for command in ("dump", "viz", "ops", "version", "cache"):
        assert command in text


def test_viz_shows_the_graph_and_the_largest_run(tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    done = graphc("viz", "linear.py", "-o", file)
    assert f"wrote {file}" in done.stderr
    graph, function = page_data(file.read_text(encoding="utf-8"))["views"]
    assert any(entry["name"] == "unused" for entry in graph["operations"])
    assert [e["type"] for e in function["operations"] if e.get("mark") == "written"] == ["Sub"]
    assert function["kernels"]
    assert any("kernel" in entry for entry in function["operations"])
    matmul = next(entry for entry in graph["operations"] if entry["name"] == "prediction")
    assert "kernel" in matmul, "the graph shows what was fused as well"


def test_viz_of_a_fetch(tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    graphc("viz", "unrun.py", "-o", file, "--fetch", "y")
    graph, function = page_data(file.read_text(encoding="utf-8"))["views"]
    assert "z" not in [entry["name"] for entry in graph["operations"]]
    assert function["label"] == "compiled function"


def test_viz_of_a_failing_program(tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    graphc("viz", "fails.py", "-o", file, code=1)
    views = page_data(file.read_text(encoding="utf-8"))["views"]
    assert [entry["name"] for entry in views[0]["operations"]] == ["x", "y"]


def test_ops_lists_all() -> None:
    rows = [line.split("\t") for line in graphc("ops").stdout.splitlines()]
    assert [row[0] for row in rows] == [definition.name for definition in definitions()]


@pytest.mark.parametrize("name", ["MatMul", "matmul", "tf.matmul"])
def test_ops_explains_one(name: str) -> None:
    text = graphc("ops", name).stdout
    assert text.startswith("MatMul(a, b) -> product\n")
    assert "transpose_a: bool, default False" in text
    assert "gradient: yes" in text


def test_ops_unknown() -> None:
    assert "did you mean MatMul" in graphc("ops", "MatMull", code=2).stderr


def test_ops_markdown() -> None:
    text = graphc("ops", "--markdown").stdout
    assert text.count("\n## ") == len(definitions())
    assert graphc("ops", "MatMul", "--markdown").stdout.startswith("## MatMul\n")


def test_version() -> None:
    names = [line.split()[0] for line in graphc("version").stdout.splitlines()]
    assert names == ["graphc", "python", "numpy", "llvmlite", "numba", "networkx"]


def test_cache_is_shown_and_cleared(tmp_path: Path) -> None:
    environment = {"GRAPHC_CACHE_DIR": str(tmp_path)}
    entry, other = tmp_path / f"{'ab' * 32}.o", tmp_path / "notes.o"
    entry.write_bytes(b"x" * 100)
    other.write_bytes(b"mine")
    assert f"{tmp_path}\n1 compiled kernels" in graphc("cache", environment=environment).stdout
    assert "deleted 1" in graphc("cache", "--clear", environment=environment).stdout
    assert [path.name for path in tmp_path.iterdir()] == ["notes.o"]


def test_cache_turned_off() -> None:
    text = graphc("cache", environment={"GRAPHC_NO_DISK_CACHE": "1"}).stdout
    assert "turned off" in text
