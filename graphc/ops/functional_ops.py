"""`tf.map_fn`, `tf.scan`, `tf.foldl`, `tf.foldr`: a function over the rows of tensors.

All are one `Scan` operation: rows go in, accumulators are carried, and what is wanted of every
iteration is kept (`Saved`), row by row in the order of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.framework import nest
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located, relocated
from graphc.framework.shape import TensorShape
from graphc.ir.bodies import Body
from graphc.ir.dims import UNKNOWN
from graphc.ir.dtypes import as_dtype
from graphc.ir.graph import Graph, Operation, Tensor
from graphc.ir.types import TensorType, shape_text
from graphc.ops.loop_values import Packing, convert_results, is_within, unpack

__all__ = ["foldl", "foldr", "map_fn", "scan"]


@dataclass
class _Done:
    """A scan that was built: its operation, and what its body gives."""

    op: Operation
    results: list[Tensor]
    packing: Packing
    carries: list[Tensor]


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """`fn` of each row of `elems`, stacked: result[i] = fn(elems[i]).

    Args:
        fn: takes one row of `elems` (of each tensor of a structure, in the structure).
        elems: a tensor or a structure of tensors of one first dimension.
        dtype: the dtypes of the results, where they or their structure differ from `elems`'.
        parallel_iterations, swap_memory: accepted; rows go one after the other in memory.
        back_prop: whether gradients flow through.
        infer_shape: accepted; results of all rows have one shape.

    Raises:
        TypeError: `fn` is no function, or gives other dtypes; ValueError: shapes or structures do
            not fit.
    """
    graph = _checked(fn)
    with graph.name_scope(name or "map"):
        packing, rows = _rows(elems)
        wanted = packing.structure if dtype is None else dtype
        kinds = [t.dtype for t in rows] if dtype is None else _dtypes(dtype)

        def step(body: Body, carries: list[Tensor], row: Any) -> tuple[Any, list[Tensor]]:
            given, tensors = convert_results(graph, fn(row), "fn of tf.map_fn", kinds)
            _check_map(wanted, kinds, given, tensors)
            return given, tensors

        done = _scan(graph, step, packing, rows, [], False)
        return done.packing.pack(_kept(graph, done, rows, back_prop))


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All accumulators of going over the rows of `elems`: a[i] = fn(a[i-1], elems[i]).

    Args:
        fn: takes the accumulator so far and one row; gives the next accumulator, of the same
            structure, dtypes and shapes.
        initializer: a[-1]; without it a[0] is the first row of `elems`.
        reverse: go from the last row to the first; the results stay in the order of `elems`.
        parallel_iterations, swap_memory, infer_shape: accepted.
        back_prop: whether gradients flow through.

    Raises:
        TypeError: `fn` is no function, or gives other dtypes; ValueError: shapes or structures do
            not fit.
    """
    graph = _checked(fn)
    with graph.name_scope(name or "scan"):
        done, first, rows = _accumulate(graph, fn, elems, initializer, reverse, "tf.scan")
        stacks = _kept(graph, done, rows, back_prop)
        if first:
            zero = graph.constant(0)
            heads = [graph.op("ExpandDims", t, zero) for t in first]
            pairs = zip(stacks, heads, strict=True) if reverse else zip(heads, stacks, strict=True)
            stacks = [graph.op("ConcatV2", a, b, zero, name="concat") for a, b in pairs]
        return done.packing.pack(stacks)


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last accumulator of going over the rows of `elems` from the first to the last.

    Arguments and errors are those of `tf.scan`.
    """
    return _fold(fn, elems, initializer, back_prop, False, name or "foldl")


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last accumulator of going over the rows of `elems` from the last to the first.

    Arguments and errors are those of `tf.scan`.
    """
    return _fold(fn, elems, initializer, back_prop, True, name or "foldr")


def _fold(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any,
    back_prop: bool,
    reverse: bool,
    name: str,
) -> Any:
    graph = _checked(fn)
    with graph.name_scope(name):
        done, _, _ = _accumulate(graph, fn, elems, initializer, reverse, f"tf.{name}")
        ends = [graph.op("Identity", t, name="Exit") for t in done.op.outputs[:-1]]
        if not back_prop:
            ends = [graph.op("StopGradient", t) for t in ends]
        return done.packing.pack(ends)


# ---------------------------------------------------------------------------------------- helpers


def _checked(fn: Any) -> Graph:
    if not callable(fn):
        raise TypeError(located("fn must be callable."))
    return get_default_graph().root


def _rows(elems: Any) -> tuple[Packing, list[Tensor]]:
    """The tensors of `elems`, which have one first dimension."""
    packing, tensors = unpack(elems)
    if not tensors:
        raise ValueError(located("elems must hold at least one tensor"))
    size: Any = UNKNOWN
    for tensor in tensors:
        if tensor.type.rank == 0:
            raise ValueError(
                located("elements in elems must be 1+ dimensional Tensors, not scalars")
            )
        first = UNKNOWN if tensor.type.shape is None else tensor.type.shape[0]
        if size is not UNKNOWN and first is not UNKNOWN and size != first:
            raise ValueError(
                located(f"the tensors of elems differ in their first dimension: {size}, {first}")
            )
        size = first if size is UNKNOWN else size
    return packing, tensors


