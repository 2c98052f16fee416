"""The run: for each number of threads and each workload, prepare, check, then measure in turns.

A round gives every implementation one sample, and each round begins with the next one, so that a
machine that grows slower meanwhile is slower for all.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from graphc.bench.check import largest_error
from graphc.bench.implementations.with_numpy import reference
from graphc.bench.machine import describe_machine
from graphc.bench.measure import rounds_for
from graphc.bench.processes import ProcessRunner, run_program
from graphc.bench.results import OURS, Cell, Report, Row
from graphc.bench.roofline import better
from graphc.bench.worker import Runner
from graphc.bench.workload import Array, Missing, Program, Workload

ROW_SECONDS = 2.0  # spent on an implementation in one row, at most, if it fits three rounds
# With several threads, pools spin on for a while after their last work; the next one waits.
SETTLE_SECONDS = 0.03

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure."""

    workloads: tuple[Workload, ...]
    implementations: tuple[str, ...] = (OURS, "numpy")
    rounds: int = 15
    threads: tuple[int, ...] = (1,)
    command: str = "graphc bench"


def run_suite(settings: Settings, progress: Progress = lambda text: None) -> Report:
    """Measure everything in new processes; `progress` is told what is measured."""
    report = Report(
        settings.command,
        describe_machine(settings.implementations),
        settings.rounds,
        list(settings.implementations),
    )
    try:
        for threads in settings.threads:
            _measure_all(settings, threads, report, progress)
    except KeyboardInterrupt:
        report.machine["interrupted"] = "this is what was measured until then"
    report.machine["load after"] = f"{os.getloadavg()[0]:.1f}"
    return report


def _measure_all(settings: Settings, threads: int, report: Report, progress: Progress) -> None:
    """All workloads with one number of threads; rows join the report as they are finished."""
    with ExitStack() as stack:
        runners = {name: ProcessRunner(name, threads) for name in settings.implementations}
        for runner in runners.values():
            stack.callback(runner.close)
        progress(f"threads {threads}: limits of the machine")
        roofline = runners[OURS].roofline()
        report.rooflines.append(roofline)
        for number, workload in enumerate(settings.workloads, 1):
            progress(f"threads {threads}, {number}/{len(settings.workloads)}: {workload.name}")
            row = measure_row(workload, runners, settings.rounds, threads)
            row.limit = roofline.seconds(workload)
            report.rows.append(row)
        progress(f"threads {threads}: limits of the machine, once more")
        roofline = report.rooflines[-1] = better(roofline, runners[OURS].roofline())
        for workload, row in zip(settings.workloads, report.rows[-number:], strict=True):
            row.limit = roofline.seconds(workload)


def measure_row(
    workload: Workload,
    runners: Mapping[str, Runner],
    rounds: int,
    threads: int,
) -> Row:
    """Measure one workload with every runner."""
    cells = {name: Cell() for name in runners}
    row = Row(workload.name, workload.family, workload.unit, threads, cells)
    rounds = min(rounds, workload.rounds or rounds)
    if isinstance(workload.task, Program):
        _measure_programs(workload, workload.task, cells, rounds, threads)
    else:
        _measure_calls(workload, runners, cells, rounds, threads)
    return row


def _guarded(cell: Cell, work: Callable[[], None]) -> bool:
    """Do some work for a cell; what goes wrong is noted there. Whether all went well."""
    try:
        work()
    except Missing as missing:
        cell.status, cell.message = "missing", str(missing)
    except Exception as error:
        cell.status, cell.message = "failed", str(error)
        cell.samples.clear()
    return cell.status == "ok"


def _check(cell: Cell, outputs: Sequence[Array], expected: Sequence[Array], limit: float) -> None:
    error = largest_error(outputs, expected)
    cell.error = error if error != float("inf") else None
    if error > limit:
        cell.status = "wrong"
        cell.message = f"error {error:.1e}, allowed are {limit:.0e}"
        cell.samples.clear()


def _measure_calls(
    workload: Workload,
    runners: Mapping[str, Runner],
    cells: dict[str, Cell],
    rounds: int,
    threads: int,
) -> None:
    expected = reference(workload, workload.inputs())
    slowest = 0.0

    def prepare(name: str) -> None:
        nonlocal slowest
        _check(cells[name], runners[name].prepare(workload), expected, workload.tolerance)
        if cells[name].status == "ok":
            slowest = max(slowest, runners[name].calibrate())

    def sample(name: str) -> None:
        if threads > 1:
            time.sleep(SETTLE_SECONDS)
        found = runners[name].sample()
        cells[name].samples += found.seconds
        cells[name].cores.append(found.cores)
        cells[name].others.append(found.others)

    running = [name for name in runners if _guarded(cells[name], partial(prepare, name))]
    for number in range(rounds_for(slowest, rounds, ROW_SECONDS)):
        turn = number % max(1, len(running))
        for name in [*running[turn:], *running[:turn]]:
            if not _guarded(cells[name], partial(sample, name)):
                running.remove(name)
    for name, runner in runners.items():
        if cells[name].status != "failed":
            _guarded(cells[name], runner.release)


def _measure_programs(
    workload: Workload, task: Program, cells: dict[str, Cell], rounds: int, threads: int
) -> None:
    expected = program_reference(task)

    def run(name: str, cache: str, counts: bool) -> None:
        outputs, metric = run_program(task, name, threads, cache)
        _check(cells[name], outputs, expected, workload.tolerance)
        if counts and cells[name].status == "ok":
            cells[name].samples.append(metric)

    with tempfile.TemporaryDirectory() as folder:
        running = list(cells)
        for number in range(rounds if task.cold else rounds + 1):
            for name in list(running):
                # Warm caches are filled by a run that does not count, and shared by those that do.
                cache = f"{folder}/{name}_{number}" if task.cold else f"{folder}/{name}"
                counts = task.cold or number > 0
                if not _guarded(cells[name], partial(run, name, cache, counts)):
                    running.remove(name)


def program_reference(task: Program) -> list[Array]:
    """What a program prints, in float64."""
    import numpy as np

    from graphc.bench import programs
    from graphc.bench.mlp import training_outputs
    from graphc.bench.workload import Model

    if task.name == "train":
        model = Model(programs.LAYERS, programs.BATCH, "adam", programs.RATE)
        return training_outputs(model)[:1]
    total = programs.chain(np.tanh, programs.chain_input().astype(np.float64)).sum()
    return [np.full(programs.STEPS, total)]
