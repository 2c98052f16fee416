"""Checkpoints that TensorFlow wrote, and TensorFlow reading ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc

pytestmark = pytest.mark.peers("tensorflow")


def model(tf: Any) -> None:
    """Variables of several dtypes and shapes, after two steps."""
    tf.reset_default_graph()
    generator = np.random.default_rng(0)
    w = tf.get_variable("layer/w", initializer=generator.normal(size=(300, 70)).astype(np.float32))
    tf.get_variable("layer/b", [70], tf.float64, initializer=tf.ones_initializer())
    tf.Variable(np.array([True, False]), name="flags")
    tf.Variable(np.zeros((0, 3), np.int32), name="empty")
    tf.Variable(np.int64(5), name="count", trainable=False)
    loss = tf.reduce_sum(tf.square(w))
    tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss, name="step")


def save(tf: Any, prefix: Path) -> dict[str, Any]:
    """Save a model after two steps; its values by name."""
    model(tf)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            session.run("step")
        tf.train.Saver().save(session, str(prefix), global_step=2, write_meta_graph=False)
        return {v.name: session.run(v) for v in tf.global_variables()}


def restore(tf: Any, folder: Path) -> dict[str, Any]:
    """Restore the latest checkpoint of a folder."""
    model(tf)
    with tf.Session() as session:
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(str(folder)))
        return {v.name: session.run(v) for v in tf.global_variables()}


def check_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_they_read_ours(tensorflow: Any, tmp_path: Path) -> None:
    ours = save(graphc, tmp_path / "m")
    check_equal(ours, restore(tensorflow, tmp_path))
    save(graphc, tmp_path / "m")  # again under the same name: the data file is another one
    assert not (tmp_path / "m-2.data-00000-of-00001").exists()
    check_equal(ours, restore(tensorflow, tmp_path))
    assert tensorflow.train.list_variables(str(tmp_path)) == graphc.train.list_variables(
        str(tmp_path)
    )


def test_we_read_theirs(tensorflow: Any, tmp_path: Path) -> None:
    theirs = save(tensorflow, tmp_path / "m")
    check_equal(theirs, restore(graphc, tmp_path))


def test_the_same_bytes(tensorflow: Any, tmp_path: Path) -> None:
    theirs = save(tensorflow, tmp_path / "theirs" / "m")
    model(graphc)
    with graphc.Session() as session:
        saver = graphc.train.Saver()
        saver.restore(session, str(tmp_path / "theirs" / "m-2"))
        saver.save(session, str(tmp_path / "ours" / "m"), global_step=2)
    assert len(theirs) == len(graphc.global_variables())
    for suffix in ("index", "data-00000-of-00001"):
        one, other = (tmp_path / who / f"m-2.{suffix}" for who in ("ours", "theirs"))
        assert one.read_bytes() == other.read_bytes()


def test_tables_with_many_entries(tensorflow: Any, tmp_path: Path) -> None:
    from graphc.checkpoint.writer import write_checkpoint

    values = {"long" * 60 + f"/{i}": np.full(i % 3, i) for i in range(1500)}
    values["text"] = np.array([b"", b"ab" * 200, "é".encode()], object)
    write_checkpoint(str(tmp_path / "m"), values)
    reader = tensorflow.train.load_checkpoint(str(tmp_path / "m"))
    assert reader.get_variable_to_shape_map().keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(reader.get_tensor(name), value)
