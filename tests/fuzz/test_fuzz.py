"""A few random graphs in every test run, and proof that the fuzzer finds what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphc.codegen.program import Options
from graphc.ir import dtypes
from graphc.ir.graph import Graph
from graphc.ir.interpreter import Rounding
from graphc.ir.passes import canonicalize
from graphc.ir.passes.rewrites.language import Rewrite, floats, op, variables
from tests.fuzz.__main__ import smallest
from tests.fuzz.case import Case
from tests.fuzz.check import Outcome, Truth, Variant, check, new_state, variants
from tests.fuzz.files import case_text, load, save
from tests.fuzz.generate import generate
from tests.fuzz.tolerance import Spread
from tests.fuzz.workers import Plan, check_seed, run_plan

x, y = variables("x", "y")
FOUND = sorted((Path(__file__).parent / "found").glob("*.graph"))
PASSES = [Variant("passes", Options("numpy"))]


@pytest.mark.parametrize("seed", range(40))
def test_targets_agree(seed: int) -> None:
    finding = check_seed(seed)
    assert finding is None, str(finding)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    found = check(load(path), list(variants("cpu", None)))
    assert found is None, str(found)


def test_same_seed_same_case() -> None:
    for seed in range(5):
        one, other = generate(seed), generate(seed)
        assert case_text(one) == case_text(other)
        for a, b in zip(one.runs, other.runs, strict=True):
            for left, right in zip(a, b, strict=True):
                np.testing.assert_array_equal(left, right)


def first_finding(count: int) -> tuple[Case, str] | None:
    """The first of `count` cases that the passes change the meaning of."""
    for seed in range(count):
        case = generate(seed)
        found = check(case, PASSES)
        if found is not None:
            return case, str(found)
    return None


@pytest.mark.parametrize(
    "wrong",
    [
        Rewrite("wrong-add", x + y, x - y, floats),
        Rewrite("wrong-maximum", op("Maximum", x, y), x),
        Rewrite("wrong-square", op("Square", x), op("Abs", x)),
        Rewrite("wrong-reverse", op("ReverseV2", x, y), x),
    ],
    ids=lambda row: row.name,
)
def test_wrong_rewrite_is_found(wrong: Rewrite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonicalize, "TABLES", (wrong, *canonicalize.TABLES))
    assert first_finding(200) is not None


def test_shrinks_to_the_point(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Rewrite("wrong-sub", x - y, x + y, floats)
    monkeypatch.setattr(canonicalize, "TABLES", (wrong, *canonicalize.TABLES))
    case = smallest(chain(), "passes", "numpy")
    kinds = [operation.type for operation in case.graph.operations]
    assert kinds == ["Placeholder", "Sub"] or kinds == ["Placeholder", "Placeholder", "Sub"], kinds
    assert len(case.runs) == 1 and len(case.fetches) == 1
    assert check(case, PASSES) is not None


def chain() -> Case:
    """A subtraction amid a dozen of other operations, a variable's update, and two runs."""
    graph = Graph()
    a = graph.op("Placeholder", dtype=dtypes.float32, shape=(None, 3))
    v = graph.op("VariableV2", dtype=dtypes.float32, shape=(3,), name="v")
    write = graph.op("AssignAdd", v, graph.op("Sum", a, np.int32(0))).op
    value = graph.op("Exp", graph.op("Tanh", a))
    with graph.control_dependencies([write]):
        value = graph.op("Square", graph.op("Sub", value, graph.op("Sin", a)))
    ends = [graph.op("Sqrt", value), graph.op("Mean", graph.op("Sub", value, a), np.int32(1))]
    ends.append(graph.op("Relu", graph.op("Transpose", a, np.int32([1, 0]))))
    runs = tuple((np.full((n, 3), 0.3, np.float32),) for n in (2, 4))
    return Case(graph, tuple(ends), (write,), (a,), runs, {"v": np.zeros(3, np.float32)})


def test_save_and_load(tmp_path: Path) -> None:
    case = generate(7)
    again = load(save(case, tmp_path, "seven"))
    assert case_text(again) == case_text(case)
    assert again.variables.keys() == case.variables.keys()
    assert check(again, PASSES) is None


def cancelling(factor: float) -> Case:
    """x * y - y * x, and an honest product, scaled."""
    graph = Graph()
    x = graph.op("Placeholder", dtype=dtypes.float32, shape=(3,))
    y = graph.op("Placeholder", dtype=dtypes.float32, shape=(3,))
    difference = graph.op("Sub", graph.op("Mul", x, y), graph.op("Mul", y, x))
    product = graph.op("Mul", graph.op("Mul", x, y), graph.constant(np.float32(factor)))
    run = (np.float32([0.1, 0.7, 1.3]), np.float32([0.3, 1.1, 0.9]))
    return Case(graph, (difference, product), (), (x, y), (run,))


