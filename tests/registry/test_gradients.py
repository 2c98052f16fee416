"""Gradients of every differentiable operation against finite differences in float64.

The derivative of a weighted sum of the results along a random direction, by a central difference of
fourth order; for second order the same of the first-order gradients (with respect to operands and
cotangents).
"""

from collections.abc import Callable

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.function import Function
from graphc.ir.gradients import gradients
from graphc.ir.graph import IndexedSlices, NoGradient, OpDef, Tensor
from tests.registry.samples import (
    Built,
    Case,
    Shapes,
    build,
    cases,
    evaluate,
    naming,
    placeholder,
    sampled,
)

STEP = 1e-4
TOLERANCE = 1e-6


def is_differentiable(definition: OpDef) -> bool:
    return not isinstance(definition.gradient, NoGradient) and any(
        sample.differentiable for sample in definition.samples
    )


def differentiable_cases(definition: OpDef) -> list[Case]:
    return [
        case
        for case in cases(definition)
        if case.sample.differentiable and case.dtype in (None, dtypes.float64)
    ]


class Problem:
    """loss = sum(weight * result), for the float results of one operation."""

    def __init__(self, case: Case, shapes: Shapes) -> None:
        self.built: Built = build(case, shapes)
        self.generator = np.random.default_rng(7)
        self.feeds = self.built.feeds
        results = evaluate(self.built.function(), self.feeds)
        self.ys: list[Tensor] = []
        self.weights: list[Tensor] = []
        for number, (y, result) in enumerate(zip(self.built.op.outputs, results, strict=True)):
            if y.dtype is dtypes.float64:
                weight = self.generator.standard_normal(result.shape)
                self.ys.append(y)
                self.weights.append(self.feed(weight, shapes, f"weight{number}"))
        chosen = case.sample.gradient_inputs
        self.xs = [
            x
            for index, x in enumerate(self.built.inputs)
            if x in self.feeds and x.dtype is dtypes.float64 and (chosen is None or index in chosen)
        ]

    def feed(self, array: np.ndarray, shapes: Shapes, name: str) -> Tensor:
        array = np.asarray(array)
        tensor = placeholder(self.built.graph, array, shapes, name)
        self.feeds[tensor] = array
        return tensor

    def directions(self, tensors: list[Tensor]) -> list[np.ndarray]:
        return [self.generator.standard_normal(self.feeds[t].shape) for t in tensors]

    def compiled(self, fetches: list[Tensor]) -> Function:
        return self.built.function(fetches)

    def run(
        self, function: Function, xs: list[Tensor], moves: list[np.ndarray]
    ) -> list[np.ndarray]:
        moved = {x: self.feeds[x] + move for x, move in zip(xs, moves, strict=True)}
        return evaluate(function, {**self.feeds, **moved})

    def slope(
        self,
        function: Function,
        score: Callable[[list[np.ndarray]], float],
        xs: list[Tensor],
        directions: list[np.ndarray],
    ) -> float:
        """d score / dt at t = 0 for operands x + t * direction."""

        def at(t: float) -> float:
            return score(self.run(function, xs, [t * d for d in directions]))

        h = STEP
        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def dense(gradient: Tensor | IndexedSlices) -> Tensor:
    return gradient.dense() if isinstance(gradient, IndexedSlices) else gradient


def inner(left: list[np.ndarray], right: list[np.ndarray]) -> float:
    return float(sum(np.sum(a * b) for a, b in zip(left, right, strict=True)))


def check_slope(analytic: float, numeric: float, what: str) -> None:
    scale = max(1.0, abs(analytic), abs(numeric))
    assert abs(analytic - numeric) <= TOLERANCE * scale, (
        f"{what}: {analytic}, numerically {numeric}"
    )


def check_first_order(case: Case, shapes: Shapes) -> None:
    problem = Problem(case, shapes)
    if not problem.ys or not problem.xs:
        return
    found = gradients(problem.ys, problem.xs, problem.weights)
    xs = [x for x, dx in zip(problem.xs, found, strict=True) if dx is not None]
    dxs = [dense(dx) for dx in found if dx is not None]
    values = evaluate(problem.compiled(dxs), problem.feeds)
    for x, value in zip(xs, values, strict=True):
        assert value.shape == problem.feeds[x].shape, (
            f"gradient of {x.name} has shape {value.shape}"
        )
    directions = problem.directions(problem.xs)
    kept = [d for d, dx in zip(directions, found, strict=True) if dx is not None]
    weights = [problem.feeds[w] for w in problem.weights]
    numeric = problem.slope(
        problem.compiled(problem.ys), lambda ys: inner(weights, ys), problem.xs, directions
    )
    check_slope(inner(values, kept), numeric, f"first order, shapes: {shapes}")


def check_second_order(case: Case, shapes: Shapes) -> None:
    problem = Problem(case, shapes)
    if not problem.ys or not problem.xs:
        return
    first = [
        dense(dx) for dx in gradients(problem.ys, problem.xs, problem.weights) if dx is not None
    ]
    if not first:
        return
    function = problem.compiled(first)
    factors = [
        problem.generator.standard_normal(v.shape) for v in evaluate(function, problem.feeds)
    ]
    seeds = [problem.feed(f, shapes, f"factor{i}") for i, f in enumerate(factors)]
    xs = [*problem.xs, *problem.weights]
    found = gradients(first, xs, seeds)
    dxs = [dense(dx) for dx in found if dx is not None]
    values = evaluate(problem.compiled(dxs), problem.feeds)
    directions = problem.directions(xs)
    kept = [d for d, dx in zip(directions, found, strict=True) if dx is not None]
    function = problem.compiled(first)
    numeric = problem.slope(function, lambda dxs: inner(factors, dxs), xs, directions)
    check_slope(inner(values, kept), numeric, f"second order, shapes: {shapes}")


DIFFERENTIABLE = [d for d in sampled() if is_differentiable(d)]


@pytest.mark.parametrize("definition", DIFFERENTIABLE, ids=lambda d: d.name)
def test_first_order(definition: OpDef) -> None:
    for case in differentiable_cases(definition):
        with naming(case):
            check_first_order(case, "static")
            check_first_order(case, "rank")


@pytest.mark.parametrize("definition", DIFFERENTIABLE, ids=lambda d: d.name)
def test_second_order(definition: OpDef) -> None:
    for case in differentiable_cases(definition):
        with naming(case):
            check_second_order(case, "dims")
