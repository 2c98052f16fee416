"""Wrappers: cells that change what goes into or comes out of another cell, in its own scope."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Callable
from typing import Any

from graphc.framework import nest
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.surface import get_static_value
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor
from graphc.nn.rnn_cell.base import RNNCell, check_cell, size_list
from graphc.nn.rnn_cell.lstm import LSTMStateTuple
from graphc.ops import generated, nn_ops, random_ops


class Wrapper(RNNCell):
    """A cell around another one; it opens no scope of its own."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        check_cell("cell", cell)
        self._cell = cell

    @property
    def wrapped_cell(self) -> Any:
        return self._cell

    @property
    def state_size(self) -> Any:
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        return self._cell.output_size

    @property
    def trainable_weights(self) -> list[Any]:
        return list(self._cell.trainable_weights)

    @property
    def non_trainable_weights(self) -> list[Any]:
        return list(self._cell.non_trainable_weights)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]):
            return self._cell.zero_state(batch_size, dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **kwargs: Any) -> Any:
        """One step of the wrapped cell: see `RNNCell.__call__`."""
        if scope is not None:
            kwargs["scope"] = scope
        return self._step(inputs, state, kwargs)

    def _step(self, inputs: Any, state: Any, arguments: dict[str, Any]) -> Any:
        """(output, new state) of one step; each wrapper says how."""
        raise NotImplementedError(f"{type(self).__name__} must define _step")


