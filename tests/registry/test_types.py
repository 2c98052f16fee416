"""Type rules against references: while building, and compiled with every size a symbol."""

import pytest

from graphc.ir.dims import Dim
from graphc.ir.graph import OpDef, Tensor
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline
from graphc.ir.passes.decompose import Decompose
from graphc.ir.verify import verify
from tests.registry.samples import Built, assert_close, build, cases, evaluate, naming, sampled

EVERYTHING = PassPipeline.parse(DEFAULT_PIPELINE)


def check_compatible(tensor: Tensor, shape: tuple[int, ...], exact: bool) -> None:
    declared = tensor.type.shape
    if declared is None:
        return
    assert len(declared) == len(shape), f"{tensor.type} for an array of shape {shape}"
    for dim, size in zip(declared, shape, strict=True):
        if isinstance(dim, int):
            assert dim == size, f"{tensor.type} for an array of shape {shape}"
        else:
            assert not isinstance(dim, Dim), f"symbols while building: {tensor.type}"


def expected_results(built: Built) -> list:
    """What the reference gives (the interpreter checks dtypes and shapes as it goes)."""
    return evaluate(built.function(), built.feeds)


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_type_rule_while_building(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            static = build(case)
            results = expected_results(static)
            for shapes in ("static", "dims", "rank"):
                built = static if shapes == "static" else build(case, shapes)
                for tensor, result in zip(built.op.outputs, results, strict=True):
                    assert tensor.dtype.numpy == result.dtype, f"{tensor.type}, {result.dtype}"
                    check_compatible(tensor, result.shape, shapes == "static")


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_type_rule_with_symbols(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            expected = expected_results(build(case))
            for feed_sizes in (False, True):
                built = build(case, "dims", feed_sizes)
                function = built.function()
                verify(function)
                actual = evaluate(function, built.feeds)
                for got, want in zip(actual, expected, strict=True):
                    assert_close(got, want, 0, "with symbols")


@pytest.mark.parametrize("definition", [d for d in sampled() if d.decompose], ids=lambda d: d.name)
def test_decomposition_equals_reference(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            for shapes in ("static", "dims"):
                built = build(case, shapes)
                function = built.function()
                expected = evaluate(function, built.feeds)
                function = Decompose(only=definition.name).run(function)
                verify(function)
                actual = evaluate(function, built.feeds)
                for got, want in zip(actual, expected, strict=True):
                    assert_close(got, want, case.sample.tolerance, f"decomposed ({shapes})")


@pytest.mark.parametrize("definition", sampled(), ids=lambda d: d.name)
def test_pipeline_keeps_the_meaning(definition: OpDef) -> None:
    for case in cases(definition):
        with naming(case):
            built = build(case, "dims")
            function = built.function()
            expected = evaluate(function, built.feeds)
            function = EVERYTHING.run(function)
            verify(function)
            assert not any(op.definition.decompose for op in function.operations)
            actual = evaluate(function, built.feeds)
            for got, want in zip(actual, expected, strict=True):
                assert_close(got, want, case.sample.tolerance, "after all passes")
