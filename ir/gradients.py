"""Reverse-mode differentiation: append to a graph the operations that compute its gradients.

The contract is TF1's `tf.gradients`. Graphs are append-only, so creation order is a topological
order: one backward scan over the operations between xs and ys sees every cotangent complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from graphc.ir import collector, dtypes
from graphc.ir.dims import Unknown
from graphc.ir.dtypes import DType
from graphc.ir.errors import InternalError
from graphc.ir.graph import ZERO, Graph, IndexedSlices, NoGradient, Operation, Tensor
from graphc.ir.opdef import ZeroGradient
from graphc.ir.types import TensorType, shape_text


@dataclass(frozen=True)
class SavedCotangents:
    """The cotangent of a loop's or branch's token: those of values saved inside, by the tensor
    inside. The differentiator hands it from `Saved` to the loop."""

    graph: Graph
    values: dict[Tensor, list[Any]]

    @property
    def dtype(self) -> DType:
        return dtypes.float32


Cotangent = Tensor | IndexedSlices
_Contribution = Cotangent | SavedCotangents | ZeroGradient

# Operation types whose gradient hands sparse cotangents through as they are.
_PASS_SLICES = frozenset({"Identity", "PlaceholderWithDefault"})


def gradients(
    ys: Tensor | Sequence[Tensor],
    xs: Tensor | Sequence[Tensor],
    grad_ys: Any = None,
    stop_gradients: Any = None,
    unconnected: Literal["none", "zero"] = "none",
    name: str = "gradients",
) -> list[Cotangent | None]:
    """Append operations that compute d(sum of ys)/dx for each x.

    Args:
        ys: tensors to differentiate (`IndexedSlices` are made dense).
        xs: tensors to differentiate by, intermediate ones and variables' refs included.
        grad_ys: cotangents of ys; None, or None for an element, means ones.
        stop_gradients: tensors (or operations) to be taken as constant.
        unconnected: what an x that no y depends on gets: None, or zeros.
        name: scope of the new operations.

    Returns:
        For each x a tensor of its shape and dtype, `IndexedSlices` where it was only gathered from,
        or None. Integer and bool tensors carry no gradients. An x that ys depend on in steps alone
        (`sign`) gets zeros.

    Raises:
        TypeError: a y is complex and has no grad_ys, or a grad_ys is of another kind than its y.
        ValueError: ys and grad_ys differ in length or dtype, or `unconnected` is unknown.
    """
    if unconnected not in ("none", "zero"):
        raise ValueError(f"Unknown value for unconnected_gradients: {unconnected!r}")
    ys, xs = _as_list(ys), _as_list(xs)
    if not ys or not xs:
        return [None] * len(xs)
    graph: Graph = ys[0].graph
    for tensor in (*ys, *xs):
        if tensor.graph is not graph:
            raise ValueError(f"{tensor} is from another graph than {ys[0]}")
    block = graph.block
    xs = [block.adopt(x) for x in xs]
    with graph.name_scope(name), graph.role("gradient"), collector.held():
        dense = [block.adopt(y.dense() if isinstance(y, IndexedSlices) else y) for y in ys]
        backward = _Backward(graph, dense, xs, _stop_operations(stop_gradients))
        backward.seed(_seeds(graph, dense, grad_ys))
        backward.run()
        found = [backward.result(x) for x in xs]
        if unconnected == "zero":
            found = [
                graph.op("ZerosLike", x) if dx is None else dx
                for x, dx in zip(xs, found, strict=True)
            ]
    return found


def differentiate(
    graph: Graph, ys: Sequence[Tensor], xs: Sequence[Tensor], dys: Sequence[Cotangent]
) -> list[Cotangent | None]:
    """The cotangents of xs for given ones of ys; all of one body, maybe not the one being built."""
    if not ys or not xs:
        return [None] * len(xs)
    backward = _Backward(graph, list(ys), list(xs), set())
    backward.seed(list(dys))
    backward.run()
    return [backward.result(x) for x in xs]


def flows(
    operations: Sequence[Operation], ys: Sequence[Tensor], xs: Sequence[Tensor]
) -> list[Tensor]:
    """Those of xs that some of ys depends on by a path of differentiable operations."""
    reached = set(ys)
    for op in reversed(operations):
        if not reached.isdisjoint(op.outputs) and not isinstance(
            op.definition.gradient, NoGradient
        ):
            reached.update(t for t in op.inputs if t.dtype.is_differentiable)
    return [x for x in xs if x in reached and x.dtype.is_differentiable]


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _stop_operations(given: Any) -> set[Operation]:
    if given is None:
        return set()
    return {t if isinstance(t, Operation) else t.op for t in _as_list(given)}


def _seeds(graph: Graph, ys: list[Tensor], given: Any) -> list[Cotangent]:
    """The cotangents of ys."""
    listed = [None] * len(ys) if given is None else _as_list(given)
    if len(listed) != len(ys):
        raise ValueError(f"Passed {len(listed)} grad_ys for {len(ys)} ys")
    seeds: list[Cotangent] = []
    for number, (y, dy) in enumerate(zip(ys, listed, strict=True)):
        if dy is None:
            if y.dtype.is_complex:
                raise TypeError(
                    f"Gradients of complex tensors must set grad_ys (y.dtype = {y.dtype!r})"
                )
            seeds.append(graph.op("OnesLike", y, name=f"grad_ys_{number}"))
            continue
        if not isinstance(dy, (Tensor, IndexedSlices)):
            dy = graph.constant(dy, y.dtype, name=f"grad_ys_{number}")
        _check_seed(y, dy)
        seeds.append(dy)
    return seeds


def _check_seed(y: Tensor, dy: Cotangent) -> None:
    real = y.dtype.is_floating or y.dtype.is_integer
    if real and not (dy.dtype.is_floating or dy.dtype.is_integer):
        raise TypeError(
            f"Gradient type {dy.dtype.name} generated for real or integer-valued tensor {y} with "
            f"type {y.dtype.name} must be real or integer"
        )
    if y.dtype.is_complex and not dy.dtype.is_complex:
        raise TypeError(
            f"Gradient type {dy.dtype.name} generated for complex-valued tensor {y} with type "
            f"{y.dtype.name} must be complex"
        )
    if y.dtype is not dy.dtype:
        raise ValueError(f"grad_ys of {y} has dtype {dy.dtype.name}; use tf.cast")


class _Backward:
    """One backward scan. `pending` holds the contributions to each tensor's cotangent."""

    def __init__(
        self, graph: Graph, ys: list[Tensor], xs: list[Tensor], stops: set[Operation]
    ) -> None:
        self.graph = graph
        self.ys = ys
        self.targets = set(xs)
        self.pending: dict[Tensor, list[_Contribution]] = {}
        self.results: dict[Tensor, _Contribution] = {}
        ancestors = _ancestors(ys, min(x.op.number for x in xs))
        self.active = _active(ancestors, self.targets, stops)
        self.operations = [op for op in ancestors if not self.active.isdisjoint(op.outputs)]
        self.stops = stops

    def seed(self, seeds: list[Cotangent]) -> None:
        for y, dy in zip(self.ys, seeds, strict=True):
            if y in self.active or y in self.targets:
                self.pending.setdefault(y, []).append(dy)

    def run(self) -> None:
        for op in reversed(self.operations):
            self._visit(op)

    def result(self, x: Tensor) -> Cotangent | None:
        if x not in self.results and x in self.pending:
            self.results[x] = _total(self.pending.pop(x))
        dx: Any = self.results.get(x)
        if dx is ZERO:
            dx = self.results[x] = self.graph.op("ZerosLike", x)
        found: Cotangent | None = dx
        return found

    def _visit(self, op: Operation) -> None:
        """Turn the cotangents of an operation's outputs into those of its inputs."""
        pending = self.pending
        cotangents: list[Any] = []
        is_reached = False
        is_zero = True
        for tensor in op.outputs:
            given = pending.pop(tensor, None)
            dy: _Contribution | None = None
            if given is not None:
                is_reached = True
                if len(given) > 1:
                    with self.graph.provenance(op):
                        dy = _total(given)
                else:
                    dy = given[0]
                if tensor in self.targets:
                    self.results[tensor] = dy
            if dy is None or dy is ZERO:
                cotangents.append(None)
            else:
                is_zero = False
                cotangents.append(dy)
        active = self.active
        if not is_reached or op in self.stops or active.isdisjoint(op.inputs):
            return
        dxs = self._differentiate(op, None if is_zero else cotangents)
        for tensor, dx in zip(op.inputs, dxs, strict=True):
            if dx is not None and tensor in active:
                if dx is not ZERO and (not isinstance(dx, Tensor) or dx.type is not tensor.type):
                    _check_cotangent(op, tensor, dx)
                pending.setdefault(tensor, []).append(dx)

    def _differentiate(
        self, op: Operation, cotangents: list[Cotangent | None] | None
    ) -> Sequence[_Contribution | None]:
        """The cotangents of the inputs; `cotangents` None: those of the outputs are zero."""
        if isinstance(op.definition.gradient, NoGradient):
            return [None] * len(op.inputs)
        if cotangents is None:
            return [ZERO] * len(op.inputs)
        found = self.graph.differentiate(op, cotangents, self.active, _call_rule)
        dxs: Sequence[_Contribution | None]
        dxs = found if isinstance(found, (list, tuple)) else [found]
        if len(dxs) != len(op.inputs):
            raise InternalError(
                None, op,
                f"the gradient of {op.type} gives {len(dxs)} results for {len(op.inputs)} inputs",
            )  # fmt: skip
        return dxs


