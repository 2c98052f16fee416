"""`BeamSearchDecoder`: the best few sequences instead of the greedy one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphc.contrib.seq2seq.decoder import Decoder
from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.shape import TensorShape
from graphc.ir import dtypes
from graphc.ir.graph import Tensor
from graphc.nn.rnn_cell.base import check_cell
from graphc.ops import array_ops, filling_ops, generated, math_ops, nn_ops
from graphc.ops.embedding_ops import embedding_lookup
from graphc.ops.functional_ops import scan
from graphc.ops.gather_ops import gather, one_hot
from graphc.ops.reduction_ops import reduce_max
from graphc.ops.sort_ops import top_k


class BeamSearchDecoderState(NamedTuple):
    """The cell's state, and of each beam [batch, beams] its log probability, whether it is finished
    and its length."""

    cell_state: Any
    log_probs: Any
    finished: Any
    lengths: Any


class BeamSearchDecoderOutput(NamedTuple):
    """Of each step and beam the score, the word, and the beam that it goes on from."""

    scores: Any
    predicted_ids: Any
    parent_ids: Any


class FinalBeamSearchDecoderOutput(NamedTuple):
    """The sequences, best first: predicted_ids [batch, time, beams]; and what all steps gave."""

    predicted_ids: Any
    beam_search_decoder_output: Any


class BeamSearchDecoder(Decoder):
    """Keeps the `beam_width` best beginnings of each sequence.

    Args:
        cell: an `RNNCell`.
        embedding: a table, or a function of word numbers.
        start_tokens: int32 [batch]; end_token: an int32 scalar.
        initial_state: of the cell, each row `beam_width` times (see `tile_batch`).
        beam_width: how many beginnings are kept.
        output_layer: a layer for the cell's outputs, which must be logits of all words.
        length_penalty_weight: scores are log probabilities / ((5 + length) / 6)^weight.

    Raises:
        TypeError, ValueError: an argument does not fit.
    """

    def __init__(
        self,
        cell: Any,
        embedding: Any,
        start_tokens: Any,
        end_token: Any,
        initial_state: Any,
        beam_width: int,
        output_layer: Any = None,
        length_penalty_weight: float = 0.0,
    ) -> None:
        check_cell("cell", cell)
        if output_layer is not None and not callable(output_layer):
            raise TypeError(located(f"output_layer must be a Layer, received: {output_layer}"))
        if callable(embedding):
            self._embed: Callable[[Any], Any] = embedding
        else:
            self._embed = lambda ids: embedding_lookup(embedding, ids)
        start = convert_to_tensor(start_tokens, dtypes.int32, name="start_tokens")
        self._end = convert_to_tensor(end_token, dtypes.int32, name="end_token")
        if start.type.rank not in (None, 1):
            raise ValueError(located("start_tokens must be a vector"))
        if self._end.type.rank not in (None, 0):
            raise ValueError(located("end_token must be a scalar"))
        self._cell, self._layer = cell, output_layer
        self._beams = int(beam_width)
        self._weight = length_penalty_weight
        self._batch = array_ops.size(start)
        self._start = array_ops.tile(array_ops.expand_dims(start, 1), [1, self._beams])
        self._first_state = nest.map_structure(self._split, initial_state)

    @property
    def batch_size(self) -> Any:
        return self._batch

    @property
    def tracks_own_finished(self) -> bool:
        return True

    @property
    def output_size(self) -> BeamSearchDecoderOutput:
        size = TensorShape([self._beams])
        return BeamSearchDecoderOutput(size, size, size)

    @property
    def output_dtype(self) -> BeamSearchDecoderOutput:
        return BeamSearchDecoderOutput(self._dtype(), dtypes.int32, dtypes.int32)

    def _dtype(self) -> Any:
        leaves = nest.flatten(self._first_state)
        return next(leaf.dtype for leaf in leaves if leaf.dtype.is_floating)

    def initialize(self, name: str | None = None) -> tuple[Any, Any, Any]:
        # all beams begin alike, so only the first one counts
        zeros = filling_ops.zeros([self._batch], dtypes.int32)
        is_first = math_ops.equal(one_hot(zeros, self._beams, dtype=dtypes.int32), 1)
        shape = array_ops.zeros_like(self._start)
        dtype = self._dtype()
        none = math_ops.cast(shape, dtype)
        log_probs = math_ops.where(is_first, none, none - np.inf)
        finished = generated.logical_not(is_first)
        state = BeamSearchDecoderState(
            self._first_state, log_probs, finished, math_ops.cast(shape, dtypes.int64)
        )
        return finished, self._embed(self._start), state

    def step(
        self, time: Any, inputs: Any, state: Any, name: str | None = None
    ) -> tuple[Any, Any, Any, Any]:
        with name_scope(name, "BeamSearchDecoderStep", [time]):
            merged = nest.map_structure(self._merge, state.cell_state)
            given = nest.map_structure(self._merge, inputs)
            outputs, following = self._cell(given, merged)
            if self._layer is not None:
                outputs = self._layer(outputs)
            after = nest.map_structure(self._split, following)
            output, new_state = self._search(self._split(outputs), after, state)
        return output, new_state, self._embed(output.predicted_ids), new_state.finished

    def _search(
        self, logits: Tensor, cell_state: Any, state: BeamSearchDecoderState
    ) -> tuple[BeamSearchDecoderOutput, BeamSearchDecoderState]:
        words = logits.shape[-1].value
        if words is None:
            raise ValueError(located("the number of logits of a BeamSearchDecoder must be known"))
        is_end = math_ops.equal(np.arange(words, dtype=np.int32), self._end)
        finished = array_ops.expand_dims(state.finished, 2)
        lowest = np.finfo(logits.dtype.numpy).min
        # a finished beam goes on with the end token alone, at no cost
        only_end = math_ops.cast(generated.logical_not(is_end), logits.dtype) * lowest
        is_done = math_ops.cast(finished, logits.dtype)
        log_probs = nn_ops.log_softmax(logits) * (1 - is_done) + only_end * is_done
        totals = array_ops.expand_dims(state.log_probs, 2) + log_probs
        grows = math_ops.logical_and(generated.logical_not(is_end), generated.logical_not(finished))
        lengths = array_ops.expand_dims(state.lengths, 2) + math_ops.cast(grows, dtypes.int64)
        scores = self._flat(self._scores(totals, lengths))
        best, places = top_k(scores, self._beams)
        chosen = places % words
        beams = places // words
        was_finished = _of_beams(state.finished, beams)
        more = math_ops.cast(generated.logical_not(was_finished), dtypes.int64)
        new_state = BeamSearchDecoderState(
            nest.map_structure(lambda x: self._taken(x, beams), cell_state),
            gather(self._flat(totals), places, batch_dims=1),
            math_ops.logical_or(was_finished, math_ops.equal(chosen, self._end)),
            _of_beams(state.lengths, beams) + more,
        )
        return BeamSearchDecoderOutput(best, chosen, beams), new_state

    def _scores(self, totals: Tensor, lengths: Tensor) -> Tensor:
        if self._weight == 0:
            return totals
        penalty = ((math_ops.cast(lengths, totals.dtype) + 5.0) / 6.0) ** self._weight
        return totals / penalty

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> tuple[Any, Any]:
        longest = math_ops.cast(reduce_max(final_state.lengths, 1), dtypes.int32)
        ids = gather_tree(outputs.predicted_ids, outputs.parent_ids, longest, self._end)
        return FinalBeamSearchDecoderOutput(ids, outputs), final_state

    # -- beams as rows of their own, and back

    def _flat(self, x: Tensor) -> Tensor:
        words = x.shape[-1].value
        assert words is not None, x
        return array_ops.reshape(x, [-1, self._beams * words])

    def _merge(self, x: Any) -> Any:
        """[batch, beams, …] as [batch beams, …]; scalars as they are."""
        if x.get_shape().ndims == 0:
            return x
        rest = x.get_shape()[2:].as_list()
        return array_ops.reshape(x, [-1, *rest])

    def _split(self, x: Any) -> Any:
        """[batch beams, …] as [batch, beams, …]; scalars as they are."""
        if hasattr(x, "_with_flow"):
            raise NotImplementedError(
                located("a BeamSearchDecoder cannot reorder TensorArrays: leave out "
                        "alignment_history")
            )  # fmt: skip
        if x.get_shape().ndims == 0:
            return x
        return array_ops.reshape(x, [-1, self._beams, *x.get_shape()[1:].as_list()])

    def _taken(self, x: Any, beams: Tensor) -> Any:
        return x if x.get_shape().ndims == 0 else _of_beams(x, beams)


def _of_beams(x: Tensor, beams: Tensor) -> Tensor:
    """x[b, beams[b, k]]."""
    return gather(x, beams, batch_dims=1)


def gather_tree(
    step_ids: Any,
    parent_ids: Any,
    max_sequence_lengths: Any,
    end_token: Any,
    name: str | None = None,
) -> Tensor:
    """Whole sequences of the words and parents of each step, from their ends backwards.

    Args:
        step_ids, parent_ids: int32 [time, batch, beams].
        max_sequence_lengths: int32 [batch].
        end_token: what follows the end of a sequence.

    Returns:
        int32 [time, batch, beams].
    """
    with name_scope(name, "GatherTree", [step_ids, parent_ids]):
        ids = convert_to_tensor(step_ids, name="step_ids")
        parents = convert_to_tensor(parent_ids, name="parent_ids")
        lengths = array_ops.expand_dims(convert_to_tensor(max_sequence_lengths), 1)
        end = convert_to_tensor(end_token, dtypes.int32)
        beams = array_ops.shape(ids)[2]
        own = array_ops.zeros_like(ids[0]) + filling_ops.range(beams)
        times = filling_ops.range(array_ops.shape(ids)[0])

        def back(carried: Any, row: Any) -> Any:
            place, _ = carried
            words, before, time = row
            off = array_ops.zeros_like(place) + math_ops.cast(
                math_ops.greater_equal(time, lengths), dtypes.int32
            )
            is_off = math_ops.equal(off, 1)
            found = math_ops.where(is_off, array_ops.zeros_like(place) + end,
                                   _of_beams(words, place))  # fmt: skip
            return math_ops.where(is_off, place, _of_beams(before, place)), found

        _, found = scan(back, (ids, parents, times), (own, own), reverse=True)

        def cut(carried: Any, words: Any) -> Any:
            is_over, _ = carried
            kept = math_ops.where(is_over, array_ops.zeros_like(words) + end, words)
            return math_ops.logical_or(is_over, math_ops.equal(words, end)), kept

        over = math_ops.not_equal(own, own)
        _, result = scan(cut, found, (over, own))
        return result
