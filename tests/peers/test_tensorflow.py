"""The same TensorFlow 1 programs under TensorFlow and under graphc.

Runs where TensorFlow is installed: `pip install -e '.[peers]'`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from tests.peers import programs, training

pytestmark = pytest.mark.peers("tensorflow")


def run(tf: Any, program: Callable[[Any], Any]) -> Any:
    """What a program returns on a fresh graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf.reset_default_graph()
        return program(tf)


def test_losses_of_a_network(tensorflow: Any) -> None:
    theirs = np.array(run(tensorflow, programs.mlp_losses))
    ours = np.array(run(graphc, programs.mlp_losses))
    difference = float(np.max(np.abs(ours - theirs) / np.abs(theirs)))
    print(f"largest relative difference of 100 losses: {difference:.2e}")
    assert theirs[-1] < theirs[0] / 2
    assert difference < 1e-4


@pytest.mark.parametrize("program", programs.SEMANTICS, ids=lambda p: p.__name__)
def test_semantics(program: Callable[[Any], list[Any]], tensorflow: Any) -> None:
    theirs, ours = run(tensorflow, program), run(graphc, program)
    assert len(ours) == len(theirs)
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        equal(a, b, f"{program.__name__}, result {number}")


@pytest.mark.parametrize("program", training.TRAINING, ids=lambda p: p.__name__)
def test_training(program: Callable[[Any], list[Any]], tensorflow: Any) -> None:
    theirs, ours = run(tensorflow, program), run(graphc, program)
    assert len(ours) == len(theirs)
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        what = f"{program.__name__}, result {number}"
        if isinstance(b, str):
            assert a == b, what
            continue
        assert np.shape(a) == np.shape(b) and a.dtype == b.dtype, what
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6, err_msg=what)


def equal(ours: Any, theirs: Any, what: str) -> None:
    """Equal dtypes and values; floats up to their last digits.

    A fetched scalar that was fed is an array of rank 0 in TensorFlow, a NumPy scalar here.
    """
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), what
        for key in theirs:
            equal(ours[key], theirs[key], f"{what}, {key}")
        return
    if isinstance(theirs, (str, bool, list)):
        assert ours == theirs, what
        return
    assert isinstance(ours, type(theirs)) or np.ndim(theirs) == 0, what
    assert ours.dtype == theirs.dtype, what
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-7, err_msg=what)