def _call_rule(op: Operation, *cotangents: Cotangent | None) -> Any:
    """What the gradient rule of an operation gives; most rules take dense cotangents only."""
    rule = op.definition.gradient
    assert not isinstance(rule, NoGradient), op
    for dy in cotangents:
        if isinstance(dy, IndexedSlices) and op.type not in _PASS_SLICES:
            return rule(
                op, *[dy.dense() if isinstance(dy, IndexedSlices) else dy for dy in cotangents]
            )
    return rule(op, *cotangents)


def _ancestors(ys: list[Tensor], first: int) -> list[Operation]:
    """The operations ys depend on, from number `first` on, in creation order."""
    pending = [y.op for y in ys]
    found = set(pending)
    while pending:
        for tensor in pending.pop().inputs:
            op = tensor.op
            if op not in found and op.number >= first:
                found.add(op)
                pending.append(op)
    return sorted(found, key=attrgetter("number"))


def _active(
    operations: list[Operation], targets: set[Tensor], stops: set[Operation]
) -> set[Tensor]:
    """The tensors through which something flows back to a target (the targets included)."""
    active: set[Tensor] = set()
    for op in operations:
        flows = (
            not active.isdisjoint(op.inputs)
            and op not in stops
            and not isinstance(op.definition.gradient, NoGradient)
        )
        for tensor in op.outputs:
            if (flows or tensor in targets) and tensor.dtype.is_differentiable:
                active.add(tensor)
    return active


