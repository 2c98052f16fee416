"""Train steps through `session.run`: a batch in, gradients, variables updated, the loss out."""

from __future__ import annotations

from itertools import pairwise

from graphc.bench.workload import Model, Training, Workload


def _step(name: str, model: Model, tolerance: float = 1e-4) -> Workload:
    pairs = sum(a * b for a, b in pairwise(model.layers))
    first = model.layers[0] * model.layers[1]
    # Forward, the gradients of the weights, and of each layer's input but the first.
    flops = 2.0 * model.batch * (3 * pairs - first)
    return Workload(
        name=name, family="training", task=Training(model), tolerance=tolerance, flops=flops
    )


ROWS = (
    _step(
        "linear regression, 1 weight, batch 100, SGD",
        Model((1, 1), batch=100, loss="squared", rate=0.01),
    ),
    _step("softmax regression 784-10, batch 100, SGD", Model((784, 10), batch=100)),
    _step("MLP 64-64-64-10, batch 32, SGD", Model((64, 64, 64, 10), batch=32)),
    _step(
        "MLP 784-512-512-10, batch 128, Adam",
        Model((784, 512, 512, 10), batch=128, optimizer="adam", rate=1e-4),
    ),
)
