"""Cells whose state is one tensor: `BasicRNNCell` and `GRUCell`."""

from __future__ import annotations

from typing import Any

from graphc.nn.rnn_cell.base import LayerRNNCell, activation_function, last_size
from graphc.ops import generated, init_ops, joining_ops, linear_ops, nn_ops


class BasicRNNCell(LayerRNNCell):
    """output = next state = activation([inputs, state] W + b).

    Args:
        num_units: the size of state and output.
        activation: default tanh.
        reuse: True to share variables that exist in the scope, `tf.AUTO_REUSE` to share or make.
        name: of the cell's scope; default "basic_rnn_cell".
        dtype: of the variables; default that of the inputs.
    """

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        name: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = int(num_units)
        self._activation = activation_function(activation, generated.tanh)

    @property
    def state_size(self) -> int:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs_shape: Any) -> None:
        depth = last_size(inputs_shape, "inputs")
        self._kernel = self.add_variable("kernel", [depth + self._num_units, self._num_units])
        self._bias = self.add_variable(
            "bias", [self._num_units], initializer=init_ops.zeros_initializer()
        )

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        joined = joining_ops.concat([inputs, state], 1)
        gates = nn_ops.bias_add(linear_ops.matmul(joined, self._kernel), self._bias)
        output = self._activation(gates)
        return output, output


class GRUCell(LayerRNNCell):
    """A gated recurrent unit (Cho et al., 2014).

    r, u = sigmoid([inputs, state] W + b); c = activation([inputs, r state] V + d);
    output = next state = u state + (1 - u) c.

    Args:
        num_units: the size of state and output.
        activation: default tanh.
        kernel_initializer: default that of the variable scope.
        bias_initializer: default ones for the gates and zeros for the candidate.
        reuse, name, dtype: as for `BasicRNNCell`.
    """

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = int(num_units)
        self._activation = activation_function(activation, generated.tanh)
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    @property
    def state_size(self) -> int:
        return self._num_units

    @property
    def output_size(self) -> int:
        return self._num_units

    def build(self, inputs_shape: Any) -> None:
        depth = last_size(inputs_shape, "inputs") + self._num_units
        ones, zeros = init_ops.ones_initializer(), init_ops.zeros_initializer()
        self._gate_kernel, self._gate_bias = self._linear("gates", depth, 2, ones)
        self._candidate_kernel, self._candidate_bias = self._linear("candidate", depth, 1, zeros)

    def _linear(self, name: str, depth: int, parts: int, bias: Any) -> tuple[Any, Any]:
        width = parts * self._num_units
        kernel = self.add_variable(
            f"{name}/kernel", [depth, width], initializer=self._kernel_initializer
        )
        start = bias if self._bias_initializer is None else self._bias_initializer
        return kernel, self.add_variable(f"{name}/bias", [width], initializer=start)

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        joined = joining_ops.concat([inputs, state], 1)
        gates = nn_ops.bias_add(linear_ops.matmul(joined, self._gate_kernel), self._gate_bias)
        r, u = joining_ops.split(generated.sigmoid(gates), 2, axis=1)
        joined = joining_ops.concat([inputs, r * state], 1)
        candidate = nn_ops.bias_add(
            linear_ops.matmul(joined, self._candidate_kernel), self._candidate_bias
        )
        output = u * state + (1 - u) * self._activation(candidate)
        return output, output
