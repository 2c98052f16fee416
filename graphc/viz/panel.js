/* The panel: all about one operation, one box, or (when nothing is chosen) the whole graph. */

/** An HTML element; `attributes` with a function are listeners. */
function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A heading with rows of [term, description]; rows without description are left out. */
function section(heading, rows) {
  const filled = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!filled.length) return null;
  const list = html("dl");
  for (const [term, value] of filled) list.append(html("dt", {}, term), html("dd", {}, ...[value].flat()));
  return html("section", {}, html("h3", {}, heading), list);
}

/** `page` offers select(item) and toggle(item). */
function showPanel(panel, item, tree, page) {
  let content;
  if (!item || item === tree.root) content = graphDetails(tree, page);
  else if (item.op >= 0) content = operationDetails(item.op, tree, page);
  else content = boxDetails(item, tree, page);
  panel.replaceChildren(...content.filter(Boolean));
  panel.scrollTop = 0;
}

function operationDetails(number, tree, page) {
  const { view } = tree;
  const op = view.operations[number];
  const kernel = op.kernel === undefined ? "" : html("span", {},
    html("i", { class: `swatch kernel-${op.kernel % KERNEL_COLOURS}` }), ` ${view.kernels[op.kernel]}`);
  return [
    html("h2", {}, op.name),
    html("p", { class: "tags" }, html("b", { class: "tag" }, op.type),
      html("span", { class: `tag ${op.role}` }, op.role), op.mark ? html("span", { class: "tag" }, op.mark) : null),
    view.documentation[op.type] ? html("p", { class: "doc" }, view.documentation[op.type]) : null,
    sourceDetails(op, view),
    section("Outputs", op.outputs.map(([dtype, shape], i) => [
      `${op.name}:${i}`, [typeText(dtype, shape), readers(number, i, tree, page)]])),
    section("Inputs", op.inputs.map(([source, index, name, tensor]) => [
      name, [link(source, tensor, tree, page), html("br"), typeOf(source, index, view)]])),
    section("Runs after", (op.controls || []).map((source) => [
      view.operations[source].type, link(source, view.operations[source].name, tree, page)])),
    section("Attributes", op.attrs.map(([name, text]) => [name, html("code", {}, text)])),
    section("Placement", [["kernel", kernel], ["device", op.device ? html("code", {}, op.device) : ""]]),
  ];
}

function sourceDetails(op, view) {
  if (op.source === undefined) return null;
  const [file, line, inside, text] = view.sources[op.source];
  return html("section", { class: "source" },
    html("h3", {}, "Source"),
    html("p", {}, html("span", { title: file }, `${baseName(file)}:${line}`), inside === "<module>" ? "" : `, in ${inside}`),
    text ? html("pre", {}, text) : null);
}

const typeText = (dtype, shape) => html("span", { class: "type" }, `${dtype} ${shape}`);

function typeOf(source, index, view) {
  return source < 0 ? "" : typeText(...view.operations[source].outputs[index]);
}

/** A link to an operation; plain text where the operation is not shown. */
function link(number, text, tree, page) {
  const leaf = number < 0 ? null : tree.leaves[number];
  if (!leaf) return html("span", { class: "absent", title: "not shown" }, text);
  return html("button", { class: "link", click: () => page.goTo(leaf) }, text);
}

function readers(number, index, tree, page) {
  const { operations } = tree.view;
  const found = [];
  operations.forEach((op, reader) => {
    if (op.inputs.some(([source, output]) => source === number && output === index)) found.push(reader);
  });
  if (!found.length) return "";
  const shown = found.slice(0, 12).flatMap((reader) => [" ", link(reader, operations[reader].name, tree, page)]);
  const more = found.length > 12 ? ` and ${found.length - 12} more` : "";
  return html("div", { class: "readers" }, "read by", ...shown, more);
}

