"""The page: a template, a style sheet, scripts and a graph's data, put together into one file.

The sources (`page.html`, `page.css`, `*.js`, `vendor/`) lie beside this module. The result needs no
network and no other file.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from graphc.framework.default_graph import element_of
from graphc.ir.function import Function
from graphc.ir.graph import Graph, Operation, Tensor
from graphc.viz.data import Groups, function_data, graph_data, needed_operations

FOLDER = Path(__file__).parent
SCRIPTS = ("model.js", "layout.js", "routes.js", "draw.js", "panel.js", "page.js")


def graph_page(
    graph: Graph,
    fetches: Iterable[Any] | None = None,
    function: Function | None = None,
    groups: Groups | None = None,
    title: str = "graph",
) -> str:
    """Return the text of an HTML page that shows a graph.

    Args:
        fetches: tensors, operations or variables; the page then shows what they need of the graph.
        function: what passes made of the graph: a second view, chosen at the top of the page.
        groups: (kernel name, names or operations fused into it), of the function if there is one.
        title: of the page.

    Raises:
        TypeError: a fetch is neither tensor nor operation; ValueError: it is of another graph.
    """
    marked = [_fetch(graph, fetch) for fetch in fetches or ()]
    operations = graph.operations if fetches is None else needed_operations(marked)
    views = [graph_data(operations, marked, groups)]
    if function is not None:
        views.append(function_data(function, groups))
    return _fill(
        _source("page.html"),
        {
            "title": html.escape(title),
            "style": _source("page.css"),
            "licence": _source("vendor/dagre.LICENSE.txt"),
            "library": re.sub(r"(?m)^//# sourceMappingURL=.*$", "", _source("vendor/dagre.min.js")),
            "scripts": "\n".join(_source(name) for name in SCRIPTS),
            "data": _json({"title": title, "views": views}),
        },
    )


def write_page(path: str | Path, graph: Graph, **options: Any) -> None:
    """Write the page of a graph to a file; `options` are those of `graph_page`."""
    Path(path).write_text(graph_page(graph, **options), encoding="utf-8")


def write_run_page(
    path: str | Path, session: Any, fetches: Any, feed_dict: Any = None, title: str = "run"
) -> None:
    """Write the page of what one `session.run(fetches, feed_dict)` computes, with its kernels.

    Nothing is run. Raises what `Session.run` raises for fetches and feeds that do not fit.
    """
    function = session.optimized(fetches, feed_dict)
    wanted = list(fetches) if isinstance(fetches, (list, tuple)) else [fetches]
    groups = kernel_groups(function)
    write_page(path, session.graph, fetches=wanted, function=function, groups=groups, title=title)


def kernel_groups(function: Function) -> list[tuple[str, list[Operation]]]:
    """The name of every launch of a function, and the operations fused into it."""
    from graphc.codegen.fusion import fuse
    from graphc.codegen.plan import plan

    launches = plan(fuse(function)).launches
    return [(launch_name(i, launch), list(launch.operations)) for i, launch in enumerate(launches)]


def launch_name(number: int, launch: Any) -> str:
    """``k3 MatMul Add Relu``: a launch's place and what was fused into it."""
    types = list(dict.fromkeys(op.type for op in launch.operations))
    shown = " ".join(types[:4]) + (f" +{len(types) - 4}" if len(types) > 4 else "")
    return f"k{number} {shown}".strip()


def _fetch(graph: Graph, fetch: Any) -> Tensor | Operation:
    element = element_of(fetch)
    if element is None:
        raise TypeError(f"a tensor, operation or variable can be fetched, not {fetch!r}")
    if element.graph is not graph:
        raise ValueError(f"{element} is not an element of this graph")
    return element


def _json(data: Any) -> str:
    """JSON that is safe inside a <script>: no "<" can end it or open a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@cache
def _source(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _fill(template: str, parts: dict[str, str]) -> str:
    """Replace each `{{name}}` of the template once; what is put in is not looked at again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
