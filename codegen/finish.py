"""Finishing: a draft becomes a kernel and the launch that runs it.

Neighbouring axes that every access walks as one are merged, sizes and buffers are numbered in order
of first use, and the vector axis is chosen. Drafts of equal structure give equal kernels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphc.codegen.draft import Draft, Launch, OperationId
from graphc.codegen.kernel import (
    Access,
    Affine,
    Axis,
    Bound,
    Buffer,
    Contraction,
    D,
    Kernel,
    Stage,
    Store,
)
from graphc.codegen.merging import affines, merge_axes
from graphc.codegen.scalar import is_zero
from graphc.ir.dims import Dim


def finish(draft: Draft) -> Launch:
    """Merge axes, number sizes and buffers, and make the kernel."""
    if draft.finished is None:
        return _Finish(draft).launch()
    position = {tensor: number for number, tensor in enumerate(draft.buffers)}
    key = (len(position), *((position[t], position[s]) for t, s in draft.in_place.items()))
    found = draft.finished.get(key)
    if found is None:
        found = draft.finished[key] = _Finish(draft).launch()
    buffers = tuple([t for t in draft.buffers if t not in draft.in_place])
    return Launch(found.kernel, buffers, found.dims, found.extent, tuple(draft.operations))


class _Finish:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.dims: dict[Any, int] = {}

    def launch(self) -> Launch:
        draft = self.draft
        if draft.special is None:
            merge_axes(draft)
        names, roles = self._buffers()
        axes = tuple(Axis(f"a{n}", self.size(e)) for n, e in enumerate(draft.extents))
        contraction = None
        if draft.contraction is not None:
            c = draft.contraction
            contraction = Contraction(
                self.access(c.a, roles), self.sizes(c.a_k), self.access(c.b, roles),
                self.sizes(c.b_k), self.sizes(c.k), c.dtype,
                tuple((self.size(extent), self.size(step)) for extent, step in c.rows),
            )  # fmt: skip
        stages = tuple(self._stage(stage, roles) for stage in draft.stages)
        sizes = draft.special_dims or tuple(self.dims)
        kernel = Kernel(
            tuple(names), len(sizes), axes, draft.outer, stages, contraction,
            _vector_axis(draft), draft.special, _title(draft), _sources(draft),
        )  # fmt: skip
        buffers = tuple(t for t in draft.buffers if t not in draft.in_place)
        extent = draft.extents[0] if draft.outer else None
        copy = draft.copy
        return Launch(kernel, buffers, sizes, extent, tuple(draft.operations), copy)

    def _buffers(self) -> tuple[list[Buffer], list[int]]:
        """The kernel's buffers, and the new number of each of the draft's."""
        draft = self.draft
        kept = [t for t in draft.buffers if t not in draft.in_place]
        shared = set(draft.in_place.values())
        buffers = []
        for number, tensor in enumerate(kept):
            role: Any = "out" if tensor in draft.written else "in"
            if tensor in shared or tensor in draft.accumulates:
                role = "inout"
            buffers.append(Buffer(f"b{number}", tensor.dtype, role))
        numbers = [kept.index(draft.in_place.get(t, t)) for t in draft.buffers]
        return buffers, numbers

    def size(self, size: Any) -> Any:
        if isinstance(size, int):
            return size
        return D(self.dims.setdefault(size, len(self.dims)))

    def sizes(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self.size(size) for size in sizes)

    def affine(self, a: Affine) -> Affine:
        return Affine(
            tuple((n, self.size(c)) for n, c in a.axes),
            self.size(a.offset),
            tuple((v, self.size(c)) for v, c in a.values),
        )

    def access(self, a: Access, roles: list[int]) -> Access:
        where = tuple(
            Bound(self.affine(b.index), self.size(b.low), self.size(b.high)) for b in a.where
        )
        return Access(roles[a.buffer], self.affine(a.index), where, a.other)

    def _stage(self, stage: Stage, roles: list[int]) -> Stage:
        body = []
        for i in stage.body:
            data = i.data
            if isinstance(data, Access):
                data = self.access(data, roles)
            elif isinstance(data, Affine):
                data = self.affine(data)
            elif isinstance(data, tuple):
                data = tuple(self.size(d) for d in data)
            elif i.op == "dim" or isinstance(data, (Dim, OperationId)):
                data = self.size(data)
            body.append(replace(i, data=data))
        stores = tuple(Store(self.access(s.access, roles), s.value, s.mode) for s in stage.stores)
        return Stage(stage.axes, tuple(body), stage.reduces, stores, stage.ordered)


def _vector_axis(draft: Draft) -> int | None:
    """The axis along which most accesses are contiguous.

    Without inner axes any outer one; else the last outer or the last inner one.
    """
    if draft.special is not None or not draft.extents:
        return None
    if draft.contraction is not None:
        return draft.outer - 1
    if any(stage.ordered for stage in draft.stages):
        return None
    candidates = list(range(draft.outer)) if draft.outer == len(draft.extents) else []
    if not candidates:
        candidates = [n for n in (draft.outer - 1, len(draft.extents) - 1) if n >= 0]

    def score(axis: int) -> tuple[int, int]:
        total = 0
        for affine in affines(draft):
            coefficient = affine.coefficient(axis)
            if isinstance(coefficient, int) and coefficient == 1:
                total += 1
            elif not is_zero(coefficient):
                total -= 1
        return (total, axis)

    return max(candidates, key=score)


def _title(draft: Draft) -> str:
    return " ".join(dict.fromkeys(op.type for op in draft.operations))


def _sources(draft: Draft) -> tuple[str, ...]:
    return tuple(f"{op.name}: {op.type} at {op.where}" for op in draft.operations)
