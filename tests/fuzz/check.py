"""Checking a case: the interpreter over the resolved function is the truth, all else must agree.

What else there is: the interpreter after the passes, after the passes without one of them, and the
target with the default pipeline, without fusion, and without one pass. Each variant is one
`Program` that serves all runs of the case, so guards and symbolic sizes are tested as well. The
verifier looks at every function between passes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.codegen.program import Options, Program
from graphc.codegen.state import SessionState
from graphc.ir.errors import OpError
from graphc.ir.function import Function
from graphc.ir.interpreter import Rounding, run_function
from graphc.ir.passes import DEFAULT_PIPELINE, PASSES, PassPipeline, Verifying
from tests.fuzz.case import Arrays, Case
from tests.fuzz.tolerance import Sampler, Spread, close
from tests.fuzz.unread import unread

REQUIRED = "decompose"  # kernels are made of what it leaves
# Differences of large numbers near their zeros: exact arguments have inexact results there.
ROUGH = ("Digamma", "Lgamma", "Polygamma")


@dataclass(frozen=True)
class Variant:
    """A way to run a case."""

    name: str
    options: Options


@dataclass(frozen=True)
class Mismatch:
    """What went wrong: under which variant, in which run, where."""

    variant: str
    run: int
    what: str

    def __str__(self) -> str:
        return f"{self.variant}, run {self.run}: {self.what}"


@dataclass(frozen=True)
class Outcome:
    """What a run gave: results and variables, or the class of its error."""

    results: Sequence[np.ndarray] = ()
    variables: tuple[tuple[str, np.ndarray], ...] = ()
    error: BaseException | None = None

    @property
    def kind(self) -> str:
        return "" if self.error is None else type(self.error).__name__


def without(name: str) -> str:
    """The default pipeline without one pass."""
    return ",".join(step for step in DEFAULT_PIPELINE.split(",") if step != name)


def variants(target: str, turn: int | None) -> Iterator[Variant]:
    """All ways to run a case; with `turn` only one of the costly ones beside the default."""
    observers = (Verifying(),)
    yield Variant("passes", Options("numpy", observers=observers))
    for name in PASSES:
        yield Variant(f"passes without {name}", Options("numpy", without(name), observers))
    yield Variant(target, Options(target))
    others = [Variant(f"{target} without fusion", Options(target, fusion=False))]
    others += [
        Variant(f"{target} without {name}", Options(target, without(name)))
        for name in PASSES
        if name != REQUIRED
    ]
    yield from others if turn is None else others[turn % len(others) :][:1]


def check(case: Case, ways: Sequence[Variant]) -> Mismatch | None:
    """The first disagreement of a case with the interpreter, or None."""
    truth = [Truth(case, number) for number in range(len(case.runs))]
    state = new_state(case)
    for one in truth:
        one.run(state)
        if one.outcome.error is not None and not isinstance(one.outcome.error, OpError):
            return Mismatch("interpreter", one.number, describe(one.outcome.error))
    for way in ways:
        found = _check_variant(case, way, truth)
        if found is not None:
            return found
    return None


def _check_variant(case: Case, way: Variant, truth: Sequence[Truth]) -> Mismatch | None:
    program = Program(case.graph, case.fetches, case.targets, case.feeds, way.options)
    for one in truth:
        state = new_state(case, one.before, one.random_runs)
        outcome = run(program, case.runs[one.number], state)
        wrong = one.compare(outcome)
        if wrong:
            return Mismatch(way.name, one.number, wrong)
    return None


def new_state(
    case: Case, variables: dict[str, np.ndarray] | None = None, runs: int = 0
) -> SessionState:
    """A session's state: the case's variables (or others), and random operations run so often."""
    state = SessionState()
    values = case.variables if variables is None else variables
    state.variables = {name: np.array(value, order="C") for name, value in values.items()}
    names = [op.name for op in case.graph.operations if op.definition.effect == "random"]
    for _ in range(runs):
        state.advance_random(names)
    return state


def run(program: Program, arrays: Arrays, state: SessionState) -> Outcome:
    """Run and catch."""
    try:
        results = program.run([np.array(a, order="C") for a in arrays], state)
    except Exception as error:  # a crash is a finding, too
        return Outcome(error=error, variables=tuple(state.variables.items()))
    return Outcome(results, tuple(state.variables.items()))


def describe(error: BaseException) -> str:
    """An error in one line, with where it was raised where it is no error of the user's."""
    text = f"{type(error).__name__}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or (isinstance(error, OpError) and type(error).__name__ != "InternalError"):
        return text
    code = trace.tb_frame.f_code
    return f"{text} [{code.co_filename}:{trace.tb_lineno}, in {code.co_name}]"


