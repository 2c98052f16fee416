"""What of a kernel may be vectorised along `kernel.vector`, and how wide.

A vector computes 16 neighbouring points at once, or fewer: where the axis is shorter, and where
many values of 64 bits make the code long (each machine instruction takes 20 µs to compile). So
within a stage the order of effects changes: points of one vector run instruction by instruction.
Stages where that could be seen (scatters to computed addresses, failures that must be recorded in
element order) stay scalar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.codegen.cpu.points import VL
from graphc.codegen.kernel import MATH, Access, Affine, D, Kernel, Stage, Store

_LEAST = 4  # lanes of the narrowest vector
_LONG_VALUES = 24  # instructions on 64-bit values beyond which vectors have a quarter of the lanes
_SHORT = 12  # instructions of a body that may be written twice
_WIDE_LIMIT = 8  # instructions of a body that still leaves registers for four vectors at once


@dataclass(frozen=True, slots=True)
class Schedule:
    """`outer`: the outer axis to vectorise (None: no); `inner`: numbers of the stages vectorised
    along an inner axis; `wide`: whether an outer axis first runs in steps of four vectors; `order`:
    the outer axes from the outermost loop inwards. `width`: the lanes of a vector.
    """

    outer: int | None
    inner: tuple[int, ...]
    wide: bool
    order: tuple[int, ...]
    vector: int | None = None
    varying: frozenset[int] = frozenset()  # numbers of the values that differ between lanes
    width: int = VL

    def shares(self, stages: Sequence[Stage]) -> bool:
        """Whether whole vectors and the remainder should share one loop: where the code is long,
        that halves the time to compile it, for a branch at each load and store.
        """
        assert self.vector is not None
        return any(_long(stage) for stage in stages) and all(
            _contiguous(access, self.vector)
            and not any(number in self.varying for number, _ in access.index.values)
            for stage in stages
            for access in _accesses(stage)
        )


def plan(kernel: Kernel) -> Schedule:
    """Decide how to vectorise `kernel`."""
    axis = kernel.vector
    order = tuple(range(kernel.outer))
    if axis is None:
        return Schedule(None, (), False, order)
    varying, width = _varying(kernel, axis), _width(kernel, axis)
    if axis >= kernel.outer:
        inner = tuple(
            number
            for number, stage in enumerate(kernel.stages)
            if axis in stage.axes and _inner_fits(stage, axis, varying)
        )
        return Schedule(None, inner, False, order, axis, varying, width)
    if not all(_outer_fits(kernel, stage, axis, varying) for stage in kernel.stages):
        return Schedule(None, (), False, order, axis, varying)
    return Schedule(axis, (), _wide(kernel), _order(kernel, axis), axis, varying, width)


def _width(kernel: Kernel, axis: int) -> int:
    """The lanes of a vector along `axis`."""
    extent = kernel.axes[axis].extent
    if not isinstance(extent, D) and extent < VL:
        return max(_LEAST, 1 << (extent - 1).bit_length())
    body = [i for stage in kernel.stages for i in stage.body]
    moving = ("load", "const", "index", "dim", "check", "philox")
    long_values = sum(i.dtype.size == 8 and i.op not in moving for i in body)
    if axis < kernel.outer and not any(s.reduces for s in kernel.stages):
        return VL // 4 if long_values > _LONG_VALUES else VL
    return VL


def pairs(kernel: Kernel, schedule: Schedule, masked: bool) -> bool:
    """Whether two vectors run at once, where mathematics follows on mathematics: long chains of
    instructions that wait for each other (sigmoid(gelu(x)): 2.1 ns an element, two at once 1.6;
    one function alone is quicker inlined, exp 0.41 and 0.53). `masked`: whether the processor
    masks loads and stores.
    """
    stages, axis = kernel.stages, schedule.outer
    if axis is None or any(s.axes for s in stages) or not masked or schedule.width != VL:
        return False
    extent = kernel.axes[axis].extent
    body = [i for stage in stages for i in stage.body]
    narrow = all(i.dtype.size <= 4 or i.op in ("index", "dim") for i in body)
    long = sum(i.op in MATH for i in body) > 1 and not any(i.op == "philox" for i in body)
    return narrow and long and (isinstance(extent, D) or extent > VL) and schedule.shares(stages)


def _order(kernel: Kernel, axis: int) -> tuple[int, ...]:
    """The order of the outer loops. Where lanes of a transposed operand are far apart, the axis
    along which they are neighbours goes innermost: then each cache line is used up before the next.
    """
    order = tuple(range(kernel.outer))
    plain = not any(stage.axes or stage.ordered for stage in kernel.stages)
    fallible = any(i.fallible for stage in kernel.stages for i in stage.body)
    if axis != kernel.outer - 1 or not plain or fallible:
        return order
    for stage in kernel.stages:
        for access in _accesses(stage):
            if _contiguous(access, axis) or access.index.values:
                continue
            near = [a for a, c in access.index.axes if c == 1 and a < kernel.outer]
            if near:
                return (*(a for a in order if a not in (axis, near[0])), axis, near[0])
    return order


def _long(stage: Stage) -> bool:
    """Whether a stage's code is long: mathematics, many instructions, or several loops."""
    heavy = any(i.op in MATH or i.op == "philox" for i in stage.body)
    args = any(r.kind.startswith("arg") for r in stage.reduces)
    return heavy or args or len(stage.body) > _SHORT


