"""How operations become kernels: a closed set of kinds, without any backend.

A lowering describes, for one element of the output, where its inputs are read and what is computed.
`codegen` fuses and schedules these descriptions; targets never see operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from graphc.ir.dtypes import DType
from graphc.ir.records import record

ReductionKind = Literal["sum", "prod", "max", "min", "any", "all", "argmax", "argmin"]
StoreMode = Literal["set", "add", "sub", "mul", "div", "min", "max"]


class ScalarBuilder(Protocol):
    """Builds scalar expressions; values are opaque.

    Implemented by `graphc.codegen.scalar` for kernels and by `graphc.ir.scalar` for NumPy.
    Besides the methods here every name in `codegen.kernel.SCALAR_OPS` is a method of the same
    arguments: `b.add(x, y)`, `b.exp(x)`, `b.select(c, x, y)` …; `and_`, `or_`, `not_` carry an
    underscore. Operands of one call have one dtype; `convert` changes it.
    """

    attrs: dict[str, Any]
    dtype: DType  # of the output

    def const(self, value: Any, dtype: DType | None = None) -> Any:
        """A constant (default dtype: the output's)."""
        ...

    def convert(self, x: Any, dtype: DType) -> Any: ...

    def bitcast(self, x: Any, dtype: DType) -> Any: ...

    def dtype_of(self, x: Any) -> DType: ...

    def index(self, axis: int) -> Any:
        """The position along an axis of the output (int64)."""
        ...

    def linear_index(self) -> Any:
        """The row-major position in the output (int64)."""
        ...

    def dim(self, size: Any) -> Any:
        """A size (int or Dim) as an int64 value."""
        ...

    def checked(self, index: Any, bound: Any) -> Any:
        """An int64 value that must lie in [0, bound), a size; else the operation fails."""
        ...

    def random_bits(self, element: Any, stream: int = 0) -> Any:
        """32 random bits (uint32) of an element (int64); for operations of effect "random" only."""
        ...

    def __getattr__(self, name: str) -> Callable[..., Any]: ...


@record
class Index:
    """An affine position: offset + sum(coefficient * output axis) + indirect terms.

    Sizes are ints or Dims. `indirect` holds `Indirect` reads whose values (row numbers) are added.
    """

    axes: tuple[tuple[int, Any], ...] = ()
    offset: Any = 0
    indirect: tuple[Indirect, ...] = ()


@record
class Indirect:
    """The value of an index operand at a position, times `coefficient`.

    `bound` is the size it must stay below: 0 <= value < bound, checked in native code; None where
    that is known.
    """

    operand: int
    position: tuple[Index, ...]
    bound: Any
    coefficient: Any = 1


@record
class Region:
    """Where a read is inside its operand: low <= index < high; outside, the element is `other`."""

    index: Index
    low: Any
    high: Any


def along(axis: int, coefficient: Any = 1, offset: Any = 0) -> Index:
    """The index `coefficient * output axis + offset`."""
    return Index(((axis, coefficient),), offset)


def at(offset: Any) -> Index:
    """A fixed index."""
    return Index((), offset)


@record
class Elementwise:
    """Output element = scalar(builder, *input elements), inputs broadcast as NumPy does.

    An operation without inputs is generated from `index`, `linear_index`, `dim`, `random_bits`.
    `cost` is in units of one addition, `fails` whether it can record a failure.
    """

    scalar: Callable[..., Any]
    cost: float = 1.0


@record
class Reduction:
    """Fold input 0 over `axes(op)`; the output drops or keeps them (size 1) as its type says."""

    kind: ReductionKind
    axes: Callable[[Any], tuple[int, ...]]


@record
class View:
    """Output element = input 0 at `index(op)`.

    That is one `Index` per dimension of input 0, over output axes.
    `regions(op)`: where outside them the element is operand `fill(op)` (a Python number).
    With `Indirect` terms this is a gather.
    """

    index: Callable[[Any], tuple[Index, ...]]
    regions: Callable[[Any], tuple[Region, ...]] = lambda op: ()
    fill: Callable[[Any], Any] = lambda op: 0


@record
class Reshape:
    """The same elements in row-major order under another shape."""


@record
class Placement:
    """Inputs (all but the definition's shape_inputs) one after the other along `axis(op)`."""

    axis: Callable[[Any], int]


@record
class Scatter:
    """Start from operand `base` (None: zeros) and combine every element of `updates` into it.

    That happens in order, at `index(op)`: one `Index` per output dimension, over the axes of the
    updates, with `Indirect` terms. With `blank` elements that no update names are left undefined.
    """

    mode: StoreMode
    base: int | None
    updates: int
    index: Callable[[Any], tuple[Index, ...]]
    blank: bool = False


@record
class Contraction:
    """Matrix product over the last two axes, leading axes broadcast; `transposes(op)` -> (a, b)."""

    transposes: Callable[[Any], tuple[bool, bool]]


@record
class Product:
    """A contraction with windows: out[axes] = sum over k axes of a[a(op)] * b[b(op)].

    `k(op)`: the extents (ints or Dims) of the summed axes. `a(op)`, `b(op)`: one `Index` per
    dimension of inputs 0 and 1, over the output's axes (numbered 0 .. rank - 1) followed by the k
    axes (rank, rank + 1, ...). There are no regions and no `Indirect`: operands are padded before.
    The last output axis (columns: output channels) appears in `b` alone, there with coefficient 1
    in the last dimension.

    A convolution, NHWC, input already padded: output (n, oh, ow, f), k (kh, kw, c),
    a = x[n, oh * stride + kh * rate, ow * stride + kw * rate, c], b = filter[kh, kw, c, f].
    """

    k: Callable[[Any], tuple[Any, ...]]
    a: Callable[[Any], tuple[Index, ...]]
    b: Callable[[Any], tuple[Index, ...]]


@record
class Special:
    """A hand-written kernel by name (`codegen.kernel.SPECIALS`); `dims(op)` are its sizes."""

    name: str
    dims: Callable[[Any], tuple[Any, ...]]


@record
class Dims:
    """The output holds sizes: attribute `dims` (a tuple, row-major)."""


@record
class Source:
    """A value from outside the step: a feed, a variable, a constant (`kind`)."""

    kind: str


@record
class Host:
    """A call back into Python with the inputs as arrays: `call(op, *arrays)` gives the outputs."""

    call: Callable[..., Any]


@record
class Nested:
    """Functions in attributes, run by Python: branches and loops."""


@record
class Ordering:
    """Nothing to compute: `NoOp` and its kin."""

    note: str = ""


Lowering = (
    Elementwise | Reduction | View | Reshape | Placement | Scatter | Contraction | Product | Special
    | Dims | Source | Host | Nested | Ordering
)  # fmt: skip
