"""What to show of a captured program: its runs, or what the user asked to fetch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from graphc.cli.capture import Capture, Run
from graphc.cli.errors import UsageError
from graphc.codegen.program import Program
from graphc.framework.graph import Graph
from graphc.ir.dims import Unknown
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.resolve import slice_operations
from graphc.ir.types import shape_text

DEFAULT_SIZE = 2  # for sizes that nothing is known about


def parse_feeds(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Shapes by tensor name, of texts such as "x=32x784"; "x=" is a scalar.

    Raises:
        UsageError: a text has another form.
    """
    feeds: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, sizes = text.partition("=")
        parts = [part for part in sizes.replace("×", "x").replace(",", "x").split("x") if part]
        if not name or not equals or not all(part.strip().isdecimal() for part in parts):
            raise UsageError(
                f"--feed {text}: write NAME=SHAPE, such as x=32x784, or x= for a scalar"
            )
        feeds[name] = tuple(int(part) for part in parts)
    return feeds


def find(capture: Capture, name: str) -> list[Tensor | Operation]:
    """What a name given by the user stands for.

    Raises:
        UsageError: nothing has that name; the message names what is most like it.
    """
    try:
        return capture.find(name)
    except KeyError:
        near = difflib.get_close_matches(name.split(":")[0], capture.names(), 3, 0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"the program has no operation or tensor '{name}'{hint}") from None


def chosen_fetches(
    capture: Capture, names: Sequence[str]
) -> tuple[Graph, list[Tensor | Operation]]:
    """The graph and the elements that `--fetch` names.

    Raises:
        UsageError: an unknown name, or names of different graphs.
    """
    found = [element for name in names for element in find(capture, name)]
    graph = found[0].graph
    if any(element.graph is not graph for element in found):
        raise UsageError(f"--fetch {' '.join(names)}: these belong to different graphs")
    assert isinstance(graph, Graph), graph
    return graph, found


def run_for(capture: Capture, names: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> Run:
    """The run that would fetch `names`.

    Feeds have the shapes given; else the values of the program's last run that fed the same
    placeholder; else their own shape, with unknown sizes taken for 2.

    Raises:
        UsageError: an unknown name, a shape that does not fit, or a rank that nothing tells.
    """
    graph, elements = chosen_fetches(capture, names)
    given = {_fed_tensor(capture, name, graph): shape for name, shape in shapes.items()}
    earlier: dict[Tensor, np.ndarray] = {}
    variable_shapes: dict[str, tuple[int, ...]] = {}
    for run in capture.runs:
        if run.program.graph is graph:
            earlier.update(zip(run.program.feeds, run.arrays, strict=True))
            variable_shapes.update(run.variable_shapes)
    fetches = [element for element in elements if isinstance(element, Tensor)]
    targets = [element for element in elements if isinstance(element, Operation)]
    operations = slice_operations(fetches, targets, dict.fromkeys(given))
    feeds = {tensor: _value(tensor, shape) for tensor, shape in given.items()}
    for op in operations:
        if op.type == "Placeholder" and op.outputs[0] not in feeds:
            tensor = op.outputs[0]
            feeds[tensor] = earlier.get(tensor, _value(tensor, _guess(tensor)))
    program = Program(graph, fetches, targets, list(feeds))
    return Run(program, tuple(feeds.values()), variable_shapes)


def _fed_tensor(capture: Capture, name: str, graph: Graph) -> Tensor:
    element = find(capture, name)[0]
    if not isinstance(element, Tensor) or element.graph is not graph:
        raise UsageError(f"--feed {name}: no tensor of the graph that is fetched from")
    return element


def _guess(tensor: Tensor) -> tuple[int, ...]:
    shape = tensor.type.shape
    if shape is None:
        raise UsageError(f"the rank of {tensor.name} is unknown: say --feed {tensor.op.name}=SHAPE")
    return tuple(DEFAULT_SIZE if isinstance(size, Unknown) else int(size) for size in shape)


def _value(tensor: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """An array to compile for; its numbers only matter where they are sizes."""
    known = tensor.type.shape
    fits = known is None or (
        len(known) == len(shape)
        and all(isinstance(k, Unknown) or k == n for k, n in zip(known, shape, strict=True))
    )
    if not fits:
        raise UsageError(
            f"--feed {tensor.op.name}: shape {shape_text(shape)} does not fit {shape_text(known)}"
        )
    if tensor.dtype.kind == "string":
        return np.full(shape, b"", object)
    return np.full(shape, DEFAULT_SIZE, tensor.dtype.numpy)
