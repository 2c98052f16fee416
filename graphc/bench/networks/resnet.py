"""ResNet-18 (He et al. 2015) on images of 64 x 64 x 3, batch normalisation as at inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.bench.networks import Network, Weights
from graphc.bench.workload import Array, OnnxNodes, labels, normal

SIZE, CLASSES, EPSILON = 64, 1000, 1e-5
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, stride of the first block


def _convolutions() -> dict[str, tuple[int, int, int]]:
    """(size of the window, channels in, channels out) by name."""
    found = {"stem": (7, 3, 64)}
    inputs = 64
    for stage, (channels, stride) in enumerate(STAGES):
        for block in range(2):
            name = f"stage_{stage}_{block}"
            found[f"{name}_a"] = (3, inputs, channels)
            found[f"{name}_b"] = (3, channels, channels)
            if block == 0 and (stride != 1 or inputs != channels):
                found[f"{name}_skip"] = (1, inputs, channels)
            inputs = channels
    return found


CONVOLUTIONS = _convolutions()


def weights() -> Weights:
    """Filters are [height, width, in, out]; each has scale, offset, mean and variance of its
    normalisation.
    """
    made: Weights = {}
    for number, (name, (window, inputs, outputs)) in enumerate(CONVOLUTIONS.items()):
        scale = (window * window * inputs) ** -0.5
        made[name] = normal(window, window, inputs, outputs, seed=number, scale=scale)
        made[f"{name}_scale"] = 1 + normal(outputs, seed=100 + number, scale=0.1)
        made[f"{name}_offset"] = normal(outputs, seed=200 + number, scale=0.1)
        made[f"{name}_mean"] = normal(outputs, seed=300 + number, scale=0.1)
        made[f"{name}_variance"] = 1 + np.abs(normal(outputs, seed=400 + number, scale=0.1))
    made["dense"] = normal(512, CLASSES, seed=500, scale=512**-0.5)
    made["dense_bias"] = np.zeros(CLASSES, np.float32)
    return made


def batch(size: int) -> tuple[Array, Array]:
    """Images [size, 64, 64, 3] and labels [size]."""
    return normal(size, SIZE, SIZE, 3, seed=11), labels(size, CLASSES, seed=12)


def _network(x: Any, conv: Any, relu: Any, pool: Any, end: Any) -> Any:
    """The network, written once: `conv(x, name, stride)` normalises as well."""
    x = pool(relu(conv(x, "stem", 2)))
    for stage, (_, stride) in enumerate(STAGES):
        for block in range(2):
            name, step = f"stage_{stage}_{block}", stride if block == 0 else 1
            skip = conv(x, f"{name}_skip", step) if f"{name}_skip" in CONVOLUTIONS else x
            y = relu(conv(x, f"{name}_a", step))
            x = relu(conv(y, f"{name}_b", 1) + skip)
    return end(x)


def tf1(tf: Any, w: dict[str, Any], x: Any) -> Any:
    def padded(x: Any, by: int, value: float = 0.0) -> Any:
        return tf.pad(x, [[0, 0], [by, by], [by, by], [0, 0]], constant_values=value)

    def conv(x: Any, name: str, stride: int) -> Any:
        by = CONVOLUTIONS[name][0] // 2
        y = tf.nn.conv2d(padded(x, by) if by else x, w[name], [1, stride, stride, 1], "VALID")
        scale = w[f"{name}_scale"] * tf.rsqrt(w[f"{name}_variance"] + EPSILON)
        return y * scale + (w[f"{name}_offset"] - w[f"{name}_mean"] * scale)

    def pool(x: Any) -> Any:
        lowest = float(np.finfo(np.float32).min)
        return tf.nn.max_pool(padded(x, 1, lowest), [1, 3, 3, 1], [1, 2, 2, 1], "VALID")

    def end(x: Any) -> Any:
        return tf.matmul(tf.reduce_mean(x, [1, 2]), w["dense"]) + w["dense_bias"]

    return _network(x, conv, tf.nn.relu, pool, end)


def torch_form(torch: Any, w: Weights) -> Any:
    functional = torch.nn.functional
    values = {
        name: torch.from_numpy(value.transpose(3, 2, 0, 1).copy()).to(
            memory_format=torch.channels_last
        )
        if value.ndim == 4
        else torch.from_numpy(value)
        for name, value in w.items()
    }

    def conv(x: Any, name: str, stride: int) -> Any:
        y = functional.conv2d(x, values[name], stride=stride, padding=CONVOLUTIONS[name][0] // 2)
        mean, variance, scale, offset = (
            values[f"{name}_{part}"] for part in ("mean", "variance", "scale", "offset")
        )
        return functional.batch_norm(y, mean, variance, scale, offset, eps=EPSILON)

    def pool(x: Any) -> Any:
        return functional.max_pool2d(x, 3, 2, 1)

    def end(x: Any) -> Any:
        return x.mean((2, 3)) @ values["dense"] + values["dense_bias"]

    class ResNet(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return _network(x.permute(0, 3, 1, 2), conv, torch.relu, pool, end)

    return ResNet()


def jax_form(jax: Any, w: dict[str, Any], x: Any) -> Any:
    def conv(x: Any, name: str, stride: int) -> Any:
        by = CONVOLUTIONS[name][0] // 2
        y = jax.lax.conv_general_dilated(
            x, w[name], (stride, stride), ((by, by), (by, by)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        scale = w[f"{name}_scale"] * jax.lax.rsqrt(w[f"{name}_variance"] + EPSILON)
        return y * scale + (w[f"{name}_offset"] - w[f"{name}_mean"] * scale)

    def pool(x: Any) -> Any:
        window, steps, pads = (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0))
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, steps, pads)

    def end(x: Any) -> Any:
        return x.mean((1, 2)) @ w["dense"] + w["dense_bias"]

    return _network(x, conv, jax.nn.relu, pool, end)


def onnx_form(w: Weights) -> tuple[OnnxNodes, Weights]:
    """Nodes over [batch, channels, height, width]; ONNX Runtime folds the normalisation itself."""
    nodes: list[tuple[str, tuple[str | float, ...], str, dict[str, Any]]] = [
        ("Transpose", ("x0",), "x", {"perm": [0, 3, 1, 2]})
    ]

    class Value(str):
        """A value's name; a sum of two is a node."""

        def __add__(self, other: str) -> Value:
            return add("Add", (self, other))

    def add(kind: str, operands: tuple[str | float, ...], **attributes: Any) -> Value:
        name = Value(f"v{len(nodes)}")
        nodes.append((kind, operands, name, attributes))
        return name

    def conv(x: str, name: str, stride: int) -> Value:
        by = CONVOLUTIONS[name][0] // 2
        y = add("Conv", (x, name), strides=[stride, stride], pads=[by] * 4)
        parts = tuple(f"{name}_{part}" for part in ("scale", "offset", "mean", "variance"))
        return add("BatchNormalization", (y, *parts), epsilon=EPSILON)

    def pool(x: str) -> Value:
        return add("MaxPool", (x,), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def end(x: str) -> Value:
        flat = add("Flatten", (add("GlobalAveragePool", (x,)),), axis=1)
        return add("Gemm", (flat, "dense", "dense_bias"))

    _network(Value("x"), conv, lambda x: add("Relu", (x,)), pool, end)
    constants = {
        name: value.transpose(3, 2, 0, 1).copy() if value.ndim == 4 else value
        for name, value in w.items()
    }
    return tuple(nodes), constants


NETWORK = Network(weights, batch, tf1, torch_form, jax_form, onnx_form)
