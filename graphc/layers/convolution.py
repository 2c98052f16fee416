"""`tf.layers`: convolutions over one, two and three axes, and their transposes."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.framework.errors import located
from graphc.framework.op_support import apply
from graphc.framework.shape import TensorShape, as_shape
from graphc.ir.graph import Tensor
from graphc.layers.base import Layer
from graphc.layers.core import normalize_data_format, require_floating
from graphc.layers.input_spec import InputSpec
from graphc.ops import conv_ops, conv_transpose_ops, nn_ops
from graphc.ops.init_ops import Zeros

FORMATS = {
    (1, "channels_last"): "NWC", (1, "channels_first"): "NCW",
    (2, "channels_last"): "NHWC", (2, "channels_first"): "NCHW",
    (3, "channels_last"): "NDHWC", (3, "channels_first"): "NCDHW",
}  # fmt: skip


def normalize_tuple(value: Any, count: int, name: str) -> tuple[int, ...]:
    """One whole number for each of `count` axes, from one number or so many.

    Raises:
        ValueError: it is nothing of that kind.
    """
    if isinstance(value, int):
        return (value,) * count
    listed = list(value) if isinstance(value, (list, tuple)) else []
    if len(listed) != count or any(int(v) != v for v in listed):
        raise ValueError(
            located(f"The `{name}` argument must be a tuple of {count} integers. Received: {value}")
        )
    return tuple(int(v) for v in listed)


def normalize_padding(value: Any) -> str:
    """ "valid" or "same"; ValueError for anything else."""
    found = value.lower() if isinstance(value, str) else value
    if found not in ("valid", "same"):
        raise ValueError(
            located(
                f'The `padding` argument must be a list/tuple or one of "valid", "same". Received: '
                f"{value}"
            )
        )
    return str(found)


def output_size(
    size: int | None, window: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """How many windows fit into an axis; None where its size is unknown."""
    if size is None:
        return None
    reach = size if padding == "same" else size - (window - 1) * dilation
    return max(-(-reach // stride), 0)


class Convolution(Layer):
    """What all convolutions share: `kernel`, `bias`, the layout, the activation."""

    axes: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = Zeros,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self.filters = int(filters)
        self.kernel_size = normalize_tuple(kernel_size, self.axes, "kernel_size")
        self.strides = normalize_tuple(strides, self.axes, "strides")
        self.dilation_rate = normalize_tuple(dilation_rate, self.axes, "dilation_rate")
        self.padding = normalize_padding(padding)
        self.data_format = normalize_data_format(data_format)
        self.activation, self.use_bias = activation, use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint
        self.input_spec = InputSpec(ndim=self.axes + 2)
        self.kernel: Any = None
        self.bias: Any = None

    @property
    def form(self) -> str:
        """The layout as `tf.nn` calls it."""
        return FORMATS[self.axes, self.data_format]

    @property
    def channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else self.axes + 1

    def build(self, input_shape: Any) -> None:
        """Make `kernel` and `bias`."""
        require_floating(self)
        channels = self._channels(input_shape)
        self.input_spec = InputSpec(ndim=self.axes + 2, axes={self.channel_axis: channels})
        self._make_kernels(channels)
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", [self.filters], initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.built = True

    def _channels(self, input_shape: Any) -> int:
        channels = as_shape(input_shape).as_list()[self.channel_axis]
        if channels is None:
            raise ValueError(
                located(
                    "The channel dimension of the inputs should be defined. Found `None`: "
                    f"{input_shape}"
                )
            )
        return channels

    def _make_kernels(self, channels: int) -> None:
        self.kernel = self._kernel("kernel", [*self.kernel_size, channels, self.filters])

    def _kernel(self, name: str, shape: list[int]) -> Any:
        return self.add_weight(
            name, shape, initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )  # fmt: skip

    def call(self, inputs: Any) -> Tensor:
        """The outputs."""
        outputs = conv_ops.convolution(
            inputs, self.kernel, self.padding.upper(), self.strides, self.dilation_rate,
            name="conv1d" if self.axes == 1 else f"Conv{self.axes}D", data_format=self.form,
        )  # fmt: skip
        return self._finish(outputs)

    def _finish(self, outputs: Tensor) -> Tensor:
        if self.use_bias:
            outputs = nn_ops.bias_add(outputs, self.bias, self.form)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the outputs for inputs of a shape."""
        sizes = as_shape(input_shape).with_rank(self.axes + 2).as_list()
        spatial = sizes[2:] if self.data_format == "channels_first" else sizes[1:-1]
        return self._shape(sizes[0], [self._size(axis, n) for axis, n in enumerate(spatial)])

    def _size(self, axis: int, size: int | None) -> int | None:
        return output_size(
            size, self.kernel_size[axis], self.padding, self.strides[axis],
            self.dilation_rate[axis],
        )  # fmt: skip

    def _shape(self, batch: Any, spatial: list[Any]) -> TensorShape:
        if self.data_format == "channels_first":
            return TensorShape([batch, self.filters, *spatial])
        return TensorShape([batch, *spatial, self.filters])


class Conv1D(Convolution):
    """A convolution of [batch, width, channels]; arguments are those of `tf.layers.conv1d`."""

    axes = 1


class Conv2D(Convolution):
    """A convolution of [batch, height, width, channels]; see `tf.layers.conv2d`."""

    axes = 2


class Conv3D(Convolution):
    """A convolution of [batch, depth, height, width, channels]; see `tf.layers.conv3d`."""

    axes = 3


class _Transpose(Convolution):
    """What the transposes share: kernels with inputs and outputs exchanged, computed sizes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = Zeros,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, 1, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip

    def _make_kernels(self, channels: int) -> None:
        self.kernel = self._kernel("kernel", [*self.kernel_size, self.filters, channels])

    def call(self, inputs: Any) -> Tensor:
        """The outputs."""
        sizes = inputs.shape.as_list()
        first = 2 if self.data_format == "channels_first" else 1
        dynamic = apply("Shape", inputs)
        spatial = []
        for axis in range(self.axes):
            known = sizes[first + axis]
            spatial.append(self._size(axis, dynamic[first + axis] if known is None else known))
        batch = dynamic[0] if sizes[0] is None else sizes[0]
        places = [batch, self.filters, *spatial] if first == 2 else [batch, *spatial, self.filters]
        transpose = (
            conv_transpose_ops.conv2d_transpose
            if self.axes == 2
            else conv_transpose_ops.conv3d_transpose
        )
        ones = (1, 1) if first == 2 else (1,)
        strides = (*ones, *self.strides) if first == 2 else (*ones, *self.strides, 1)
        outputs = transpose(inputs, self.kernel, places, strides, self.padding.upper(), self.form)
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return self._finish(outputs)

    def _size(self, axis: int, size: Any) -> Any:
        """The size of a convolution's input that gives this one; a number or a tensor."""
        if size is None:
            return None
        rest = max(self.kernel_size[axis] - self.strides[axis], 0)
        return size * self.strides[axis] + (rest if self.padding == "valid" else 0)


class Conv2DTranspose(_Transpose):
    """The transpose of a convolution of images; see `tf.layers.conv2d_transpose`."""

    axes = 2


class Conv3DTranspose(_Transpose):
    """The transpose of a convolution of volumes; see `tf.layers.conv3d_transpose`."""

    axes = 3
