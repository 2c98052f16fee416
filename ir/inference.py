"""Inference: what the type rule of an operation may ask, and running it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphc.ir.dims import UNKNOWN, Dim, Unknown
from graphc.ir.dtypes import DType
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.shapes import ShapeEnvironment
from graphc.ir.types import TensorType

if TYPE_CHECKING:
    from graphc.ir.opdef import OpDef
    from graphc.ir.tensor import Tensor


class TypeContext:
    """What a type rule may ask: the inputs' types, attributes, known values, and size questions.

    While a graph is built sizes may be UNKNOWN and answers about them None; when compiling, every
    question is answered (and guarded, see `ShapeEnvironment`).
    """

    __slots__ = (
        "_values",
        "attrs",
        "definition",
        "environment",
        "inputs",
        "tensors",
    )

    def __init__(
        self,
        definition: OpDef,
        tensors: Sequence[Tensor],
        attrs: dict[str, Any],
        environment: ShapeEnvironment | None,
        values: Callable[[Tensor], Any],
    ) -> None:
        self.definition = definition
        self.tensors = tensors
        self.inputs: list[TensorType] = [t.type for t in tensors]
        self.attrs: dict[str, Any] = attrs
        self.environment = environment
        self._values = values

    @property
    def compiling(self) -> bool:
        return self.environment is not None

    def value(self, index: int) -> Any:
        """The value of a small integer input as an object array of ints, Dims and UNKNOWN; None if
        nothing is known about it. (Floats and bools: the NumPy constant, or None.)"""
        return self._values(self.tensors[index])

    def sizes(self, index: int) -> tuple[Any, ...] | None:
        """The value of an integer input that holds sizes, axes or positions, flattened.

        While building: None where not even its length is known, UNKNOWN for unknown elements. When
        compiling, elements that cannot be worked out become dynamic symbols, read in mid-run.
        """
        value = self._values(self.tensors[index])
        shape = self.inputs[index].shape
        if value is None:
            if self.environment is not None and shape is not None:
                if any(self.environment.is_dynamic(d) for d in shape):
                    self.fail(f"how many elements input {index} has must be known before the run")
                shape = tuple(self.environment.constant(d) for d in shape)
            if shape is None or not all(isinstance(d, int) for d in shape):
                return None
            count = math.prod(d for d in shape if isinstance(d, int))
            flat: list[Any] = [UNKNOWN] * count
        else:
            flat = list(np.asarray(value, dtype=object).ravel())
        if self.environment is not None:
            tensor = self.tensors[index]
            flat = [
                self.environment.dynamic_value(tensor, i) if isinstance(d, Unknown) else d
                for i, d in enumerate(flat)
            ]
        return tuple(int(d) if isinstance(d, np.integer) else d for d in flat)

    def constants(self, index: int) -> tuple[int, ...] | None:
        """Like `sizes`, for what must be plain numbers when compiling (axes, permutations)."""
        sizes = self.sizes(index)
        if sizes is None or any(isinstance(d, Unknown) for d in sizes):
            return None
        if self.environment is not None:
            if any(self.environment.is_dynamic(d) for d in sizes):
                self.fail(f"input {index} is computed in the run, but must be known before it")
            sizes = tuple(self.environment.constant(d) for d in sizes)
        return sizes

    def equal(self, a: Any, b: Any) -> bool | None:
        """Whether two sizes are equal; None: cannot be known yet."""
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return None
        if self.environment is not None:
            return self.environment.equal(a, b)
        return True if a == b else (False if isinstance(a, int) and isinstance(b, int) else None)

    def less_equal(self, a: Any, b: Any) -> bool | None:
        """Whether a <= b; None: cannot be known yet."""
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return None
        if self.environment is not None:
            return self.environment.less_equal(a, b)
        return a <= b if isinstance(a, int) and isinstance(b, int) else None

    def less(self, a: Any, b: Any) -> bool | None:
        """Whether a < b; None: cannot be known yet."""
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return None
        if self.environment is not None:
            return self.environment.less(a, b)
        return a < b if isinstance(a, int) and isinstance(b, int) else None

    def merge(self, a: Any, b: Any, what: str = "sizes") -> Any:
        """One size for two that must be equal; fails if they are not."""
        if isinstance(a, Unknown):
            return b
        if isinstance(b, Unknown):
            return a
        if self.equal(a, b) is False:
            self.fail(f"{what} differ: {self.show(a)} and {self.show(b)}")
        return a if isinstance(a, int) or not isinstance(b, int) else b

    def merge_shapes(self, a: Any, b: Any, what: str = "shapes") -> Any:
        """One shape for two that must be equal; None is an unknown shape."""
        if a is None or b is None:
            return b if a is None else a
        if a == b:
            return a
        if len(a) != len(b):
            self.fail(f"{what} differ: {self.show_shape(a)} and {self.show_shape(b)}")
        return tuple(self.merge(x, y, what) for x, y in zip(a, b, strict=True))

    def broadcast(self, *shapes: Any) -> Any:
        """The NumPy broadcast of shapes (None: unknown rank)."""
        if None in shapes:
            return None
        first = shapes[0] if shapes else ()
        if shapes.count(first) == len(shapes):
            return first
        rank = max(map(len, shapes))
        result: list[Any] = [1] * rank
        for shape in shapes:
            for i, dim in enumerate(shape, rank - len(shape)):
                result[i] = self._broadcast_dim(result[i], dim, shapes)
        return tuple(result)

    def _broadcast_dim(self, a: Any, b: Any, shapes: Any) -> Any:
        if isinstance(a, int) and a == 1:
            return b
        if (isinstance(b, int) and b == 1) or a == b:
            return a
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            # A known size above 1 decides: the other side is that size or 1.
            known = b if isinstance(a, Unknown) else a
            return known if isinstance(known, int) and known > 1 else UNKNOWN
        if self.equal(a, b):
            return a if isinstance(a, int) else b
        if self.equal(a, 1):
            return b
        if self.equal(b, 1):
            return a
        self.fail("Incompatible shapes for broadcasting: "
                  + " and ".join(self.show_shape(s) for s in shapes))  # fmt: skip

    def show(self, dim: Any) -> str:
        """A size for people: with its value in this run where it is symbolic."""
        if self.environment is not None and isinstance(dim, Dim):
            return str(self.environment.hint(dim))
        return str(dim)

    def show_shape(self, shape: Any) -> str:
        if shape is None:
            return "<unknown>"
        inner = ", ".join(self.show(d) for d in shape)
        return f"({inner},)" if len(shape) == 1 else f"({inner})"

    def same_dtype(self, *indices: int) -> DType:
        """The dtype that the given inputs (default: all) share; fails if they do not."""
        chosen = indices or range(len(self.inputs))
        first = self.inputs[next(iter(chosen))].dtype
        for i in chosen:
            if self.inputs[i].dtype is not first:
                self.fail_type(
                    f"Input '{self._input_name(i)}' of '{self.definition.name}' Op has type "
                    f"{self.inputs[i].dtype.name} that does not match type {first.name} of "
                    f"argument '{self._input_name(next(iter(chosen)))}'; use tf.cast"
                )
        return first

    def require_dtype(self, index: int, allowed: Sequence[DType]) -> DType:
        """Fail unless an input's dtype is among those allowed."""
        dtype = self.inputs[index].dtype
        if dtype not in allowed:
            names = ", ".join(d.name for d in allowed)
            self.fail_type(
                f"Value passed to parameter '{self._input_name(index)}' has DataType {dtype.name} "
                f"not in list of allowed values: {names}"
            )
        return dtype

    def require_rank(self, index: int, *ranks: int) -> tuple[Any, ...] | None:
        """The shape of an input that must have one of the ranks; None while it is unknown."""
        shape = self.inputs[index].shape
        if shape is not None and len(shape) not in ranks:
            wanted = " or ".join(map(str, ranks))
            self.fail(
                f"Shape must be rank {wanted} but is rank {len(shape)} for input "
                f"'{self._input_name(index)}' with shape {self.show_shape(shape)}"
            )
        return shape

    def axis(self, axis: int, rank: int) -> int:
        """A non-negative axis; fails outside [-rank, rank)."""
        if not -rank <= axis < rank:
            self.fail(f"axis {axis} is out of range for rank {rank}")
        return axis % rank

    def _input_name(self, index: int) -> str:
        names = self.definition.inputs
        return names[min(index, len(names) - 1)].lstrip("*") if names else str(index)

    def _describe(self) -> str:
        return ", ".join(
            f"{t.dtype.name}{self.show_shape(t.shape) if t.shape is not None else '[unknown]'}"
            for t in self.inputs
        )

    def fail(self, message: str) -> NoReturn:
        """A shape or value error: ValueError while building, then InvalidArgumentError."""
        text = f"{self.definition.name}: {message}; inputs are {self._describe()}"
        if self.compiling:
            raise InvalidArgumentError(None, None, text)
        raise ValueError(text)

    def fail_type(self, message: str) -> NoReturn:
        raise TypeError(f"{self.definition.name}: {message}; inputs are {self._describe()}")


def infer(found: OpDef, context: TypeContext) -> Sequence[TensorType]:
    """The output types an operation has."""
    types = found.infer(context)
    return (types,) if isinstance(types, TensorType) else types
