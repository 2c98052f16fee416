"""Feeds: which tensors a feed_dict sets, and its values as arrays that fit them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.shape import shape_of
from graphc.ir.graph import IndexedSlices, Tensor


class Slot:
    """One fed tensor: checks and converts the values it is given."""

    __slots__ = ("dtype", "fixed", "plain", "rank", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.dtype = tensor.dtype.numpy
        # arrays of exactly this dtype need no conversion; None: all values do
        self.plain = None if tensor.dtype.kind == "string" else self.dtype
        shape = shape_of(tensor)
        self.rank = shape.ndims
        sizes = [] if shape.ndims is None else shape.as_list()
        self.fixed = [(axis, size) for axis, size in enumerate(sizes) if size is not None]

    def convert(self, value: Any) -> np.ndarray:
        """A C-contiguous array of the tensor's dtype, of compatible shape.

        Raises:
            TypeError: a tensor, None, or a value that the dtype cannot hold.
            ValueError: a shape that is not compatible, or something that is no array.
        """
        if value.__class__ is np.ndarray and value.dtype is self.plain:
            flags = value.flags
            array = value if flags.c_contiguous and flags.aligned else np.array(value, order="C")
        else:
            array = self._array(value)
        if self.rank is not None:
            shape = array.shape
            if len(shape) != self.rank:
                raise ValueError(self._wrong_shape(shape))
            for axis, size in self.fixed:
                if shape[axis] != size:
                    raise ValueError(self._wrong_shape(shape))
        return array

    def _wrong_shape(self, actual: tuple[int, ...]) -> str:
        return self._where(
            f"Cannot feed value of shape {actual!r} for Tensor {self.tensor.name!r}, which has "
            "shape "
            f"'{shape_of(self.tensor)}'; np.reshape the value"
        )

    def _where(self, message: str) -> str:
        where = self.tensor.op.where
        return located(f"{message}; the tensor was made at {where}" if where else message)

    def _array(self, value: Any) -> np.ndarray:
        name = self.tensor.name
        if value is None:
            raise TypeError(self._where(f"The value fed to Tensor {name!r} is None"))
        if element_of(value) is not None:
            raise TypeError(
                self._where(
                    "The value of a feed cannot be a tf.Tensor object. Acceptable feed values "
                    "include "
                    "Python scalars, strings, lists and numpy ndarrays. For reference, the "
                    "tensor object "
                    f"was {value} which was passed to the feed with key {name!r}; sess.run it first"
                )
            )
        if self.plain is None:
            return self._strings(value)
        try:
            if isinstance(value, int) and self.dtype.type(value) != value:
                raise OverflowError
            with np.errstate(invalid="ignore", over="ignore"):
                return np.asarray(value, dtype=self.dtype, order="C")
        except OverflowError:
            raise TypeError(
                self._where(
                    f"Type of feed value {value!r} with type {type(value)} is not compatible "
                    "with Tensor "
                    f"{name!r} of type {self.tensor.dtype.name}. Try explicitly setting the type "
                    "of the "
                    "feed tensor to a larger type (e.g. int64)."
                )
            ) from None
        except (TypeError, ValueError) as error:
            raise type(error)(
                self._where(
                    f"Cannot feed {_shown(value)} for Tensor {name!r} of type "
                    f"{self.tensor.dtype.name}: "
                    f"{error}"
                )
            ) from None

    def _strings(self, value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.dtype.kind not in "SUO":
            raise TypeError(
                self._where(
                    f"Cannot feed {_shown(value)} of dtype {array.dtype} for Tensor "
                    f"{self.tensor.name!r} of type string"
                )
            )
        flat = []
        for item in array.ravel().tolist():
            if not isinstance(item, (str, bytes)):
                raise TypeError(
                    self._where(
                        f"Cannot feed {item!r} for Tensor {self.tensor.name!r} of type string"
                    )
                )
            flat.append(item.encode() if isinstance(item, str) else item)
        result = np.empty(array.shape, object)
        result.ravel()[:] = flat
        return result


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class Feeds:
    """The tensors that the keys of a feed_dict stand for; `flat` if each key is one tensor."""

    def __init__(self, graph: Graph, keys: Iterable[Any]) -> None:
        self.graph = graph
        self.structures = [self._structure(key) for key in keys]
        self.flat = all(isinstance(s, Tensor) for s in self.structures)
        tensors = [t for s in self.structures for t in _leaves(s)]
        for tensor in tensors:
            if not graph.is_feedable(tensor):
                raise ValueError(located(f"Tensor {tensor} may not be fed."))
        if len(set(tensors)) != len(tensors):
            twice = next(t for i, t in enumerate(tensors) if t in tensors[:i])
            raise ValueError(located(f"feed_dict sets Tensor {twice.name!r} twice"))
        self.slots = [Slot(t) for t in tensors]

    def _structure(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return tuple([self._structure(item) for item in key])
        if isinstance(key, IndexedSlices):
            parts = (key.values, key.indices, key.dense_shape)
            return tuple([self._structure(part) for part in parts if part is not None])
        try:
            return self.graph.as_graph_element(key, allow_operation=False)
        except (TypeError, ValueError, KeyError) as error:
            raise TypeError(
                located(
                    "Cannot interpret feed_dict key as Tensor: "
                    f"{error.args[0] if error.args else key}"
                )
            ) from None

    def arrays(self, feed_dict: Mapping[Any, Any]) -> list[np.ndarray]:
        """The values of a feed_dict with these keys, one array per slot."""
        values = self.flatten(feed_dict)
        return [slot.convert(value) for slot, value in zip(self.slots, values, strict=True)]

    def flatten(self, feed_dict: Mapping[Any, Any]) -> list[Any]:
        """The values of a feed_dict with these keys, one per slot, as they are."""
        if self.flat:
            return list(feed_dict.values())
        flat: list[Any] = []
        for (key, value), structure in zip(feed_dict.items(), self.structures, strict=True):
            _align(key, structure, value, flat)
        return flat


def _leaves(structure: Any) -> list[Tensor]:
    if isinstance(structure, tuple):
        return [leaf for item in structure for leaf in _leaves(item)]
    return [structure]


def _align(key: Any, structure: Any, value: Any, flat: list[Any]) -> None:
    """Append the leaves of `value`, which must be nested as the key is."""
    if not isinstance(structure, tuple):
        flat.append(value)
        return
    is_sequence = isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.ndim > 0
    )
    count = len(value) if is_sequence else 0
    if isinstance(key, IndexedSlices) and count > len(structure):
        value, count = value[: len(structure)], len(structure)
    if count != len(structure):
        raise ValueError(
            located(
                f"Could not flatten dictionary. Key had {len(structure)} elements, but value had "
                f"{count} "
                f"elements. Key: {key}, value: {_shown(value)}."
            )
        )
    keys = key if isinstance(key, tuple) else structure
    for inner, part, item in zip(keys, structure, value, strict=True):
        _align(inner, part, item, flat)
