"""Looking into checkpoints without a graph: `tf.train.load_checkpoint` and its kin."""

from __future__ import annotations

import os

import numpy as np

from graphc.checkpoint.reader import CheckpointReader
from graphc.framework.errors import located
from graphc.train.checkpoint_management import checkpoint_exists, latest_checkpoint


def NewCheckpointReader(filepattern: str) -> CheckpointReader:
    """A reader of the checkpoint of that prefix.

    Raises:
        NotFoundError: there is none; DataLossError: its index is damaged.
    """
    return CheckpointReader(filepattern)


def load_checkpoint(ckpt_dir_or_file: str) -> CheckpointReader:
    """A reader of a checkpoint: its prefix, or a folder, for the latest one there.

    Raises:
        ValueError: the folder has none; NotFoundError: there is no such checkpoint.
    """
    path = os.fspath(ckpt_dir_or_file)
    if checkpoint_exists(path) or not os.path.isdir(path):
        return CheckpointReader(path)
    latest = latest_checkpoint(path)
    if latest is None:
        raise ValueError(
            located(
                "Couldn't find 'checkpoint' file or checkpoints in given directory "
                f"{ckpt_dir_or_file}"
            )
        )
    return CheckpointReader(latest)


def load_variable(ckpt_dir_or_file: str, name: str) -> np.ndarray:
    """The value of a variable in a checkpoint.

    Raises:
        As `load_checkpoint`; NotFoundError: there is no such variable.
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """Pairs (name, shape) of what a checkpoint holds, sorted by name."""
    shapes = load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map()
    return sorted(shapes.items())
