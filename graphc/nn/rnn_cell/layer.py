"""What makes cells share variables: `tf.layers.Layer` as far as cells need it.

Unlike that one it takes nested inputs, and subclasses that never call the constructor.

A layer opens its variable scope once, when it is first called, under the name of its class; from
then on it reuses what it made there, wherever it is called.
"""

from __future__ import annotations

import inspect
from typing import Any

from graphc.framework import nest
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located
from graphc.framework.name_scope import name_scope
from graphc.framework.shape import TensorShape
from graphc.framework.variable_scope import VariableScope, get_variable, variable_scope
from graphc.ir.dtypes import DType, as_dtype
from graphc.layers.naming import snake_case, unique_name


class Layer:
    """A function with variables.

    Subclasses define `call`, and `build` where they make variables with `add_variable`.
    The class attributes stand in for subclasses that never call this constructor.
    """

    built = False
    trainable = True
    _reuse: Any = None
    _scope: VariableScope | None = None
    _current_scope: VariableScope | None = None
    _dtype: DType | None = None
    _name: str | None = None
    _base_name: str | None = None
    _made: list[Any] | None = None

    def __init__(
        self,
        trainable: bool = True,
        name: str | VariableScope | None = None,
        dtype: Any = None,
        *,
        _reuse: Any = None,
        _scope: Any = None,
    ) -> None:
        self.trainable = trainable
        self._reuse = _reuse
        self._dtype = None if dtype is None else as_dtype(dtype)
        if isinstance(name, VariableScope):
            self._base_name = name.name
        elif name is not None:
            self._name = self._base_name = name
        if _scope is not None:
            with variable_scope(_scope) as captured:
                self._scope = captured

    # -- what it is

    @property
    def name(self) -> str:
        """The name given, else that of the class, made unique in the graph."""
        if self._name is None:
            self._name = unique_name(get_default_graph(), snake_case(type(self).__name__))
        return self._name

    @property
    def scope_name(self) -> str:
        """The name of the variable scope; ValueError before the first call."""
        if self._scope is None:
            raise ValueError(
                located(
                    f'No name available for layer scope because the layer "{self.name}" has not '
                    "been used yet. The scope name is determined the first time the layer instance "
                    "is called."
                )
            )
        return self._scope.name

    @property
    def dtype(self) -> DType | None:
        """The dtype of new variables: the one given, else that of the first input."""
        return self._dtype

    @property
    def graph(self) -> Any:
        return get_default_graph()

    @property
    def variables(self) -> list[Any]:
        """All variables made so far, trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def weights(self) -> list[Any]:
        return self.variables

    @property
    def trainable_variables(self) -> list[Any]:
        return self.trainable_weights

    @property
    def trainable_weights(self) -> list[Any]:
        """The variables that optimizers change by default."""
        return [v for v in self._made or () if self.trainable and v.trainable]

    @property
    def non_trainable_variables(self) -> list[Any]:
        return self.non_trainable_weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        return [v for v in self._made or () if not (self.trainable and v.trainable)]

    def _remember(self, variable: Any) -> None:
        made = self._made = [] if self._made is None else self._made
        if not any(variable is known for known in made):
            made.append(variable)

    # -- calling

    def _enter(self, inputs: Any, *args: Any, scope: Any = None, **kwargs: Any) -> Any:
        """`call` under the layer's scope, after `build` the first time."""
        self._set_scope(scope)
        reuse = True if self.built else self._reuse
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as entered:
            self._current_scope = entered
            if "scope" in inspect.signature(self.call).parameters:
                kwargs["scope"] = entered
            with name_scope(entered.original_name_scope):
                if not self.built:
                    self._build_for(inputs)
                return self.call(inputs, *args, **kwargs)

    def _build_for(self, inputs: Any) -> None:
        leaves = nest.flatten(inputs)
        if self._dtype is None and leaves and hasattr(leaves[0], "dtype"):
            self._dtype = as_dtype(leaves[0].dtype)
        shapes = [leaf.get_shape() for leaf in leaves if hasattr(leaf, "get_shape")]
        if len(shapes) != len(leaves):
            shapes = []
        single = not nest.is_sequence(inputs)
        self.build(shapes[0] if single and shapes else shapes)
        self.built = True

    def _set_scope(self, scope: Any = None) -> None:
        if self._scope is not None:
            return
        base = self._base_name or snake_case(type(self).__name__)
        if self._reuse:
            opened = variable_scope(base if scope is None else scope)
        else:
            opened = variable_scope(scope, default_name=base)
        with opened as captured:
            self._scope = captured

    def build(self, inputs_shape: Any) -> None:
        """Make the variables; called once, with the shape of the first input."""

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes."""
        raise NotImplementedError(located(f"{type(self).__name__} has no method call"))

    # -- variables

    def add_variable(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool | None = None,
        constraint: Any = None,
    ) -> Any:
        """Make, or share, the variable `name` under the layer's scope.

        Args:
            dtype: default that of the layer, else float32.
            initializer: default the variable scope's, else Glorot's uniform one.
        """
        self._set_scope(None)
        reuse = True if self.built else self._reuse
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as entered:
            self._current_scope = entered
            variable = get_variable(
                name,
                TensorShape(shape),
                dtype=dtype or self._dtype or "float32",
                initializer=initializer,
                regularizer=regularizer,
                trainable=self.trainable if trainable is None else trainable,
                constraint=constraint,
            )
        self._remember(variable)
        return variable

    add_weight = add_variable
