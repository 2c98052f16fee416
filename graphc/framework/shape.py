"""`TensorShape` and `Dimension`: what users see of sizes that may be unknown.

The graph itself keeps tuples of ints and UNKNOWN; these classes are TF1's view of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from graphc.framework.errors import located
from graphc.ir.dims import UNKNOWN, Unknown
from graphc.ir.graph import HOOKS, Tensor
from graphc.ir.types import Shape, TensorType

__all__ = ["Dimension", "TensorShape"]


class Dimension:
    """One size: an int, or unknown (`value` is None). Arithmetic spreads the unknown."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        if value is None or isinstance(value, Unknown):
            self._value: int | None = None
            return
        if isinstance(value, Dimension):
            self._value = value._value
            return
        try:
            self._value = int(value)
        except (TypeError, ValueError):
            raise TypeError(f"A Dimension must be an integer or None, not {value!r}") from None
        if self._value != value and not isinstance(value, (str, bytes)):
            raise ValueError(f"Ambiguous dimension: {value}")
        if self._value < 0:
            raise ValueError(f"Dimension {self._value} must be >= 0")

    @property
    def value(self) -> int | None:
        return self._value

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both may be the same size."""
        other = as_dimension(other)
        return self._value == other._value or self._value is None or other._value is None

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError unless both may be the same size."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> Dimension:
        """The more precise of two compatible sizes; ValueError if they differ."""
        other = as_dimension(other)
        self.assert_is_compatible_with(other)
        return Dimension(other._value if self._value is None else self._value)

    def _with(self, other: Any, function: Any) -> Any:
        try:
            other = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or other._value is None:
            return Dimension(None)
        return Dimension(function(self._value, other._value))

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a // b)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b // a)

    def __mod__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a % b)

    def __rmod__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b % a)

    def __truediv__(self, other: Any) -> Any:
        raise TypeError("unsupported operand type(s) for /: 'Dimension'; use // instead")

    __rtruediv__ = __truediv__

    def __eq__(self, other: object) -> Any:
        try:
            other = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or other._value is None:
            return None
        return self._value == other._value

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is None or equal is NotImplemented else not equal

    def _compare(self, other: Any, function: Any) -> Any:
        other = as_dimension(other)
        if self._value is None or other._value is None:
            return None
        return function(self._value, other._value)

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a >= b)

    def __hash__(self) -> int:
        return hash(self._value)

    def __int__(self) -> int:
        if self._value is None:
            raise TypeError("this dimension is unknown: use tf.shape(x)[i] for its run-time value")
        return self._value

    __index__ = __int__

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    def __repr__(self) -> str:
        return f"Dimension({self._value})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Dimension, (self._value,)


def as_dimension(value: Any) -> Dimension:
    """A `Dimension` for an int, None or `Dimension`."""
    return value if isinstance(value, Dimension) else Dimension(value)


class TensorShape:
    """A shape that may be unknown wholly (`ndims` is None) or in some dimensions."""

    __slots__ = ("_dims",)

    def __init__(self, dims: Any) -> None:
        self._dims: tuple[Dimension, ...] | None
        if dims is None:
            self._dims = None
        elif isinstance(dims, TensorShape):
            self._dims = dims._dims
        elif isinstance(dims, (str, bytes)):
            raise TypeError(f"A TensorShape is a list of sizes, not {dims!r}")
        elif isinstance(dims, Iterable):
            self._dims = tuple(as_dimension(d) for d in dims)
        else:
            self._dims = (as_dimension(dims),)

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self._dims is None else list(self._dims)

    @property
    def ndims(self) -> int | None:
        return None if self._dims is None else len(self._dims)

    @property
    def rank(self) -> int | None:
        return self.ndims

    def as_list(self) -> list[int | None]:
        """The sizes as ints and None.

        Raises:
            ValueError: the rank is unknown.
        """
        if self._dims is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return [d.value for d in self._dims]

    def num_elements(self) -> int | None:
        """The number of elements, or None where a size is unknown."""
        if self._dims is None:
            return None
        count = 1
        for dim in self._dims:
            if dim.value is None:
                return None
            count *= dim.value
        return count

    def is_fully_defined(self) -> bool:
        return self._dims is not None and all(d.value is not None for d in self._dims)

    def assert_is_fully_defined(self) -> None:
        """Raises ValueError where something is unknown."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both may be the same shape."""
        other = as_shape(other)
        if self._dims is None or other._dims is None:
            return True
        return len(self._dims) == len(other._dims) and all(
            x.is_compatible_with(y) for x, y in zip(self._dims, other._dims, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError unless both may be the same shape."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {as_shape(other)} are incompatible")

    def merge_with(self, other: Any) -> TensorShape:
        """What both say together; ValueError if they contradict each other."""
        other = as_shape(other)
        if self._dims is None:
            return other
        if other._dims is None:
            return self
        self.assert_is_compatible_with(other)
        return TensorShape(x.merge_with(y) for x, y in zip(self._dims, other._dims, strict=True))

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """The most precise shape that both are compatible with."""
        other = as_shape(other)
        if self._dims is None or other._dims is None or len(self._dims) != len(other._dims):
            return unknown_shape()
        return TensorShape(
            x.value if x.value == y.value else None
            for x, y in zip(self._dims, other._dims, strict=True)
        )

    def concatenate(self, other: Any) -> TensorShape:
        """The sizes of both, one after the other."""
        other = as_shape(other)
        if self._dims is None or other._dims is None:
            return unknown_shape()
        return TensorShape(self._dims + other._dims)

    def assert_same_rank(self, other: Any) -> None:
        """Raises ValueError if both ranks are known and differ."""
        other = as_shape(other)
        if self.ndims is not None and other.ndims is not None and self.ndims != other.ndims:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank: int) -> None:
        """Raises ValueError if the rank is known to be another."""
        if self.ndims not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, known to have `rank` dimensions."""
        try:
            return self.merge_with(unknown_shape(rank))
        except ValueError:
            raise ValueError(f"Shape {self} must have rank {rank}") from None

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape; ValueError if its rank is known to be less."""
        if self.ndims is not None and self.ndims < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """This shape; ValueError if its rank is known to be more."""
        if self.ndims is not None and self.ndims > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def __getitem__(self, key: Any) -> Any:
        if self._dims is not None:
            found = self._dims[key]
            return TensorShape(found) if isinstance(key, slice) else found
        if not isinstance(key, slice):
            return Dimension(None)
        start, stop = key.start or 0, key.stop
        if key.step is not None or stop is None or start < 0 or stop < 0:
            return unknown_shape()
        return unknown_shape(max(stop - start, 0))

    def __len__(self) -> int:
        if self._dims is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self._dims)

    def __iter__(self) -> Iterator[Dimension]:
        if self._dims is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter(self._dims)

    def __bool__(self) -> bool:
        return self._dims is not None

    def __eq__(self, other: object) -> bool:
        try:
            other = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._dims is None or other._dims is None:
            return self._dims is other._dims
        return self.as_list() == other.as_list()

    def __hash__(self) -> int:
        return hash(None if self._dims is None else tuple(self.as_list()))

    def __str__(self) -> str:
        if self._dims is None:
            return "<unknown>"
        inner = ", ".join(map(str, self._dims))
        return f"({inner},)" if len(self._dims) == 1 else f"({inner})"

    def __repr__(self) -> str:
        return f"TensorShape({None if self._dims is None else list(self._dims)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorShape, (None if self._dims is None else self.as_list(),)


