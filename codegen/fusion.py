"""Fusion: group operations that can share one loop nest.

Operations are visited from the last to the first. An operation joins the group of its consumers if
that group is the earliest-running of all that read it, the composed accesses stay affine, and every
reader in the group sees it at the same position; otherwise it starts a group that runs before all
others so far. Groups are therefore ordered by construction and no cycle can arise; the walk is
linear in the graph.

A group has *axes*. Once a reduction is in it they are split into outer axes (kept) and inner axes
(folded). A tensor's *position* maps each of its dimensions to an axis of the group, or to None
(size 1). Views are index arithmetic inside their readers; a reshape shares its input's memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from graphc.ir import lowering as low
from graphc.ir.dims import Dim, Symbol, symbols
from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.records import record

Position = tuple[int | None, ...]
UseKind = Literal["value", "load", "storage"]
GroupKind = Literal["loops", "scatter", "place", "special", "host", "dims"]
# Kernels stay small: compile time grows with their length, and chains share kernels when cut alike.
MOST_OPERATIONS = 48
SHORT_COLUMN = 32  # elements of a column that may be read more than once
END = -1  # the "group" of results and updates: it reads after all groups


@record
class Use:
    """A reader of a tensor: its group, and how it reads.

    kind: "value" (at `position`, could be in a register), "load" (from memory, perhaps through
    views), "storage" (needs the tensor contiguous in memory).
    """

    group: int
    kind: UseKind
    position: Position = ()


@dataclass
class Group:
    """Operations that become one kernel (or one kernel for each input, for placements).

    `operations` are in the function's order once fusion is done. `reads[op]` are the positions at
    which an operation reads its inputs, `writes[op]` the position of its output.
    """

    number: int
    kind: GroupKind
    extents: list[Any] = field(default_factory=list)
    inner: list[int] | None = None  # axes that reductions fold; None: there is no reduction
    contraction: Operation | None = None
    operations: list[Operation] = field(default_factory=list)
    reads: dict[Operation, list[Position]] = field(default_factory=dict)
    writes: dict[Operation, Position] = field(default_factory=dict)

    @property
    def outer(self) -> list[int]:
        """The axes that no reduction folds."""
        inner = self.inner or ()
        return [axis for axis in range(len(self.extents)) if axis not in inner]


@dataclass
class Fused:
    """The outcome: groups in running order, and where every tensor lives."""

    function: Function
    groups: list[Group]
    group_of: dict[Operation, Group]
    stored: set[Tensor]  # tensors that a group writes to memory
    aliases: dict[Tensor, Tensor]  # reshapes: tensor -> the tensor whose memory it shares

    def storage(self, tensor: Tensor) -> Tensor:
        """The tensor in whose memory `tensor` lives."""
        while tensor in self.aliases:
            tensor = self.aliases[tensor]
        return tensor

    def is_virtual(self, tensor: Tensor) -> bool:
        """Whether a tensor that no group computes is index arithmetic inside its readers."""
        return (
            isinstance(tensor.op.definition.lowering, (low.View, low.Reshape))
            and tensor not in self.stored
            and tensor not in self.aliases
        )


def fuse(function: Function, fusion: bool = True) -> Fused:
    """Group the operations of a function. With `fusion` False every operation stands alone."""
    return _Fusion(function, fusion).run()


def dims(tensor: Tensor) -> tuple[Any, ...]:
    """A tensor's sizes with symbols that were found equal written alike."""
    shape = tensor.type.dims
    if all(isinstance(d, int) for d in shape):
        return shape
    environment = tensor.op.graph.environment
    assert environment is not None
    if not environment.has_substitutions:
        return shape
    return tuple(environment.canonical(d) for d in shape)


