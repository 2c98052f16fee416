"""Gradients of branches and loops, built in a user's graph without touching what is there.

The gradient of a loop is a `Scan` that walks the iterations the other way: its carries are the
cotangents of the loop's carries and the sums for its captures. Its body differentiates the loop's
body once. Values of the forward body are asked for by `Saved`, an operation on the loop's token, so
the loop itself is what it was; where a run needs them, it keeps them as stacks. The gradient of a
branch is a branch on the same predicate. Both are made of operations that have gradients again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.ir import dtypes
from graphc.ir.bodies import Body, is_small_constant, share_captures
from graphc.ir.gradients import accumulate, differentiate, flows
from graphc.ir.graph import Graph, IndexedSlices, Operation, Tensor
from graphc.ir.types import TensorType


def gradient_of(op: Operation, dys: Sequence[Any]) -> list[Any]:
    """The cotangents of the inputs of an `If`, `While` or `Scan`; the last dy is its token's."""
    kept: dict[Tensor, list[Any]] = {} if dys[-1] is None else dys[-1].values
    seeds = {tensor: accumulate(found) for tensor, found in kept.items()}
    if op.type == "If":
        return _branch_gradient(op, dys[:-1], seeds)
    return _LoopGradient(op, dys[:-1], seeds).build()


class BackwardBody(Body):
    """A body in which another, `forward` of the operation `origin`, is differentiated.

    `stacks` are what it takes row by row: outer tensor -> argument.
    """

    def __init__(self, outer: Graph, forward: Body, origin: Operation) -> None:
        super().__init__(outer)
        self.forward, self.origin = forward, origin
        self.stacks: dict[Tensor, Tensor] = {}
        self._of_capture = {argument: tensor for tensor, argument in forward.captures.items()}
        self._invariant = _invariants(forward) if origin.type != "If" else set()

    def take(self, tensor: Tensor) -> Tensor:
        if tensor.op.graph is not self.forward:
            return super().take(tensor)
        if is_small_constant(tensor):
            return self.repeat(tensor.op, ()).outputs[0]
        if tensor in self._of_capture:
            return self.adopt(self._of_capture[tensor])
        if tensor.op.attrs.get("_alias"):
            return super().take(tensor)
        if tensor.op in self._invariant:
            return self._again(tensor)
        if self.origin.type == "If":
            return super().take(_saved(self.origin, tensor))
        return self.row(_saved(self.origin, tensor), tensor.type)

    def row(self, stack: Tensor, type: TensorType) -> Tensor:
        """The row of an outer tensor that belongs to the iteration."""
        stack = self.outer.adopt(stack)
        if stack not in self.stacks:
            self.stacks[stack] = self.argument(type, "Row")
        return self.stacks[stack]

    def _again(self, tensor: Tensor) -> Tensor:
        """What does not change from one iteration to the next is computed again."""
        needed = {tensor.op}
        pending = [tensor.op]
        while pending:
            for source in pending.pop().inputs:
                fresh = source.op not in needed and source not in self._taken
                if fresh and source.op in self._invariant:
                    needed.add(source.op)
                    pending.append(source.op)
        for op in sorted(needed, key=lambda op: op.number):
            made = self.repeat(op, [self.adopt(t) for t in op.inputs])
            self._taken.update(zip(op.outputs, made.outputs, strict=True))
        return self._taken[tensor]


def _saved(origin: Operation, tensor: Tensor) -> Tensor:
    """The values that a tensor inside a branch or loop had."""
    graph = origin.graph
    with graph.building():
        found: Tensor = graph.create(
            "Saved", (origin.outputs[-1],), {"tensor": tensor}, None, (), tensor.op.source
        ).outputs[0]
    return found


def _invariants(body: Body) -> set[Operation]:
    """Operations that compute the same in every iteration from what the body captures."""
    captured = {argument.op for argument in body.captures.values() if not argument.is_ref}
    found: set[Operation] = set()
    for op in body.operations:
        if (
            op.definition.effect == "pure"
            and not op.control_inputs
            and op.inputs
            and not op.attrs.get("_alias")
            and all(_is_fixed(t, found, captured) for t in op.inputs)
        ):
            found.add(op)
    return found


def _is_fixed(tensor: Tensor, found: set[Operation], captured: set[Operation]) -> bool:
    op = tensor.op
    return op in found or op in captured or op.type == "Const"


