"""Windows that slide over the spatial axes of images: their geometry, and the view of them.

Images are [batch, *spatial, channels] here; where a program puts channels first, they are
transposed on the way in and out. Along an axis of size n, output position o of a window with k
elements reads positions o * stride + i * rate - before for 0 <= i < k; what lies outside is
padding. Sizes may be unknown or symbolic everywhere but in strides and rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir.dims import UNKNOWN, floordiv, maximum
from graphc.ir.graph import (
    Attr,
    Tensor,
    TypeContext,
)
from graphc.ir.ops.positions import dim_values, has_unknown, require
from graphc.ir.records import record

PADDINGS = ("SAME", "VALID")
FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


@record
class Span:
    """Windows along one axis: sizes of input, window and output, and the padding around the input.

    `rate` is the distance of a window's elements (the dilation).
    """

    size: Any
    window: Any
    stride: int
    rate: int
    before: Any
    behind: Any
    output: Any

    @property
    def reach(self) -> Any:
        """How many positions a window spans."""
        return (self.window - 1) * self.rate + 1

    @property
    def is_padded(self) -> bool:
        return not all(isinstance(p, int) and p == 0 for p in (self.before, self.behind))


@record
class Geometry:
    """What attributes say of windows: per spatial axis strides, rates and explicit paddings.

    `first` says that channels precede the spatial axes.
    """

    strides: tuple[int, ...]
    rates: tuple[int, ...]
    padding: str
    explicit: tuple[tuple[int, int], ...]
    first: bool

    @property
    def axes(self) -> int:
        """The number of spatial axes."""
        return len(self.strides)

    @property
    def channel(self) -> int:
        """The axis of the channels as the program has it."""
        return 1 if self.first else self.axes + 1

    def spatial(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        """The spatial sizes of a shape as the program has it."""
        return tuple(shape[2:] if self.first else shape[1:-1])

    def shape(self, batch: Any, spatial: Sequence[Any], channels: Any) -> tuple[Any, ...]:
        """A shape as the program has it."""
        return (batch, channels, *spatial) if self.first else (batch, *spatial, channels)


def window_attrs(axes: int, explicit: bool = False, dilations: bool = False) -> dict[str, Attr]:
    """The attributes strides, padding, data_format and, if asked for, dilations and paddings."""
    attrs = {
        "strides": Attr("ints", doc="of the windows, an element for each dimension"),
        "padding": Attr("string", choices=(*PADDINGS, "EXPLICIT") if explicit else PADDINGS),
        "data_format": Attr("string", FORMATS[axes][0], choices=FORMATS[axes]),
    }
    if explicit:
        attrs["explicit_paddings"] = Attr("ints", (), "two for each dimension, with EXPLICIT")
    if dilations:
        attrs["dilations"] = Attr("ints", (1,) * (axes + 2), "the distances within a window")
    return attrs


def geometry_of(c: Any, axes: int) -> Geometry:
    """The geometry that the attributes of a context or an operation say (see `check_geometry`)."""
    attrs = c.attrs
    first = attrs["data_format"] == FORMATS[axes][1]
    begin = 2 if first else 1
    inner = slice(begin, begin + axes)
    pairs = tuple(attrs.get("explicit_paddings", ()))
    explicit = tuple(zip(pairs[::2], pairs[1::2], strict=True))[inner]
    rates = tuple(attrs.get("dilations", (1,) * (axes + 2)))[inner]
    return Geometry(tuple(attrs["strides"])[inner], rates, attrs["padding"], explicit, first)


def check_geometry(c: TypeContext, axes: int) -> Geometry:
    """`geometry_of` in a type rule; fails where attributes do not fit."""
    rank, attrs = axes + 2, c.attrs
    for name in ("strides", "dilations", "ksize"):
        values = tuple(attrs.get(name, (1,) * rank))
        if len(values) != rank:
            c.fail(f"the {name} attribute must contain {rank} values, but got {len(values)}")
        if any(v < 1 for v in values):
            c.fail(f"the {name} must be positive, not {list(values)}")
        channel = 1 if attrs["data_format"] == FORMATS[axes][1] else rank - 1
        if values[0] != 1 or values[channel] != 1:
            c.fail(f"the {name} of the batch and the channels must be 1, not {list(values)}")
    _check_explicit(c, rank)
    return geometry_of(c, axes)


def _check_explicit(c: TypeContext, rank: int) -> None:
    pairs = tuple(c.attrs.get("explicit_paddings", ()))
    if c.attrs["padding"] != "EXPLICIT":
        if pairs:
            c.fail("explicit_paddings must be empty unless the padding is EXPLICIT")
        return
    if len(pairs) != 2 * rank:
        c.fail(f"explicit_paddings must contain {2 * rank} values, but got {len(pairs)}")
    if any(p < 0 for p in pairs):
        c.fail(f"explicit_paddings must not be negative: {list(pairs)}")
    channel = 1 if c.attrs["data_format"] in ("NCW", "NCHW", "NCDHW") else rank - 1
    if any(pairs[2 * axis + side] for axis in (0, channel) for side in (0, 1)):
        c.fail(f"the batch and the channels must not be padded: {list(pairs)}")


def known_shape(c: TypeContext, index: int, rank: int) -> tuple[Any, ...]:
    """The shape of an input that must have a rank; sizes are UNKNOWN where nothing is known."""
    return tuple(c.require_rank(index, rank) or (UNKNOWN,) * rank)


def spans_of(
    geometry: Geometry, spatial: Sequence[Any], window: Sequence[Any], c: TypeContext | None = None
) -> tuple[Span, ...]:
    """The windows along each spatial axis; a type rule gives its context for the checks."""
    spans = []
    for axis, (n, k) in enumerate(zip(spatial, window, strict=True)):
        stride, rate = geometry.strides[axis], geometry.rates[axis]
        reach = (k - 1) * rate + 1
        if geometry.padding == "SAME":
            output = floordiv(n + stride - 1, stride)
            total = maximum((output - 1) * stride + reach - n, 0)
            before = floordiv(total, 2)
            spans.append(Span(n, k, stride, rate, before, total - before, output))
            continue
        before, behind = geometry.explicit[axis] if geometry.explicit else (0, 0)
        whole = n + before + behind
        if c is not None:
            _check_reach(c, axis, reach, whole, stride)
        room = whole - reach + stride
        spans.append(Span(n, k, stride, rate, before, behind, floordiv(room, stride)))
    return tuple(spans)


def _check_reach(c: TypeContext, axis: int, reach: Any, whole: Any, stride: int) -> None:
    """Fail where a window is larger than the padded input. As in TensorFlow, sizes that only the
    run knows may be short by less than a stride: then there is no window.
    """
    allowed = whole + stride if c.compiling else whole
    if not has_unknown(reach, allowed):
        require(
            c, reach, "<=", allowed,
            "Negative dimension size caused by subtracting {} from {} along spatial axis "
            f"{axis}: the window is larger than the padded input", reach, whole,
        )  # fmt: skip


# ------------------------------------------------------------------------ tools for decompositions


def channels_last(x: Tensor, first: bool) -> Tensor:
    """An image of a program as [batch, *spatial, channels]."""
    rank = len(x.type.dims)
    return permuted(x, (0, *range(2, rank), 1)) if first else x


def as_program(x: Tensor, first: bool) -> Tensor:
    """An image [batch, *spatial, channels] as the program has it."""
    rank = len(x.type.dims)
    return permuted(x, (0, rank - 1, *range(1, rank - 1))) if first else x


def permuted(x: Tensor, order: Sequence[int]) -> Tensor:
    """`x` with its dimensions in another order."""
    if list(order) == list(range(len(order))):
        return x
    result: Tensor = x.graph.op("Transpose", x, x.graph.constant(np.array(order, np.int32)))
    return result


def padded(x: Tensor, pairs: Sequence[tuple[Any, Any]]) -> Tensor:
    """`x` with zeros around its dimensions; `x` itself where there is nothing to add."""
    if all(isinstance(p, int) and p == 0 for pair in pairs for p in pair):
        return x
    flat = [p for pair in pairs for p in pair]
    paddings = dim_values(x.graph, flat, (len(pairs), 2))
    result: Tensor = x.graph.op("Pad", x, paddings)
    return result


def padded_images(x: Tensor, spans: Sequence[Span]) -> Tensor:
    """Images with the padding that their windows read."""
    return padded(x, [(0, 0), *((s.before, s.behind) for s in spans), (0, 0)])


def part(x: Tensor, begins: Sequence[Any], sizes: Sequence[Any]) -> Tensor:
    """The block of `x` at `begins`; `x` itself where it is all of it."""
    same = zip(begins, sizes, x.type.dims, strict=True)
    if all(isinstance(b, int) and b == 0 and size == n for b, size, n in same):
        return x
    result: Tensor = x.graph.op("Slice", x, dim_values(x.graph, begins), dim_values(x.graph, sizes))
    return result


def window_axes(spans: Sequence[Span]) -> tuple[int, ...]:
    """The axes along the windows in what `windows` gives."""
    return tuple(range(1 + len(spans), 1 + 2 * len(spans)))
