"""Adam (Kingma and Ba, 2014): steps along a mean gradient, scaled by its magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.op_support import apply
from graphc.ir.graph import IndexedSlices, Operation, Tensor
from graphc.ops import control_flow_ops
from graphc.ops.math_ops import cast
from graphc.train.optimizer import Optimizer, apply_training


class AdamOptimizer(Optimizer):
    """m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2;
    w <- w - learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon) in step t.

    Slots "m" and "v"; the powers of the betas are variables `beta1_power` and `beta2_power`. A
    sparse
    gradient changes all rows, as in TF1: the slots of the others decay.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        first = min(var_list, key=lambda var: var.name)
        for name, start in (("beta1_power", self._beta1), ("beta2_power", self._beta2)):
            self._create_non_slot_variable(self._call_if_callable(start), name, first)
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _prepare(self) -> None:
        self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t = (
            convert_to_tensor(self._call_if_callable(value), name=name)
            for name, value in (
                ("learning_rate", self._lr),
                ("beta1", self._beta1),
                ("beta2", self._beta2),
                ("epsilon", self._epsilon),
            )
        )

    def _powers(self, graph: Any) -> list[Any]:
        return [self._get_non_slot_variable(name, graph) for name in ("beta1_power", "beta2_power")]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return apply_training(
            "ApplyAdam", [var, self.get_slot(var, "m"), self.get_slot(var, "v")],
            *self._powers(var.graph), self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t,
            grad, use_locking=self._use_locking,
        )  # fmt: skip

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        # Every row decays, so the step is the dense one: rows without a gradient have gradient 0.
        rows = apply("ExpandDims", grad.indices, np.int32(-1))
        shape = apply("Shape", var, out_type=grad.indices.dtype)
        return self._apply_dense(apply("ScatterNd", rows, grad.values, shape), var)

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Operation:
        graph = update_ops[0].graph
        with graph.control_dependencies(update_ops):
            powers = [
                power.assign(power * cast(beta, power.dtype), use_locking=self._use_locking)
                for power, beta in zip(
                    self._powers(graph), (self._beta1_t, self._beta2_t), strict=True
                )
            ]
        return control_flow_ops.group(*update_ops, *powers, name=name_scope)
