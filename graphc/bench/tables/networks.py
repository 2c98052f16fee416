"""Networks beyond dense ones: train steps through `session.run`, and inference."""

from __future__ import annotations

from graphc.bench.workload import NetworkInference, NetworkTraining, Workload


def _training(name: str, network: str, batch: int, flops: float) -> Workload:
    return Workload(
        name=name,
        family="networks",
        task=NetworkTraining(network, batch),
        tolerance=1e-3,  # three steps of Adam, which divides by what may be close to 0
        flops=flops,
    )


def _inference(name: str, network: str, batch: int, flops: float) -> Workload:
    return Workload(
        name=f"{name}, batch {batch}",
        family="networks",
        task=NetworkInference(network, batch),
        tolerance=1e-4,
        flops=flops * batch,
    )


# Multiply-adds count twice; a train step is three products for each of the forward pass, but for
# the gradient of the network's own inputs.
_LENET = 2.0 * (28 * 28 * 25 * 32 + 14 * 14 * 800 * 64 + 3136 * 1024 + 1024 * 10)
_LENET_FIRST = 2.0 * 28 * 28 * 25 * 32
_LSTM = 2.0 * 28 * (28 + 128) * 512 + 2.0 * 128 * 10
_LSTM_FIRST = 2.0 * 28 * 28 * 512
_BLOCK = 2.0 * 128 * (4 * 256 * 256 + 2 * 256 * 1024 + 2 * 128 * 256)
_RESNET = 2.0 * 149e6  # He et al. count 1.8e9 multiply-adds at 224 x 224

ROWS = (
    _training("LeNet train step, batch 64", "LeNet", 64, 64 * (3 * _LENET - _LENET_FIRST)),
    _training(
        "LSTM train step, dynamic_rnn, batch 128", "LSTM, dynamic_rnn", 128,
        128 * (3 * _LSTM - _LSTM_FIRST),
    ),
    _training(
        "LSTM train step, unrolled, batch 128", "LSTM, unrolled", 128,
        128 * (3 * _LSTM - _LSTM_FIRST),
    ),
    _training(
        "transformer block train step, batch 8", "transformer block", 8, 8 * 3 * _BLOCK
    ),
    _inference("LeNet inference", "LeNet", 1, _LENET),
    _inference("LeNet inference", "LeNet", 32, _LENET),
    _inference("ResNet-18 at 64 x 64", "ResNet-18", 1, _RESNET),
    _inference("ResNet-18 at 64 x 64", "ResNet-18", 8, _RESNET),
)  # fmt: skip