class _Fusion:
    def __init__(self, function: Function, fusion: bool) -> None:
        self.function = function
        self.most = MOST_OPERATIONS if fusion else 1
        self.groups: list[Group] = []
        self.group_of: dict[Operation, Group] = {}
        self.uses: dict[Tensor, list[Use]] = {}
        self.aliases: dict[Tensor, Tensor] = {}
        self.effects = set(function.effects)
        self.measured = {symbol: tensor for symbol, tensor, _ in function.sizes}

    def run(self) -> Fused:
        for tensor in self.function.live:
            self._use(tensor, Use(END, "storage"))
        for op in reversed(self.function.operations):
            self._visit(op)
        for group in self.groups:
            group.operations.reverse()
        stored = {
            tensor
            for op, group in self.group_of.items()
            for tensor in op.outputs
            if any(u.group != group.number or u.kind != "value" for u in self.uses.get(tensor, ()))
            or op in self.effects
        }
        groups = list(reversed(self.groups))
        return Fused(self.function, groups, self.group_of, stored, self.aliases)

    def _use(self, tensor: Tensor, use: Use) -> None:
        self.uses.setdefault(tensor, []).append(use)

    def _visit(self, op: Operation) -> None:
        uses = [u for t in op.outputs for u in self.uses.get(t, ())]
        if not uses and op not in self.effects:
            return
        match op.definition.lowering:
            case low.Elementwise():
                self._elementwise(op, uses)
            case low.Reduction() as kind:
                self._reduction(op, uses, kind.axes(op))
            case low.View():
                self._view(op, uses)
            case low.Reshape():
                self._reshape(op, uses)
            case low.Contraction() | low.Product():
                self._contraction(op, uses)
            case low.Source():
                pass
            case low.Dims():
                self._alone(op, "dims", [])
            case low.Placement():
                self._alone(op, "place", ["load"] * len(op.inputs))
            case low.Scatter() as kind:
                kinds: list[UseKind] = ["load"] * len(op.inputs)
                if kind.base is not None:
                    kinds[kind.base] = "storage"
                self._alone(op, "scatter", kinds)
            case low.Special():
                self._alone(op, "special", ["storage"] * len(op.inputs))
            case low.Host() | low.Nested():
                self._alone(op, "host", ["storage"] * len(op.inputs))
            case low.Ordering():
                pass
            case _:
                raise AssertionError(f"{op.type} has no lowering: decompose runs before fusion")
        if self.measured:
            self._use_sizes(op, uses)

    def _use_sizes(self, op: Operation, uses: Sequence[Use]) -> None:
        """Mid-run sizes are read from memory before the group that needs them runs."""
        group = self.group_of.get(op)
        numbers = {u.group for u in uses if u.group != END} if group is None else {group.number}
        for symbol in _symbols_of(op):
            tensor = self.measured.get(symbol)
            if tensor is not None and tensor.op is not op:
                for number in sorted(numbers):
                    self._use(tensor, Use(number, "storage"))

    # -- groups

    def _new(self, kind: GroupKind, extents: Iterable[Any]) -> Group:
        group = Group(len(self.groups), kind, list(extents))
        self.groups.append(group)
        return group

    def _join(
        self, group: Group, op: Operation, write: Position, reads: Sequence[Position]
    ) -> None:
        group.operations.append(op)
        group.writes[op], group.reads[op] = write, list(reads)
        self.group_of[op] = group

    def _alone(self, op: Operation, kind: GroupKind, kinds: Sequence[UseKind]) -> None:
        group = self._new(kind, ())
        group.operations.append(op)
        self.group_of[op] = group
        for index, (tensor, how) in enumerate(zip(op.inputs, kinds, strict=True)):
            if index not in op.definition.shape_inputs:
                self._use(tensor, Use(group.number, how))

    def _home(self, uses: Sequence[Use]) -> tuple[Group, Position] | None:
        """The group that an operation with these uses may join, and its position there."""
        number = max((u.group for u in uses), default=END)
        if number == END:
            return None
        here = [u for u in uses if u.group == number]
        if any(u.kind != "value" or u.position != here[0].position for u in here):
            return None
        group = self.groups[number]
        if group.kind != "loops" or len(group.operations) >= self.most:
            return None
        return group, here[0].position

    def _stays_inside(self, uses: Sequence[Use], group: Group) -> bool:
        return all(u.group == group.number and u.kind == "value" for u in uses)

    # -- operations by kind

    def _elementwise(self, op: Operation, uses: list[Use]) -> None:
        home = self._home(uses)
        if home is not None and self._fits(op, uses, *home):
            group, position = home
        else:
            shape = dims(op.outputs[0])
            group = self._new("loops", [d for d in shape if not _is_one(d)])
            position = _fresh_position(shape)
        reads = [_broadcast(t, op.outputs[0], position) for t in op.inputs]
        self._join(group, op, position, reads)
        unread = op.definition.shape_inputs
        for index, (tensor, read) in enumerate(zip(op.inputs, reads, strict=True)):
            if index not in unread and not _is_immediate(tensor):
                self._use(tensor, Use(group.number, "value", read))

    def _fits(self, op: Operation, uses: list[Use], group: Group, position: Position) -> bool:
        covered = {a for a in position if a is not None}
        if len(covered) == len(group.extents):
            return True
        if group.inner is not None and covered == set(group.outer):
            return True
        if not self._stays_inside(uses, group) or group.contraction is not None:
            return False
        lowering = op.definition.lowering
        cost = lowering.cost if isinstance(lowering, low.Elementwise) else 0.0
        if cost <= 0:
            return True
        return group.inner is None and bool(covered) and self._leads_to_fold(op, group, covered)

    def _leads_to_fold(self, op: Operation, group: Group, covered: set[int]) -> bool:
        """Whether a reduction a few operations up will make `covered` the outer axes of this group.

        So does log(sum(exp(x))) inside a log-softmax.
        """
        missing = [d for a, d in enumerate(group.extents) if a not in covered]
        pending = [op]
        for _ in range(8):
            if not pending:
                return False
            current = pending.pop(0)
            lowering = current.definition.lowering
            if isinstance(lowering, low.Reduction):
                folded = set(lowering.axes(current))
                shape = dims(current.inputs[0])
                if _folds_columns(shape, folded):
                    return False
                if [shape[a] for a in sorted(folded) if not _is_one(shape[a])] == missing:
                    return True
            elif isinstance(lowering, (low.Elementwise, low.Reshape)):
                pending += [t.op for t in current.inputs]
        return False

    def _reduction(self, op: Operation, uses: list[Use], axes: tuple[int, ...]) -> None:
        source, shape = dims(op.inputs[0]), dims(op.outputs[0])
        folded = [source[a] for a in axes if not _is_one(source[a])]
        home = self._home(uses)
        if home is not None and _folds_columns(source, axes) and _read_inside(op, *home):
            home = None
        if home is not None and _split(home[0], _placed(shape, home[1]), folded):
            group, write = home
        else:
            kept = [d for a, d in enumerate(source) if a not in axes and not _is_one(d)]
            group = self._new("loops", [*kept, *folded])
            group.inner = list(range(len(kept), len(group.extents)))
            write = _fresh_position(shape)
        outer = iter(_placed(shape, write))
        inner = iter(group.inner or ())
        read: list[int | None] = []
        for axis, size in enumerate(source):
            if _is_one(size):
                read.append(None)
            else:
                read.append(next(inner if axis in axes else outer))
        rest: list[Position] = [()] * (len(op.inputs) - 1)
        self._join(group, op, write, [tuple(read), *rest])
        self._use(op.inputs[0], Use(group.number, "value", tuple(read)))

    def _view(self, op: Operation, uses: list[Use]) -> None:
        lowering = op.definition.lowering
        assert isinstance(lowering, low.View)
        permutation = _permutation(op, lowering)
        home = self._home(uses)
        operands = [i for i in range(len(op.inputs)) if i not in op.definition.shape_inputs]
        if home is not None and permutation is not None and self._stays_inside(uses, home[0]):
            group, position = home
            self._permuted(group, op, position, permutation)
            return
        if not _need_memory(uses):
            # virtual: its readers compute the index themselves
            for number in dict.fromkeys(u.group for u in uses):
                for index in operands:
                    self._use(op.inputs[index], Use(number, self._reach(op, index), ()))
            return
        shape = dims(op.outputs[0])
        group = self._new("loops", [d for d in shape if not _is_one(d)])
        position = _fresh_position(shape)
        if permutation is not None:
            self._permuted(group, op, position, permutation)
            return
        self._join(group, op, position, [])
        for index in operands:
            self._use(op.inputs[index], Use(group.number, self._reach(op, index), ()))

    def _permuted(
        self, group: Group, op: Operation, position: Position, source: Sequence[int | None]
    ) -> None:
        """Join an operation whose input dimension i runs along output dimension `source[i]`."""
        read = tuple(None if k is None else position[k] for k in source)
        self._join(group, op, position, [read])
        self._use(op.inputs[0], Use(group.number, "value", read))

    def _reach(self, op: Operation, index: int) -> UseKind:
        """How a view reads an operand: if either has regions, its input must be in memory."""
        lowering = op.definition.lowering
        assert isinstance(lowering, low.View)
        behind = op.inputs[index].op.definition.lowering
        if (
            index == 0
            and isinstance(behind, low.View)
            and (lowering.regions(op) or behind.regions(op.inputs[index].op))
        ):
            return "storage"
        return "load"

    def _reshape(self, op: Operation, uses: list[Use]) -> None:
        mapping = ones_only(dims(op.inputs[0]), dims(op.outputs[0]))
        home = self._home(uses)
        if home is not None and mapping is not None and self._stays_inside(uses, home[0]):
            group, position = home
            self._permuted(group, op, position, mapping)
            return
        if mapping is not None and _is_strided_view(op.inputs[0]) and not _need_memory(uses):
            for number in dict.fromkeys(u.group for u in uses):
                self._use(op.inputs[0], Use(number, "load"))
            return
        self.aliases[op.outputs[0]] = op.inputs[0]
        for number in dict.fromkeys(u.group for u in uses):
            self._use(op.inputs[0], Use(number, "storage"))

    def _contraction(self, op: Operation, uses: list[Use]) -> None:
        home = self._home(uses)
        group = None
        if home is not None:
            group, write = home
            placed = [a for a in write if a is not None]
            whole = placed == list(range(len(group.extents)))
            if not whole or group.inner is not None or group.contraction is not None:
                group = None
        shape = dims(op.outputs[0])
        if group is None:
            group = self._new("loops", [d for d in shape if not _is_one(d)])
            write = _fresh_position(shape)
        group.contraction = op
        self._join(group, op, write, [])
        for tensor in op.inputs:
            self._use(tensor, Use(group.number, "load" if _is_strided(tensor) else "storage"))


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