class Truth:
    """One run of a case in the interpreter, without passes."""

    def __init__(self, case: Case, number: int) -> None:
        self.case, self.number = case, number
        self.program = Program(
            case.graph, case.fetches, case.targets, case.feeds, Options("numpy", "")
        )
        self.before: dict[str, np.ndarray] = {}
        self.random_runs = number
        self.outcome = Outcome()
        self.lenient = Outcome()  # where what fails may be left out, since nobody reads it
        self.feeds = {t.name: a for t, a in zip(case.feeds, case.runs[number], strict=True)}
        self._whole: Function | None = None  # what `lenient` is of
        self._spread: Spread | None = None
        self._names: list[str] = []

    def run(self, state: SessionState) -> None:
        """Run in a state that goes from run to run."""
        self.before = {name: value.copy() for name, value in state.variables.items()}
        names = [op.name for op in self.case.graph.operations if op.definition.effect == "random"]
        fresh = new_state(self.case, self.before, self.random_runs)
        self.outcome = run(self.program, self.case.runs[self.number], fresh)
        self.lenient = self.outcome
        if self.outcome.kind == "InvalidArgumentError":
            self.lenient = self._without_unread_errors()
        state.variables = {name: value.copy() for name, value in fresh.variables.items()}
        state.advance_random(names)

    def _without_unread_errors(self) -> Outcome:
        """What a run gives in which nobody computes what fails; the same error if somebody must."""
        state = new_state(self.case, self.before, self.random_runs)
        try:
            whole = self.program.resolve(self.case.runs[self.number], state)
        except OpError:
            return self.outcome
        found = unread(
            whole, lambda f: run_function(f, self.feeds, self.before, state.random_state)
        )
        if found is None:
            return self.outcome
        self._whole, outcome = found
        results = [np.array(r, order="C") for r in outcome.results]
        return Outcome(results, tuple({**self.before, **outcome.updates}.items()))

    def compare(self, other: Outcome) -> str:
        """What is wrong with another outcome, or ''."""
        mine = self.outcome if other.kind else self.lenient
        if mine.kind != other.kind:
            error = other.error or mine.error
            assert error is not None
            if other.error is None:
                return f"no error, but the interpreter raises {describe(error)}"
            return describe(error) + (f"; expected {mine.kind}" if mine.kind else "")
        pairs = [
            (f"result {i} ({t.name})", a, b)
            for i, (t, a, b) in enumerate(
                zip(self.case.fetches, mine.results, other.results, strict=True)
                if not mine.kind
                else ()
            )
        ]
        expected = dict(mine.variables)
        pairs += [(f"variable {n}", expected[n], value) for n, value in other.variables]
        for what, a, b in pairs:
            wrong = self._difference(what, a, b)
            if wrong:
                return f"{what}: {wrong}"
        return ""

    def _difference(self, what: str, expected: np.ndarray, got: np.ndarray) -> str:
        if (got.dtype, got.shape) != (expected.dtype, expected.shape):
            return f"{got.dtype}{list(got.shape)} for {expected.dtype}{list(expected.shape)}"
        agree = close(got, expected)
        if agree.all() or self._explained(what, got, expected):
            return ""
        where = tuple(int(i) for i in np.argwhere(~agree)[0])
        return (
            f"{int((~agree).sum())} of {agree.size} elements differ, at {list(where)} "
            f"{got[where]!r} for {expected[where]!r}"
        )

    def _explained(self, what: str, got: np.ndarray, expected: np.ndarray) -> bool:
        """Whether rounding explains a difference."""
        if self.lenient.error is not None:
            return False
        if self._spread is None:
            blunt = any(op.type in ROUGH for op in self.case.graph.operations)
            self._spread = Spread(self._sampler(), self.case.seed, blunt)
        results = [f"result {i} ({t.name})" for i, t in enumerate(self.case.fetches)]
        names = results + [f"variable {name}" for name in self._names]
        return what in names and self._spread.explains(names.index(what), got, expected)

    def _sampler(self) -> Sampler:
        """A function that runs the interpreter with roundings: results, then new variables.

        Composed operations count as what they are composed of, every second time: each part rounds.
        """
        state = new_state(self.case, self.before, self.random_runs)
        whole = self._whole or self.program.resolve(self.case.runs[self.number], state)
        functions = itertools.cycle([PassPipeline.parse(REQUIRED).run(whole), whole])
        self._names = [name for name, _ in whole.updates]

        def sample(rounding: Rounding) -> Sequence[np.ndarray]:
            outcome = run_function(
                next(functions), self.feeds, self.before, state.random_state, rounding=rounding
            )
            return [*outcome.results, *(outcome.updates[n] for n in self._names)]

        return sample
