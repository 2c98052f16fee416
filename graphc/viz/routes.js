/* The routes: an edge leaves the boxes around its source through ports in their borders, follows the
 * route that dagre found between the outermost ones, and enters the boxes around its target likewise.
 */

const PORT_GAP = 9;
const CLEARANCE = 8; // between a route and the nodes it passes

/** Set `points` and `path` of every edge. */
function routeEdges(graph) {
  const ports = new Map();
  for (const edge of graph.edges) {
    const down = edge.route.to.y >= edge.route.from.y;
    edge.leaving = portsOf(edge, edge.from, edge.route.from, "out", down, ports);
    edge.entering = portsOf(edge, edge.to, edge.route.to, "in", !down, ports).reverse();
  }
  placePorts(ports);
  for (const edge of graph.edges) {
    edge.points = edgePoints(edge);
    edge.path = smoothPath(edge.points);
  }
}

/** The ports between a node and the outermost box `last` around it, from the inside outwards. */
function portsOf(edge, node, last, direction, below, ports) {
  const found = [];
  if (node === last) return found;
  for (let box = node.parent; ; box = box.parent) {
    const side = below ? "bottom" : "top";
    const key = `${box.id}|${side}|${edge.route.from.id}>${edge.route.to.id}|${direction}`;
    if (!ports.has(key)) ports.set(key, { box, side, sum: 0, count: 0 });
    const port = ports.get(key);
    port.sum += node.x;
    port.count += 1;
    found.push(port);
    if (box === last) return found;
  }
}

/** Each port stands over the mean of its ends, the ports of one border apart from each other. */
function placePorts(ports) {
  const borders = new Map();
  for (const port of ports.values()) {
    const { box, side } = port;
    port.x = port.sum / port.count;
    port.y = box.y + (side === "bottom" ? box.height : -box.height) / 2;
    const key = `${box.id}|${side}`;
    if (!borders.has(key)) borders.set(key, []);
    borders.get(key).push(port);
  }
  for (const border of borders.values()) {
    border.sort((a, b) => a.x - b.x);
    const { box } = border[0];
    const room = box.width - 2 * BOX.side;
    const gap = Math.min(PORT_GAP, room / border.length);
    let free = box.x - room / 2;
    for (const port of border) free = (port.x = Math.max(port.x, free)) + gap;
    free = box.x + room / 2;
    for (const port of border.reverse()) free = (port.x = Math.min(port.x, free)) - gap;
  }
}

function edgePoints(edge) {
  const { from, to, route, leaving, entering } = edge;
  const down = route.to.y >= route.from.y;
  const first = leaving.length ? leaving[leaving.length - 1] : touch(from, route.points[0], down);
  const last = entering.length ? entering[0] : touch(to, route.points[route.points.length - 1], !down);
  const points = straighten([first, ...route.points.slice(1, -1), last], route);
  const before = leaving.slice(0, -1).map(({ x, y }) => ({ x, y }));
  const after = entering.slice(1).map(({ x, y }) => ({ x, y }));
  if (leaving.length) before.unshift(touch(from, leaving[0], down));
  if (entering.length) after.push(touch(to, entering[entering.length - 1], !down));
  return [...before, ...points, ...after];
}

/** Leave out the points of a route without which it still passes all nodes beside it. */
function straighten(points, { from, to }) {
  const obstacles = from.parent.shown.filter((node) => node !== from && node !== to);
  const kept = [points[0]];
  for (let i = 1; i < points.length - 1; i++) {
    const [a, b] = [kept[kept.length - 1], points[i + 1]];
    if (obstacles.some((node) => crosses(a, b, node))) kept.push(points[i]);
  }
  kept.push(points[points.length - 1]);
  return kept.map(({ x, y }) => ({ x, y }));
}

/** Whether the straight line from a to b comes too near to a node. */
function crosses(a, b, node) {
  const [dx, dy] = [node.width / 2 + CLEARANCE, node.height / 2 + CLEARANCE];
  let [low, high] = [0, 1];
  for (const [start, end, least, most] of [
    [a.x, b.x, node.x - dx, node.x + dx],
    [a.y, b.y, node.y - dy, node.y + dy],
  ]) {
    if (start === end) {
      if (start < least || start > most) return false;
      continue;
    }
    const [s, t] = [(least - start) / (end - start), (most - start) / (end - start)];
    low = Math.max(low, Math.min(s, t));
    high = Math.min(high, Math.max(s, t));
  }
  return low <= high;
}

/** Where an edge towards a point touches a node's lower (or upper) border. */
function touch(node, towards, below) {
  const reach = node.width * 0.3;
  const x = Math.min(Math.max(towards.x, node.x - reach), node.x + reach);
  return { x, y: node.y + (below ? node.height : -node.height) / 2 };
}

/** A smooth path through points: monotone in y where the points are, so that it never overshoots. */
function smoothPath(points) {
  const number = (value) => Math.round(value * 10) / 10;
  const slopes = points.map((point, i) => slopeAt(points, i));
  let path = `M${number(points[0].x)},${number(points[0].y)}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const third = (b.y - a.y) / 3;
    const c1 = `${number(a.x + slopes[i - 1] * third)},${number(a.y + third)}`;
    const c2 = `${number(b.x - slopes[i] * third)},${number(b.y - third)}`;
    path += `C${c1} ${c2} ${number(b.x)},${number(b.y)}`;
  }
  return path;
}

/** dx/dy at a point (Fritsch and Carlson's limit on the mean of the neighbouring slopes). */
function slopeAt(points, i) {
  if (i === 0 || i === points.length - 1) return 0;
  const [a, b, c] = [points[i - 1], points[i], points[i + 1]];
  const [before, after] = [b.y - a.y, c.y - b.y];
  if (before * after <= 0) return 0;
  const [s, t] = [(b.x - a.x) / before, (c.x - b.x) / after];
  if (s * t <= 0) return 0;
  const mean = (s * after + t * before) / (before + after);
  return Math.sign(mean) * Math.min(Math.abs(mean), 3 * Math.abs(s), 3 * Math.abs(t));
}
