"""Momentum: steps along a decaying sum of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.train.optimizer import Optimizer, apply_training


class MomentumOptimizer(Optimizer):
    """a <- momentum a + g; w <- w - learning_rate a (slot "momentum" holds a).

    With `use_nesterov` w <- w - learning_rate (g + momentum a) after Sutskever et al., 2013.
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = bool(use_nesterov)

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._zeros_slot(var, "momentum", self._name)

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        momentum = self._call_if_callable(self._momentum)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")
        self._momentum_tensor = convert_to_tensor(momentum, name="momentum")

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return apply_training(
            "ApplyMomentum", [var, self.get_slot(var, "momentum")],
            self._learning_rate_tensor, grad, self._momentum_tensor,
            use_locking=self._use_locking, use_nesterov=self._use_nesterov,
        )  # fmt: skip

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return apply_training(
            "SparseApplyMomentum", [var, self.get_slot(var, "momentum")],
            self._learning_rate_tensor, grad.values, grad.indices, self._momentum_tensor,
            use_locking=self._use_locking, use_nesterov=self._use_nesterov,
        )  # fmt: skip
