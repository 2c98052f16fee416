/* The model: a tree whose leaves are operations and whose inner nodes are boxes (name scopes, kernels,
 * or runs of source lines where there would be too many children), and the graph of what is visible.
 *
 * An operation of the data: {name, type, role, inputs: [[operation, output, input name, tensor name]],
 * outputs: [[dtype, shape]], attrs: [[name, text]]} and, where they apply, {shape, value, controls,
 * device, mark, kernel, source}. Numbers refer to places in the view's lists.
 */

const MOST_CHILDREN = 100; // of one box; more are put into boxes by source line
const RUN_LENGTH = 40; // the size of such a box
const INITIALLY_VISIBLE = 40; // nodes that are still easily read together
const MOST_VISIBLE = 2000;
const ROLES = ["forward", "gradient", "update", "init"];

function newItem(id, label, name, parent, op = -1) {
  return {
    id, label, name, parent, op,
    children: [], open: false, dissolved: false,
    variable: -1, // the variable whose reads, slots and initialiser this box holds
    count: 0, roles: {}, first: op,
  };
}

/** The tree of a view under the settings {roles, constants, grouping}. */
function buildTree(view, settings) {
  const operations = view.operations;
  const shown = (op) => settings.roles.has(op.role) && (settings.constants || op.shape !== "constant");
  const root = newItem("", "", "", null);
  root.open = true;
  const boxes = [root];
  const byPath = new Map([["", root]]);
  const leaves = new Array(operations.length).fill(null);
  const pathOf = pathFunction(view, settings, shown);
  operations.forEach((op, number) => {
    if (!shown(op)) return;
    const parent = boxAt(pathOf(op), boxes, byPath);
    const label = op.name.split("/").slice(settings.grouping === "scope" ? -1 : -2).join("/");
    const leaf = newItem(`op:${number}`, label, op.name, parent, number);
    parent.children.push(leaf);
    leaves[number] = leaf;
  });
  simplify(boxes, operations, settings.grouping === "scope");
  const kept = boxes.filter((box) => !box.dissolved);
  for (const box of [...kept]) splitBox(box, view);
  const tree = { view, root, leaves, items: inOrder(root) };
  countOperations(tree);
  return tree;
}

/** A function from an operation to the names of the boxes around it. */
function pathFunction(view, settings, shown) {
  if (settings.grouping === "none") return () => [];
  if (settings.grouping === "kernel") {
    return (op) => (op.kernel === undefined ? [] : [view.kernels[op.kernel]]);
  }
  const scopes = new Set();
  for (const op of view.operations) {
    if (!shown(op)) continue;
    for (let end = op.name.indexOf("/"); end >= 0; end = op.name.indexOf("/", end + 1)) {
      scopes.add(op.name.slice(0, end));
    }
  }
  return (op) => {
    const parts = op.name.split("/");
    return scopes.has(op.name) ? parts : parts.slice(0, -1);
  };
}

function boxAt(path, boxes, byPath) {
  let box = boxes[0];
  let name = "";
  for (const part of path) {
    name = name ? `${name}/${part}` : part;
    let next = byPath.get(name);
    if (!next) {
      next = newItem(`box:${name}`, part, name, box);
      byPath.set(name, next);
      boxes.push(next);
      box.children.push(next);
    }
    box = next;
  }
  return box;
}

/** Mark variables' boxes; dissolve boxes of one child, and those that an operation shares with its
 * constants only. Works from the innermost outwards. */
function simplify(boxes, operations, byScope) {
  for (let i = boxes.length - 1; i >= 0; i--) {
    const box = boxes[i];
    box.children = box.children.flatMap((child) => (child.dissolved ? child.children : [child]));
    for (const child of box.children) child.parent = box;
    if (i === 0 || !byScope) continue;
    const own = box.children.find((child) => child.op >= 0 && child.name === box.name);
    if (box.children.length === 1) {
      const child = box.children[0];
      if (!own) child.label = `${box.label}/${child.label}`;
      box.dissolved = true;
    } else if (own && operations[own.op].shape === "variable") {
      box.variable = own.op;
    } else if (own && box.children.every((c) => c === own || (c.op >= 0 && operations[c.op].shape === "constant"))) {
      box.dissolved = true;
    }
  }
}

/** Put the children of a box that has too many into boxes of neighbours, named by their source lines. */
function splitBox(box, view) {
  let level = 0;
  while (box.children.length > MOST_CHILDREN) {
    const runs = [];
    let last = null;
    for (const child of box.children) {
      const line = sourceOf(child, view);
      const run = runs[runs.length - 1];
      const full = run && (run.length >= RUN_LENGTH || (run.length >= RUN_LENGTH / 2 && line !== last));
      if (!run || full) runs.push([child]);
      else run.push(child);
      last = line;
    }
    box.children = runs.map((run, number) => {
      const part = newItem(`part:${level}:${number}:${box.id}`, runLabel(run, view), box.name, box);
      part.children = run;
      for (const child of run) child.parent = part;
      return part;
    });
    level += 1;
  }
}

function firstOperation(item) {
  while (item.op < 0) item = item.children[0];
  return item.op;
}

function sourceOf(item, view) {
  const source = view.operations[firstOperation(item)].source;
  return source === undefined ? "" : `${view.sources[source][0]}:${view.sources[source][1]}`;
}

