"""Python in the middle of a run: `tf.py_func`, `tf.Print`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import graph_of
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor

if TYPE_CHECKING:
    from graphc.ir.ops.host import HostFunction

__all__ = ["Print", "py_func"]


def py_func(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """Call a Python function with the values of `inp` as arrays.

    Args:
        func: takes one array per input; returns an array, or a list of arrays, of dtypes `Tout`.
        Tout: a dtype, or a list of dtypes; then a list of tensors is given.
        stateful: accepted; a call is never left out or merged with another.

    The rank of a result must be known before the run where the result is used or fetched: call
    `set_shape` on it. An exception in `func` fails the run with the TF1 error of its kind.
    """
    if not callable(func):
        raise TypeError(located(f"py_func: func must be callable, not {func!r}"))
    if not isinstance(inp, (list, tuple)):
        raise TypeError(located(f"py_func: inp is a list of tensors: write [{inp}]"))
    graph = graph_of(*inp)
    wanted = list(Tout) if isinstance(Tout, (list, tuple)) else [Tout]
    with graph.name_scope(name or "PyFunc") as scope:
        tensors = [convert_to_tensor(x, name=f"input_{i}") for i, x in enumerate(inp)]
        results = host_call(graph, func, tensors, wanted, stateful, scope)
    return list(results) if wanted and isinstance(Tout, (list, tuple)) else results[0]


def host_call(
    graph: Graph,
    function: Callable[..., Any],
    tensors: Sequence[Tensor],
    wanted: Sequence[Any],
    stateful: bool,
    name: str | None,
) -> Sequence[Any]:
    """The results of a Python function, or the calling operation alone if it gives none."""
    host = _held(graph, function)
    types = tuple(as_dtype(d) for d in wanted)
    attrs = {"token": host.token, "Tout": types}
    if not types:
        return [graph.create("PyFunc", tensors, attrs, name)]
    sizes = graph.create("PyFunc", tensors, attrs, "call").outputs[0]
    unknown = (None,) * len(types)
    return graph.create("PyFuncResult", (sizes,), {**attrs, "shapes": unknown}, name).outputs


def shown_values(data: Sequence[Any]) -> tuple[list[Tensor], tuple[str | None, ...]]:
    """What `Print` and `Assert` show: tensors, and the texts between them (None for a tensor)."""
    tensors: list[Tensor] = []
    texts: list[str | None] = []
    for value in data:
        if isinstance(value, (str, bytes)):
            texts.append(value if isinstance(value, str) else value.decode())
            continue
        tensors.append(convert_to_tensor(value, name=f"data_{len(tensors)}"))
        texts.append(None)
    return tensors, tuple(texts)


def _held(graph: Graph, function: Callable[..., Any]) -> HostFunction:
    from graphc.ir.ops.host import HostFunction

    host = HostFunction(function)
    graph.functions[host.token] = host
    return host


def Print(
    input_: Any,
    data: Sequence[Any],
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`input_`, unchanged; when it is computed, `message` and `data` are written to stderr.

    Args:
        first_n: only the first so many times (default: always).
        summarize: how many elements of each tensor (default 3; -1 for all).
    """
    tensor = convert_to_tensor(input_)
    graph = graph_of(tensor, *data)
    host = _held(graph, lambda: None)
    with graph.name_scope(name or "Print") as scope:
        shown, texts = shown_values(data)
        attrs = {
            "texts": texts,
            "token": host.token,
            "message": message or "",
            "first_n": -1 if first_n is None else int(first_n),
            "summarize": 3 if summarize is None else int(summarize),
        }
        return graph.create("Print", (tensor, *shown), attrs, scope).outputs[0]
