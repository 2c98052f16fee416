"""Without a GPU and without the simulator there is one clear error, and nothing else changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphc.codegen.cuda import is_available
from graphc.codegen.cuda.adapter import gpu_problem

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
import graphc as tf
from graphc.codegen.cuda import cuda_source, is_available
assert "numba" not in sys.modules
x = tf.constant([1.0]) + tf.placeholder(tf.float32, [1])
with tf.Session("cuda") as session:
    for _ in range(2):
        try:
            session.run(x, {x.op.inputs[1]: [2.0]})
        except tf.errors.UnavailableError as error:
            print(error)
assert not is_available()
"""


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="there is a GPU")
def test_one_clear_error() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first == second
    assert first.startswith("CUDA is not available: ")
    assert first.endswith("; to try it without a GPU set NUMBA_ENABLE_CUDASIM=1")
    assert "Traceback" not in done.stderr


def test_the_simulator_is_no_gpu() -> None:
    assert not is_available()
    assert gpu_problem() == "numba simulates CUDA in this process"
