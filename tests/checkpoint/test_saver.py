"""`tf.train.Saver`: round trips, how many are kept, interrupted saves, and what goes wrong."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.checkpoint import files, writer

Make = Callable[[], tf.Session]


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


@pytest.fixture(params=["", "numpy"], ids=["cpu", "numpy"])
def new_session(request: pytest.FixtureRequest) -> Make:
    return lambda: tf.Session(request.param)


def trained(sess: tf.Session) -> tuple[Any, Any, Any]:
    """A small model after two steps of Adam: loss, step, all values."""
    w = tf.get_variable("w", [3, 2], initializer=tf.ones_initializer())
    b = tf.Variable(np.zeros(2), dtype=tf.float64, name="b")
    count = tf.train.get_or_create_global_step()
    loss = tf.reduce_sum(tf.square(tf.cast(w, tf.float64) + b - 3.0))
    step = tf.train.AdamOptimizer(0.1).minimize(loss, global_step=count)
    sess.run(tf.global_variables_initializer())
    for _ in range(2):
        sess.run(step)
    return loss, step, sess.run(tf.global_variables())


def test_round_trip(new_session: Make, tmp_path: Path) -> None:
    path = str(tmp_path / "model")
    with new_session() as sess:
        loss, step, before = trained(sess)
        saver = tf.train.Saver()
        assert saver.save(sess, path) == path
        sess.run(step)
        expected = sess.run(loss)
    with new_session() as sess:
        saver.restore(sess, path)
        for one, other in zip(sess.run(tf.global_variables()), before, strict=True):
            np.testing.assert_array_equal(one, other)
        sess.run(step)
        assert sess.run(loss) == expected
    assert sorted(os.listdir(tmp_path)) == [
        "checkpoint", "model.data-00000-of-00001", "model.index",
    ]  # fmt: skip
    assert [name for name, _ in tf.train.list_variables(path)] == sorted(
        v.op.name for v in tf.global_variables()
    )


def test_restoring_into_a_running_session(tmp_path: Path) -> None:
    """Native code that is bound to the variables sees the values that replace them."""
    v = tf.Variable([1.0, 2.0])
    step = v.assign_add([1.0, 1.0])
    doubled = v * 2.0
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(v.initializer)
        path = saver.save(sess, str(tmp_path / "m"))
        run = sess.make_callable(doubled)
        for _ in range(3):
            sess.run(step)
            run()
        saver.restore(sess, path)
        assert run().tolist() == [2, 4]
        assert sess.run(step).tolist() == [2, 3]
        assert run().tolist() == [4, 6]


def test_names_in_files(tmp_path: Path) -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
    path = str(tmp_path / "m")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        tf.train.Saver({"x": a, "y/z": b}).save(sess, path)
        assert tf.train.list_variables(path) == [("x", []), ("y/z", [])]
        tf.train.Saver({"x": b}).restore(sess, path)
        assert sess.run([a, b]) == [1, 1]
        tf.train.Saver([b]).save(sess, path)
        assert tf.train.load_checkpoint(str(tmp_path)).get_variable_to_shape_map() == {"b": []}
        assert tf.train.load_variable(path, "b:0") == 1


def test_moving_averages_are_restored(tmp_path: Path) -> None:
    v = tf.Variable(4.0, name="v")
    averages = tf.train.ExponentialMovingAverage(0.5)
    apply = averages.apply([v])
    path = str(tmp_path / "m")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(v.assign(8.0))
        sess.run(apply)
        tf.train.Saver().save(sess, path)
        tf.train.Saver(averages.variables_to_restore()).restore(sess, path)
        assert sess.run(v) == 6


def test_those_too_old_are_removed(tmp_path: Path) -> None:
    v = tf.Variable(0)
    saver = tf.train.Saver(max_to_keep=2)
    path = str(tmp_path / "m")
    with tf.Session() as sess:
        sess.run(v.initializer)
        for step in range(4):
            saver.save(sess, path, global_step=step)
        sess.run(v.assign(9))
        assert saver.save(sess, path, global_step=v) == f"{path}-9"
        assert saver.last_checkpoints == [f"{path}-3", f"{path}-9"]
        assert {name.split(".")[0] for name in os.listdir(tmp_path)} == {"checkpoint", "m-3", "m-9"}
        state = tf.train.get_checkpoint_state(str(tmp_path))
        assert state is not None
        assert state.model_checkpoint_path == f"{path}-9"
        assert state.all_model_checkpoint_paths == saver.last_checkpoints
        again = tf.train.Saver(max_to_keep=1)
        again.recover_last_checkpoints([*saver.last_checkpoints, "gone"])
        assert again.last_checkpoints == saver.last_checkpoints
        again.save(sess, path, global_step=10, write_state=False)
        assert tf.train.latest_checkpoint(str(tmp_path)) == f"{path}-9"
        everything = tf.train.Saver(max_to_keep=None, pad_step_number=True)
        assert everything.save(sess, path, global_step=11) == f"{path}-00000011"
        assert everything.last_checkpoints == []


def test_one_every_so_often_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    v = tf.Variable(0)
    saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=1.0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        for step in range(8):
            now[0] += 1300
            saver.save(sess, str(tmp_path / "m"), global_step=step)
    # saved after 1300, 2600, …: kept are the first after one hour and the first after two
    kept = {name.split(".")[0] for name in os.listdir(tmp_path) if name.endswith(".index")}
    assert kept == {"m-2", "m-5", "m-7"}


def test_folders_that_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    v = tf.Variable(0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        tf.train.Saver(save_relative_paths=True).save(sess, str(tmp_path / "one" / "m"))
        (tmp_path / "one").rename(tmp_path / "two")
        assert tf.train.latest_checkpoint(str(tmp_path / "two")) == str(tmp_path / "two" / "m")
        monkeypatch.chdir(tmp_path)
        tf.train.Saver().save(sess, "three/m")
        assert tf.train.latest_checkpoint("three") == "three/m"
        assert 'model_checkpoint_path: "m"' in Path("three/checkpoint").read_text()
        tf.train.Saver().save(sess, "./bare")
        assert tf.train.latest_checkpoint(".") == "./bare"


# ---------------------------------------------------------------------------------- interruptions


class Interrupted(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_save_interrupted_anywhere_loses_nothing(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop before each change of the folder in turn: an old or the new checkpoint is always there.

    What would clean up after an exception does not run either.
    """
    v = tf.Variable(np.zeros(1000))
    saver = tf.train.Saver(max_to_keep=1)
    calls = [0, 0]

    def stopping(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            calls[0] += 1
            if calls[0] >= calls[1]:
                raise Interrupted
            return function(*arguments, **keywords)

        return call

    with tf.Session() as sess:
        sess.run(v.initializer)
        outcomes = []
        for stop in range(1, 30):
            folder = tmp_path / f"{overwrite}-{stop}"
            path, number = str(folder / "m"), iter([None, None] if overwrite else [1, 2])
            sess.run(v.assign(np.full(1000, 1.0)))
            saver.save(sess, path, global_step=next(number))
            sess.run(v.assign(np.full(1000, 2.0)))
            calls[:] = [0, stop]
            with monkeypatch.context() as patch:
                for name in ("replace", "unlink", "fsync"):
                    patch.setattr(os, name, stopping(getattr(os, name)))
                try:
                    saver.save(sess, path, global_step=next(number))
                    finished = True
                except Interrupted:
                    finished = False
            latest = tf.train.latest_checkpoint(str(folder))
            saver.restore(sess, latest)
            found = sess.run(v)
            assert found.min() == found.max()
            outcomes.append(found[0])
            saver.save(sess, path)  # and what was left behind does not matter
            saver.restore(sess, path)
            if finished:
                break
        assert finished and outcomes[0] == 1 and outcomes[-1] == 2
        assert outcomes == sorted(outcomes)


def test_a_failed_save_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    v = tf.Variable(0)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with tf.Session() as sess:
        sess.run(v.initializer)
        monkeypatch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            tf.train.Saver().save(sess, str(tmp_path / "m"))
    assert os.listdir(tmp_path) == []


def test_only_files_of_the_checkpoint_are_removed(tmp_path: Path) -> None:
    others = ["m*.index", "m.data-00000-of-00001.txt", "mm.index", "m.data-x-of-y", "m"]
    for name in others:
        (tmp_path / name).write_text("")
    writer.write_checkpoint(str(tmp_path / "m"), {"v": np.zeros(3)})
    writer.delete_checkpoint(str(tmp_path / "m"))
    assert sorted(os.listdir(tmp_path)) == sorted(others)
    writer.write_checkpoint(str(tmp_path / "m*"), {"v": np.zeros(3)})
    tf.train.remove_checkpoint(str(tmp_path / "m*"))
    assert sorted(os.listdir(tmp_path)) == sorted(set(others) - {"m*.index"})


# ------------------------------------------------------------------------------------------ misuse


def test_what_does_not_fit(tmp_path: Path) -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    path = str(tmp_path / "m")
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"):
            tf.train.Saver().save(sess, path)
        sess.run(v.initializer)
        tf.train.Saver().save(sess, path)
        with pytest.raises(ValueError, match=r"Parent directory of .* doesn't exist, can't save"):
            tf.train.Saver().save(sess, str(tmp_path / "a" / "b" / "m"))
        with pytest.raises(TypeError, match="'sess' must be a Session"):
            tf.train.Saver().save(path, path)
        with pytest.raises(ValueError, match="collides with 'save_path'"):
            tf.train.Saver().save(sess, str(tmp_path / "checkpoint"))
        with pytest.raises(ValueError, match="must not contain path components"):
            tf.train.Saver().save(sess, path, latest_filename="a/b")
        with pytest.raises(ValueError, match=r"not a valid checkpoint: nothing \(.*test_saver.py"):
            tf.train.Saver().restore(sess, "nothing")
        with pytest.raises(ValueError, match="when it is None"):
            tf.train.Saver().restore(sess, tf.train.latest_checkpoint(str(tmp_path / "none")))
        more = tf.Variable(1.0, name="more")
        with pytest.raises(tf.errors.NotFoundError, match="Key more not found in checkpoint"):
            tf.train.Saver().restore(sess, path)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"lhs shape= \[\] rhs shape= \[2"):
            tf.train.Saver({"v": more}).restore(sess, path)
        wrong = tf.Variable([1, 2], name="wrong")
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected dtype int32"):
            tf.train.Saver({"v": wrong}).restore(sess, path)
        turned = tf.Variable([[0.0], [0.0]])
        tf.train.Saver({"v": turned}, reshape=True).restore(sess, path)
        assert sess.run(turned).tolist() == [[1], [2]]
        damaged = tmp_path / "m.data-00000-of-00001"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        sess.run(v.assign([5.0, 6.0]))
        with pytest.raises(tf.errors.DataLossError):
            tf.train.Saver({"v": v}).restore(sess, path)
        assert sess.run(v).tolist() == [5, 6]
    with pytest.raises(RuntimeError, match="closed Session"):
        tf.train.Saver().save(sess, path)


