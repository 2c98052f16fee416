"""FTRL-Proximal (McMahan et al., 2013): steps with penalties that give sparse weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.ops.init_ops import Constant
from graphc.train.optimizer import Optimizer, apply_training


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader, with penalties l1 and l2, and l2_shrinkage on the gradient.

    Slots "accum" and "linear"; see the operation type ApplyFtrl for the formula.

    Raises:
        ValueError: a penalty or the initial accumulator is negative, or the power is positive.
    """

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        super().__init__(use_locking, name)
        for word, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0.0:
                raise ValueError(located(f"{word} {value} needs to be positive or zero"))
        if learning_rate_power > 0.0:
            raise ValueError(
                located(f"learning_rate_power {learning_rate_power} needs to be negative or zero")
            )
        self._learning_rate = learning_rate
        self._learning_rate_power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._penalties = [l1_regularization_strength, l2_regularization_strength]
        self._shrinkage = l2_shrinkage_regularization_strength
        self._accum_name = accum_name
        self._linear_name = linear_name

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            start = Constant(self._initial_accumulator_value, var.dtype)
            self._get_or_make_slot_with_initializer(
                var, start, var.get_shape(), var.dtype, "accum", self._accum_name or self._name
            )
            self._zeros_slot(var, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")

    def _apply(self, prefix: str, var: Any, *gradient: Tensor) -> Operation:
        def scalar(value: float) -> Tensor:
            return convert_to_tensor(value, var.dtype)

        refs = [var, self.get_slot(var, "accum"), self.get_slot(var, "linear")]
        penalties = [*self._penalties, *([self._shrinkage] if self._shrinkage > 0.0 else [])]
        return apply_training(
            f"{prefix}Ftrl{'V2' if self._shrinkage > 0.0 else ''}",
            refs, *gradient, self._learning_rate_tensor, *map(scalar, penalties),
            scalar(self._learning_rate_power), use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply("Apply", var, grad)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply("SparseApply", var, grad.values, grad.indices)
