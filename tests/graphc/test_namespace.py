"""The namespace `tf`: what is in it, its other spellings, and what importing it costs."""

import importlib
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

import graphc as tf
from graphc.framework import flags as tf_flags
from graphc.ops import generate


def test_generated_functions_are_up_to_date() -> None:
    assert shutil.which("ruff", path=str(Path(sys.executable).parent)), "ruff formats the file"
    fresh = generate.formatted(generate.text())
    assert generate.FILE.read_text() == fresh, "run python -m graphc.ops.generate"


def test_every_generated_function_is_public() -> None:
    from graphc.ops import generated

    for name in generated.__all__:
        assert callable(getattr(tf, name)), name


@pytest.mark.parametrize(
    "module",
    ["array_ops", "block_ops", "check_ops", "clip_ops", "cond_ops", "constant_op",
     "control_flow_ops", "functional_ops", "linear_ops", "math_ops", "reduction_ops", "script_ops",
     "state_ops", "tensor_array_ops", "while_ops"],
)  # fmt: skip
def test_public_functions_are_those_of_their_modules(module: str) -> None:
    found = importlib.import_module(f"graphc.ops.{module}")
    for name in found.__all__:
        value = getattr(tf, name)
        assert value is getattr(found, name) or callable(value), name
        if isinstance(value, types.FunctionType):
            assert value.__doc__, f"tf.{name} needs a docstring"


def test_compat_is_the_same_namespace() -> None:
    import graphc.compat.v1 as tf1

    assert tf1 is tf and tf.compat.v1 is tf
    tf1.disable_v2_behavior()
    tf1.disable_eager_execution()
    tf1.enable_resource_variables()
    assert not tf1.executing_eagerly()
    with pytest.raises(NotImplementedError, match="no eager execution"):
        tf.enable_eager_execution()
    assert tf.compat.as_bytes("a") == b"a" and tf.compat.as_str(b"a") == "a"
    assert tf.compat.as_str_any(3) == "3"
    with pytest.raises(TypeError, match="binary or unicode"):
        tf.compat.as_text(3)


def test_version() -> None:
    assert tf.__version__.startswith("1.") and tf.__version__ == tf.VERSION
    assert isinstance(tf.GIT_VERSION, str)
    assert tf.newaxis is None


def test_other_places() -> None:
    assert tf.math.reduce_sum is tf.reduce_sum and tf.math.log is tf.log
    assert tf.random.normal is tf.random_normal
    assert tf.random.set_random_seed is tf.set_random_seed
    assert tf.linalg.matmul is tf.matmul
    assert tf.initializers.zeros is tf.zeros_initializer
    assert tf.debugging.assert_equal is tf.assert_equal
    assert tf.dtypes.float32 is tf.float32
    assert tf.errors.InvalidArgumentError.error_code == tf.errors.INVALID_ARGUMENT == 3
    code = tf.errors.OUT_OF_RANGE
    assert tf.errors.exception_type_from_error_code(code) is tf.errors.OutOfRangeError
    assert tf.test.is_built_with_cuda() in (True, False)


def test_names_that_are_missing_say_so() -> None:
    with pytest.raises(AttributeError, match=r"graphc does not provide tf\.no_such_thing"):
        _ = tf.no_such_thing  # type: ignore[attr-defined]
    assert not hasattr(tf, "_private")


def test_importing_is_cheap(tmp_path: Path) -> None:
    """No compiler or graph library is loaded. In processor seconds: other tests run as well."""
    program = (
        "import time, sys; begin = time.process_time(); import graphc; "
        "took = time.process_time() - begin; "
        "heavy = {'llvmlite', 'numba', 'networkx', 'typer', 'rich', 'hypothesis'} & "
        "set(sys.modules); "
        "print(took); assert not heavy, heavy"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    times = []
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        times.append(float(done.stdout))
    assert min(times) < 0.5, times


@pytest.fixture
def flag_values(monkeypatch: pytest.MonkeyPatch) -> tf_flags.FlagValues:
    fresh = tf_flags.FlagValues()
    monkeypatch.setattr(tf_flags, "FLAGS", fresh)
    return fresh


def test_flags(flag_values: tf_flags.FlagValues) -> None:
    tf.flags.DEFINE_string("name", "x", "help")
    tf.flags.DEFINE_integer("count", 3, "help")
    tf.flags.DEFINE_float("rate", 0.5, "help")
    tf.flags.DEFINE_boolean("fast", False, "help")
    tf.flags.DEFINE_bool("slow", True, "help")
    tf.flags.DEFINE_list("items", "a,b", "help")
    tf.flags.DEFINE_enum("kind", "one", ["one", "two"], "help")
    words = [
        "p",
        "--name=y",
        "--count",
        "5",
        "rest",
        "-rate=1e-3",
        "--fast",
        "--noslow",
        "--other=1",
    ]
    assert flag_values(words, known_only=True) == ["p", "rest", "--other=1"]
    assert (flag_values.name, flag_values.count, flag_values.rate) == ("y", 5, 1e-3)
    assert flag_values.fast is True and flag_values.slow is False
    assert flag_values.items == ["a", "b"] and flag_values.kind == "one"
    flag_values.count = 7
    assert flag_values.flag_values_dict()["count"] == 7
    assert getattr(flag_values, "__flags")["name"] == "y"
    with pytest.raises(tf_flags.Error, match="Unknown command line flag 'nothing'"):
        flag_values(["p", "--nothing"])
    with pytest.raises(tf_flags.IllegalFlagValueError, match="count"):
        flag_values(["p", "--count=many"])
    with pytest.raises(tf_flags.IllegalFlagValueError, match="one of one, two"):
        flag_values(["p", "--kind=three"])
    with pytest.raises(AttributeError, match="Unknown command line flag"):
        _ = flag_values.nothing
    with pytest.raises(tf_flags.DuplicateFlagError):
        tf.flags.DEFINE_string("name", "other", "help")


def test_app_run(flag_values: tf_flags.FlagValues) -> None:
    tf.app.flags.DEFINE_integer("steps", 1, "help")
    seen = []

    def main(argv: list[str]) -> int:
        seen.append((flag_values.steps, argv))
        return 3

    with pytest.raises(SystemExit) as caught:
        tf.app.run(main, argv=["program", "--steps=4", "rest"])
    assert caught.value.code == 3 and seen == [(4, ["program", "rest"])]


def test_logging(capsys: pytest.CaptureFixture[str]) -> None:
    before = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)
    assert tf.logging.get_verbosity() == tf.logging.ERROR
    tf.logging.info("not shown")
    tf.logging.log_if(tf.logging.INFO, "not shown", False)
    for _ in range(3):
        tf.logging.log_first_n(tf.logging.INFO, "once", 1)
    tf.logging.flush()
    tf.logging.set_verbosity(before)
