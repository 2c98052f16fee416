"""Networks unrolled in the graph, one copy of the cell for each step: `tf.nn.static_rnn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.framework.variable_scope import variable_scope
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.nn.rnn_cell.base import check_cell, zero_tensors
from graphc.ops import array_ops, joining_ops, math_ops


def static_rnn(
    cell: Any,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """A recurrent network over a list of inputs.

    Args:
        cell: an `RNNCell`.
        inputs: a list with one tensor [batch, size] for each step, or nested tuples of them.
        initial_state: default zeros of `dtype`.
        sequence_length: a vector [batch]: past its end a row's outputs are zeros and its state is
            copied through.
        scope: the variable scope, default "rnn".

    Returns:
        The list of outputs, and the last state.

    Raises:
        TypeError: no cell, or no list; ValueError: no inputs, sizes that are not known, or neither
            state nor dtype.
    """
    check_cell("cell", cell)
    if not nest.is_sequence(inputs):
        raise TypeError(located("inputs must be a sequence"))
    if not inputs:
        raise ValueError(located("inputs must not be empty"))
    with variable_scope(scope or "rnn") as opened:
        batch = _batch_size(inputs)
        state = start_state(cell, batch, initial_state, dtype)
        lengths = None if sequence_length is None else length_vector(sequence_length)
        blank = None
        if lengths is not None:
            blank = zero_tensors(cell.output_size, batch, nest.flatten(state)[0].dtype)
        outputs = []
        for time, step in enumerate(inputs):
            if time > 0:
                opened.reuse_variables()
            output, new_state = cell(step, state)
            if lengths is None:
                state = new_state
            else:
                is_past = math_ops.greater_equal(time, lengths)
                output = copied_through(is_past, blank, output)
                state = copied_through(is_past, state, new_state)
            outputs.append(output)
    return outputs, state


def static_bidirectional_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any, Any]:
    """Two networks over a list of inputs, one from each end.

    Returns:
        The list of outputs, those of both networks joined along dimension 1, and the last states.

    Raises:
        As `static_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    if not nest.is_sequence(inputs):
        raise TypeError(located("inputs must be a sequence"))
    if not inputs:
        raise ValueError(located("inputs must not be empty"))
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw_scope:
            forward, state_fw = static_rnn(
                cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=fw_scope
            )
        with variable_scope("bw") as bw_scope:
            turned = _reversed(inputs, sequence_length)
            backward, state_bw = static_rnn(
                cell_bw, turned, initial_state_bw, dtype, sequence_length, scope=bw_scope
            )
    backward = _reversed(backward, sequence_length)
    outputs = [
        nest.map_structure(lambda x, y: joining_ops.concat([x, y], 1), fw, bw)
        for fw, bw in zip(forward, backward, strict=True)
    ]
    return outputs, state_fw, state_bw


def static_state_saving_rnn(*_: Any, **__: Any) -> Any:
    """Not available: state savers belong to TF1's queues.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        located(
            "tf.nn.static_state_saving_rnn is not supported: keep the state in variables, or feed "
            "it"
        )
    )


# ------------------------------------------------------------------ shared with `tf.nn.dynamic_rnn`


def start_state(cell: Any, batch_size: Any, initial_state: Any, dtype: Any) -> Any:
    """The state given, else zeros.

    Raises:
        ValueError: neither state nor dtype is given.
    """
    if initial_state is not None:
        return initial_state
    if dtype is None:
        raise ValueError(located("If no initial_state is provided, dtype must be specified"))
    if getattr(cell, "get_initial_state", None) is not None:
        return cell.get_initial_state(inputs=None, batch_size=batch_size, dtype=dtype)
    return cell.zero_state(batch_size, dtype)


def length_vector(lengths: Any) -> Tensor:
    """Sequence lengths as an int32 vector.

    Raises:
        ValueError: they have another rank.
    """
    tensor = convert_to_tensor(lengths, name="sequence_length")
    if tensor.type.rank not in (None, 1):
        raise ValueError(
            located(
                "sequence_length must be a vector of length batch_size, but saw shape: "
                f"{tensor.get_shape()}"
            )
        )
    return math_ops.cast(tensor, dtypes.int32)


def copied_through(is_past: Tensor, old: Any, new: Any) -> Any:
    """Rows of `old` where a sequence is past its end, else of `new`; scalars are always new.

    Raises:
        ValueError, TypeError: the structures differ.
    """

    def copy(before: Any, after: Tensor) -> Tensor:
        if after.type.rank == 0:
            return after
        chosen = math_ops.where(is_past, before, after)
        chosen.set_shape(after.get_shape())
        return chosen

    return nest.map_structure(copy, old, new)


def _batch_size(inputs: Sequence[Any]) -> Any:
    """The batch size: a number where one of the inputs tells it, else a tensor."""
    leaves = [convert_to_tensor(leaf) for leaf in nest.flatten(list(inputs))]
    known = None
    for leaf in leaves:
        shape = leaf.get_shape()
        if shape.ndims is None or shape.ndims == 1:
            continue
        for i, size in enumerate(shape[1:]):
            if size.value is None:
                raise ValueError(
                    located(
                        f"Input size (dimension {i} of inputs) must be accessible via shape "
                        "inference, but saw value None."
                    )
                )
        size = shape[0].value
        if known is not None and size is not None and known != size:
            raise ValueError(located(f"Dimensions {known} and {size} are not compatible"))
        known = size if known is None else known
    if known is not None:
        return known
    return apply("Shape", leaves[0])[0]


def _reversed(steps: Sequence[Any], lengths: Any) -> list[Any]:
    """A list of steps from the end: from each row's own end where lengths are given."""
    if lengths is None:
        return list(reversed(steps))
    columns = []
    for leaves in zip(*[nest.flatten(step) for step in steps], strict=True):
        turned = array_ops.reverse_sequence(
            joining_ops.stack(list(leaves)), length_vector(lengths), seq_axis=0, batch_axis=1
        )
        columns.append(joining_ops.unstack(turned, num=len(steps)))
    return [
        nest.pack_sequence_as(step, list(row))
        for step, row in zip(steps, zip(*columns, strict=True), strict=True)
    ]
