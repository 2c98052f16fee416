"""Element types: TensorFlow's names over NumPy's representations.

A `DType` is an interned value; compare with `==` or `is`. Conversion from anything a user may
write (`"float"`, `np.float32`, `tf.float32_ref`) is `as_dtype`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np


class DType:
    """One element type.

    Attributes:
        name: TensorFlow's name, e.g. ``"float32"``.
        kind: one of ``"float" "int" "uint" "bool" "complex" "string" "resource"``.
        size: bytes per element (0 where elements are Python objects).
    """

    __slots__ = (
        "enum",
        "is_bool",
        "is_complex",
        "is_differentiable",
        "is_floating",
        "is_integer",
        "is_numeric",
        "is_unsigned",
        "kind",
        "name",
        "numpy",
        "size",
    )

    def __init__(self, name: str, kind: str, numpy_type: Any, enum: int) -> None:
        self.name = name
        self.kind = kind
        self.numpy = np.dtype(numpy_type)
        self.size = 0 if self.numpy == np.dtype(object) else self.numpy.itemsize
        self.enum = enum
        self.is_floating = kind == "float"
        self.is_integer = kind in ("int", "uint")
        self.is_unsigned = kind == "uint"
        self.is_bool = kind == "bool"
        self.is_complex = kind == "complex"
        self.is_numeric = kind in ("float", "int", "uint", "complex")
        self.is_differentiable = kind in ("float", "complex")  # whether gradients flow through

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy scalar type, as TensorFlow returns it."""
        return self.numpy.type

    @property
    def base_dtype(self) -> DType:
        return self

    @property
    def real_dtype(self) -> DType:
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    @property
    def bits(self) -> int:
        return 1 if self.kind == "bool" else self.size * 8

    @property
    def min(self) -> Any:
        """The least representable finite value."""
        if self.kind == "bool":
            return False
        return np.finfo(self.numpy).min if self.is_floating else np.iinfo(self.numpy).min

    @property
    def max(self) -> Any:
        """The greatest representable finite value."""
        if self.kind == "bool":
            return True
        return np.finfo(self.numpy).max if self.is_floating else np.iinfo(self.numpy).max

    @property
    def as_datatype_enum(self) -> int:
        """TensorFlow's DataType number."""
        return self.enum

    def is_compatible_with(self, other: Any) -> bool:
        return as_dtype(other) is self

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (as_dtype, (self.name,))


float16: Final = DType("float16", "float", np.float16, 19)
float32: Final = DType("float32", "float", np.float32, 1)
float64: Final = DType("float64", "float", np.float64, 2)
int8: Final = DType("int8", "int", np.int8, 6)
int16: Final = DType("int16", "int", np.int16, 5)
int32: Final = DType("int32", "int", np.int32, 3)
int64: Final = DType("int64", "int", np.int64, 9)
uint8: Final = DType("uint8", "uint", np.uint8, 4)
uint16: Final = DType("uint16", "uint", np.uint16, 17)
uint32: Final = DType("uint32", "uint", np.uint32, 22)
uint64: Final = DType("uint64", "uint", np.uint64, 23)
bool_: Final = DType("bool", "bool", np.bool_, 10)
complex64: Final = DType("complex64", "complex", np.complex64, 8)
complex128: Final = DType("complex128", "complex", np.complex128, 18)
string: Final = DType("string", "string", object, 7)

ALL: Final = (
    float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    bool_, complex64, complex128, string,
)  # fmt: skip
# What the code generators compute with; the others have room reserved in the type system.
NUMERIC: Final = (float32, float64, int8, int16, int32, int64, uint8)
FLOATS: Final = (float32, float64)
INTS: Final = (int8, int16, int32, int64, uint8)
INDICES: Final = (int32, int64)
COMPUTED: Final = (*NUMERIC, bool_)

_BY_NAME: Final = {dtype.name: dtype for dtype in ALL} | {
    "float": float32, "half": float16, "double": float64, "int": int32, "str": string,
    "bool_": bool_, "object": string, "bytes": string,
}  # fmt: skip
_BY_NUMPY: Final = {dtype.numpy: dtype for dtype in ALL}
_BY_ENUM: Final = {dtype.enum: dtype for dtype in ALL}
_BY_PYTHON: Final = {float: float32, int: int32, bool: bool_, complex: complex128, str: string}


def as_dtype(value: Any) -> DType:
    """Convert a name, NumPy type, TensorFlow enum, Python type or `DType` to a `DType`.

    Raises:
        TypeError: nothing of that name exists.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str):
        found = _BY_NAME.get(value.removesuffix("_ref"))
        if found is not None:
            return found
    elif isinstance(value, int) and not isinstance(value, bool):
        if value in _BY_ENUM:
            return _BY_ENUM[value]
    elif isinstance(value, type) and value in _BY_PYTHON:
        return _BY_PYTHON[value]
    try:
        if value is None:  # float64 to NumPy
            raise TypeError
        dtype = np.dtype(value)
    except TypeError:
        raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType.") from None
    if dtype.kind in "SU":
        return string
    found = _BY_NUMPY.get(dtype.newbyteorder("="))
    if found is None:
        raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType.")
    return found
