"""`graphc bench` as users run it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import graphc


def test_dispatch(tmp_path: Path) -> None:
    json_file, markdown_file = tmp_path / "found.json", tmp_path / "table.md"
    done = graphc(
        "bench", "--only", "dispatch", "--rounds", 1,
        "--json", json_file, "--markdown", markdown_file,
    )  # fmt: skip
    assert "GFLOP/s" in done.stdout and "graphc did all its work on one thread" in done.stdout
    report = json.loads(json_file.read_text(encoding="utf-8"))
    assert {row["family"] for row in report["rows"]} == {"dispatch"}
    for row in report["rows"]:
        assert row["threads"] == 1 and row["ratio"] > 0
        assert [cell["status"] for cell in row["cells"].values()] == ["ok", "ok"]
    assert "| dispatch | graphc | numpy |" in markdown_file.read_text(encoding="utf-8")


def test_programs_and_several_thread_counts(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    done = graphc(
        "bench", "--only", "peak memory", "--against", "", "--threads", "1,2", "--json", file
    )
    assert "threads 1\n" in done.stdout and "threads 2\n" in done.stdout
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert [row["threads"] for row in rows] == [1, 2]
    assert all(30 < row["cells"]["graphc"]["median"] < 1000 for row in rows)


def test_list() -> None:
    lines = graphc("bench", "--list", "--only", "training").stdout.splitlines()
    assert len(lines) == 4 and all(line.startswith("training\t") for line in lines)


def test_what_is_not_there() -> None:
    assert "families are dispatch," in graphc("bench", "--only", "nothing", code=2).stderr
    assert "peers are numpy, torch" in graphc("bench", "--against", "theano", code=2).stderr
    assert "give positive numbers" in graphc("bench", "--threads", "0", code=2).stderr
