"""Recurrent networks as loops: `tf.nn.dynamic_rnn` and `tf.nn.bidirectional_dynamic_rnn`.

The steps of a batch are the rows of one `Scan`: its carries are the state, what it keeps of every
iteration are the outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located, relocated
from graphc.framework.shape import TensorShape
from graphc.framework.variable_scope import variable_scope
from graphc.ir.bodies import Body
from graphc.ir.graph import Graph, Tensor
from graphc.ir.types import TensorType
from graphc.nn.rnn_cell.base import check_cell
from graphc.nn.unrolled import copied_through, length_vector, start_state
from graphc.ops import array_ops, filling_ops, math_ops
from graphc.ops.loop_values import convert_results, unpack


def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """A recurrent network over sequences.

    Args:
        cell: an `RNNCell`.
        inputs: [batch, time, size], or [time, batch, size] with `time_major`; or nested tuples of
            such tensors.
        sequence_length: a vector [batch]: past its end a row's outputs are zeros and its state is
            copied through.
        initial_state: default zeros of `dtype`.
        parallel_iterations, swap_memory: accepted; steps go one after the other in memory.
        scope: the variable scope, default "rnn".

    Returns:
        The outputs, with batch and time as the inputs have them, and the last state.

    Raises:
        TypeError: no cell; ValueError: neither state nor dtype, inputs of less than two dimensions
            or that differ in batch or time; InvalidArgumentError (in the run): a wrong number of
            lengths.
    """
    check_cell("cell", cell)
    with variable_scope(scope or "rnn"):
        steps = _time_major(inputs, time_major)
        batch, time = _common_sizes(nest.flatten(steps))
        state = start_state(cell, batch, initial_state, dtype)
        lengths = None
        if sequence_length is not None:
            lengths = _checked_lengths(sequence_length, batch)
        outputs, last = _scan(cell, steps, state, lengths)
        for output in nest.flatten(outputs):
            if not isinstance(batch, Tensor) and output.get_shape().ndims:
                output.set_shape(TensorShape([time, batch]).concatenate(output.get_shape()[2:]))
    if not time_major:
        outputs = nest.map_structure(swapped, outputs)
    return outputs, last


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Two networks over sequences, one from each end.

    Returns:
        The pair of outputs, and the pair of last states; arguments and errors as `dynamic_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    axes = (0, 1) if time_major else (1, 0)
    common = {
        "sequence_length": sequence_length,
        "dtype": dtype,
        "parallel_iterations": parallel_iterations,
        "swap_memory": swap_memory,
        "time_major": time_major,
    }
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw_scope:
            forward, state_fw = dynamic_rnn(
                cell_fw, inputs, initial_state=initial_state_fw, scope=fw_scope, **common
            )
        with variable_scope("bw") as bw_scope:
            turned = _reversed(inputs, sequence_length, *axes)
            backward, state_bw = dynamic_rnn(
                cell_bw, turned, initial_state=initial_state_bw, scope=bw_scope, **common
            )
    return (forward, _reversed(backward, sequence_length, *axes)), (state_fw, state_bw)


# ----------------------------------------------------------------------------------------- helpers


def swapped(x: Any) -> Tensor:
    """x with batch and time exchanged."""
    tensor = convert_to_tensor(x)
    rank = tensor.type.rank
    if rank is None:
        raise ValueError(located(f"dynamic_rnn: the rank of {tensor} must be known"))
    if rank < 2:
        raise ValueError(
            located(f"Expected input tensor {tensor.name} to have rank at least 2, but saw {rank}")
        )
    return array_ops.transpose(tensor, [1, 0, *range(2, rank)])


def _time_major(inputs: Any, is_time_major: bool) -> Any:
    change = convert_to_tensor if is_time_major else swapped
    return nest.map_structure(change, inputs)


def _common_sizes(flat: Sequence[Tensor]) -> tuple[Any, Any]:
    """Batch size (a tensor where no input tells it) and number of steps (None if unknown).

    Raises:
        ValueError: inputs differ in them, or have less than two dimensions.
    """
    known: dict[str, Any] = {"time": None, "batch": None}
    for tensor in flat:
        shape = tensor.get_shape()
        if shape.ndims is None or shape.ndims < 2:
            raise ValueError(
                located(f"Expected input tensor {tensor.name} to have at least two dimensions: "
                        f"{shape}")
            )  # fmt: skip
        for axis, name in enumerate(known):
            size = shape[axis].value
            if size is not None and known[name] not in (None, size):
                what = "Time steps is" if name == "time" else "batch_size is"
                raise ValueError(
                    located(f"{what} not the same for all the elements in the input in a batch.")
                )
            known[name] = size if known[name] is None else known[name]
    batch = known["batch"]
    return array_ops.shape(flat[0])[1] if batch is None else batch, known["time"]


def _checked_lengths(sequence_length: Any, batch: Any) -> Tensor:
    """The lengths; where their number is not known yet, the run compares it with the rows."""
    lengths = length_vector(sequence_length)
    known = lengths.get_shape()
    count = known[0].value if known.ndims else None
    if count is not None and not isinstance(batch, Tensor) and count != batch:
        raise ValueError(
            located(
                f"sequence_length must be a vector of length batch_size = {batch}, but saw shape: "
                f"{known}"
            )
        )
    return lengths


def _reversed(steps: Any, lengths: Any, time_axis: int, batch_axis: int) -> Any:
    def turn(x: Any) -> Tensor:
        if lengths is None:
            return array_ops.reverse(x, axis=[time_axis])
        return array_ops.reverse_sequence(
            x, length_vector(lengths), seq_axis=time_axis, batch_axis=batch_axis
        )

    return nest.map_structure(turn, steps)


def _scan(cell: Any, steps: Any, state: Any, lengths: Tensor | None) -> tuple[Any, Any]:
    """The network over time-major inputs: outputs of all steps stacked, and the last state."""
    graph = get_default_graph().root
    packing, rows = unpack(steps)
    state_packing, starts = unpack(state)
    count = array_ops.shape(rows[0])[0]
    if lengths is not None:
        rows = [*rows, filling_ops.range(count)]
    with graph.name_scope("while"):
        body = Body(graph.block)
        with body.building():
            carries = [body.argument(t.type, "Identity") for t in starts]
            arguments = [body.argument(_row_type(t), "TensorArrayReadV3") for t in rows]
            before = state_packing.pack(carries)
            step = packing.pack(arguments[: len(arguments) - (lengths is not None)])
            output, after = cell(step, before)
            nest.assert_same_structure(state, after)
            if lengths is not None:
                is_past = math_ops.greater_equal(arguments[-1], lengths)
                blank = nest.map_structure(filling_ops.zeros_like, output)
                output = copied_through(is_past, blank, output)
                after = copied_through(is_past, before, after)
            given, outputs = convert_results(graph, output, "the cell of dynamic_rnn")
            body.results = _next_carries(graph, body, starts, after)
            outputs = [body.adopt(t) for t in outputs]
        attrs = {"body": body, "carries": len(starts), "rows": len(rows), "reverse": False}
        inputs = [*starts, *body.captures, *rows, count]
        try:
            op = graph.create("Scan", inputs, attrs, "Scan", list(body.controls))
        except (TypeError, ValueError) as error:
            raise relocated(error) from None
    stacks = [_stacked(graph, op.outputs[-1], tensor, rows[0]) for tensor in outputs]
    exits = [graph.op("Identity", t, name="Exit") for t in op.outputs[:-1]]
    return given.pack(stacks), state_packing.pack(exits)


def _next_carries(graph: Graph, body: Body, starts: Sequence[Tensor], state: Any) -> list[Tensor]:
    """The tensors of the next state, which must be of the same types.

    Raises:
        TypeError: a dtype differs; ValueError: a shape.
    """
    wanted = [t.dtype for t in starts]
    _, tensors = convert_results(graph, state, "the cell of dynamic_rnn", wanted)
    for start, tensor in zip(starts, tensors, strict=True):
        if tensor.dtype is not start.dtype:
            raise TypeError(
                located(
                    f"the state of dynamic_rnn is {start.dtype.name}, the cell gives "
                    f"{tensor.dtype.name}: give the inputs' dtype as dtype="
                )
            )
        if not start.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                located(
                    f"the cell of dynamic_rnn changes the shape of its state from {start.shape} to "
                    f"{tensor.shape}"
                )
            )
        tensor.set_shape(start.shape)
    return [body.adopt(t) for t in tensors]


def _row_type(tensor: Tensor) -> TensorType:
    shape = tensor.type.shape
    return TensorType(tensor.dtype, None if shape is None else shape[1:])


def _stacked(graph: Graph, saves: Tensor, tensor: Tensor, rows: Tensor) -> Tensor:
    """What a body gave in every iteration."""
    stack: Tensor = graph.op("Saved", saves, tensor=tensor, name="TensorArrayStack")
    stack.set_shape(rows.shape[:1].concatenate(tensor.shape))
    return stack
