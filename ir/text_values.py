"""Tokens of the text form and the values made of them: sizes, types, attributes, arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn

import numpy as np

from graphc.ir.dims import (
    UNKNOWN,
    Dim,
    Unknown,
    floordiv,
    maximum,
    minimum,
    mod,
    symbol,
)
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import Attr
from graphc.ir.text import digest
from graphc.ir.types import TensorType

# Nesting of tuples in attributes and of floordiv and kin in sizes.
_DEEPEST = 32
_LARGEST_INTEGER = 2**64
_LONGEST_LINE = 1 << 20
_LARGEST_RANK = 32

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<comment>//.*)
      | (?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
      | (?P<number>\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,6})?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>==|!=|<=|[-+*=<>(){}\[\],:%?|@\#])
    )""",
    re.VERBOSE,
)
_HEX = re.compile(r"[0-9a-f]*")


# Stands for a function in an attribute until the lines that say it are read.
FUNCTION = object()


class ParseError(ValueError):
    """Text that is no graph; the message begins with the line number."""


class Scanner:
    """One line of text, read token by token from the left."""

    def __init__(self, line: str, constants: Mapping[str, np.ndarray]) -> None:
        if len(line) > _LONGEST_LINE:
            raise ParseError(
                f"the line has {len(line)} characters, at most {_LONGEST_LINE} are read"
            )
        self.line = line
        self.constants = constants
        self.position = 0
        self.depth = 0
        self.kind, self.token = "", ""
        self._advance()

    def fail(self, wanted: str) -> NoReturn:
        found = f"'{self.token[:40]}'" if self.kind else "the end of the line"
        raise ParseError(f"{wanted} is wanted where {found} stands")

    def _advance(self) -> str:
        token = self.token
        match = _TOKEN.match(self.line, self.position)
        if match is None:
            if self.line[self.position :].strip():
                raise ParseError(f"cannot read {self.line[self.position :][:40]!r}")
            self.kind, self.token = "", ""
            return token
        self.position = match.end()
        self.kind = match.lastgroup or ""
        self.token = match[self.kind]
        return token

    # -- tokens

    def sees(self, text: str) -> bool:
        """Whether the next token is `text` (or a string, for a quotation mark)."""
        return (
            self.kind == "string"
            if text == '"'
            else self.kind in ("mark", "word") and self.token == text
        )

    def accept(self, text: str) -> bool:
        if self.sees(text):
            self._advance()
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail(f"'{text}'")

    def word(self) -> str:
        if self.kind != "word":
            self.fail("a name")
        return self._advance()

    def string(self) -> str:
        if self.kind != "string":
            self.fail("a text in quotation marks")
        token = self._advance()
        try:
            text = json.loads(token)
        except ValueError:
            raise ParseError(f"cannot read the text {token[:40]}") from None
        assert isinstance(text, str), token
        return text

    def integer(self) -> int:
        """A number without sign."""
        if self.kind != "number" or not self.token.isdigit():
            self.fail("an integer")
        value = int(self._advance())
        if value > _LARGEST_INTEGER:
            raise ParseError(f"the integer {value} is too large")
        return value

    def signed(self) -> int:
        return -self.integer() if self.accept("-") else self.integer()

    def comment(self) -> str | None:
        """The text of a comment at the end of the line."""
        if self.kind != "comment":
            return None
        return self._advance()[2:].removeprefix(" ")

    def end(self) -> None:
        if self.kind not in ("", "comment"):
            self.fail("the end of the line")

    def items(self, opening: str, closing: str, item: Callable[[], Any]) -> list[Any]:
        """Values in brackets, separated by commas; a comma may follow the last."""
        self.expect(opening)
        found = []
        while not self.accept(closing):
            found.append(item())
            if not self.accept(","):
                self.expect(closing)
                break
        return found

    def relation(self) -> Literal["==", "!=", "<=", "<"]:
        for relation in ("==", "!=", "<=", "<"):
            if self.accept(relation):
                return relation
        self.fail("a relation")

    # -- sizes and types

    def dim(self) -> Any:
        """A size: an int, a `Dim` or UNKNOWN."""
        if self.accept("?"):
            return UNKNOWN
        self._deeper()
        total = self._product(-1 if self.accept("-") else 1)
        while self.sees("+") or self.sees("-"):
            total = total + self._product(-1 if self._advance() == "-" else 1)
        self.depth -= 1
        return total

    def _product(self, sign: int) -> Any:
        result: Any = sign * self._factor()
        while self.accept("*"):
            result = result * self._factor()
        return result

    def _factor(self) -> Any:
        if self.kind == "number":
            return self.integer()
        name = self.word()
        if not self.accept("("):
            return symbol(name)
        functions = {"floordiv": floordiv, "mod": mod, "min": minimum, "max": maximum}
        if name not in functions:
            raise ParseError(f"unknown function of sizes: '{name}'")
        a = self.dim()
        self.expect(",")
        b = self.dim()
        self.expect(")")
        if name in ("floordiv", "mod") and isinstance(b, int) and b == 0:
            raise ParseError("a size is divided by zero")
        return functions[name](a, b)

    def type(self) -> TensorType:
        """A tensor type: ``float32[s0,?,3]`` or ``float32[*]``."""
        dtype = self.dtype()
        self.expect("[")
        if self.accept("*"):
            self.expect("]")
            return TensorType(dtype, None)
        dims = [] if self.sees("]") else [self.dim()]
        while self.accept(","):
            dims.append(self.dim())
        self.expect("]")
        if len(dims) > _LARGEST_RANK:
            raise ParseError(f"a tensor of rank {len(dims)}: at most {_LARGEST_RANK} is supported")
        return TensorType(dtype, tuple(dims))

    def dtype(self) -> DType:
        name = self.word()
        try:
            return as_dtype(name)
        except TypeError:
            raise ParseError(f"unknown dtype '{name}'") from None

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ParseError(f"nested deeper than {_DEEPEST}")

    # -- attributes

    def attribute(self) -> Any:
        """The value of an attribute."""
        self._deeper()
        value = self._attribute()
        self.depth -= 1
        return value

    def _attribute(self) -> Any:
        if self.kind == "string":
            return self.string()
        if self.kind == "number" or self.sees("-"):
            return self._number()
        if self.kind == "word":
            return self._named()
        if self.sees("("):
            return tuple(self.items("(", ")", self.attribute))
        if self.sees("["):
            return self.items("[", "]", self.attribute)
        if self.sees("{"):
            return self._dictionary()
        if self.accept("?"):
            return UNKNOWN
        if self.accept("|"):
            size = self.dim()
            self.expect("|")
            return size
        if self.accept("<"):
            dtype = self.dtype()
            self.expect(">")
            return dtype
        self.fail("a value")

    def _number(self) -> int | float:
        sign = -1 if self.accept("-") else 1
        if self.kind == "number" and self.token.isdigit():
            return sign * self.integer()
        if self.kind == "number" or self.token in ("inf", "nan"):
            return sign * float(self._advance())
        self.fail("a number")

    def _named(self) -> Any:
        constants = {"none": None, "true": True, "false": False, "function": FUNCTION}
        name = self._advance()
        if name in constants:
            return constants[name]
        if name in ("inf", "nan"):
            return float(name)
        if name == "b":
            return self._bytes()
        if name == "array":
            return self._array()
        if name in ("opaque", "body"):
            raise ParseError(f"this attribute has no text form: {self.line[:80]}")
        raise ParseError(f"unknown value '{name}'")

    def _bytes(self) -> bytes:
        try:
            return self.string().encode("latin-1")
        except UnicodeEncodeError:
            raise ParseError("a text of bytes holds larger characters") from None

    def _dictionary(self) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def item() -> None:
            key = self.string()
            self.expect("=")
            found[key] = self.attribute()

        self.items("{", "}", item)
        return found

    # -- arrays

    def _array(self) -> np.ndarray:
        """``array<float32[2,3]>(elements)``, ``(#hexadecimal bytes)`` or ``(@digest)``."""
        self.expect("<")
        type = self.type()
        if not type.is_static or any(d < 0 for d in type.dims):
            raise ParseError(f"an array cannot have the shape {type}")
        self.expect(">")
        self.expect("(")
        if self.sees("@") or self.sees("#"):
            mark = self.token
            # the digits follow at once and are read as they are, since they may look like numbers
            digits = _HEX.match(self.line, self.position)
            assert digits is not None
            self.position = digits.end()
            self._advance()
            self.expect(")")
            array = (
                self._named_array(digits[0], type) if mark == "@" else _from_hex(digits[0], type)
            )
        else:
            items: list[Any] = []
            while not self.accept(")"):
                items.append(self._element(type.dtype))
                if not self.accept(","):
                    self.expect(")")
                    break
            array = _from_items(items, type)
        array.flags.writeable = False
        return array

    def _element(self, dtype: DType) -> Any:
        """An element; floats are read in their own precision, so the shortest text is exact."""
        if not dtype.is_floating:
            return self.attribute()
        sign = "-" if self.accept("-") else ""
        if self.kind != "number" and self.token not in ("inf", "nan"):
            self.fail("a number")
        with np.errstate(over="ignore"):
            return dtype.numpy.type(sign + self._advance())

    def _named_array(self, name: str, type: TensorType) -> np.ndarray:
        array = self.constants.get(name)
        if array is None:
            raise ParseError(f"the constant @{name} is not among those given")
        array = np.asarray(array)
        if array.shape != type.shape or array.dtype != type.dtype.numpy or digest(array) != name:
            raise ParseError(f"the constant @{name} is damaged: {array.dtype}{list(array.shape)}")
        return array.copy()


