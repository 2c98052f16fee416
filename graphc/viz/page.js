/* The page: what is shown, chosen and looked at, and all that pointer and keyboard do. */

const data = JSON.parse(document.getElementById("graph-data").textContent);
const byId = (id) => document.getElementById(id);
const [canvas, scene, panel, legend, notice] = ["canvas", "scene", "panel", "legend", "notice"].map(byId);
const ZOOM = { least: 0.02, most: 4, fitLeast: 0.12, fitMost: 1.25, step: 1.25 };

const settings = { roles: new Set(), constants: true, grouping: "scope" };
const camera = { x: 0, y: 0, scale: 1 };
let view = data.views[0];
let [tree, graph, drawn, selected] = [null, null, null, null];
const finished = new Map(); // layouts, see layoutBox
let byItemId = new Map();
const opened = new Map(); // per view and grouping, the ids of open boxes

// ------------------------------------------------------------------------------------- showing

/** Build the tree anew: another view, grouping, or set of roles. */
function rebuild() {
  settings.roles = view.roles;
  const chosen = selected && selected.id;
  tree = buildTree(view, settings);
  const key = `${view.label}|${settings.grouping}`;
  if (opened.has(key)) for (const item of tree.items) item.open ||= opened.get(key).has(item.id);
  else openInitially(tree);
  byItemId = new Map(tree.items.map((item) => [item.id, item]));
  selected = byItemId.get(chosen) || null;
  showLegend(legend, view, settings, page);
  show();
}

/** Lay out and draw what is visible now. */
function show() {
  const started = performance.now();
  opened.set(`${view.label}|${settings.grouping}`, new Set(tree.items.filter((item) => item.open).map((item) => item.id)));
  graph = visibleGraph(tree);
  layout(graph, view, finished);
  routeEdges(graph);
  drawn = drawGraph(scene, graph, view);
  document.body.dataset.layoutMilliseconds = Math.round(performance.now() - started);
  document.body.dataset.visibleNodes = graph.nodes.length;
  notice.textContent = graph.nodes.length ? "" : "Nothing to show: no operation has a role that is ticked in the legend.";
  markSelection();
  showPanel(panel, selected, tree, page);
}

/** Show again after opening or closing, with `item` staying where it is on the screen. */
function showAround(item) {
  const before = screenPlace(item);
  show();
  const after = screenPlace(item);
  if (before && after) moveCamera(camera.x + before.x - after.x, camera.y + before.y - after.y);
}

function screenPlace(item) {
  if (item.x === undefined || Number.isNaN(item.x)) return null;
  return {
    x: (item.x - item.width / 2) * camera.scale + camera.x,
    y: (item.y - item.height / 2) * camera.scale + camera.y,
  };
}

// ------------------------------------------------------------------------------------ choosing

const page = {
  toggle(item) {
    if (item.op >= 0) return;
    item.open = !item.open;
    selected = item;
    showAround(item);
  },

  select(item) {
    selected = item;
    markSelection();
    showPanel(panel, selected, tree, page);
  },

  /** Choose an item, open the boxes around it, and bring it into the middle. */
  goTo(item) {
    const hidden = item.stand !== item;
    selected = item;
    if (hidden) {
      reveal(item);
      show();
    } else page.select(item);
    const [place] = placesOf(item);
    if (place) centre(place.x, place.y, Math.max(camera.scale, 0.8));
  },

  selectKernel(number) {
    const leaves = tree.leaves.filter((leaf, i) => leaf && view.operations[i].kernel === number);
    for (const leaf of leaves) reveal(leaf);
    selected = null;
    show();
    for (const leaf of leaves) for (const place of placesOf(leaf)) drawn.items.get(place).classList.add("related");
    scene.classList.toggle("focused", leaves.length > 0);
    if (leaves.length) fit(leaves.flatMap(placesOf));
  },

  showRole(role, on) {
    if (on) settings.roles.add(role);
    else settings.roles.delete(role);
    rebuild();
  },

  showConstants(on) {
    settings.constants = on;
    rebuild();
  },
};

