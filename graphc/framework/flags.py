"""`tf.flags`: command-line flags, defined where they are used and read as attributes of `FLAGS`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_TRUE = {"true", "t", "1", "yes", "y"}
_FALSE = {"false", "f", "0", "no", "n"}


class Error(Exception):
    """A flag was defined or given wrongly."""


class DuplicateFlagError(Error):
    """A flag is defined twice."""


class IllegalFlagValueError(Error):
    """A value does not fit its flag."""


class UnparsedFlagAccessError(Error):
    """A flag is read before it can be."""


@dataclass
class Flag:
    """One flag: how its text is read, and its value."""

    name: str
    default: Any
    help: str
    parse: Callable[[Any], Any]
    value: Any
    boolean: bool = False
    present: int = 0


class FlagValues:
    """All flags; `FLAGS.name` is a value. The first access reads the command line.

    Flags it does not know stay in the arguments that `tf.app.run` hands to `main`.
    """

    def __init__(self) -> None:
        object.__setattr__(self, "_flags", {})
        object.__setattr__(self, "_parsed", False)

    def define(self, flag: Flag) -> None:
        """Add a flag; DuplicateFlagError if there is one of that name with another meaning."""
        known = self._flags.get(flag.name)
        if known is not None and (known.default, known.help) != (flag.default, flag.help):
            raise DuplicateFlagError(f"The flag '{flag.name}' is defined twice.")
        self._flags[flag.name] = flag

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Read a command line (with the program's name first); gives what is not a flag.

        Raises:
            Error: an unknown flag, unless `known_only`; IllegalFlagValueError: a bad value.
        """
        object.__setattr__(self, "_parsed", True)
        rest, pending = [argv[0]] if argv else [], list(argv[1:])
        while pending:
            word = pending.pop(0)
            if word == "--":
                return rest + pending
            if not word.startswith("-") or word == "-" or not self._take(word, pending):
                if word.startswith("-") and not known_only:
                    raise Error(f"Unknown command line flag '{word.lstrip('-').partition('=')[0]}'")
                rest.append(word)
        return rest

    def _take(self, word: str, pending: list[str]) -> bool:
        """Set the flag that a word names; False if there is none."""
        name, given, text = word.lstrip("-").partition("=")
        name = name.replace("-", "_") if name not in self._flags else name
        flag = self._flags.get(name)
        if flag is None:
            opposite = self._flags.get(name.removeprefix("no"))
            if given or not name.startswith("no") or opposite is None or not opposite.boolean:
                return False
            flag, text = opposite, "false"
        elif not given:
            if flag.boolean:
                text = "true"
            elif not pending:
                raise Error(f"Missing value for flag --{name}")
            else:
                text = pending.pop(0)
        self._set(flag, text)
        flag.present += 1
        return True

    def _set(self, flag: Flag, value: Any) -> None:
        try:
            flag.value = None if value is None else flag.parse(value)
        except (TypeError, ValueError) as error:
            raise IllegalFlagValueError(f"flag --{flag.name}={value}: {error}") from None

    def is_parsed(self) -> bool:
        return self._parsed

    def mark_as_parsed(self) -> None:
        object.__setattr__(self, "_parsed", True)

    def _parse_flags(self) -> None:
        """Read the command line now, as TF 1.0 programs ask for."""
        self(sys.argv or [""], known_only=True)

    def _read(self) -> None:
        if not self._parsed:
            self._parse_flags()

    def __getattr__(self, name: str) -> Any:
        if name in ("__flags", "_FlagValues__flags"):
            self._read()
            return {n: flag.value for n, flag in self._flags.items()}
        if name.startswith("__") or name not in self._flags:
            raise AttributeError(f"Unknown command line flag '{name}'")
        self._read()
        return self._flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._flags:
            raise AttributeError(f"Unknown command line flag '{name}'")
        self._read()
        self._set(self._flags[name], value)

    def __delattr__(self, name: str) -> None:
        if name not in self._flags:
            raise AttributeError(f"Unknown command line flag '{name}'")
        del self._flags[name]

    def __getitem__(self, name: str) -> Flag:
        return self._flags[name]

    def __contains__(self, name: object) -> bool:
        return name in self._flags

    def __iter__(self) -> Iterator[str]:
        return iter(self._flags)

    def __dir__(self) -> Iterable[str]:
        return sorted(self._flags)

    def flag_values_dict(self) -> dict[str, Any]:
        """The value of each flag by name."""
        self._read()
        return {name: flag.value for name, flag in self._flags.items()}


FLAGS = FlagValues()


def _define(name: str, default: Any, help: str | None, parse: Any, boolean: bool = False) -> None:
    value = None if default is None else parse(default)
    FLAGS.define(Flag(name, default, help or "", parse, value, boolean))


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise ValueError("a boolean is wanted")
    if value not in (0, 1):
        raise ValueError("a boolean is wanted")
    return bool(value)


def _integer(value: Any) -> int:
    return int(value, 0) if isinstance(value, str) else int(value)


def _list(value: Any) -> list[str]:
    if not isinstance(value, str):
        return list(value)
    return [part.strip() for part in value.split(",")] if value else []


def DEFINE_string(name: str, default: Any, help: str | None = None) -> None:
    """Define a flag whose value is text."""
    _define(name, default, help, str)


def DEFINE_integer(name: str, default: Any, help: str | None = None) -> None:
    """Define a flag whose value is an int."""
    _define(name, default, help, _integer)


def DEFINE_float(name: str, default: Any, help: str | None = None) -> None:
    """Define a flag whose value is a float."""
    _define(name, default, help, float)


def DEFINE_boolean(name: str, default: Any, help: str | None = None) -> None:
    """Define a flag whose value is a bool: `--name`, `--noname`, `--name=true`."""
    _define(name, default, help, _boolean, boolean=True)


DEFINE_bool = DEFINE_boolean


def DEFINE_list(name: str, default: Any, help: str | None = None) -> None:
    """Define a flag whose value is a list of texts, separated by commas."""
    _define(name, default, help, _list)


def DEFINE_enum(
    name: str, default: Any, enum_values: Sequence[str], help: str | None = None
) -> None:
    """Define a flag whose value is one of `enum_values`."""

    def parse(value: Any) -> str:
        if value not in enum_values:
            raise ValueError(f"value should be one of {', '.join(enum_values)}")
        return str(value)

    _define(name, default, help, parse)


def mark_flag_as_required(name: str) -> None:
    """Make reading the flag fail while it has no value."""
    flag = FLAGS[name]
    parse = flag.parse

    def required(value: Any) -> Any:
        if value is None:
            raise ValueError("a value is required")
        return parse(value)

    flag.parse = required
