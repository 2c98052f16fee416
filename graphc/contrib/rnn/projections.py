"""Cells that map the inputs or outputs of another cell: embeddings and projections."""

from __future__ import annotations

import math
from typing import Any

from graphc.contrib.rnn.linear import Linear
from graphc.framework import nest
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.variable_scope import get_variable, get_variable_scope
from graphc.nn.rnn_cell.base import RNNCell, check_cell
from graphc.ops import array_ops, embedding_ops, init_ops


class _Around(RNNCell):
    """A cell around another one, with a variable scope of its own that holds the other's."""

    def __init__(self, cell: Any, reuse: Any) -> None:
        super().__init__(_reuse=reuse)
        check_cell("cell", cell)
        self._cell = cell
        self._linear: Linear | None = None

    @property
    def state_size(self) -> Any:
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        return self._cell.zero_state(batch_size, dtype)


class EmbeddingWrapper(_Around):
    """Looks up a cell's inputs, class numbers [batch] or [batch, 1], in a table `embedding`.

    Args:
        cell: the cell.
        embedding_classes, embedding_size: the shape of the table.
        initializer: of the table; default that of the scope, else uniform of variance 1.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        cell: Any,
        embedding_classes: int,
        embedding_size: int,
        initializer: Any = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(cell, reuse)
        if embedding_classes <= 0 or embedding_size <= 0:
            raise ValueError(
                located(
                    "Both embedding_classes and embedding_size must be > 0: "
                    f"{embedding_classes}, {embedding_size}."
                )
            )
        self._shape = [int(embedding_classes), int(embedding_size)]
        self._initializer = initializer

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        start = self._initializer or get_variable_scope().initializer
        if start is None:
            bound = math.sqrt(3)
            start = init_ops.random_uniform_initializer(-bound, bound)
        dtype = nest.flatten(state)[0].dtype
        with get_default_graph().device("/cpu:0"):
            table = get_variable("embedding", self._shape, dtype, initializer=start)
            rows = embedding_ops.embedding_lookup(table, array_ops.reshape(inputs, [-1]))
        return self._cell(rows, state)


class InputProjectionWrapper(_Around):
    """Gives a cell activation(inputs W + b) of size `num_proj` as inputs."""

    def __init__(
        self,
        cell: Any,
        num_proj: int,
        activation: Any = None,
        input_size: Any = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(cell, reuse)
        if input_size is not None:
            raise NotImplementedError(
                located("InputProjectionWrapper(input_size=): deprecated in TF1; leave it out")
            )
        self._num_proj = int(num_proj)
        self._activation = activation

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        if self._linear is None:
            self._linear = Linear(inputs, self._num_proj)
        projected = self._linear(inputs)
        if self._activation:
            projected = self._activation(projected)
        return self._cell(projected, state)


class OutputProjectionWrapper(_Around):
    """Gives activation(outputs W + b) of size `output_size` of a cell's outputs."""

    def __init__(
        self, cell: Any, output_size: int, activation: Any = None, reuse: Any = None
    ) -> None:
        super().__init__(cell, reuse)
        if output_size < 1:
            raise ValueError(located(f"Parameter output_size must be > 0: {output_size}."))
        self._output_size = int(output_size)
        self._activation = activation

    @property
    def output_size(self) -> int:
        return self._output_size

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        output, new_state = self._cell(inputs, state)
        if self._linear is None:
            self._linear = Linear(output, self._output_size)
        projected = self._linear(output)
        if self._activation:
            projected = self._activation(projected)
        return projected, new_state
