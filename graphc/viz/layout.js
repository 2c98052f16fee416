/* The layout: every open box is laid out by itself (dagre), from the innermost outwards, as a node of the
 * box around it. So the cost grows with the largest box and not with the graph, and opening a box
 * leaves the inside of all others as it is.
 */

const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const BOX = { side: 14, top: 28, bottom: 12 };
const GAP = { node: 16, rank: 20, boxRank: 30, edge: 8, grid: 14, lane: 12, turn: 40 };
const LONGEST_LABEL = 30;
const MOST_DETOURS = 120; // ranks that edges may pass in one box before the longest become lanes

const measuring = document.createElement("canvas").getContext("2d");
measuring.font = `600 ${FONT}`;
const textWidths = new Map();

function textWidth(text) {
  if (!textWidths.has(text)) textWidths.set(text, measuring.measureText(text).width);
  return textWidths.get(text);
}

/** A text cut in its middle to at most so many characters. */
function shorten(text, longest = LONGEST_LABEL) {
  if (text.length <= longest) return text;
  const end = Math.floor((longest - 1) / 2);
  return `${text.slice(0, longest - 1 - end)}…${text.slice(text.length - end)}`;
}

/** The lines a node shows: its name; then type and shape, as far as the name does not say them. */
function nodeLines(item, view) {
  if (item.op < 0 && item.variable < 0) return [shorten(item.label), `${item.count} operations`];
  const op = view.operations[item.op >= 0 ? item.op : item.variable];
  if (op.shape === "constant") return [shorten(op.value, 18)];
  const label = op.shape && item.label.includes(":") ? item.label.replace(/:0$/, "") : item.label;
  const plain = op.shape || new RegExp(`(^|/)${escapePattern(op.type)}(_\\d+)?$`).test(label);
  const output = op.outputs.length ? op.outputs[0][1] : "";
  const detail = [plain ? "" : op.type, output].filter(Boolean).join(" · ");
  return detail ? [shorten(label), detail] : [shorten(label)];
}

const escapePattern = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function sizeNode(item, view) {
  item.lines = nodeLines(item, view);
  const text = Math.max(...item.lines.map(textWidth));
  const op = view.operations[item.op >= 0 ? item.op : item.variable];
  if (op && op.shape === "constant") {
    item.width = Math.max(26, text + 14);
    item.height = 20;
    return;
  }
  const slanted = op && op.shape === "placeholder" ? 20 : 0;
  item.width = Math.max(60, text + 22 + slanted + (item.op < 0 ? 22 : 0));
  item.height = item.lines.length > 1 ? 36 : 26;
  if (op && op.shape === "variable") item.height += 8;
}

/** Give nodes and boxes x, y (their centre), width and height; give edges the `route` that they share
 * with all edges between the same two children of their closest common box. */
function layout(graph, view, finished) {
  for (const node of graph.nodes) sizeNode(node, view);
  const levels = new Map([graph.root, ...graph.boxes].map((box) => [box, new Map()]));
  for (const edge of graph.edges) joinLevel(edge, levels);
  for (const box of [...graph.boxes].reverse()) layoutBox(box, levels.get(box), finished);
  layoutBox(graph.root, levels.get(graph.root), finished);
  graph.root.x = graph.root.width / 2;
  graph.root.y = graph.root.height / 2;
  for (const box of [graph.root, ...graph.boxes]) {
    const left = box.x - box.width / 2;
    const top = box.y - box.height / 2;
    for (const child of box.shown) {
      child.x = child.inX + left;
      child.y = child.inY + top;
    }
    for (const route of levels.get(box).values()) {
      route.points = route.inPoints.map((p) => ({ x: p.x + left, y: p.y + top }));
    }
  }
}

/** Enter an edge at the level of its closest common box. */
function joinLevel(edge, levels) {
  let { from, to } = edge;
  while (from.parent !== to.parent) {
    if (from.depth > to.depth) from = from.parent;
    else if (to.depth > from.depth) to = to.parent;
    else [from, to] = [from.parent, to.parent];
  }
  const level = levels.get(from.parent);
  const key = `${from.id}>${to.id}`;
  if (!level.has(key)) level.set(key, { from, to, edges: [] });
  edge.route = level.get(key);
  edge.route.edges.push(edge);
}

/** Lay out the children of one box. `finished` remembers layouts by sizes and edges only: boxes of
 * equal structure (the layers of a model) are computed once. */
function layoutBox(box, level, finished) {
  const routes = [...level.values()];
  const places = new Map(box.shown.map((child, i) => [child, i]));
  const key = JSON.stringify([
    box.shown.map((child) => [Math.ceil(child.width), child.height, child.op < 0 && child.open]),
    [...box.shown].sort((a, b) => a.first - b.first).map((child) => places.get(child)),
    routes.map((route) => [places.get(route.from), places.get(route.to), edgeWeight(route)]),
  ]);
  if (!finished.has(key)) finished.set(key, computeLayout(box.shown, routes));
  const result = finished.get(key);
  const inset = box.parent ? BOX : { side: 0, top: 0, bottom: 0 };
  const least = box.parent ? textWidth(shorten(box.label)) + 56 : 0;
  box.width = Math.max(result.width + 2 * inset.side, least);
  box.height = result.height + inset.top + inset.bottom;
  const left = (box.width - result.width) / 2;
  box.shown.forEach((child, i) => {
    child.inX = result.places[i].x + left;
    child.inY = result.places[i].y + inset.top;
  });
  routes.forEach((route, i) => {
    route.inPoints = result.lines[i].map((p) => ({ x: p.x + left, y: p.y + inset.top }));
  });
}

