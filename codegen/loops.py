"""Loop groups: fused elementwise operations, views, reductions and matrix products become one
draft.

Operations that vary along outer axes only are computed once for each outer point; each level of
reductions is one stage over the inner axes. What a stage needs it computes anew, but costly values
are *kept*: an earlier stage writes them into the memory of a tensor that a later one is to write
over (softmax: exp(x - max) goes to the output while it is summed, and is divided there).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphc.codegen.draft import Draft
from graphc.codegen.fusion import Fused, Group, Position, dims
from graphc.codegen.kernel import Access, Reduce, Stage, Store
from graphc.codegen.products import contraction
from graphc.codegen.scalar import Code, Point, Scalar, linear
from graphc.ir import dtypes
from graphc.ir import lowering as low
from graphc.ir.graph import Operation, Tensor

COSTLY = 8  # units of one addition: from here on a value is cheaper read again than computed again


class LoopLowering:
    """Builds the draft of a group of kind "loops"."""

    def __init__(self, fused: Fused, group: Group) -> None:
        self.fused, self.group = fused, group
        self.draft = Draft(list(group.operations))
        self.code = Code(fused, self.draft)
        self.axis_number: dict[int, int] = {}  # group axis -> draft axis
        self.outside: dict[Tensor, int] = {}  # values of stages without inner axes
        self.outside_memo: dict[Any, int] = {}
        self.kept: dict[Tensor, Tensor] = {}  # costly value -> in whose memory it lies for now

    def build(self) -> Draft:
        group, draft = self.group, self.draft
        if group.contraction is not None:
            self._contraction_axes(group.contraction)
        else:
            order = group.outer + list(group.inner or ())
            self.axis_number = {axis: number for number, axis in enumerate(order)}
            draft.extents = [group.extents[a] for a in order]
            draft.outer = len(group.outer)
        levels = self._levels()
        for level in range(max(levels.values(), default=0) + 1):
            chosen = [op for op in group.operations if levels[op] == level]
            self._outer_stage([op for op in chosen if not self._is_inner(op)])
            if group.inner:
                later = [op for op in group.operations if levels[op] > level]
                inner = [op for op in chosen if self._is_inner(op) or self._folds(op)]
                self._inner_stage(inner, later)
        return draft

    def _contraction_axes(self, op: Operation) -> None:
        """Matrix products keep their axes of size 1: batch axes, m, n."""
        shape = dims(op.outputs[0])
        self.draft.extents = list(shape)
        self.draft.outer = len(shape)
        for dimension, axis in enumerate(self.group.writes[op]):
            if axis is not None:
                self.axis_number[axis] = dimension
        self.draft.contraction = contraction(self.code, op)

    def _levels(self) -> dict[Operation, int]:
        """How many reductions, one after the other, stand before each operation."""
        levels: dict[Operation, int] = {}
        for op in self.group.operations:
            level = 0
            for tensor in op.inputs:
                if self._is_value(tensor):
                    level = max(level, levels[tensor.op] + self._folds(tensor.op))
            levels[op] = level
        return levels

    def _is_value(self, tensor: Tensor) -> bool:
        """Whether a tensor is computed in this group (not read from memory)."""
        return self.fused.group_of.get(tensor.op) is self.group

    def _folds(self, op: Operation) -> bool:
        return isinstance(op.definition.lowering, low.Reduction)

    def _is_inner(self, op: Operation) -> bool:
        """Whether an operation's value varies along inner axes."""
        if self._folds(op) or not self.group.inner:
            return False
        return any(a in self.group.inner for a in self.group.writes[op] if a is not None)

    def _points(self, position: Position) -> list[Point]:
        return [Point() if a is None else Point({self.axis_number[a]: 1}) for a in position]

    def _outer_stage(self, chosen: list[Operation]) -> None:
        """Values that vary along outer axes only; they stay visible to later stages."""
        stores: list[Store] = []
        self.code.body = []
        self.code.memo = self.outside_memo
        for op in chosen:
            if self._folds(op):
                if self.group.inner:
                    continue
                value = self._fold_of_one(op)
            else:
                value = self._compute(op, self.outside)
            self.outside[op.outputs[0]] = value
            self._store(op, value, stores)
        if self.code.body or stores:
            self.draft.stages.append(Stage((), tuple(self.code.body), (), tuple(stores)))

    def _inner_stage(self, chosen: list[Operation], later: list[Operation]) -> None:
        """One loop over the inner axes: reductions of this level and stores of its tensors."""
        group = self.group
        folds, stored = self._ends(chosen)
        if not folds and not stored:
            return
        self.code.body = []
        self.code.memo = dict(self.outside_memo)
        local = dict(self.outside)
        needed = self._needed([op.inputs[0] for op in folds] + [op.outputs[0] for op in stored])
        for op in needed:
            kept = self.kept.get(op.outputs[0])
            value = self._compute(op, local) if kept is None else self._load_kept(kept)
            local[op.outputs[0]] = value
        stores: list[Store] = []
        for op in stored:
            self._store(op, local[op.outputs[0]], stores)
        self._keep(needed, stored, later, local, stores)
        reduces = []
        for op in folds:
            lowering = op.definition.lowering
            assert isinstance(lowering, low.Reduction)
            value = self._read(op, 0, local)
            number, reduce = self._fold(op, lowering.kind, value)
            reduces.append(reduce)
            self.outside[op.outputs[0]] = number
        axes = tuple(self.axis_number[a] for a in group.inner or ())
        self.draft.stages.append(Stage(axes, tuple(self.code.body), tuple(reduces), tuple(stores)))
        self._results(folds)

    def _ends(self, chosen: list[Operation]) -> tuple[list[Operation], list[Operation]]:
        """What inner stages are there for: reductions, and operations whose values are stored."""
        folds = [op for op in chosen if self._folds(op)]
        stored = [op for op in chosen if self._is_inner(op) and op.outputs[0] in self.fused.stored]
        return folds, stored

    # -- costly values that several stages need

    def _keep(
        self,
        needed: list[Operation],
        stored: list[Operation],
        later: list[Operation],
        local: dict[Tensor, int],
        stores: list[Store],
    ) -> None:
        """Note which costly values of this stage lie in memory when later stages need them."""
        written = {op.outputs[0] for op in stored}
        self.kept = {value: t for value, t in self.kept.items() if t not in written or value is t}
        self.kept |= {op.outputs[0]: op.outputs[0] for op in stored if self._is_costly(op)}
        folds, ends = self._ends(later)
        again = self._needed([op.inputs[0] for op in folds] + [op.outputs[0] for op in ends])
        for op in reversed(needed):
            value = op.outputs[0]
            if op not in again or value in self.kept or not self._is_costly(op):
                continue
            for end in ends:
                target = end.outputs[0]
                if self._fits(value, target):
                    self.kept[value] = target
                    self.draft.written[target] = None
                    stores.append(Store(self._place(target), local[value]))
                    again = self._needed(
                        [op.inputs[0] for op in folds] + [op.outputs[0] for op in ends]
                    )
                    break

    def _is_costly(self, op: Operation) -> bool:
        lowering = op.definition.lowering
        return isinstance(lowering, low.Elementwise) and lowering.cost >= COSTLY

    def _fits(self, value: Tensor, target: Tensor) -> bool:
        """Whether `target`, to be written later, has room for `value` and nothing in it yet."""
        writes = self.group.writes
        return (
            value.dtype is target.dtype
            and writes[value.op] == writes[target.op]
            and dims(value) == dims(target)
            and target not in self.kept.values()
        )

    def _place(self, tensor: Tensor) -> Access:
        position = linear(dims(tensor), self._points(self.group.writes[tensor.op]))
        return Access(self.code.buffer(tensor), position.affine())

    def _load_kept(self, target: Tensor) -> int:
        return self.code.emit("load", target.dtype, (), self._place(target))

    def _results(self, folds: list[Operation]) -> None:
        """What the reductions gave, in their dtypes; once for each outer point."""
        stores: list[Store] = []
        self.code.body, self.code.memo = [], self.outside_memo
        for op in folds:
            result = self.outside[op.outputs[0]]
            wanted = op.outputs[0].dtype
            if self.code.types[result] is not wanted:
                result = self.code.emit("convert", wanted, (result,))
                self.outside[op.outputs[0]] = result
            self._store(op, result, stores)
        if self.code.body or stores:
            self.draft.stages.append(Stage((), tuple(self.code.body), (), tuple(stores)))

    def _fold(self, op: Operation, kind: low.ReductionKind, value: int) -> tuple[int, Reduce]:
        dtype = dtypes.int64 if kind in ("argmax", "argmin") else op.outputs[0].dtype
        number = self.code.number(dtype)
        return number, Reduce(number, kind, value, dtype)

    def _fold_of_one(self, op: Operation) -> int:
        """A reduction over axes of size 1: the element itself, or position 0."""
        lowering = op.definition.lowering
        assert isinstance(lowering, low.Reduction)
        wanted = op.outputs[0].dtype
        if lowering.kind in ("argmax", "argmin"):
            return self.code.emit("const", wanted, (), 0)
        return self._read(op, 0, self.outside)

    def _needed(self, tensors: list[Tensor]) -> list[Operation]:
        """The inner operations of this group behind some tensors, in order."""
        wanted: set[Operation] = set()
        pending = [t.op for t in tensors if self._is_value(t)]
        while pending:
            op = pending.pop()
            if op in wanted or op.outputs[0] in self.outside or self._folds(op):
                continue
            wanted.add(op)
            if op.outputs[0] in self.kept:
                continue
            pending += [t.op for t in op.inputs if self._is_value(t)]
        return [op for op in self.group.operations if op in wanted]

    def _store(self, op: Operation, value: int, stores: list[Store]) -> None:
        tensor = op.outputs[0]
        if tensor not in self.fused.stored:
            return
        self.draft.written[tensor] = None
        stores.append(Store(self._place(tensor), value))

    def _read(self, op: Operation, index: int, values: dict[Tensor, int]) -> int:
        """The element of an input that an operation reads."""
        tensor = op.inputs[index]
        if tensor in values:
            return values[tensor]
        assert not self._is_value(tensor), (op, tensor)
        return self.code.load(tensor, self._points(self.group.reads[op][index]), op)

    def _compute(self, op: Operation, values: dict[Tensor, int]) -> int:
        """The value of one element of an operation's output."""
        match op.definition.lowering:
            case low.Elementwise() as lowering:
                unread = op.definition.shape_inputs
                inputs = [
                    self._read(op, i, values) for i in range(len(op.inputs)) if i not in unread
                ]
                builder = Scalar(self.code, op, self._points(self.group.writes[op]))
                result: int = lowering.scalar(builder, *inputs)
                assert self.code.types[result] is op.outputs[0].dtype, (op, self.code.types[result])
                return result
            case low.Contraction() | low.Product():
                return self.code.emit("acc", op.outputs[0].dtype)
            case low.View() as lowering if not self.group.reads[op]:
                return self._gathered(op, lowering)
            case low.View() | low.Reshape():
                return self._read(op, 0, values)
        raise AssertionError(op)

    def _gathered(self, op: Operation, lowering: low.View) -> int:
        """A view that a group copies to memory."""
        points = self._points(self.group.writes[op])
        regions = lowering.regions(op)
        index = [self.code.compose(i, points, op) for i in lowering.index(op)]
        number = self.code.load(op.inputs[0], index, op, immediate=not regions)
        if not regions:
            return number
        position = next(k for k, i in enumerate(self.code.body) if i.number == number)
        load = self.code.body[position]
        bounds = self.code.bounds(regions, points, op)
        fill = lowering.fill(op)
        other = fill if op.outputs[0].dtype.is_floating else int(fill)
        access = replace(load.data, where=(*load.data.where, *bounds), other=other)
        self.code.body[position] = replace(load, data=access)
        self.code.memo = {k: v for k, v in self.code.memo.items() if v != number}
        return number
