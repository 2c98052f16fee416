"""Big results' memory is used again, within a limit, and NumPy treats such arrays as its own."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest

import graphc as tf
from graphc.codegen.cpu import entry
from graphc.codegen.cpu.recycle import LEAST, MOST, recycler

pytestmark = pytest.mark.skipif(not entry.available(), reason="needs the native entry")


@pytest.fixture
def fill() -> tf.Session:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        call = tf.Session().make_callable(x + 1, [x])
        call(np.zeros(3, np.float32))
        return call


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_comes_back(fill: tf.Session) -> None:
    value = np.zeros(LEAST, np.float32)
    first = fill(value)
    where = address(first)
    assert where % 64 == 0 and first.flags.owndata and first.flags.writeable
    view = first[5:]
    del first
    assert address(fill(value)) != where, "a view keeps the memory"
    del view
    again = [fill(value), fill(value)]
    assert where in [address(array) for array in again]
    np.testing.assert_array_equal(again, np.ones((2, LEAST), np.float32))


def test_small_results_are_ordinary(fill: tf.Session) -> None:
    before = recycler().kept
    del_me = fill(np.zeros(100, np.float32))
    del del_me
    assert recycler().kept == before


def test_no_more_is_kept_than_the_limit(fill: tf.Session) -> None:
    for size in (3 << 20, 5 << 20, 7 << 20, 11 << 20, 40 << 20):
        results = [fill(np.zeros(size, np.float32)) for _ in range(3)]
        del results
        gc.collect()
        assert recycler().kept <= MOST


def test_many_sizes_are_kept_in_a_table(fill: tf.Session) -> None:
    results = [fill(np.zeros(LEAST + 4096 * n, np.float32)) for n in range(60)]
    for number, array in enumerate(results):
        assert array[-1] == 1 and array.size == LEAST + 4096 * number
    results.clear()
    assert 0 < recycler().kept <= MOST


def test_arrays_can_be_resized(fill: tf.Session) -> None:
    array = fill(np.zeros(LEAST, np.float32))
    array.resize(3 * LEAST, refcheck=False)
    assert array[:LEAST].min() == 1 and array[LEAST:].max() == 0
    array.resize(10, refcheck=False)
    np.testing.assert_array_equal(array, np.ones(10))


def test_sizes_that_no_machine_has() -> None:
    with tf.Graph().as_default():
        size = tf.placeholder(tf.int64, [])
        call = tf.Session().make_callable(tf.fill([size, 4], 1.0), [size])
        for _ in range(2):
            assert call(2).shape == (2, 4)
            for wrong in (2**61, 2**58, -(2**40)):
                with pytest.raises(
                    (tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError)
                ):
                    call(wrong)


def test_arrays_outlive_the_interpreter() -> None:
    """An array that is freed last of all still finds its way back."""
    program = (
        "import sys, numpy as np, graphc as tf\n"
        "x = tf.placeholder(tf.float32, [None])\n"
        "call = tf.Session().make_callable(x + 1, [x])\n"
        "sys.modules['kept'] = [call(np.zeros(1 << 20, np.float32)) for _ in range(3)]\n"
        "sys.last_value = sys.modules['kept'][1]\n"
        "class Late:\n"
        "    def __del__(self, keep=sys.modules['kept']): keep.clear()\n"
        "sys.late = Late()\n"
        "print('done')"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (found.returncode, found.stdout.strip()) == (0, "done"), found.stderr