/** The visible nodes that stand for an item: itself, the copies of a constant, or a closed box. */
function placesOf(item) {
  const copies = graph.nodes.filter((node) => node.original === item);
  if (copies.length) return copies;
  return drawn.items.has(item.stand) ? [item.stand] : [];
}

function markSelection() {
  for (const made of scene.querySelectorAll(".selected, .related")) made.classList.remove("selected", "related");
  const chosen = new Set(selected ? placesOf(selected) : []);
  for (const item of chosen) drawn.items.get(item).classList.add("selected");
  for (const edge of graph.edges) {
    const touches = within(edge.from, chosen) !== within(edge.to, chosen);
    if (!touches) continue;
    const made = drawn.edges.get(edge);
    made.classList.add("related");
    made.parentNode.append(made);
    for (const end of [edge.from, edge.to]) drawn.items.get(end).classList.add("related");
  }
  scene.classList.toggle("focused", chosen.size > 0);
}

function within(node, chosen) {
  for (let item = node; item; item = item.parent) if (chosen.has(item)) return true;
  return false;
}

// -------------------------------------------------------------------------------------- camera

function moveCamera(x, y, scale = camera.scale) {
  Object.assign(camera, { x, y, scale });
  scene.setAttribute("transform", `translate(${x},${y}) scale(${scale})`);
}

function zoom(factor, at = { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 }) {
  const scale = Math.min(Math.max(camera.scale * factor, ZOOM.least), ZOOM.most);
  const ratio = scale / camera.scale;
  moveCamera(at.x - (at.x - camera.x) * ratio, at.y - (at.y - camera.y) * ratio, scale);
}

function centre(x, y, scale) {
  moveCamera(canvas.clientWidth / 2 - x * scale, canvas.clientHeight / 2 - y * scale, scale);
}

/** Show all of the graph, or all of some items. */
function fit(items = null) {
  const covered = canvas.clientWidth > 900 ? legend.offsetWidth + legend.offsetLeft : 0;
  const [width, height] = [canvas.clientWidth - covered, canvas.clientHeight];
  let [left, top, right, bottom] = [0, 0, graph.root.width, graph.root.height];
  if (items) {
    left = Math.min(...items.map((item) => item.x - item.width / 2));
    top = Math.min(...items.map((item) => item.y - item.height / 2));
    right = Math.max(...items.map((item) => item.x + item.width / 2));
    bottom = Math.max(...items.map((item) => item.y + item.height / 2));
  }
  const scale = Math.min((width - 32) / Math.max(right - left, 1), (height - 32) / Math.max(bottom - top, 1));
  const chosen = Math.min(Math.max(scale, ZOOM.fitLeast), ZOOM.fitMost);
  const reach = (height / 2 - 16) / chosen; // what is too tall even so is shown from its top
  centre((left + right) / 2 - covered / 2 / chosen, Math.min((top + bottom) / 2, top + reach), chosen);
}

// -------------------------------------------------------------------------- pointer, keyboard

function itemAt(target) {
  const made = target.closest("[data-id]");
  if (!made) return null;
  const id = made.dataset.id;
  return byItemId.get(id.split("@")[0]) || null;
}

function watchPointer() {
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, from: { ...camera }, moved: false, target: event.target };
  });
  window.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.abs(dx) + Math.abs(dy) > 4;
    if (!drag.moved) return;
    canvas.classList.add("dragging");
    moveCamera(drag.from.x + dx, drag.from.y + dy);
  });
  window.addEventListener("pointerup", () => {
    canvas.classList.remove("dragging");
    if (drag && !drag.moved) {
      const toggle = drag.target.closest("[data-toggle]");
      if (toggle) page.toggle(byItemId.get(toggle.dataset.toggle));
      else page.select(itemAt(drag.target));
    }
    drag = null;
  });
  window.addEventListener("pointercancel", () => (drag = null));
  canvas.addEventListener("dblclick", (event) => {
    const item = itemAt(event.target);
    if (item && !event.target.closest("[data-toggle]")) page.toggle(item);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const frame = canvas.getBoundingClientRect();
    const at = { x: event.clientX - frame.left, y: event.clientY - frame.top };
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), at);
  }, { passive: false });
}

