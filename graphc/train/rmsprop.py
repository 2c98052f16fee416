"""RMSProp (Tieleman and Hinton, 2012): gradients divided by a moving average of their magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.ops.init_ops import Ones
from graphc.train.optimizer import Optimizer, apply_training


class RMSPropOptimizer(Optimizer):
    """ms <- decay ms + (1 - decay) g^2; mom <- momentum mom + learning_rate g / sqrt(ms + epsilon);
    w <- w - mom. With `centered` the variance ms - mg^2 stands for ms, mg being the mean gradient.

    Slots: "rms" (ones at the start), "momentum" and, if centered, "mg".
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._decay = decay
        self._momentum = momentum
        self._epsilon = epsilon
        self._centered = bool(centered)

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._get_or_make_slot_with_initializer(
                var, Ones(var.dtype), var.get_shape(), var.dtype, "rms", self._name
            )
            if self._centered:
                self._zeros_slot(var, "mg", self._name)
            self._zeros_slot(var, "momentum", self._name)

    def _prepare(self) -> None:
        self._hyperparameters = [
            convert_to_tensor(self._call_if_callable(value), name=name)
            for name, value in (
                ("learning_rate", self._learning_rate),
                ("decay", self._decay),
                ("momentum", self._momentum),
                ("epsilon", self._epsilon),
            )
        ]

    def _apply(self, prefix: str, var: Any, *gradient: Tensor) -> Operation:
        slots = ["mg", "rms", "momentum"] if self._centered else ["rms", "momentum"]
        return apply_training(
            f"{prefix}{'Centered' if self._centered else ''}RMSProp",
            [var, *[self.get_slot(var, slot) for slot in slots]],
            *self._hyperparameters, *gradient, use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply("Apply", var, grad)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply("SparseApply", var, grad.values, grad.indices)
