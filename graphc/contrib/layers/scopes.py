"""What layers of contrib share: scopes, and the names, collections and defaults of variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphc.framework.collections import GraphKeys, add_to_collections
from graphc.framework.variable_scope import variable_scope


def layer_scope(
    scope: Any, default: str, inputs: Any, reuse: Any, rename: Mapping[str, str] | None = None
) -> variable_scope:
    """The variable scope of a layer. Variables made in it are model variables, under the names that
    `rename` gives ("kernel" -> "weights").
    """

    def getter(getter: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        lead, _, last = name.rpartition("/")
        new = (rename or {}).get(last, last)
        given = kwargs.get("collections") or [GraphKeys.GLOBAL_VARIABLES]
        kwargs["collections"] = list(dict.fromkeys([*given, GraphKeys.MODEL_VARIABLES]))
        return getter(f"{lead}/{new}" if lead else new, *args, **kwargs)

    return variable_scope(scope, default, [inputs], reuse=reuse, custom_getter=getter)


def collect_variable(variable: Any, collections: Any, kind: str) -> None:
    """Add a variable to the collections asked for: a list for all, or a dict by kind of variable
    ("weights", "biases")."""
    wanted = collections.get(kind) if isinstance(collections, Mapping) else collections
    if variable is None or not wanted:
        return
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    graph = variable.graph
    for name in names:
        if not any(variable is other for other in graph.get_collection_ref(name)):
            add_to_collections(name, variable)


def collect_output(outputs_collections: Any, outputs: Any) -> Any:
    """The outputs, which have joined the collections asked for."""
    if outputs_collections:
        add_to_collections(outputs_collections, outputs)
    return outputs
