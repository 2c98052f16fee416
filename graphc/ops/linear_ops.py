"""`tf.matmul` and its kin."""

from __future__ import annotations

from typing import Any

from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located, relocated
from graphc.framework.name_scope import name_scope
from graphc.ir import dtypes
from graphc.ir.graph import HOOKS, Tensor
from graphc.ops.math_ops import multiply
from graphc.ops.scoped import convert_operands, scoped

__all__ = ["batch_matmul", "matmul", "tensordot"]


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of matrices, or of batches of them whose leading sizes broadcast.

    The last two axes are [n, k] and [k, m] after transposition. For real numbers the adjoint is the
    transpose. `a_is_sparse` and `b_is_sparse` are hints of TF1's that change no result.

    Raises:
        ValueError: the inner sizes differ, an operand has rank 1 or less, or is both transposed and
            adjoint. TypeError: the dtypes differ.
    """
    for which, transposed, adjoint in (
        ("a", transpose_a, adjoint_a),
        ("b", transpose_b, adjoint_b),
    ):
        if transposed and adjoint:
            message = f"Only one of transpose_{which} and adjoint_{which} can be True."
            raise ValueError(located(message))
    flip_a, flip_b = bool(transpose_a or adjoint_a), bool(transpose_b or adjoint_b)
    with name_scope(name, "MatMul", (a, b)) as scope:
        x, y = convert_operands((a, b), ("a", "b"))
        ranks = (x.type.rank, y.type.rank)
        try:
            if any(rank is None or rank > 2 for rank in ranks):
                return x.graph.op("BatchMatMulV2", x, y, adj_x=flip_a, adj_y=flip_b, name=scope)
            return x.graph.op("MatMul", x, y, transpose_a=flip_a, transpose_b=flip_b, name=scope)
        except (TypeError, ValueError) as error:
            raise relocated(error) from None


def batch_matmul(
    x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None
) -> Tensor:
    """Products of batches of matrices, as TF called it before 1.0; see `matmul`."""
    return scoped("BatchMatMulV2", (x, y), name, "BatchMatMul", adj_x=adj_x, adj_y=adj_y)


HOOKS.matmul = lambda a, b: matmul(a, b, name="matmul")


# -------------------------------------------------------------------------------------- tensordot


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over pairs of axes.

    Args:
        axes: a number n (the last n axes of a with the first n of b), or a pair of lists of axes
            (or of two axes). The result has the other axes of a, then those of b.

    Raises:
        ValueError: the rank of an operand is unknown, or the axes do not pair up.
    """
    with name_scope(name, "Tensordot", (a, b)) as scope:
        x, y = convert_operands((a, b), ("a", "b"))
        for tensor in (x, y):
            if tensor.type.shape is None:
                raise ValueError(located(f"tensordot needs operands of known rank, not {tensor}"))
        axes_x, axes_y = _contracted(x.type.rank or 0, y.type.rank or 0, axes)
        free_x = [i for i in range(x.type.rank or 0) if i not in axes_x]
        free_y = [i for i in range(y.type.rank or 0) if i not in axes_y]
        inner = _product([_size(x, i) for i in axes_x])
        left = _matrix(x, [*free_x, *axes_x], (_product([_size(x, i) for i in free_x]), inner))
        right = _matrix(y, [*axes_y, *free_y], (inner, _product([_size(y, i) for i in free_y])))
        sizes = [_size(x, i) for i in free_x] + [_size(y, i) for i in free_y]
        product = x.graph.op("MatMul", left, right)
        return x.graph.op("Reshape", product, _sizes_tensor(sizes), name=scope)


def _contracted(rank_a: int, rank_b: int, axes: Any) -> tuple[list[int], list[int]]:
    """The axes of both operands that are summed over, in pairs and non-negative."""
    if isinstance(axes, int):
        if not 0 <= axes <= min(rank_a, rank_b):
            raise ValueError(
                located(f"'axes' must be between 0 and the ranks {rank_a}, {rank_b}: {axes}")
            )
        return list(range(rank_a - axes, rank_a)), list(range(axes))
    if not isinstance(axes, (list, tuple)) or len(axes) != 2:
        raise ValueError(located("'axes' must be an integer or have length 2."))
    pairs = [[part] if isinstance(part, int) else list(part) for part in axes]
    if len(pairs[0]) != len(pairs[1]):
        message = (
            f"Different number of contraction axes 'a' and 'b', {len(pairs[0])} != {len(pairs[1])}."
        )
        raise ValueError(located(message))
    found = []
    for listed, rank in zip(pairs, (rank_a, rank_b), strict=True):
        normal = [int(axis) + rank if axis < 0 else int(axis) for axis in listed]
        if any(not 0 <= axis < rank for axis in normal) or len(set(normal)) != len(normal):
            raise ValueError(located(f"axes {listed} do not fit a tensor of rank {rank}"))
        found.append(normal)
    return found[0], found[1]


def _size(x: Tensor, axis: int) -> Any:
    """One size of a tensor: a number where it is known, else a scalar tensor."""
    size = x.type.dims[axis]
    return size if isinstance(size, int) else x.graph.op("Shape", x)[axis]


def _product(sizes: list[Any]) -> Any:
    total: Any = 1
    for size in sizes:
        if isinstance(total, Tensor) or isinstance(size, Tensor):
            total = size if isinstance(total, int) and total == 1 else multiply(total, size)
        else:
            total *= size
    return total


def _matrix(x: Tensor, order: list[int], sizes: tuple[Any, Any]) -> Tensor:
    """A tensor with its axes in another order, as a matrix."""
    if order != list(range(len(order))):
        x = x.graph.op("Transpose", x, order)
    return x.graph.op("Reshape", x, _sizes_tensor(list(sizes)))


def _sizes_tensor(sizes: list[Any]) -> Tensor:
    return convert_to_tensor(sizes, dtype=dtypes.int32)
