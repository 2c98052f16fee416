"""A fresh default graph for every test, and sessions on the CPU and in the interpreter."""

from collections.abc import Iterator

import pytest

import graphc as tf


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[tf.Graph]:
    graph = tf.Graph()
    with graph.as_default():
        yield graph


@pytest.fixture(params=["", "numpy"], ids=["cpu", "numpy"])
def sess(request: pytest.FixtureRequest) -> Iterator[tf.Session]:
    with tf.Session(request.param) as session:
        yield session
