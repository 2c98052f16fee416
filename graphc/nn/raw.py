"""`tf.nn.raw_rnn`: a loop over a cell in which the user's function chooses every next input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.framework import nest
from graphc.framework.errors import located
from graphc.framework.shape import TensorShape
from graphc.framework.variable_scope import variable_scope
from graphc.ir import dtypes
from graphc.nn.rnn_cell.base import check_cell, size_list
from graphc.ops import array_ops, constant_op, filling_ops, generated, math_ops
from graphc.ops.reduction_ops import reduce_all
from graphc.ops.tensor_array_ops import TensorArray
from graphc.ops.while_ops import while_loop

LoopFunction = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any, Any, Any]]


def raw_rnn(
    cell: Any,
    loop_fn: LoopFunction,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    scope: Any = None,
) -> tuple[Any, Any, Any]:
    """A recurrent network whose inputs, states and outputs go through a function.

    Args:
        cell: an `RNNCell`.
        loop_fn: takes (time, cell_output, cell_state, loop_state) and gives (finished [batch],
            next_input, next_cell_state, emit_output, next_loop_state). It is first called with
            (0, None, None, None) and then gives the first input and state, and as emit_output one
            row of zeros of what it will emit (None for the cell's output).
        parallel_iterations, swap_memory: accepted; steps go one after the other in memory.
        scope: the variable scope, default "rnn".

    Returns:
        A TensorArray of what was emitted (in the structure of emit_output), the last state, and the
        last loop state (None if there is none). Rows that are finished emit zeros and keep their
        state.

    Raises:
        TypeError: no cell, or `loop_fn` is no function; ValueError, TypeError: structures differ.
    """
    check_cell("cell", cell)
    if not callable(loop_fn):
        raise TypeError(located("loop_fn must be a callable"))
    with variable_scope(scope or "rnn"):
        time = constant_op.constant(0, dtypes.int32)
        finished, first, state, emitted, loop_state = loop_fn(time, None, None, None)
        nest.assert_same_structure(state, cell.state_size)
        blank = _blank(cell, first, state, emitted)
        arrays = nest.map_structure(_array, blank)
        carried = constant_op.constant(0, dtypes.int32) if loop_state is None else loop_state

        def going(time: Any, finished: Any, *_: Any) -> Any:
            return generated.logical_not(reduce_all(finished))

        def step(
            time: Any, finished: Any, current: Any, arrays: Any, state: Any, carried: Any
        ) -> tuple[Any, ...]:
            output, cell_state = cell(current, state)
            nest.assert_same_structure(state, cell_state)
            nest.assert_same_structure(cell.output_size, output)
            done, following, next_state, emit, next_carried = loop_fn(
                time + 1, output, cell_state, carried
            )
            emit = output if emit is None else emit
            nest.assert_same_structure(state, next_state)
            nest.assert_same_structure(current, following)
            nest.assert_same_structure(blank, emit)
            emit = _kept(finished, blank, emit)
            next_state = _kept(finished, state, next_state)
            written = nest.map_structure(lambda array, row: array.write(time, row), arrays, emit)
            return (
                time + 1, math_ops.logical_or(finished, done), following, written, next_state,
                carried if next_carried is None else next_carried,
            )  # fmt: skip

        loop_vars = (time, finished, first, arrays, state, carried)
        _, _, _, arrays, last, carried = while_loop(going, step, loop_vars)
    return arrays, last, None if loop_state is None else carried


def _blank(cell: Any, first: Any, state: Any, emitted: Any) -> Any:
    """Zeros [batch, …] of what is emitted."""
    rows = nest.flatten(first)[0]
    known = rows.get_shape()[0].value
    batch = array_ops.shape(rows)[0] if known is None else known

    def zeros(sizes: list[Any], dtype: Any) -> Any:
        result = filling_ops.zeros([batch, *sizes], dtype)
        result.set_shape(TensorShape([known]).concatenate(TensorShape(sizes)))
        return result

    if emitted is None:
        dtype = nest.flatten(state)[0].dtype
        return nest.map_structure(lambda size: zeros(size_list(size), dtype), cell.output_size)
    return nest.map_structure(
        lambda row: zeros([size.value for size in row.get_shape()], row.dtype), emitted
    )


def _array(blank: Any) -> TensorArray:
    return TensorArray(blank.dtype, size=0, dynamic_size=True, element_shape=blank.get_shape())


def _kept(finished: Any, old: Any, new: Any) -> Any:
    """Rows of `old` where they are finished; tensor arrays and scalars are always new."""

    def keep(before: Any, after: Any) -> Any:
        if isinstance(before, TensorArray) or before.get_shape().ndims == 0:
            return after
        return math_ops.where(finished, before, after)

    return nest.map_structure(keep, old, new)
