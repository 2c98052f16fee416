"""README.md says what is so: its program runs and prints what is printed there."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import graphc as tf
from graphc.codegen.program import TARGETS

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    """The code blocks of a language ('' for plain ones), in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


def test_program_prints_what_is_shown() -> None:
    (program,) = blocks("python")
    shown = next(text for text in blocks("") if re.match(r"\d+ \d", text))
    tf.reset_default_graph()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "train.py", "exec"), {"__name__": "__main__"})
    tf.reset_default_graph()
    numbers = [float(word) for word in printed.getvalue().split()]
    assert numbers == pytest.approx([float(word) for word in shown.split()], rel=1e-5)


def test_targets_are_listed() -> None:
    text = README.read_text()
    assert all(f'"{target}"' in text for target in TARGETS)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert target.startswith("http") or (README.parent / target).exists(), target


def test_what_is_missing_is_missing() -> None:
    for name in ("data", "summary", "SparseTensor", "FIFOQueue"):
        assert not hasattr(tf, name), f"README.md says that tf.{name} is not there"
