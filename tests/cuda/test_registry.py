"""Every operation and sample on the CUDA target, in the simulator, against the references.

Of a sample's dtypes the quick test takes one in turn out of float32, int32 and bool; the slow one
takes all. Random operations draw the very bits of the reference.
"""

import numpy as np
import pytest

from graphc.codegen.program import Options, Program
from graphc.codegen.state import SessionState
from graphc.ir.graph import OpDef, Operation
from tests.registry.samples import (
    RANDOM_STATE,
    Built,
    Case,
    assert_close,
    build,
    cases,
    evaluate,
    naming,
    sampled,
)

COMMON = ("float32", "int32", "bool")
# The simulator starts a Python thread for each CUDA thread: some 5,000 a second.
MOST_ELEMENTS = 2000
EXACT = ("RandomUniform", "RandomStandardNormal", "TruncatedNormal", "RandomUniformInt",
         "RandomGumbel", "RandomShuffle")  # fmt: skip


class FixedRandom(SessionState):
    """A state in which random operations draw as they do in `samples.evaluate`."""

    def random_key(self, name: str, seed: int, seed2: int) -> int:
        return RANDOM_STATE[0]

    def random_run(self, name: str) -> int:
        return RANDOM_STATE[1]

    def random_state(self, op: Operation) -> tuple[int, int]:
        return RANDOM_STATE


def run_simulated(built: Built) -> list[np.ndarray]:
    program = Program(built.graph, built.op.outputs, [built.op], list(built.feeds), Options("cuda"))
    return program.run([np.asarray(a) for a in built.feeds.values()], FixedRandom())


def check(case: Case) -> None:
    with naming(case):
        built = build(case, "dims")
        expected = evaluate(build(case).function(), built.feeds)
        for got, want in zip(run_simulated(built), expected, strict=True):
            assert_close(got, want, case.sample.tolerance, "simulated")
            if case.definition.name in EXACT:
                np.testing.assert_array_equal(got, want)


def quick(definition: OpDef) -> list[Case]:
    """One case of each sample, with dtypes in turn."""
    by_sample: dict[int, list[Case]] = {}
    for case in cases(definition):
        if case.dtype is None or case.dtype.name in COMMON:
            by_sample.setdefault(case.number, []).append(case)
    chosen = [found[number % len(found)] for number, found in by_sample.items()]
    return [c for c in chosen if sum(a.size for a in c.arrays()) <= MOST_ELEMENTS]


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_cuda_matches_reference(definition: OpDef) -> None:
    for case in quick(definition):
        check(case)


@pytest.mark.slow
@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_cuda_with_all_dtypes(definition: OpDef) -> None:
    chosen = {case.id for case in quick(definition)}
    for case in cases(definition):
        if case.id not in chosen:
            check(case)
