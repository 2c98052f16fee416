"""`tf.TensorArray`: an array of tensors that loops write and read element by element."""

from __future__ import annotations

from typing import Any, NoReturn

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph, graph_of
from graphc.framework.errors import located, relocated
from graphc.framework.shape import TensorShape, as_shape
from graphc.ir import dtypes
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.graph import Operation, Tensor
from graphc.ops.build import index_tensor, scope_of

__all__ = ["TensorArray"]


class TensorArray:
    """An array of tensors of one dtype and shape; every write gives the array with it done.

    All elements are in one tensor, `flow`, of shape [size, *element_shape]. Elements that were not
    written are zeros. An element may be written again and read any number of times.

    Args:
        dtype: the element type.
        size: the number of elements, an integer or a scalar tensor.
        dynamic_size: whether writing beyond the end makes the array longer.
        clear_after_read: accepted; elements can always be read again.
        tensor_array_name: accepted; `name` names the operations.
        handle: not supported; arrays are made of a size or a flow.
        flow: the tensor of another array to go on with.
        infer_shape: whether the first write tells the static shape of all elements.
        element_shape: the shape of the elements, as far as it is known.
        colocate_with_first_write_call: accepted; there is one device.

    Raises:
        ValueError: neither size nor flow is given, or a handle.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Tensor | None = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        if handle is not None:
            raise ValueError(located("TensorArray(handle=…) is not supported; pass flow or size"))
        if flow is None and size is None:
            raise ValueError(located("Size must be provided if handle is not provided"))
        if flow is not None and size is not None:
            raise ValueError(located("Cannot provide both a flow and size at the same time"))
        self._dtype = as_dtype(dtype)
        self._dynamic = bool(dynamic_size)
        self._infer_shape = bool(infer_shape)
        shape = None if element_shape is None else as_shape(element_shape)
        self._written: list[tuple[Any, ...]] = []  # what writes told, shared by all later arrays
        self._shape = [shape if shape is not None and shape.ndims is not None else None]
        self._count: int | None = None  # the number of elements, if it is known and stays
        self._flow = self._new(size, name) if flow is None else flow
        if flow is not None:
            self._count = self._static_count(flow)

    def _new(self, size: Any, name: str | None) -> Tensor:
        with scope_of(name, "TensorArray", size) as (graph, scope):
            count = index_tensor(size, "size")
            known = self._shape[0]
            value = graph.value_of(count)
            if value is not None and not self._dynamic and isinstance(value.item(), int):
                self._count = value.item()
            attrs: dict[str, Any] = {
                "dtype": self._dtype,
                "element": None if known is None else tuple(known.as_list()),
                "_written": self._written,
            }
            return graph.create("EmptyArray", (count,), attrs, scope).outputs[0]

    def _static_count(self, flow: Tensor) -> int | None:
        """The number of elements, if it is known and does not change."""
        shape = flow.type.shape
        count = shape[0] if shape and not self._dynamic else None
        return count if isinstance(count, int) else None

    def _with_flow(self, flow: Tensor, count: int | None = -1) -> TensorArray:
        """The same array with other contents; `count` elements, where that changes."""
        other = TensorArray.__new__(TensorArray)
        other._count = self._count if count == -1 else count
        other._dtype, other._dynamic, other._flow = self._dtype, self._dynamic, flow
        other._infer_shape = self._infer_shape
        other._written, other._shape = self._written, self._shape
        return other

    # -- what it is

    @property
    def flow(self) -> Tensor:
        """The tensor of all elements."""
        return self._flow

    @property
    def handle(self) -> Tensor:
        """The same as `flow`: arrays are values here, not resources."""
        return self._flow

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def graph(self) -> Any:
        return self._flow.graph

    @property
    def element_shape(self) -> TensorShape:
        """What is known of the shape of the elements."""
        return TensorShape(None) if self._shape[0] is None else self._shape[0]

    def identity(self) -> TensorArray:
        """The same array, given at this place among control dependencies."""
        return self._with_flow(self.graph.op("Identity", self._flow))

    def grad(self, source: str, flow: Any = None, name: str | None = None) -> NoReturn:
        """Not available: gradients flow through the tensor of all elements.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            located("TensorArray.grad is not supported; use tf.gradients of what is read from it")
        )

    # -- elements

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """Element `index`, a scalar.

        Raises:
            InvalidArgumentError: in the run: there is no such element.
        """
        return self._rows(index, name or "TensorArrayReadV3", self._element())

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with element `index` set.

        Raises:
            InvalidArgumentError: in the run: the index is outside of an array of fixed size.
            TypeError: the value has another dtype; ValueError: another shape.
        """
        with scope_of(name, "TensorArrayWrite", self._flow, index, value):
            position = index_tensor(index, "index")
            tensor = self._value(value, "value")
            self._learn(tensor.shape)
            flow = self._flow
            if self._dynamic:
                flow = self._grown(flow, position + 1)
            return self._with_flow(
                self._create("TensorArrayWrite", flow, position, tensor, name="TensorArrayWriteV3")
            )

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements `indices`, a vector, stacked."""
        shape = self._element()
        wanted = None if shape is None else TensorShape([None]).concatenate(shape)
        return self._rows(indices, name or "TensorArrayGatherV3", wanted)

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with the elements `indices` set to the rows of `value`."""
        with scope_of(name, "TensorArrayScatter", self._flow, indices, value) as (graph, _):
            positions = index_tensor(indices, "indices")
            tensor = self._value(value, "value")
            self._learn_rows(tensor)
            flow = self._flow
            if self._dynamic:
                axis = graph.constant([0])
                flow = self._grown(flow, graph.op("Max", positions, axis) + 1)
            return self._with_flow(
                self._create(
                    "TensorArrayScatter", flow, positions, tensor, name="TensorArrayScatterV3"
                )
            )

    # -- all elements

    def stack(self, name: str | None = None) -> Tensor:
        """All elements as one tensor [size, *element_shape]."""
        with scope_of(name, "TensorArrayStack", self._flow) as (graph, _):
            result: Tensor = graph.op("Identity", self._flow, name="TensorArrayGatherV3")
            shape = self._element()
            if shape is not None:
                result.set_shape(TensorShape([self._count]).concatenate(shape))
            return result

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array whose elements are the rows of `value`: as many as `value` has.

        Raises:
            ValueError: `value` is a scalar, or its rows have another shape than the elements.
        """
        with scope_of(name, "TensorArrayUnstack", self._flow, value) as (graph, _):
            tensor = self._value(value, "value")
            if tensor.type.rank == 0:
                raise ValueError(located("TensorArray.unstack needs at least one dimension"))
            self._learn_rows(tensor)
            flow = graph.op("Identity", tensor, name="TensorArrayScatterV3")
            return self._with_flow(flow, self._static_count(flow))

    def concat(self, name: str | None = None) -> Tensor:
        """The elements one after the other along their first dimension."""
        with scope_of(name, "TensorArrayConcat", self._flow) as (graph, _):
            shape = graph.op("Shape", self._flow)
            rest = graph.op(
                "ConcatV2", graph.constant([-1]), shape[2:], graph.constant(0), name="concat"
            )
            result: Tensor = graph.op("Reshape", self._flow, rest, name="TensorArrayConcatV3")
            known = self._element()
            if known is not None and known.ndims:
                result.set_shape(TensorShape([None]).concatenate(known[1:]))
            return result

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array whose elements are pieces of `value` of `lengths` rows, which must be equal.

        Raises:
            InvalidArgumentError: in the run: the lengths differ, or do not add up.
        """
        with scope_of(name, "TensorArraySplit", self._flow, value) as (graph, _):
            from graphc.ops.check_ops import assert_equal

            tensor = self._value(value, "value")
            sizes = index_tensor(lengths, "lengths")
            count = graph.op("Shape", sizes)
            message = "TensorArray.split: pieces of different lengths are not supported"
            with graph.control_dependencies([assert_equal(sizes, sizes[0], message=message)]):
                first = graph.op("Cast", graph.op("Identity", sizes[:1]), DstT=dtypes.int32)
            shape = graph.op(
                "ConcatV2", count, first, graph.op("Shape", tensor)[1:], graph.constant(0),
                name="concat",
            )  # fmt: skip
            pieces = graph.op("Reshape", tensor, shape, name="TensorArraySplitV3")
            return self._with_flow(pieces, self._static_count(pieces))

    def size(self, name: str | None = None) -> Tensor:
        """The number of elements, an int32 scalar."""
        with scope_of(name, "TensorArraySizeV3", self._flow) as (graph, _):
            result: Tensor = graph.op("Shape", self._flow)[0]
            return result

    def close(self, name: str | None = None) -> Operation:
        """An operation that does nothing: memory is given back by itself."""
        return get_default_graph().create("NoOp", (), name=name or "TensorArrayCloseV3")

    # -- helpers

    def _grown(self, flow: Tensor, size: Tensor) -> Tensor:
        """The elements, at least `size` of them."""
        old = self.graph.op("Shape", flow)[0]
        return self._create("TensorArrayGrow", flow, size, old, name="TensorArrayGrow")

    def _element(self) -> TensorShape | None:
        return self._shape[0]

    def _value(self, value: Any, name: str) -> Tensor:
        try:
            tensor = convert_to_tensor(value, preferred_dtype=self._dtype, name=name)
        except (TypeError, ValueError) as error:
            raise relocated(error) from None
        if tensor.dtype is not self._dtype:
            raise TypeError(
                located(
                    f"TensorArray dtype is {self._dtype.name} but Op is trying to write dtype "
                    f"{tensor.dtype.name}; use tf.cast"
                )
            )
        return tensor

    def _learn(self, shape: TensorShape) -> None:
        """Note what a written element tells of the shape of all."""
        known = self._shape[0]
        if known is not None and not known.is_compatible_with(shape):
            raise ValueError(
                located(
                    f"Inconsistent shapes: saw {shape} but expected {known} (and infer_shape="
                    f"{self._infer_shape}); the elements of a TensorArray have one shape"
                )
            )
        if shape.is_fully_defined():
            self._written.append(tuple(shape.as_list()))
        if self._infer_shape and shape.ndims is not None:
            self._shape[0] = shape if known is None else known.merge_with(shape)

    def _learn_rows(self, tensor: Tensor) -> None:
        if tensor.type.rank:
            self._learn(tensor.shape[1:])

    def _rows(self, indices: Any, name: str, shape: TensorShape | None) -> Tensor:
        with scope_of(name, name, self._flow, indices) as (graph, scope):
            positions = index_tensor(indices, "index")
            axis = graph.constant(0)
            result = self._create("GatherV2", self._flow, positions, axis, name=scope)
            if shape is not None:
                result.set_shape(shape)
            return result

    def _create(self, type: str, *inputs: Tensor, name: str) -> Tensor:
        graph = graph_of(*inputs)
        try:
            return graph.create(type, inputs, None, name).outputs[0]
        except (TypeError, ValueError) as error:
            raise relocated(error) from None