def _dense(value: Any) -> Tensor:
    found: Tensor = value.dense() if isinstance(value, IndexedSlices) else value
    return found


def _zeros_like(graph: Graph, tensor: Tensor) -> Tensor:
    found: Tensor = graph.op("ZerosLike", tensor)
    return found


# --------------------------------------------------------------------------------------- branches


def _branch_gradient(op: Operation, dys: Sequence[Any], seeds: dict[Tensor, Any]) -> list[Any]:
    graph = op.graph.root
    parts: list[Body] = [op.attrs["then_branch"], op.attrs["else_branch"]]
    ends = [
        {
            **{part.results[i]: dy for i, dy in enumerate(dys) if dy is not None},
            **{t: dy for t, dy in seeds.items() if t.op.graph is part},
        }
        for part in parts
    ]
    wanted = []
    for number, tensor in enumerate(op.inputs):
        inside = [part.captures[tensor] for part in parts if tensor in part.captures]
        reached = {t for part, end in zip(parts, ends, strict=True)
                   for t in flows(part.operations, list(end), inside)}  # fmt: skip
        if number and tensor.dtype.is_differentiable and graph.wants_cotangent(tensor) and reached:
            wanted.append(number)
    if not wanted:
        return [None] * len(op.inputs)
    bodies = [
        _backward_branch(op, part, end, [op.inputs[n] for n in wanted])
        for part, end in zip(parts, ends, strict=True)
    ]
    attrs = {"then_branch": bodies[0], "else_branch": bodies[1]}
    inputs = [op.inputs[0], *share_captures(bodies)]
    made = graph.create("If", inputs, attrs, "If").outputs
    found = dict(zip(wanted, made, strict=False))
    return [found.get(number) for number in range(len(op.inputs))]


def _backward_branch(
    op: Operation, part: Body, ends: dict[Tensor, Any], xs: Sequence[Tensor]
) -> Body:
    """The body that gives the cotangents of the outer tensors xs."""
    graph = op.graph.root
    body = BackwardBody(graph.block, part, op)
    with body.building():
        arguments = [part.captures[x] for x in xs if x in part.captures]
        given = [body.adopt(_dense(dy)) for dy in ends.values()]
        found = dict(
            zip(arguments, differentiate(graph, list(ends), arguments, given), strict=True)
        )
        for x in xs:
            dx = found.get(part.captures[x]) if x in part.captures else None
            body.results.append(
                body.adopt(_zeros_like(graph, body.adopt(x)) if dx is None else _dense(dx))
            )
    return body


# ------------------------------------------------------------------------------------------ loops


