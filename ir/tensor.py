"""Tensors and operations: the nodes of a graph and the values that users hold.

Operators on tensors append to the graph of their operand; `convert` says what else may stand beside
a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from graphc.ir.dtypes import DType
from graphc.ir.errors import DTypeMismatchError, format_source
from graphc.ir.hooks import HOOKS
from graphc.ir.sources import Source
from graphc.ir.types import TensorType, shape_text

if TYPE_CHECKING:
    from graphc.ir.graph import Graph
    from graphc.ir.opdef import OpDef


class Tensor:
    """One result of an operation. Users hold these directly."""

    __slots__ = ("index", "op", "type")
    __array_priority__ = 100  # NumPy defers to the reflected operators below

    def __init__(self, op: Operation, index: int, type: TensorType) -> None:
        self.op = op
        self.index = index
        self.type = type

    @property
    def name(self) -> str:
        return f"{self.op.name}:{self.index}"

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def graph(self) -> Graph:
        """The graph, also of a tensor inside a branch or loop."""
        return self.op.graph.root

    @property
    def device(self) -> str:
        return self.op.device

    @property
    def is_ref(self) -> bool:
        """Whether this is a variable's storage rather than a value."""
        return self.op.definition.refs

    @property
    def shape(self) -> Any:
        return HOOKS.shape(self)

    def get_shape(self) -> Any:
        return HOOKS.shape(self)

    def set_shape(self, shape: Any) -> None:
        """Merge what is known about the shape with `shape`.

        Raises:
            ValueError: the two contradict each other.
        """
        HOOKS.set_shape(self, shape)

    def consumers(self) -> list[Operation]:
        """The operations of the graph that read this tensor."""
        return [op for op in self.graph.operations if any(t is self for t in op.inputs)]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        return HOOKS.eval(self, feed_dict, session)

    def __repr__(self) -> str:
        return (
            f"<tf.Tensor '{self.name}' shape={shape_text(self.type.shape)} dtype={self.dtype.name}>"
        )

    def __str__(self) -> str:
        shape = "" if self.type.shape is None else f", shape={shape_text(self.type.shape)}"
        return f'Tensor("{self.name}"{shape or ", shape=<unknown>"}, dtype={self.dtype.name})'

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "Using a `tf.Tensor` as a Python `bool` is not allowed. Use `if t is not None:` "
            "instead of `if t:` to test if a tensor is defined, and use TensorFlow ops such as "
            "tf.cond to execute subgraphs conditioned on the value of a tensor."
        )

    def __iter__(self) -> NoReturn:
        raise TypeError(
            f"Tensor objects are not iterable: {self.name}. To iterate over the first dimension "
            "use tf.unstack, tf.map_fn or tf.while_loop."
        )

    def __len__(self) -> NoReturn:
        raise TypeError(f"len is not defined for symbolic Tensor {self.name}; use tf.shape(x)[0]")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"Tensor {self.name} has no value outside a session: use sess.run(t) or t.eval()"
        )

    def __getitem__(self, key: Any) -> Any:
        return HOOKS.getitem(self, key)

    def __add__(self, other: Any) -> Any:
        return _binary("Add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _binary("Add", self, other, reflected=True)

    def __sub__(self, other: Any) -> Any:
        return _binary("Sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _binary("Sub", self, other, reflected=True)

    def __mul__(self, other: Any) -> Any:
        return _binary("Mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _binary("Mul", self, other, reflected=True)

    def __truediv__(self, other: Any) -> Any:
        return _binary("RealDiv", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _binary("RealDiv", self, other, reflected=True)

    def __floordiv__(self, other: Any) -> Any:
        return _binary("FloorDiv", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _binary("FloorDiv", self, other, reflected=True)

    def __mod__(self, other: Any) -> Any:
        return _binary("FloorMod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return _binary("FloorMod", self, other, reflected=True)

    def __pow__(self, other: Any) -> Any:
        return _binary("Pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _binary("Pow", self, other, reflected=True)

    def __matmul__(self, other: Any) -> Any:
        return HOOKS.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return HOOKS.matmul(other, self)

    def __lt__(self, other: Any) -> Any:
        return _binary("Less", self, other)

    def __le__(self, other: Any) -> Any:
        return _binary("LessEqual", self, other)

    def __gt__(self, other: Any) -> Any:
        return _binary("Greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return _binary("GreaterEqual", self, other)

    def __and__(self, other: Any) -> Any:
        return _binary("LogicalAnd", self, other)

    def __rand__(self, other: Any) -> Any:
        return _binary("LogicalAnd", self, other, reflected=True)

    def __or__(self, other: Any) -> Any:
        return _binary("LogicalOr", self, other)

    def __ror__(self, other: Any) -> Any:
        return _binary("LogicalOr", self, other, reflected=True)

    def __xor__(self, other: Any) -> Any:
        return _binary("LogicalXor", self, other)

    def __rxor__(self, other: Any) -> Any:
        return _binary("LogicalXor", self, other, reflected=True)

    def __neg__(self) -> Any:
        return self.graph.op("Neg", self)

    def __invert__(self) -> Any:
        return self.graph.op("LogicalNot", self)

    def __abs__(self) -> Any:
        return self.graph.op("Abs", self)


def _binary(type: str, x: Tensor, other: Any, reflected: bool = False) -> Any:
    graph = x.op.graph
    try:
        y = convert(other, x.type.dtype, graph)
    except (TypeError, ValueError):
        if hasattr(other, "__graphc_operand__"):
            return NotImplemented
        raise
    if type == "RealDiv" and x.dtype.is_integer:
        type = "TrueDiv"
    inputs = (y, x) if reflected else (x, y)
    return graph.create(type, inputs, None, _OPERATOR_NAMES.get(type)).outputs[0]


# TensorFlow 1 names the operations that operators make in lower case.
_OPERATOR_NAMES = {
    "Add": "add",
    "Sub": "sub",
    "Mul": "mul",
    "RealDiv": "truediv",
    "TrueDiv": "truediv",
    "FloorDiv": "floordiv",
    "FloorMod": "mod",
    "Pow": "pow",
}


class Operation:
    """A node: a type, inputs, attributes, and the tensors it gives.

    `source` is the user's (file, line, function); `role` is "forward", "gradient", "update" or
    "init".
    """

    __slots__ = (
        "attrs",
        "control_inputs",
        "definition",
        "device",
        "graph",
        "inputs",
        "name",
        "number",
        "outputs",
        "role",
        "source",
    )

    def __init__(
        self,
        graph: Graph,
        definition: OpDef,
        name: str,
        inputs: tuple[Tensor, ...],
        attrs: dict[str, Any],
        types: Sequence[TensorType],
        control_inputs: tuple[Operation, ...] = (),
        source: Source | None = None,
        role: str = "forward",
        device: str = "",
    ) -> None:
        self.graph = graph
        self.definition = definition
        self.name = name
        self.inputs = inputs
        self.attrs = attrs
        if len(types) == 1:
            self.outputs: tuple[Tensor, ...] = (Tensor(self, 0, types[0]),)
        else:
            self.outputs = tuple([Tensor(self, i, t) for i, t in enumerate(types)])
        self.control_inputs = control_inputs
        self.source = source
        self.role = role
        self.device = device
        self.number = -1  # position in its graph, set when it is added

    @property
    def type(self) -> str:
        return self.definition.name

    def get_attr(self, name: str) -> Any:
        """The value of an attribute.

        Raises:
            ValueError: the operation has no such attribute.
        """
        if name not in self.attrs:
            raise ValueError(f"Operation '{self.name}' has no attr named '{name}'.")
        return self.attrs[name]

    def values(self) -> tuple[Tensor, ...]:
        return self.outputs

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        HOOKS.run(self, feed_dict, session)

    @property
    def where(self) -> str:
        """The user's line, as text, or ''."""
        return "" if self.source is None else format_source(self.source)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    def __str__(self) -> str:
        inputs = ", ".join(t.name for t in self.inputs)
        return f"{self.name} = {self.type}({inputs})"


@dataclass(frozen=True)
class IndexedSlices:
    """Rows of a mostly zero tensor: `values[i]` belongs to row `indices[i]`; repeated rows add up.

    The gradient of a gather. `dense_shape` is the shape tensor of the whole.
    """

    values: Tensor
    indices: Tensor
    dense_shape: Tensor | None = None

    @property
    def dtype(self) -> DType:
        return self.values.dtype

    @property
    def graph(self) -> Graph:
        return self.values.graph

    @property
    def op(self) -> Operation:
        return self.values.op

    @property
    def name(self) -> str:
        return self.values.name

    @property
    def device(self) -> str:
        return self.values.device

    def dense(self) -> Tensor:
        """The whole tensor."""
        assert self.dense_shape is not None, self
        graph = self.values.graph
        rows = graph.op("ExpandDims", self.indices, graph.constant(-1))
        whole: Tensor = graph.op("ScatterNd", rows, self.values, self.dense_shape)
        return whole


def convert(value: Any, dtype: DType | None, graph: Graph) -> Tensor:
    """A tensor of `graph` for anything a user may pass.

    Raises:
        TypeError: the value has no such type; ValueError: None, or a tensor of another graph;
            both: a tensor of another dtype.
    """
    if isinstance(value, Tensor):
        if value.op.graph.root is not graph.root:
            raise ValueError(
                f"Tensor {value} must be from the same graph as the other operands; create it "
                "inside the same `with graph.as_default():`"
            )
        if dtype is not None and value.type.dtype is not dtype:
            raise DTypeMismatchError(
                f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype "
                f"{value.dtype.name}: {value}; use tf.cast"
            )
        return value
    for types, function in HOOKS.conversions:
        if isinstance(value, types):
            return convert(function(value, dtype, graph), dtype, graph)
    return graph.constant(value, dtype)
