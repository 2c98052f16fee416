"""NumPy, as one writes it by hand. Threads are its BLAS's, set by environment variables."""

from __future__ import annotations

from functools import partial

import numpy as np

from graphc.bench.mlp import Trainer, batch_of, inference_outputs, training_outputs
from graphc.bench.workload import (
    Array,
    Formula,
    Inference,
    Inputs,
    Missing,
    NetworkInference,
    NetworkTraining,
    Prepared,
    Training,
    Unseen,
    Workload,
    as_arrays,
)


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready."""
    match workload.task:
        case Formula(numpy=form) if form is not None:
            call = partial(form, np)
            return Prepared(call, inputs, lambda: as_arrays(call(*inputs)))
        case Unseen(formula=Formula(numpy=form)) if form is not None:
            call = partial(form, np)
            return Prepared(call, (), lambda: as_arrays(call(*inputs)))
        case Training(model):
            trainer = Trainer(model, np.float32)
            return Prepared(
                trainer.step, batch_of(model), lambda: training_outputs(model, np.float32)
            )
        case Inference(model):
            trainer = Trainer(model, np.float32)
            outputs = partial(inference_outputs, model, np.float32)
            return Prepared(trainer.logits, batch_of(model)[:1], outputs)
        case _:
            raise Missing("no form in NumPy")


def reference(workload: Workload, inputs: Inputs) -> list[Array]:
    """The results in float64.

    Raises:
        Missing: the row has no reference.
    """
    exact = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in inputs]
    if workload.reference is not None:
        return as_arrays(workload.reference(*exact))
    match workload.task:
        case Formula(numpy=form) | Unseen(formula=Formula(numpy=form)) if form is not None:
            return as_arrays(form(np, *exact))
        case Training(model):
            return training_outputs(model)
        case Inference(model):
            return inference_outputs(model)
        case NetworkTraining() | NetworkInference() as task:
            import graphc as tf
            from graphc.bench.implementations.tf1 import network_reference

            return network_reference(tf, task)
        case _:
            raise Missing(f"{workload.name}: the row says no reference")
