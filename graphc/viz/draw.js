/* The drawing: boxes, edges and nodes as SVG, in this order, each with `data-id` for the pointer. */

const SVG = "http://www.w3.org/2000/svg";
const KERNEL_COLOURS = 12; // .kernel-0 … of the style sheet

function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Draw a laid-out graph into `scene`; returns the elements of items and edges. */
function drawGraph(scene, graph, view) {
  const drawn = { items: new Map(), edges: new Map() };
  const layers = ["boxes", "edges", "nodes"].map((name) => element("g", { class: name }));
  for (const box of graph.boxes) {
    const made = drawBox(box);
    drawn.items.set(box, made);
    layers[0].append(made);
  }
  for (const edge of graph.edges) {
    const made = drawEdge(edge, view);
    drawn.edges.set(edge, made);
    layers[1].append(made);
  }
  for (const node of graph.nodes) {
    const made = drawNode(node, view);
    drawn.items.set(node, made);
    layers[2].append(made);
  }
  scene.replaceChildren(...layers);
  return drawn;
}

function drawBox(box) {
  const [x, y] = [box.x - box.width / 2, box.y - box.height / 2];
  const made = element("g", {
    class: `box depth-${box.depth % 2}`, "data-id": box.id, tabindex: 0, role: "button",
    "aria-label": `${box.name || box.label}, open box of ${box.count} operations`, "aria-expanded": true,
  });
  made.append(
    element("rect", { class: "frame", x, y, width: box.width, height: box.height, rx: 10 }),
    element("text", { class: "label", x: x + 30, y: y + 18 }, shorten(box.label)),
    toggleMark(x + 16, y + 14, true, box),
    title(`${box.name || box.label}\n${box.count} operations; double-click closes`),
  );
  return made;
}

function drawEdge(edge, view) {
  const control = edge.tensors.size === 0;
  const weight = Math.min(1.1 + Math.log2(Math.max(edge.tensors.size, 1)) * 0.6, 4);
  const made = element("path", {
    class: `edge${control ? " control" : ""} ${leadingRole(edge.to)}`,
    d: edge.path, "marker-end": "url(#arrow)", "stroke-width": weight,
  });
  const names = [...edge.tensors];
  const more = names.length > 12 ? `\n… ${names.length - 12} more` : "";
  made.append(title(control ? "runs before" : names.slice(0, 12).map((n) => describeTensor(n, view)).join("\n") + more));
  return made;
}

function describeTensor(name, view) {
  if (!view.tensors) {
    view.tensors = new Map();
    for (const op of view.operations) {
      op.outputs.forEach((output, i) => view.tensors.set(`${op.name}:${i}`, output));
    }
  }
  const type = view.tensors.get(name);
  return type ? `${name}  ${type[0]} ${type[1]}` : name;
}

function drawNode(node, view) {
  const op = view.operations[node.op >= 0 ? node.op : node.variable];
  const closed = node.op < 0;
  const kind = op ? op.shape || "operation" : "group";
  const kernel = !closed && op.kernel !== undefined ? ` kernel kernel-${op.kernel % KERNEL_COLOURS}` : "";
  const made = element("g", {
    class: `node ${kind} ${leadingRole(node)}${kernel}`, "data-id": node.id,
    transform: `translate(${node.x - node.width / 2},${node.y - node.height / 2})`,
    tabindex: 0, role: "button", "aria-label": nodeDescription(node, op),
  });
  if (closed) made.setAttribute("aria-expanded", false);
  made.append(...outline(kind, node), ...nodeText(node, kind));
  if (kind === "group") made.append(roleStrip(node));
  if (closed) made.append(toggleMark(node.width - 11, kind === "variable" ? 17 : 11, false, node));
  if (!closed && op.mark) made.append(resultMark(node, op.mark));
  made.append(title(nodeDescription(node, op)));
  return made;
}

function nodeDescription(node, op) {
  if (node.op < 0 && !op) return `${node.name || node.label}: ${node.count} operations; double-click opens`;
  const outputs = op.outputs.map((output) => output.join(" ")).join(", ");
  return `${op.name}: ${op.type}${outputs ? `, ${outputs}` : ""}${node.op < 0 ? "; double-click opens" : ""}`;
}

/** The role of most operations of an item. */
function leadingRole(item) {
  return ROLES.reduce((best, role) => ((item.roles[role] || 0) > (item.roles[best] || 0) ? role : best));
}

/** The outline by kind: what a variable, placeholder, constant, operation or closed box looks like. */
function outline(kind, { width, height }) {
  switch (kind) {
    case "variable": {
      const sides = `M0,6 A${width / 2},6 0 0 1 ${width},6 V${height - 6} A${width / 2},6 0 0 1 0,${height - 6} Z`;
      const lid = `M0,6 A${width / 2},6 0 0 0 ${width},6`;
      return [element("path", { class: "shape", d: sides }), element("path", { class: "lid", d: lid })];
    }
    case "placeholder":
      return [element("path", { class: "shape", d: `M12,0 H${width} L${width - 12},${height} H0 Z` })];
    case "constant":
      return [element("rect", { class: "shape", width, height, rx: height / 2 })];
    case "group":
      return [
        element("rect", { class: "stack", x: 4, y: 4, width, height, rx: 8 }),
        element("rect", { class: "shape", width, height, rx: 8 }),
      ];
    default:
      return [element("rect", { class: "shape", width, height, rx: 6 })];
  }
}

function nodeText(node, kind) {
  const centre = node.width / 2 - (node.op < 0 ? 6 : 0);
  const lift = kind === "variable" ? 5 : 0;
  const baselines = node.lines.length > 1 ? [15 + lift, 28.5 + lift] : [node.height / 2 + 4 + lift / 2];
  return node.lines.map((line, i) =>
    element("text", { class: i ? "detail" : "label", x: centre, y: baselines[i] }, line));
}

/** How the operations of a closed box divide into roles. */
function roleStrip(node) {
  const strip = element("g", { class: "strip" });
  let x = 8;
  for (const role of ROLES) {
    const width = ((node.width - 16) * (node.roles[role] || 0)) / node.count;
    if (width > 0) strip.append(element("rect", { class: role, x, y: node.height - 5, width, height: 3 }));
    x += width;
  }
  return strip;
}

function toggleMark(x, y, open, item) {
  const made = element("g", { class: "toggle", transform: `translate(${x},${y})`, "data-toggle": item.id });
  made.append(
    element("rect", { x: -9, y: -9, width: 18, height: 18, fill: "transparent", stroke: "none" }),
    element("circle", { r: 6 }),
    element("path", { d: open ? "M-3,0 H3" : "M-3,0 H3 M0,-3 V3" }),
  );
  return made;
}

/** What becomes of a result: it is "fetched", or "written" to a variable. */
function resultMark(node, text) {
  const made = element("g", { class: "mark", transform: `translate(${node.width},0)` });
  made.append(
    element("rect", { x: -34, y: -9, width: 46, height: 14, rx: 7 }),
    element("text", { x: -11, y: 1.5 }, text),
  );
  return made;
}

function title(text) {
  return element("title", {}, text);
}
