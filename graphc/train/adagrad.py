"""Adagrad (Duchi et al., 2011): a learning rate per element that falls with the sum of squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.ops.init_ops import Constant
from graphc.train.optimizer import Optimizer, apply_training


class AdagradOptimizer(Optimizer):
    """a <- a + g^2; w <- w - learning_rate g / sqrt(a) (slot "accumulator" holds a).

    Raises:
        ValueError: `initial_accumulator_value` is not positive.
    """

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                located(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            start = Constant(self._initial_accumulator_value, var.dtype)
            self._get_or_make_slot_with_initializer(
                var, start, var.get_shape(), var.dtype, "accumulator", self._name
            )

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return apply_training(
            "ApplyAdagrad", [var, self.get_slot(var, "accumulator")],
            self._learning_rate_tensor, grad, use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return apply_training(
            "SparseApplyAdagrad", [var, self.get_slot(var, "accumulator")],
            self._learning_rate_tensor, grad.values, grad.indices, use_locking=self._use_locking,
        )  # fmt: skip
