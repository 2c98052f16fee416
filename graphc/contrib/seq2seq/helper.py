"""Helpers: what a decoder is given as inputs, step by step, and when a sequence is finished."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.shape import TensorShape
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.nn.dynamic import swapped
from graphc.ops import array_ops, math_ops, random_ops
from graphc.ops.embedding_ops import embedding_lookup
from graphc.ops.reduction_ops import argmax


class Helper(abc.ABC):
    """What a `BasicDecoder` asks: first inputs, samples of outputs, next inputs."""

    @property
    @abc.abstractmethod
    def batch_size(self) -> Any:
        """The number of sequences."""

    @property
    def sample_ids_shape(self) -> TensorShape:
        """The shape of a sample, without the batch."""
        return TensorShape([])

    @property
    def sample_ids_dtype(self) -> Any:
        return dtypes.int32

    @property
    def most_steps(self) -> Any:
        """A number of steps that is always enough, if one is known."""
        return None

    @abc.abstractmethod
    def initialize(self, name: str | None = None) -> tuple[Any, Any]:
        """(finished [batch], first inputs)."""

    @abc.abstractmethod
    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """Samples of a step's outputs."""

    @abc.abstractmethod
    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> tuple[Any, Any, Any]:
        """(finished [batch], next inputs, next state)."""


class CustomHelper(Helper):
    """A helper made of three functions: see `Helper` for what they take and give."""

    def __init__(
        self,
        initialize_fn: Callable[[], tuple[Any, Any]],
        sample_fn: Callable[..., Any],
        next_inputs_fn: Callable[..., tuple[Any, Any, Any]],
        sample_ids_shape: Any = None,
        sample_ids_dtype: Any = None,
    ) -> None:
        self._functions = (initialize_fn, sample_fn, next_inputs_fn)
        self._shape = TensorShape(sample_ids_shape or [])
        self._dtype = (
            dtypes.int32 if sample_ids_dtype is None else dtypes.as_dtype(sample_ids_dtype)
        )
        self._batch_size: Any = None

    @property
    def batch_size(self) -> Any:
        if self._batch_size is None:
            raise ValueError(located("batch_size accessed before initialize was called"))
        return self._batch_size

    @property
    def sample_ids_shape(self) -> TensorShape:
        return self._shape

    @property
    def sample_ids_dtype(self) -> Any:
        return self._dtype

    def initialize(self, name: str | None = None) -> tuple[Any, Any]:
        finished, inputs = self._functions[0]()
        if self._batch_size is None:
            self._batch_size = array_ops.size(finished)
        return finished, inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        return self._functions[1](time=time, outputs=outputs, state=state)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> tuple[Any, Any, Any]:
        return self._functions[2](time=time, outputs=outputs, state=state, sample_ids=sample_ids)


class TrainingHelper(Helper):
    """Gives the rows of known sequences as inputs; samples are the greatest outputs.

    Args:
        inputs: [batch, time, …] ([time, batch, …] with `time_major`), or nested tuples of them.
        sequence_length: int32 [batch].
    """

    def __init__(
        self, inputs: Any, sequence_length: Any, time_major: bool = False, name: str | None = None
    ) -> None:
        with name_scope(name, "TrainingHelper"):
            steps = nest.map_structure(convert_to_tensor if time_major else swapped, inputs)
            lengths = convert_to_tensor(sequence_length, name="sequence_length")
            if lengths.type.rank not in (None, 1):
                raise ValueError(
                    located(
                        "Expected sequence_length to be a vector, but received shape: "
                        f"{lengths.get_shape()}"
                    )
                )
            self._lengths = math_ops.cast(lengths, dtypes.int32)
            self._time = array_ops.shape(nest.flatten(steps)[0])[0]
            # one step of zeros behind the last: what is read when all are finished
            self._steps = nest.map_structure(_with_end, steps)
            self._batch_size = array_ops.size(self._lengths)

    @property
    def batch_size(self) -> Any:
        return self._batch_size

    @property
    def sequence_length(self) -> Tensor:
        return self._lengths

    @property
    def most_steps(self) -> Any:
        return self._time

    def _read(self, time: Any) -> Any:
        return nest.map_structure(lambda rows: array_ops.gather(rows, time), self._steps)

    def initialize(self, name: str | None = None) -> tuple[Any, Any]:
        with name_scope(name, "TrainingHelperInitialize"):
            return math_ops.equal(self._lengths, 0), self._read(0)

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        with name_scope(name, "TrainingHelperSample", [outputs]):
            return argmax(outputs, -1, output_type=dtypes.int32)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> tuple[Any, Any, Any]:
        with name_scope(name, "TrainingHelperNextInputs", [time]):
            following = time + 1
            return math_ops.greater_equal(following, self._lengths), self._read(following), state


