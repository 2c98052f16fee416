"""Fetches: any nesting of tensors, operations, variables and names, and the way back from results.

A structure is flattened once into the tensors and operations it needs and a function that builds
the same structure from the arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.ir.graph import IndexedSlices, Operation, Tensor

Builder = Callable[[list[Any]], Any]


class IndexedSlicesValue(NamedTuple):
    """The value of an `IndexedSlices`."""

    values: Any
    indices: Any
    dense_shape: Any


class Fetches:
    """A flattened fetch structure.

    Attributes:
        tensors: what must be computed, each once, in the order of their first place.
        targets: operations to run for their effect.
        build: the structure, from one value per tensor.
        flat: whether the structure is one element or a list of elements, nothing deeper.
        kind: "tensor", "operation", "list", "tuple" (both flat), or "nested".
        items: numbers of the values that a list or tuple is made of, -1 for None; of a nested
            structure all in order.
    """

    def __init__(self, graph: Graph, structure: Any) -> None:
        self.graph = graph
        self.tensors: list[Tensor] = []
        self.targets: list[Operation] = []
        self._numbers: dict[Tensor, int] = {}
        self.build = self._plan(structure)
        self.flat = _is_element(structure) or (
            type(structure) in (list, tuple) and all(map(_is_element, structure))
        )
        self.kind = self._kind(structure)
        self.items = self._items(structure)

    def _kind(self, structure: Any) -> str:
        if not self.flat:
            return "nested"
        if isinstance(structure, (list, tuple)):
            return type(structure).__name__
        return "tensor" if self.tensors else "operation"

    def _items(self, structure: Any) -> tuple[int, ...]:
        if self.kind not in ("list", "tuple"):
            return tuple(range(len(self.tensors)))
        elements = [self._element(fetch) for fetch in structure]
        return tuple([self._numbers.get(element, -1) for element in elements])

    def _plan(self, fetch: Any) -> Builder:
        if fetch is None:
            raise TypeError(
                located(
                    "Fetch argument None has invalid type <class 'NoneType'>; a gradient that is "
                    "None "
                    "cannot be fetched: leave it out"
                )
            )
        if isinstance(fetch, (list, tuple)):
            return self._plan_sequence(fetch)
        if isinstance(fetch, Mapping):
            return self._plan_mapping(fetch)
        if isinstance(fetch, IndexedSlices):
            return self._plan_slices(fetch)
        return self._plan_element(fetch)

    def _plan_sequence(self, fetch: Any) -> Builder:
        parts = [self._plan(item) for item in fetch]
        kind = type(fetch)
        if isinstance(fetch, list):
            return lambda results: [part(results) for part in parts]
        if kind is tuple:
            return lambda results: tuple([part(results) for part in parts])
        return lambda results: kind(*[part(results) for part in parts])

    def _plan_mapping(self, fetch: Mapping[Any, Any]) -> Builder:
        parts = {key: self._plan(item) for key, item in fetch.items()}
        kind: Any = type(fetch)

        def build(results: list[Any]) -> Any:
            found = kind() if kind is not dict else {}
            for key, part in parts.items():
                found[key] = part(results)
            return found

        return build

    def _plan_slices(self, fetch: IndexedSlices) -> Builder:
        values, indices = self._plan_element(fetch.values), self._plan_element(fetch.indices)
        shape = None if fetch.dense_shape is None else self._plan_element(fetch.dense_shape)
        return lambda results: IndexedSlicesValue(
            values(results), indices(results), None if shape is None else shape(results)
        )

    def _plan_element(self, fetch: Any) -> Builder:
        element = self._element(fetch)
        if not self.graph.is_fetchable(element):
            raise ValueError(
                located(f"Operation {element.name!r} has been marked as not fetchable.")
            )
        if isinstance(element, Operation):
            self.targets.append(element)
            return _nothing
        number = self._numbers.get(element)
        if number is None:
            number = self._numbers[element] = len(self.tensors)
            self.tensors.append(element)
        return lambda results: results[number]

    def _element(self, fetch: Any) -> Any:
        try:
            return self.graph.as_graph_element(fetch)
        except TypeError as error:
            raise TypeError(
                located(
                    f"Fetch argument {fetch!r} has invalid type {type(fetch)!r}, must be a "
                    "string or "
                    f"Tensor. ({error})"
                )
            ) from None
        except (ValueError, KeyError) as error:
            raise ValueError(
                located(
                    f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({error.args[0]})"
                )
            ) from None


def _nothing(results: list[Any]) -> None:
    return None


def _is_element(fetch: Any) -> bool:
    return isinstance(fetch, str) or (
        element_of(fetch) is not None and not isinstance(fetch, IndexedSlices)
    )
