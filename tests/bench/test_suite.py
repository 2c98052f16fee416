"""The suite in this process: rows, checks, samples, and what follows from them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphc.bench import mlp, programs
from graphc.bench.check import largest_error
from graphc.bench.measure import rounds_for
from graphc.bench.plot import PlotError, write_plot
from graphc.bench.processes import processors
from graphc.bench.report import BEGIN, END, conclusions, markdown, time_text, write_markdown
from graphc.bench.results import Cell, Report, Row
from graphc.bench.roofline import Roofline, better
from graphc.bench.suite import measure_row, program_reference
from graphc.bench.tables import all_workloads, matching, workload_named
from graphc.bench.worker import Worker
from graphc.bench.workload import Formula, Model, Program, Workload, normal

SMALL = (
    "session.run, x + 1 on 4 floats",
    "sigmoid(gelu(x)), 1e3 floats",
    "matmul 32³",
    "linear regression, 1 weight, batch 100, SGD",
    "a batch size never seen before, beyond a seen one",
)
TINY_MODEL = Model((5, 4, 3), batch=6)


@pytest.fixture(scope="module")
def runners() -> dict[str, Worker]:
    return {name: Worker(name, threads=1, sample_seconds=1e-4) for name in ("graphc", "numpy")}


@pytest.mark.parametrize("name", SMALL)
def test_small_rows(runners: dict[str, Worker], name: str) -> None:
    row = measure_row(workload_named(name), runners, rounds=1, threads=1)
    for cell in row.cells.values():
        assert cell.status == "ok", cell.message
        assert cell.samples
        assert cell.error is not None and cell.error <= workload_named(name).tolerance
    if "never seen" not in name:
        assert row.ratio() is not None


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("loss", ["softmax", "squared"])
def test_graphc_trains_like_the_reference(loss: str, optimizer: str) -> None:
    from graphc.bench.implementations.with_graphc import prepare
    from graphc.bench.workload import Training

    model = Model((5, 4, 3), batch=6, loss=loss, optimizer=optimizer)  # type: ignore[arg-type]
    prepared = prepare(Workload("tiny", "training", Training(model)), (), 1)
    assert largest_error(prepared.outputs(), mlp.training_outputs(model)) < 1e-5


def test_backpropagation_of_the_reference() -> None:
    """The weights' change is the loss's slope."""
    x, y = mlp.batch_of(TINY_MODEL)
    x = x.astype(np.float64)
    trained = mlp.Trainer(TINY_MODEL, np.float64)
    before = [array.copy() for layer in trained.layers for array in layer]
    loss = trained.step(x, y)
    after = [array for layer in trained.layers for array in layer]
    slope = sum(float(((b - a) ** 2).sum()) for a, b in zip(before, after, strict=True))
    moved = mlp.Trainer(TINY_MODEL, np.float64)
    scale = 1e-4
    flat = [array for layer in moved.layers for array in layer]
    for array, a, b in zip(flat, before, after, strict=True):
        array += scale * (b - a)
    change = float(moved.step(x, y) - loss) / scale
    assert change == pytest.approx(-slope / TINY_MODEL.rate, rel=1e-3)


def test_a_wrong_result_is_marked(runners: dict[str, Worker]) -> None:
    wrong = Workload(
        "wrong",
        "dispatch",
        Formula(tf1=lambda tf, x: x * 1.001, numpy=lambda np, x: x),
        lambda: (normal(8),),
    )
    row = measure_row(wrong, runners, rounds=1, threads=1)
    assert row.cells["graphc"].status == "wrong"
    assert not row.cells["graphc"].samples
    assert row.cells["numpy"].status == "ok"
    report = Report("", {}, 1, ["graphc", "numpy"], rows=[row])
    assert not report.is_good()
    assert "WRONG: wrong: graphc: error 1.0e-03, allowed are 1e-05" in conclusions(report, 1)


def test_what_is_missing_and_what_fails(runners: dict[str, Worker]) -> None:
    odd = Workload(
        "odd",
        "dispatch",
        Formula(tf1=lambda tf, x: tf.matmul(x, x)),
        lambda: (normal(4, 8),),
        reference=lambda x: x,
    )
    row = measure_row(odd, runners, rounds=1, threads=1)
    assert row.cells["graphc"].status == "failed"
    assert row.cells["graphc"].message
    assert row.cells["numpy"].status == "missing"
    assert row.ratio() is None


def test_errors_are_relative_to_the_largest_element() -> None:
    exact = [np.array([0.0, 100.0])]
    assert largest_error([np.array([1.0, 100.0], np.float32)], exact) == pytest.approx(0.01)
    assert largest_error([np.array([np.nan, 100.0])], exact) == float("inf")
    assert largest_error([np.array([100.0])], exact) == float("inf")
    assert largest_error([], exact) == float("inf")


def test_rows_are_found() -> None:
    assert {row.family for row in matching("dispatch")} == {"dispatch"}
    assert [row.name for row in matching("matmul 3*")] == ["matmul 32³"]
    assert matching("softmax, [4096") and not matching("no such row")
    assert matching(None) == list(all_workloads())


def test_programs_have_the_models_data() -> None:
    model = Model(programs.LAYERS, programs.BATCH, "adam", programs.RATE)
    for (a, b), (c, d) in zip(programs.weights(), mlp.first_weights(model), strict=True):
        assert np.array_equal(a, c) and np.array_equal(b, d)
    for a, b in zip(programs.batch(), mlp.batch_of(model), strict=True):
        assert np.array_equal(a, b)
    assert program_reference(Program("chain", "inside"))[0].shape == (programs.STEPS,)


def test_roofline() -> None:
    low = Roofline(1, 1e9, ((100, 1e9), (1000, 1e8)))
    high = Roofline(1, 2e9, ((100, 5e8), (1000, 2e8)))
    found = better(low, high)
    assert found == Roofline(1, 2e9, ((100, 1e9), (1000, 2e8)))
    product = Workload("product", "matmul", Formula(tf1=lambda tf: None), flops=2e9, bytes=2e7)
    assert found.seconds(product) == 1.0
    assert found.bandwidth_for(2000) == 2e8
    assert found.bandwidth_for(200) == 1e9, "nearest by ratio"
    assert found.seconds(Workload("x", "rows", Formula(tf1=lambda tf: None))) is None


def test_rounds_fit_their_budget() -> None:
    assert rounds_for(slowest=1e-6, wanted=15, budget=4.0) == 15
    assert rounds_for(slowest=10.0, wanted=15, budget=4.0) == 3
    assert rounds_for(slowest=10.0, wanted=1, budget=4.0) == 1


def made_report() -> Report:
    fast = Row(
        "fast", "rows", "s", 1, {"graphc": Cell(samples=[1e-6]), "numpy": Cell(samples=[3e-6])}
    )
    slow = Row(
        "slow",
        "rows",
        "s",
        1,
        {"graphc": Cell(samples=[4.0, 2.0, 2.0]), "numpy": Cell(samples=[1.0])},
    )
    slow.limit = 0.5
    none = Row("none", "rows", "MiB", 1, {"graphc": Cell(samples=[99.0]), "numpy": Cell("missing")})
    return Report("graphc bench", {"cores": "2"}, 3, ["graphc", "numpy"], [], [fast, slow, none])


def test_report_shows_losses() -> None:
    text = markdown(made_report())
    assert "| fast | 1.00 µs | 3.00 µs | 3.00 numpy | - |" in text
    assert "| slow | 2.00 s | 1.00 s | 0.50 numpy | 25% |" in text.replace(
        "2.00 s (2.00 s)", "2.00 s"
    )
    assert "| none | 99 MiB | - | - | - |" in text
    assert "- slower: slow: 0.50 of numpy" in text


def test_markdown_goes_between_the_marks(tmp_path: Path) -> None:
    file = tmp_path / "BENCHMARKS.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_markdown(made_report(), file)
    text = file.read_text()
    assert text.startswith(f"before\n{BEGIN}\n- command: graphc bench\n")
    assert text.endswith(f"{END}\nafter\n") and "old" not in text


def test_json_has_all_samples() -> None:
    data = json.loads(made_report().to_json())
    assert data["rows"][1]["cells"]["graphc"]["samples"] == [4.0, 2.0, 2.0]
    assert data["rows"][1]["ratio"] == 0.5 and data["rows"][1]["best_peer"] == "numpy"


def test_plot(tmp_path: Path) -> None:
    file = tmp_path / "ratios.svg"
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        with pytest.raises(PlotError, match="pip install matplotlib"):
            write_plot(made_report(), file)
        return
    write_plot(made_report(), file)
    assert "<svg" in file.read_text()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5, "1.50 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"), (7.4e-8, "74.0 ns"), (0, "0 ns")],
)
def test_times_have_three_digits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_processes_have_as_many_processors_as_threads() -> None:
    before = os.sched_getaffinity(0)
    code = "import os; print(len(os.sched_getaffinity(0)))"
    with processors(1):
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert told.stdout.strip() == b"1"
    assert os.sched_getaffinity(0) == before
