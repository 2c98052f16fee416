"""Adam that leaves alone the rows without a gradient."""

from __future__ import annotations

from typing import Any

from graphc.ir.graph import IndexedSlices, Operation
from graphc.train.adam import AdamOptimizer
from graphc.train.optimizer import apply_training


class LazyAdamOptimizer(AdamOptimizer):
    """`tf.train.AdamOptimizer`, but a sparse gradient changes its own rows and their slots only.

    For large embeddings a step then costs no more than its rows. The result differs from Adam's,
    whose slots decay everywhere.
    """

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Operation:
        return apply_training(
            "SparseApplyAdam", [var, self.get_slot(var, "m"), self.get_slot(var, "v")],
            *self._powers(var.graph), self._lr_t, self._beta1_t, self._beta2_t, self._epsilon_t,
            grad.values, grad.indices, use_locking=self._use_locking,
        )  # fmt: skip
