"""Every operation, sample and dtype on the CPU target, against the references.

Sizes are symbols here, so what is tested is the code that serves every size. The first cases run
once more as they stand, with only what lowering needs.
"""

import numpy as np
import pytest

from graphc.codegen.program import Options, Program
from graphc.codegen.state import SessionState
from graphc.ir.graph import OpDef, Operation
from tests.registry.samples import (
    RANDOM_STATE,
    Built,
    assert_close,
    build,
    cases,
    evaluate,
    naming,
    sampled,
)


class FixedRandom(SessionState):
    """A state in which random operations draw as they do in `samples.evaluate`."""

    def random_key(self, name: str, seed: int, seed2: int) -> int:
        return RANDOM_STATE[0]

    def random_run(self, name: str) -> int:
        return RANDOM_STATE[1]

    def random_state(self, op: Operation) -> tuple[int, int]:
        return RANDOM_STATE


def run_native(built: Built, pipeline: str | None = None) -> list[np.ndarray]:
    options = Options("cpu") if pipeline is None else Options("cpu", pipeline)
    program = Program(built.graph, built.op.outputs, [built.op], list(built.feeds), options)
    return program.run([np.asarray(a) for a in built.feeds.values()], FixedRandom())


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_cpu_matches_reference(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            built = build(case, "dims")
            expected = evaluate(build(case).function(), built.feeds)
            for got, want in zip(run_native(built), expected, strict=True):
                assert_close(got, want, case.sample.tolerance, "native")


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_cpu_without_optimisation(definition: OpDef) -> None:
    """Only what lowering needs: one kernel or more for each operation as it stands."""
    for case in cases(definition)[:2]:
        with naming(case):
            built = build(case, "static")
            expected = evaluate(built.function(), built.feeds)
            for got, want in zip(run_native(built, "decompose"), expected, strict=True):
                assert_close(got, want, case.sample.tolerance, "native")
