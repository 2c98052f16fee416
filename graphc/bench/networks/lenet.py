"""LeNet for digits: conv 5x5x32, pool, conv 5x5x64, pool, dense 1024, dense 10."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.bench.networks import Network, Weights
from graphc.bench.workload import Array, OnnxNodes, labels, normal

SIZE, CLASSES = 28, 10
SHAPES = {
    "filter_1": (5, 5, 1, 32),
    "filter_2": (5, 5, 32, 64),
    "dense_1": (7 * 7 * 64, 1024),
    "dense_2": (1024, CLASSES),
}


def weights() -> Weights:
    """Filters are [height, width, in, out]."""
    made: Weights = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        inputs = int(np.prod(shape[:-1]))
        made[name] = normal(*shape, seed=number, scale=inputs**-0.5)
        made[f"{name}_bias"] = np.full(shape[-1], 0.01, np.float32)
    return made


def batch(size: int) -> tuple[Array, Array]:
    """Images [size, 28, 28, 1] and labels [size]."""
    return normal(size, SIZE, SIZE, 1, seed=11), labels(size, CLASSES, seed=12)


def tf1(tf: Any, w: dict[str, Any], x: Any) -> Any:
    for name in ("filter_1", "filter_2"):
        x = tf.nn.conv2d(x, w[name], strides=[1, 1, 1, 1], padding="SAME")
        x = tf.nn.relu(tf.nn.bias_add(x, w[f"{name}_bias"]))
        x = tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    x = tf.reshape(x, [-1, SHAPES["dense_1"][0]])
    x = tf.nn.relu(tf.matmul(x, w["dense_1"]) + w["dense_1_bias"])
    return tf.matmul(x, w["dense_2"]) + w["dense_2_bias"]


def torch_form(torch: Any, w: Weights) -> Any:
    """Channels last: its memory is that of the images."""

    class LeNet(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filters = torch.nn.ModuleList()
            for name in ("filter_1", "filter_2"):
                layer = torch.nn.Conv2d(*SHAPES[name][2:], 5, padding=2)
                value = torch.from_numpy(w[name].transpose(3, 2, 0, 1).copy())
                layer.weight.data = value.to(memory_format=torch.channels_last)
                layer.bias.data = torch.from_numpy(w[f"{name}_bias"].copy())
                self.filters.append(layer)
            self.dense = torch.nn.ModuleList()
            for name in ("dense_1", "dense_2"):
                layer = torch.nn.Linear(*SHAPES[name])
                layer.weight.data = torch.from_numpy(w[name].T.copy())
                layer.bias.data = torch.from_numpy(w[f"{name}_bias"].copy())
                self.dense.append(layer)

        def forward(self, x: Any) -> Any:
            x = x.permute(0, 3, 1, 2)
            for layer in self.filters:
                x = torch.nn.functional.max_pool2d(torch.relu(layer(x)), 2)
            x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
            return self.dense[1](torch.relu(self.dense[0](x)))

    return LeNet()


def jax_form(jax: Any, w: dict[str, Any], x: Any) -> Any:
    for name in ("filter_1", "filter_2"):
        x = jax.lax.conv_general_dilated(
            x, w[name], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + w[f"{name}_bias"])
        window, lowest = (1, 2, 2, 1), -np.inf
        x = jax.lax.reduce_window(x, lowest, jax.lax.max, window, window, "VALID")
    x = x.reshape(x.shape[0], -1)
    x = jax.nn.relu(x @ w["dense_1"] + w["dense_1_bias"])
    return x @ w["dense_2"] + w["dense_2_bias"]


def onnx_form(w: Weights) -> tuple[OnnxNodes, Weights]:
    """ONNX convolves [batch, channels, height, width]."""
    constants = {
        name: value.transpose(3, 2, 0, 1).copy() if value.ndim == 4 else value
        for name, value in w.items()
    }
    nodes: list[tuple[str, tuple[str | float, ...], str, dict[str, Any]]] = [
        ("Transpose", ("x0",), "a0", {"perm": [0, 3, 1, 2]})
    ]
    for n in (1, 2):
        operands = (f"a{n - 1}", f"filter_{n}", f"filter_{n}_bias")
        nodes += [
            ("Conv", operands, f"c{n}", {"pads": [2, 2, 2, 2]}),
            ("Relu", (f"c{n}",), f"r{n}", {}),
            ("MaxPool", (f"r{n}",), f"a{n}", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ]
    nodes += [
        ("Transpose", ("a2",), "t", {"perm": [0, 2, 3, 1]}),
        ("Flatten", ("t",), "f", {"axis": 1}),
        ("Gemm", ("f", "dense_1", "dense_1_bias"), "g", {}),
        ("Relu", ("g",), "h", {}),
        ("Gemm", ("h", "dense_2", "dense_2_bias"), "y", {}),
    ]
    return tuple(nodes), constants


NETWORK = Network(weights, batch, tf1, torch_form, jax_form, onnx_form)
