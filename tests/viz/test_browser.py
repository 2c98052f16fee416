"""The page in a browser: it draws without an error, folds, searches and tells."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline
from graphc.ir.passes.resolve import resolve
from graphc.viz import graph_page
from tests.viz.models import chain, multilayer

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
    "--virtual-time-budget=20000",
]

# Before the page's own scripts: errors end up in the document. After them: a test's script, whose
# result ends up there too.
WATCH = """<script>
window.faults = [];
window.addEventListener("error", (event) => faults.push(String(event.message)));
window.addEventListener("securitypolicyviolation", (event) => faults.push(event.violatedDirective));
console.error = console.warn = (...parts) => faults.push(parts.join(" "));
</script>"""
DRIVE = """<script>
const all = (selector) => [...document.querySelectorAll(selector)];
const labels = (selector) => all(selector).map((e) => e.getAttribute("aria-label"));
const node = (start) => all("#scene .node, #scene .box").find(
  (e) => e.getAttribute("aria-label").startsWith(start));
const send = (target, kind) => target.dispatchEvent(
  new PointerEvent(kind, {bubbles: true, button: 0}));
const click = (target) => { send(target, "pointerdown"); send(target, "pointerup"); };
const twice = (target) => target.dispatchEvent(new MouseEvent("dblclick", {bubbles: true}));
const press = (key) => window.document.getElementById("canvas").dispatchEvent(
  new KeyboardEvent("keydown", {key, bubbles: true}));
const panel = () => document.getElementById("panel").textContent;
const change = (id, value) => {
  const made = document.getElementById(id);
  made.value = value;
  made.dispatchEvent(new Event("change"));
};
const outcome = (() => { %s })();
const out = document.createElement("pre");
out.id = "outcome";
out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(
  {faults, outcome, ...document.body.dataset}))));
