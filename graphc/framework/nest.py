"""Nested structures: lists, tuples, named tuples and dicts of values, flattened and rebuilt.

Dicts go in the order of their sorted keys, as in TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = [
    "assert_same_structure",
    "children",
    "flatten",
    "is_sequence",
    "map_structure",
    "pack_sequence_as",
]


def is_sequence(value: Any) -> bool:
    """Whether a value is a structure of others: a list, tuple, named tuple or dict."""
    return isinstance(value, (list, tuple, Mapping))


def children(structure: Any) -> list[Any]:
    """What a structure holds directly, in order."""
    if isinstance(structure, Mapping):
        try:
            keys = sorted(structure)
        except TypeError:
            raise TypeError("nest only supports dicts with sortable keys.") from None
        return [structure[key] for key in keys]
    return list(structure)


def flatten(structure: Any) -> list[Any]:
    """The values of a structure in order; a value that is no structure alone."""
    if not is_sequence(structure):
        return [structure]
    found: list[Any] = []
    pending = [structure]
    while pending:
        value = pending.pop()
        if is_sequence(value):
            pending += reversed(children(value))
        else:
            found.append(value)
    return found


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """The values of `flat_sequence` in the form of `structure`.

    Raises:
        ValueError: there are more or fewer values than places.
    """
    flat = list(flat_sequence)
    places = flatten(structure)
    if len(flat) != len(places):
        raise ValueError(
            f"Could not pack sequence. Structure had {len(places)} elements, but flat_sequence had "
            f"{len(flat)} elements.  Structure: {structure}, flat_sequence: {flat}."
        )
    if not is_sequence(structure):
        return flat[0]
    return _packed(structure, iter(flat))


def _packed(structure: Any, values: Any) -> Any:
    # as deep as the user nested lists by hand
    parts = [_packed(p, values) if is_sequence(p) else next(values) for p in children(structure)]
    return _like(structure, parts)


def _like(structure: Any, parts: list[Any]) -> Any:
    kind: Any = type(structure)
    if isinstance(structure, Mapping):
        by_key = dict(zip(sorted(structure), parts, strict=True))
        ordered = [(key, by_key[key]) for key in structure]
        if hasattr(structure, "default_factory"):
            return kind(structure.default_factory, ordered)
        return kind(ordered)
    return kind(*parts) if hasattr(structure, "_fields") else kind(parts)


def map_structure(func: Callable[..., Any], *structures: Any, check_types: bool = True) -> Any:
    """The structure of `func` of the values at the same place in each of `structures`.

    Raises:
        TypeError, ValueError: they are not of one structure, or there is none.
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structures:
        raise ValueError("Must provide at least one structure")
    for other in structures[1:]:
        assert_same_structure(structures[0], other, check_types)
    flat = [flatten(s) for s in structures]
    return pack_sequence_as(structures[0], [func(*values) for values in zip(*flat, strict=True)])


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True) -> None:
    """Do nothing if two structures have the same form.

    Raises:
        ValueError: they have different numbers of values, or nest differently.
        TypeError: with `check_types`, containers are of different types.
    """
    pending = [(nest1, nest2)]
    while pending:
        a, b = pending.pop()
        if is_sequence(a) != is_sequence(b):
            raise ValueError(_difference(nest1, nest2, "one is nested where the other is not"))
        if not is_sequence(a):
            continue
        if check_types and type(a) is not type(b) and not _both_plain(a, b):
            raise TypeError(_difference(nest1, nest2, f"{type(a)} and {type(b)} differ"))
        if isinstance(a, Mapping) and isinstance(b, Mapping) and set(a) != set(b):
            raise ValueError(_difference(nest1, nest2, f"keys {list(a)} and {list(b)} differ"))
        parts = children(a), children(b)
        if len(parts[0]) != len(parts[1]):
            raise ValueError(
                _difference(nest1, nest2, f"one has {len(parts[0])} elements, the other "
                            f"{len(parts[1])}")
            )  # fmt: skip
        pending += zip(*parts, strict=True)


def _both_plain(a: Any, b: Any) -> bool:
    """Whether two containers may stand for one another: mappings, or named tuples of one name."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return True
    same_name = type(a).__name__ == type(b).__name__
    return same_name and getattr(a, "_fields", None) == getattr(b, "_fields", ())


def _difference(a: Any, b: Any, what: str) -> str:
    return (
        "The two structures don't have the same nested structure.\n\nFirst structure: "
        f"{a}\n\nSecond structure: {b}\n\n{what}"
    )
