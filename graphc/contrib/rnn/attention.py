"""`AttentionCellWrapper`: a cell that attends to its own last outputs (Bahdanau et al., 2014)."""

from __future__ import annotations

from typing import Any

from graphc.contrib.rnn.linear import Linear
from graphc.framework import nest
from graphc.framework.errors import located
from graphc.framework.variable_scope import get_variable, variable_scope
from graphc.nn.rnn_cell.base import RNNCell, check_cell, size_list
from graphc.ops import array_ops, generated, joining_ops, linear_ops, nn_ops, slicing_ops
from graphc.ops.reduction_ops import reduce_sum


class AttentionCellWrapper(RNNCell):
    """Attention over the last `attn_length` outputs.

    The state is (the cell's, the attention [batch, attn_size], the outputs it looks at
    [batch, attn_length attn_size]).

    Args:
        cell: the cell.
        attn_length: how many outputs are looked at.
        attn_size: the size of outputs; default that of the cell.
        attn_vec_size: the size of the hidden layer of the scores; default `attn_size`.
        input_size: the size of what the cell is given; default that of the inputs.
        state_is_tuple: whether the state is a tuple, else one tensor.

    Raises:
        TypeError: no cell; ValueError: a length below 1, or a nested state that is to be joined.
    """

    def __init__(
        self,
        cell: Any,
        attn_length: int,
        attn_size: int | None = None,
        attn_vec_size: int | None = None,
        input_size: int | None = None,
        state_is_tuple: bool = True,
        reuse: Any = None,
    ) -> None:
        super().__init__(_reuse=reuse)
        check_cell("cell", cell)
        if nest.is_sequence(cell.state_size) and not state_is_tuple:
            raise ValueError(
                located(
                    "Cell returns tuple of states, but the flag state_is_tuple is not set. State "
                    f"size is: {cell.state_size}"
                )
            )
        if attn_length <= 0:
            raise ValueError(located(f"attn_length should be greater than zero, got {attn_length}"))
        self._cell = cell
        self._length = int(attn_length)
        self._size = cell.output_size if attn_size is None else int(attn_size)
        self._vec_size = self._size if attn_vec_size is None else int(attn_vec_size)
        self._input_size = input_size
        self._state_is_tuple = state_is_tuple
        self._linears: dict[str, Linear] = {}

    @property
    def state_size(self) -> Any:
        sizes = (self._cell.state_size, self._size, self._size * self._length)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        return self._size

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        own, attention, window = state if self._state_is_tuple else self._parts(state)
        window = array_ops.reshape(window, [-1, self._length, self._size])
        width = self._input_size or size_list(inputs.get_shape()[1])[0]
        mixed = self._linear("inputs", [inputs, attention], width)
        output, new_own = self._cell(mixed, own)
        query = joining_ops.concat(nest.flatten(new_own), 1)
        new_attention, rest = self._attend(query, window)
        with variable_scope("attn_output_projection"):
            output = self._linear("output", [output, new_attention], self._size)
        grown = joining_ops.concat([rest, array_ops.expand_dims(output, 1)], 1)
        new_window = array_ops.reshape(grown, [-1, self._length * self._size])
        new_state = (new_own, new_attention, new_window)
        if self._state_is_tuple:
            return output, new_state
        return output, joining_ops.concat(list(new_state), 1)

    def _parts(self, state: Any) -> list[Any]:
        parts, begin = [], 0
        for size in (self._cell.state_size, self._size, self._size * self._length):
            parts.append(slicing_ops.slice(state, [0, begin], [-1, size]))
            begin += size
        return parts

    def _linear(self, key: str, args: list[Any], size: int) -> Any:
        if key not in self._linears:
            self._linears[key] = Linear(args, size)
        return self._linears[key](args)

    def _attend(self, query: Any, window: Any) -> tuple[Any, Any]:
        """The attention for a query, and the window without its oldest output."""
        dtype = query.dtype
        with variable_scope("attention"):
            shape = [1, 1, self._size, self._vec_size]
            weights = array_ops.reshape(get_variable("attn_w", shape, dtype), shape[2:])
            vector = get_variable("attn_v", [self._vec_size], dtype)
            flat = array_ops.reshape(window, [-1, self._size])
            hidden = array_ops.reshape(
                linear_ops.matmul(flat, weights), [-1, self._length, self._vec_size]
            )
            y = array_ops.expand_dims(self._linear("query", [query], self._vec_size), 1)
            scores = nn_ops.softmax(reduce_sum(vector * generated.tanh(hidden + y), 2))
            weighted = array_ops.expand_dims(scores, 2) * window
            attention = array_ops.reshape(reduce_sum(weighted, 1), [-1, self._size])
            return attention, slicing_ops.slice(window, [0, 1, 0], [-1, -1, -1])
