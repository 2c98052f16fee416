"""Writes to variables: `tf.assign` and its kin.

Each gives the variable's storage with the value just written, so that it can be read or written on.
"""

from __future__ import annotations

from typing import Any, NoReturn

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import element_of
from graphc.framework.errors import located, relocated
from graphc.ir import dtypes
from graphc.ir.graph import Tensor

__all__ = [
    "assign", "assign_add", "assign_sub", "count_up_to", "scatter_add", "scatter_div",
    "scatter_max", "scatter_min", "scatter_mul", "scatter_nd_add", "scatter_nd_sub",
    "scatter_nd_update", "scatter_sub", "scatter_update",
]  # fmt: skip


def storage(type: str, ref: Any) -> Tensor:
    """The storage behind a variable or a write's result.

    Raises:
        TypeError: it is a plain value.
    """
    element = element_of(ref)
    if not isinstance(element, Tensor) or not element.is_ref:
        raise TypeError(
            located(
                f"'{type}' Op requires that input 'ref' be a mutable tensor (e.g.: a "
                "tf.Variable), not "
                f"{ref}"
            )
        )
    return element


def update(
    type: str,
    ref: Any,
    value: Any,
    use_locking: bool | None = None,
    name: str | None = None,
    **attrs: Any,
) -> Tensor:
    """Append an operation of the Assign family."""
    tensor = storage(type, ref)
    graph = tensor.op.graph
    if use_locking is not None:
        attrs["use_locking"] = bool(use_locking)
    with graph.name_scope(name or type) as scope:
        new = convert_to_tensor(value, tensor.dtype, name="value")
        try:
            return graph.create(type, (tensor, new), attrs, scope).outputs[0]
        except (TypeError, ValueError) as error:
            raise relocated(error) from None


def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """Set a variable; with `validate_shape=False` the value may have another shape.

    Raises:
        TypeError: `ref` is no variable; ValueError: the shapes or dtypes differ.
    """
    checked = True if validate_shape is None else bool(validate_shape)
    return update("Assign", ref, value, use_locking, name, validate_shape=checked)


def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Add `value`, of the variable's shape, to a variable."""
    return update("AssignAdd", ref, value, use_locking, name)


def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Subtract `value`, of the variable's shape, from a variable."""
    return update("AssignSub", ref, value, use_locking, name)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> NoReturn:
    """Not available.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        located("tf.count_up_to is not supported (TF1 deprecates it); count with tf.assign_add")
    )


def _scatter(
    type: str, ref: Any, indices: Any, updates: Any, use_locking: bool | None, name: str | None
) -> Tensor:
    tensor = storage(type, ref)
    graph = tensor.op.graph
    attrs = {} if use_locking is None else {"use_locking": bool(use_locking)}
    with graph.name_scope(name or type) as scope:
        where = convert_to_tensor(indices, name="indices", preferred_dtype=dtypes.int32)
        new = convert_to_tensor(updates, tensor.dtype, name="updates")
        try:
            return graph.create(type, (tensor, where, new), attrs, scope).outputs[0]
        except (TypeError, ValueError) as error:
            raise relocated(error) from None


def scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Set rows of a variable: ref[indices[i]] = updates[i], for all i (the last one wins)."""
    return _scatter("ScatterUpdate", ref, indices, updates, use_locking, name)


def scatter_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Add to rows of a variable: ref[indices[i]] += updates[i], for all i."""
    return _scatter("ScatterAdd", ref, indices, updates, use_locking, name)


def scatter_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Subtract from rows of a variable: ref[indices[i]] -= updates[i], for all i."""
    return _scatter("ScatterSub", ref, indices, updates, use_locking, name)


def scatter_mul(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Multiply rows of a variable: ref[indices[i]] *= updates[i], for all i."""
    return _scatter("ScatterMul", ref, indices, updates, use_locking, name)


def scatter_div(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Divide rows of a variable: ref[indices[i]] /= updates[i], for all i."""
    return _scatter("ScatterDiv", ref, indices, updates, use_locking, name)


def scatter_min(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Lower rows of a variable to at most the updates."""
    return _scatter("ScatterMin", ref, indices, updates, use_locking, name)


def scatter_max(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Raise rows of a variable to at least the updates."""
    return _scatter("ScatterMax", ref, indices, updates, use_locking, name)


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Set slices of a variable: ref[indices[i, :]] = updates[i], for all i."""
    return _scatter("ScatterNdUpdate", ref, indices, updates, use_locking, name)


def scatter_nd_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Add to slices of a variable: ref[indices[i, :]] += updates[i], for all i."""
    return _scatter("ScatterNdAdd", ref, indices, updates, use_locking, name)


def scatter_nd_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Subtract from slices of a variable: ref[indices[i, :]] -= updates[i], for all i."""
    return _scatter("ScatterNdSub", ref, indices, updates, use_locking, name)
