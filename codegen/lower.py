"""Lowering: a fusion group becomes drafts of kernels, one for most kinds of groups."""

from __future__ import annotations

from typing import Any

from graphc.codegen.draft import Draft, RandomDim
from graphc.codegen.fusion import Fused, Group, dims
from graphc.codegen.kernel import Access, Affine, Stage, Store
from graphc.codegen.loops import LoopLowering
from graphc.codegen.scalar import Code, Point, canonical_of, linear
from graphc.codegen.template import Template, signature
from graphc.ir import dtypes
from graphc.ir import lowering as low
from graphc.ir.graph import Operation, Tensor


class Lowering:
    """Makes the drafts of a function's groups; those of equal structure are made once."""

    def __init__(self, fused: Fused) -> None:
        self.fused = fused
        self._templates: dict[Any, Template] = {}

    def drafts(self, group: Group) -> list[Draft]:
        """The drafts of a group, in running order (a host group has none)."""
        if group.kind != "loops":
            return _other(self.fused, group)
        found = signature(self.fused, group)
        if found is None:
            return [LoopLowering(self.fused, group).build()]
        key, storages = found
        template = self._templates.get(key)
        if template is not None:
            return [template.over(group, storages)]
        draft = LoopLowering(self.fused, group).build()
        if not draft.can_fail:
            draft.finished = {}
            self._templates[key] = Template(draft, storages)
            return [self._templates[key].over(group, storages)]
        return [draft]


def _other(fused: Fused, group: Group) -> list[Draft]:
    match group.kind:
        case "scatter":
            return _scatter(fused, group)
        case "place":
            return _place(fused, group)
        case "special":
            return [_special(fused, group)]
        case "dims":
            return [_dims(fused, group)]
        case _:
            return []


def _copy_draft(
    fused: Fused, op: Operation, source: Tensor | None, target: Tensor, shift: Point, axis: int
) -> Draft:
    """Copy `source` (zeros if None) into `target`, starting at `shift` along `axis`."""
    shape = dims(source if source is not None else target)
    draft = Draft([op], list(shape), len(shape))
    code = Code(fused, draft)
    points = [Point({a: 1}) for a in range(len(shape))]
    if source is None:
        value = code.emit("const", target.dtype, (), target.dtype.numpy.type(0).item())
    else:
        value = code.load(source, points, op)
    shifted = [p.plus(shift) if number == axis else p for number, p in enumerate(points)]
    draft.written[target] = None
    store = Store(Access(code.buffer(target), linear(dims(target), shifted).affine()), value)
    draft.stages.append(Stage((), tuple(code.body), (), (store,)))
    return draft


def _place(fused: Fused, group: Group) -> list[Draft]:
    """Inputs one after the other along an axis: one copy each."""
    op = group.operations[0]
    lowering = op.definition.lowering
    assert isinstance(lowering, low.Placement)
    target, axis = op.outputs[0], lowering.axis(op)
    drafts = []
    start: Any = 0
    for index, tensor in enumerate(op.inputs):
        if index in op.definition.shape_inputs:
            continue
        drafts.append(_copy_draft(fused, op, tensor, target, Point(offset=start), axis))
        start = start + dims(tensor)[axis]
    return drafts


def _scatter(fused: Fused, group: Group) -> list[Draft]:
    """The base (or zeros), then the updates in order."""
    op = group.operations[0]
    lowering = op.definition.lowering
    assert isinstance(lowering, low.Scatter)
    target = op.outputs[0]
    base = None if lowering.base is None else op.inputs[lowering.base]
    before = []
    if not lowering.blank:
        before = [_copy_draft(fused, op, base, target, Point(), -1)]
        if base is not None:
            before[0].copy = (target, fused.storage(base))
    updates = op.inputs[lowering.updates]
    shape = dims(updates)
    draft = Draft([op], list(shape), 0)
    code = Code(fused, draft)
    points = [Point({a: 1}) for a in range(len(shape))]
    index = [code.compose(i, points, op) for i in lowering.index(op)]
    value = code.load(updates, points, op)
    access = Access(code.buffer(target), linear(dims(target), index).affine())
    draft.written[target] = None
    draft.accumulates.add(target)
    store = Store(access, value, lowering.mode)
    draft.stages.append(
        Stage(tuple(range(len(shape))), tuple(code.body), (), (store,), ordered=True)
    )
    return [*before, draft]


def _special(fused: Fused, group: Group) -> Draft:
    op = group.operations[0]
    lowering = op.definition.lowering
    assert isinstance(lowering, low.Special)
    draft = Draft([op], special=lowering.name)
    canonical = canonical_of(op)
    draft.special_dims = tuple(canonical(d) for d in lowering.dims(op))
    if op.definition.effect == "random":
        seeds = (op.attrs["_random"], op.attrs.get("seed", 0), op.attrs.get("seed2", 0))
        draft.special_dims += (RandomDim(*seeds, "key"), RandomDim(*seeds, "run"))
    sizes = op.definition.shape_inputs
    draft.buffers += [fused.storage(t) for i, t in enumerate(op.inputs) if i not in sizes]
    draft.buffers.append(op.outputs[0])
    draft.written[op.outputs[0]] = None
    return draft


def _dims(fused: Fused, group: Group) -> Draft:
    """Sizes as data: one store for each element."""
    op = group.operations[0]
    target = op.outputs[0]
    draft = Draft([op])
    code = Code(fused, draft)
    canonical = canonical_of(op)
    stores = []
    for element, size in enumerate(op.attrs["dims"]):
        value = code.emit("dim", dtypes.int64, (), canonical(size))
        if target.dtype is not dtypes.int64:
            value = code.emit("convert", target.dtype, (value,))
        stores.append(Store(Access(code.buffer(target), Affine((), element)), value))
    draft.written[target] = None
    draft.stages.append(Stage((), tuple(code.body), (), tuple(stores)))
    return draft
