"""Merging: neighbouring axes that every access walks as one become one axis.

Fewer and longer loops. In a product the rows of all batches become one axis if B does not vary
over them; those of a product with windows even where A walks them unevenly, as digits of the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from graphc.codegen.draft import Draft
from graphc.codegen.kernel import Access, Affine, Bound, Contraction, Stage, Store
from graphc.codegen.scalar import is_one, is_zero


def affines(draft: Draft) -> Iterator[Affine]:
    """The affine forms of a draft's stages (those of its contraction stand apart)."""
    for stage in draft.stages:
        for i in stage.body:
            if isinstance(i.data, Affine):
                yield i.data
            elif isinstance(i.data, Access):
                yield i.data.index
                yield from (b.index for b in i.data.where)
        for store in stage.stores:
            yield store.access.index


def merge_axes(draft: Draft) -> None:
    """Join neighbouring axes that every access walks as one."""
    if draft.contraction is not None:
        _merge_product(draft)
        return
    axis = len(draft.extents) - 2
    while axis >= 0:
        both_outer = axis + 1 < draft.outer
        both_inner = axis >= draft.outer
        if (both_outer or both_inner) and _mergeable(draft, axis):
            _merge(draft, axis)
        axis -= 1


def _mergeable(draft: Draft, axis: int) -> bool:
    for stage in draft.stages:
        if (axis in stage.axes) != (axis + 1 in stage.axes):
            return False
    return all(_as_one(affine, axis, draft.extents[axis + 1]) for affine in affines(draft))


def _as_one(affine: Affine, axis: int, extent: Any) -> bool:
    """Whether an affine form walks `axis` and the next, of this extent, as one axis."""
    near: Any = affine.coefficient(axis + 1)
    return bool(affine.coefficient(axis) == near * extent)


def _merge(draft: Draft, axis: int) -> None:
    """Replace axes `axis` and `axis + 1` by one; later axes move down."""
    draft.extents[axis + 1] = draft.extents[axis] * draft.extents[axis + 1]
    _remove(draft, axis)


def _remove(draft: Draft, axis: int) -> None:
    """Take an axis and its terms away; later axes move down."""
    del draft.extents[axis]
    if axis < draft.outer:
        draft.outer -= 1

    def renumber(a: Affine) -> Affine:
        axes = tuple((n if n <= axis else n - 1, c) for n, c in a.axes if n != axis)
        return Affine(axes, a.offset, a.values)

    def access(a: Access) -> Access:
        where = tuple(Bound(renumber(b.index), b.low, b.high) for b in a.where)
        return Access(a.buffer, renumber(a.index), where, a.other)

    for number, stage in enumerate(draft.stages):
        body = []
        for i in stage.body:
            if isinstance(i.data, Affine):
                i = replace(i, data=renumber(i.data))
            elif isinstance(i.data, Access):
                i = replace(i, data=access(i.data))
            body.append(i)
        stores = tuple(Store(access(s.access), s.value, s.mode) for s in stage.stores)
        axes = tuple(dict.fromkeys(n if n <= axis else n - 1 for n in stage.axes))
        draft.stages[number] = Stage(axes, tuple(body), stage.reduces, stores, stage.ordered)
    if draft.contraction is not None:
        c = draft.contraction
        draft.contraction = replace(c, a=access(c.a), b=access(c.b))


# -- products: batch axes, rows, columns


def _merge_product(draft: Draft) -> None:
    _drop_ones(draft)
    while draft.outer > 2 and _merge_into_rows(draft):
        pass
    for axis in range(draft.outer - 4, -1, -1):
        c = draft.contraction
        assert c is not None
        forms = [c.a.index, c.b.index, *affines(draft)]
        if all(_as_one(form, axis, draft.extents[axis + 1]) for form in forms):
            _merge(draft, axis)
    assert draft.contraction is not None
    draft.contraction = _plain(_merge_sums(draft.contraction), draft.outer - 2)


def _drop_ones(draft: Draft) -> None:
    """Take away batch axes of size 1, and rows if there is but one and a batch axis can be rows."""
    for axis in range(draft.outer - 3, -1, -1):
        if is_one(draft.extents[axis]):
            _remove(draft, axis)
    c, row = draft.contraction, draft.outer - 2
    assert c is not None
    if draft.outer == 2 or not is_one(draft.extents[row]):
        return
    if is_zero(c.b.index.coefficient(row - 1)):
        if c.rows:
            step: Any = c.a.index.coefficient(row - 1)
            c = replace(c, a=_without(c.a, row - 1), rows=((draft.extents[row - 1], step),))
        draft.contraction = c
        _remove(draft, row)


def _merge_into_rows(draft: Draft) -> bool:
    """Make the last batch axis a part of the rows, if B does not vary over it."""
    c, batch = draft.contraction, draft.outer - 3
    assert c is not None
    extent = draft.extents[batch + 1]
    if not is_zero(c.b.index.coefficient(batch)):
        return False
    if not all(_as_one(affine, batch, extent) for affine in affines(draft)):
        return False
    if c.rows:
        count, far = draft.extents[batch], c.a.index.coefficient(batch)
        digits: list[tuple[Any, Any]] = list(c.rows)
        first, near = digits[0]
        if far == near * first:
            digits[0] = (count * first, near)
        else:
            digits.insert(0, (count, far))
        draft.contraction = replace(c, rows=tuple(digits))
    elif not _as_one(c.a.index, batch, extent):
        return False
    _merge(draft, batch)
    return True


def _merge_sums(c: Contraction) -> Contraction:
    """Join neighbouring k axes that both operands walk as one; drop those of size 1."""
    steps: list[tuple[Any, Any, Any]] = list(zip(c.k, c.a_k, c.b_k, strict=True))
    steps = [step for step in steps if not is_one(step[0])] or steps[-1:]
    merged = steps[-1:]
    for extent, a_step, b_step in reversed(steps[:-1]):
        inner, a_inner, b_inner = merged[0]
        if a_step == a_inner * inner and b_step == b_inner * inner:
            merged[0] = (extent * inner, a_inner, b_inner)
        else:
            merged.insert(0, (extent, a_step, b_step))
    k, a_k, b_k = zip(*merged, strict=True)
    return replace(c, k=k, a_k=a_k, b_k=b_k)


def _plain(c: Contraction, row: int) -> Contraction:
    """A product whose windows turned out to be rows of a matrix, as one without windows."""
    if len(c.rows) != 1 or len(c.k) != 1:
        return c
    ((_, step),) = c.rows
    index = c.a.index
    axes = index.axes if is_zero(step) else tuple(sorted((*index.axes, (row, step))))
    return replace(c, a=replace(c.a, index=Affine(axes, index.offset)), rows=())


def _without(access: Access, axis: int) -> Access:
    axes = tuple((n, c) for n, c in access.index.axes if n != axis)
    return replace(access, index=Affine(axes, access.index.offset))
