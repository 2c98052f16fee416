"""A fresh default graph for every test, and the target that sessions run on."""

from collections.abc import Callable, Iterator

import pytest

import graphc as tf


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[tf.Graph]:
    graph = tf.Graph()
    with graph.as_default():
        yield graph


@pytest.fixture(params=["", "numpy"], ids=["cpu", "numpy"])
def session_target(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def new_session(session_target: str) -> Iterator[Callable[[], tf.Session]]:
    """Makes sessions over the default graph, and closes them at the end."""
    made: list[tf.Session] = []

    def make() -> tf.Session:
        made.append(tf.Session(session_target))
        return made[-1]

    yield make
    for session in made:
        session.close()


@pytest.fixture
def sess(new_session: Callable[[], tf.Session]) -> tf.Session:
    return new_session()
