"""Constants and placeholders."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of, get_default_graph, graph_of
from graphc.framework.errors import located, relocated
from graphc.framework.shape import as_shape, to_ir
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor, as_array

__all__ = ["constant", "placeholder", "placeholder_with_default"]


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """A constant tensor.

    Args:
        value: a number, string, array or nested list. Python floats become float32, ints int32.
        shape: where it holds more elements than `value`, the last one is repeated.
        verify_shape: refuse a `value` of another shape instead.

    Raises:
        TypeError: `value` does not fit `dtype` or (with `verify_shape`) `shape`; or is a tensor.
        ValueError: a ragged list, or more elements than `shape` holds.
    """
    if element_of(value) is not None:
        raise TypeError(
            located(
                f"List of Tensors or a Tensor when single constant expected: {value}; use "
                "tf.identity"
            )
        )
    try:
        array = as_array(_plain(value), None if dtype is None else as_dtype(dtype))
    except (TypeError, ValueError) as error:
        raise relocated(error) from None
    if shape is not None:
        array = _shaped(array, tuple(as_shape(shape).as_list()), verify_shape)
    return get_default_graph().constant(array, name=name)


def _plain(value: Any) -> Any:
    from graphc.framework.conversion import _without_sizes

    return value if isinstance(value, np.ndarray) else _without_sizes(value)


def _shaped(array: np.ndarray, shape: tuple[Any, ...], verify: bool) -> np.ndarray:
    if array.shape == shape:
        return array
    if verify:
        raise TypeError(located(f"Expected Tensor's shape: {shape}, got {array.shape}."))
    if None in shape:
        raise ValueError(located(f"a constant's shape must be known, not {as_shape(shape)}"))
    count = int(np.prod(shape, dtype=np.int64))
    if array.size > count:
        raise ValueError(
            located(
                f"Too many elements provided. Needed at most {count} for shape {shape}, but "
                "received "
                f"{array.size}"
            )
        )
    if array.size == 0 and count:
        raise ValueError(located(f"no elements provided for a constant of shape {shape}"))
    flat = np.empty(count, array.dtype)
    flat[: array.size] = array.ravel()
    if count:
        flat[array.size :] = array.ravel()[-1]
    return flat.reshape(shape)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that must be fed: `sess.run(…, feed_dict={x: value})`.

    Args:
        shape: None for any; None within it for sizes that may change from run to run.

    Raises:
        TypeError: `dtype` or `shape` is no such thing.
    """
    try:
        return get_default_graph().placeholder(as_dtype(dtype), to_ir(shape), name)
    except (TypeError, ValueError) as error:
        raise relocated(error) from None


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input`, unless another value of compatible `shape` is fed.

    Raises:
        ValueError: the shape of `input` is not compatible with `shape`.
    """
    graph = graph_of(input)
    with graph.name_scope(name or "PlaceholderWithDefault") as scope:
        default = convert_to_tensor(input, name="input")
        if not default.shape.is_compatible_with(shape):
            raise ValueError(
                located(
                    f"placeholder_with_default: the default value has shape {default.shape}, "
                    "which is "
                    f"not compatible with shape {as_shape(shape)}"
                )
            )
        attrs = {"shape": to_ir(shape)}
        return graph.create("PlaceholderWithDefault", (default,), attrs, scope).outputs[0]
