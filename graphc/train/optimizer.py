"""The base of all optimizers: gradients of a loss, and the operations that apply them.

A subclass says which slots it keeps and how one variable changes: `_create_slots`, `_prepare`,
`_apply_dense`, `_apply_sparse`, `_finish`, as in TF1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.conversion import convert_to_tensor, convert_to_tensor_or_indexed_slices
from graphc.framework.default_graph import graph_of
from graphc.framework.errors import located
from graphc.framework.gradients import gradients
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.variable_collections import trainable_variables
from graphc.framework.variables import Variable
from graphc.ir import dtypes
from graphc.ir.dtypes import DType
from graphc.ir.graph import IndexedSlices, Operation, Tensor, definition, definitions
from graphc.ops import control_flow_ops, state_ops
from graphc.ops.math_ops import cast
from graphc.train import slot_creator

Gradient = Tensor | IndexedSlices


class Optimizer:
    """Minimizes losses by changing variables.

    `opt.minimize(loss)` gives the operation that makes one step. It is `compute_gradients`, whose
    result may be processed, followed by `apply_gradients`.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError(located("Must specify the optimizer name"))
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Any, Variable]] = {}
        self._non_slot_dict: dict[Any, Variable] = {}

    def get_name(self) -> str:
        return self._name

    # -- steps

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """The operation that changes the variables once so as to make `loss` smaller.

        Args:
            global_step: a variable to count the steps in.
            var_list: the variables to change (default: those in TRAINABLE_VARIABLES).
            name: the operation's name (default the optimizer's).
            grad_loss: the gradient of what is minimized with respect to `loss` (default ones).

        Raises:
            ValueError: the loss depends on none of the variables, or there are none.
        """
        pairs = self.compute_gradients(
            loss,
            var_list,
            gate_gradients,
            aggregation_method,
            colocate_gradients_with_ops,
            grad_loss,
        )
        if all(gradient is None for gradient, _ in pairs):
            raise ValueError(
                located(
                    "No gradients provided for any variable, check your graph for ops that do not "
                    f"support gradients, between variables {[str(v) for _, v in pairs]} and "
                    f"loss {loss}."
                )
            )
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Gradient | None, Any]]:
        """Pairs (gradient, variable); the gradient is None where the loss does not depend on it.

        Every gradient is taken at the values that the variables have before the step, so of
        `gate_gradients` only GATE_GRAPH adds something: no gradient is given before all are there.

        Raises:
            ValueError: there are no variables, or `gate_gradients` or a dtype is wrong.
        """
        if callable(loss) and not isinstance(loss, (Tensor, Variable)):
            raise RuntimeError(
                located(
                    "`loss` passed to Optimizer.compute_gradients should be a tensor, no function"
                )
            )
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                located(
                    "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                    f"Optimizer.GATE_GRAPH.  Not {gate_gradients}"
                )
            )
        self._assert_valid_dtypes([loss])
        if grad_loss is not None:
            self._assert_valid_dtypes([convert_to_tensor(grad_loss)])
        variables = trainable_variables() if var_list is None else _flatten(var_list)
        if not variables:
            raise ValueError(located("No variables to optimize."))
        found = gradients(
            loss,
            [_target(v) for v in variables],
            grad_ys=grad_loss,
            gate_gradients=gate_gradients == self.GATE_OP,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        if gate_gradients == self.GATE_GRAPH:
            found = control_flow_ops.tuple(found)
        pairs = list(zip(found, variables, strict=True))
        self._assert_valid_dtypes([v for gradient, v in pairs if gradient is not None])
        return pairs

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Any]],
        global_step: Any = None,
        name: str | None = None,
    ) -> Operation:
        """The operation that changes each variable by its gradient; pairs with None are left out.

        Raises:
            ValueError: no pair has a gradient; TypeError: a gradient is no tensor.
        """
        pairs = [(_as_gradient(gradient), variable) for gradient, variable in grads_and_vars]
        if not pairs:
            raise ValueError(located("No variables provided."))
        for _, variable in pairs:
            _target(variable)
        chosen = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        if not chosen:
            names = [str(variable) for _, variable in pairs]
            raise ValueError(located(f"No gradients provided for any variable: {names}."))
        variables = [variable for _, variable in chosen]
        graph = graph_of(variables[0])
        with graph.as_default(), graph.role("update"):
            with graph.control_dependencies(None):
                self._create_slots(variables)
            with name_scope(name, self._name) as scope:
                self._prepare()
                step = self._step(chosen, global_step, scope)
            collection = graph.get_collection_ref(GraphKeys.TRAIN_OP)
            if step not in collection:
                collection.append(step)
        return step

    def _step(
        self, pairs: Sequence[tuple[Gradient, Any]], global_step: Any, scope: str
    ) -> Operation:
        updates = []
        for gradient, variable in pairs:
            with name_scope(f"update_{variable.op.name}"):
                updates.append(self._update(gradient, variable))
        if global_step is None:
            return _operation(self._finish(updates, scope))
        graph = graph_of(variable)
        with graph.control_dependencies([self._finish(updates, "update")]):
            return state_ops.assign_add(global_step, 1, name=scope).op

    def _update(self, gradient: Gradient, variable: Any) -> Any:
        if not isinstance(variable, Variable):
            raise NotImplementedError(located(f"Trying to update a Tensor {variable}"))
        constraint = variable.constraint
        if isinstance(gradient, IndexedSlices):
            if constraint is not None:
                raise RuntimeError(
                    located("Cannot use a constraint function on a sparse variable.")
                )
            return self._apply_sparse_duplicate_indices(gradient, variable)
        update = self._apply_dense(gradient, variable)
        if constraint is None:
            return update
        with graph_of(variable).control_dependencies([update]):
            return variable.assign(constraint(variable.value()))

    # -- slots

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """The slot `name` of a variable, or None."""
        return self._slots.get(name, {}).get(_key(var))

    def get_slot_names(self) -> list[str]:
        return sorted(self._slots)

    def variables(self) -> list[Variable]:
        """The variables that this optimizer made: slots and others, sorted by name."""
        slots = [slot for by_variable in self._slots.values() for slot in by_variable.values()]
        return sorted([*self._non_slot_dict.values(), *slots], key=lambda v: v.name)

    def _slot_dict(self, slot_name: str) -> dict[Any, Variable]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Variable:
        return self._slot(slot_name, var, lambda: slot_creator.create_slot(var, val, op_name))

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Variable:
        return self._slot(
            slot_name,
            var,
            lambda: slot_creator.create_slot_with_initializer(
                var, initializer, shape, dtype, op_name
            ),
        )

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Variable:
        return self._slot(slot_name, var, lambda: slot_creator.create_zeros_slot(var, op_name))

    def _slot(self, slot_name: str, var: Any, make: Callable[[], Variable]) -> Variable:
        slots = self._slot_dict(slot_name)
        key = _key(var)
        if key not in slots:
            slots[key] = make()
        return slots[key]

    def _create_non_slot_variable(
        self, initial_value: Any, name: str, colocate_with: Any
    ) -> Variable:
        graph = graph_of(colocate_with)
        if (name, graph) not in self._non_slot_dict:
            made = Variable(initial_value, name=name, trainable=False)
            self._non_slot_dict[name, graph] = made
        return self._non_slot_dict[name, graph]

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Variable | None:
        return self._non_slot_dict.get((name, graph))

    # -- what subclasses define

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        """Make the slots of the variables, once each."""

    def _prepare(self) -> None:
        """Make the tensors of the hyperparameters."""

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        """The operation that changes `var` by a dense gradient."""
        raise NotImplementedError(located(f"{type(self).__name__} has no _apply_dense"))

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        """The operation that changes rows of `var`; no index is repeated."""
        raise NotImplementedError(located(f"{type(self).__name__} has no _apply_sparse"))

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Any:
        """The same for indices that may be repeated: their rows are added up first."""
        if "Unique" not in {found.name for found in definitions()}:
            raise NotImplementedError(
                located(
                    f"{type(self).__name__}: the gradient of {var.name} is sparse, and adding up "
                    "repeated rows needs tf.unique, which is not there: override "
                    "_apply_sparse_duplicate_indices, or pass tf.convert_to_tensor(gradient)"
                )
            )
        indices, positions = apply("Unique", grad.indices, out_idx=dtypes.int32)
        values = apply("UnsortedSegmentSum", grad.values, positions, apply("Shape", indices)[0])
        return self._apply_sparse(IndexedSlices(values, indices, grad.dense_shape), var)

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Any:
        """The operation that has run when the step is made."""
        return control_flow_ops.group(*update_ops, name=name_scope)

    def _valid_dtypes(self) -> set[DType]:
        return set(dtypes.FLOATS)

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = self._valid_dtypes()
        for tensor in tensors:
            if tensor.dtype not in valid:
                names = sorted(dtype.name for dtype in valid)
                raise ValueError(
                    located(
                        f"Invalid type {tensor.dtype!r} for {tensor.name}, expected: {names}; "
                        "use tf.cast"
                    )
                )

    def _call_if_callable(self, param: Any) -> Any:
        """A hyperparameter, or what it gives if it is a function."""
        return param() if callable(param) else param


