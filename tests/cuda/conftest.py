"""The CUDA target in numba's simulator, without disturbing whatever else runs in this process.

numba decides for the simulator when it is first imported. Only the CUDA target imports numba, so
that is here, with the variable set for just as long; if something else (a peer's library) has been
faster, each module runs in a process of its own.
"""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import graphc as tf

ROOT = Path(__file__).parents[2]
SWITCH = "NUMBA_ENABLE_CUDASIM"


@pytest.fixture(scope="module", autouse=True)
def simulator(request: pytest.FixtureRequest) -> None:
    """Make numba simulate, or run the module where it does."""
    if "numba" not in sys.modules:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(SWITCH, "1")
            importlib.import_module("numba.cuda")
    from numba import config

    if config.ENABLE_CUDASIM:
        return
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(request.path)],
        env=os.environ | {SWITCH: "1"}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"in a process of its own:\n{done.stdout[-4000:]}", pytrace=False)
    pytest.skip("passed in a process of its own: numba was imported without its simulator")


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[tf.Graph]:
    graph = tf.Graph()
    with graph.as_default():
        yield graph


@pytest.fixture
def agree() -> Callable[..., list[np.ndarray]]:
    """`agree(fetches, feed_dict)`: run on this target, hold the results to the interpreter's."""

    def check(fetches: list, feed_dict: dict | None = None, rtol: float = 2e-6) -> list[np.ndarray]:
        found = {}
        for target in ("cuda", "numpy"):
            with tf.Session(target) as session:
                session.run(tf.global_variables_initializer())
                found[target] = session.run(fetches, feed_dict)
        for got, want in zip(found["cuda"], found["numpy"], strict=True):
            assert np.asarray(got).dtype == np.asarray(want).dtype
            np.testing.assert_allclose(got, want, rtol, rtol)
        results: list[np.ndarray] = found["cuda"]
        return results

    return check
