"""`RNNCell`: one step of a recurrent network, (input, state) -> (output, state)."""

from __future__ import annotations

from typing import Any

from graphc.framework import nest
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.shape import Dimension, TensorShape
from graphc.framework.variable_scope import get_variable_scope, variable_scope
from graphc.framework.variables import Variable
from graphc.ir import dtypes
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Tensor
from graphc.nn.rnn_cell.layer import Layer
from graphc.ops import constant_op, filling_ops, nn_ops
from graphc.ops.math_ops import cast


class RNNCell(Layer):
    """The base of all cells.

    `output, next_state = cell(inputs, state)`: `inputs` is [batch, size]; the state is a tensor
    [batch, state_size], or nested tuples of tensors where `state_size` is nested. Subclasses define
    `state_size`, `output_size` and `call(inputs, state)`, which may make its variables with
    `tf.get_variable`: they belong to the cell's scope, and later calls reuse them.
    """

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **kwargs: Any) -> Any:
        """One step.

        Args:
            inputs: [batch, input size].
            state: as `zero_state` gives it.
            scope: the variable scope or its name; default that of the class, under the current one.

        Returns:
            The output [batch, output_size], and the next state.
        """
        getter = self._rnn_get_variable
        if scope is not None:
            with variable_scope(scope, custom_getter=getter) as entered:
                return self._enter(inputs, state, scope=entered, **kwargs)
        with variable_scope(get_variable_scope(), custom_getter=getter):
            return self._enter(inputs, state, **kwargs)

    def _rnn_get_variable(self, getter: Any, *args: Any, **kwargs: Any) -> Any:
        variable = getter(*args, **kwargs)
        if isinstance(variable, Variable):
            self._remember(variable)
        return variable

    @property
    def state_size(self) -> Any:
        """Sizes of the state: an int, a `TensorShape`, or nested tuples of them."""
        raise NotImplementedError(located(f"{type(self).__name__} has no state_size"))

    @property
    def output_size(self) -> Any:
        """Size of the output: an int or a `TensorShape`."""
        raise NotImplementedError(located(f"{type(self).__name__} has no output_size"))

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """A state of zeros: tensors [batch_size, size] in the form of `state_size`.

        Args:
            batch_size: an int or a scalar integer tensor.
            dtype: of the state.
        """
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]):
            return zero_tensors(self.state_size, batch_size, dtype)

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """`zero_state`, for the batch size and dtype of `inputs` where they are given.

        Raises:
            ValueError: batch size or dtype are neither given nor known, or contradict the inputs.
        """
        if inputs is not None:
            known = inputs.shape[0].value
            if batch_size is not None and known is not None and batch_size != known:
                raise ValueError(
                    located(
                        f"batch size from input tensor is different from the input param. Input "
                        f"tensor batch: {known}, batch_size: {batch_size}"
                    )
                )
            if dtype is not None and as_dtype(dtype) is not inputs.dtype:
                raise ValueError(
                    located(
                        "dtype from input tensor is different from the input param. Input tensor "
                        f"dtype: {inputs.dtype.name}, dtype: {as_dtype(dtype).name}"
                    )
                )
            batch_size = apply("Shape", inputs)[0] if known is None else known
            dtype = inputs.dtype
        if batch_size is None or dtype is None:
            raise ValueError(
                located(
                    "batch_size and dtype cannot be None while constructing initial state: "
                    f"batch_size={batch_size}, dtype={dtype}"
                )
            )
        return self.zero_state(batch_size, dtype)


class LayerRNNCell(RNNCell):
    """A cell that makes its variables in `build`, with `add_variable`."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **kwargs: Any) -> Any:
        """One step: see `RNNCell.__call__`."""
        return self._enter(inputs, state, scope=scope, **kwargs)


def check_cell(argument: str, cell: Any) -> None:
    """Check that a value may stand where a cell is wanted.

    Raises:
        TypeError: it cannot be called, or lacks sizes or an initial state.
    """
    missing = [f"'{name}' property is missing" for name in ("output_size", "state_size")
               if not _has(cell, name)]  # fmt: skip
    if not (_has(cell, "zero_state") or _has(cell, "get_initial_state")):
        missing.append("either 'zero_state' or 'get_initial_state' method is required")
    if not callable(cell):
        missing.append("is not callable")
    elif isinstance(cell, type):
        missing.append("is a class, not an instance of it")
    if missing:
        raise TypeError(
            located(f"The argument {argument!r} ({cell}) is not an RNNCell: {', '.join(missing)}.")
        )


def _has(cell: Any, name: str) -> bool:
    return hasattr(type(cell), name) or name in getattr(cell, "__dict__", {})


def zero_tensors(sizes: Any, batch_size: Any, dtype: Any) -> Any:
    """Zeros [batch_size, size] in the form of `sizes`."""
    return nest.map_structure(lambda size: _zeros(size, batch_size, as_dtype(dtype)), sizes)


def _zeros(size: Any, batch_size: Any, dtype: dtypes.DType) -> Tensor:
    trailing = size_list(size)
    if isinstance(batch_size, Dimension):
        batch_size = batch_size.value
    if isinstance(batch_size, Tensor):
        batch = batch_size if batch_size.dtype is dtypes.int32 else cast(batch_size, dtypes.int32)
        shape = apply("Pack", batch, *[constant_op.constant(n, dtypes.int32) for n in trailing])
        zeros = constant_op.constant(0, dtype)
        result: Tensor = apply("Fill", shape, zeros, name="zeros")
        result.set_shape([None, *trailing])
        return result
    if batch_size is None:
        raise ValueError(located("zero_state: the batch size must be a number or a tensor"))
    return filling_ops.zeros([int(batch_size), *trailing], dtype)


def size_list(size: Any) -> list[int]:
    """The sizes after the batch dimension: of an int, `Dimension` or `TensorShape`.

    Raises:
        ValueError: one of them is not known.
    """
    if isinstance(size, TensorShape):
        listed = size.as_list()
    else:
        listed = [getattr(size, "value", size)]
    if any(n is None for n in listed):
        raise ValueError(located(f"sizes of states and outputs must be known, not {size}"))
    return [int(n) for n in listed if n is not None]


def last_size(shape: Any, what: str) -> int:
    """The size of the last dimension of a shape that must be known.

    Raises:
        ValueError: it is not.
    """
    known = shape[-1].value if shape.ndims else None
    if known is None:
        raise ValueError(
            located(f"Expected {what} with a known last dimension, saw shape: {shape}")
        )
    return int(known)


def activation_function(activation: Any, default: Any) -> Any:
    """An activation given as a function, as a name of `tf.nn`, or left out.

    Raises:
        ValueError: there is none of that name.
    """
    if activation is None:
        return default
    if isinstance(activation, str):
        if activation == "linear":
            return lambda x: x
        found = getattr(nn_ops, activation, None)
        if found is None:
            raise ValueError(located(f"Unknown activation function: {activation}"))
        return found
    return activation
