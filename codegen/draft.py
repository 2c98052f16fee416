"""Drafts: kernels in the making, whose sizes are the function's and whose buffers are tensors.

Lowering makes drafts, the plan may let one write in place, and `finish` turns it into a `Launch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphc.codegen.kernel import Access, Contraction, Kernel, Stage
from graphc.ir.graph import Operation, Tensor
from graphc.ir.records import record

# Sizes in drafts are ints, Dims, `OperationId` or `RandomDim`: what a launch passes in its dims.


@record
class OperationId:
    """The number by which a failing operation is reported."""

    number: int


@record
class RandomDim:
    """The key or run counter of a random operation, supplied by the session for each run."""

    name: str
    seed: int
    seed2: int
    part: str  # "key" or "run"


@dataclass
class Draft:
    """A kernel in the making. `buffers` are storage tensors in order of first use."""

    operations: list[Operation]
    extents: list[Any] = field(default_factory=list)
    outer: int = 0
    stages: list[Stage] = field(default_factory=list)
    contraction: Contraction | None = None
    buffers: list[Tensor] = field(default_factory=list)
    written: dict[Tensor, None] = field(default_factory=dict)
    accumulates: set[Tensor] = field(default_factory=set)
    special: str | None = None
    special_dims: tuple[Any, ...] = ()
    copy: tuple[Tensor, Tensor] | None = None  # (target, source) where this only copies memory
    in_place: dict[Tensor, Tensor] = field(default_factory=dict)  # written tensor -> read tensor
    # kernels that drafts of the same template became, by what is written in place
    finished: dict[Any, Any] | None = None

    @property
    def reads(self) -> list[Tensor]:
        """The storages this launch reads."""
        return [t for t in self.buffers if t not in self.written or t in self.accumulates]

    @property
    def can_fail(self) -> bool:
        return any(i.fallible for stage in self.stages for i in stage.body)

    def accesses(self) -> Iterator[tuple[int, Access, bool]]:
        """(stage number, access, whether it is a store) of every memory access."""
        for number, stage in enumerate(self.stages):
            for instruction in stage.body:
                if instruction.op == "load":
                    yield number, instruction.data, False
            for store in stage.stores:
                yield number, store.access, True

    def may_overwrite(self, target: Tensor, source: Tensor) -> bool:
        """Whether `target` may be written over `source`: each element is read (if at all) only by
        the point that writes it, and not after."""
        if target not in self.buffers or source not in self.buffers or source in self.written:
            return False
        into, out = self.buffers.index(source), self.buffers.index(target)
        if self.contraction is not None and into in (
            self.contraction.a.buffer,
            self.contraction.b.buffer,
        ):
            return False
        stores = [(n, a) for n, a, is_store in self.accesses() if is_store and a.buffer == out]
        if len(stores) != 1:
            return False
        stage, stored = stores[0]
        for number, access, is_store in self.accesses():
            if access.buffer == into and not is_store:
                same = access.index == stored.index and not access.where and not stored.where
                if not same or number > stage:
                    return False
        return True


@record
class Launch:
    """A kernel with its arguments: storages for its buffers, sizes for its dims.

    `extent` is the size of the outermost axis (None: the kernel has no outer axes).
    """

    kernel: Kernel
    buffers: tuple[Tensor, ...]
    dims: tuple[Any, ...]
    extent: Any
    operations: tuple[Operation, ...]
    copy: tuple[Tensor, Tensor] | None = None