def _need_memory(uses: Sequence[Use]) -> bool:
    return any(u.kind == "storage" for u in uses)


def _folds_columns(shape: Sequence[Any], axes: Iterable[int]) -> bool:
    """Whether a reduction folds long columns, whose elements are a row apart.

    Such a fold reads rows along, all columns at once; so nothing that reads its result for each
    element is computed beside it: one pass over memory for each is better than columns that are
    read again and again ([1024, 1024] floats normalised by column: 0.86 ms fused, 0.45 apart).
    """
    folded = [shape[axis] for axis in axes]
    if not shape or len(shape) - 1 in axes or _is_one(shape[-1]):
        return False
    return not all(isinstance(size, int) for size in folded) or math.prod(folded) > SHORT_COLUMN


def _read_inside(op: Operation, group: Group, position: Position) -> bool:
    """Whether operations of a group need the result of a reduction to go once more through what it
    folds."""
    outer = {axis for axis in position if axis is not None}
    found = {op}
    for reader in reversed(group.operations):  # from the last one visited: the first to run
        if any(t.op in found for t in reader.inputs):
            found.add(reader)
            inside = {axis for axis in group.writes[reader] if axis is not None} - outer
            if inside or isinstance(reader.definition.lowering, low.Reduction):
                return True
    return False