class DropoutWrapper(Wrapper):
    """Dropout of a cell's inputs, state and output.

    Args:
        cell: the cell.
        input_keep_prob, output_keep_prob, state_keep_prob: the probabilities that an element is
            kept, numbers in [0, 1] or scalar tensors. The state's is applied to what the cell
            hands to the next step, its output is not affected by it.
        variational_recurrent: whether one decision per element serves all steps (Gal and
            Ghahramani, 2016); then `dtype` is needed, and `input_size` if inputs are dropped.
        input_size: sizes of the inputs, nested as they are.
        dtype: of inputs, state and output.
        seed: of the random decisions.
        dropout_state_filter_visitor: says of a state, or of parts of it, whether it is dropped:
            True, False, or a structure of them. Default: all but the memory `c` of LSTM states.

    Raises:
        TypeError: the filter cannot be called; ValueError: a probability is out of range, or dtype
            or input_size is missing.
    """

    def __init__(
        self,
        cell: Any,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False,
        input_size: Any = None,
        dtype: Any = None,
        seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(cell)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise TypeError(located("dropout_state_filter_visitor must be callable"))
        self._filter = dropout_state_filter_visitor or _drops
        self._seed = seed
        self._keep = {
            "input": _checked("input_keep_prob", input_keep_prob),
            "state": _checked("state_keep_prob", state_keep_prob),
            "output": _checked("output_keep_prob", output_keep_prob),
        }
        self._noise: dict[str, list[Tensor]] = {}
        if variational_recurrent:
            self._make_noise(input_size, dtype)

    def _make_noise(self, input_size: Any, dtype: Any) -> None:
        if dtype is None:
            raise ValueError(located("When variational_recurrent=True, dtype must be provided"))
        sizes = {"state": self._cell.state_size, "output": self._cell.output_size}
        if _drops_some(self._keep["input"]):
            if input_size is None:
                raise ValueError(
                    located(
                        "When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, "
                        "input_size must be provided"
                    )
                )
            sizes["input"] = input_size
        for what, structure in sizes.items():
            self._noise[what] = [
                random_ops.random_uniform(
                    [1, *size_list(size)], seed=self._seed_of(what, i), dtype=as_dtype(dtype)
                )
                for i, size in enumerate(nest.flatten(structure))
            ]

    def _seed_of(self, what: str, index: int) -> int | None:
        if self._seed is None:
            return None
        salted = f"{self._seed}{what}_{index}".encode()
        return int(hashlib.md5(salted).hexdigest()[:8], 16) & 0x7FFFFFFF

    def _step(self, inputs: Any, state: Any, arguments: dict[str, Any]) -> tuple[Any, Any]:
        inputs = self._dropped("input", inputs)
        output, new_state = self._cell(inputs, state, **arguments)
        if _drops_some(self._keep["state"]):
            new_state = self._dropped("state", new_state, _chosen(self._filter, new_state))
        return self._dropped("output", output), new_state

    def _dropped(self, what: str, values: Any, chosen: list[bool] | None = None) -> Any:
        keep = self._keep[what]
        if not _drops_some(keep):
            return values
        flat = nest.flatten(values)
        results = [
            self._drop(what, i, value, keep) if chosen is None or chosen[i] else value
            for i, value in enumerate(flat)
        ]
        return nest.pack_sequence_as(values, results)

    def _drop(self, what: str, index: int, value: Any, keep: Any) -> Any:
        if what not in self._noise:
            return nn_ops.dropout(value, keep_prob=keep, seed=self._seed_of(what, index))
        # 1 with probability keep: the noise is uniform in [0, 1)
        kept = generated.floor(keep + self._noise[what][index])
        result = value / keep * kept
        result.set_shape(value.get_shape())
        return result


def _checked(name: str, probability: Any) -> Any:
    known = get_static_value(probability) if isinstance(probability, Tensor) else probability
    if known is not None:
        if not isinstance(known, numbers.Real) and getattr(known, "ndim", 1) != 0:
            raise ValueError(located(f"Parameter {name} must be a number or a scalar tensor"))
        if not 0 <= known <= 1:
            raise ValueError(located(f"Parameter {name} must be between 0 and 1: {known}"))
    return probability


def _drops_some(probability: Any) -> bool:
    return not isinstance(probability, numbers.Real) or probability < 1


def _drops(state: Any) -> Any:
    """The default filter: memory is never dropped."""
    return LSTMStateTuple(c=False, h=True) if isinstance(state, LSTMStateTuple) else True


def _chosen(choose: Callable[[Any], Any], state: Any) -> list[bool]:
    """What a filter says of each leaf of a state."""
    answer = choose(state)
    if not nest.is_sequence(state):
        return [bool(answer)]
    if not nest.is_sequence(answer):
        if not answer:
            return [False] * len(nest.flatten(state))
        return [leaf for child in nest.children(state) for leaf in _chosen(choose, child)]
    found = []
    for part, child in zip(nest.children(answer), nest.children(state), strict=True):
        if nest.is_sequence(part):
            found += nest.flatten(part)
        elif part:
            found += _chosen(choose, child)
        else:
            found += [False] * len(nest.flatten(child))
    return found


class ResidualWrapper(Wrapper):
    """The cell's inputs added to its outputs.

    Args:
        cell: the cell.
        residual_fn: a function (inputs, outputs) -> outputs instead of their sum.

    Raises:
        ValueError, TypeError: in the call, if inputs and outputs differ in structure or shape.
    """

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(cell)
        self._residual_fn = residual_fn or _sum

    def _step(self, inputs: Any, state: Any, arguments: dict[str, Any]) -> tuple[Any, Any]:
        outputs, new_state = self._cell(inputs, state, **arguments)
        result = self._residual_fn(inputs, outputs)
        nest.assert_same_structure(outputs, result)
        for output, sum_ in zip(nest.flatten(outputs), nest.flatten(result), strict=True):
            output.get_shape().assert_is_compatible_with(sum_.get_shape())
        return result, new_state


def _sum(inputs: Any, outputs: Any) -> Any:
    def add(x: Any, y: Any) -> Any:
        if not x.get_shape().is_compatible_with(y.get_shape()):
            raise ValueError(
                located(
                    f"ResidualWrapper: shapes {x.get_shape()} of the inputs and {y.get_shape()} of "
                    "the outputs are incompatible"
                )
            )
        return x + y

    return nest.map_structure(add, inputs, outputs)


class DeviceWrapper(Wrapper):
    """A cell whose operations carry a device text (it does not decide where they run)."""

    def __init__(self, cell: Any, device: Any) -> None:
        super().__init__(cell)
        self._device = device

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        with get_default_graph().device(self._device):
            return super().zero_state(batch_size, dtype)

    def _step(self, inputs: Any, state: Any, arguments: dict[str, Any]) -> Any:
        with get_default_graph().device(self._device):
            return self._cell(inputs, state, **arguments)