def _from_hex(digits: str, type: TensorType) -> np.ndarray:
    if not type.dtype.size or len(digits) != 2 * type.size * type.dtype.size:
        raise ParseError(f"{len(digits)} hexadecimal digits are no {type}")
    flat = np.frombuffer(bytes.fromhex(digits), type.dtype.numpy)
    return flat.reshape(type.dims).copy()


def _from_items(items: list[Any], type: TensorType) -> np.ndarray:
    """The array of its elements, each of which must fit the dtype."""
    dtype = type.dtype
    if len(items) != type.size:
        raise ParseError(f"{len(items)} elements are given for {type}")
    kinds: dict[str, Any] = {"bool": bool, "string": bytes, "int": int, "uint": int}
    kind = kinds.get(dtype.kind, np.floating)
    for item in items:
        if not isinstance(item, kind) or (isinstance(item, bool) and kind is not bool):
            raise ParseError(f"{item!r} is no element of {dtype.name}")
        if dtype.is_integer and not dtype.min <= item <= dtype.max:
            raise ParseError(f"{item} does not fit in {dtype.name}")
    flat = np.empty(len(items), dtype.numpy)
    for index, item in enumerate(items):
        flat[index] = item
    return flat.reshape(type.dims)


def has_kind(value: Any, attr: Attr) -> bool:
    """Whether a value is what an attribute's kind says (None where that is its default)."""
    if value is None:
        return attr.default is None or attr.kind in ("shape", "any")
    plain_int = isinstance(value, int) and not isinstance(value, bool)
    match attr.kind:
        case "int":
            return plain_int
        case "float":
            return plain_int or isinstance(value, float)
        case "bool":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, (str, bytes))
        case "dtype":
            return isinstance(value, DType)
        case "value":
            return isinstance(value, np.ndarray)
        case "shape":
            return isinstance(value, (tuple, list)) and all(map(_is_size, value))
        case "ints":
            return isinstance(value, (tuple, list)) and all(map(_is_size, value))
        case "floats":
            return isinstance(value, (tuple, list)) and not any(isinstance(v, str) for v in value)
    return True


def _is_size(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, (int, Dim, Unknown))