def _is_strided(tensor: Tensor) -> bool:
    """Whether what is virtual behind a tensor only strides over memory (no gathers, no padding):
    views, and reshapes of views that add and drop axes of size 1. Padding that a view reads lies in
    memory (see `_Fusion._reach`).
    """
    behind_view = False
    while True:
        op = tensor.op
        match op.definition.lowering:
            case low.View() as view:
                if view.regions(op):
                    return behind_view
                if any(i.indirect for i in view.index(op)):
                    return False
                behind_view = True
            case low.Reshape() if ones_only(dims(op.inputs[0]), dims(op.outputs[0])) is not None:
                behind_view = False
            case _:
                return True
        tensor = op.inputs[0]


def _is_strided_view(tensor: Tensor) -> bool:
    return isinstance(tensor.op.definition.lowering, low.View) and _is_strided(tensor)


def _symbols_of(op: Operation) -> list[Symbol]:
    """The symbols in an operation's types, attributes and sizes given as inputs."""
    found: dict[Symbol, None] = {}
    pending: list[Any] = [op.attrs[name] for name in op.attrs]
    pending += [dims(t) for t in (*op.inputs, *op.outputs)]
    count = len(op.inputs)
    for index in op.definition.shape_inputs:
        if -count <= index < count:
            pending.append(op.graph.value_of(op.inputs[index]))
    while pending:
        value = pending.pop()
        if isinstance(value, Dim):
            found.update(dict.fromkeys(symbols(value)))
        elif isinstance(value, (tuple, list)):
            pending += value
        elif isinstance(value, np.ndarray) and value.dtype == object:
            pending += value.ravel().tolist()
    return list(found)