function boxDetails(box, tree, page) {
  const operations = operationsIn(box).map((number) => tree.view.operations[number]);
  return [
    html("h2", {}, box.name || box.label),
    html("p", { class: "tags" }, html("b", { class: "tag" }, box.variable >= 0 ? "variable" : "box"),
      html("button", { click: () => page.toggle(box) }, box.open ? "Close" : "Open")),
    ...(box.variable >= 0 ? operationDetails(box.variable, tree, page).slice(2) : []),
    section("Operations", [["all", String(box.count)], ...roleRows(operations)]),
    section("Types", typeRows(operations)),
  ];
}

function graphDetails(tree) {
  const { operations, kernels } = tree.view;
  const variables = operations.filter((op) => op.shape === "variable");
  return [
    html("h2", {}, "Overview"),
    html("p", { class: "doc" }, "Click an operation for its details; double-click a box to open or close it. " +
      "Drag moves, the wheel zooms."),
    section("Operations", [["all", String(operations.length)], ...roleRows(operations),
      ["variables", String(variables.length)], ["kernels", kernels.length ? String(kernels.length) : ""]]),
    section("Types", typeRows(operations)),
  ];
}

/** The numbers of all operations in an item. */
function operationsIn(item) {
  const found = [];
  const pending = [item];
  while (pending.length) {
    const next = pending.pop();
    if (next.op >= 0) found.push(next.op);
    else pending.push(...next.children);
  }
  return found.sort((a, b) => a - b);
}

function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
  return counts;
}

function roleRows(operations) {
  const counts = tally(operations.map((op) => op.role));
  return ROLES.filter((role) => counts.has(role)).map((role) => [
    html("span", {}, html("i", { class: `swatch ${role}` }), ` ${role}`), String(counts.get(role))]);
}

function typeRows(operations) {
  const counts = [...tally(operations.map((op) => op.type))];
  return counts.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([type, n]) => [type, String(n)]);
}

/** The legend: roles and constants can be shown and hidden, kernels can be found. */
function showLegend(legend, view, settings, page) {
  const counts = tally(view.operations.map((op) => op.role));
  const roles = ROLES.filter((role) => counts.has(role)).map((role) => checkbox(
    role === "init" ? "initialisers" : role, role, settings.roles.has(role), (on) => page.showRole(role, on)));
  const constants = view.operations.some((op) => op.shape === "constant")
    ? checkbox("constants", "none", settings.constants, page.showConstants) : null;
  const parts = [html("h3", {}, "Roles"), ...roles, constants, html("h3", {}, "Shapes"), shapeKey(view)];
  if (view.kernels.length) {
    const fused = tally(view.operations.map((op) => op.kernel));
    const list = view.kernels.map((name, number) => html("li", {}, html("button", {
      class: "kernel-key", title: name, click: () => page.selectKernel(number),
    }, html("i", { class: `swatch outline kernel-${number % KERNEL_COLOURS}` }), ` ${name} `,
    html("small", {}, String(fused.get(number) || 0)))));
    parts.push(html("details", { open: view.kernels.length <= 8 ? "" : undefined },
      html("summary", {}, `Fused kernels (${view.kernels.length})`), html("ul", {}, ...list)));
  }
  legend.replaceChildren(...parts.filter(Boolean));
}

function checkbox(text, swatch, checked, change) {
  const input = html("input", { type: "checkbox", change: (event) => change(event.target.checked) });
  input.checked = checked;
  return html("label", {}, input, html("i", { class: `swatch ${swatch}` }), ` ${text}`);
}

function shapeKey(view) {
  const present = new Set(view.operations.map((op) => op.shape || "operation"));
  const rows = ["operation", "variable", "placeholder", "constant"].filter((kind) => present.has(kind));
  const key = html("div", { class: "shapes" });
  for (const kind of rows) {
    const height = { variable: 22, constant: 12 }[kind] || 16;
    const drawing = element("svg", { width: 34, height: 24, viewBox: `-1 ${-(24 - height) / 2} 36 24` });
    drawing.append(element("g", { class: `node plain ${kind}` }, ...outline(kind, { width: 33, height })));
    key.append(html("span", {}, drawing, ` ${kind}`));
  }
  return key;
}
