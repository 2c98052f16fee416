"""Convolutions, pooling and `tf.image` under TensorFlow and under graphc: values and gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from tests.peers.images import FUNCTIONS, OF_BYTES, of_bytes, outcome

pytestmark = pytest.mark.peers("tensorflow")


def both(tensorflow: Any, program: Callable[[Any], list[Any]]) -> tuple[list[Any], list[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return program(graphc), program(tensorflow)


def agree(ours: list[Any], theirs: list[Any]) -> None:
    shape = [known for known, size in zip(ours[-1], theirs[-1], strict=True) if size is not None]
    assert shape == [size for size in theirs[-1] if size is not None], "static shapes"
    for a, b in zip(ours[:-1], theirs[:-1], strict=True):
        if b is None:
            continue
        assert a.dtype == b.dtype
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str, tensorflow: Any) -> None:
    agree(*both(tensorflow, lambda tf: outcome(tf, FUNCTIONS[name])))


@pytest.mark.parametrize("name", OF_BYTES)
def test_of_bytes(name: str, tensorflow: Any) -> None:
    agree(*both(tensorflow, lambda tf: of_bytes(tf, OF_BYTES[name])))
