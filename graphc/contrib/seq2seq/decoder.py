"""Decoders: loops that make sequences step by step, until all are finished."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

from graphc.contrib.seq2seq.helper import Helper
from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.shape import TensorShape, as_shape
from graphc.framework.variable_scope import variable_scope
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.nn.dynamic import swapped
from graphc.nn.rnn_cell.base import check_cell, size_list
from graphc.ops import array_ops, constant_op, filling_ops, generated, math_ops
from graphc.ops.reduction_ops import reduce_all
from graphc.ops.tensor_array_ops import TensorArray
from graphc.ops.while_ops import while_loop


class Decoder(abc.ABC):
    """What `dynamic_decode` runs."""

    @property
    @abc.abstractmethod
    def batch_size(self) -> Any:
        """The number of sequences."""

    @property
    @abc.abstractmethod
    def output_size(self) -> Any:
        """The shapes of a step's outputs without the batch, in their structure."""

    @property
    @abc.abstractmethod
    def output_dtype(self) -> Any:
        """The dtypes of a step's outputs."""

    @property
    def most_steps(self) -> Any:
        """A number of steps that is always enough, if one is known."""
        return None

    @property
    def tracks_own_finished(self) -> bool:
        """Whether `step` tells which sequences are finished for good."""
        return False

    @abc.abstractmethod
    def initialize(self, name: str | None = None) -> tuple[Any, Any, Any]:
        """(finished [batch], first inputs, first state)."""

    @abc.abstractmethod
    def step(
        self, time: Any, inputs: Any, state: Any, name: str | None = None
    ) -> tuple[Any, Any, Any, Any]:
        """(outputs, next state, next inputs, finished [batch])."""

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> tuple[Any, Any]:
        """What is given instead of the stacked outputs and the last state."""
        return outputs, final_state


class BasicDecoderOutput(NamedTuple):
    """The outputs of a `BasicDecoder`: those of the cell (or output layer), and samples of them."""

    rnn_output: Any
    sample_id: Any


class BasicDecoder(Decoder):
    """A cell whose inputs a helper chooses.

    Args:
        cell: an `RNNCell`.
        helper: a `Helper`.
        initial_state: of the cell.
        output_layer: a layer, such as `tf.layers.Dense`, for the cell's outputs.

    Raises:
        TypeError: no cell, or the layer cannot be called.
    """

    def __init__(
        self, cell: Any, helper: Helper, initial_state: Any, output_layer: Any = None
    ) -> None:
        check_cell("cell", cell)
        if not isinstance(helper, Helper):
            raise TypeError(located(f"helper must be a Helper, received: {type(helper)}"))
        if output_layer is not None and not callable(output_layer):
            raise TypeError(located(f"output_layer must be a Layer, received: {output_layer}"))
        self._cell, self._helper = cell, helper
        self._initial_state = initial_state
        self._output_layer = output_layer

    @property
    def batch_size(self) -> Any:
        return self._helper.batch_size

    @property
    def most_steps(self) -> Any:
        return self._helper.most_steps

    @property
    def output_size(self) -> BasicDecoderOutput:
        return BasicDecoderOutput(self._rnn_output_size(), self._helper.sample_ids_shape)

    def _rnn_output_size(self) -> Any:
        size = self._cell.output_size
        if self._output_layer is None:
            return size

        def after_layer(size: Any) -> TensorShape:
            shape = TensorShape([None]).concatenate(TensorShape(size_list(size)))
            return as_shape(self._output_layer.compute_output_shape(shape))[1:]

        return nest.map_structure(after_layer, size)

    @property
    def output_dtype(self) -> BasicDecoderOutput:
        dtype = nest.flatten(self._initial_state)[0].dtype
        kinds = nest.map_structure(lambda _: dtype, self._rnn_output_size())
        return BasicDecoderOutput(kinds, self._helper.sample_ids_dtype)

    def initialize(self, name: str | None = None) -> tuple[Any, Any, Any]:
        return (*self._helper.initialize(), self._initial_state)

    def step(
        self, time: Any, inputs: Any, state: Any, name: str | None = None
    ) -> tuple[Any, Any, Any, Any]:
        with name_scope(name, "BasicDecoderStep", [time]):
            outputs, state = self._cell(inputs, state)
            if self._output_layer is not None:
                outputs = self._output_layer(outputs)
            samples = self._helper.sample(time=time, outputs=outputs, state=state)
            finished, following, state = self._helper.next_inputs(
                time=time, outputs=outputs, state=state, sample_ids=samples
            )
        return BasicDecoderOutput(outputs, samples), state, following, finished


