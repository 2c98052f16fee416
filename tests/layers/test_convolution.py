"""Convolutions and pooling in `tf.layers`: values, names, shapes, misuse."""

from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 7, 6, 3)).astype(np.float32)
LINES = RNG.normal(size=(2, 9, 3)).astype(np.float32)
VOLUMES = RNG.normal(size=(2, 4, 5, 3, 2)).astype(np.float32)
L = tf.layers


def convolved(x: np.ndarray, kernel: np.ndarray, strides: int = 1) -> np.ndarray:
    """A "valid" convolution over all axes but the first and last."""
    window, axes = kernel.shape[:-2], tuple(range(1, x.ndim - 1))
    views = np.lib.stride_tricks.sliding_window_view(x, window, axes)
    views = views[(slice(None), *[slice(None, None, strides)] * len(window))]
    count = len(window)
    patches = np.moveaxis(views, count + 1, -1)
    return np.tensordot(patches, kernel, [list(range(-count - 1, 0)), list(range(count + 1))])


def first(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -1, 1)


@pytest.mark.parametrize(
    ("make", "x"),
    [(L.Conv1D, LINES), (L.Conv2D, IMAGES), (L.Conv3D, VOLUMES)], ids=["1d", "2d", "3d"],
)  # fmt: skip
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_convolutions(make: Any, x: np.ndarray, strides: int, layout: str,
                      sess: tf.Session) -> None:  # fmt: skip
    layer = make(4, 2, strides, data_format=layout, activation=tf.nn.relu,
                 bias_initializer=tf.constant_initializer(0.25))  # fmt: skip
    given = x if layout == "channels_last" else first(x)
    y = layer(given)
    sess.run(tf.global_variables_initializer())
    kernel, found = sess.run([layer.kernel, y])
    expected = np.maximum(convolved(x, kernel, strides) + 0.25, 0)
    expected = expected if layout == "channels_last" else first(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(given.shape).as_list() == list(found.shape)


def test_names() -> None:
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    y = L.conv2d(x, 8, 5, padding="same", activation=tf.nn.relu)
    y = L.max_pooling2d(y, 2, 2)
    y = L.conv2d(y, 4, [3, 3], strides=(2, 2), name="second", use_bias=False)
    L.conv2d(x, 8, 5)
    assert y.name == "second/Conv2D:0" and y.shape.as_list() == [None, 6, 6, 4]
    assert [v.name for v in tf.trainable_variables()] == [
        "conv2d/kernel:0", "conv2d/bias:0", "second/kernel:0", "conv2d_1/kernel:0",
        "conv2d_1/bias:0",
    ]  # fmt: skip
    names = {op.name for op in tf.get_default_graph().get_operations()}
    assert {"conv2d/Conv2D", "conv2d/BiasAdd", "conv2d/Relu", "max_pooling2d/MaxPool"} <= names


def test_same_padding_and_dilation(sess: tf.Session) -> None:
    layer = L.Conv2D(4, 3, padding="SAME", dilation_rate=2, use_bias=False)
    y = layer(IMAGES)
    sess.run(tf.global_variables_initializer())
    kernel, found = sess.run([layer.kernel, y])
    spread = np.zeros((5, 5, 3, 4), np.float32)
    spread[::2, ::2] = kernel
    padded = np.pad(IMAGES, [(0, 0), (2, 2), (2, 2), (0, 0)])
    np.testing.assert_allclose(found, convolved(padded, spread), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "forward", "x", "window"),
    [(L.Conv2DTranspose, L.Conv2D, IMAGES, (3, 2)), (L.Conv3DTranspose, L.Conv3D, VOLUMES, 2)],
    ids=["2d", "3d"],
)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_transposes(make: Any, forward: Any, x: np.ndarray, window: Any, padding: str, layout: str,
                    sess: tf.Session) -> None:  # fmt: skip
    """The transpose is what maps cotangents of the convolution back."""
    x = x if layout == "channels_last" else first(x)
    fed = tf.placeholder(tf.float32, [None, *x.shape[1:]])
    layer = make(4, window, 2, padding, layout, use_bias=False)
    y = layer(fed)
    shape = y.shape.as_list()
    assert shape[0] is None and None not in shape[1:]
    channels = x.shape[-1] if layout == "channels_last" else x.shape[1]
    z = tf.placeholder(tf.float32, [len(x), *shape[1:]])
    back = forward(channels, window, 2, padding, layout, use_bias=False)
    (expected,) = tf.gradients(back(z), z, grad_ys=fed)
    sess.run(tf.global_variables_initializer())
    found, weights = sess.run([y, layer.kernel], {fed: x})
    back.kernel.load(weights, sess)
    zeros = np.zeros([len(x), *shape[1:]], np.float32)
    np.testing.assert_allclose(found, sess.run(expected, {fed: x, z: zeros}), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("make", "x"), [(L.SeparableConv1D, LINES), (L.SeparableConv2D, IMAGES)])