def as_shape(value: Any) -> TensorShape:
    """A `TensorShape` for a list, tuple, int, None or `TensorShape`."""
    return value if isinstance(value, TensorShape) else TensorShape(value)


def unknown_shape(ndims: int | None = None) -> TensorShape:
    """A shape of which at most the rank is known."""
    return TensorShape(None if ndims is None else [None] * ndims)


def scalar() -> TensorShape:
    """The shape of a scalar."""
    return TensorShape([])


def from_ir(shape: Shape) -> TensorShape:
    """The public view of a shape of the graph."""
    if shape is None:
        return TensorShape(None)
    return TensorShape(d if isinstance(d, int) else None for d in shape)


def to_ir(shape: Any) -> Shape:
    """The graph's form of anything a user may give as a shape."""
    found = as_shape(shape)
    if found.ndims is None:
        return None
    return tuple(UNKNOWN if d is None else d for d in found.as_list())


def shape_of(tensor: Tensor) -> TensorShape:
    """What is known about a tensor's shape."""
    return from_ir(tensor.type.shape)


def set_shape(tensor: Tensor, shape: Any) -> None:
    """Merge what is known about a tensor's shape with `shape`; ValueError if they contradict."""
    try:
        merged = shape_of(tensor).merge_with(shape)
    except ValueError as error:
        raise ValueError(located(f"set_shape of {tensor.name}: {error}")) from None
    tensor.type = TensorType(tensor.type.dtype, to_ir(merged))
    declared = tensor.op.attrs.get("shapes")
    if declared is not None:  # results of Python functions: nothing else knows their shapes
        shapes = list(declared)
        shapes[tensor.index] = tensor.type.shape
        tensor.op.attrs["shapes"] = tuple(shapes)


HOOKS.shape = shape_of
HOOKS.set_shape = set_shape
