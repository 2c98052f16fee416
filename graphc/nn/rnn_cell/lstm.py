"""Long short-term memory (Hochreiter and Schmidhuber, 1997): a state of memory c and output h."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphc.framework import logging
from graphc.framework.errors import located
from graphc.nn.rnn_cell.base import LayerRNNCell, activation_function, last_size
from graphc.ops import clip_ops, generated, init_ops, joining_ops, linear_ops, nn_ops, slicing_ops


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM cell: memory `c` and output `h`. Also used for their sizes."""

    c: Any
    h: Any

    @property
    def dtype(self) -> Any:
        """The dtype of both; TypeError if they differ."""
        if self.c.dtype != self.h.dtype:
            raise TypeError(
                located(f"Inconsistent internal state: {self.c.dtype} vs {self.h.dtype}")
            )
        return self.c.dtype


def warn_of_joined_state(cell: Any) -> None:
    """Say once that a state in one tensor is deprecated, as TF1 does."""
    logging.log_first_n(
        logging.WARN,
        f"{type(cell).__name__}: Using a concatenated state is slower and will soon be deprecated. "
        "Use state_is_tuple=True.",
        1,
    )


class BasicLSTMCell(LayerRNNCell):
    """i, j, f, o = split([inputs, h] W + b); c' = c sigmoid(f + forget_bias) + sigmoid(i) act(j);
    output = h' = act(c') sigmoid(o).

    Args:
        num_units: the size of c, h and the output.
        forget_bias: added to the forget gate.
        state_is_tuple: whether the state is an `LSTMStateTuple`, else [c, h] in one tensor.
        activation: default tanh.
        reuse, name, dtype: as for `BasicRNNCell`.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        if not state_is_tuple:
            warn_of_joined_state(self)
        self._num_units = int(num_units)
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation_function(activation, generated.tanh)

    @property
    def state_size(self) -> Any:
        size = self._num_units
        return LSTMStateTuple(size, size) if self._state_is_tuple else 2 * size

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs_shape: Any) -> None:
        depth = last_size(inputs_shape, "inputs")
        self._kernel = self.add_variable("kernel", [depth + self._num_units, 4 * self._num_units])
        self._bias = self.add_variable(
            "bias", [4 * self._num_units], initializer=init_ops.zeros_initializer()
        )

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple:
            c, h = state
        else:
            c, h = joining_ops.split(state, 2, axis=1)
        joined = joining_ops.concat([inputs, h], 1)
        gates = nn_ops.bias_add(linear_ops.matmul(joined, self._kernel), self._bias)
        i, j, f, o = joining_ops.split(gates, 4, axis=1)
        sigmoid = generated.sigmoid
        new_c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        new_h = self._activation(new_c) * sigmoid(o)
        if self._state_is_tuple:
            return new_h, LSTMStateTuple(new_c, new_h)
        return new_h, joining_ops.concat([new_c, new_h], 1)


class LSTMCell(LayerRNNCell):
    """An LSTM with peepholes (Sak et al., 2014), clipping and projection where asked for.

    Gates as in `BasicLSTMCell`; with peepholes w_f c and w_i c are added to the gates f and i, and
    w_o c' to o. With `num_proj` the output and h are (act(c') sigmoid(o)) P.

    Args:
        num_units: the size of c, and of h and output without `num_proj`.
        use_peepholes: whether the gates see the memory.
        cell_clip: the bound that c is clipped to.
        initializer: of the matrices and peepholes; default that of the variable scope.
        num_proj: the size of h and output after projection.
        proj_clip: the bound that the projection is clipped to; needs `num_proj`.
        forget_bias: added to the forget gate; 0 for what was trained elsewhere.
        state_is_tuple, activation, reuse, name, dtype: as for `BasicLSTMCell`.

    Raises:
        NotImplementedError: `num_unit_shards` or `num_proj_shards`: variables are not partitioned.
    """

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        cell_clip: float | None = None,
        initializer: Any = None,
        num_proj: int | None = None,
        proj_clip: float | None = None,
        num_unit_shards: int | None = None,
        num_proj_shards: int | None = None,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        if (num_unit_shards or 1) != 1 or (num_proj_shards or 1) != 1:
            raise NotImplementedError(
                located("LSTMCell(num_unit_shards=, num_proj_shards=): variables are not sharded")
            )
        if not state_is_tuple:
            warn_of_joined_state(self)
        self._num_units = int(num_units)
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = None if num_proj is None else int(num_proj)
        self._proj_clip = proj_clip
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation_function(activation, generated.tanh)

    @property
    def state_size(self) -> Any:
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, inputs_shape: Any) -> None:
        depth = last_size(inputs_shape, "inputs") + self.output_size
        units, start = self._num_units, self._initializer
        self._kernel = self.add_variable("kernel", [depth, 4 * units], initializer=start)
        zeros = init_ops.zeros_initializer()
        self._bias = self.add_variable("bias", [4 * units], initializer=zeros)
        if self._use_peepholes:
            self._w_f, self._w_i, self._w_o = (
                self.add_variable(name, [units], initializer=start)
                for name in ("w_f_diag", "w_i_diag", "w_o_diag")
            )
        if self._num_proj is not None:
            self._proj_kernel = self.add_variable(
                "projection/kernel", [units, self._num_proj], initializer=start
            )

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple:
            c, h = state
        else:
            c = slicing_ops.slice(state, [0, 0], [-1, self._num_units])
            h = slicing_ops.slice(state, [0, self._num_units], [-1, self.output_size])
        joined = joining_ops.concat([inputs, h], 1)
        gates = nn_ops.bias_add(linear_ops.matmul(joined, self._kernel), self._bias)
        i, j, f, o = joining_ops.split(gates, 4, axis=1)
        sigmoid = generated.sigmoid
        f = f + self._forget_bias
        if self._use_peepholes:
            f, i = f + self._w_f * c, i + self._w_i * c
        new_c = sigmoid(f) * c + sigmoid(i) * self._activation(j)
        if self._cell_clip is not None:
            new_c = clip_ops.clip_by_value(new_c, -self._cell_clip, self._cell_clip)
        if self._use_peepholes:
            o = o + self._w_o * new_c
        new_h = self._projected(sigmoid(o) * self._activation(new_c))
        if self._state_is_tuple:
            return new_h, LSTMStateTuple(new_c, new_h)
        return new_h, joining_ops.concat([new_c, new_h], 1)

    def _projected(self, h: Any) -> Any:
        if self._num_proj is None:
            return h
        projected = linear_ops.matmul(h, self._proj_kernel)
        if self._proj_clip is None:
            return projected
        return clip_ops.clip_by_value(projected, -self._proj_clip, self._proj_clip)
