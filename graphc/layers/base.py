"""The base of all layers: a callable that owns variables, made under a scope when it is first used.

Names follow TF1: a layer without name takes the next free variable scope of its class (`dense`,
`dense_1`, …); `_scope` (the `name` of the functions in `tf.layers`) takes exactly that scope, and
`_reuse` shares what is there. A second call of an object shares its variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.framework.collections import GraphKeys
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph, graph_of
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.framework.name_scope import name_scope
from graphc.framework.op_support import apply
from graphc.framework.shape import TensorShape, as_shape
from graphc.framework.variable_collections import global_variables, trainable_variables
from graphc.framework.variable_scope import VariableScope, get_variable, variable_scope
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import Tensor
from graphc.layers.input_spec import check_inputs
from graphc.layers.naming import snake_case, unique_name


class Layer:
    """A function of tensors with variables of its own.

    Subclasses make variables in `build(input_shape)` with `add_weight` and compute in
    `call(inputs, …)`.

    Args:
        trainable: whether its variables join TRAINABLE_VARIABLES.
        name: the base of its scope's name (default the class's name in snake case), made unique.
        dtype: the element type of its variables (default that of the first input).
        activity_regularizer: a function of each output; its result per row is added to `losses`.
    """

    input_spec: Any = None

    def __init__(
        self, trainable: bool = True, name: Any = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        scope, self._reuse = kwargs.pop("_scope", None), kwargs.pop("_reuse", None)
        self.activity_regularizer = kwargs.pop("activity_regularizer", None)
        if kwargs:
            raise TypeError(located(f"Keyword argument not understood: {next(iter(kwargs))}"))
        self.trainable = trainable
        self.built = False
        self._dtype: DType | None = None if dtype is None else as_dtype(dtype)
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []
        self._losses: list[Any] = []
        self._updates: list[Any] = []
        self._graph: Graph | None = None
        self._set_name(name)
        self._scope: VariableScope | None = None
        self._current_scope: VariableScope | None = None
        if scope:
            with variable_scope(scope) as captured:
                self._scope = captured

    def _set_name(self, name: Any) -> None:
        own = snake_case(type(self).__name__)
        if name and not isinstance(name, VariableScope):
            self._name = self._base_name = name
            return
        self._name = unique_name(get_default_graph(), own)
        self._base_name = name.name if name else own

    # -- what it is

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> DType | None:
        return self._dtype

    @property
    def graph(self) -> Graph | None:
        """The graph of the inputs it was called with."""
        return self._graph

    @property
    def scope_name(self) -> str:
        """The variable scope its variables are under.

        Raises:
            ValueError: it has not been called yet.
        """
        if self._scope is None:
            raise ValueError(
                located(
                    f'No name available for layer scope because the layer "{self._name}" has not '
                    "been used yet. The scope name is determined the first time the layer instance "
                    "is called. You must therefore call the layer before querying `scope_name`."
                )
            )
        return self._scope.name

    @property
    def trainable_weights(self) -> list[Any]:
        """The variables that optimizers change; none if the layer is not trainable."""
        return list(self._trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        if self.trainable:
            return list(self._non_trainable_weights)
        return [*self._trainable_weights, *self._non_trainable_weights]

    @property
    def weights(self) -> list[Any]:
        """All variables: the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def losses(self) -> list[Any]:
        """What regularizers of weights and activities gave."""
        return list(self._losses)

    @property
    def updates(self) -> list[Any]:
        """Operations to run with each training step; none if the layer is not trainable."""
        return list(self._updates) if self.trainable else []

    def count_params(self) -> int:
        """The number of elements of all variables.

        Raises:
            ValueError: it has not been built.
        """
        if not self.built:
            raise ValueError(
                located(f"count_params: layer {self._name} has no variables before it is called")
            )
        return sum(v.get_shape().num_elements() for v in self.weights)

    # -- for subclasses

    def build(self, input_shape: Any) -> None:
        """Make the variables; `input_shape` is a `TensorShape`, or a list of them."""
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the outputs for inputs of a shape.

        Raises:
            NotImplementedError: the class does not say.
        """
        raise NotImplementedError(
            located(f"{type(self).__name__} does not define compute_output_shape")
        )

    def add_weight(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Callable[[Any], Any] | None = None,
        trainable: bool | None = None,
        constraint: Callable[[Any], Any] | None = None,
        use_resource: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        partitioner: Any = None,
        collections: Sequence[str] | None = None,
    ) -> Any:
        """Make or share the variable `<scope>/<name>` by `tf.get_variable`.

        Args:
            dtype: default that of the layer, else float32.
            initializer: default the scope's, else Glorot's uniform one.
            regularizer: a function of the variable; called only if the variable is new.

        Raises:
            ValueError: see `tf.get_variable`.
        """
        existing = set(global_variables())
        scope = self._own_scope(None)
        is_trainable = (True if trainable is None else trainable) and self.trainable
        with (
            variable_scope(scope, reuse=self.built or self._reuse, auxiliary_name_scope=False) as s,
            name_scope(s.original_name_scope),
        ):
            variable = get_variable(
                name,
                shape=shape,
                dtype=as_dtype(dtype) if dtype is not None else self._dtype or dtypes.float32,
                initializer=initializer,
                trainable=is_trainable,
                constraint=constraint,
                use_resource=use_resource,
                synchronization=synchronization,
                aggregation=aggregation,
                partitioner=partitioner,
                collections=collections,
            )
            if regularizer is not None and variable not in existing:
                with name_scope(f"{name}/Regularizer"):
                    self.add_loss(regularizer(variable))
        # A custom getter may have made it otherwise than it was asked for.
        is_trainable = is_trainable and variable in trainable_variables()
        weights = self._trainable_weights if is_trainable else self._non_trainable_weights
        weights.append(variable)
        return variable

    add_variable = add_weight

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add scalar tensors to `losses` and to REGULARIZATION_LOSSES; None is left out.

        `inputs`, which they depend on, is accepted as in TF1; nothing is asked by it here.
        """
        listed = losses if isinstance(losses, (list, tuple)) else [losses]
        new = [loss for loss in listed if loss is not None]
        self._losses += new
        _add_new(GraphKeys.REGULARIZATION_LOSSES, new)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Add operations to `updates`; they join UPDATE_OPS at the end of the call."""
        self._updates += updates if isinstance(updates, (list, tuple)) else [updates]

    # -- calling

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, after making the variables in the first call.

        Args:
            inputs: a tensor, or a list of them; arrays and numbers are converted.
            scope: a keyword; the variable scope to use where the layer has none yet.

        Raises:
            ValueError: the inputs do not fit, are of another graph, or variables of that name exist
                (or do not, though they should).
        """
        tensors = _converted(inputs)
        flat = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
        graph = graph_of(*flat)
        if self._graph is not None and graph is not self._graph:
            raise ValueError(located("Input graph and Layer graph are not the same"))
        self._graph = graph
        with graph.as_default():
            scope = self._own_scope(kwargs.pop("scope", None))
            reuse = True if self.built else self._reuse
            with (
                variable_scope(scope, reuse=reuse, auxiliary_name_scope=False) as current,
                name_scope(current.original_name_scope),
            ):
                outputs = self._outputs(tensors, flat, args, kwargs)
            _add_new(GraphKeys.UPDATE_OPS, self.updates)
        return outputs

    apply = __call__

    def _outputs(self, tensors: Any, flat: list[Tensor], args: Any, kwargs: Any) -> Any:
        check_inputs(self.input_spec, flat, self._name)
        if not self.built:
            if self._dtype is None and flat:
                self._dtype = flat[0].dtype
            is_list = isinstance(tensors, (list, tuple))
            self.build([x.shape for x in flat] if is_list else tensors.shape)
            self.built = True
            check_inputs(self.input_spec, flat, self._name)
        outputs = self.call(tensors, *args, **kwargs)
        if self.activity_regularizer is not None:
            with name_scope("ActivityRegularizer"):
                for output in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
                    self.add_loss(_per_row(self.activity_regularizer(output), output))
        return outputs

    def _own_scope(self, scope: Any) -> VariableScope:
        """The variable scope of the layer, decided when it is first asked for."""
        if self._scope is None:
            if self._reuse:
                context = variable_scope(self._base_name if scope is None else scope)
            else:
                context = variable_scope(scope, default_name=self._base_name)
            with context as captured:
                self._scope = captured
        return self._scope

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self._name}'>"


def _converted(inputs: Any) -> Any:
    if isinstance(inputs, (list, tuple)) and any(isinstance(x, Tensor) for x in inputs):
        return type(inputs)([convert_to_tensor(x) for x in inputs])
    return convert_to_tensor(inputs, name="inputs")


def _per_row(loss: Tensor, output: Tensor) -> Tensor:
    rows = apply("Cast", apply("Shape", output)[0], DstT=loss.dtype)
    return apply("RealDiv", loss, rows)


def _add_new(collection: str, items: list[Any]) -> None:
    """Append what a collection does not hold yet."""
    graph = get_default_graph()
    known = graph.get_collection_ref(collection)
    for item in items:
        if not any(item is other for other in known):
            known.append(item)


def size_of(shape: Any, axis: int) -> int | None:
    """A size of a shape; None where it, or the rank, is unknown."""
    found = as_shape(shape)
    return None if found.ndims is None else found.as_list()[axis]