const KEYS = {
  "+": () => zoom(ZOOM.step),
  "=": () => zoom(ZOOM.step),
  "-": () => zoom(1 / ZOOM.step),
  0: () => fit(),
  f: () => fit(),
  ArrowLeft: () => moveCamera(camera.x + 60, camera.y),
  ArrowRight: () => moveCamera(camera.x - 60, camera.y),
  ArrowUp: () => moveCamera(camera.x, camera.y + 60),
  ArrowDown: () => moveCamera(camera.x, camera.y - 60),
  Escape: () => page.select(null),
  "/": () => byId("search").focus(),
};

function watchKeyboard() {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, summary, aside, #legend")) return;
    const item = event.target.closest("#scene") && itemAt(event.target);
    if (item && (event.key === "Enter" || event.key === " ")) {
      if (event.key === " " || item.op >= 0) page.select(item);
      else page.toggle(item);
      refocus(item);
    } else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });
}

function refocus(item) {
  const made = drawn.items.get(item.stand);
  if (made) made.focus({ preventScroll: true });
}

// -------------------------------------------------------------------------------------- search

function searchFor(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return tree.leaves.filter((leaf, number) => {
    if (!leaf) return false;
    const op = view.operations[number];
    const source = op.source === undefined ? "" : view.sources[op.source].slice(0, 3).join(":");
    const haystack = `${op.name} ${op.type} ${source}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  });
}

function watchSearch() {
  const [input, list] = [byId("search"), byId("found")];
  let [results, marked] = [[], 0];
  const close = () => (list.hidden = true);
  const choose = (leaf) => {
    close();
    page.goTo(leaf);
  };
  const draw = () => {
    list.replaceChildren(...results.slice(0, 30).map((leaf, i) => html("li", {
      class: i === marked ? "marked" : "", mousedown: (event) => { event.preventDefault(); choose(leaf); },
    }, html("b", {}, leaf.name), ` ${view.operations[leaf.op].type}`)));
    if (results.length > 30) list.append(html("li", { class: "more" }, `${results.length - 30} more`));
    if (!results.length) list.append(html("li", { class: "more" }, "nothing found among what is shown"));
    list.hidden = !input.value.trim();
  };
  input.addEventListener("input", () => {
    [results, marked] = [searchFor(input.value), 0];
    draw();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const last = Math.min(results.length, 30) - 1;
    if (event.key === "ArrowDown") marked = Math.min(marked + 1, last);
    else if (event.key === "ArrowUp") marked = Math.max(marked - 1, 0);
    else if (event.key === "Enter" && results[marked]) return choose(results[marked]);
    else if (event.key === "Escape") return input.blur();
    else return undefined;
    event.preventDefault();
    return draw();
  });
}

// --------------------------------------------------------------------------------------- start

function watchControls() {
  const views = byId("view");
  views.append(...data.views.map((each, i) => html("option", { value: i }, each.label)));
  byId("view-choice").hidden = data.views.length < 2;
  views.addEventListener("change", () => {
    view = data.views[Number(views.value)];
    selected = null;
    rebuild();
    fit();
  });
  const groupings = byId("grouping");
  byId("grouping-choice").hidden = data.views.every((each) => !each.kernels.length);
  groupings.addEventListener("change", () => {
    settings.grouping = groupings.value;
    rebuild();
    fit();
  });
  byId("expand").addEventListener("click", () => {
    const all = openAll(tree);
    show();
    if (!all) notice.textContent = `Showing ${graph.nodes.length} nodes; open further boxes one by one.`;
    fit();
  });
  byId("collapse").addEventListener("click", () => {
    for (const item of tree.items) item.open = item === tree.root;
    show();
    fit();
  });
  byId("zoom-in").addEventListener("click", () => zoom(ZOOM.step));
  byId("zoom-out").addEventListener("click", () => zoom(1 / ZOOM.step));
  byId("fit").addEventListener("click", () => fit());
  window.addEventListener("resize", () => moveCamera(camera.x, camera.y));
}

for (const each of data.views) each.roles = new Set(ROLES.filter((role) => role !== "init" || each.initialisers));
watchControls();
watchPointer();
watchKeyboard();
watchSearch();
rebuild();
fit();
document.body.dataset.ready = "true";
