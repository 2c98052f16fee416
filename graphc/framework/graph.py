"""`tf.Graph`: the graph users hold, with TF1's look-ups, collections, scopes and checks.

All it adds to the graph of `graphc.ir` is TF1's surface; nothing below this layer sees the
difference.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from graphc.framework.default_graph import GRAPHS, element_of
from graphc.framework.errors import located, relocated
from graphc.ir import graph as ir
from graphc.ir.dtypes import DType
from graphc.ir.graph import Operation, Tensor
from graphc.ir.types import tensor_type


@dataclass(frozen=True)
class Versions:
    """The version numbers a GraphDef of this graph would carry."""

    producer: int = 134
    min_consumer: int = 0
    bad_consumers: tuple[int, ...] = ()


class Graph(ir.Graph):
    """A static graph of operations; append-only.

    `with graph.as_default():` makes it the one that operations are added to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.functions: dict[str, Any] = {}  # what host operations call, by token
        self.variables: dict[str, Any] = {}  # Variable by the name of its operation
        self.scopes = threading.local()  # the variable scope of each thread
        self.shared_variables: dict[str, Any] = {}  # what get_variable made, by name
        self.object_names: dict[str, int] = {}  # how often each name of a layer was asked for
        self.lazy_values: list[Tensor] = []  # made by Variable.initialized_value
        self._not_feedable: set[Tensor] = set()
        self._not_fetchable: set[Any] = set()

    def as_default(self) -> AbstractContextManager[Graph]:
        """Make this the default graph within a `with` block."""
        return GRAPHS.push(self)

    def __enter__(self) -> Graph:
        raise TypeError(
            located("use `with graph.as_default():`, a graph is no context manager itself")
        )

    def __exit__(self, *_: object) -> None:
        raise AssertionError("unreachable: __enter__ refuses")

    # -- building

    def _op_of_values(
        self, type: str, values: Sequence[Any], attrs: dict[str, Any], name: str | None
    ) -> Operation:
        """Append an operation; constants made of bare values are named after it, as `add/y`."""
        with self.name_scope(name or type) as scope:
            like = next((t.dtype for x in values if isinstance(t := element_of(x), Tensor)), None)
            tensors = [self._input(type, i, x, like, len(values)) for i, x in enumerate(values)]
            return self.create(type, tensors, attrs, scope or name)

    def _input(self, type: str, index: int, value: Any, like: Any, count: int) -> Tensor:
        if isinstance(value, Tensor):
            return value
        wanted = ir.wanted_dtype(type, index, value, like, count)
        if isinstance(value, (bool, int, float, str, bytes)):
            names = ir.definition(type).inputs
            name = names[min(index, len(names) - 1)].lstrip("*") if names else "Const"
            return self.constant(value, wanted, name=name)
        return ir.convert(value, wanted, self)

    def constant(self, value: Any, dtype: DType | None = None, name: str | None = None) -> Tensor:
        """A `Const` operation's tensor for a Python or NumPy value.

        Raises:
            TypeError: the value does not fit the dtype; ValueError: a ragged list.
        """
        try:
            return super().constant(value, dtype, name)
        except (TypeError, ValueError) as error:
            raise relocated(error) from None

    # -- looking up

    def get_operations(self) -> list[Operation]:
        return list(self.operations)

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of that name; KeyError if there is none."""
        if not isinstance(name, str):
            raise TypeError(located(f"Operation names are strings, not {name!r}."))
        return self.as_graph_element(name, allow_tensor=False)

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor of that name, such as "scope/x:0"; KeyError if there is none."""
        if not isinstance(name, str):
            raise TypeError(located(f"Tensor names are strings, not {name!r}."))
        return self.as_graph_element(name, allow_operation=False)

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The tensor or operation of this graph that `obj` is, names, or stands for.

        Raises:
            TypeError: it is no such thing; ValueError: of another graph or kind; KeyError: no such
                name.
        """
        kinds = [
            word
            for word, allowed in (("Tensor", allow_tensor), ("Operation", allow_operation))
            if allowed
        ]
        if not kinds:
            raise ValueError("allow_tensor and allow_operation can't both be False.")
        if isinstance(obj, (str, bytes)):
            name = obj.decode() if isinstance(obj, bytes) else obj
            return self._by_text(name, allow_tensor, allow_operation, " or ".join(kinds))
        found = element_of(obj)
        if isinstance(found, Tensor) and allow_tensor:
            self._check_outside(found, found.op)
            return found
        if isinstance(found, Operation) and allow_operation:
            self._check_outside(found, found)
            return found
        kind = type(obj).__name__
        raise TypeError(located(f"Can not convert a {kind} into a {' or '.join(kinds)}."))

    def _check_outside(self, element: Tensor | Operation, op: Operation) -> None:
        """Refuse what is of another graph, or inside a branch or loop."""
        if op.graph is self:
            return
        if op.graph.root is not self:
            kind = "Tensor" if isinstance(element, Tensor) else "Operation"
            raise ValueError(located(f"{kind} {element!s} is not an element of this graph."))
        raise ValueError(
            located(
                f"{op.name!r} lies inside a branch of tf.cond or the body of a loop, where alone "
                "it has a value: it can be neither fetched nor fed; return it from there"
            )
        )

    def _by_text(self, name: str, allow_tensor: bool, allow_operation: bool, kinds: str) -> Any:
        if ":" not in name:
            operation = self.find_operation(name)
            if allow_operation and operation is not None:
                return operation
            if operation is None and allow_operation:
                raise KeyError(
                    located(f"The name {name!r} refers to an Operation not in the graph.")
                )
            what = (
                "refers to an Operation" if operation else "looks like an (invalid) Operation name"
            )
            raise ValueError(
                located(
                    f"The name {name!r} {what}, not a {kinds}. Tensor names must be of the form "
                    f'"<op_name>:<output_index>", here {name + ":0"!r}.'
                )
            )
        if not allow_tensor:
            raise ValueError(located(f"Name {name!r} appears to refer to a Tensor, not a {kinds}."))
        owner, _, index = name.rpartition(":")
        if not index.isdigit() or ":" in owner:
            raise ValueError(
                located(
                    f"The name {name!r} looks a like a Tensor name, but is not a valid one. "
                    "Tensor names "
                    'must be of the form "<op_name>:<output_index>".'
                )
            )
        operation = self.find_operation(owner)
        missing = (
            f"The name {name!r} refers to a Tensor which does not exist. The operation, {owner!r}, "
        )
        if operation is None:
            raise KeyError(located(f"{missing}does not exist in the graph."))
        if int(index) >= len(operation.outputs):
            raise KeyError(
                located(f"{missing}exists but only has {len(operation.outputs)} outputs.")
            )
        return operation.outputs[int(index)]

    # -- collections

    def add_to_collection(self, name: str, value: Any) -> None:
        self._check_not_finalized()
        with self.lock:
            self.collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append `value` to each collection named (a name, or several; each once)."""
        for name in (names,) if isinstance(names, str) else dict.fromkeys(names):
            self.add_to_collection(name, value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """A copy of a collection; `scope` is a regular expression that the beginning of an item's
        name must match (items without a name are left out then)."""
        items = self.collections.get(name, [])
        if scope is None:
            return list(items)
        pattern = re.compile(scope)
        named = [(getattr(item, "name", None), item) for item in items]
        return [item for name, item in named if name is not None and pattern.match(name)]

    def get_collection_ref(self, name: str) -> list[Any]:
        with self.lock:
            return self.collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[str]:
        return list(self.collections)

    def clear_collection(self, name: str) -> None:
        self._check_not_finalized()
        with self.lock:
            self.collections.pop(name, None)

    # -- contexts

    def control_dependencies(
        self, control_inputs: Iterable[Any] | None
    ) -> AbstractContextManager[None]:
        """Operations made inside run after `control_inputs`; None clears outer dependencies.

        Raises:
            TypeError: something else is given.
        """
        if control_inputs is None:
            return super().control_dependencies(None)
        if isinstance(control_inputs, (Tensor, Operation, str)):
            raise TypeError(
                located(
                    f"control_dependencies takes a list: write [{element_name(control_inputs)}]"
                )
            )
        return super().control_dependencies([self._control(c) for c in control_inputs])

    def _control(self, value: Any) -> Operation:
        if isinstance(value, str):
            found = self.as_graph_element(value)
        else:
            found = element_of(value)
        if found is None:
            raise TypeError(located(f"Control input must be Operation or Tensor: {value!r}"))
        operation = found.op if isinstance(found, Tensor) else found
        if operation.graph.root is not self:
            raise ValueError(located(f"{found} must be from the same graph as this control scope."))
        return operation

    def device(self, device_name_or_function: Any) -> AbstractContextManager[None]:
        """Operations made inside carry this device text (it does not decide where they run).

        A function or None stands for no text.
        """
        if device_name_or_function is None or callable(device_name_or_function):
            return super().device("")
        return super().device(str(device_name_or_function))

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Accepted as in TF1, where it chooses a device: all operations share one here."""
        element = None if op is None else element_of(op)
        if element is None and op is not None:
            raise TypeError(located(f"colocate_with takes an operation or a tensor, not {op!r}"))
        if element is None and not ignore_existing:
            raise ValueError(
                located("Trying to reset colocation (op is None) needs ignore_existing")
            )
        yield

    def get_name_scope(self) -> str:
        return self.scope

    # -- state of the graph

    def finalize(self) -> None:
        """Refuse further operations."""
        self.finalized = True

    def _check_not_finalized(self) -> None:
        if self.finalized:
            raise RuntimeError(
                located(
                    "Graph is finalized and cannot be modified; build all operations before "
                    "finalize()"
                )
            )

    @property
    def version(self) -> int:
        """The number of operations so far."""
        return len(self.operations)

    @property
    def graph_def_versions(self) -> Versions:
        return Versions()

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """Not available: graphc does not write GraphDef yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            located("graphc cannot export a GraphDef; `graphc dump` prints a graph as text")
        )

    def is_feedable(self, tensor: Tensor) -> bool:
        return tensor not in self._not_feedable

    def prevent_feeding(self, tensor: Tensor) -> None:
        self._not_feedable.add(tensor)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        return tensor_or_op not in self._not_fetchable

    def prevent_fetching(self, op: Operation) -> None:
        self._not_fetchable.add(op)

    def placeholder(self, dtype: Any, shape: Any, name: str | None = None) -> Tensor:
        """Append a `Placeholder`."""
        typed = tensor_type(dtype, shape)
        attrs = {"dtype": typed.dtype, "shape": typed.shape}
        with self.outermost():
            return self.create("Placeholder", (), attrs, name).outputs[0]


def element_name(value: Any) -> str:
    """How messages call a tensor, operation or name."""
    return getattr(value, "name", None) or repr(value)