def _dtypes(dtype: Any) -> list[Any]:
    return [as_dtype(d) for d in nest.flatten(dtype)]


def _check_map(wanted: Any, kinds: list[Any], given: Packing, tensors: list[Tensor]) -> None:
    try:
        nest.assert_same_structure(wanted, given.structure)
    except (TypeError, ValueError) as error:
        raise relocated(
            type(error)(f"fn of tf.map_fn does not give the structure of dtype: {error}")
        ) from None
    for kind, tensor in zip(kinds, tensors, strict=True):
        if tensor.dtype is not kind:
            raise TypeError(
                located(
                    f"TensorArray dtype is {kind.name} but Op is trying to write dtype "
                    f"{tensor.dtype.name}: say dtype=tf.{tensor.dtype.name} to tf.map_fn"
                )
            )


def _accumulate(
    graph: Graph,
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any,
    reverse: bool,
    what: str,
) -> tuple[_Done, list[Tensor], list[Tensor]]:
    """A scan with accumulators; the row that started it if there was no initializer; the rows."""
    packing, rows = _rows(elems)
    first: list[Tensor] = []
    if initializer is None:
        place, rest = (-1, slice(None, -1)) if reverse else (0, slice(1, None))
        first = [t[place] for t in rows]
        rows = [t[rest] for t in rows]
        state, starts = packing, first
    else:
        state, starts = unpack(initializer)

    def step(body: Body, carries: list[Tensor], row: Any) -> tuple[Any, list[Tensor]]:
        kinds = [t.dtype for t in starts]
        given, tensors = convert_results(
            graph, fn(state.pack(carries), row), f"fn of {what}", kinds
        )
        _check_state(what, state, starts, given, tensors)
        return given, tensors

    return _scan(graph, step, packing, rows, starts, reverse), first, rows


def _check_state(
    what: str, state: Packing, starts: list[Tensor], given: Packing, tensors: list[Tensor]
) -> None:
    try:
        nest.assert_same_structure(state.structure, given.structure)
    except (TypeError, ValueError) as error:
        raise relocated(
            type(error)(f"fn of {what} does not give the structure of its accumulator: {error}")
        ) from None
    for start, tensor in zip(starts, tensors, strict=True):
        if tensor.dtype is not start.dtype:
            raise TypeError(
                located(
                    f"the accumulator of {what} has type {start.dtype.name}, but fn gives "
                    f"{tensor.dtype.name}; use tf.cast"
                )
            )
        if not is_within(tensor.type.shape, start.type.shape):
            raise ValueError(
                located(
                    f"The shape for {start.name} is not an invariant for the loop. It enters the "
                    f"loop with shape {shape_text(start.type.shape)}, but has shape "
                    f"{shape_text(tensor.type.shape)} after one iteration."
                )
            )


def _scan(
    graph: Graph,
    step: Callable[[Body, list[Tensor], Any], tuple[Packing, list[Tensor]]],
    packing: Packing,
    rows: Sequence[Tensor],
    starts: Sequence[Tensor],
    reverse: bool,
) -> _Done:
    """Append a `Scan` over rows; without accumulators `step` only gives results."""
    with graph.name_scope("while"):
        body = Body(graph.block)
        with body.building():
            carries = [body.argument(t.type, "Identity") for t in starts]
            arguments = [body.argument(_row_type(t), "TensorArrayReadV3") for t in rows]
            given, tensors = step(body, carries, packing.pack(arguments))
            results = [body.adopt(t) for t in tensors]
            body.results = results if starts else []
        count = graph.op("Shape", rows[0])[0]
        attrs = {
            "body": body, "carries": len(starts), "rows": len(rows), "reverse": reverse,
        }  # fmt: skip
        inputs = [*starts, *body.captures, *rows, count]
        try:
            op = graph.create("Scan", inputs, attrs, "Scan", list(body.controls))
        except (TypeError, ValueError) as error:
            raise relocated(error) from None
    return _Done(op, results, given, list(op.outputs[:-1]))


def _row_type(tensor: Tensor) -> TensorType:
    shape = tensor.type.shape
    return TensorType(tensor.dtype, None if shape is None else shape[1:])


def _kept(graph: Graph, done: _Done, rows: Sequence[Tensor], back_prop: bool) -> list[Tensor]:
    """What the body gave in every iteration, stacked."""
    stacks = []
    for tensor in done.results:
        stack = graph.op("Saved", done.op.outputs[-1], tensor=tensor, name="TensorArrayStack")
        stack.set_shape(TensorShape([None]).concatenate(tensor.shape))
        if rows[0].type.rank is not None:
            stack.set_shape(rows[0].shape[:1].concatenate(tensor.shape))
        stacks.append(stack if back_prop else graph.op("StopGradient", stack))
    return stacks
