"""The page's text and data: whole, safe, and true to the graph."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.viz import graph_page, write_page
from tests.viz.models import multilayer


def page_data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="graph-data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def entries(page: str, view: int = 0) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in page_data(page)["views"][view]["operations"]}


class Tags(HTMLParser):
    """The tags of a page, with attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_page_needs_nothing_else() -> None:
    page = graph_page(multilayer()[0])
    assert "{{" not in page.split("<script>")[0]
    for tag, attributes in Tags(page).found:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    assert "Permission is hereby granted" in page, "the library's licence travels with it"
    assert "sourceMappingURL" not in page


def test_every_operation_is_there_once() -> None:
    graph, _, _ = multilayer()
    found = entries(graph_page(graph))
    assert list(found) == [op.name for op in graph.operations]
    assert {entry["role"] for entry in found.values()} == {"forward", "gradient", "update", "init"}


def test_operation_facts() -> None:
    graph, _, _ = multilayer()
    page = graph_page(graph)
    found, view = entries(page), page_data(page)["views"][0]
    matmul = found["layer1/MatMul"]
    assert matmul["outputs"] == [["float32", "?×256"]]
    assert [[name, tensor] for _, _, name, tensor in matmul["inputs"]] == [
        ["a", "x:0"],
        ["b", "layer1/W/read:0"],
    ]
    assert ["transpose_a", "False"] in matmul["attrs"]
    file, _, function, text = view["sources"][matmul["source"]]
    assert (Path(file).name, function) == ("models.py", "multilayer")
    assert "tf.matmul(hidden, w)" in text
    assert "product" in view["documentation"]["MatMul"]
    assert found["x"]["shape"] == "placeholder"
    assert found["layer1/W"]["shape"] == "variable"


def test_initial_values_count_as_initialisers() -> None:
    graph = tf.Graph()
    with graph.as_default():
        start = tf.add(tf.constant(1.0, name="one"), 2.0, name="start")
        shared = tf.constant(3.0, name="shared")
        v = tf.Variable(start + shared, name="v")
        tf.multiply(v, shared, name="y")
        tf.group(v.initializer, name="init")
    found = entries(graph_page(graph))
    roles = {name: found[name]["role"] for name in ("one", "start", "shared", "v", "y", "init")}
    assert roles == {
        "one": "init", "start": "init", "init": "init",
        "shared": "forward", "v": "forward", "y": "forward",
    }  # fmt: skip


def test_control_inputs_and_device() -> None:
    graph = tf.Graph()
    with graph.as_default(), tf.device("/cpu:0"):
        first = tf.no_op(name="first")
        with tf.control_dependencies([first]):
            tf.constant(1.0, name="second")
    found = entries(graph_page(graph))
    assert found["second"]["controls"] == [0]
    assert "cpu:0" in found["second"]["device"].lower()


def test_fetches_cut_the_graph() -> None:
    graph, loss, _ = multilayer()
    found = entries(graph_page(graph, fetches=[loss]))
    assert {entry["role"] for entry in found.values()} == {"forward"}
    assert found["loss/loss"]["mark"] == "fetched"


def test_fetches_must_be_elements_of_the_graph() -> None:
    graph, loss, _ = multilayer((4, 3, 2))
    with pytest.raises(TypeError, match="can be fetched"):
        graph_page(graph, fetches=[3])
    with pytest.raises(ValueError, match="not an element"):
        graph_page(tf.Graph(), fetches=[loss])


def test_groups_by_name_and_by_operation() -> None:
    graph, _, _ = multilayer((4, 3, 2))
    groups = [
        ("first", {"layer1/MatMul", "layer1/add"}),
        ("second", [graph.operation("layer1/Relu")]),
    ]
    page = graph_page(graph, groups=groups)
    assert page_data(page)["views"][0]["kernels"] == ["first", "second"]
    found = entries(page)
    names = ("layer1/MatMul", "layer1/add", "layer1/Relu", "layer2/MatMul")
    assert [found[name].get("kernel") for name in names] == [0, 0, 1, None]


@pytest.mark.parametrize(
    "text", ["</script><script>boom()</script>", "<!--<script>", "{{data}} \\1"]
)
def test_texts_cannot_leave_their_place(text: str) -> None:
    graph = tf.Graph()
    with graph.as_default():
        tf.constant(text, name="c")
    page = graph_page(graph, title=text)
    assert page_data(page)["title"] == text
    scripts = [tag for tag, _ in Tags(page).found if tag == "script"]
    assert len(scripts) == 3


def test_large_constants_stay_short() -> None:
    graph = tf.Graph()
    with graph.as_default():
        tf.constant(np.random.default_rng(0).normal(size=(300, 300)), name="c")
        tf.constant(np.zeros((300, 300)), name="zeros")
    page = graph_page(graph)
    assert entries(page)["zeros"]["value"] == "all 0.0"
    assert len(json.dumps(page_data(page))) < 5000


def test_page_is_the_same_each_time(tmp_path: Path) -> None:
    graph, _, _ = multilayer((4, 3, 2))
    write_page(tmp_path / "a.html", graph, title="a")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == graph_page(graph, title="a")


def test_empty_graph() -> None:
    assert page_data(graph_page(tf.Graph()))["views"][0]["operations"] == []
