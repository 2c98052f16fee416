"""`tf.image`: sizes known and unknown, single images and batches, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as tf

IMAGE = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
BATCH = np.stack([IMAGE, -IMAGE])


def value(x: Any, feeds: dict[Any, Any] | None = None) -> Any:
    with tf.Session() as session:
        return session.run(x, feeds)


def test_resize() -> None:
    ramp = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    wide = tf.image.resize_images(ramp, [1, 8])
    assert wide.shape.as_list() == [1, 1, 8, 1]
    assert value(wide).ravel().tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]
    aligned = tf.image.resize_bilinear(ramp, [1, 7], align_corners=True)
    assert value(aligned).ravel().tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    near = tf.image.resize_images(ramp, [1, 6], tf.image.ResizeMethod.NEAREST_NEIGHBOR)
    assert value(near).ravel().tolist() == [0, 0, 1, 2, 2, 3]
    assert tf.image.resize_images(IMAGE, [4, 4]).shape.as_list() == [4, 4, 3]
    same = tf.image.resize_images(tf.constant(IMAGE.astype(np.uint8)), [2, 4])
    assert same.dtype == tf.uint8


@pytest.mark.parametrize("method", ["bilinear", "nearest_neighbor", "bicubic"])
def test_gradients_of_resizing_are_adjoints(method: str) -> None:
    """<resize(x), y> = <x, gradient for y>, for sizes that only the run knows."""
    generator = np.random.default_rng(1)
    x, size = tf.placeholder(tf.float32, [None] * 4), tf.placeholder(tf.int32, [2])
    dy = tf.placeholder(tf.float32, [None] * 4)
    resize = getattr(tf.image, f"resize_{method}")
    for options in ({}, {"align_corners": True}, {"half_pixel_centers": True}):
        y = resize(x, size, **options)
        (dx,) = tf.gradients(y, x, dy)
        for shape, space in (((1, 3, 5), (8, 2)), ((2, 1, 4), (3, 9)), ((1, 6, 2), (1, 1))):
            images = generator.standard_normal((*shape, 2)).astype(np.float32)
            weights = generator.standard_normal((shape[0], *space, 2)).astype(np.float32)
            a, b = value([y, dx], {x: images, size: space, dy: weights})
            assert float(np.sum(a * weights)) == pytest.approx(float(np.sum(b * images)), abs=1e-3)


def test_crop_and_pad() -> None:
    cropped = tf.image.crop_to_bounding_box(BATCH, 1, 2, 1, 2)
    assert np.array_equal(value(cropped), BATCH[:, 1:2, 2:4])
    padded = tf.image.pad_to_bounding_box(IMAGE, 1, 0, 4, 5)
    assert np.array_equal(value(padded), np.pad(IMAGE, [(1, 1), (0, 1), (0, 0)]))
    both = tf.image.resize_image_with_crop_or_pad(IMAGE, 5, 1)
    assert both.shape.as_list() == [5, 1, 3]
    assert np.array_equal(value(both), np.pad(IMAGE[:, 1:2], [(1, 2), (0, 0), (0, 0)]))
    assert np.array_equal(value(tf.image.central_crop(BATCH, 0.5)), BATCH[:, :, 1:3])


def test_sizes_that_the_run_knows() -> None:
    x = tf.placeholder(tf.float32, [None, None, 3])
    found = [
        tf.image.resize_image_with_crop_or_pad(x, 3, 3),
        tf.image.crop_to_bounding_box(x, 0, 1, 1, 2),
        tf.image.central_crop(x, 0.5),
        tf.image.flip_left_right(x),
        tf.image.per_image_standardization(x),
        tf.image.resize_images(x, [8, 8], preserve_aspect_ratio=True),
    ]
    assert found[0].shape.as_list() == [3, 3, 3]
    results = value(found, {x: IMAGE})
    assert results[0].shape == (3, 3, 3) and results[2].shape == (2, 2, 3)
    assert np.array_equal(results[1], IMAGE[:1, 1:3])
    assert np.array_equal(results[3], IMAGE[:, ::-1])
    assert results[4].mean() == pytest.approx(0, abs=1e-6)
    assert results[4].std() == pytest.approx(1, abs=1e-5)
    assert results[5].shape == (4, 8, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="crop_to_bounding_box"):
        value(found[1], {x: IMAGE[:, :2]})


def test_flips_at_random() -> None:
    many = np.stack([IMAGE] * 64)
    found = value(tf.image.random_flip_left_right(many, seed=3))
    turned = [np.array_equal(image, IMAGE[:, ::-1]) for image in found]
    kept = [np.array_equal(image, IMAGE) for image in found]
    assert 8 < sum(turned) < 56 and sum(turned) + sum(kept) == 64
    upside = tf.image.random_flip_up_down(IMAGE, seed=1)
    with tf.Session() as session:
        seen = {session.run(upside)[0, 0, 0] for _ in range(32)}
    assert seen == {IMAGE[0, 0, 0], IMAGE[1, 0, 0]}


def test_random_adjustments_stay_in_their_range() -> None:
    brighter = tf.image.random_brightness(np.zeros((2, 2, 1), np.float32), 0.25, seed=1)
    sharper = tf.image.random_contrast(IMAGE, 0.5, 2.0, seed=1)
    deviations = IMAGE - IMAGE.mean((0, 1))
    with tf.Session() as session:
        for _ in range(5):
            assert abs(session.run(brighter)).max() <= 0.25
            found = session.run(sharper)
            factor = (found - IMAGE.mean((0, 1)))[0, 0, 0] / deviations[0, 0, 0]
            assert 0.5 <= factor <= 2.0
            np.testing.assert_allclose(found - IMAGE.mean((0, 1)), factor * deviations, 1e-4, 1e-4)


def test_turns() -> None:
    for k in range(-1, 5):
        assert np.array_equal(value(tf.image.rot90(IMAGE, k)), np.rot90(IMAGE, k))
    assert np.array_equal(value(tf.image.transpose_image(BATCH)), BATCH.transpose(0, 2, 1, 3))


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "rank": (lambda: tf.image.flip_left_right(IMAGE[0]), "either 3 or 4 dimensions"),
    "unknown rank": (lambda: tf.image.flip_up_down(tf.placeholder(tf.float32)), "rank of"),
    "size": (lambda: tf.image.resize_images(IMAGE, [3]), "1-D Tensor of 2 elements"),
    "size of zero": (lambda: tf.image.resize_images(IMAGE, [0, 3]), "must be positive, not 0"),
    "method": (lambda: tf.image.resize_images(IMAGE, [3, 3], 7), "not implemented"),
    "centers": (
        lambda: tf.image.resize_bilinear(BATCH, [3, 3], True, half_pixel_centers=True),
        "align_corners must be False",
    ),
    "crop": (lambda: tf.image.crop_to_bounding_box(IMAGE, 0, 3, 1, 2), "width must be >="),
    "offset": (lambda: tf.image.crop_to_bounding_box(IMAGE, -1, 0, 1, 2), "offset_height must"),
    "pad": (lambda: tf.image.pad_to_bounding_box(IMAGE, 0, 0, 1, 9), "height must be <="),
    "target": (lambda: tf.image.resize_image_with_crop_or_pad(IMAGE, 0, 1), "must be > 0"),
    "fraction": (lambda: tf.image.central_crop(IMAGE, 1.5), "central_fraction"),
    "delta": (lambda: tf.image.random_brightness(IMAGE, -1.0), "non-negative"),
    "contrast": (lambda: tf.image.random_contrast(IMAGE, 2.0, 1.0), "upper must be > lower"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_name_the_line(name: str) -> None:
    program, message = MISTAKES[name]
    with pytest.raises(ValueError, match=message) as caught:
        program()
    assert "test_image.py" in str(caught.value)


def test_what_is_not_there_says_so() -> None:
    with pytest.raises(NotImplementedError, match="AREA"):
        tf.image.resize_images(IMAGE, [3, 3], tf.image.ResizeMethod.AREA)
