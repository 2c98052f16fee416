"""The names layers have: the class's in snake case, numbered within a graph."""

from __future__ import annotations

import re

from graphc.framework.graph import Graph


def snake_case(name: str) -> str:
    """`MaxPooling2D` -> `max_pooling2d`; a private class's name begins with "private"."""
    words = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    words = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
    return f"private{words}" if words.startswith("_") else words


def unique_name(graph: Graph, base: str) -> str:
    """`base`, then `base_1`, `base_2` …: how often the graph was asked for it decides."""
    count = graph.object_names.get(base, 0)
    graph.object_names[base] = count + 1
    return f"{base}_{count}" if count else base
