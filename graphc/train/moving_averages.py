"""Moving averages of variables and tensors: shadow variables that decay towards present values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph, graph_of
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.variable_collections import (
    global_variables,
    moving_average_variables,
    trainable_variables,
)
from graphc.framework.variable_scope import get_variable, variable_scope
from graphc.framework.variables import Variable
from graphc.ir import dtypes
from graphc.ir.graph import Operation, Tensor
from graphc.ops import control_flow_ops, state_ops
from graphc.ops.init_ops import Zeros
from graphc.ops.math_ops import cast
from graphc.train import slot_creator


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Tensor:
    """variable <- variable * decay + value * (1 - decay).

    With `zero_debias` the average of a variable that starts at zero is divided by 1 - decay^t in
    its t-th update (Kingma and Ba, 2014), which needs two more variables, "biased" and
    "local_step".
    """
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rest = cast(convert_to_tensor(1.0 - decay, name="decay"), variable.dtype)
        if zero_debias:
            return _assign_debiased(variable, value, rest, scope)
        return state_ops.assign_sub(variable, (variable - value) * rest, name=scope)


def _assign_debiased(variable: Any, value: Any, rest: Tensor, scope: str) -> Tensor:
    with variable_scope(variable.op.name, values=[variable, value, rest]) as variables:
        dtype = variable.dtype

        def make(name: str, shape: Any) -> Any:
            return get_variable(
                _unused(variables, name), shape, dtype, initializer=Zeros(dtype), trainable=False
            )

        biased, local_step = make("biased", variable.get_shape()), make("local_step", [])
    average = state_ops.assign_sub(biased, (biased - value) * rest)
    steps = local_step.assign_add(1.0)
    factor = 1 - (1.0 - rest) ** _value(steps)
    return state_ops.assign(variable, _value(average) / factor, name=scope)


def _value(written: Tensor) -> Tensor:
    """The value just written, as a plain tensor."""
    return apply("Identity", written)


def _unused(scope: Any, name: str) -> str:
    """`name`, with a suffix if the scope has such a variable already."""
    taken = {variable.op.name for variable in scope.global_variables()}
    candidate, number = name, 0
    while f"{scope.name}/{candidate}" in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


class ExponentialMovingAverage:
    """Shadow variables that follow others: shadow <- decay shadow + (1 - decay) variable.

    Args:
        decay: a number or tensor near 1.
        num_updates: a step count; the decay is then at most (1 + n) / (10 + n), so that averages
            move faster at the beginning.
        zero_debias: whether averages of tensors, which start at 0, are corrected for that.
        name: names the shadows, "<variable>/<name>", and the operation of `apply`.
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Variable] = {}
        self._debiased: set[Variable] = set()

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """Make the shadows and the operation that updates them all.

        Args:
            var_list: variables, whose shadows start at their initial values, and tensors, whose
                shadows start at 0 (default: the trainable variables).

        Raises:
            TypeError: one of them is not floating.
        """
        followed = trainable_variables() if var_list is None else list(var_list)
        for var in followed:
            if not var.dtype.is_floating:
                raise TypeError(
                    located(f"The variables must be half, float, or double: {var.name}")
                )
            if var not in self._averages:
                self._make_average(var)
        with name_scope(self._name, None, followed or None) as scope:
            decay = self._present_decay()
            updates = [
                assign_moving_average(
                    self._averages[var], var, decay, self._averages[var] in self._debiased
                )
                for var in followed
            ]
            return control_flow_ops.group(*updates, name=scope)

    def _make_average(self, var: Any) -> None:
        graph = graph_of(var)
        with graph.as_default(), graph.control_dependencies(None):
            if isinstance(var, Variable):
                average = slot_creator.create_slot(var, var.initialized_value(), self._name)
                graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
            else:
                average = slot_creator.create_zeros_slot(var, self._name)
                if self._zero_debias:
                    self._debiased.add(average)
        self._averages[var] = average

    def _present_decay(self) -> Any:
        decay = convert_to_tensor(self._decay, name="decay")
        if self._num_updates is None:
            return decay
        count = cast(convert_to_tensor(self._num_updates, name="num_updates"), dtypes.float32)
        return apply("Minimum", decay, (1.0 + count) / (10.0 + count))

    def average(self, var: Any) -> Variable | None:
        """The shadow of a variable or tensor, or None."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name of the shadow of a variable, which need not exist yet."""
        if var in self._averages:
            return self._averages[var].op.name
        graph = get_default_graph()
        return graph.unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """For a `Saver`: the names to restore variables from, shadows standing for what they
        follow.

        Args:
            moving_avg_variables: the variables with shadows (default: the trainable ones and those
                in MOVING_AVERAGE_VARIABLES).
        """
        if moving_avg_variables is None:
            moving_avg_variables = [*trainable_variables(), *moving_average_variables()]
        followed = list(dict.fromkeys(moving_avg_variables))
        names = {self.average_name(var): var for var in followed}
        taken = {var.name for var in followed}
        for var in dict.fromkeys(global_variables()):
            if var.name not in taken and var.op.name not in names:
                names[var.op.name] = var
        return names
