"""What every test may use: golden files, a cold cache, a browser, and skipping what is not here."""

import difflib
import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import hypothesis
import pytest

GOLDEN_FOLDER = Path(__file__).parent / "golden"
GOLDEN_DIFF_LINES = 80
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Compiling makes an example's first run slow, so time limits are left to pytest-timeout.
hypothesis.settings.register_profile(
    "graphc", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "ci", hypothesis.settings.get_profile("graphc"), derandomize=True, print_blob=True
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "graphc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the files under tests/golden with what the tests produce",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and find_browser() is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH")
    for marker in item.iter_markers("peers"):
        for module in marker.args or ("tensorflow",):
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{module} is not installed: pip install -e '.[peers]'")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return `golden(path, text)`, which holds `text` to the file `tests/golden/<path>`.

    With `--update-golden` it writes the file instead. Text must not depend on the machine, the
    time or the folder of the checkout.
    """
    update = request.config.getoption("--update-golden")

    def check(path: str, text: str) -> None:
        relative = PurePosixPath(path)
        assert not relative.is_absolute(), f"a path below tests/golden, not {path}"
        assert ".." not in relative.parts, f"a path below tests/golden, not {path}"
        file = GOLDEN_FOLDER / relative
        old = read_text(file)
        if update:
            if old != text:
                write_text(file, text)
        elif old is None:
            pytest.fail(
                f"tests/golden/{path} does not exist; write it with --update-golden", pytrace=False
            )
        elif old != text:
            pytest.fail(describe_difference(path, old, text), pytrace=False)

    return check


@pytest.fixture
def cold_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point GRAPHC_CACHE_DIR at an empty folder for one test, and return that folder."""
    folder = tmp_path_factory.mktemp("graphc-cache")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def browser() -> str:
    """Return the path of a Chromium; skip the test where there is none."""
    found = find_browser()
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH")
    return found


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def read_text(file: Path) -> str | None:
    """Return the exact text, line ends included; None if there is no such file."""
    return file.read_bytes().decode() if file.exists() else None


def write_text(file: Path, text: str) -> None:
    """Write in one step: two workers may write the same file at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.write_bytes(text.encode())
    new.replace(file)


def describe_difference(path: str, old: str, new: str) -> str:
    lines = list(
        difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"tests/golden/{path}", "this run", lineterm=""
        )
    )
    if not lines:
        lines = ["(only line ends differ)"]
    if len(lines) > GOLDEN_DIFF_LINES:
        more = len(lines) - GOLDEN_DIFF_LINES
        lines = [*lines[:GOLDEN_DIFF_LINES], f"... {more} more lines"]
    return "\n".join([*lines, "", "If this run is right: make golden, and read the diff."])
