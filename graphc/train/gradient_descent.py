"""Gradient descent: w <- w - learning_rate gradient."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.ops import state_ops
from graphc.ops.math_ops import cast
from graphc.train.optimizer import Optimizer, apply_training


class GradientDescentOptimizer(Optimizer):
    """Steps against the gradient.

    Args:
        learning_rate: a number, a tensor, or a function that gives one.
    """

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._learning_rate_tensor: Tensor | None = None

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return apply_training(
            "ApplyGradientDescent", [var], self._learning_rate_tensor, grad,
            use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Tensor:
        delta = grad.values * cast(self._learning_rate_tensor, var.dtype)
        return state_ops.scatter_sub(var, grad.indices, delta, use_locking=self._use_locking)