def test_separable(make: Any, x: np.ndarray, layout: str, sess: tf.Session) -> None:
    """It is a convolution whose kernel is the product of the two."""
    given = x if layout == "channels_last" else first(x)
    layer = make(4, 3, 2, data_format=layout, depth_multiplier=2, activation=tf.nn.relu)
    y = layer(given)
    sess.run(tf.global_variables_initializer())
    depthwise, pointwise, found = sess.run([layer.depthwise_kernel, layer.pointwise_kernel, y])
    mixing = pointwise.reshape(3, 2, 4)
    expected = np.maximum(convolved(x, np.einsum("...cm,cmf->...cf", depthwise, mixing), 2), 0)
    expected = expected if layout == "channels_last" else first(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(given.shape).as_list() == list(found.shape)


def test_separable_names() -> None:
    y = L.separable_conv2d(IMAGES, 4, 3, depthwise_regularizer=tf.nn.l2_loss)
    assert y.name == "separable_conv2d/BiasAdd:0" and y.shape.as_list() == [2, 5, 4, 4]
    L.separable_conv1d(LINES, 4, 3, use_bias=False, name="line")
    assert [v.name for v in tf.trainable_variables()] == [
        "separable_conv2d/depthwise_kernel:0", "separable_conv2d/pointwise_kernel:0",
        "separable_conv2d/bias:0", "line/depthwise_kernel:0", "line/pointwise_kernel:0",
    ]  # fmt: skip
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1


def test_transpose_of_unknown_sizes(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, None, None, 3])
    y = L.conv2d_transpose(x, 4, 3, strides=2)
    assert y.shape.as_list() == [None, None, None, 4] and y.name == "conv2d_transpose/BiasAdd:0"
    sess.run(tf.global_variables_initializer())
    assert sess.run(y, {x: IMAGES}).shape == (2, 15, 13, 4)
    assert sess.run("conv2d_transpose/kernel:0").shape == (3, 3, 4, 3)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("make", "x", "fold"),
    [(L.max_pooling1d, LINES, np.max), (L.average_pooling1d, LINES, np.mean),
     (L.max_pooling2d, IMAGES, np.max), (L.average_pooling2d, IMAGES, np.mean),
     (L.max_pooling3d, VOLUMES, np.max), (L.average_pooling3d, VOLUMES, np.mean)],
)  # fmt: skip
def test_pooling(make: Any, x: np.ndarray, fold: Any, layout: str, sess: tf.Session) -> None:
    axes = x.ndim - 2
    given = x if layout == "channels_last" else first(x)
    found = sess.run(make(given, 2, 1, data_format=layout))
    views = np.lib.stride_tricks.sliding_window_view(x, (2,) * axes, tuple(range(1, axes + 1)))
    expected = fold(views, axis=tuple(range(-axes, 0)))
    expected = expected if layout == "channels_last" else first(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_pooling_layers() -> None:
    x = tf.placeholder(tf.float32, [None, 9, None, 3])
    layer = L.MaxPooling2D(3, (2, 1), "same")
    assert layer(x).shape.as_list() == [None, 5, None, 3]
    assert layer.compute_output_shape([None, 9, None, 3]).as_list() == [None, 5, None, 3]
    assert layer.name == "max_pooling2d" and layer.variables == []


def test_regularizer_and_sharing() -> None:
    for reuse in (None, True):
        L.conv2d(IMAGES, 2, 3, name="c", reuse=reuse, kernel_regularizer=tf.nn.l2_loss)
    assert len(tf.global_variables()) == 2
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1


def test_misuse() -> None:
    for make, message in (
        (lambda: L.conv2d(IMAGES, 2, (3, 3, 3)), "`kernel_size` argument must be a tuple of 2"),
        (lambda: L.conv2d(IMAGES, 2, 2.5), "`kernel_size` argument must be a tuple of 2"),
        (lambda: L.conv2d(IMAGES, 2, 3, padding="full"), "`padding` argument must be"),
        (lambda: L.conv2d(IMAGES, 2, 3, data_format="NHWC"), "`data_format` argument must be"),
        (lambda: L.conv2d(LINES, 2, 3), "expected ndim=4, found ndim=3"),
        (lambda: L.conv2d(tf.placeholder(tf.float32, [1, 5, 5, None]), 2, 3),
         "channel dimension of the inputs should be defined"),
        (lambda: L.max_pooling2d(LINES, 2, 2), "expected ndim=4, found ndim=3"),
        (lambda: L.conv2d(IMAGES, 2, 3, 2, dilation_rate=2), "strides > 1 not supported"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{message}.*test_convolution"):
            make()
    with pytest.raises(TypeError, match="non-floating"):
        L.conv2d(IMAGES.astype(np.int32), 2, 3)
    layer = L.Conv2D(2, 3)
    layer(IMAGES)
    with pytest.raises(ValueError, match=r"expected axis 3 .* value 3"):
        layer(IMAGES[..., :2])
