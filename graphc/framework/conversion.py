"""Conversion: what may stand where a tensor is wanted.

Numbers, lists and arrays become constants; variables their read value; `TensorShape`s integer
vectors; lists that hold tensors are packed. `register_tensor_conversion_function` adds more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphc.framework.default_graph import element_of, graph_of
from graphc.framework.errors import located, relocated
from graphc.framework.shape import Dimension, TensorShape
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import HOOKS, Graph, IndexedSlices, Operation, Tensor, convert

__all__ = [
    "convert_to_tensor",
    "convert_to_tensor_or_indexed_slices",
    "register_tensor_conversion_function",
]

# Conversions of users: (priority, order of registration, types, function), best first.
_REGISTERED: list[tuple[int, int, Any, Callable[..., Any]]] = []


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
    as_ref: bool = False,
) -> Tensor:
    """A tensor for a number, string, list, array, variable, or what a conversion is registered for.

    Args:
        dtype: the element type to get; default that of the value (Python floats float32, ints
            int32).
        preferred_dtype: the element type to try first, without error where it does not fit.
        as_ref: give a variable's storage instead of its value.

    Raises:
        TypeError: nothing converts such a value; ValueError: it is None, or a tensor of another
            dtype.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if as_ref and hasattr(value, "_ref"):
        return value._ref()
    preferred = preferred_dtype if preferred_dtype is not None else dtype_hint
    if wanted is None and preferred is not None and not isinstance(value, Tensor):
        try:
            return _convert(value, as_dtype(preferred), name)
        except (TypeError, ValueError):
            pass
    return _convert(value, wanted, name)


def _convert(value: Any, dtype: DType | None, name: str | None) -> Tensor:
    graph = graph_of(value)
    if isinstance(value, Operation):
        raise TypeError(
            located(f"Can't convert Operation '{value.name}' to Tensor: it gives no single value")
        )
    try:
        if name is not None and element_of(value) is None and _is_plain(value):
            return graph.constant(value, dtype, name=name)
        if name is not None and isinstance(value, (list, tuple)):
            return _from_sequence(value, dtype, graph, name)
        return convert(value, dtype, graph)
    except (TypeError, ValueError) as error:
        raise relocated(error) from None


def _is_plain(value: Any) -> bool:
    """Whether a value becomes a constant as it is."""
    if isinstance(value, (list, tuple)):
        return not _holds_element(value)
    return not any(isinstance(value, types) for types, _ in HOOKS.conversions)


def internal_convert_n_to_tensor(
    values: Iterable[Any], dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> list[Tensor]:
    """`convert_to_tensor` of each value; names get the suffix _0, _1 …"""
    return [
        convert_to_tensor(v, dtype, None if name is None else f"{name}_{i}", as_ref=as_ref)
        for i, v in enumerate(values)
    ]


convert_n_to_tensor = internal_convert_n_to_tensor


def convert_to_tensor_or_indexed_slices(
    value: Any, dtype: Any = None, name: str | None = None
) -> Tensor | IndexedSlices:
    """Like `convert_to_tensor`, but an `IndexedSlices` stays one."""
    if isinstance(value, IndexedSlices):
        if dtype is not None and as_dtype(dtype) is not value.dtype:
            raise ValueError(
                located(
                    f"Tensor conversion requested dtype {as_dtype(dtype).name} for IndexedSlices "
                    "with "
                    f"dtype {value.dtype.name}"
                )
            )
        return value
    return convert_to_tensor(value, dtype, name)


def register_tensor_conversion_function(
    base_type: Any, conversion_func: Callable[..., Any], priority: int = 100
) -> None:
    """Let `conversion_func(value, dtype=, name=, as_ref=)` convert values of `base_type`.

    It gives a tensor, or NotImplemented to leave the value to others. Lower `priority` is tried
    first.

    Raises:
        TypeError: `base_type` is no type or tuple of types, or the function cannot be called.
    """
    types = base_type if isinstance(base_type, tuple) else (base_type,)
    if not types or not all(isinstance(t, type) for t in types):
        raise TypeError(located("base_type must be a type or a tuple of types."))
    if not callable(conversion_func):
        raise TypeError(located("conversion_func must be callable."))
    _REGISTERED.append((priority, len(_REGISTERED), types, conversion_func))
    _REGISTERED.sort(key=lambda entry: entry[:2])
    everything = tuple(dict.fromkeys(t for _, _, ts, _ in _REGISTERED for t in ts))
    HOOKS.conversions[:] = [entry for entry in HOOKS.conversions if entry[1] is not _by_registered]
    HOOKS.conversions.insert(0, (everything, _by_registered))


def _by_registered(value: Any, dtype: DType | None, graph: Graph) -> Tensor:
    for _, _, types, function in _REGISTERED:
        if isinstance(value, types):
            result = function(value, dtype=dtype, name=None, as_ref=False)
            if result is NotImplemented:
                continue
            if not isinstance(result, Tensor):
                raise TypeError(f"the conversion of {value!r} gave {result!r}, which is no tensor")
            return result
    return graph.constant(value, dtype)


# ----------------------------------------------------------------------------- built-in conversions


def _holds_element(values: Any) -> bool:
    """Whether a nested list holds a tensor, variable, slices, size or shape."""
    pending = [values]
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)):
            pending += value
        elif isinstance(value, (Dimension, TensorShape)) or element_of(value) is not None:
            return True
    return False


