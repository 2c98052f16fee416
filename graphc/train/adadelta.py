"""Adadelta (Zeiler, 2012): steps scaled by the ratio of past steps to past gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.train.optimizer import Optimizer, apply_training


class AdadeltaOptimizer(Optimizer):
    """a <- rho a + (1 - rho) g^2; u = sqrt(d + epsilon) / sqrt(a + epsilon) g;
    d <- rho d + (1 - rho) u^2; w <- w - learning_rate u (slots "accum" and "accum_update": a, d).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._rho = rho
        self._epsilon = epsilon

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._zeros_slot(var, "accum", self._name)
            self._zeros_slot(var, "accum_update", self._name)

    def _prepare(self) -> None:
        self._hyperparameters = [
            convert_to_tensor(self._call_if_callable(value), name=name)
            for name, value in (("lr", self._lr), ("rho", self._rho), ("epsilon", self._epsilon))
        ]

    def _apply(self, type: str, var: Any, *gradient: Tensor) -> Operation:
        refs = [var, self.get_slot(var, "accum"), self.get_slot(var, "accum_update")]
        return apply_training(
            type, refs, *self._hyperparameters, *gradient, use_locking=self._use_locking
        )

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply("ApplyAdadelta", var, grad)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply("SparseApplyAdadelta", var, grad.values, grad.indices)
