"""PyTorch, eager, with its own layers, losses and optimizers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from graphc.bench.mlp import CHECKED_STEPS, batch_of, first_weights
from graphc.bench.networks import networks
from graphc.bench.workload import (
    Array,
    Formula,
    Inference,
    Inputs,
    Missing,
    Model,
    NetworkInference,
    NetworkTraining,
    Prepared,
    Training,
    Unseen,
    Workload,
)


def prepare(workload: Workload, inputs: Inputs, threads: int) -> Prepared:
    """Make a workload ready; inputs and results are tensors."""
    torch.set_num_threads(threads)
    match workload.task:
        case Formula(torch=form) if form is not None:
            tensors = tuple(map(torch.from_numpy, inputs))
            call = partial(form, torch)
            return Prepared(call, tensors, lambda: _arrays(call(*tensors)))
        case Unseen(formula=Formula(torch=form)) if form is not None:
            unseen = partial(_from_arrays, partial(form, torch))
            return Prepared(unseen, (), lambda: _arrays(unseen(*inputs)))
        case Training(model):
            return _training(model)
        case Inference(model):
            network, x = _network(model), torch.from_numpy(batch_of(model)[0])
            forward = torch.inference_mode()(network)
            return Prepared(forward, (x,), lambda: _arrays(forward(x)))
        case NetworkTraining(name, size, rate):
            return _network_training(name, size, rate)
        case NetworkInference(name, size):
            return _network_inference(name, size)
        case _:
            raise Missing("no form in PyTorch")


def _arrays(results: Any) -> list[Array]:
    several = results if isinstance(results, (list, tuple)) else [results]
    return [tensor.detach().numpy() for tensor in several]


def _from_arrays(call: Callable[..., Any], *arrays: Array) -> Any:
    return call(*map(torch.from_numpy, arrays))


def _network(model: Model) -> Any:
    """torch.nn keeps weights as [outputs, inputs]."""
    parts: list[Any] = []
    for number, (weights, bias) in enumerate(first_weights(model)):
        if number:
            parts.append(torch.nn.ReLU())
        layer = torch.nn.Linear(*weights.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
        parts.append(layer)
    return torch.nn.Sequential(*parts)


def _training(model: Model) -> Prepared:
    network = _network(model)
    x, y = map(torch.from_numpy, batch_of(model))
    if model.loss == "softmax":
        loss_of = torch.nn.functional.cross_entropy
    else:
        loss_of = torch.nn.functional.mse_loss
    make = torch.optim.Adam if model.optimizer == "adam" else torch.optim.SGD
    optimizer = make(network.parameters(), lr=model.rate)

    def step(x: Any, y: Any) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(network(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def outputs() -> list[Array]:
        losses = torch.tensor([step(x, y) for _ in range(CHECKED_STEPS)])
        return [losses.numpy(), network[-1].weight.detach().numpy().T]

    return Prepared(step, (x, y), outputs)


def _made(name: str) -> Any:
    network = networks()[name]
    if network.torch is None:
        raise Missing("no form in PyTorch")
    return network.torch(torch, network.weights())


def _network_training(name: str, size: int, rate: float) -> Prepared:
    module = _made(name)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=rate)
    x, y = map(torch.from_numpy, networks()[name].batch(size))

    def step(x: Any, y: Any) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def outputs() -> list[Array]:
        return [torch.tensor([step(x, y) for _ in range(CHECKED_STEPS)]).numpy()]

    return Prepared(step, (x, y), outputs)


def _network_inference(name: str, size: int) -> Prepared:
    forward = torch.inference_mode()(_made(name).eval())
    x = torch.from_numpy(networks()[name].batch(size)[0])
    return Prepared(forward, (x,), lambda: _arrays(forward(x)))
