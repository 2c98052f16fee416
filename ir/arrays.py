"""Arrays: the NumPy form of what a Python program passes as a constant, by TF1's dtype rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import DType, as_dtype


def as_array(value: Any, dtype: DType | None) -> np.ndarray:
    """The array of a Python or NumPy value with TF1's dtype rules.

    Python floats are float32, ints int32 (int64 where they do not fit); NumPy values keep their
    dtype; with `dtype` given, a Python value must be representable in it.

    Raises:
        TypeError: the value does not fit the dtype; ValueError: None, or a ragged list.
    """
    if value is None:
        raise ValueError("None values not supported.")
    if dtype is not None and isinstance(value, (bool, int, float, np.generic)):
        return _scalar_array(value, dtype)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"Argument must be a dense tensor: {value!r} ({error})") from None
    is_numpy = isinstance(value, (np.ndarray, np.generic))
    if array.dtype.kind in "SUO":
        return _string_array(array, value, dtype)
    if dtype is None:
        if is_numpy or _holds_numpy(value):
            as_dtype(array.dtype)
            return array
        if array.dtype == np.float64:
            return array.astype(np.float32)
        if array.dtype == np.int64 and (
            array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)
        ):
            return array.astype(
                np.int32 if array.size or not isinstance(value, list) else np.float32
            )
        return array
    if array.size and not is_numpy:
        _check_fits(array, value, dtype)
    return array.astype(dtype.numpy)


def _holds_numpy(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (np.ndarray, np.generic))


def _scalar_array(value: Any, dtype: DType) -> np.ndarray:
    array = np.asarray(value)
    if not isinstance(value, np.generic):
        _check_fits(array, value, dtype)
    elif dtype.kind == "string":
        raise TypeError(f"Expected string, got {value!r} of type '{type(value).__name__}' instead.")
    return array.astype(dtype.numpy)


def _check_fits(array: np.ndarray, value: Any, dtype: DType) -> None:
    kind = array.dtype.kind
    name = {"f": "float", "i": "int", "b": "bool", "c": "complex", "u": "int"}.get(kind, kind)
    wrong = (
        (dtype.is_integer and kind in "fcb")
        or (dtype.is_floating and kind in "cb")
        or (dtype.is_bool and kind != "b")
        or dtype.kind == "string"
    )
    if wrong:
        raise TypeError(f"Expected {dtype.name}, got {value!r} of type '{name}' instead.")
    if dtype.is_integer and kind in "iu" and (array.min() < dtype.min or array.max() > dtype.max):
        raise TypeError(f"Value {value!r} does not fit in {dtype.name}")


def _string_array(array: np.ndarray, value: Any, dtype: DType | None) -> np.ndarray:
    if dtype is not None and dtype.kind != "string":
        raise TypeError(
            f"Expected {dtype.name}, got {value!r} of type '{type(value).__name__}' instead."
        )
    flat = []
    # NumPy writes the numbers beside a text as texts
    items = array if isinstance(value, np.ndarray) else np.asarray(value, object)
    for item in items.ravel().tolist():
        if isinstance(item, str):
            item = item.encode()
        if not isinstance(item, bytes):
            raise TypeError(
                f"Failed to convert object of type {type(value)} to Tensor. Contents: {value!r}. "
                "Consider casting elements to a supported type."
            )
        flat.append(item)
    result = np.empty(array.shape, object)
    result.ravel()[:] = flat
    return result