def _check_cotangent(op: Operation, x: Tensor, dx: Cotangent | SavedCotangents) -> None:
    """Hold a cotangent to the type of its tensor; what is known of the shape is merged."""
    if dx.dtype is not x.dtype:
        raise InternalError(
            None, op, f"the gradient of {op.type} has dtype {dx.dtype.name} for an input {x.type}"
        )
    if not isinstance(dx, Tensor) or dx.type.shape == x.type.shape or x.type.shape is None:
        return
    ours, theirs = dx.type.shape, x.type.shape
    if ours is None:
        dx.type = TensorType(dx.dtype, theirs)
        return
    same = len(ours) == len(theirs) and all(
        a == b or isinstance(a, Unknown) or isinstance(b, Unknown)
        for a, b in zip(ours, theirs, strict=True)
    )
    if not same:
        raise ValueError(
            "Incompatible shapes between op input and calculated input gradient. Forward "
            f"operation: {op.name}. Original input shape: {shape_text(theirs)}. Calculated input "
            f"gradient shape: {shape_text(ours)}"
        )
    merged = (b if isinstance(a, Unknown) else a for a, b in zip(ours, theirs, strict=True))
    dx.type = TensorType(dx.dtype, tuple(merged))


def _total(contributions: Sequence[_Contribution]) -> _Contribution:
    """The sum of what flows back to one tensor."""
    built: list[Any] = [dy for dy in contributions if dy is not ZERO]
    if built and isinstance(built[0], SavedCotangents):
        return _merged(built)
    return accumulate(built) if built else ZERO


def accumulate(contributions: Sequence[Cotangent]) -> Cotangent:
    """The sum of cotangents of one tensor; sparse ones stay sparse while all of them are."""
    first = contributions[0]
    if len(contributions) == 1:
        return first
    graph = first.graph
    if all(isinstance(c, IndexedSlices) for c in contributions):
        return _concatenate(graph, [c for c in contributions if isinstance(c, IndexedSlices)])
    dense = [c.dense() if isinstance(c, IndexedSlices) else c for c in contributions]
    total: Tensor
    if len(dense) == 2:
        total = graph.op("Add", *dense, name="AddN")
    else:
        total = graph.op("AddN", *dense)
    return total


def _merged(contributions: list[SavedCotangents]) -> SavedCotangents:
    values: dict[Tensor, list[Any]] = {}
    for one in contributions:
        for tensor, found in one.values.items():
            values.setdefault(tensor, []).extend(found)
    return SavedCotangents(contributions[0].graph, values)


def _concatenate(graph: Graph, slices: list[IndexedSlices]) -> IndexedSlices:
    axis = graph.constant(0)
    indices = [s.indices for s in slices]
    if any(i.dtype is not indices[0].dtype for i in indices):
        indices = [
            i if i.dtype is dtypes.int64 else graph.op("Cast", i, DstT=dtypes.int64)
            for i in indices
        ]
    return IndexedSlices(
        graph.op("ConcatV2", *[s.values for s in slices], axis, name="concat"),
        graph.op("ConcatV2", *indices, axis, name="concat"),
        next((s.dense_shape for s in slices if s.dense_shape is not None), None),
    )