def test_what_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    assert tf.train.Saver(allow_empty=True).save(tf.Session(), "nowhere/m") is None
    later = tf.train.Saver(defer_build=True)
    with pytest.raises(RuntimeError, match="should be called before save"):
        later.save(tf.Session(), "nowhere/m")
    tf.Variable(1.0, name="v")
    later.build()
    with pytest.raises(TypeError, match="not a Variable"):
        tf.train.Saver([tf.constant(1.0)])
    with pytest.raises(NotImplementedError, match="sharded"):
        tf.train.Saver(sharded=True)
    with pytest.raises(NotImplementedError, match="build the graph with the program"):
        tf.train.import_meta_graph("m.meta")


# ------------------------------------------------------------------------------ the file checkpoint


def test_the_file_that_lists_checkpoints(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert tf.train.get_checkpoint_state(folder) is None
    assert tf.train.latest_checkpoint(folder) is None
    odd = str(tmp_path / 'a "b"\n\\é')
    tf.train.update_checkpoint_state(
        folder, odd, ["x", odd], all_model_checkpoint_timestamps=[1.5, 2.5],
        last_preserved_timestamp=0.5,
    )  # fmt: skip
    state = tf.train.get_checkpoint_state(folder)
    assert state == tf.train.CheckpointState(odd, [f"{folder}/x", odd], [1.5, 2.5], 0.5)
    assert tf.train.latest_checkpoint(folder) is None  # it is not there
    for text in ("what is this", 'model_checkpoint_path: "a', "unknown: 3",
                 "model_checkpoint_path: 3", "last_preserved_timestamp: x"):  # fmt: skip
        (tmp_path / "checkpoint").write_text(text)
        assert tf.train.get_checkpoint_state(folder) is None, text
    (tmp_path / "checkpoint").write_text("\n")
    with pytest.raises(ValueError, match="Invalid checkpoint state"):
        tf.train.get_checkpoint_state(folder)
    (tmp_path / "checkpoint").write_text(r'model_checkpoint_path: "\303\251\x41"')
    found = tf.train.get_checkpoint_state(folder)
    assert found is not None and found.model_checkpoint_path == f"{folder}/éA"
    with pytest.raises(ValueError, match="must match checkpoint paths"):
        tf.train.update_checkpoint_state(folder, "a", all_model_checkpoint_timestamps=[1.0, 2.0])
    with pytest.raises(RuntimeError, match="conflicts with path"):
        tf.train.update_checkpoint_state(folder, str(tmp_path / "checkpoint"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file"):
        tf.train.load_checkpoint(str(tmp_path / "empty"))
    writer.write_checkpoint(str(tmp_path / "m"), {"v": np.zeros(3)})
    assert tf.train.checkpoint_exists(str(tmp_path / "m"))
    assert len(tf.train.get_checkpoint_mtimes([str(tmp_path / "m"), "gone"])) == 1