def _is_immediate(tensor: Tensor) -> bool:
    """Whether a tensor is a constant that kernels hold as a number."""
    return tensor.op.type == "Const" and tensor.op.attrs["value"].size == 1


def _fresh_position(shape: Sequence[Any]) -> Position:
    """Axes 0, 1, … for the dimensions that are not 1."""
    position: list[int | None] = []
    count = 0
    for size in shape:
        if _is_one(size):
            position.append(None)
        else:
            position.append(count)
            count += 1
    return tuple(position)


def _broadcast(tensor: Tensor, output: Tensor, position: Position) -> Position:
    """Where an input that broadcasts to `output` is read."""
    shape, target = dims(tensor), dims(output)
    first = len(target) - len(shape)
    if first < 0:
        return ()  # an operand that only the type rule reads
    return tuple(
        position[k] if d == target[k] or not _is_broadcast(tensor, d) else None
        for k, d in enumerate(shape, first)
    )


def _is_broadcast(tensor: Tensor, size: Any) -> bool:
    """Whether a size that differs from the output's is 1 (a type rule that let it pass said so)."""
    environment = tensor.op.graph.environment
    assert environment is not None
    return _is_one(size) or environment.equal(size, 1)


def _placed(shape: Sequence[Any], position: Position) -> list[int]:
    """The axes that a tensor's dimensions run along, in the order of the dimensions."""
    pairs = zip(shape, position, strict=True)
    return [axis for size, axis in pairs if axis is not None and not _is_one(size)]


def _split(group: Group, placed: list[int], folded: list[Any]) -> bool:
    """Make a reduction's folded sizes the inner axes of a group; False if they do not fit.

    `placed` are the axes that the reduction keeps.
    """
    if group.contraction is not None:
        return False
    if group.inner is not None:
        return set(placed) == set(group.outer) and [group.extents[a] for a in group.inner] == folded
    rest = [a for a in range(len(group.extents)) if a not in placed]
    if rest:
        if [group.extents[a] for a in rest] != folded:
            return False
        group.inner = rest
        return True
    group.inner = list(range(len(group.extents), len(group.extents) + len(folded)))
    group.extents += folded
    return True


def _permutation(op: Operation, lowering: low.View) -> list[int | None] | None:
    """For each input dimension the output axis that runs along it (None: size 1).

    None for a view that does more than permute, insert, drop and broadcast.
    """
    if lowering.regions(op):
        return None
    source, target = dims(op.inputs[0]), dims(op.outputs[0])
    result: list[int | None] = []
    for size, index in zip(source, lowering.index(op), strict=True):
        if index.indirect:
            return None
        if _is_one(size):
            if not isinstance(index.offset, int) or index.offset != 0:
                return None
            result.append(None)
            continue
        if len(index.axes) != 1 or index.offset != 0:
            return None
        axis, coefficient = index.axes[0]
        if coefficient != 1 or target[axis] != size or axis in result:
            return None
        result.append(axis)
    return result


def ones_only(source: Sequence[Any], target: Sequence[Any]) -> list[int | None] | None:
    """For each input dimension its output dimension, if a reshape only adds and drops ones."""
    kept = [k for k, d in enumerate(target) if not _is_one(d)]
    if [target[k] for k in kept] != [d for d in source if not _is_one(d)]:
        return None
    following = iter(kept)
    return [None if _is_one(d) else next(following) for d in source]
