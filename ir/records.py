"""Records: frozen, slotted dataclasses whose methods are compiled in one go.

`@dataclass(frozen=True, slots=True)` compiles each method of each class by itself, most of a
millisecond a class, which a program would pay for a hundred classes before its first result. A
`@record` means the same, is a dataclass to `fields`, `replace` and `is_dataclass`, and takes a
fifth of the time to define.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass with slots: what it is made of, in order, is its value."""
    fields = _fields(cls)
    made: type[T] = _slotted(cls, [f.name for f in fields])
    names: dict[str, Any] = {"_missing": MISSING, "_class": made}
    exec(_source(fields, hasattr(cls, "__post_init__"), names), names)
    for method in ("__init__", "__eq__", "__hash__"):
        function = names[method]
        function.__qualname__ = f"{made.__qualname__}.{method}"
        function.__module__ = made.__module__
        setattr(made, method, function)
    for function in (__repr__, __setattr__, __delattr__, __getstate__, __setstate__):
        if function.__name__ not in cls.__dict__:
            setattr(made, function.__name__, function)
    return made


def _fields(cls: type) -> tuple[Field[Any], ...]:
    """The fields of a class, which becomes a dataclass without methods."""
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else dataclasses would work out a signature for it
    # what the decorator has to say about `cls` beyond its fields is said here
    plain: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    return dataclasses.fields(plain)


def _slotted(cls: type, names: list[str]) -> Any:
    """The class again, with slots; nothing may inherit from a record."""
    assert cls.__bases__ == (object,) or not any(
        dataclasses.is_dataclass(base) for base in cls.__bases__
    ), cls
    members = {
        k: v for k, v in cls.__dict__.items() if k not in (*names, "__dict__", "__weakref__")
    }
    members["__slots__"] = tuple(names)
    made = type(cls)(cls.__name__, cls.__bases__, members)
    made.__qualname__ = cls.__qualname__
    return made


def _source(fields: tuple[Field[Any], ...], post_init: bool, names: dict[str, Any]) -> str:
    """The text of the methods that depend on the fields; what they refer to goes to `names`."""
    made = names["_class"]
    parameters, body = [], []
    for f in fields:
        value, default = f.name, ""
        if f.default is not MISSING:
            names[f"_default_{f.name}"], default = f.default, f" = _default_{f.name}"
        elif f.default_factory is not MISSING:
            names[f"_factory_{f.name}"], default = f.default_factory, " = _missing"
            value = f"_factory_{f.name}() if {f.name} is _missing else {f.name}"
        if f.init:
            parameters.append(f"{f.name}{default}")
        elif default:
            value = f"_default_{f.name}" if default != " = _missing" else f"_factory_{f.name}()"
        else:
            continue
        names[f"_set_{f.name}"] = made.__dict__[f.name].__set__
        body.append(f" _set_{f.name}(self, {value})")
    if post_init:
        body.append(" self.__post_init__()")
    return "\n".join(
        [
            f"def __init__(self, {', '.join(parameters)}):",
            *(body or [" pass"]),
            "def __eq__(self, other):",
            " if other.__class__ is not _class: return NotImplemented",
            f" return {_compared(fields, 'self')} == {_compared(fields, 'other')}",
            "def __hash__(self):",
            f" return hash({_compared(fields, 'self')})",
        ]
    )


def _compared(fields: tuple[Field[Any], ...], name: str) -> str:
    return "(" + "".join(f"{name}.{f.name}, " for f in fields if f.compare) + ")"


# Methods that all records share.


def __repr__(self: Any) -> str:
    parts = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr]
    return f"{type(self).__qualname__}({', '.join(parts)})"


def __setattr__(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def __getstate__(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def __setstate__(self: Any, state: list[Any]) -> None:
    for f, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, f.name, value)