def _with_end(steps: Tensor) -> Tensor:
    """Steps [time, …] followed by one of zeros."""
    shape = steps.get_shape()
    paddings = [[0, 1]] + [[0, 0]] * (len(shape) - 1)
    padded = array_ops.pad(steps, paddings)
    padded.set_shape(TensorShape([None]).concatenate(shape[1:]))
    return padded


class GreedyEmbeddingHelper(Helper):
    """Gives the embedding of the greatest output as next input, until `end_token`.

    Args:
        embedding: a table, or a function of class numbers [batch].
        start_tokens: int32 [batch], the first inputs.
        end_token: an int32 scalar.

    Raises:
        ValueError: start_tokens is no vector, or end_token no scalar.
    """

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any) -> None:
        if callable(embedding):
            self._embed: Callable[[Any], Any] = embedding
        else:
            self._embed = lambda ids: embedding_lookup(embedding, ids)
        self._start = convert_to_tensor(start_tokens, dtypes.int32, name="start_tokens")
        self._end = convert_to_tensor(end_token, dtypes.int32, name="end_token")
        if self._start.type.rank not in (None, 1):
            raise ValueError(located("start_tokens must be a vector"))
        if self._end.type.rank not in (None, 0):
            raise ValueError(located("end_token must be a scalar"))
        self._batch_size = array_ops.size(self._start)

    @property
    def batch_size(self) -> Any:
        return self._batch_size

    def initialize(self, name: str | None = None) -> tuple[Any, Any]:
        finished = math_ops.not_equal(self._start, self._start)
        return finished, self._embed(self._start)

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        return argmax(outputs, -1, output_type=dtypes.int32)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> tuple[Any, Any, Any]:
        return math_ops.equal(sample_ids, self._end), self._embed(sample_ids), state


class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """`GreedyEmbeddingHelper`, but samples are drawn with probabilities softmax(outputs).

    Args:
        softmax_temperature: what outputs are divided by first.
        seed: of the draws.
    """

    def __init__(
        self,
        embedding: Any,
        start_tokens: Any,
        end_token: Any,
        softmax_temperature: Any = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(embedding, start_tokens, end_token)
        self._temperature = softmax_temperature
        self._seed = seed

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        logits = outputs if self._temperature is None else outputs / self._temperature
        drawn = random_ops.multinomial(logits, 1, self._seed, output_dtype=dtypes.int32)
        return array_ops.reshape(drawn, [-1])


class InferenceHelper(Helper):
    """Gives what a function makes of the sample as next input.

    Args:
        sample_fn: gives samples of outputs.
        sample_shape, sample_dtype: of a sample, without the batch.
        start_inputs: the first inputs.
        end_fn: says of samples which sequences are finished.
        next_inputs_fn: makes inputs of samples; default the samples themselves.
    """

    def __init__(
        self,
        sample_fn: Callable[[Any], Any],
        sample_shape: Any,
        sample_dtype: Any,
        start_inputs: Any,
        end_fn: Callable[[Any], Any],
        next_inputs_fn: Callable[[Any], Any] | None = None,
    ) -> None:
        self._sample, self._ends, self._next = sample_fn, end_fn, next_inputs_fn
        self._shape, self._dtype = TensorShape(sample_shape), dtypes.as_dtype(sample_dtype)
        self._start = convert_to_tensor(start_inputs, name="start_inputs")
        self._batch_size = array_ops.shape(self._start)[0]

    @property
    def batch_size(self) -> Any:
        return self._batch_size

    @property
    def sample_ids_shape(self) -> TensorShape:
        return self._shape

    @property
    def sample_ids_dtype(self) -> Any:
        return self._dtype

    def initialize(self, name: str | None = None) -> tuple[Any, Any]:
        count = array_ops.zeros_like(array_ops.reshape(self._start, [self._batch_size, -1])[:, 0])
        return math_ops.not_equal(count, count), self._start

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        return self._sample(outputs)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> tuple[Any, Any, Any]:
        inputs = sample_ids if self._next is None else self._next(sample_ids)
        return self._ends(sample_ids), inputs, state
