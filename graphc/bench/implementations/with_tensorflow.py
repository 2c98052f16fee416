"""TensorFlow, as TensorFlow 1 programs use it."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from graphc.bench.implementations.tf1 import prepare_tf1
from graphc.bench.workload import Inputs, Prepared, Workload

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready: see `prepare_tf1`."""
    return prepare_tf1(tf, workload, inputs, threads)
