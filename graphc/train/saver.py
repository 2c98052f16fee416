"""`tf.train.Saver`: variables to checkpoint files and back.

The files are TensorFlow's (version 2): each can read the other's. Values go straight between the
session and the files, so saving adds no operations to the graph.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from graphc.checkpoint.reader import CheckpointReader
from graphc.checkpoint.writer import delete_checkpoint, write_checkpoint
from graphc.framework import logging
from graphc.framework.collections import GraphKeys
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import InvalidArgumentError, NotFoundError, OpError, located
from graphc.framework.variables import Variable
from graphc.train.checkpoint_management import checkpoint_exists, get_checkpoint_mtimes, write_state
from graphc.train.training_util import global_step as step_number


class Saver:
    """Saves variables to checkpoints, and restores them.

    Args:
        var_list: a list of variables, or a dict from the names they have in files (default: all
            global variables, under the names of their operations).
        reshape: whether values of another shape, but as many elements, may be restored.
        max_to_keep: how many checkpoints to keep, the latest ones; 0 or None: all.
        keep_checkpoint_every_n_hours: besides, one every so many hours is never removed.
        name: accepted; there are no operations that it would name.
        restore_sequentially: accepted; values are restored one after the other.
        defer_build: whether `build` is called later, when all variables are there.
        allow_empty: whether there may be no variables; then nothing is saved or restored.
        pad_step_number: whether step numbers in names are padded to eight digits.
        save_relative_paths: whether the file `checkpoint` holds paths relative to its folder, so
            that the folder may be moved.

    Raises:
        ValueError: no variables, or two of one name; TypeError: something else than variables.
        NotImplementedError: `sharded`, `saver_def`, `builder`, `filename` or another format.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: int = 2,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: Any = None,
    ) -> None:
        for argument, value in (
            ("sharded", sharded),
            ("saver_def", saver_def),
            ("builder", builder),
            ("filename", filename),
        ):
            if value:
                raise NotImplementedError(located(f"tf.train.Saver({argument}=) is not supported"))
        if write_version != 2:
            raise NotImplementedError(
                located("tf.train.Saver writes the second version of checkpoints only")
            )
        if defer_build and var_list:
            raise ValueError(
                located("If `var_list` is provided then build cannot be deferred. Set defer_build="
                        "False")
            )  # fmt: skip
        self._var_list = var_list
        self._reshape = reshape
        self._allow_empty = allow_empty
        self._max_to_keep = max_to_keep or 0
        self._hours = keep_checkpoint_every_n_hours
        self._pad_step_number = pad_step_number
        self._relative = save_relative_paths
        self._last: list[tuple[str, float]] = []
        self._next_kept = time.time() + keep_checkpoint_every_n_hours * 3600
        self._variables: dict[str, Variable] | None = None
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Choose the variables: those of the graph as it is now, if none were given."""
        if self._variables is not None:
            return
        self._variables = _by_name(self._var_list)
        if not self._variables and not self._allow_empty:
            raise ValueError(located("No variables to save"))

    def _built(self, method: str) -> dict[str, Variable]:
        if self._variables is None:
            raise RuntimeError(
                located(f"`build()` should be called before {method} if defer_build==True")
            )
        return self._variables

    # -- saving

    def save(
        self,
        sess: Any,
        save_path: str | os.PathLike[str],
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Write a checkpoint, whole or not at all, and remove the oldest one if there are too many.

        Args:
            save_path: its prefix: `.index` and `.data-…` are added.
            global_step: a number, or a variable or tensor that holds it, to append: `model-100`.
            latest_filename: the name of the file that lists checkpoints (default "checkpoint").
            write_meta_graph: accepted, as are the arguments about it; no `.meta` file is written.
            write_state: whether to list the checkpoint.

        Returns:
            The prefix; None if there are no variables.

        Raises:
            FailedPreconditionError: a variable has no value yet; ValueError: the folder does not
                exist, or the path is that of the list; TypeError: `sess` is no session.
        """
        variables = self._built("save")
        prefix = self._prefix(sess, os.fspath(save_path), global_step, latest_filename)
        _check_session(sess)
        if not variables:
            return None
        values = _fetched(sess, variables)
        try:
            _make_folder(prefix)
            write_checkpoint(prefix, values)
        except (FileNotFoundError, NotADirectoryError):
            raise ValueError(
                located(f"Parent directory of {save_path} doesn't exist, can't save.")
            ) from None
        if write_state:
            self._list(prefix, os.path.dirname(os.fspath(save_path)), latest_filename)
        return prefix

    def _prefix(self, sess: Any, path: str, step: Any, latest_filename: str | None) -> str:
        listed = latest_filename or "checkpoint"
        if os.path.split(listed)[0]:
            raise ValueError(located("'latest_filename' must not contain path components"))
        if step is not None:
            if not isinstance(step, (int, np.integer)):
                _check_session(sess)
                step = step_number(sess, step)
            return f"{path}-{step:08d}" if self._pad_step_number else f"{path}-{step:d}"
        if os.path.basename(path) == listed:
            raise ValueError(
                located(f"'latest_filename' collides with 'save_path': '{listed}' and '{path}'")
            )
        return path

    def _list(self, prefix: str, folder: str, latest_filename: str | None) -> None:
        """Record a checkpoint in memory and in its folder, then remove what is too old."""
        oldest = None
        if self._max_to_keep:
            self._last = [entry for entry in self._last if entry[0] != prefix]
            self._last.append((prefix, time.time()))
            if len(self._last) > self._max_to_keep:
                oldest = self._last.pop(0)
        write_state(folder, prefix, self.last_checkpoints, latest_filename, self._relative)
        if oldest is None:
            return
        path, moment = oldest
        if moment > self._next_kept:
            self._next_kept += self._hours * 3600
            return
        try:
            delete_checkpoint(path)
        except OSError as error:
            logging.warning("Ignoring: %s", error)

    # -- restoring

    def restore(self, sess: Any, save_path: str | os.PathLike[str] | None) -> None:
        """Give the variables the values in a checkpoint; they need not be initialized.

        Args:
            save_path: what `save` returned, or `tf.train.latest_checkpoint(folder)`.

        Raises:
            ValueError: there is no checkpoint of that prefix.
            NotFoundError: it lacks a variable; InvalidArgumentError: shapes or dtypes differ;
            DataLossError: it is damaged. No variable has changed then.
        """
        variables = self._built("restore")
        _check_session(sess)
        if not variables:
            return
        if save_path is None:
            raise ValueError(located("Can't load save_path when it is None."))
        prefix = os.fspath(save_path)
        if not checkpoint_exists(prefix):
            raise ValueError(located(f"The passed save_path is not a valid checkpoint: {prefix}"))
        logging.info("Restoring parameters from %s", prefix)
        try:
            reader = CheckpointReader(prefix)
            values = {
                variable.op.name: self._read(reader, name, variable)
                for name, variable in variables.items()
            }
        except OpError as error:
            raise _explained(error) from None
        sess._set_variables(values)

    def _read(self, reader: CheckpointReader, name: str, variable: Variable) -> np.ndarray:
        entry = reader.entry(name)
        if entry.dtype is not variable.dtype:
            raise InvalidArgumentError(
                None, variable.op,
                f"tensor_name = {name}; expected dtype {variable.dtype.name} does not equal "
                f"original dtype {entry.dtype.name}",
            )  # fmt: skip
        value = reader.get_tensor(name)
        shape = variable.get_shape()
        if self._reshape and shape.is_fully_defined() and value.size == shape.num_elements():
            sizes: list[Any] = shape.as_list()
            value = value.reshape(sizes)
        if not shape.is_compatible_with(value.shape):
            raise InvalidArgumentError(
                None, variable.op,
                "Assign requires shapes of both tensors to match. lhs shape= "
                f"{shape.as_list()} rhs shape= {list(value.shape)}",
            )  # fmt: skip
        return value

    # -- what was saved

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints not removed yet, the oldest first."""
        return [path for path, _ in self._last]

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Set what `last_checkpoints` gives, for a new saver to remove the right ones."""
        if not isinstance(last_checkpoints, list):
            raise TypeError(located("last_checkpoints must be a list of paths"))
        self._last = [(path, np.inf) for path in last_checkpoints]

    def set_last_checkpoints_with_time(
        self, last_checkpoints_with_time: list[tuple[str, float]]
    ) -> None:
        """`set_last_checkpoints` with the time that each was saved at."""
        if not isinstance(last_checkpoints_with_time, list):
            raise TypeError(located("last_checkpoints_with_time must be a list of pairs"))
        self._last = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: list[str]) -> None:
        """`set_last_checkpoints` for those of the paths that exist, after a restart."""
        there = [path for path in checkpoint_paths if checkpoint_exists(path)]
        times = get_checkpoint_mtimes(there)
        self._last = list(zip(there, times, strict=True))

    # -- protos

    def export_meta_graph(self, *_: Any, **__: Any) -> NoReturn:
        """Not available; raises NotImplementedError."""
        raise NotImplementedError(located("Saver.export_meta_graph is not supported"))

    def as_saver_def(self) -> NoReturn:
        """Not available; raises NotImplementedError."""
        raise NotImplementedError(located("Saver.as_saver_def is not supported"))

    def to_proto(self, export_scope: str | None = None) -> NoReturn:
        """Not available; raises NotImplementedError."""
        raise NotImplementedError(located("Saver.to_proto is not supported"))


