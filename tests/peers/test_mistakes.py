"""The classes of errors that mistakes raise, beside TensorFlow's."""

from __future__ import annotations

import builtins
import warnings
from typing import Any

import pytest

import graphc
from tests.peers import mistakes
from tests.peers.mistakes_at_run import AT_RUN
from tests.peers.mistakes_of_images import OF_IMAGES

pytestmark = pytest.mark.peers("tensorflow")

TABLES = {
    "build": mistakes.AT_BUILD,
    "dtype": mistakes.OF_DTYPE,
    "images": OF_IMAGES,
    "run": AT_RUN,
}

# What graphc finds while the graph is built and TensorFlow only when it runs.
EARLIER = frozenset({
    "build-reduce twice", "build-reshape two unknown", "build-transpose perm", "build-slice beyond",
    "build-one hot axis", "build-cast strings", "images-conv strides of batch",
})  # fmt: skip

# Other differences, and why.
DIFFERENCES = {
    "build-constant huge": "TensorFlow wraps numbers that do not fit",
    "build-sequence mask": "TensorFlow counts up to fractions",
    "build-sparse entropy positions": "TensorFlow 1 asks for names, which its version 2 forgot",
    "run-feed None": "TensorFlow reads None as NaN",
    "run-truncate": "TensorFlow takes its own check for a bug of its own (InternalError)",
}


@pytest.mark.parametrize("entry", [f"{t}-{name}" for t, table in TABLES.items() for name in table])
def test_mistake(entry: str, tensorflow: Any) -> None:
    table, _, name = entry.partition("-")
    program = TABLES[table][name]
    ours, theirs = error_of(graphc, program), error_of(tensorflow, program)
    if entry in EARLIER:
        assert isinstance(ours, (TypeError, ValueError)) and theirs is None, (ours, theirs)
    elif entry not in DIFFERENCES:
        assert agrees(ours, theirs), f"{entry}: {ours!r}, but {theirs!r} in TensorFlow"


def error_of(tf: Any, program: mistakes.Mistake) -> Exception | None:
    """What a program raises on a fresh graph, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf.reset_default_graph()
        try:
            program(tf)
        except Exception as error:
            return error
    return None


def agrees(ours: Exception | None, theirs: Exception | None) -> bool:
    """Whether a handler for their class catches ours: Python's class, or the one of that name in
    `tf.errors`.
    """
    if ours is None or theirs is None:
        return ours is theirs
    for found in type(theirs).__mro__:
        if found.__module__ == "builtins":
            return isinstance(ours, getattr(builtins, found.__name__))
        known = getattr(graphc.errors, found.__name__, None)
        if known is not None:
            return type(ours) is known
    return False