function computeLayout(children, routes) {
  const connected = new Set(routes.flatMap((route) => [route.from, route.to]));
  const long = longRoutes(children, routes);
  const graph = new dagre.graphlib.Graph();
  const ranksep = children.some((child) => child.op < 0 && child.open) ? GAP.boxRank : GAP.rank;
  graph.setGraph({ rankdir: "TB", nodesep: GAP.node, ranksep, edgesep: GAP.edge });
  for (const child of children) {
    if (connected.has(child)) graph.setNode(child.id, { width: child.width, height: child.height });
  }
  for (const route of routes) {
    if (!long.has(route)) graph.setEdge(route.from.id, route.to.id, { weight: edgeWeight(route) });
  }
  let [width, height] = [0, 0];
  if (connected.size) {
    dagre.layout(graph);
    ({ width, height } = graph.graph());
  }
  const lanes = placeLanes(long, graph, width);
  const loose = placeLoose(children.filter((child) => !connected.has(child)), lanes.width, height);
  const places = children.map((child) => {
    const { x, y } = loose.places.get(child) || graph.node(child.id);
    return { x: loose.places.has(child) ? x : x + lanes.left, y };
  });
  const lines = routes.map((route) => {
    const points = lanes.lines.get(route) || graph.edge(route.from.id, route.to.id).points;
    return points.map(({ x, y }) => ({ x: x + lanes.left, y }));
  });
  return { places, lines, width: loose.width, height: loose.height };
}

/** The routes that are left out of the layout, since passing many ranks makes it slow and wide: the
 * longest, but of every node the shortest on either side stays. */
function longRoutes(children, routes) {
  const ranks = new Map(children.map((child) => [child, 0]));
  const order = new Map([...children].sort((a, b) => a.first - b.first).map((child, i) => [child, i]));
  const forward = routes.filter(({ from, to }) => order.get(from) < order.get(to));
  forward.sort((a, b) => order.get(a.to) - order.get(b.to));
  for (const { from, to } of forward) ranks.set(to, Math.max(ranks.get(to), ranks.get(from) + 1));
  const span = ({ from, to }) => Math.abs(ranks.get(to) - ranks.get(from));
  const shortest = new Map();
  for (const route of routes) {
    for (const end of [`to ${route.to.id}`, `from ${route.from.id}`]) {
      if (!shortest.has(end) || span(route) < span(shortest.get(end))) shortest.set(end, route);
    }
  }
  const kept = new Set(shortest.values());
  const sorted = [...routes].sort((a, b) => edgeWeight(a) - edgeWeight(b) || span(b) - span(a));
  let detours = routes.reduce((sum, route) => sum + Math.max(span(route) - 1, 0), 0);
  const long = new Set();
  for (const route of sorted) {
    if (detours <= MOST_DETOURS) break;
    if (kept.has(route) || span(route) < 2) continue;
    long.add(route);
    detours -= span(route) - 1;
  }
  return long;
}

/** Long routes run beside the others, in one lane for each end that several of them share. */
function placeLanes(long, graph, width) {
  const [lines, lanes] = [new Map(), new Map()];
  const ends = new Map();
  for (const { from, to } of long) for (const id of [from.id, to.id]) ends.set(id, (ends.get(id) || 0) + 1);
  const count = { left: 0, right: 0 };
  for (const route of long) {
    const [a, b] = [graph.node(route.from.id), graph.node(route.to.id)];
    const down = a.y <= b.y ? 1 : -1;
    const hub = ends.get(route.from.id) > ends.get(route.to.id) ? route.from.id : route.to.id;
    if (!lanes.has(hub)) {
      const side = count.left < count.right ? "left" : "right";
      count[side] += 1;
      lanes.set(hub, side === "left" ? -GAP.lane * count.left : width + GAP.lane * count.right);
    }
    const [start, end] = [a.y + (down * a.height) / 2, b.y - (down * b.height) / 2];
    const turn = Math.min(GAP.turn, Math.abs(end - start) / 3) * down;
    const x = lanes.get(hub);
    lines.set(route, [{ x: a.x, y: start }, { x, y: start + turn }, { x, y: end - turn }, { x: b.x, y: end }]);
  }
  const left = GAP.lane * count.left;
  return { lines, left, width: left + width + GAP.lane * count.right };
}

/** How short and straight an edge should be: the flow within a role comes before what leads from one
 * to another (activations that gradients read, variables that updates write). */
function edgeWeight({ from, to }) {
  return leadingRole(from) === leadingRole(to) ? 8 : 1;
}

/** Nodes without neighbours in their box stand in rows: right of the others, or by themselves. */
function placeLoose(children, width, height) {
  const places = new Map();
  if (!children.length) return { places, width, height };
  const area = children.reduce((sum, c) => sum + (c.width + GAP.grid) * (c.height + GAP.grid), 0);
  const widest = Math.max(...children.map((child) => child.width));
  const column = Math.max(widest, Math.min(Math.sqrt(area * 2.2), area / Math.max(height, 1)));
  const left = width ? width + GAP.grid * 2 : 0;
  let [x, y, row, right] = [left, 0, 0, width];
  for (const child of children) {
    if (x > left && x + child.width > left + column + 1) [x, y, row] = [left, y + row + GAP.grid, 0];
    places.set(child, { x: x + child.width / 2, y: y + child.height / 2 });
    row = Math.max(row, child.height);
    right = Math.max(right, x + child.width);
    x += child.width + GAP.grid;
  }
  return { places, width: right, height: Math.max(height, y + row) };
}