def dynamic_decode(
    decoder: Decoder,
    output_time_major: bool = False,
    impute_finished: bool = False,
    maximum_iterations: Any = None,
    parallel_iterations: int = 32,
    swap_memory: bool = False,
    scope: Any = None,
) -> tuple[Any, Any, Tensor]:
    """Run a decoder until all sequences are finished.

    Args:
        output_time_major: whether outputs are [time, batch, …] instead of [batch, time, …].
        impute_finished: whether sequences that are finished keep their state and give zeros.
        maximum_iterations: the most steps.
        parallel_iterations, swap_memory: accepted; steps go one after the other in memory.
        scope: the variable scope, default "decoder".

    Returns:
        The outputs of all steps, the last state, and the lengths of the sequences, int32 [batch].

    Raises:
        TypeError: no decoder; ValueError: maximum_iterations is no scalar.
    """
    if not isinstance(decoder, Decoder):
        raise TypeError(located(f"Expected decoder to be type Decoder, but saw: {type(decoder)}"))
    with variable_scope(scope, "decoder"):
        limit = None
        if maximum_iterations is not None:
            limit = convert_to_tensor(maximum_iterations, dtypes.int32, name="maximum_iterations")
            if limit.type.rank not in (None, 0):
                raise ValueError(located("maximum_iterations must be a scalar"))
        finished, inputs, state = decoder.initialize()
        if limit is not None:
            finished = math_ops.logical_or(finished, math_ops.greater_equal(0, limit))
        lengths = math_ops.cast(array_ops.zeros_like(finished), dtypes.int32)
        bound = _bound(decoder.most_steps, limit)
        arrays = nest.map_structure(
            lambda size, dtype: _array(size, dtype, bound),
            decoder.output_size, decoder.output_dtype,
        )  # fmt: skip
        loop = _Loop(decoder, impute_finished)
        time = constant_op.constant(0, dtypes.int32)
        loop_vars = (time, arrays, state, inputs, finished, lengths)
        count, arrays, state, _, _, lengths = while_loop(
            _going, loop.step, loop_vars, maximum_iterations=limit
        )
        outputs = nest.map_structure(lambda array: _stacked(array, bound, count), arrays)
        outputs, state = decoder.finalize(outputs, state, lengths)
        if not output_time_major:
            outputs = nest.map_structure(swapped, outputs)
    return outputs, state, lengths


def _bound(most: Any, limit: Tensor | None) -> Any:
    if most is None or limit is None:
        return limit if most is None else most
    return math_ops.minimum(most, limit)


def _array(size: Any, dtype: Any, bound: Any) -> TensorArray:
    """An array for the outputs of all steps; one that grows only where their number has no bound:
    what grows is copied."""
    shape = TensorShape([None]).concatenate(TensorShape(size_list(size)))
    if bound is None:
        return TensorArray(dtype, size=0, dynamic_size=True, element_shape=shape)
    return TensorArray(dtype, size=bound, element_shape=shape)


def _stacked(array: TensorArray, bound: Any, count: Tensor) -> Tensor:
    stacked = array.stack()
    return stacked if bound is None else stacked[:count]


def _going(time: Any, arrays: Any, state: Any, inputs: Any, finished: Any, lengths: Any) -> Tensor:
    return generated.logical_not(reduce_all(finished))


class _Loop:
    """One step of decoding."""

    def __init__(self, decoder: Decoder, impute: bool) -> None:
        self.decoder, self.impute = decoder, impute

    def step(
        self, time: Any, arrays: Any, state: Any, inputs: Any, finished: Any, lengths: Any
    ) -> tuple[Any, ...]:
        outputs, following, next_inputs, done = self.decoder.step(time, inputs, state)
        if not self.decoder.tracks_own_finished:
            done = math_ops.logical_or(done, finished)
        grown = array_ops.zeros_like(lengths) + (time + 1)
        lengths = math_ops.where(finished, lengths, grown)
        nest.assert_same_structure(state, following)
        nest.assert_same_structure(arrays, outputs)
        nest.assert_same_structure(inputs, next_inputs)
        for new, old in zip(
            nest.flatten((following, next_inputs)), nest.flatten((state, inputs)), strict=True
        ):
            if not isinstance(old, TensorArray):
                new.set_shape(old.get_shape())
        if self.impute:
            outputs = nest.map_structure(
                lambda x: math_ops.where(finished, filling_ops.zeros_like(x), x), outputs
            )
            following = nest.map_structure(
                lambda new, old: _kept(finished, new, old), following, state
            )
        arrays = nest.map_structure(lambda array, x: array.write(time, x), arrays, outputs)
        return time + 1, arrays, following, next_inputs, done, lengths


def _kept(finished: Tensor, new: Any, old: Any) -> Any:
    """The old rows where sequences are finished; arrays and scalars are always new."""
    if isinstance(old, TensorArray):
        return new
    return new if new.get_shape().ndims == 0 else math_ops.where(finished, old, new)