def sampler(case: Case) -> Callable[..., list[np.ndarray]]:
    """Roundings of `cancelling`, by hand."""
    a, b = case.runs[0]
    product, difference = case.fetches[1].op, case.fetches[0].op

    def sample(rounding: Rounding) -> list[np.ndarray]:
        rounded = rounding(product, (a, b), a * b)
        other = rounding(product, (b, a), b * a)
        return [rounding(difference, (rounded, other), rounded - other), rounded]

    return sample


def test_cancellation_is_told_from_wrongness() -> None:
    case = cancelling(1.0)
    a, b = case.runs[0]
    spread = Spread(sampler(case), 0)
    zero = np.zeros(3, np.float32)
    assert spread.explains(0, zero + np.float32(3e-8), zero)
    assert not spread.explains(0, zero + np.float32(1e-4), zero)
    assert not spread.explains(1, a * b * np.float32(1.001), a * b)


def saturated(type: str, at_zero: float) -> Case:
    """f - f(x) for a large x, where f is 1 or its last bit less, and for x = 0."""
    graph = Graph()
    x = graph.op("Placeholder", dtype=dtypes.float32, shape=(2,))
    values = graph.constant(np.float32([1, at_zero]))
    difference = graph.op("Sub", values, graph.op(type, x))
    return Case(graph, (difference,), (), (x,), ((np.float32([20, 0]),),))


@pytest.mark.parametrize(("type", "at_zero"), [("Sigmoid", 0.5), ("Tanh", 0), ("Erf", 0)])
def test_limits_are_rounded(type: str, at_zero: float) -> None:
    truth = Truth(saturated(type, at_zero), 0)
    truth.run(new_state(truth.case))
    np.testing.assert_array_equal(truth.outcome.results[0], [0, 0])
    assert not truth.compare(Outcome([np.float32([2.0**-24, 0])]))
    assert truth.compare(Outcome([np.float32([2.0**-14, 0])]))
    assert truth.compare(Outcome([np.float32([0, 2.0**-24])])), "f(0) is exact"


def out_of_range(type: str) -> Case:
    """What becomes of a row that is not there: its shape or itself."""
    graph = Graph()
    x = graph.op("Placeholder", dtype=dtypes.float32, shape=(None, 3))
    row = graph.op("GatherV2", x, np.int32([7]), np.int32(0))
    run = (np.ones((5, 3), np.float32),)
    return Case(graph, (graph.op(type, row), graph.op("Neg", x)), (), (x,), (run,))


@pytest.mark.parametrize(("type", "may_vanish"), [("Shape", True), ("ZerosLike", True),
                                                  ("Exp", False), ("Sign", False)])  # fmt: skip
def test_errors_vanish_only_unread(type: str, may_vanish: bool) -> None:
    truth = Truth(out_of_range(type), 0)
    truth.run(new_state(truth.case))
    assert truth.outcome.kind == "InvalidArgumentError"
    assert not truth.compare(truth.outcome)
    assert truth.lenient.kind == ("" if may_vanish else "InvalidArgumentError")
    other = -truth.case.runs[0][0]
    if may_vanish:
        assert not truth.compare(Outcome([truth.lenient.results[0], other]))
        assert truth.compare(Outcome([truth.lenient.results[0] + 1, other]))
    else:
        assert truth.compare(Outcome([np.zeros((1, 3), np.float32), other]))


def test_sizes_that_do_not_fit_stay_errors() -> None:
    graph = Graph()
    x = graph.op("Placeholder", dtype=dtypes.float32, shape=(None,))
    count = graph.op("Cast", graph.op("Sum", x, np.int32(0)), DstT=dtypes.int32)
    size = graph.op("Pack", count, axis=0)
    total = graph.op("Add", x, graph.op("Fill", size, np.float32(1)))
    truth = Truth(Case(graph, (total,), (), (x,), ((np.full(5, 2, np.float32),),)), 0)
    truth.run(new_state(truth.case))
    assert truth.outcome.kind == truth.lenient.kind == "InvalidArgumentError"


def test_all_ways_are_tried() -> None:
    names = [way.name for way in variants("cpu", None)]
    assert "cpu" in names and "cpu without fusion" in names and "cpu without canonicalize" in names
    assert "passes without decompose" in names and "cpu without decompose" not in names
    assert len(set(names)) == len(names)


def test_workers_check_every_seed() -> None:
    found = dict(run_plan(Plan(100, 5, "numpy"), jobs=2))
    assert found == dict.fromkeys(range(100, 105))


def test_late_workers_are_replaced() -> None:
    found = dict(run_plan(Plan(100, 2, "numpy", limit=-1.0), jobs=1))
    assert sorted(found) == [100, 101]
    assert all(f is not None and "no result" in f.mismatch.what for f in found.values()), found
