"""Joining and splitting tensors, as in TF1 and with the argument orders of TF 0.x."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located
from graphc.ir.graph import Tensor
from graphc.ops.build import (
    convert_values,
    create,
    holds_tensor,
    index_tensor,
    one_of,
    scope_of,
)


def concat(
    values: Any = None, axis: Any = None, name: str = "concat", concat_dim: Any = None
) -> Tensor:
    """Tensors one after the other along `axis`. Also takes TF 0.x's order, `concat(axis, values)`.

    Raises:
        ValueError: shapes differ in another dimension; TypeError: dtypes differ.
    """
    axis = one_of("axis", axis, "concat_dim", concat_dim)
    if isinstance(axis, (list, tuple)) and not isinstance(values, (list, tuple)):
        values, axis = axis, values
    if values is None or axis is None:
        raise TypeError(located("tf.concat needs both values and axis"))
    if not isinstance(values, (list, tuple)):
        values = [values]
    with scope_of(name, "concat", values, axis) as (graph, scope):
        tensors = convert_values(values, "values")
        place = index_tensor(axis, "axis")
        if len(tensors) == 1:
            return create(graph, scope, "Identity", tensors[0])[0]
        return create(graph, scope, "ConcatV2", *tensors, place)[0]


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape joined along a new dimension.

    Raises:
        ValueError: the shapes differ, or the axis is out of range.
    """
    if axis == 0 and (element_of(values) is not None or not holds_tensor(values)):
        return convert_to_tensor(values, name=name)
    with scope_of(name, "stack", values) as (graph, scope):
        tensors = convert_values(list(values), "values")
        return create(graph, scope, "Pack", *tensors, axis=int(axis))[0]


def pack(values: Any, axis: int = 0, name: str = "pack") -> Tensor:
    """The old name of `stack`."""
    return stack(values, axis, name)


def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """`stack` along axis 0."""
    return stack(values, 0, name)


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str = "unstack"
) -> list[Tensor]:
    """The slices along a dimension, without that dimension.

    Args:
        num: how many there are; default the static size of the dimension.

    Raises:
        ValueError: `num` is not given and the size is unknown, or `axis` is out of range.
    """
    with scope_of(name, "unstack", value) as (graph, scope):
        x = convert_to_tensor(value, name="value")
        if num is None:
            num = _static_size(x, int(axis))
        return list(create(graph, scope, "Unpack", x, num=int(num), axis=int(axis)))


def unpack(value: Any, num: int | None = None, axis: int = 0, name: str = "unpack") -> list[Tensor]:
    """The old name of `unstack`."""
    return unstack(value, num, axis, name)


def _static_size(x: Tensor, axis: int) -> int:
    known = x.type.shape
    if known is not None and not -len(known) <= axis < len(known):
        raise ValueError(located(f"axis = {axis} not in [{-len(known)}, {len(known)})"))
    found = None if known is None else known[axis]
    if not isinstance(found, int):
        raise ValueError(
            located(
                f"Cannot infer num from shape {x.shape} of {x.name}; give num or use x.set_shape"
            )
        )
    return found


def split(
    value: Any = None,
    num_or_size_splits: Any = None,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
    split_dim: Any = None,
    num_split: Any = None,
) -> list[Tensor]:
    """A tensor cut along `axis` into equal parts (a number) or parts of given sizes (a list).

    Also takes TF 0.x's order, `split(split_dim, num_split, value)`, and its keywords.

    Args:
        num: how many parts there are, where the list of sizes is a tensor of unknown length.

    Raises:
        ValueError: the number does not divide the dimension, or `num` cannot be inferred.
    """
    count = num_or_size_splits if num_split is None else num_split
    if isinstance(value, (int, np.integer)) and element_of(axis) is not None:
        value, axis = axis, value
    axis = axis if split_dim is None else split_dim
    if value is None or count is None:
        raise TypeError(located("tf.split needs both value and num_or_size_splits"))
    with scope_of(name, "split", value, count, axis) as (graph, scope):
        x = convert_to_tensor(value, name="value")
        place = index_tensor(axis, "split_dim")
        if isinstance(count, (int, np.integer)):
            return list(create(graph, scope, "Split", place, x, num_split=int(count)))
        sizes = index_tensor(count, "size_splits")
        if sizes.type.rank == 0:
            raise ValueError(
                located(
                    "Rank-0 tensors are not supported as the num_or_size_splits argument to split: "
                    f"{count}"
                )
            )
        parts = _static_size(sizes, 0) if num is None else int(num)
        return list(create(graph, scope, "SplitV", x, sizes, place, num_split=parts))
