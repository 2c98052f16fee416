"""`MultiRNNCell`: cells on top of one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework import logging, nest
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.variable_scope import variable_scope
from graphc.nn.rnn_cell.base import RNNCell, check_cell, zero_tensors
from graphc.ops import joining_ops, slicing_ops


class MultiRNNCell(RNNCell):
    """Each cell's output is the next one's input; the states stand beside one another.

    Cell i has the variable scope `cell_i`.

    Args:
        cells: the cells, the one nearest to the input first.
        state_is_tuple: whether the state is a tuple of the cells' states, else one tensor in which
            they follow one another.

    Raises:
        TypeError: `cells` is no list; ValueError: it is empty, or states are tuples that
            `state_is_tuple=False` cannot join.
    """

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError(located("Must specify at least one cell for MultiRNNCell."))
        if not nest.is_sequence(cells):
            raise TypeError(located(f"cells must be a list or tuple, but saw: {cells}."))
        for number, cell in enumerate(cells):
            check_cell(f"cells[{number}]", cell)
        if len({id(cell) for cell in cells}) < len(cells):
            logging.log_first_n(
                logging.WARN,
                "At least two cells provided to MultiRNNCell are the same object and will share "
                "weights.",
                1,
            )
        self._cells = list(cells)
        self._state_is_tuple = state_is_tuple
        sizes = [cell.state_size for cell in self._cells]
        if not state_is_tuple and any(nest.is_sequence(size) for size in sizes):
            raise ValueError(
                located(
                    "Some cells return tuples of states, but the flag state_is_tuple is not set. "
                    f"State sizes are: {sizes}"
                )
            )

    @property
    def cells(self) -> list[Any]:
        return self._cells

    @property
    def state_size(self) -> Any:
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        with name_scope("MultiRNNCellZeroState", values=[batch_size]):
            if self._state_is_tuple:
                return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)
            return zero_tensors(self.state_size, batch_size, dtype)

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple and not (
            nest.is_sequence(state) and len(state) == len(self._cells)
        ):
            raise ValueError(
                located(
                    f"Expected state to be a tuple of length {len(self._cells)}, but received: "
                    f"{state}"
                )
            )
        current, begin, states = inputs, 0, []
        for number, cell in enumerate(self._cells):
            with variable_scope(f"cell_{number}"):
                if self._state_is_tuple:
                    own = state[number]
                else:
                    own = slicing_ops.slice(state, [0, begin], [-1, cell.state_size])
                    begin += cell.state_size
                current, new_state = cell(current, own)
                states.append(new_state)
        if self._state_is_tuple:
            return current, tuple(states)
        return current, joining_ops.concat(states, 1)
