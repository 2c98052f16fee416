"""`python -m tests.fuzz --count N`: check N random graphs; exit code 1 where one fails.

A failing case is made small and printed as text; with `--save FOLDER` it is written there, and
`--replay FILE` checks such a file again.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.case import Case
from tests.fuzz.check import Variant, check, variants
from tests.fuzz.files import case_text, load, save
from tests.fuzz.generate import generate
from tests.fuzz.shrink import shrink
from tests.fuzz.workers import Finding, Plan, run_plan


def main() -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args()
    console = Console()
    if options.replay is not None:
        return _replay(options.replay, options.target, console)
    plan = Plan(options.seed, options.count, options.target, options.thorough)
    findings: list[Finding] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("graphs", total=plan.count, failed=0)
        for _, finding in run_plan(plan, options.jobs):
            if finding is not None:
                findings.append(finding)
                where = f"seed {finding.seed}: {finding.mismatch}"
                console.print(escape(where), style="red", highlight=False)
            progress.update(task, advance=1, failed=len(findings))
            if not console.is_terminal and progress.tasks[task].completed % 100 == 0:
                console.print(f"{progress.tasks[task].completed:.0f} of {plan.count} graphs")
    for finding in sorted(findings, key=lambda f: f.seed):
        _report(finding, options, console)
    last = plan.first + plan.count - 1
    console.print(f"{plan.count} graphs (seeds {plan.first} to {last}), {len(findings)} failed")
    return 1 if findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many graphs")
    parser.add_argument("--seed", type=int, default=0, help="of the first graph; others follow it")
    parser.add_argument("--target", default="cpu", choices=("cpu", "numpy", "cuda"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--shrink", action="store_true", help="make failing cases small")
    parser.add_argument("--thorough", action="store_true", help="compile all variants of each case")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write failing cases there")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="only check a saved case")
    return parser


def _report(finding: Finding, options: argparse.Namespace, console: Console) -> None:
    """Print a failing case, smaller if asked for, and save it."""
    mismatch = finding.mismatch
    console.rule(f"seed {finding.seed}")
    if mismatch.variant == "generator":
        console.print(escape(mismatch.what), highlight=False)
        return
    case = generate(finding.seed)
    if options.shrink and mismatch.variant != "process":
        case = smallest(case, mismatch.variant, options.target)
    console.print(escape(str(mismatch)), highlight=False)
    console.print(escape(case_text(case)), highlight=False, soft_wrap=True)
    if options.save is not None:
        console.print(f"saved: {save(case, options.save, f'seed-{finding.seed}')}")


def smallest(case: Case, variant: str, target: str) -> Case:
    """The case made small while the same variant fails in the same manner."""
    ways = [way for way in variants(target, None) if way.name == variant]
    manner = _manner(case, ways)
    if not manner:
        return case  # it does not fail again: another process compiled it
    return shrink(replace(case), lambda smaller: _manner(smaller, ways) == manner)


def _manner(case: Case, ways: list[Variant]) -> str:
    """How a case fails: the class of the error, or that values differ; '' if it does not."""
    found = check(case, ways)
    if found is None:
        return ""
    if found.what.startswith(("result", "variable")):
        return "values"
    return " ".join(re.sub(r"\d+", "", found.what).split()[:3])


def _replay(path: Path, target: str, console: Console) -> int:
    """Check a saved case in all variants."""
    found = check(load(path), list(variants(target, None)))
    console.print("agrees" if found is None else escape(str(found)), highlight=False)
    return 0 if found is None else 1


if __name__ == "__main__":
    sys.exit(main())
