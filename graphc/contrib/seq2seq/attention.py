"""Attention mechanisms: how well each of the memories fits a query, as weights that add up to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.variable_scope import get_variable, variable_scope
from graphc.ir.graph import Tensor
from graphc.layers.core import Dense
from graphc.ops import array_ops, filling_ops, generated, init_ops, linear_ops, math_ops, nn_ops
from graphc.ops.gather_ops import sequence_mask
from graphc.ops.reduction_ops import reduce_sum


class AttentionMechanism:
    """The memory [batch, time, size] and what is asked of it.

    Calling it with a query [batch, size] and its state gives the alignments [batch, time] and the
    next state.
    """

    def __init__(
        self,
        query_layer: Dense | None,
        memory_layer: Dense | None,
        memory: Any,
        memory_sequence_length: Any,
        probability_fn: Callable[[Tensor], Tensor] | None,
        score_mask_value: Any,
        name: str,
    ) -> None:
        self._query_layer, self._probability = query_layer, probability_fn or nn_ops.softmax
        self._lengths = memory_sequence_length
        self._mask_value = -np.inf if score_mask_value is None else score_mask_value
        with name_scope(name, "BaseAttentionMechanismInit", [*nest.flatten(memory)]):
            values = convert_to_tensor(memory, name="memory")
            if values.type.rank is None or values.type.rank < 3:
                raise ValueError(
                    located(f"memory must be [batch, time, size], but has shape {values.shape}")
                )
            if self._lengths is not None:
                self._lengths = convert_to_tensor(self._lengths, name="memory_sequence_length")
                mask = self._mask(array_ops.shape(values)[1])
                values = values * array_ops.expand_dims(math_ops.cast(mask, values.dtype), 2)
            self._values = values
            self._keys = values if memory_layer is None else memory_layer(values)
        self._time = values.shape[1].value

    def _mask(self, longest: Any) -> Tensor:
        return sequence_mask(self._lengths, longest)

    @property
    def values(self) -> Tensor:
        """The memory, zeros past the ends of sequences."""
        return self._values

    @property
    def keys(self) -> Tensor:
        """What queries are compared with."""
        return self._keys

    @property
    def batch_size(self) -> Any:
        return array_ops.shape(self._values)[0]

    @property
    def alignments_size(self) -> Any:
        """The number of memories of a row."""
        return array_ops.shape(self._values)[1] if self._time is None else self._time

    @property
    def state_size(self) -> Any:
        return self.alignments_size

    def initial_alignments(self, batch_size: Any, dtype: Any) -> Tensor:
        """Zeros [batch, time]."""
        zeros = filling_ops.zeros([batch_size, self.alignments_size], dtype)
        zeros.set_shape([self._values.shape[0].value, self._time])
        return zeros

    def initial_state(self, batch_size: Any, dtype: Any) -> Tensor:
        return self.initial_alignments(batch_size, dtype)

    def __call__(self, query: Any, state: Any) -> tuple[Tensor, Tensor]:
        """(alignments, next state) for a query; each mechanism says how."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(query, state)")

    def _alignments(self, score: Tensor) -> tuple[Tensor, Tensor]:
        if self._lengths is not None:
            masked = array_ops.ones_like(score) * self._mask_value
            score = math_ops.where(self._mask(array_ops.shape(score)[1]), score, masked)
        alignments = self._probability(score)
        return alignments, alignments


class LuongAttention(AttentionMechanism):
    """score_t = query keys_t^T (Luong et al., 2015), times a learnt scalar with `scale`.

    Args:
        num_units: the size of the keys, which must be that of queries.
        memory: [batch, time, size].
        memory_sequence_length: int32 [batch]; memories past it are not looked at.
        scale: whether there is a variable `attention_g`.
        probability_fn: makes weights of scores; default softmax.
        score_mask_value: the score of what is not looked at; default -inf.
    """

    def __init__(
        self,
        num_units: int,
        memory: Any,
        memory_sequence_length: Any = None,
        scale: bool = False,
        probability_fn: Callable[[Tensor], Tensor] | None = None,
        score_mask_value: Any = None,
        dtype: Any = None,
        name: str = "LuongAttention",
    ) -> None:
        layer = Dense(num_units, name="memory_layer", use_bias=False, dtype=dtype)
        super().__init__(
            None, layer, memory, memory_sequence_length, probability_fn, score_mask_value, name
        )
        self._num_units = num_units
        self._scale = scale

    def __call__(self, query: Any, state: Any) -> tuple[Tensor, Tensor]:
        with variable_scope(None, "luong_attention", [query]):
            width = query.shape[-1].value
            if width is not None and width != self._num_units:
                raise ValueError(
                    located(
                        f"Incompatible or unknown inner dimensions between query and keys. Query "
                        f"has units: {width}. Keys have units: {self._num_units}. Perhaps you need "
                        "to set num_units to the keys' dimension?"
                    )
                )
            product = linear_ops.matmul(array_ops.expand_dims(query, 1), self._keys,
                                        transpose_b=True)  # fmt: skip
            score = array_ops.squeeze(product, [1])
            if self._scale:
                ones = init_ops.ones_initializer()
                score = get_variable("attention_g", [], query.dtype, initializer=ones) * score
            return self._alignments(score)


class BahdanauAttention(AttentionMechanism):
    """score_t = v tanh(keys_t + W query) (Bahdanau et al., 2014).

    Args:
        num_units: the size of v, keys and queries.
        normalize: whether v is g v / |v|, and there is a bias b inside tanh.
        memory, memory_sequence_length, probability_fn, score_mask_value: as for `LuongAttention`.
    """

    def __init__(
        self,
        num_units: int,
        memory: Any,
        memory_sequence_length: Any = None,
        normalize: bool = False,
        probability_fn: Callable[[Tensor], Tensor] | None = None,
        score_mask_value: Any = None,
        dtype: Any = None,
        name: str = "BahdanauAttention",
    ) -> None:
        query = Dense(num_units, name="query_layer", use_bias=False, dtype=dtype)
        layer = Dense(num_units, name="memory_layer", use_bias=False, dtype=dtype)
        super().__init__(
            query, layer, memory, memory_sequence_length, probability_fn, score_mask_value, name
        )
        self._num_units = num_units
        self._normalize = normalize

    def __call__(self, query: Any, state: Any) -> tuple[Tensor, Tensor]:
        with variable_scope(None, "bahdanau_attention", [query]):
            assert self._query_layer is not None
            processed = array_ops.expand_dims(self._query_layer(query), 1)
            dtype, units = query.dtype, self._num_units
            vector = get_variable("attention_v", [units], dtype)
            inside = self._keys + processed
            if self._normalize:
                start = init_ops.constant_initializer(math.sqrt(1 / units))
                gain = get_variable("attention_g", [], dtype, initializer=start)
                zeros = init_ops.zeros_initializer()
                inside = inside + get_variable("attention_b", [units], dtype, initializer=zeros)
                length = generated.rsqrt(reduce_sum(generated.square(vector)))
                vector = gain * vector * length
            return self._alignments(reduce_sum(vector * generated.tanh(inside), [2]))
