"""The stages of compilation as text: the one place of the command that knows the compiler's parts.

graph -> resolve -> passes (optimized) -> fusion, plan (kernels) -> llvm -> asm, or cuda
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import graphc.viz.page as page
from graphc.cli.capture import Run
from graphc.cli.errors import StageError, UsageError
from graphc.codegen.kernel import Kernel
from graphc.ir.errors import OpError
from graphc.ir.function import Function
from graphc.ir.graph import Graph, Operation, Tensor
from graphc.ir.nested import all_functions, nested_functions
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline
from graphc.ir.text import GRAPH_HEADER, operation_text, print_function, print_graph
from graphc.viz.data import needed_operations

BEFORE_PASSES = "resolve"


def graph_text(graph: Graph, fetches: Sequence[Tensor | Operation] | None = None) -> str:
    """A graph, or what some fetches need of it (numbered as in the whole)."""
    if fetches is None:
        return print_graph(graph)
    return "\n".join([GRAPH_HEADER, *map(operation_text, needed_operations(fetches))]) + "\n"


def stage_text(stage: str, run: Run) -> str:
    """The text of a stage after "graph" for one run.

    Raises:
        StageError: the run does not compile so far.
    """
    function = optimized(run)
    match stage:
        case "optimized":
            return print_function(function)
        case "kernels":
            return _launches(schedule(function))
        case "llvm":
            from graphc.codegen.cpu.jit import host_target

            return _each_kernel(function, host_target().llvm_ir)
        case "asm":
            from graphc.codegen.cpu.jit import host_target

            return _each_kernel(function, lambda k: _heading(k) + host_target().assembly(k))
        case "cuda":
            from graphc.codegen.cuda.source import kernel_source

            return _each_kernel(function, kernel_source)
    raise AssertionError(stage)


def after_pass(run: Run, name: str) -> str:
    """The function as a pass left it, the last time that the pass ran; "NAME:2" is the second time.

    Raises:
        UsageError: no such pass runs (so often).
    """
    wanted, _, occurrence = name.partition(":")
    snapshots = _Snapshots()
    _guarded(lambda: _optimize(run, [snapshots]))
    found = snapshots.functions.get(wanted)
    if found is None:
        raise UsageError(f"no pass '{wanted}' runs; passes are {', '.join(snapshots.functions)}")
    if occurrence and not (occurrence.isdecimal() and 1 <= int(occurrence) <= len(found)):
        raise UsageError(f"pass '{wanted}' runs {len(found)} times, there is no '{name}'")
    return print_function(found[int(occurrence) - 1 if occurrence else -1])


@dataclass
class _Snapshots:
    """Observer: the functions that each pass gave, by its name; what it began with is "resolve"."""

    functions: dict[str, list[Function]] = field(default_factory=dict)

    def before(self, step: Any, function: Function) -> None:
        self.functions.setdefault(BEFORE_PASSES, [function])

    def after(self, step: Any, before: Function, after: Function) -> None:
        self.functions.setdefault(step.name, []).append(after)


def optimized(run: Run) -> Function:
    """The function of a run after all passes.

    Raises:
        StageError: the run cannot be compiled.
    """
    return _guarded(lambda: _optimize(run, []))


def _optimize(run: Run, observers: Sequence[Any]) -> Function:
    pipeline = run.program.options.pipeline or DEFAULT_PIPELINE
    return PassPipeline.parse(pipeline).run(run.resolve(), observers)


def schedule(function: Function, private: bool = False) -> Any:
    """The kernels of a function in running order: a `graphc.codegen.plan.Schedule`.

    `private`: it is nested in a loop, whose carries are nobody else's.

    Raises:
        StageError: the function cannot be compiled.
    """
    from graphc.codegen.fusion import fuse
    from graphc.codegen.plan import plan

    return _guarded(lambda: plan(fuse(function), private))


def kernel_groups(function: Function) -> list[tuple[str, list[Operation]]]:
    """For the graph page: the name of every launch, and the operations fused into it."""
    return _guarded(lambda: page.kernel_groups(function))


def _launches(plan: Any) -> str:
    """The steps in running order; a kernel that runs again is not printed again."""
    lines: list[str] = []
    first: dict[str, int] = {}
    number = 0
    for step in plan.steps:
        kernel = getattr(step, "kernel", None)
        if kernel is None:
            lines += [f"// {_step_text(step)}", ""]
            lines += _nested_launches(_operation_of(step))
            continue
        buffers = ", ".join(f"b{i}={_storage_name(t)}" for i, t in enumerate(step.buffers))
        dims = ", ".join(f"d{i}={dim}" for i, dim in enumerate(step.dims))
        lines.append(
            f"// launch {number}: kernel {kernel.key}({'; '.join(filter(None, (buffers, dims)))})"
        )
        if kernel.key in first:
            lines += [f"// the same kernel as launch {first[kernel.key]}", ""]
        else:
            first[kernel.key] = number
            lines += [str(kernel)]
        number += 1
    return "\n".join(lines).rstrip("\n") + "\n"


def _storage_name(tensor: Tensor) -> str:
    """The tensor's name; a feed's parameter is itself named after a tensor."""
    return tensor.op.name if ":" in tensor.op.name else tensor.name


def _nested_launches(op: Operation | None) -> list[str]:
    """The launches inside of a branch or loop, indented."""
    lines: list[str] = []
    if op is None:
        return lines
    for name, inner in nested_functions(op).items():
        text = _launches(schedule(inner, private=True)).splitlines()
        lines += [f"// {name} of {op.name}:", *(f"  {line}".rstrip() for line in text), ""]
    return lines


def _operation_of(step: Any) -> Operation | None:
    """The operation that Python runs in a step, if there is one."""
    found: Operation | None = getattr(step, "operation", None)
    return found


def _step_text(step: Any) -> str:
    operation = _operation_of(step)
    if operation is not None:
        where = f" // {operation.where}" if operation.where else ""
        kind = "nested" if operation.definition.effect == "nested" else "host"
        return f"{kind}: {operation}{where}"
    return "sizes: " + ", ".join(f"{symbol} = {t.name}[{i}]" for symbol, t, i in step.sizes)


def _each_kernel(function: Function, text: Callable[[Kernel], str]) -> str:
    kernels = {
        launch.kernel.key: launch.kernel
        for part in all_functions(function)
        for launch in schedule(part, private=part is not function).launches
    }
    return "\n".join(_guarded(partial(text, kernel)) for kernel in kernels.values())


def _heading(kernel: Kernel) -> str:
    """What a kernel does and for which lines of the user, as comments of assembly."""
    return "".join(f"# {line}\n" for line in (kernel.title, *kernel.sources) if line)


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (OpError, ValueError, TypeError, NotImplementedError) as error:
        raise StageError(f"{type(error).__name__}: {error}") from error