def _accesses(stage: Stage) -> list[Access]:
    loads = [i.data for i in stage.body if isinstance(i.data, Access)]
    return loads + [store.access for store in stage.stores]


def _contiguous(access: Access, axis: int) -> bool:
    """Whether `access` is one vector load or store, or the same for all lanes."""
    return access.index.coefficient(axis) in (0, 1)


def _varying(kernel: Kernel, axis: int) -> frozenset[int]:
    """Numbers of the values that differ along `axis`."""
    found: set[int] = set()
    for stage in kernel.stages:
        for i in stage.body:
            forms: list[Affine] = []
            if isinstance(i.data, Access):
                forms = [i.data.index, *(bound.index for bound in i.data.where)]
            elif isinstance(i.data, Affine):
                forms = [i.data]
            if any(a in found for a in i.args) or any(_moves(f, axis, found) for f in forms):
                found.add(i.number)
        if axis < kernel.outer:
            found.update(r.number for r in stage.reduces if r.value in found)
    return frozenset(found)


def _moves(form: Affine, axis: int, varying: set[int] | frozenset[int]) -> bool:
    return form.coefficient(axis) != 0 or any(number in varying for number, _ in form.values)


def _fallible(stage: Stage, varying: frozenset[int]) -> bool:
    """Whether the stage has failures that differ between lanes."""
    return any(i.fallible and any(a in varying for a in i.args) for i in stage.body)


def _distinct(store: Store, axis: int, varying: frozenset[int]) -> bool:
    """Whether the lanes of a vector along `axis` are neighbours in the stored buffer."""
    index = store.access.index
    return index.coefficient(axis) == 1 and not any(v in varying for v, _ in index.values)


def _stores_fit(stage: Stage, axis: int, varying: frozenset[int]) -> bool:
    """Whether reads and writes of a vector's points can be done store by store."""
    if not stage.ordered and all(store.mode == "set" for store in stage.stores):
        return all(
            store.access.index.coefficient(axis) != 0 or store.value not in varying
            for store in stage.stores
        )
    buffers = [store.access.buffer for store in stage.stores]
    return len(buffers) == len(set(buffers)) and all(
        _distinct(store, axis, varying) for store in stage.stores
    )


def _inner_fits(stage: Stage, axis: int, varying: frozenset[int]) -> bool:
    serial = stage.ordered or _fallible(stage, varying)
    return _stores_fit(stage, axis, varying) and not (serial and stage.axes[-1] != axis)


def _outer_fits(kernel: Kernel, stage: Stage, axis: int, varying: frozenset[int]) -> bool:
    serial = stage.ordered or _fallible(stage, varying)
    innermost = axis == kernel.outer - 1 and not stage.axes
    return _stores_fit(stage, axis, varying) and not (serial and not innermost)


def _wide(kernel: Kernel) -> bool:
    """Whether the kernel is a light reduction over inner axes, whose rows are long strides apart:
    then four vectors at once use whole pages and cache lines."""
    folds = [r for stage in kernel.stages for r in stage.reduces if stage.axes]
    body = [i for stage in kernel.stages for i in stage.body]
    heavy = any(i.op in MATH or i.op in ("philox", "div", "rem") for i in body)
    args = any(r.kind.startswith("arg") for r in folds)
    small = all(i.dtype.size <= 4 or i.op in ("index", "dim", "check") for i in body)
    unit = all(
        i.data.index.coefficient(kernel.vector) in (0, 1) and not i.data.where
        for i in body
        if isinstance(i.data, Access) and kernel.vector is not None
    )
    dynamic = any(isinstance(a.extent, D) or a.extent >= 64 for a in kernel.axes[: kernel.outer])
    light = 0 < len(folds) <= 2 and len(body) <= _WIDE_LIMIT
    return light and not heavy and not args and small and unit and dynamic
