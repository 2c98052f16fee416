"""Templates: groups of equal structure are lowered once.

The signature of a loop group says all that its draft depends on, with tensors numbered by first
use. Long programs repeat themselves (layers, unrolled steps), so most groups of a large function
are copies of an earlier draft over other tensors.
"""

from __future__ import annotations

from typing import Any

from graphc.codegen.draft import Draft
from graphc.codegen.fusion import Fused, Group, dims
from graphc.ir import lowering as low
from graphc.ir.graph import Operation, Tensor
from graphc.ir.records import record


@record
class Template:
    """A draft and the storages it was made for, in the order of the signature."""

    draft: Draft
    storages: tuple[Tensor, ...]

    def over(self, group: Group, storages: tuple[Tensor, ...]) -> Draft:
        """The same draft for a group of equal signature."""
        here = dict(zip(self.storages, storages, strict=True))
        draft = self.draft
        return Draft(
            operations=list(group.operations),
            extents=list(draft.extents),
            outer=draft.outer,
            stages=list(draft.stages),
            contraction=draft.contraction,
            buffers=[here[t] for t in draft.buffers if t in here],
            written={here[t]: None for t in draft.written},
            finished=draft.finished,
        )


class Unlike(Exception):
    """Raised for a group whose draft depends on more than a signature says."""


def signature(fused: Fused, group: Group) -> tuple[Any, tuple[Tensor, ...]] | None:
    """What a loop group's draft depends on, and its storages by number; None if it is unique."""
    try:
        return _Signature(fused, group).make()
    except Unlike:
        return None


class _Signature:
    def __init__(self, fused: Fused, group: Group) -> None:
        self.fused, self.group = fused, group
        self.numbers: dict[Tensor, int] = {}  # storages
        self.local: dict[Tensor, int] = {}  # values of the group

    def make(self) -> tuple[Any, tuple[Tensor, ...]]:
        group = self.group
        parts: list[Any] = [tuple(group.extents), tuple(group.inner or ()), group.inner is None]
        for number, op in enumerate(group.operations):
            parts.append(self._operation(op))
            self.local[op.outputs[0]] = number
        return tuple(parts), tuple(self.numbers)

    def _operation(self, op: Operation) -> Any:
        definition = op.definition
        if definition.effect == "random" or definition.name in _FALLIBLE:
            raise Unlike
        output = op.outputs[0]
        unread = definition.shape_inputs
        # products read their operands from memory
        immediate = not isinstance(definition.lowering, (low.Contraction, low.Product))
        inputs = tuple(
            [self._input(t, immediate) for i, t in enumerate(op.inputs) if i not in unread]
        )
        stored = self._number(output) if output in self.fused.stored else -1
        lowering = definition.lowering
        if isinstance(lowering, low.View) and not self.group.reads[op]:
            raise Unlike  # a copy through a view
        return (
            definition.name,
            _attributes(op),
            output.dtype.name,
            dims(output),
            inputs,
            tuple(self.group.reads[op]),
            self.group.writes[op],
            stored,
        )

    def _number(self, storage: Tensor) -> int:
        return self.numbers.setdefault(storage, len(self.numbers))

    def _input(self, tensor: Tensor, immediate: bool) -> Any:
        if tensor in self.local:
            return self.local[tensor]
        if immediate and tensor.op.type == "Const" and tensor.op.attrs["value"].size == 1:
            value = tensor.op.attrs["value"]
            return ("const", tensor.dtype.name, value.tobytes(), tensor.type.dims)
        if self.fused.is_virtual(tensor):
            raise Unlike  # its index expressions may hold anything
        storage = self.fused.storage(tensor)
        return (self._number(storage), tensor.dtype.name, dims(tensor))


# Operations whose kernels name them when they fail.
_FALLIBLE = frozenset(
    ("Div", "FloorDiv", "FloorMod", "Mod", "TruncateDiv", "TruncateMod", "Pow", "GatherV2")
)


def _attributes(op: Operation) -> Any:
    if not op.attrs:
        return ()
    key = tuple(op.attrs.items())
    try:
        hash(key)
    except TypeError:
        raise Unlike from None
    return key