document.body.append(out);
</script>"""


def drive(browser: str, folder: Path, page: str, script: str = "return null;") -> dict[str, Any]:
    """Open a page, run a script in it; its result is "outcome" beside the facts of the page."""
    text = page.replace("<head>", "<head>" + WATCH, 1)
    head, body, tail = text.rpartition("</body>")
    file = folder / "page.html"
    file.write_text(head + DRIVE % script + body + tail, encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [browser, *FLAGS, profile, "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout, re.S)
    assert found is not None, done.stderr[-2000:]
    facts: dict[str, Any] = json.loads(base64.b64decode(found[1]))
    assert facts["faults"] == []
    assert facts["ready"] == "true"
    return facts


def test_trained_model_is_drawn_folded(browser: str, tmp_path: Path) -> None:
    script = """return {
      labels: labels("#scene .node"),
      boxes: labels(".box"),
      edges: all(".edge").length,
      bad: all("[d], [transform], [x]").filter((e) => /NaN|undefined/.test(e.outerHTML)).length,
    };"""
    outcome = drive(browser, tmp_path, graph_page(multilayer()[0]), script)["outcome"]
    assert outcome["bad"] == 0
    labels = " | ".join(outcome["labels"])
    for part in (
        "x: Placeholder",
        "layer1/MatMul: MatMul",
        "layer1/W: VariableV2",
        "loss/loss: Mean",
    ):
        assert part in labels
    assert any(label.startswith("gradients: ") for label in outcome["labels"]), "starts closed"
    assert not any(label.startswith("layer1/W/") for label in outcome["labels"]), "variables fold"
    assert any(label.startswith("layer1, open box") for label in outcome["boxes"])
    assert "layer1/W/Assign" not in labels, "initialisers start hidden"
    assert 20 <= len(outcome["labels"]) <= 60
    assert outcome["edges"] >= 20


def test_panel_tells_about_an_operation(browser: str, tmp_path: Path) -> None:
    groups = [("matmul_add_relu", {"layer1/MatMul", "layer1/add", "layer1/Relu"})]
    page = graph_page(multilayer()[0], groups=groups)
    script = "click(node('layer1/MatMul: ')); return [panel(), all('#scene .node.kernel').length];"
    text, fused = drive(browser, tmp_path, page, script)["outcome"]
    for part in ("layer1/MatMul", "models.py:", "tf.matmul(hidden, w)", "float32 ?×256", "x:0",
                 "layer1/W/read:0", "transpose_a", "matmul_add_relu"):  # fmt: skip
        assert part in text
    assert fused == 3


def test_boxes_open_and_close(browser: str, tmp_path: Path) -> None:
    script = """
      const count = () => all("#scene .node").length;
      const counts = [count()];
      twice(node("gradients: ")); counts.push(count());
      twice(node("gradients, open box")); counts.push(count());
      document.getElementById("expand").click(); counts.push(count());
      document.getElementById("collapse").click(); counts.push(count());
      return counts;"""
    start, opened, closed, full, least = drive(
        browser, tmp_path, graph_page(multilayer()[0]), script
    )["outcome"]
    assert least < start == closed < opened < full


def test_roles_are_shown_and_hidden(browser: str, tmp_path: Path) -> None:
    script = """
      const tick = (text) => all("#legend label").find(
        (e) => e.textContent.includes(text)).querySelector("input").click();
      const has = (start) => node(start) !== undefined;
      const before = has("gradients: ");
      tick("gradient");
      const after = has("gradients: ");
      document.getElementById("expand").click();
      const initial = has("layer1/W/Assign: ");
      tick("initialisers");
      return [before, after, initial, has("layer1/W/Assign: ")];"""
    found = drive(browser, tmp_path, graph_page(multilayer()[0]), script)["outcome"]
    assert found == [True, False, False, True]


def test_search_opens_what_it_finds(browser: str, tmp_path: Path) -> None:
    script = """
      const input = document.getElementById("search");
      press("/");
      const focused = document.activeElement === input;
      input.value = "relugrad"; input.dispatchEvent(new Event("input"));
      const listed = all("#found li").length;
      input.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
      return [focused, listed, panel(), all("#scene .node.selected").length];"""
    focused, listed, text, selected = drive(browser, tmp_path, graph_page(multilayer()[0]), script)[
        "outcome"
    ]
    assert focused
    assert listed == 2
    assert "ReluGrad" in text
    assert selected == 1


def test_keyboard_moves_and_zooms(browser: str, tmp_path: Path) -> None:
    script = """
      const camera = () => document.getElementById("scene").getAttribute("transform");
      const seen = [camera()];
      for (const key of ["+", "ArrowLeft", "0"]) { press(key); seen.push(camera()); }
      return seen;"""
    start, zoomed, moved, again = drive(browser, tmp_path, graph_page(multilayer()[0]), script)[
        "outcome"
    ]
    assert len({start, zoomed, moved}) == 3
    assert again == start


@pytest.mark.parametrize(
    ("length", "scope"), [(30, 0), (2000, 0), (2000, 10), (12000, 0)], ids=lambda value: str(value)
)
def test_large_graphs_start_small_and_are_quick(
    browser: str, tmp_path: Path, length: int, scope: int
) -> None:
    script = """
      const first = {...document.body.dataset};
      document.getElementById("expand").click();
      return [first.visibleNodes, first.layoutMilliseconds];"""
    facts = drive(browser, tmp_path, graph_page(chain(length, scope)), script)
    visible, milliseconds = map(int, facts["outcome"])
    assert visible < 300
    assert milliseconds < 15_000  # 0.5 s on an idle machine; tests run beside others
    assert int(facts["visibleNodes"]) >= min(length, 1900)
    assert int(facts["layoutMilliseconds"]) < 15_000


def test_compiled_function_and_kernel_boxes(browser: str, tmp_path: Path) -> None:
    graph, loss, _ = multilayer((4, 3, 2))
    feeds = {
        graph.operation(n).outputs[0]: np.ones((5, k), "f4") for n, k in (("x", 4), ("labels", 2))
    }
    function = resolve(graph, [loss], [], feeds, lambda name: None)
    function = PassPipeline.parse(DEFAULT_PIPELINE).run(function)
    adds = [op for op in function.operations if op.type in ("MatMul", "Add")]
    page = graph_page(graph, function=function, groups=[("k0 MatMul Add", adds)])
    script = """
      change("view", "1"); change("grouping", "kernel");
      return labels("#scene .node, #scene .box");"""
    labels = drive(browser, tmp_path, page, script)["outcome"]
    assert any(label.startswith("k0 MatMul Add") for label in labels)
    assert any(label.startswith("x:0: Parameter") for label in labels)


def test_empty_graph_says_so(browser: str, tmp_path: Path) -> None:
    script = "return document.getElementById('notice').textContent;"
    assert "Nothing to show" in drive(browser, tmp_path, graph_page(tf.Graph()), script)["outcome"]


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_screenshot_is_not_blank(browser: str, tmp_path: Path, scheme: int) -> None:
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(graph_page(multilayer()[0]), encoding="utf-8")
    flags = [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}",
             f"--blink-settings=preferredColorScheme={scheme}"]  # fmt: skip
    subprocess.run(
        [browser, *FLAGS, *flags, file.as_uri()], capture_output=True, timeout=120, check=True
    )
    pixels = read_png(picture)
    assert pixels.shape[:2] == (1000, 1600)
    colours = np.unique(pixels[60:, :1200, :3].reshape(-1, 3), axis=0)
    assert len(colours) > 200
    ground = pixels[500, 60, :3].mean()
    assert ground < 80 if scheme == 0 else ground > 200


def read_png(file: Path) -> np.ndarray:
    """The pixels of an 8-bit PNG without interlacing: (height, width, channels)."""
    data = file.read_bytes()
    position, packed, header = 8, b"", b""
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        content = data[position + 8 : position + 8 + size]
        header = content if kind == b"IHDR" else header
        packed += content if kind == b"IDAT" else b""
        position += 12 + size
    width, height = (int.from_bytes(header[i : i + 4], "big") for i in (0, 4))
    channels = {2: 3, 6: 4}[header[9]]
    stride = 1 + width * channels
    raw = zlib.decompress(packed)
    rows = []
    before = bytes(stride - 1)
    for start in range(0, height * stride, stride):
        before = _unfilter(raw[start], raw[start + 1 : start + stride], before, channels)
        rows.append(np.frombuffer(before, np.uint8).reshape(width, channels))
    return np.array(rows)


def _unfilter(kind: int, row: bytes, above: bytes, channels: int) -> bytes:
    """Undo the filter of one row (the PNG specification, section 9)."""
    if kind == 0:
        return row
    if kind == 2:
        return (np.frombuffer(row, np.uint8) + np.frombuffer(above, np.uint8)).tobytes()
    out = bytearray(channels)
    upper = bytes(channels) + above
    for i, value in enumerate(row):
        left, up, corner = out[i], upper[i + channels], upper[i]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = left if a <= b and a <= c else up if b <= c else corner
        out.append((value + guess) & 255)
    return bytes(out[channels:])
