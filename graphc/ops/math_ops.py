"""`tf.*` arithmetic, comparisons, casts and selection, element by element.

Functions that are nothing but their operation are generated from the registry; here stand those
whose arguments TF1 treats in a way of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import UnimplementedError, located
from graphc.framework.name_scope import name_scope
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import IndexedSlices, Tensor, definition
from graphc.ir.ops.division import true_quotient_dtype
from graphc.ops.scoped import convert_operands, scoped

__all__ = [
    "add", "subtract", "multiply", "scalar_mul", "divide", "div", "truediv", "realdiv",
    "div_no_nan", "floordiv", "floor_div", "truncatediv", "mod", "floormod", "truncatemod", "pow",
    "maximum", "minimum", "squared_difference", "atan2", "polygamma", "multiply_no_nan",
    "mul", "sub", "neg", "round", "add_n", "accumulate_n",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "logical_and", "logical_or", "logical_xor", "where",
    "cast", "saturate_cast", "to_float", "to_double", "to_int32", "to_int64",
    "zeros_like", "ones_like",
]  # fmt: skip

# ------------------------------------------------------------------------------------- arithmetic


def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x + y element by element, with broadcasting."""
    return scoped("Add", (x, y), name)


def subtract(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x - y element by element, with broadcasting."""
    return scoped("Sub", (x, y), name)


def multiply(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y element by element, with broadcasting."""
    return scoped("Mul", (x, y), name)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, and 0 wherever y is 0 even if x is infinite or NaN."""
    return scoped("MulNoNan", (x, y), name, "multiply_no_nan")


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """A scalar times a tensor or `IndexedSlices`.

    Raises:
        ValueError: `scalar` is no scalar.
    """
    dtype = x.dtype if isinstance(x, (Tensor, IndexedSlices)) else None
    factor = convert_to_tensor(scalar, dtype=dtype, name="scalar")
    if factor.type.shape is None or len(factor.type.shape) > 0:
        raise ValueError(located(f"Only scalar multiply works, got shape {factor.get_shape()}"))
    if isinstance(x, IndexedSlices):
        return IndexedSlices(multiply(factor, x.values, name), x.indices, x.dense_shape)
    return multiply(factor, x, name)


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x to the power of y element by element; integers refuse negative exponents."""
    return scoped("Pow", (x, y), name)


def maximum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The greater of x and y; NaN if either is."""
    return scoped("Maximum", (x, y), name)


def minimum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The less of x and y; NaN if either is."""
    return scoped("Minimum", (x, y), name)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """(x - y)^2 element by element, with broadcasting."""
    return scoped("SquaredDifference", (x, y), name)


def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """The angle of the point (x, y), in [-pi, pi]."""
    return scoped("Atan2", (y, x), name)


def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The derivative of order a + 1 of log(gamma(x)), for integers a >= 0 and x > 0."""
    return scoped("Polygamma", (a, x), name)


def round(x: Any, name: str | None = None) -> Tensor:
    """The nearest integer, ties to even; an integer tensor is given back as it is."""
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else scoped("Round", (x,), name)


def mul(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`multiply`, as TF called it before 1.0."""
    return multiply(x, y, name)


def sub(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`subtract`, as TF called it before 1.0."""
    return subtract(x, y, name)


def neg(x: Any, name: str | None = None) -> Tensor:
    """`negative`, as TF called it before 1.0."""
    return scoped("Neg", (x,), name)


# --------------------------------------------------------------------------------------- division


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Python 3's x / y: of int32 or int64 in float64, of smaller integers in float32."""
    with name_scope(name, "truediv", (x, y)) as scope:
        a, b = _pair(x, y)
        wide = true_quotient_dtype(a.dtype)
        if wide is not a.dtype:
            a, b = cast(a, wide), cast(b, wide)
        return a.graph.op("RealDiv", a, b, name=scope)


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Python 3's x / y, see `truediv`."""
    return truediv(x, y, name)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Python 2's x / y: of integers rounded down."""
    with name_scope(name, "div", (x, y)) as scope:
        a, b = _pair(x, y)
        return a.graph.op("FloorDiv" if a.dtype.is_integer else "RealDiv", a, b, name=scope)


def _pair(x: Any, y: Any) -> list[Tensor]:
    """Two operands as tensors of one dtype.

    Raises:
        TypeError: their dtypes differ.
    """
    a, b = convert_operands((x, y), ("x", "y"))
    if a.dtype is not b.dtype:
        message = f"x and y must have the same dtype, got {a.dtype!r} != {b.dtype!r}"
        raise TypeError(located(message))
    return [a, b]


def realdiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y of floating-point numbers."""
    return scoped("RealDiv", (x, y), name)


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 wherever y is 0."""
    return scoped("DivNoNan", (x, y), name, "div_no_nan")


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y rounded down."""
    return scoped("FloorDiv", (x, y), name, "floordiv")


def floor_div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y rounded down."""
    return scoped("FloorDiv", (x, y), name)


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y of integers, rounded to zero."""
    return scoped("TruncateDiv", (x, y), name)


def floormod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder of x / y rounded down; it has the sign of y."""
    return scoped("FloorMod", (x, y), name)


def mod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder of x / y rounded down; it has the sign of y."""
    return scoped("FloorMod", (x, y), name)


def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder of x / y rounded to zero; it has the sign of x."""
    return scoped("TruncateMod", (x, y), name)


# ----------------------------------------------------------------------------- sums of many tensors


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of a list of tensors of one shape and dtype (`IndexedSlices` are made dense).

    Raises:
        ValueError: `inputs` is no list, or empty.
    """
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(
            located(
                "inputs must be a list of at least one Tensor/IndexedSlices with the same dtype "
                "and shape"
            )
        )
    if len(inputs) == 1:
        only = convert_to_tensor(inputs[0])
        return only if name is None else scoped("Identity", (only,), name)
    with name_scope(name, "AddN", inputs) as scope:
        tensors = convert_operands(inputs, [f"inputs_{i}" for i in range(len(inputs))])
        return tensors[0].graph.op("AddN", *tensors, name=scope)


def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:
    """The sum of a list of tensors, see `add_n`, whose shape and dtype may be stated.

    Raises:
        TypeError: `tensor_dtype` is not that of the inputs; ValueError: `shape` is not theirs.
    """
    total = add_n(inputs, name or ("AccumulateNV2" if len(inputs or ()) > 1 else None))
    if tensor_dtype is not None and as_dtype(tensor_dtype) is not total.dtype:
        stated = as_dtype(tensor_dtype).name
        raise TypeError(
            located(f"tensor_dtype is {stated}, but input is of type {total.dtype.name}")
        )
    if shape is not None:
        total.set_shape(shape)
    return total


# ---------------------------------------------------------------------------- comparisons and logic


def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x == y element by element, with broadcasting."""
    return scoped("Equal", (x, y), name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x != y element by element, with broadcasting."""
    return scoped("NotEqual", (x, y), name)


def less(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x < y element by element, with broadcasting."""
    return scoped("Less", (x, y), name)


def less_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x <= y element by element, with broadcasting."""
    return scoped("LessEqual", (x, y), name)


def greater(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x > y element by element, with broadcasting."""
    return scoped("Greater", (x, y), name)


def greater_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x >= y element by element, with broadcasting."""
    return scoped("GreaterEqual", (x, y), name)


def logical_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether both x and y are true."""
    return scoped("LogicalAnd", (x, y), name)


def logical_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x or y is true."""
    return scoped("LogicalOr", (x, y), name)


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Tensor:
    """Whether exactly one of x and y is true."""
    return scoped("LogicalXor", (x, y), name)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Elements of x where the condition holds, else of y; without them where it is true.

    x and y have one shape; the condition has it too, or is a scalar, or a vector that selects whole
    rows. Positions are int64 of shape [number of true elements, rank of the condition].

    Raises:
        ValueError: one of x and y is missing, or the shapes differ.
    """
    if (x is None) != (y is None):
        raise ValueError(located("x and y must both be non-None or both be None."))
    if x is not None:
        return scoped("Select", (condition, x, y), name)
    try:
        definition("Where")
    except KeyError:
        message = "tf.where(condition): positions of true elements are not available; give x and y"
        raise UnimplementedError(None, None, located(message)) from None
    return scoped("Where", (condition,), name)


# ------------------------------------------------------------------------------------------- casts


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`x` in another dtype; `x` itself where it has that dtype already.

    Float to integer rounds to zero, saturates, and gives 0 for NaN; to bool is x != 0. Of
    `IndexedSlices` the values are cast.
    """
    wanted = as_dtype(dtype)
    if isinstance(x, (Tensor, IndexedSlices)) and x.dtype is wanted:
        return x
    if isinstance(x, IndexedSlices):
        return IndexedSlices(cast(x.values, wanted, name), x.indices, x.dense_shape)
    with name_scope(name, "Cast", (x,)) as scope:
        tensor = convert_to_tensor(x, name="x")
        if tensor.dtype is wanted:
            return tensor
        return tensor.graph.op("Cast", tensor, DstT=wanted, name=scope)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`value` in another dtype; what lies outside its range becomes its least or greatest value."""
    wanted = as_dtype(dtype)
    with name_scope(name, "saturate_cast", (value,)) as scope:
        tensor = convert_to_tensor(value, name="value")
        source = tensor.dtype
        if source.min < wanted.min:
            tensor = maximum(tensor, _representable(wanted.min, source))
        if source.max > wanted.max:
            tensor = minimum(tensor, _representable(wanted.max, source))
        return cast(tensor, wanted, name=scope)


def _representable(limit: Any, dtype: DType) -> Any:
    """A limit as a Python number of a dtype's kind; rounding up is harmless, for casts saturate."""
    return float(limit) if dtype.is_floating else int(limit)


def to_float(x: Any, name: str = "ToFloat") -> Any:
    """`x` as float32."""
    return cast(x, dtypes.float32, name)


def to_double(x: Any, name: str = "ToDouble") -> Any:
    """`x` as float64."""
    return cast(x, dtypes.float64, name)


def to_int32(x: Any, name: str = "ToInt32") -> Any:
    """`x` as int32."""
    return cast(x, dtypes.int32, name)


def to_int64(x: Any, name: str = "ToInt64") -> Any:
    """`x` as int64."""
    return cast(x, dtypes.int64, name)


# ------------------------------------------------------------------------- constants like a tensor


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Zeros of the shape of a tensor, of its dtype or another. `optimize` changes nothing."""
    return _filled_like("ZerosLike", "zeros_like", (tensor,), dtype, name)


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Ones of the shape of a tensor, of its dtype or another. `optimize` changes nothing."""
    return _filled_like("OnesLike", "ones_like", (tensor,), dtype, name)


def _filled_like(
    type: str, default_name: str, values: Sequence[Any], dtype: Any, name: str | None
) -> Tensor:
    with name_scope(name, default_name, values) as scope:
        tensor = convert_to_tensor(values[0], name="tensor")
        wanted = tensor.dtype if dtype is None else as_dtype(dtype)
        if wanted is tensor.dtype:
            return tensor.graph.op(type, tensor, name=scope)
        return cast(tensor.graph.op(type, tensor), wanted, name=scope)