class _LoopGradient:
    """The gradient of one loop. Numbers of carries, captures and rows are those of its inputs."""

    def __init__(self, op: Operation, dys: Sequence[Any], seeds: dict[Tensor, Any]) -> None:
        self.op, self.dys, self.seeds = op, dys, seeds
        self.graph = op.graph.root
        self.forward: Body = op.attrs["body"]
        self.count: int = op.attrs["carries"]
        rows: int = op.attrs.get("rows", 0)
        first = len(op.inputs) - rows - 1
        self.arguments: dict[int, Tensor] = dict(enumerate(self.forward.arguments[: self.count]))
        for number, tensor in enumerate(op.inputs[self.count :], self.count):
            if tensor in self.forward.captures:
                self.arguments[number] = self.forward.captures[tensor]
        self.rows = dict(zip(range(first, first + rows), self.forward.arguments[self.count :],
                             strict=True)) if rows else {}  # fmt: skip
        self.arguments |= self.rows

    def build(self) -> list[Any]:
        """The cotangents of the loop's inputs."""
        op, graph = self.op, self.graph
        nothing: list[Any] = [None] * len(op.inputs)
        self.carries, self.sums, self.taken_rows = self._plan()
        if not (self.carries or self.sums or self.taken_rows):
            return nothing
        body = BackwardBody(graph.block, self.forward, op)
        starts = [self._start(number) for number in self.carries]
        starts += [_zeros_like(graph, op.inputs[number]) for number in self.sums]
        with body.building():
            of_rows = self._differentiate(body)
        count = op.inputs[-1] if op.type == "Scan" else self._trip_count()
        attrs = {
            "body": body, "carries": len(starts), "rows": len(body.stacks),
            "reverse": not op.attrs.get("reverse", False),
        }  # fmt: skip
        inputs = [*starts, *body.captures, *body.stacks, count]
        scan = graph.create("Scan", inputs, attrs, "Scan")
        for number, dx in zip([*self.carries, *self.sums], scan.outputs, strict=False):
            nothing[number] = dx
        for number, dx in of_rows.items():
            nothing[number] = _saved(scan, dx)
        return nothing

    def _trip_count(self) -> Tensor:
        graph = self.op.graph
        with graph.building():
            found: Tensor = graph.create("LoopCount", (self.op.outputs[-1],)).outputs[0]
        return found

    def _plan(self) -> tuple[list[int], list[int], list[int]]:
        """The carries whose cotangents are carried, the captures to sum over, the rows wanted."""
        op, forward = self.op, self.forward
        ends = [*forward.results, *self.seeds]
        depends = [flows(forward.operations, [end], list(self.arguments.values())) for end in ends]
        numbers = {argument: number for number, argument in self.arguments.items()}
        needs = [{numbers[t] for t in found} for found in depends]
        wanted = {
            n for n in self.arguments
            if op.inputs[n].dtype.is_differentiable and self.graph.wants_cotangent(op.inputs[n])
        }  # fmt: skip
        carried = range(self.count)
        reached = {n for n in carried if self.dys[n] is not None}
        reached |= {n for need in needs[self.count :] for n in need if n < self.count}
        _close(reached, lambda n: [m for m in needs[n] if m < self.count])
        useful = set(wanted)
        grew = True
        while grew:
            fresh = {n for n in carried if n not in useful and needs[n] & useful}
            useful |= fresh
            grew = bool(fresh)
        carries = sorted(reached & useful)
        direct = {m for n in carries for m in needs[n]}
        direct |= {m for need in needs[self.count :] for m in need}
        rest = [n for n in sorted(direct & wanted) if n >= self.count]
        return carries, [n for n in rest if n not in self.rows], [n for n in rest if n in self.rows]

    def _start(self, number: int) -> Tensor:
        dy = self.dys[number]
        return _zeros_like(self.graph, self.op.outputs[number]) if dy is None else _dense(dy)

    def _differentiate(self, body: BackwardBody) -> dict[int, Tensor]:
        """Fill the body; the cotangents of rows, inside it."""
        graph, op, forward = self.graph, self.op, self.forward
        types = [self.arguments[n].type for n in self.carries]
        types += [op.inputs[n].type for n in self.sums]
        inside = [body.argument(type, "Identity") for type in types]
        ends: dict[Tensor, list[Any]] = {}
        for number, dy in zip(self.carries, inside, strict=False):
            ends.setdefault(forward.results[number], []).append(dy)
        for tensor, stack in self.seeds.items():
            ends.setdefault(tensor, []).append(body.row(_dense(stack), tensor.type))
        order = [*self.carries, *self.sums, *self.taken_rows]
        xs = [self.arguments[n] for n in order]
        found = dict(zip(order, differentiate(
            graph, list(ends), xs, [accumulate(dys) for dys in ends.values()]
        ), strict=True))  # fmt: skip
        for number in self.carries:
            dx = found[number]
            body.results.append(body.adopt(
                _zeros_like(graph, self.arguments[number]) if dx is None else _dense(dx)
            ))  # fmt: skip
        for number, total in zip(self.sums, inside[len(self.carries) :], strict=True):
            dx = found[number]
            body.results.append(total if dx is None else body.adopt(_added(total, dx)))
        return {
            n: body.adopt(_zeros_like(graph, self.arguments[n]) if found[n] is None
                          else _dense(found[n]))
            for n in self.taken_rows
        }  # fmt: skip


def _added(total: Tensor, dx: Any) -> Tensor:
    """A sum and one more cotangent; rows of a sparse one are added in their places."""
    graph = total.graph
    if not isinstance(dx, IndexedSlices):
        found: Tensor = graph.op("Add", total, dx)
        return found
    column = graph.constant(-1, dtypes.int32)
    rows = graph.op("ExpandDims", dx.indices, column)
    added: Tensor = graph.op("TensorScatterAdd", total, rows, dx.values)
    return added


def _close(found: set[int], following: Any) -> None:
    """Add to a set of numbers whatever follows from its members."""
    pending = sorted(found)
    while pending:
        for number in following(pending.pop()):
            if number not in found:
                found.add(number)
                pending.append(number)
