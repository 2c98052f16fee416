"""Cases as files: the graph as text, what to run of it as comments, arrays beside it.

`<name>.graph` can be read by people and by `graphc.ir.text`; `<name>.npz` holds large constants,
the feeds of each run and the variables.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphc.ir.graph import Graph, Operation, Tensor
from graphc.ir.text import GRAPH_HEADER, parse_graph, print_graph
from tests.fuzz.case import Case


def case_text(case: Case, constants: dict[str, np.ndarray] | None = None) -> str:
    """The text of a case: its graph, and what is fetched, run and fed as comments."""
    graph = print_graph(case.graph, constants)
    lines = graph.removeprefix(GRAPH_HEADER + "\n")
    head = [
        GRAPH_HEADER,
        f"// seed {case.seed}",
        f"// fetch {' '.join(t.name for t in case.fetches)}",
        f"// target {' '.join(op.name for op in case.targets)}",
        f"// feed {' '.join(t.name for t in case.feeds)}",
    ]
    for number, arrays in enumerate(case.runs):
        shapes = ", ".join(str(list(a.shape)) for a in arrays)
        head.append(f"// run {number}: {shapes}")
    return "\n".join(head) + "\n" + lines


def save(case: Case, folder: Path, name: str) -> Path:
    """Write a case; returns the path of its text."""
    folder.mkdir(parents=True, exist_ok=True)
    constants: dict[str, np.ndarray] = {}
    path = folder / f"{name}.graph"
    path.write_text(case_text(case, constants))
    arrays = {f"constant/{key}": value for key, value in constants.items()}
    arrays |= {f"variable/{key}": value for key, value in case.variables.items()}
    for number, run in enumerate(case.runs):
        arrays |= {f"run/{number}/{i}": array for i, array in enumerate(run)}
    with path.with_suffix(".npz").open("wb") as file:
        np.savez(file, **arrays)
    return path


def load(path: Path) -> Case:
    """Read a case.

    Raises:
        ParseError: the text is damaged; KeyError: names in it do not fit.
    """
    text = path.read_text()
    with np.load(path.with_suffix(".npz")) as archive:
        arrays = {key: archive[key] for key in archive.files}
    constants = {k.split("/", 1)[1]: v for k, v in arrays.items() if k.startswith("constant/")}
    variables = {k.split("/", 1)[1]: v for k, v in arrays.items() if k.startswith("variable/")}
    graph = parse_graph(text, constants)
    given = dict(_comments(text))
    feeds = tuple(_tensor(graph, name) for name in given["feed"])
    count = sum(line.startswith("// run ") for line in text.splitlines())
    runs = tuple(
        tuple(arrays[f"run/{number}/{i}"] for i in range(len(feeds))) for number in range(count)
    )
    fetches = tuple(_tensor(graph, name) for name in given["fetch"])
    targets: tuple[Operation, ...] = tuple(graph.operation(name) for name in given["target"])
    return Case(graph, fetches, targets, feeds, runs, variables, int(given["seed"][0]))


def _comments(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for line in text.splitlines()[1:]:
        if not line.startswith("// ") or line.startswith("// run "):
            continue
        word, *rest = line[3:].split()
        found.append((word, rest))
    return found


def _tensor(graph: Graph, name: str) -> Tensor:
    operation, _, index = name.rpartition(":")
    return graph.operation(operation).outputs[int(index)]
