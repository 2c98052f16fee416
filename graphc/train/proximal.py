"""Proximal steps: gradient descent and Adagrad followed by exact steps for l1 and l2 penalties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.ops.init_ops import Constant
from graphc.train.optimizer import Optimizer, apply_training


class _Proximal(Optimizer):
    """What both share: the hyperparameters, in the operand order of the operations."""

    def __init__(
        self, learning_rate: Any, l1: float, l2: float, use_locking: bool, name: str
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1 = l1
        self._l2 = l2

    def _prepare(self) -> None:
        self._hyperparameters = [
            convert_to_tensor(self._call_if_callable(value), name=name)
            for name, value in (
                ("learning_rate", self._learning_rate),
                ("l1_regularization_strength", self._l1),
                ("l2_regularization_strength", self._l2),
            )
        ]

    def _apply(self, type: str, var: Any, *gradient: Tensor) -> Operation:
        refs = [var, *[slots[var.graph, var.op.name] for slots in self._slots.values()]]
        return apply_training(
            type, refs, *self._hyperparameters, *gradient, use_locking=self._use_locking
        )


class ProximalGradientDescentOptimizer(_Proximal):
    """p = w - r g; w <- sign(p) max(|p| - r l1, 0) / (1 + r l2), r the learning rate."""

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(
            learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name
        )

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply("ApplyProximalGradientDescent", var, grad)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply("SparseApplyProximalGradientDescent", var, grad.values, grad.indices)


class ProximalAdagradOptimizer(_Proximal):
    """The same with the learning rate of Adagrad, r / sqrt(a), a <- a + g^2 (slot "accumulator").

    Raises:
        ValueError: `initial_accumulator_value` is not positive.
    """

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                located(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
            )
        super().__init__(
            learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name
        )
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            start = Constant(self._initial_accumulator_value, var.dtype)
            self._get_or_make_slot_with_initializer(
                var, start, var.get_shape(), var.dtype, "accumulator", self._name
            )

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply("ApplyProximalAdagrad", var, grad)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply("SparseApplyProximalAdagrad", var, grad.values, grad.indices)