def _without_sizes(value: Any) -> Any:
    """Nested lists with `Dimension`s and `TensorShape`s as ints."""
    if isinstance(value, Dimension):
        return _size(value)
    if isinstance(value, TensorShape):
        return value.as_list()
    if isinstance(value, (list, tuple)):
        return [_without_sizes(item) for item in value]
    return value


def _size(dim: Dimension) -> int:
    if dim.value is None:
        raise ValueError(
            "Cannot convert an unknown Dimension to a Tensor: use tf.shape(x)[i] instead of "
            "x.shape[i]"
        )
    return dim.value


def _from_sequence(
    value: Any, dtype: DType | None, graph: Graph, name: str | None = None
) -> Tensor:
    if not _holds_element(value):
        return graph.constant(value, dtype, name)
    value = _without_sizes(value)
    if not _holds_element(value):
        return graph.constant(value, dtype, name)
    from graphc.ops.packing import auto_pack

    return auto_pack(value, dtype=dtype, name=name)


def _from_shape(value: TensorShape, dtype: DType | None, graph: Graph) -> Tensor:
    if not value.is_fully_defined():
        raise ValueError(
            f"Cannot convert a partially known TensorShape to a Tensor: {value}; use tf.shape(x)"
        )
    sizes = value.as_list()
    if dtype is None:
        dtype = (
            dtypes.int64 if any(n is not None and n > 2**31 - 1 for n in sizes) else dtypes.int32
        )
    if dtype not in dtypes.INDICES:
        raise TypeError(f"Cannot convert a TensorShape to dtype {dtype.name}")
    return graph.constant(np.array(sizes, dtype.numpy))


def _from_dimension(value: Dimension, dtype: DType | None, graph: Graph) -> Tensor:
    return graph.constant(_size(value), dtype)


def _from_slices(value: IndexedSlices, dtype: DType | None, graph: Graph) -> Tensor:
    if value.dense_shape is None:
        raise ValueError(
            f"Tensor conversion requested for IndexedSlices without dense_shape: {value.values}"
        )
    return value.dense()


def _from_dtype(value: DType, dtype: DType | None, graph: Graph) -> Tensor:
    raise TypeError(
        f"Failed to convert {value!r} to a Tensor: it is a dtype; did you mean dtype={value!r}?"
    )


HOOKS.conversions += [
    ((list, tuple), _from_sequence),
    (TensorShape, _from_shape),
    (Dimension, _from_dimension),
    (IndexedSlices, _from_slices),
    (DType, _from_dtype),
]