def import_meta_graph(*_: Any, **__: Any) -> NoReturn:
    """Not available: `Saver.save` writes no `.meta` files.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        located(
            "tf.train.import_meta_graph is not supported: build the graph with the program that "
            "saved it, then tf.train.Saver().restore(sess, path)"
        )
    )


def export_meta_graph(*_: Any, **__: Any) -> NoReturn:
    """Not available.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(located("tf.train.export_meta_graph is not supported"))


# ----------------------------------------------------------------------------------------- helpers


def _by_name(var_list: Any) -> dict[str, Variable]:
    """The variables by the names they have in files."""
    if var_list is None:
        graph = get_default_graph()
        var_list = [
            *graph.get_collection(GraphKeys.GLOBAL_VARIABLES),
            *graph.get_collection(GraphKeys.SAVEABLE_OBJECTS),
        ]
    if isinstance(var_list, Mapping):
        pairs = [(str(name), variable) for name, variable in var_list.items()]
    else:
        pairs = [(getattr(getattr(v, "op", None), "name", ""), v) for v in var_list]
    found: dict[str, Variable] = {}
    for name, variable in pairs:
        if not isinstance(variable, Variable):
            raise TypeError(located(f"Variable to save is not a Variable: {variable}"))
        if found.get(name, variable) is not variable:
            raise ValueError(located(f"At least two variables have the same name: {name}"))
        found[name] = variable
    return found


def _check_session(sess: Any) -> None:
    if not hasattr(sess, "_set_variables"):
        raise TypeError(located(f"'sess' must be a Session; {sess}"))


def _fetched(sess: Any, variables: dict[str, Variable]) -> dict[str, np.ndarray]:
    values = sess.run(list(variables.values()))
    return dict(zip(variables, values, strict=True))


def _make_folder(prefix: str) -> None:
    """Make the folder of a checkpoint if only that one is missing."""
    folder = os.path.dirname(prefix)
    if folder and not os.path.isdir(folder):
        os.mkdir(folder)


def _explained(error: OpError) -> OpError:
    if isinstance(error, NotFoundError):
        likely = "a Variable name or other graph key that is missing"
    elif isinstance(error, InvalidArgumentError):
        likely = "a mismatch between the current graph and the graph"
    else:
        return type(error)(None, error.op, located(error.message))
    return type(error)(
        None,
        error.op,
        located(
            f"Restoring from checkpoint failed. This is most likely due to {likely} from the "
            "checkpoint. Please ensure that you have not altered the graph expected based on the "
            f"checkpoint. Original error:\n\n{error.message}"
        ),
    )