# ------------------------------------------------------------------------------ for the subclasses


def apply_training(type: str, refs: Sequence[Any], *operands: Any, **attrs: Any) -> Operation:
    """Append a training operation: `refs` are the variable and its slots, `operands` follow them.

    Hyperparameters are cast to the variable's dtype.

    Raises:
        TypeError: the gradient has another dtype than the variable.
    """
    dtype = refs[0].dtype
    storage = [ref._ref() for ref in refs]
    names = definition(type).inputs[len(refs) :]
    tensors = [
        x if name in ("indices", "grad", "delta") else cast(x, dtype)
        for name, x in zip(names, operands, strict=True)
    ]
    return apply(type, *storage, *tensors, **attrs).op


def _operation(value: Any) -> Operation:
    return value.op if isinstance(value, Tensor) else value


def _key(var: Any) -> Any:
    return var.op.graph, var.op.name


def _flatten(values: Any) -> list[Any]:
    flat: list[Any] = []
    pending = [values]
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)):
            pending += reversed(value)
        elif isinstance(value, dict):
            pending += [value[key] for key in sorted(value, reverse=True)]
        else:
            flat.append(value)
    return flat


def _target(variable: Any) -> Tensor:
    """What a variable's gradient is taken with respect to."""
    if isinstance(variable, Variable):
        return variable._ref()
    if isinstance(variable, Tensor):
        return variable
    raise NotImplementedError(located(f"Trying to optimize unsupported type {variable!r}"))


def _as_gradient(value: Any) -> Gradient | None:
    if value is None:
        return None
    try:
        return convert_to_tensor_or_indexed_slices(value)
    except TypeError:
        raise TypeError(
            located(f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {value}")
        ) from None
