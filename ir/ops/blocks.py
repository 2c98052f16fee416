"""Blocks between space, depth and batch: SpaceToDepth, SpaceToBatchND and their inverses.

All are reshapes and transposes; each is the adjoint of its inverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, product
from graphc.ir.graph import Attr, OpDef, Operand, Operation, Sample, Tensor, TypeContext, register
from graphc.ir.ops.adjoint import reshape
from graphc.ir.ops.positions import (
    context_of,
    has_unknown,
    index_operand,
    non_negative_sizes,
    require,
)
from graphc.ir.ops.windows import as_program, channels_last, known_shape, padded, part, permuted
from graphc.ir.types import TensorType

# ------------------------------------------------------------------------------ space and channels

_ATTRS = {
    "block_size": Attr("int"),
    "data_format": Attr("string", "NHWC", choices=("NHWC", "NCHW")),
}


def divided(c: TypeContext, size: Any, by: Any, what: str) -> Any:
    """size / by; fails where that is not whole."""
    if has_unknown(size, by):
        return UNKNOWN
    if c.equal(size % by, 0) is False:
        c.fail(f"{what} ({c.show(size)}) must be divisible by {c.show(by)}")
    return size // by


def _layout(c: Any) -> tuple[bool, int]:
    """Whether channels precede space, and the block size."""
    return c.attrs["data_format"] == "NCHW", c.attrs["block_size"]


def _depth_type(deeper: bool) -> Callable[[TypeContext], TensorType]:
    def infer(c: TypeContext) -> TensorType:
        first, block = _layout(c)
        if block < 2:
            c.fail(f"block_size must be greater than 1, not {block}")
        n, *rest = known_shape(c, 0, 4)
        depth, high, wide = rest if first else (rest[2], rest[0], rest[1])
        if deeper:
            high, wide = (divided(c, size, block, "height and width") for size in (high, wide))
            depth = depth * block * block
        else:
            depth = divided(c, depth, block * block, "the depth")
            high, wide = high * block, wide * block
        shape = (n, depth, high, wide) if first else (n, high, wide, depth)
        return TensorType(c.inputs[0].dtype, shape)

    return infer


def _to_depth(op: Operation) -> Tensor:
    """[n, h, i, w, j, c] as [n, h, w, (i, j, c)]."""
    first, block = _layout(op)
    x = channels_last(op.inputs[0], first)
    n, high, wide, depth = x.type.dims
    split = reshape(x, (n, high // block, block, wide // block, block, depth))
    moved = permuted(split, (0, 1, 3, 2, 4, 5))
    whole = reshape(moved, (n, high // block, wide // block, block * block * depth))
    return as_program(whole, first)


def _to_space(op: Operation) -> Tensor:
    """[n, h, w, (i, j, c)] as [n, (h, i), (w, j), c]."""
    first, block = _layout(op)
    x = channels_last(op.inputs[0], first)
    n, high, wide, depth = x.type.dims
    split = reshape(x, (n, high, wide, block, block, depth // (block * block)))
    moved = permuted(split, (0, 1, 3, 2, 4, 5))
    whole = reshape(moved, (n, high * block, wide * block, depth // (block * block)))
    return as_program(whole, first)


def _depth_reference(deeper: bool) -> Callable[..., np.ndarray]:
    def reference(c: Any, x: np.ndarray) -> np.ndarray:
        first, block = _layout(c)
        x = np.moveaxis(x, 1, -1) if first else x
        n, high, wide, depth = x.shape
        if deeper:
            y = x.reshape(n, high // block, block, wide // block, block, depth)
            shape = (n, high // block, wide // block, block * block * depth)
        else:
            y = x.reshape(n, high, wide, block, block, depth // block**2)
            shape = (n, high * block, wide * block, depth // block**2)
        y = y.transpose(0, 1, 3, 2, 4, 5).reshape(shape)
        return np.moveaxis(y, -1, 1) if first else y

    return reference


def _inverse(name: str) -> Callable[..., list[Any]]:
    return lambda op, dy: [op.graph.op(name, dy, **op.attrs)]


for _name, _other, _deeper, _rows in (
    ("SpaceToDepth", "DepthToSpace", True,
     (((2, 4, 6, 3), 2, "NHWC"), ((1, 2, 3, 6), 3, "NCHW"), ((0, 4, 2, 1), 2, "NHWC"))),
    ("DepthToSpace", "SpaceToDepth", False,
     (((2, 2, 3, 8), 2, "NHWC"), ((1, 9, 2, 1), 3, "NCHW"), ((0, 2, 1, 4), 2, "NHWC"))),
):  # fmt: skip
    register(OpDef(
        name=_name,
        doc="Blocks of block_size x block_size pixels as channels, in the order of rows."
        if _deeper else
        "Channels as blocks of block_size x block_size pixels, in the order of rows.",
        inputs=("input",),
        attrs=_ATTRS,
        infer=_depth_type(_deeper),
        reference=_depth_reference(_deeper),
        gradient=_inverse(_other),
        decompose=_to_depth if _deeper else _to_space,
        dtypes=dtypes.COMPUTED,
        samples=tuple(
            Sample((Operand(shape),), {"block_size": size, "data_format": form},
                   dtypes=None if number == 0 else (dtypes.float64,))
            for number, (shape, size, form) in enumerate(_rows)
        ),
    ))  # fmt: skip

# --------------------------------------------------------------------------------- space and batch


def _blocks(c: TypeContext) -> tuple[Any, list[tuple[Any, Any]] | None]:
    """The block sizes, and what is padded or cropped before and behind each of those axes; None
    while even their number is unknown.
    """
    given, pairs = c.require_rank(1, 1), c.require_rank(2, 2)
    blocks, flat = c.constants(1), non_negative_sizes(c, 2)
    counts = [s[0] for s in (given, pairs) if s is not None and isinstance(s[0], int)]
    if not counts:
        return None, None
    if len(set(counts)) > 1 or (pairs is not None and c.equal(pairs[1], 2) is False):
        c.fail(f"{c.definition.inputs[2]} must be [{counts[0]}, 2], as block_shape says")
    for block in blocks or ():
        if block < 1:
            c.fail(f"block_shape must be positive, not {list(blocks or ())}")
    unknown = (UNKNOWN,) * counts[0]
    if flat is None:
        return blocks or unknown, list(zip(unknown, unknown, strict=True))
    return blocks or unknown, list(zip(flat[::2], flat[1::2], strict=True))


def _to_batch_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    blocks, pairs = _blocks(c)
    if shape is None or pairs is None:
        return c.inputs[0].with_shape(None)
    if len(shape) < 1 + len(blocks):
        c.fail(f"the input must have at least {1 + len(blocks)} dimensions, not {len(shape)}")
    batch, spatial = shape[0] * product(blocks), []
    for n, block, (before, behind) in zip(shape[1:], blocks, pairs, strict=False):
        spatial.append(divided(c, n + before + behind, block, "a padded size"))
    return c.inputs[0].with_shape((batch, *spatial, *shape[1 + len(blocks) :]))


def _from_batch_type(c: TypeContext) -> TensorType:
    shape = c.inputs[0].shape
    blocks, pairs = _blocks(c)
    if shape is None or pairs is None:
        return c.inputs[0].with_shape(None)
    if len(shape) < 1 + len(blocks):
        c.fail(f"the input must have at least {1 + len(blocks)} dimensions, not {len(shape)}")
    batch, spatial = divided(c, shape[0], product(blocks), "the batch"), []
    for n, block, (before, behind) in zip(shape[1:], blocks, pairs, strict=False):
        size = n * block - before - behind
        if not has_unknown(size):
            require(
                c, 0, "<=", size, "crops {} and {} exceed the size {}", before, behind, n * block
            )
        spatial.append(size)
    return c.inputs[0].with_shape((batch, *spatial, *shape[1 + len(blocks) :]))


def _to_batch(op: Operation) -> Tensor:
    """[n, (o, b)…, rest] as [(b…, n), o…, rest]."""
    blocks, pairs = _blocks(context_of(op))
    assert pairs is not None, op
    count, x = len(blocks), op.inputs[0]
    rest = len(x.type.dims) - 1 - count
    x = padded(x, [(0, 0), *pairs, *[(0, 0)] * rest])
    n, *sizes = x.type.dims
    split = [size for o, b in zip(sizes, blocks, strict=False) for size in (o // b, b)]
    x = reshape(x, (n, *split, *sizes[count:]))
    order = [*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2)]
    x = permuted(x, [*order, *range(2 * count + 1, 2 * count + 1 + rest)])
    return reshape(x, op.outputs[0].type.dims)


def _from_batch(op: Operation) -> Tensor:
    """[(b…, n), o…, rest] as [n, (o, b)…, rest]."""
    blocks, pairs = _blocks(context_of(op))
    assert pairs is not None, op
    count, x = len(blocks), op.inputs[0]
    result = op.outputs[0].type.dims
    _, *sizes = x.type.dims
    x = reshape(x, (*blocks, result[0], *sizes))
    order = [count, *[a for i in range(count) for a in (count + 1 + i, i)]]
    x = permuted(x, [*order, *range(2 * count + 1, len(x.type.dims))])
    whole = [o * b for o, b in zip(sizes, blocks, strict=False)]
    x = reshape(x, (result[0], *whole, *sizes[count:]))
    begins = [0, *(before for before, _ in pairs), *[0] * (len(sizes) - count)]
    return part(x, begins, result)


def _to_batch_reference(
    c: Any, x: np.ndarray, blocks: np.ndarray, paddings: np.ndarray
) -> np.ndarray:
    count = len(blocks)
    x = np.pad(x, [(0, 0), *paddings.tolist(), *[(0, 0)] * (x.ndim - 1 - count)])
    split = [s for n, b in zip(x.shape[1:], blocks.tolist(), strict=False) for s in (n // b, b)]
    y = x.reshape((len(x), *split, *x.shape[1 + count :]))
    order = [*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2)]
    return y.transpose([*order, *range(2 * count + 1, y.ndim)]).reshape(c.types[0].dims)


def _from_batch_reference(
    c: Any, x: np.ndarray, blocks: np.ndarray, crops: np.ndarray
) -> np.ndarray:
    count, sizes = len(blocks), blocks.tolist()
    batch = c.types[0].dims[0]
    y = x.reshape((*sizes, batch, *x.shape[1:]))
    order = [count, *[a for i in range(count) for a in (count + 1 + i, i)]]
    y = y.transpose([*order, *range(2 * count + 1, y.ndim)])
    whole = [n * b for n, b in zip(x.shape[1:], sizes, strict=False)]
    y = y.reshape((batch, *whole, *x.shape[1 + count :]))
    key = [slice(b, n - e) for n, (b, e) in zip(whole, crops.tolist(), strict=True)]
    return y[(slice(None), *key)]


def _batch_inverse(name: str) -> Callable[..., list[Any]]:
    return lambda op, dy: [op.graph.op(name, dy, *op.inputs[1:]), None, None]


def _batch_sample(shape: tuple[int, ...], blocks: Any, pairs: Any) -> Sample:
    operands = (Operand(shape), index_operand(blocks), index_operand(np.reshape(pairs, (-1, 2))))
    return Sample(operands, dtypes=(dtypes.float64,))


register(OpDef(
    name="SpaceToBatchND",
    doc="Axes 1, 2, … padded with zeros and cut into blocks, whose elements become batches: the "
        "inverse of BatchToSpaceND.",
    inputs=("input", "block_shape", "paddings"),
    infer=_to_batch_type,
    reference=_to_batch_reference,
    gradient=_batch_inverse("BatchToSpaceND"),
    decompose=_to_batch,
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=(
        _batch_sample((2, 4, 3, 2), [2, 3], [[0, 0], [1, 2]]),
        _batch_sample((1, 3), [2], [[1, 0]]),
        _batch_sample((0, 4, 2), [2], [[0, 0]]),
    ),
))  # fmt: skip

register(OpDef(
    name="BatchToSpaceND",
    doc="Batches as elements of blocks along axes 1, 2, …, of which `crops` are cut off: the "
        "inverse of SpaceToBatchND.",
    inputs=("input", "block_shape", "crops"),
    infer=_from_batch_type,
    reference=_from_batch_reference,
    gradient=_batch_inverse("SpaceToBatchND"),
    decompose=_from_batch,
    shape_inputs=(1, 2),
    dtypes=dtypes.COMPUTED,
    samples=(
        _batch_sample((12, 2, 2, 2), [2, 3], [[0, 0], [1, 2]]),
        _batch_sample((2, 3), [2], [[1, 0]]),
        _batch_sample((0, 4, 2), [2], [[0, 0]]),
    ),
))  # fmt: skip
