"""`graphc dump`: every stage of what a program builds and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.ir.text import parse_function, parse_graph
from tests.cli.command import graphc


def test_graph_is_whole_and_can_be_read_back() -> None:
    done = graphc("dump", "linear.py")
    names = [op.name for op in parse_graph(done.stdout).operations]
    assert {"x", "w", "prediction", "loss", "train", "unused"} <= set(names)
    assert "// linear.py:10" in done.stdout
    assert "loss" in done.stderr, "the program's own output goes to standard error"
    assert "loss 0" not in done.stdout


def test_fetch_is_a_slice_of_the_graph() -> None:
    text = graphc("dump", "linear.py", "--fetch", "prediction").stdout
    assert text.startswith("graphc.graph v1\n")
    assert '"prediction"' in text
    assert '"y"' not in text
    assert '"loss"' not in text


def test_all_runs_are_shown_with_what_they_fetch() -> None:
    text = graphc("dump", "linear.py", "--stage", "optimized").stdout
    headers = [line for line in text.splitlines() if line.startswith("// run")]
    assert headers == [
        "// run 0: fetches init",
        "// run 1: fetches train; feeds x:0 float32[5, 3], y:0 float32[5, 1]",
        "// run 2: fetches loss:0; feeds x:0 float32[5, 3], y:0 float32[5, 1]",
    ]


def test_one_run_of_several() -> None:
    text = graphc("dump", "linear.py", "--stage", "optimized", "--run", 1).stdout
    function = parse_function(text)
    assert [name for name, _ in function.updates] == ["w"]
    assert "symbol s0 = 5" in text


def test_run_number_out_of_range_lists_the_runs() -> None:
    done = graphc("dump", "linear.py", "--stage", "optimized", "--run", 7, code=2)
    assert "has 3 distinct runs" in done.stderr
    assert "1: fetches train" in done.stderr


def test_fetch_without_a_run_guesses_sizes() -> None:
    text = graphc("dump", "unrun.py", "--stage", "optimized", "--fetch", "y").stdout
    function = parse_function(text)
    assert "symbol s0 = 2" in text
    assert str(function.results[0].type) == "float32[s0,8]"


def test_feed_gives_shapes() -> None:
    arguments = ("--stage", "optimized", "--fetch", "z", "--feed", "free=4x5")
    text = graphc("dump", "unrun.py", *arguments).stdout
    assert "= 4" in text
    assert "= 5" in text


def test_feed_of_an_inner_tensor_cuts_the_graph() -> None:
    arguments = ("--stage", "optimized", "--fetch", "y", "--feed", "hidden=6x8")
    text = graphc("dump", "unrun.py", *arguments).stdout
    assert "Tanh" not in text
    assert "hidden:0" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fetch", "z", "--stage", "kernels"], "the rank of free:0 is unknown: say --feed free="),
        (["--fetch", "hiden"], "did you mean hidden?"),
        (["--fetch", "y", "--feed", "x=3x9", "--stage", "kernels"], "does not fit (?, 8)"),
        (["--fetch", "y", "--feed", "x:3", "--stage", "kernels"], "write NAME=SHAPE"),
        (["--feed", "x=3x8"], "say --fetch"),
        (["--run", "0", "--fetch", "y"], "exclude each other"),
        (["--after-pass", "dce", "--stage", "llvm"], "exclude each other"),
        (["--fetch", "y", "--after-pass", "magic"], "no pass 'magic' runs; passes are resolve, "),
        (["--fetch", "y", "--after-pass", "dce:9"], "there is no 'dce:9'"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    done = graphc("dump", "unrun.py", *arguments, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_missing_program() -> None:
    assert "there is no program nothing.py" in graphc("dump", "nothing.py", code=2).stderr


def test_after_pass_is_between_resolve_and_the_end() -> None:
    arguments = ("dump", "unrun.py", "--fetch", "y")
    first = graphc(*arguments, "--after-pass", "resolve").stdout
    last = graphc(*arguments, "--after-pass", "decompose").stdout
    assert "= Softmax(" in first
    assert "= Softmax(" not in last
    assert "= Exp(" in last
    parse_function(first)
    parse_function(last)


def test_kernels_show_launches_and_lines() -> None:
    text = graphc("dump", "unrun.py", "--fetch", "y", "--stage", "kernels").stdout
    assert "// launch 0: kernel " in text
    assert "at unrun.py:7" in text
    assert "for a0 <" in text
    assert "b0=x:0" in text


def test_llvm_and_assembly() -> None:
    arguments = ("dump", "unrun.py", "--fetch", "y", "--stage")
    llvm = graphc(*arguments, "llvm").stdout
    assert "define void @kernel_" in llvm
    assert "unrun.py:7" in llvm
    assembly = graphc(*arguments, "asm").stdout
    assert "kernel_" in assembly
    assert "unrun.py:7" in assembly


def test_failing_program_is_dumped_as_far_as_it_came() -> None:
    done = graphc("dump", "fails.py", code=1)
    assert '"y"' in done.stdout
    assert "RuntimeError: out of tea" in done.stderr
    assert 'fails.py", line 7' in done.stderr
    assert "runpy" not in done.stderr


def test_failing_run_of_a_program_with_two_graphs() -> None:
    done = graphc("dump", "two_graphs.py", code=1)
    assert done.stdout.count("graphc.graph v1") == 2
    assert "You must feed a value for placeholder" in done.stderr
    done = graphc("dump", "two_graphs.py", "--fetch", "first", "--stage", "optimized", code=1)
    assert "Exp" in done.stdout


def test_program_that_runs_nothing() -> None:
    done = graphc("dump", "unrun.py", "--stage", "kernels", code=1)
    assert "ran no session: say what to compile with --fetch NAME" in done.stderr


def test_program_without_a_graph() -> None:
    assert "made no graph" in graphc("dump", "empty.py", code=1).stderr


def test_arguments_go_to_the_program() -> None:
    text = graphc("dump", "arguments.py", "--", "a", "--b").stdout
    assert [op.name for op in parse_graph(text).operations] == ["a", "b"]


def test_output_file(tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    done = graphc("dump", "unrun.py", "-o", file)
    assert done.stdout == ""
    assert parse_graph(file.read_text(encoding="utf-8")).operations


def test_loops_show_what_is_inside() -> None:
    graph = graphc("dump", "loop.py").stdout
    assert "\n  body = graphc.body\n    %0 = BodyArgument()" in graph
    text = graphc("dump", "loop.py", "--stage", "optimized").stdout
    assert [op.type for op in parse_function(text).operations if op.definition.effect == "nested"]
    assert '\n  body = graphc.function v1 "while/While/body"\n' in text
    kernels = graphc("dump", "loop.py", "--stage", "kernels").stdout
    assert "// body of while/While:\n  // launch 0" in kernels and "tanh(" in kernels
    assert "tanh" in graphc("dump", "loop.py", "--stage", "llvm").stdout
