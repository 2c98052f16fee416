"""`tf.Variable`: storage that survives runs, with the operations around it named as TF1 names them.

A variable `w` is four operations: `w` (the storage), `w/initial_value` (or whatever computes it),
`w/Assign` (its initializer) and `w/read`. Reads alias the storage: whoever uses them sees the
version at its own place in the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from graphc.framework.collections import GraphKeys
from graphc.framework.default_graph import get_default_graph, get_default_session
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.initial_value import guarded
from graphc.framework.shape import TensorShape, to_ir
from graphc.framework.variable_arguments import (
    VariableAggregation,
    VariableSynchronization,
    check_collections,
    check_distribution,
    declared_shape,
    initial_tensor,
)
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import HOOKS, IndexedSlices, Operation, Tensor

__all__ = ["Variable", "VariableAggregation", "VariableSynchronization"]


class Variable:
    """A tensor whose value lives in the session, from its initializer's run on.

    Args:
        initial_value: a tensor, array, number or list, or a function of no arguments that gives
            one.
        trainable: whether optimizers change it by default (default True).
        collections: names of collections to be in (default [GraphKeys.GLOBAL_VARIABLES]).
        validate_shape: whether its shape is fixed; then that of `initial_value` must be known.
        caching_device: a device text for the read operation.
        name: the name of its storage (default "Variable"), under the current name scope.
        dtype: the element type to convert `initial_value` to.
        expected_shape: a shape that `initial_value` must be compatible with.
        constraint: a function that optimizers apply to new values.
        use_resource: accepted; the order of reads and writes is defined for all variables here.
        shape: the shape to declare, where it shall be less precise than the initial value's.

    Raises:
        ValueError: no initial value, one of unknown shape, or a bad `collections` or `constraint`.
    """

    __array_priority__ = 100

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: str | None = None,
        constraint: Callable[[Any], Any] | None = None,
        use_resource: bool | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
    ) -> None:
        if variable_def is not None or import_scope is not None:
            raise NotImplementedError(
                located("tf.Variable(variable_def=, import_scope=): protos cannot be imported")
            )
        check_distribution(synchronization, aggregation)
        check_collections(collections)
        if initial_value is None:
            raise ValueError(located("initial_value must be specified."))
        if constraint is not None and not callable(constraint):
            raise ValueError(located("The `constraint` argument must be a callable."))
        self._trainable = True if trainable is None else bool(trainable)
        self._constraint = constraint
        self._caching_device = caching_device
        names = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
        if self._trainable and GraphKeys.TRAINABLE_VARIABLES not in names:
            names.append(GraphKeys.TRAINABLE_VARIABLES)
        graph = self._graph = get_default_graph()
        with graph.outermost():
            self._build(graph, initial_value, validate_shape, name, dtype, shape, expected_shape)
        graph.variables[self.op.name] = self
        graph.add_to_collections(names, self)

    def _build(
        self,
        graph: Graph,
        initial_value: Any,
        validate_shape: bool,
        name: str | None,
        dtype: Any,
        shape: Any,
        expected_shape: Any,
    ) -> None:
        wanted = None if dtype is None else as_dtype(dtype)
        with graph.name_scope(name or "Variable") as scope:
            with graph.role("init"):
                self._initial_value = initial_tensor(graph, initial_value, wanted)
            if self._initial_value.op.graph.root is not graph:
                raise ValueError(
                    located(
                        f"initial_value {self._initial_value} of variable '{scope[:-1]}' is not an "
                        "element of the default graph"
                    )
                )
            if self._initial_value.op.graph is not graph:
                raise ValueError(
                    located(
                        f"Initializer for variable {scope} is from inside a control-flow "
                        "construct, such as a loop or conditional. When creating a variable inside "
                        "a loop or conditional, use a lambda as the initializer."
                    )
                )
            declared = declared_shape(
                self._initial_value, scope[:-1], validate_shape, shape, expected_shape
            )
            attrs = {"dtype": self._initial_value.dtype, "shape": to_ir(declared)}
            self._variable = graph.create("VariableV2", (), attrs, scope).outputs[0]
            with graph.role("init"):
                self._guarded_value = guarded(graph, scope[:-1], self._initial_value)
                self._initializer_op = graph.create(
                    "Assign",
                    (self._variable, self._guarded_value),
                    {"validate_shape": bool(validate_shape)},
                    "Assign",
                )
            read = graph.create("Identity", (self._variable,), {"_alias": True}, "read")
            if self._caching_device is not None:
                read.device = str(self._caching_device)
            self._snapshot = read.outputs[0]

    # -- what it is

    @property
    def name(self) -> str:
        return self._variable.name

    @property
    def op(self) -> Operation:
        return self._variable.op

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def dtype(self) -> DType:
        return self._variable.dtype

    @property
    def device(self) -> str:
        return self._variable.op.device

    @property
    def shape(self) -> TensorShape:
        return self._variable.shape

    def get_shape(self) -> TensorShape:
        return self._variable.shape

    def set_shape(self, shape: Any) -> None:
        """Merge what is known about the shape with `shape`; ValueError if they contradict."""
        self._variable.set_shape(shape)
        self._snapshot.set_shape(shape)

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        return self._initializer_op

    @property
    def initial_value(self) -> Tensor:
        return self._initial_value

    @property
    def trainable(self) -> bool:
        return self._trainable

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        return VariableSynchronization.AUTO

    @property
    def aggregation(self) -> VariableAggregation:
        return VariableAggregation.NONE

    def _as_graph_element(self) -> Tensor:
        return self._variable

    def _ref(self) -> Tensor:
        return self._variable

    # -- reading

    def value(self) -> Tensor:
        """The read tensor: it holds the version at the place of whoever uses it."""
        return self._snapshot

    def read_value(self) -> Tensor:
        """A new tensor: the value at this place in the run (see `tf.control_dependencies`)."""
        return self._graph.op("Identity", self._variable, name="read")

    def initialized_value(self) -> Tensor:
        """The value if the variable has one when a run starts, else its initial value.

        For initial values of other variables: the order of initializers then does not matter.
        """
        graph = self._graph
        with graph.control_dependencies(None), graph.role("init"):
            tensor = graph.op(
                "Identity",
                self._guarded_value,
                name="initialized_value",
                _unless_initialized=self.op.name,
            )
        graph.lazy_values.append(tensor)
        return tensor

    def eval(self, session: Any = None) -> Any:
        """The value in a session (default: the default session), as an array."""
        return self._variable.eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Set the value in a session (default: the default session) without adding operations.

        Raises:
            ValueError: no session is given or default, or the value has another shape.
        """
        session = session or get_default_session()
        if session is None:
            raise ValueError(
                located(
                    f"Either session argument should be provided or default session should be "
                    f"established to load variable '{self.op.name}'"
                )
            )
        session.run(self.initializer, {self.initializer.inputs[1]: value})

    # -- writing

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Set the value; gives the variable's storage with the value just written.

        With `read_value=False` the operation is given instead.
        """
        return self._update("Assign", value, use_locking, name, read_value)

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Add to the value; gives the variable's storage with the value just written."""
        return self._update("AssignAdd", delta, use_locking, name, read_value)

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtract from the value; gives the variable's storage with the value just written."""
        return self._update("AssignSub", delta, use_locking, name, read_value)

    def _update(
        self, type: str, value: Any, use_locking: bool, name: str | None, read_value: bool
    ) -> Any:
        from graphc.ops.state_ops import update

        result = update(type, self, value, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def scatter_sub(
        self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        """Subtract `sparse_delta.values[i]` from row `sparse_delta.indices[i]`, for all i."""
        return self._scatter("scatter_sub", sparse_delta, use_locking, name)

    def scatter_add(
        self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        """Add `sparse_delta.values[i]` to row `sparse_delta.indices[i]`, for all i."""
        return self._scatter("scatter_add", sparse_delta, use_locking, name)

    def scatter_update(
        self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        """Set row `sparse_delta.indices[i]` to `sparse_delta.values[i]`, for all i."""
        return self._scatter("scatter_update", sparse_delta, use_locking, name)

    def _scatter(self, function: str, delta: Any, use_locking: bool, name: str | None) -> Tensor:
        from graphc.ops import state_ops

        if not isinstance(delta, IndexedSlices):
            raise TypeError(located(f"sparse_delta is not IndexedSlices: {delta}"))
        write = getattr(state_ops, function)
        return write(self, delta.indices, delta.values, use_locking=use_locking, name=name)

    def count_up_to(self, limit: int) -> NoReturn:
        """Not available.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            located(
                "Variable.count_up_to is not supported (TF1 deprecates it); count with "
                "assign_add and "
                "tf.data or a Python loop"
            )
        )

    # -- protos

    def to_proto(self, export_scope: str | None = None) -> NoReturn:
        """Not available; raises NotImplementedError."""
        raise NotImplementedError(located("Variable.to_proto is not supported"))

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> NoReturn:
        """Not available; raises NotImplementedError."""
        raise NotImplementedError(located("Variable.from_proto is not supported"))

    # -- as an operand

    def __getitem__(self, key: Any) -> Any:
        return self._snapshot[key]

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(located("'Variable' object is not iterable."))

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError(
            located(
                f"Variable {self.name} has no value outside a session: use sess.run(v) or v.eval()"
            )
        )

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}_ref>"


def _forward(name: str) -> Callable[..., Any]:
    def operator(self: Variable, *others: Any) -> Any:
        return getattr(self._snapshot, name)(*others)

    operator.__name__ = name
    return operator


OPERATORS = (
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__",
    "__rtruediv__", "__floordiv__", "__rfloordiv__", "__mod__", "__rmod__", "__pow__", "__rpow__",
    "__matmul__", "__rmatmul__", "__lt__", "__le__", "__gt__", "__ge__", "__and__", "__rand__",
    "__or__", "__ror__", "__xor__", "__rxor__", "__neg__", "__invert__", "__abs__",
)  # fmt: skip
for _name in OPERATORS:
    setattr(Variable, _name, _forward(_name))

RefVariable = Variable
HOOKS.conversions.insert(0, (Variable, lambda value, dtype, graph: value.value()))
