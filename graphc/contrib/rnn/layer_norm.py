"""`LayerNormBasicLSTMCell`: an LSTM with layer normalization (Ba et al., 2016) and dropout."""

from __future__ import annotations

import numbers
from typing import Any

from graphc.framework.errors import located
from graphc.framework.variable_scope import get_variable, variable_scope
from graphc.nn.rnn_cell.base import RNNCell, size_list
from graphc.nn.rnn_cell.lstm import LSTMStateTuple
from graphc.ops import generated, init_ops, joining_ops, linear_ops, nn_impl, nn_ops

_EPSILON = 1e-12


class LayerNormBasicLSTMCell(RNNCell):
    """A `BasicLSTMCell` whose gates and memory are normalized, with recurrent dropout of the new
    memory (Semeniuta et al., 2016).

    Args:
        num_units: the size of c, h and output.
        forget_bias: added to the forget gate.
        activation: default tanh.
        layer_norm: whether to normalize; without it the gates have a bias.
        norm_gain, norm_shift: the first values of `gamma` and `beta`.
        dropout_keep_prob: a number or scalar tensor.
        dropout_prob_seed: of the dropout.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        input_size: Any = None,
        activation: Any = generated.tanh,
        layer_norm: bool = True,
        norm_gain: float = 1.0,
        norm_shift: float = 0.0,
        dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: int | None = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(_reuse=reuse)
        if input_size is not None:
            raise NotImplementedError(
                located("LayerNormBasicLSTMCell(input_size=): deprecated in TF1; leave it out")
            )
        self._num_units = int(num_units)
        self._activation = activation
        self._forget_bias = forget_bias
        self._keep_prob = dropout_keep_prob
        self._seed = dropout_prob_seed
        self._layer_norm = layer_norm
        self._norm_gain = norm_gain
        self._norm_shift = norm_shift

    @property
    def state_size(self) -> LSTMStateTuple:
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        return self._num_units

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        c, h = state
        gates = self._linear(joining_ops.concat([inputs, h], 1))
        i, j, f, o = joining_ops.split(gates, 4, axis=1)
        if self._layer_norm:
            i, j, f, o = (
                self._normalized(gate, scope)
                for gate, scope in ((i, "input"), (j, "transform"), (f, "forget"), (o, "output"))
            )
        g = self._activation(j)
        if not isinstance(self._keep_prob, numbers.Real) or self._keep_prob < 1:
            g = nn_ops.dropout(g, self._keep_prob, seed=self._seed)
        sigmoid = generated.sigmoid
        new_c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * g
        if self._layer_norm:
            new_c = self._normalized(new_c, "state")
        new_h = self._activation(new_c) * sigmoid(o)
        return new_h, LSTMStateTuple(new_c, new_h)

    def _linear(self, args: Any) -> Any:
        width = size_list(args.get_shape()[1])[0]
        kernel = get_variable("kernel", [width, 4 * self._num_units], args.dtype)
        product = linear_ops.matmul(args, kernel)
        if self._layer_norm:
            return product
        return nn_ops.bias_add(product, get_variable("bias", [4 * self._num_units], args.dtype))

    def _normalized(self, x: Any, scope: str) -> Any:
        size = size_list(x.get_shape()[1])
        with variable_scope(scope):
            gain = init_ops.constant_initializer(self._norm_gain)
            gamma = get_variable("gamma", size, x.dtype, initializer=gain)
            shift = init_ops.constant_initializer(self._norm_shift)
            beta = get_variable("beta", size, x.dtype, initializer=shift)
        mean, variance = nn_impl.moments(x, [1], keep_dims=True)
        return nn_impl.batch_normalization(x, mean, variance, beta, gamma, _EPSILON)
