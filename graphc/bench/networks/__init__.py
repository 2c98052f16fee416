"""Networks beyond dense ones: data, first weights, and the form that each library's users write.

A network's weights are arrays by name, the same for everyone. Its forms take a library's module,
the weights in that library's own kind of value, and a batch, and give logits; whoever prepares a
workload adds the loss (sparse softmax cross entropy) and the optimizer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphc.bench.workload import Array, OnnxNodes

Weights = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Network:
    """A network and its forms.

    Args:
        weights: makes the first weights, float32.
        batch: makes inputs, float32, and labels, int64, from a batch size.
        tf1: (tf, variables by name, x) -> logits, for graphc and `tensorflow.compat.v1`.
        torch: (torch, weights as arrays) -> a module from x to logits.
        jax: (jax, arrays by name, x) -> logits.
        onnx: nodes over "x0" and the weights' names; the last one gives logits.
        loads: for forms of tf1 that make variables themselves: ends of their names, and the values.
    """

    weights: Callable[[], Weights]
    batch: Callable[[int], tuple[Array, Array]]
    tf1: Callable[..., Any]
    torch: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    onnx: Callable[[Weights], tuple[OnnxNodes, Weights]] | None = None
    loads: Callable[[Weights], Weights] | None = None


@cache
def networks() -> dict[str, Network]:
    """The networks by name."""
    from graphc.bench.networks import lenet, lstm, resnet, transformer

    return {
        "LeNet": lenet.NETWORK,
        "LSTM, dynamic_rnn": lstm.DYNAMIC,
        "LSTM, unrolled": lstm.UNROLLED,
        "transformer block": transformer.NETWORK,
        "ResNet-18": resnet.NETWORK,
    }
