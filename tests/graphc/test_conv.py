"""`tf.nn`: convolutions and pooling as programs write them, and what they refuse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf


def value(x: Any, feeds: dict[Any, Any] | None = None) -> Any:
    with tf.Session() as session:
        return session.run(x, feeds)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def slid(x: np.ndarray, w: np.ndarray, stride: int = 1) -> np.ndarray:
    """A VALID convolution, window by window."""
    high, wide = w.shape[:2]
    rows, columns = range(0, x.shape[1] - high + 1, stride), range(0, x.shape[2] - wide + 1, stride)
    return np.stack(
        [
            np.stack(
                [np.tensordot(x[:, i : i + high, j : j + wide], w, 3) for j in columns], axis=1
            )
            for i in rows
        ],
        axis=1,
    )


def test_conv2d() -> None:
    x, w = numbers(2, 5, 6, 3), numbers(3, 2, 3, 4)
    np.testing.assert_allclose(value(tf.nn.conv2d(x, w, 1, "VALID")), slid(x, w), 1e-5, 1e-5)
    wide = np.pad(x, [(0, 0), (1, 1), (0, 1), (0, 0)])
    np.testing.assert_allclose(
        value(tf.nn.conv2d(x, filters=w, strides=[2, 2], padding="SAME")),
        slid(np.pad(x, [(0, 0), (1, 1), (0, 0), (0, 0)]), w, 2), 1e-5, 1e-5,
    )  # fmt: skip
    pairs = [[0, 0], [1, 1], [0, 1], [0, 0]]
    np.testing.assert_allclose(
        value(tf.nn.conv2d(x, w, [1, 1, 1, 1], pairs)), slid(wide, w), 1e-5, 1e-5
    )


def test_channels_first_is_a_transposition() -> None:
    x, w = numbers(2, 5, 6, 3), numbers(3, 2, 3, 4)
    last = tf.nn.conv2d(x, w, [1, 2, 1, 1], "SAME")
    first = tf.nn.conv2d(tf.transpose(x, [0, 3, 1, 2]), w, [1, 1, 2, 1], "SAME", data_format="NCHW")
    pooled = tf.nn.max_pool(first, [1, 1, 2, 2], [1, 1, 2, 2], "SAME", "NCHW")
    again = tf.nn.max_pool(last, 2, 2, "SAME")
    a, b, c, d = value([last, first, again, pooled])
    np.testing.assert_allclose(a, b.transpose(0, 2, 3, 1), 1e-5, 1e-5)
    np.testing.assert_allclose(c, d.transpose(0, 2, 3, 1), 1e-5, 1e-5)


def test_names_and_static_shapes() -> None:
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    y = tf.nn.conv2d(x, tf.zeros([5, 5, 1, 32]), strides=[1, 1, 1, 1], padding="SAME")
    assert (y.op.name, y.op.type) == ("Conv2D", "Conv2D")
    assert y.shape.as_list() == [None, 28, 28, 32]
    pooled = tf.nn.max_pool(y, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    assert (pooled.op.name, pooled.shape.as_list()) == ("MaxPool", [None, 14, 14, 32])
    with tf.name_scope("a"):
        assert tf.nn.avg_pool(pooled, 3, 2, "VALID", name="b").op.name == "a/b"
    unknown = tf.placeholder(tf.float32)
    z = tf.nn.conv2d(unknown, tf.placeholder(tf.float32), [1, 1, 1, 1], "VALID")
    assert z.shape.as_list() == [None] * 4
    assert tf.nn.max_pool(unknown, 2, 2, "SAME").shape.ndims == 4


def test_sizes_of_the_run() -> None:
    """One compiled program serves every size; gradients too."""
    x = tf.placeholder(tf.float32, [None, None, None, 2])
    w = tf.placeholder(tf.float32, [3, 3, 2, 3])
    y = tf.nn.max_pool(tf.nn.conv2d(x, w, 2, "SAME"), 2, 2, "SAME")
    dx, dw = tf.gradients(tf.reduce_sum(y * y), [x, w])
    kernel = numbers(3, 3, 2, 3)
    with tf.Session() as session:
        for shape in ((1, 8, 8, 2), (3, 7, 5, 2), (0, 4, 4, 2)):
            images = numbers(*shape)
            found, high, wide = session.run([y, dx, dw], {x: images, w: kernel})
            assert high.shape == images.shape and wide.shape == kernel.shape
            assert found.shape == (shape[0], -(-shape[1] // 4), -(-shape[2] // 4), 3)


def test_one_and_three_axes_agree_with_two() -> None:
    x, w = numbers(2, 7, 3), numbers(3, 3, 4)
    line = tf.nn.conv1d(x, w, 2, "SAME")
    plane = tf.nn.conv2d(x[:, None], w[None], [1, 1, 2, 1], "SAME")
    volume = tf.nn.conv3d(x[:, None, None], w[None, None], [1, 1, 1, 2, 1], "SAME")
    pooled = tf.nn.max_pool1d(x, 3, 2, "SAME"), tf.nn.avg_pool1d(x, 3, 2, "SAME")
    planes = [f(x[:, None], [1, 1, 3, 1], [1, 1, 2, 1], "SAME")
              for f in (tf.nn.max_pool, tf.nn.avg_pool)]  # fmt: skip
    volumes = [f(x[:, None, None], [1, 1, 1, 3, 1], [1, 1, 1, 2, 1], "SAME")
               for f in (tf.nn.max_pool3d, tf.nn.avg_pool3d)]  # fmt: skip
    a, b, c, p, q, r = value([line, plane, volume, pooled, planes, volumes])
    np.testing.assert_allclose(a, b[:, 0], 1e-5, 1e-5)
    np.testing.assert_allclose(a, c[:, 0, 0], 1e-5, 1e-5)
    for one, two, three in zip(p, q, r, strict=True):
        np.testing.assert_allclose(one, two[:, 0], 1e-6, 1e-6)
        np.testing.assert_allclose(one, three[:, 0, 0], 1e-6, 1e-6)
    first = tf.nn.conv1d(tf.transpose(x, [0, 2, 1]), w, 2, "SAME", data_format="NCW")
    np.testing.assert_allclose(value(first).transpose(0, 2, 1), a, 1e-5, 1e-5)


def test_convolution_takes_any_number_of_axes() -> None:
    for axes in (1, 2, 3):
        sizes = (5, 6, 4)[:axes]
        x, w = numbers(2, *sizes, 2), numbers(*(2,) * axes, 2, 3)
        plain = value(tf.nn.convolution(x, w, "VALID"))
        assert plain.shape == (2, *(n - 1 for n in sizes), 3)
        wide = value(tf.nn.convolution(x, w, "SAME", strides=[2] * axes))
        assert wide.shape == (2, *(-(-n // 2) for n in sizes), 3)
        holes = value(tf.nn.convolution(x, w, "VALID", dilation_rate=[3] * axes))
        assert holes.shape == (2, *(n - 3 for n in sizes), 3)
        corner = np.tensordot(x[(0, *(slice(None, 4, 3),) * axes)], w, axes + 1)
        np.testing.assert_allclose(holes[(0, *(0,) * axes)], corner, 1e-5, 1e-5)
        pooled = value(tf.nn.pool(x, [2] * axes, "MAX", "VALID", strides=[2] * axes))
        assert pooled[(0, *(0,) * axes, 0)] == x[(0, *(slice(2),) * axes, 0)].max()


def test_transposes_are_adjoints() -> None:
    """<conv(x), y> = <x, conv_transpose(y)>."""
    cases: list[tuple[Callable[..., Any], Callable[..., Any], int]] = [
        (lambda x, w: tf.nn.conv1d(x, w, 2, "SAME"),
         lambda y, w, s: tf.nn.conv1d_transpose(y, w, s, 2), 1),
        (lambda x, w: tf.nn.conv2d(x, w, 3, "VALID"),
         lambda y, w, s: tf.nn.conv2d_transpose(y, w, s, [1, 3, 3, 1], "VALID"), 2),
        (lambda x, w: tf.nn.atrous_conv2d(x, w, 2, "SAME"),
         lambda y, w, s: tf.nn.atrous_conv2d_transpose(y, w, s, 2, "SAME"), 2),
        (lambda x, w: tf.nn.conv3d(x, w, [1, 2, 1, 2, 1], "SAME"),
         lambda y, w, s: tf.nn.conv3d_transpose(y, w, s, [1, 2, 1, 2, 1]), 3),
        (lambda x, w: tf.nn.convolution(x, w, "SAME", [2, 2]),
         lambda y, w, s: tf.nn.conv_transpose(y, w, tf.constant(s), [2, 2]), 2),
    ]  # fmt: skip
    for forward, backward, axes in cases:
        shape = (2, *(7, 5, 6)[:axes], 3)
        x, w = numbers(*shape), numbers(*(3, 2, 2)[:axes], 3, 4)
        y = forward(x, w)
        weights = numbers(*y.shape.as_list())
        back = backward(weights, w, list(shape))
        assert back.shape.as_list() == list(shape)
        a, b = value([y, back])
        assert float(np.sum(a * weights)) == pytest.approx(float(np.sum(b * x)), rel=1e-4)


def test_cotangents_by_name() -> None:
    x, w = numbers(2, 5, 4, 3), numbers(3, 3, 3, 2)
    images, kernel = tf.constant(x), tf.constant(w)
    y = tf.nn.conv2d(images, kernel, [1, 2, 2, 1], "SAME")
    dy = numbers(*y.shape.as_list())
    wanted = tf.gradients(y, [images, kernel], dy)
    strides = [1, 2, 2, 1]
    found = [
        tf.nn.conv2d_backprop_input(x.shape, w, dy, strides, "SAME"),
        tf.nn.conv2d_backprop_filter(x, w.shape, dy, strides, "SAME"),
    ]
    for a, b in zip(value(found), value(wanted), strict=True):
        np.testing.assert_array_equal(a, b)


def test_depthwise_and_separable() -> None:
    x, w, mix = numbers(2, 5, 4, 3), numbers(3, 2, 3, 2), numbers(1, 1, 6, 4)
    apart = tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "VALID")
    mixed = tf.nn.separable_conv2d(x, w, mix, [1, 1, 1, 1], "VALID")
    holes = tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME", rate=[2, 2])
    a, b, c = value([apart, mixed, holes])
    for channel in range(3):
        one = slid(x[..., channel : channel + 1], w[:, :, channel : channel + 1])
        np.testing.assert_allclose(a[..., 2 * channel : 2 * channel + 2], one, 1e-5, 1e-5)
    np.testing.assert_allclose(b, slid(a, mix), 1e-4, 1e-4)
    assert c.shape == (2, 5, 4, 6)


def test_positions_of_maxima() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    y, where = value(tf.nn.max_pool_with_argmax(x, 2, 2, "SAME", Targmax=tf.int32))
    assert where.dtype == np.int32
    assert y.ravel().tolist() == where.ravel().tolist() == [5, 7, 13, 15]


def test_the_first_maximum_gets_the_cotangent() -> None:
    x = tf.constant(np.zeros((1, 4, 4, 1), np.float32))
    dx = value(tf.gradients(tf.nn.max_pool(x, 2, 2, "SAME"), x)[0])
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]
    dx = value(tf.gradients(tf.nn.max_pool(x, 3, 2, "VALID"), x)[0])
    assert dx[0, 0, 0, 0] == 1 and dx.sum() == 1


def test_blocks() -> None:
    x = numbers(2, 4, 6, 3)
    deep = tf.space_to_depth(x, 2)
    assert deep.shape.as_list() == [2, 2, 3, 12]
    assert np.array_equal(value(tf.nn.depth_to_space(deep, 2)), x)
    batch = tf.space_to_batch(x, [[0, 0], [1, 1]], block_size=2)
    assert batch.shape.as_list() == [8, 2, 4, 3]
    assert np.array_equal(value(tf.batch_to_space(batch, [[0, 0], [1, 1]], 2)), x)
    many = tf.space_to_batch_nd(x, [2, 3], [[0, 0], [0, 0]])
    assert np.array_equal(value(tf.batch_to_space_nd(many, [2, 3], [[0, 0], [0, 0]])), x)


def test_patches() -> None:
    x = numbers(1, 4, 5, 2)
    found = tf.extract_image_patches(x, [1, 2, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID")
    assert found.shape.as_list() == [1, 3, 3, 12]
    assert np.array_equal(value(found)[0, 1, 2], x[0, 1:3, 2:5].ravel())


def test_response_normalization() -> None:
    x = numbers(1, 1, 2, 4)
    y = value(tf.nn.lrn(x, 1, bias=2.0, alpha=0.5, beta=0.75))
    squares = np.pad(x * x, [(0, 0)] * 3 + [(1, 1)])
    total = squares[..., :-2] + squares[..., 1:-1] + squares[..., 2:]
    np.testing.assert_allclose(y, x / (2 + 0.5 * total) ** 0.75, 1e-5)


IMAGES, KERNEL = np.zeros((1, 4, 4, 3), np.float32), np.zeros((3, 3, 3, 2), np.float32)

MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "rank": (lambda: tf.nn.conv2d(IMAGES[0], KERNEL, 1, "SAME"), "Shape must be rank 4"),
    "channels": (
        lambda: tf.nn.conv2d(IMAGES[..., :2], KERNEL, 1, "SAME"),
        r"depth of the input \(2\) must be the input depth of the filter \(3\)",
    ),
    "padding": (lambda: tf.nn.conv2d(IMAGES, KERNEL, 1, "FULL"), "padding must be"),
    "padding pairs": (lambda: tf.nn.conv2d(IMAGES, KERNEL, 1, [[0, 0]]), "list of 4 pairs"),
    "padding of channels": (
        lambda: tf.nn.conv2d(IMAGES, KERNEL, 1, [[0, 0]] * 3 + [[1, 0]]),
        "must not be padded",
    ),
    "no padding": (lambda: tf.nn.conv2d(IMAGES, KERNEL, 1), "'padding' must be given"),
    "strides of the batch": (
        lambda: tf.nn.conv2d(IMAGES, KERNEL, [2, 1, 1, 1], "SAME"),
        "strides of the batch and the channels must be 1",
    ),
    "number of strides": (
        lambda: tf.nn.conv2d(IMAGES, KERNEL, [1, 2, 1], "SAME"),
        "strides should be of length 1, 2 or 4",
    ),
    "stride of zero": (lambda: tf.nn.conv2d(IMAGES, KERNEL, 0, "SAME"), "must be positive"),
    "window": (
        lambda: tf.nn.conv2d(IMAGES, np.zeros((9, 3, 3, 2), np.float32), 1, "VALID"),
        "Negative dimension size caused by subtracting 9 from 4",
    ),
    "format": (
        lambda: tf.nn.conv2d(IMAGES, KERNEL, 1, "SAME", data_format="CHWN"), "data_format must"
    ),
    "dtypes": (
        lambda: tf.nn.conv2d(IMAGES, tf.constant(KERNEL, tf.float64), 1, "SAME"),
        "does not match type float32",
    ),
    "two names": (lambda: tf.nn.conv2d(IMAGES, KERNEL, 1, "SAME", filters=KERNEL), "both"),
    "transpose": (
        lambda: tf.nn.conv2d_transpose(IMAGES, KERNEL, [1, 9, 9, 3], 1),
        "must be the input depth|differ",
    ),
    "strides and rates": (
        lambda: tf.nn.convolution(IMAGES, KERNEL, "SAME", [2, 2], [2, 2]),
        "not supported in conjunction",
    ),
    "pool of the batch": (lambda: tf.nn.max_pool(IMAGES, [2, 1, 1, 1], 1, "SAME"), "ksize of the"),
    "pool type": (lambda: tf.nn.pool(IMAGES, [2, 2], "MIN", "SAME"), "pooling_type"),
    "pooled integers": (lambda: tf.nn.avg_pool(IMAGES.astype(np.int32), 2, 2, "SAME"), "int32"),
    "rate": (lambda: tf.nn.atrous_conv2d(IMAGES, KERNEL, 0, "SAME"), "less than one"),
    "pointwise": (
        lambda: tf.nn.separable_conv2d(IMAGES, KERNEL, KERNEL, 1, "SAME"), "pointwise_filter must"
    ),
    "block": (lambda: tf.space_to_depth(IMAGES, 3), "must be divisible by 3"),
    "depth": (lambda: tf.depth_to_space(IMAGES, 2), "must be divisible by 4"),
    "batch": (lambda: tf.batch_to_space(IMAGES, [[0, 0]] * 2, 2), "must be divisible by 4"),
    "crops": (
        lambda: tf.batch_to_space_nd(np.zeros((4, 2)), [2], [[3, 3]]), "exceed the size 4"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_name_the_line(name: str) -> None:
    program, message = MISTAKES[name]
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        program()
    assert "test_conv.py" in str(caught.value)


def test_mistakes_that_only_the_run_finds() -> None:
    x, w = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    y = tf.nn.conv2d(x, w, 1, "VALID")
    with tf.Session() as session:
        for feeds, message in (
            ({x: IMAGES[..., :2], w: KERNEL}, "depth of the input"),
            ({x: IMAGES[:, :1], w: np.zeros((3, 3, 3, 1))}, "Negative dimension"),
            ({x: IMAGES[0], w: KERNEL}, "rank 4"),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                session.run(y, feeds)
