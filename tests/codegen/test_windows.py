"""Kernels of pooling and convolutions: no patches in memory, channels as vectors."""

from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.fusion import fuse
from graphc.codegen.kernel import Kernel
from graphc.codegen.plan import plan
from graphc.codegen.program import Program
from graphc.codegen.state import SessionState


@pytest.fixture(autouse=True)
def fresh_graph() -> None:
    tf.reset_default_graph()


def kernels(fetch: Any, feeds: dict[Any, np.ndarray]) -> list[Kernel]:
    """The kernels of a run, in order."""
    program = Program(tf.get_default_graph(), [fetch], [], list(feeds))
    function = program.optimize(program.resolve(list(feeds.values()), SessionState()))
    return [launch.kernel for launch in plan(fuse(function)).launches]


def titles(found: list[Kernel]) -> list[str]:
    return [kernel.title for kernel in found]


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize("pool", ["max_pool", "avg_pool"])
def test_pooling_reads_its_input(pool: str) -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 32])
    (kernel,) = kernels(getattr(tf.nn, pool)(x, 2, 2, "SAME"), {x: zeros(3, 8, 8, 32)})
    assert kernel.vector is not None
    assert kernel.axes[kernel.vector].extent == 32


def test_the_gradient_of_maxima_is_one_kernel() -> None:
    """Windows that do not overlap: the maximum, its first place, then each element written once."""
    x = tf.placeholder(tf.float32, [None, 8, 8, 32])
    y = tf.nn.max_pool(x, 2, 2, "SAME")
    dy = tf.placeholder(tf.float32, y.shape)
    (dx,) = tf.gradients(y, x, dy)
    (kernel,) = kernels(dx, {x: zeros(3, 8, 8, 32), dy: zeros(3, 4, 4, 32)})
    assert kernel.vector is not None and kernel.axes[kernel.vector].extent == 32
    stores = [store for stage in kernel.stages for store in stage.stores]
    assert len(stores) == 1 and stores[0].mode == "set"
    assert not any(stage.ordered for stage in kernel.stages)


def test_the_gradient_of_means_repeats_shares() -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 32])
    y = tf.nn.avg_pool(x, 2, 2, "SAME")
    dy = tf.placeholder(tf.float32, y.shape)
    found = kernels(tf.gradients(y, x, dy)[0], {x: zeros(3, 8, 8, 32), dy: zeros(3, 4, 4, 32)})
    assert len(found) == 2 and found[0].title == "Mul" and "BroadcastTo" in found[1].title


def test_bias_and_activation_belong_to_the_convolution() -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 16])
    w, b = tf.placeholder(tf.float32, [3, 3, 16, 32]), tf.placeholder(tf.float32, [32])
    feeds = {x: zeros(2, 8, 8, 16), w: zeros(3, 3, 16, 32), b: zeros(32)}
    y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w, 1, "SAME"), b))
    assert titles(kernels(y, feeds)) == ["Pad", "Convolution Add Relu"]
    y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w, 1, "VALID"), b))
    assert titles(kernels(y, feeds)) == ["Convolution Add Relu"]


def test_windows_of_one_pixel_are_matrix_products() -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 16])
    w = tf.placeholder(tf.float32, [1, 1, 16, 32])
    y = tf.nn.conv2d(x, w, 1, "SAME")
    feeds = {x: zeros(2, 8, 8, 16), w: zeros(1, 1, 16, 32)}
    assert titles(kernels(y, feeds)) == ["MatMul"]
    assert all("MatMul" in t for t in titles(kernels(tf.gradients(y, w)[0], feeds))[-1:])


@pytest.mark.parametrize(("channels", "columns"), [(3, [4 * 3]), (16, [16] * 4)])
def test_strides_cost_the_cotangent_no_more_products(channels: int, columns: list[int]) -> None:
    """A stride of 2 makes convolutions of stride 1: one with few channels, whose columns are those
    of all four phases, or one for each phase.
    """
    x = tf.placeholder(tf.float32, [None, 8, 8, channels])
    w = tf.placeholder(tf.float32, [4, 4, channels, 32])
    y = tf.nn.conv2d(x, w, 2, "SAME")
    dy = tf.placeholder(tf.float32, y.shape)
    feeds = {x: zeros(2, 8, 8, channels), w: zeros(4, 4, channels, 32), dy: zeros(2, 4, 4, 32)}
    found = kernels(tf.gradients(y, x, dy)[0], feeds)
    products = [k for k in found if "Convolution" in k.title]
    assert [k.axes[-1].extent for k in products] == columns
