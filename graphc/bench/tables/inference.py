"""Inference: logits of a dense network whose weights are variables."""

from __future__ import annotations

from itertools import pairwise

from graphc.bench.workload import Inference, Model, Workload

LAYERS = (784, 512, 512, 10)
WEIGHTS = sum(a * b for a, b in pairwise(LAYERS))


def _batch(size: int) -> Workload:
    return Workload(
        name=f"inference, MLP 784-512-512-10, batch {size}",
        family="inference",
        task=Inference(Model(LAYERS, batch=size)),
        flops=2.0 * size * WEIGHTS,
        bytes=4.0 * (WEIGHTS + size * (LAYERS[0] + LAYERS[-1])),
    )


ROWS = (_batch(1), _batch(32))
