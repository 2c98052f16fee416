"""Branches and loops under TensorFlow and under graphc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import graphc
from tests.peers import control_programs
from tests.peers.test_tensorflow import equal, run

pytestmark = pytest.mark.peers("tensorflow")


@pytest.mark.parametrize("program", control_programs.SEMANTICS, ids=lambda p: p.__name__)
def test_semantics(program: Callable[[Any], list[Any]], tensorflow: Any) -> None:
    theirs, ours = run(tensorflow, program), run(graphc, program)
    assert len(ours) == len(theirs)
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        equal(a, b, f"{program.__name__}, result {number}")