function runLabel(run, view) {
  const lines = run
    .map((child) => view.operations[firstOperation(child)].source)
    .filter((source) => source !== undefined)
    .map((source) => view.sources[source]);
  const files = new Set(lines.map((line) => line[0]));
  const first = firstOperation(run[0]);
  if (files.size !== 1) return `from ${view.operations[first].name}`;
  const numbers = lines.map((line) => line[1]);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return `${baseName(lines[0][0])}:${low}${high > low ? `–${high}` : ""}`;
}

const baseName = (file) => file.slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);

/** All items, parents before children. */
function inOrder(root) {
  const items = [root];
  for (let i = 0; i < items.length; i++) {
    for (const child of items[i].children) {
      child.depth = (items[i].depth || 0) + 1;
      items.push(child);
    }
  }
  root.depth = 0;
  return items;
}

function countOperations(tree) {
  for (let i = tree.items.length - 1; i >= 0; i--) {
    const item = tree.items[i];
    if (item.op >= 0) {
      item.count = 1;
      item.roles = { [tree.view.operations[item.op].role]: 1 };
      continue;
    }
    item.first = Math.min(...item.children.map((child) => child.first));
    for (const child of item.children) {
      item.count += child.count;
      for (const role of ROLES) item.roles[role] = (item.roles[role] || 0) + (child.roles[role] || 0);
    }
    if (item.variable >= 0) item.roles = { [tree.view.operations[item.variable].role]: item.count };
  }
}

/** Open boxes while all that becomes visible can be read together: first what the user wrote, small
 * boxes before large ones; then gradients and updates where they fit as a whole. Variables stay
 * closed. */
function openInitially(tree) {
  let visible = tree.root.children.length;
  const derived = (box) => box.roles.forward <= box.count / 2;
  const rank = (box) => derived(box) * 1e9 + box.depth * 1e6 + box.children.length;
  const closed = tree.root.children.filter((item) => item.op < 0);
  while (closed.length) {
    closed.sort((a, b) => rank(a) - rank(b) || a.first - b.first);
    const box = closed.shift();
    const grown = visible + (derived(box) ? box.count : box.children.length) - 1;
    if (box.variable >= 0 || grown > INITIALLY_VISIBLE) continue;
    box.open = true;
    visible += box.children.length - 1;
    closed.push(...box.children.filter((item) => item.op < 0));
  }
}

/** Open all boxes, level by level, up to the number of nodes that can be laid out quickly. Returns
 * whether all are open now. */
function openAll(tree) {
  let visible = tree.root.children.length;
  for (const item of tree.items) {
    if (item.op >= 0 || item === tree.root) continue;
    const grown = visible + item.children.length - 1;
    item.open = item.parent.open && grown <= MOST_VISIBLE;
    if (item.open) visible = grown;
  }
  return tree.items.every((item) => item.op >= 0 || item.open);
}

/** Open the boxes around an item. */
function reveal(item) {
  for (let box = item.parent; box; box = box.parent) box.open = true;
}

/** The visible graph: {boxes, nodes, edges}. Boxes are open and come parents first; nodes are
 * operations and closed boxes. Constants are drawn once beside each operation that reads them. */
function visibleGraph(tree) {
  const edges = new Map();
  const copies = new Map();
  for (const item of tree.items) {
    item.stand = !item.parent || (item.parent.open && item.parent.stand === item.parent) ? item : item.parent.stand;
    item.shown = [];
    item.elsewhere = false;
  }
  const operations = tree.view.operations;
  const connect = (source, target, tensor) => {
    if (!source) return;
    const to = target.stand;
    let from = source.stand;
    if (from === to) return;
    if (from.op >= 0 && operations[from.op].shape === "constant") {
      from.elsewhere = true;
      if (to.op < 0) return;
      from = copyFor(from, to, copies);
    }
    const key = `${from.id}>${to.id}`;
    if (!edges.has(key)) edges.set(key, { from, to, tensors: new Set() });
    if (tensor) edges.get(key).tensors.add(tensor);
  };
  tree.leaves.forEach((leaf, number) => {
    if (!leaf) return;
    for (const [source, , , tensor] of operations[number].inputs) {
      if (source >= 0) connect(tree.leaves[source], leaf, tensor);
    }
    for (const source of operations[number].controls || []) connect(tree.leaves[source], leaf, null);
  });
  return arrange(tree, [...edges.values()], [...copies.values()]);
}

/** The constant as drawn beside one reader. */
function copyFor(constant, reader, copies) {
  const id = `${constant.id}@${reader.id}`;
  let copy = copies.get(id);
  if (!copy) {
    copy = { ...constant, id, parent: reader.parent, depth: reader.depth, original: constant, shown: [] };
    copies.set(id, copy);
  }
  return copy;
}

function arrange(tree, edges, copies) {
  const visible = tree.items.filter((item) => item.stand === item && item !== tree.root && !item.elsewhere);
  const nodes = visible.filter((item) => item.op >= 0 || !item.open).concat(copies);
  for (const node of nodes) node.parent.shown.push(node);
  const boxes = visible.filter((item) => item.op < 0 && item.open);
  for (let i = boxes.length - 1; i >= 0; i--) {
    if (boxes[i].shown.length) boxes[i].parent.shown.push(boxes[i]);
  }
  return { root: tree.root, boxes: boxes.filter((box) => box.shown.length), nodes, edges };
}
