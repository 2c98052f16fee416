"""The file `checkpoint` that tells which checkpoints a folder holds, and what is asked about it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphc.checkpoint.files import replacing
from graphc.checkpoint.writer import delete_checkpoint
from graphc.framework import logging
from graphc.framework.errors import located

_LINE = re.compile(r'\s*(\w+)\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))\s*')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


@dataclass
class CheckpointState:
    """What the file `checkpoint` says.

    Attributes:
        model_checkpoint_path: the latest checkpoint.
        all_model_checkpoint_paths: all that were kept, the oldest first.
        all_model_checkpoint_timestamps: when they were saved, if known.
        last_preserved_timestamp: when the last one was saved that is kept for ever; 0 if unknown.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def _state_file(folder: str, latest_filename: str | None) -> Path:
    return Path(os.fspath(folder)) / (latest_filename or "checkpoint")


def get_checkpoint_state(
    checkpoint_dir: str, latest_filename: str | None = None
) -> CheckpointState | None:
    """What the file `checkpoint` of a folder says; None if there is none, or it cannot be read.

    Relative paths in it are taken to lie in the folder.

    Raises:
        ValueError: it names no checkpoint.
    """
    file = _state_file(checkpoint_dir, latest_filename)
    try:
        state = _parsed(file.read_text())
    except OSError:
        if file.exists():
            logging.warning("%s cannot be read", file)
        return None
    except ValueError as error:
        logging.warning("%s: checkpoint ignored: %s", file, error)
        return None
    if not state.model_checkpoint_path:
        raise ValueError(located(f"Invalid checkpoint state loaded from {checkpoint_dir}"))
    folder = os.fspath(checkpoint_dir)
    state.model_checkpoint_path = os.path.join(folder, state.model_checkpoint_path)
    paths = state.all_model_checkpoint_paths
    state.all_model_checkpoint_paths = [os.path.join(folder, path) for path in paths]
    return state


def _parsed(text: str) -> CheckpointState:
    state = CheckpointState()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"line {number} is no field")
        name, quoted, plain = found.groups()
        if name in ("model_checkpoint_path", "all_model_checkpoint_paths"):
            if quoted is None:
                raise ValueError(f"line {number}: {name} must be a string")
            path = _unescaped(quoted)
            if name == "model_checkpoint_path":
                state.model_checkpoint_path = path
            else:
                state.all_model_checkpoint_paths.append(path)
        elif name == "all_model_checkpoint_timestamps":
            state.all_model_checkpoint_timestamps.append(float(plain or "nothing"))
        elif name == "last_preserved_timestamp":
            state.last_preserved_timestamp = float(plain or "nothing")
        else:
            raise ValueError(f"line {number}: there is no field {name}")
    return state


def _unescaped(text: str) -> str:
    """A quoted string of the text format: bytes may be octal or hexadecimal."""

    def octets(match: re.Match[bytes]) -> bytes:
        code = match[1].decode("latin-1")
        if code[0] in "01234567":
            return bytes([int(code, 8) & 255])
        if code[0] in "xX":
            return bytes([int(code[1:], 16)])
        return _ESCAPES.get(code, code).encode("latin-1")

    pattern = rb"\\([0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|.)"
    return re.sub(pattern, octets, text.encode()).decode(errors="surrogateescape")


def _escaped(text: str) -> str:
    for plain, code in (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t")):
        text = text.replace(plain, code)
    return text


def generate_checkpoint_state_proto(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> CheckpointState:
    """A `CheckpointState` for a folder; relative paths are given relative to it.

    Raises:
        ValueError: there are other than one timestamp per path.
    """
    paths = list(all_model_checkpoint_paths or [])
    if model_checkpoint_path not in paths[-1:]:
        paths.append(model_checkpoint_path)
    times = list(all_model_checkpoint_timestamps or [])
    if times and len(times) != len(paths):
        raise ValueError(
            located(
                f"Checkpoint timestamps, if provided, must match checkpoint paths (got paths "
                f"{paths} and timestamps {times})"
            )
        )
    if not os.path.isabs(save_dir):
        model_checkpoint_path = _relative(model_checkpoint_path, save_dir)
        paths = [_relative(path, save_dir) for path in paths]
    return CheckpointState(model_checkpoint_path, paths, times, last_preserved_timestamp or 0.0)


def _relative(path: str, folder: str) -> str:
    return path if os.path.isabs(path) else os.path.relpath(path, folder or ".")


def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Write the file `checkpoint` of a folder.

    Raises:
        RuntimeError: a checkpoint has the name of that file; OSError: it cannot be written.
    """
    write_state(
        save_dir, model_checkpoint_path, all_model_checkpoint_paths, latest_filename, False,
        all_model_checkpoint_timestamps, last_preserved_timestamp,
    )  # fmt: skip


def write_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    save_relative_paths: bool = False,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """`update_checkpoint_state`; with `save_relative_paths` paths are relative to the folder."""
    file = _state_file(save_dir, latest_filename)
    if save_relative_paths:
        folder = save_dir or "."
        paths = [os.path.relpath(path, folder) for path in all_model_checkpoint_paths or []]
        latest = os.path.relpath(model_checkpoint_path, folder)
        state = generate_checkpoint_state_proto(
            os.path.abspath(folder), latest, paths,
            all_model_checkpoint_timestamps, last_preserved_timestamp,
        )  # fmt: skip
    else:
        state = generate_checkpoint_state_proto(
            save_dir, model_checkpoint_path, all_model_checkpoint_paths,
            all_model_checkpoint_timestamps, last_preserved_timestamp,
        )  # fmt: skip
    if str(file) == state.model_checkpoint_path:
        raise RuntimeError(
            located(
                f"Save path '{model_checkpoint_path}' conflicts with path used for checkpoint "
                "state. Please use a different save path."
            )
        )
    with replacing(file) as opened:
        opened.write(_text(state).encode(errors="surrogateescape"))


def _text(state: CheckpointState) -> str:
    lines = [f'model_checkpoint_path: "{_escaped(state.model_checkpoint_path)}"']
    for path in state.all_model_checkpoint_paths:
        lines.append(f'all_model_checkpoint_paths: "{_escaped(path)}"')
    for moment in state.all_model_checkpoint_timestamps:
        lines.append(f"all_model_checkpoint_timestamps: {moment!r}")
    if state.last_preserved_timestamp:
        lines.append(f"last_preserved_timestamp: {state.last_preserved_timestamp!r}")
    return "".join(f"{line}\n" for line in lines)


def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Whether there is a checkpoint of that prefix."""
    return Path(f"{os.fspath(checkpoint_prefix)}.index").is_file()


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The prefix of the latest checkpoint of a folder, or None if there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None:
        return None
    if checkpoint_exists(state.model_checkpoint_path):
        return state.model_checkpoint_path
    logging.error("Couldn't match files for checkpoint %s", state.model_checkpoint_path)
    return None


def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[str]) -> list[float]:
    """When checkpoints were last written, in seconds; those that are not there are left out."""
    files = [Path(f"{prefix}.index") for prefix in checkpoint_prefixes]
    return [file.stat().st_mtime for file in files if file.is_file()]


def remove_checkpoint(
    checkpoint_prefix: str, checkpoint_format_version: int = 2, meta_graph_suffix: str = "meta"
) -> None:
    """Remove the files of a checkpoint, those that are there.

    Raises:
        NotImplementedError: another version of the format than 2.
    """
    if checkpoint_format_version != 2:
        raise NotImplementedError(located("only checkpoints of version 2 can be removed"))
    delete_checkpoint(os.fspath(checkpoint_prefix), meta_graph_suffix)
