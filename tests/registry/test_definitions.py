"""What every definition must say."""

import pytest

from graphc.ir.graph import NoGradient, OpDef, definitions
from graphc.ir.lowering import Host, Nested, Source

DEFINITIONS = definitions()


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_definition_is_complete(definition: OpDef) -> None:
    assert definition.name.isidentifier()
    assert len(definition.doc.split()) >= 2 and definition.doc[-1] in ".)…;]", definition.doc
    assert isinstance(definition.gradient, NoGradient) or callable(definition.gradient)
    if isinstance(definition.gradient, NoGradient):
        assert definition.gradient.reason.strip()
    assert definition.effect in ("pure", "random", "state", "host", "check", "nested")
    assert all(name.isidentifier() for name in definition.attrs)
    assert not any(name.startswith("*") for name in definition.inputs[:-1])
    assert len(set(definition.inputs)) == len(definition.inputs)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_definition_has_a_meaning(definition: OpDef) -> None:
    source = isinstance(definition.lowering, Source)
    host = isinstance(definition.lowering, (Host, Nested))
    state = definition.effect == "state"
    assert definition.lowering or definition.decompose or definition.update or state
    assert definition.reference or source or host or state, "no reference"
    if definition.reference and definition.inputs and definition.effect in ("pure", "random"):
        assert definition.samples, "no samples"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_samples_fit_the_signature(definition: OpDef) -> None:
    least = len(definition.inputs) - definition.variadic
    for sample in definition.samples:
        assert len(sample.operands) >= least, sample
        assert definition.variadic or len(sample.operands) == least, sample
        assert all(name in definition.attrs or name.startswith("_") for name in sample.attrs), (
            sample
        )
        assert set(sample.dtypes or ()) <= set(definition.dtypes), sample
    for index in (*definition.shape_inputs, *definition.writes):
        assert -len(definition.inputs) <= index < len(definition.inputs)


def test_names_are_unique_without_case() -> None:
    names = [definition.name for definition in DEFINITIONS]
    assert len({name.lower() for name in names}) == len(names)
