"""`AttentionWrapper`: a cell that looks at memories after each step, and is given what it saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from graphc.contrib.seq2seq.attention import AttentionMechanism
from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.layers.core import Dense
from graphc.nn.rnn_cell.base import RNNCell, check_cell
from graphc.ops import array_ops, constant_op, filling_ops, joining_ops, linear_ops
from graphc.ops.tensor_array_ops import TensorArray


class AttentionWrapperState(NamedTuple):
    """The state of an `AttentionWrapper`.

    Attributes:
        cell_state: of the cell. attention: what it saw last. time: the number of steps so far.
        alignments: the weights of the memories. alignment_history: a TensorArray of all of them,
            or (). attention_state: of the mechanism. With a list of mechanisms the last three are
            tuples.
    """

    cell_state: Any
    attention: Any
    time: Any
    alignments: Any
    alignment_history: Any
    attention_state: Any

    def clone(self, **kwargs: Any) -> AttentionWrapperState:
        """The state with some parts replaced, which must have the same structure."""
        for name, value in kwargs.items():
            nest.assert_same_structure(getattr(self, name), value)
        return self._replace(**kwargs)


class AttentionWrapper(RNNCell):
    """A cell with attention.

    A step gives the cell [inputs, attention]; its output is the mechanism's query; the attention is
    the mean of the memories under the alignments, passed with the output through a matrix if there
    is an `attention_layer_size`.

    Args:
        cell: the cell.
        attention_mechanism: one mechanism, or a list of them.
        attention_layer_size: the size of the attention (a list for a list of mechanisms).
        alignment_history: whether the state keeps the alignments of all steps.
        cell_input_fn: makes the cell's input of (inputs, attention); default joins them.
        output_attention: whether the attention is the output, else the cell's output is.
        initial_cell_state: what `zero_state` starts with.
        name: of the variable scope; default "attention_wrapper".
        attention_layer: layers instead of those that attention_layer_size would make.

    Raises:
        TypeError: no cell or mechanism; ValueError: sizes and layers are both given, or are not as
            many as the mechanisms.
    """

    def __init__(
        self,
        cell: Any,
        attention_mechanism: Any,
        attention_layer_size: Any = None,
        alignment_history: bool = False,
        cell_input_fn: Callable[[Any, Any], Any] | None = None,
        output_attention: bool = True,
        initial_cell_state: Any = None,
        name: str | None = None,
        attention_layer: Any = None,
    ) -> None:
        super().__init__(name=name)
        check_cell("cell", cell)
        self._is_multi = isinstance(attention_mechanism, (list, tuple))
        self._mechanisms: Sequence[AttentionMechanism] = (
            attention_mechanism if self._is_multi else (attention_mechanism,)
        )
        for mechanism in self._mechanisms:
            if not isinstance(mechanism, AttentionMechanism):
                raise TypeError(
                    located(
                        "attention_mechanism must contain only instances of AttentionMechanism, "
                        f"saw type: {type(mechanism).__name__}"
                    )
                )
        self._cell = cell
        self._layers = self._made_layers(attention_layer_size, attention_layer)
        self._keeps_history = alignment_history
        self._cell_input_fn = cell_input_fn or _joined
        self._output_attention = output_attention
        self._initial_cell_state = initial_cell_state

    def _made_layers(self, sizes: Any, layers: Any) -> list[Any]:
        if sizes is not None and layers is not None:
            raise ValueError(
                located("Only one of attention_layer_size and attention_layer should be set")
            )
        if sizes is None and layers is None:
            return []
        if layers is not None:
            found = list(layers) if isinstance(layers, (list, tuple)) else [layers]
        else:
            listed = list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]
            found = [Dense(size, name="attention_layer", use_bias=False) for size in listed]
        if len(found) != len(self._mechanisms):
            raise ValueError(
                located(
                    "If provided, attention_layer_size and attention_layer must contain exactly "
                    f"one integer or layer per attention_mechanism, saw: {len(found)} vs "
                    f"{len(self._mechanisms)}"
                )
            )
        return found

    def _item_or_tuple(self, items: Sequence[Any]) -> Any:
        return tuple(items) if self._is_multi else items[0]

    def _attention_size(self) -> int:
        if not self._layers:
            return sum(int(m.values.shape[-1]) for m in self._mechanisms)
        total = 0
        for layer, mechanism in zip(self._layers, self._mechanisms, strict=True):
            width = self._cell.output_size + int(mechanism.values.shape[-1])
            total += int(layer.compute_output_shape([None, width])[-1])
        return total

    @property
    def output_size(self) -> Any:
        return self._attention_size() if self._output_attention else self._cell.output_size

    @property
    def state_size(self) -> AttentionWrapperState:
        return AttentionWrapperState(
            cell_state=self._cell.state_size,
            attention=self._attention_size(),
            time=0,
            alignments=self._item_or_tuple([m.alignments_size for m in self._mechanisms]),
            alignment_history=self._item_or_tuple(
                [m.alignments_size if self._keeps_history else () for m in self._mechanisms]
            ),
            attention_state=self._item_or_tuple([m.state_size for m in self._mechanisms]),
        )

    def zero_state(self, batch_size: Any, dtype: Any) -> AttentionWrapperState:
        """The state to begin with: the initial cell state given, else zeros."""
        with name_scope("AttentionWrapperZeroState", values=[batch_size]):
            cell_state = self._initial_cell_state
            if cell_state is None:
                cell_state = self._cell.zero_state(batch_size, dtype)
            alignments = [m.initial_alignments(batch_size, dtype) for m in self._mechanisms]
            histories: list[Any] = [
                TensorArray(dtype, size=0, dynamic_size=True, element_shape=a.get_shape())
                if self._keeps_history
                else ()
                for a in alignments
            ]
            attention = filling_ops.zeros([batch_size, self._attention_size()], dtype)
            attention.set_shape([nest.flatten(cell_state)[0].shape[0].value,
                                 self._attention_size()])  # fmt: skip
            return AttentionWrapperState(
                cell_state=cell_state,
                attention=attention,
                time=constant_op.constant(0, dtypes.int32),
                alignments=self._item_or_tuple(alignments),
                alignment_history=self._item_or_tuple(histories),
                attention_state=self._item_or_tuple(
                    [m.initial_state(batch_size, dtype) for m in self._mechanisms]
                ),
            )

    def call(self, inputs: Any, state: Any) -> tuple[Any, AttentionWrapperState]:
        if not isinstance(state, AttentionWrapperState):
            raise TypeError(
                located(
                    f"Expected state to be instance of AttentionWrapperState. Received type "
                    f"{type(state)} instead."
                )
            )
        given = self._cell_input_fn(inputs, state.attention)
        output, cell_state = self._cell(given, state.cell_state)
        attentions, alignments, states, histories = [], [], [], []
        for number, mechanism in enumerate(self._mechanisms):
            before = state.attention_state[number] if self._is_multi else state.attention_state
            weights, after = mechanism(output, before)
            layer = self._layers[number] if self._layers else None
            attentions.append(_attention(mechanism, output, weights, layer))
            alignments.append(weights)
            states.append(after)
            history: Any = ()
            if self._keeps_history:
                kept = state.alignment_history
                history = (kept[number] if self._is_multi else kept).write(state.time, weights)
            histories.append(history)
        attention = attentions[0] if len(attentions) == 1 else joining_ops.concat(attentions, 1)
        following = AttentionWrapperState(
            cell_state=cell_state,
            attention=attention,
            time=state.time + 1,
            alignments=self._item_or_tuple(alignments),
            alignment_history=self._item_or_tuple(histories),
            attention_state=self._item_or_tuple(states),
        )
        return (attention if self._output_attention else output), following


def _joined(inputs: Any, attention: Any) -> Tensor:
    return joining_ops.concat([inputs, attention], -1)


def _attention(mechanism: AttentionMechanism, output: Any, weights: Tensor, layer: Any) -> Tensor:
    """The mean of the memories under the weights."""
    product = linear_ops.matmul(array_ops.expand_dims(weights, 1), mechanism.values)
    context = array_ops.squeeze(product, [1])
    if layer is None:
        return context
    mapped: Tensor = layer(joining_ops.concat([output, context], 1))
    return mapped


def tile_batch(t: Any, multiplier: int, name: str | None = None) -> Any:
    """Each row of the tensors of a structure `multiplier` times in a row: [n, …] -> [n m, …]."""
    with name_scope(name, "tile_batch", [*nest.flatten(t)]):
        return nest.map_structure(lambda x: _tiled(x, multiplier), t)


def _tiled(x: Any, multiplier: int) -> Tensor:
    tensor = convert_to_tensor(x)
    shape = tensor.get_shape()
    if shape.ndims is None or shape.ndims < 1:
        raise ValueError(located("t must have statically known rank of at least 1"))
    repeats = [1, multiplier] + [1] * (shape.ndims - 1)
    repeated = array_ops.tile(array_ops.expand_dims(tensor, 1), repeats)
    rest = array_ops.shape(tensor)[1:]
    count = array_ops.reshape(array_ops.shape(tensor)[0] * multiplier, [1])
    result = array_ops.reshape(repeated, joining_ops.concat([count, rest], 0))
    rows = None if shape[0].value is None else shape[0].value * multiplier
    result.set_shape([rows, *shape[1:].as_list()])
    return result
