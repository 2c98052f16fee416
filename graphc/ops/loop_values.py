"""What goes through branches and loops: structures of tensors, slices and tensor arrays.

A `Packing` remembers a structure; its values go as plain tensors and come back as what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located, relocated
from graphc.ir.dims import Unknown
from graphc.ir.graph import Graph, IndexedSlices, Operation, Tensor

Rebuild = Callable[[Sequence[Tensor]], Any]


@dataclass(frozen=True, slots=True)
class Packing:
    """A structure whose values are made of tensors; `parts` says how many each takes, and how it is
    made of them again."""

    structure: Any
    parts: tuple[tuple[int, Rebuild], ...]

    def pack(self, tensors: Sequence[Tensor]) -> Any:
        """The structure with these tensors in it."""
        values, start = [], 0
        for count, rebuild in self.parts:
            values.append(rebuild(tensors[start : start + count]))
            start += count
        return nest.pack_sequence_as(self.structure, values)


def unpack(value: Any, dtypes: Sequence[Any] | None = None) -> tuple[Packing, list[Tensor]]:
    """The tensors of a structure. Numbers beside become tensors, of `dtypes` where they fit.

    Raises:
        TypeError, ValueError: something is no tensor and cannot become one.
    """
    tensors: list[Tensor] = []
    parts: list[tuple[int, Rebuild]] = []
    for item in nest.flatten(value):
        wanted = None if dtypes is None or len(tensors) >= len(dtypes) else dtypes[len(tensors)]
        found, rebuild = _components(item, wanted)
        tensors += found
        parts.append((len(found), rebuild))
    return Packing(value, tuple(parts)), tensors


def _components(value: Any, dtype: Any) -> tuple[list[Tensor], Rebuild]:
    if hasattr(value, "_with_flow"):
        return [value.flow], lambda tensors: value._with_flow(tensors[0])
    if isinstance(value, IndexedSlices):
        found = [value.values, value.indices]
        if value.dense_shape is not None:
            found.append(value.dense_shape)
        return found, lambda tensors: IndexedSlices(*tensors)
    try:
        return [convert_to_tensor(value, preferred_dtype=dtype)], lambda tensors: tensors[0]
    except (TypeError, ValueError) as error:
        raise relocated(error) from None


def convert_results(
    graph: Graph, value: Any, what: str, dtypes: Sequence[Any] | None = None
) -> tuple[Packing, list[Tensor]]:
    """The tensors that a function gives, as they are at its end. An operation becomes a bool that
    waits for it.

    Raises:
        ValueError, TypeError: there is None among them, or what cannot become a tensor.
    """
    flat = []
    for item in nest.flatten(value):
        if item is None:
            raise ValueError(located(f"{what} gives None; every value must be a tensor"))
        element = element_of(item)
        if isinstance(element, Operation):
            with graph.control_dependencies([element]):
                item = graph.op("Identity", graph.constant(True), name="control_dependency")
        flat.append(item)
    packing, tensors = unpack(nest.pack_sequence_as(value, flat), dtypes)
    return packing, [graph.op("Identity", t) for t in tensors]


def is_within(shape: Any, invariant: Any) -> bool:
    """Whether every tensor of `shape` keeps to `invariant`."""
    if invariant is None:
        return True
    if shape is None or len(shape) != len(invariant):
        return False
    return all(
        isinstance(wanted, Unknown) or wanted == size
        for size, wanted in zip(shape, invariant, strict=True)
    )
