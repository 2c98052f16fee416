"""Every example at reduced size in this process, and one as a user starts it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphc as tf
from examples import (
    convolution,
    linear_regression,
    logistic_regression,
    lstm_digits,
    mnist,
    save_restore,
    transformer,
    word2vec,
)

EXAMPLES = Path(mnist.__file__).resolve().parent


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def test_linear_regression() -> None:
    found, exact = linear_regression.main(points=50, steps=200)
    assert found == pytest.approx(exact, abs=1e-4)
    assert exact == pytest.approx((3, 2), abs=0.2)


def test_logistic_regression() -> None:
    assert logistic_regression.main(epochs=2) >= 0.88


def test_mnist() -> None:
    assert mnist.main(epochs=2, page=None) > 0.90


def test_lstm_digits() -> None:
    assert lstm_digits.main(epochs=1, units=32) > 0.5


def test_save_restore(tmp_path: Path) -> None:
    first, second = save_restore.main(epochs=1, folder=tmp_path)
    assert second[0] == 2 * first[0]
    assert second[1] == first[2]
    assert 0.1 > first[1] < first[2] > 0.8


def test_transformer() -> None:
    assert transformer.main(epochs=2, images=1500) > 0.5


def test_convolution() -> None:
    assert convolution.main(steps=25, batch_size=32, held_back=300) > 0.6


def test_word2vec() -> None:
    losses = word2vec.main(epochs=10)
    assert losses[-1] < losses[0] / 2


def test_all_examples_are_tested() -> None:
    scripts = {p.stem for p in EXAMPLES.glob("*.py")} - {"digits", "__init__"}
    tests = "".join(p.read_text() for p in Path(__file__).parent.glob("test_*.py"))
    missing = [name for name in sorted(scripts) if f"{name}.main(" not in tests]
    assert not missing, missing


@pytest.mark.slow
def test_mnist_as_a_script(tmp_path: Path) -> None:
    page = tmp_path / "mnist.html"
    script = EXAMPLES / "mnist.py"
    done = subprocess.run(
        [sys.executable, str(script), "--epochs", "1", "--page", str(page)],
        capture_output=True,
        text=True,
        timeout=280,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert "hidden_1" in page.read_text()
