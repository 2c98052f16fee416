"""`tf.while_loop`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.default_graph import get_default_graph
from graphc.framework.errors import located, relocated
from graphc.framework.shape import TensorShape, as_shape, to_ir
from graphc.ir.bodies import Body, share_captures
from graphc.ir.graph import Graph, Tensor
from graphc.ir.types import TensorType, shape_text
from graphc.ops.loop_values import Packing, convert_results, is_within, unpack

__all__ = ["while_loop"]


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """Repeat `body` as long as `cond` is true.

    Args:
        cond, body: take the loop variables; `cond` gives a bool scalar, `body` the loop variables
            of the next iteration, in the same structure and of the same dtypes.
        loop_vars: a list or tuple of tensors, tensor arrays, numbers, and structures of these.
        shape_invariants: for each loop variable a shape that it keeps to, with None for sizes that
            change; default the shapes that the loop is entered with.
        parallel_iterations, swap_memory: accepted; iterations go one after the other in memory.
        back_prop: whether gradients flow through the loop.
        maximum_iterations: an integer scalar; the loop ends after as many iterations.
        return_same_structure: give a list or tuple also of one loop variable.

    Returns:
        The loop variables after the last iteration.

    Raises:
        TypeError: `cond` or `body` is no function, or gives what is no tensor or of another dtype.
        ValueError: there are no loop variables, or structures or shapes do not fit.
    """
    if not callable(cond):
        raise TypeError(located("cond must be callable."))
    if not callable(body):
        raise TypeError(located("body must be callable."))
    if parallel_iterations < 1:
        raise TypeError(located("parallel_iterations must be a positive integer."))
    if not isinstance(loop_vars, (list, tuple)) and not nest.is_sequence(loop_vars):
        loop_vars = [loop_vars]
    if not loop_vars:
        raise ValueError(located("No loop variables provided"))
    graph = get_default_graph().root
    with graph.name_scope(name or "while"):
        loop = _Loop(graph, cond, body, loop_vars, shape_invariants)
        if maximum_iterations is not None:
            loop.limit(maximum_iterations)
        results = loop.build(back_prop)
    if len(results) == 1 and not return_same_structure and isinstance(results, (list, tuple)):
        return results[0]
    return results


class _Loop:
    """A loop in the making. A limit of iterations is one more carry, the first."""

    def __init__(
        self,
        graph: Graph,
        cond: Callable[..., Any],
        body: Callable[..., Any],
        loop_vars: Any,
        shape_invariants: Any,
    ) -> None:
        self.graph, self.cond, self.body, self.loop_vars = graph, cond, body, loop_vars
        self.packing, self.starts = unpack(loop_vars)
        self.types = _carry_types(self.packing, self.starts, shape_invariants)
        self.maximum: Tensor | None = None

    def limit(self, maximum: Any) -> None:
        """Do at most so many iterations."""
        tensor = convert_to_tensor(maximum, name="maximum_iterations")
        if not tensor.dtype.is_integer or tensor.type.rank not in (None, 0):
            raise ValueError(
                located(f"maximum_iterations must be a scalar, saw shape: {tensor.shape}")
            )
        self.maximum = tensor

    def build(self, back_prop: bool) -> Any:
        graph = self.graph
        outer = graph.block
        test, step = Body(outer), Body(outer)
        with test.building():
            arguments = self._arguments(test)
            test.results = [self._going(test, arguments)]
        with step.building():
            arguments = self._arguments(step)
            step.results = self._next(step, arguments)
        captures = share_captures([test, step])
        controls = list(dict.fromkeys([*test.controls, *step.controls]))
        starts = list(self.starts)
        if self.maximum is not None:
            starts.insert(0, graph.constant(0, self.maximum.dtype, name="iteration_counter"))
        attrs = {"cond": test, "body": step, "carries": len(starts)}
        try:
            op = graph.create("While", [*starts, *captures], attrs, "While", controls)
        except (TypeError, ValueError) as error:
            raise relocated(error) from None
        exits = [graph.op("Identity", t, name="Exit") for t in op.outputs[:-1]]
        if not back_prop:
            exits = [graph.op("StopGradient", t) for t in exits]
        return self.packing.pack(exits[self.maximum is not None :])

    def _arguments(self, body: Body) -> list[Tensor]:
        types = list(self.types)
        if self.maximum is not None:
            types.insert(0, TensorType(self.maximum.dtype, ()))
        return [body.argument(type, "Identity") for type in types]

    def _variables(self, arguments: list[Tensor]) -> Any:
        return self.packing.pack(arguments[self.maximum is not None :])

    def _call(self, function: Callable[..., Any], arguments: list[Tensor]) -> Any:
        variables = self._variables(arguments)
        if isinstance(variables, dict):
            return function(**variables)
        return function(*variables)

    def _going(self, test: Body, arguments: list[Tensor]) -> Tensor:
        given = convert_to_tensor(self._call(self.cond, arguments))
        if not given.dtype.is_bool:
            raise TypeError(
                located(
                    f"Input 'input' of 'LoopCond' Op has type {given.dtype.name} that does not "
                    "match expected type of bool: cond must give a bool scalar"
                )
            )
        if given.type.rank not in (None, 0):
            raise ValueError(
                located(
                    f"Shape must be rank 0 but is rank {given.type.rank} for what cond gives; "
                    "use tf.reduce_all or tf.reduce_any"
                )
            )
        if self.maximum is not None:
            below = self.graph.op("Less", arguments[0], self.maximum)
            given = self.graph.op("LogicalAnd", below, given)
        return test.adopt(given)

    def _next(self, step: Body, arguments: list[Tensor]) -> list[Tensor]:
        given = self._call(self.body, arguments)
        structure = self.packing.structure
        if not nest.is_sequence(given):
            given = [given] if len(structure) == 1 else given
        elif (
            len(structure) == 1 and not isinstance(structure, dict) and not _same(structure, given)
        ):
            given = [given]
        try:
            nest.assert_same_structure(_plain(structure), _plain(given))
        except (TypeError, ValueError) as error:
            raise relocated(type(error)(f"body of tf.while_loop: {error}")) from None
        wanted = [t.dtype for t in self.types]
        packing, tensors = convert_results(self.graph, given, "body of tf.while_loop", wanted)
        self._check(packing, tensors)
        results = [step.adopt(t) for t in tensors]
        if self.maximum is not None:
            one = self.graph.constant(1, self.maximum.dtype)
            results.insert(0, self.graph.op("Add", arguments[0], one, name="iteration"))
        return results

    def _check(self, packing: Packing, tensors: list[Tensor]) -> None:
        """Hold what the body gives to dtypes and shapes of the loop variables."""
        if len(tensors) != len(self.types):
            raise ValueError(
                located("body of tf.while_loop gives other kinds of values than it takes")
            )
        loose = _loose(self.packing)
        for start, type, tensor, free in zip(self.starts, self.types, tensors, loose, strict=True):
            if tensor.dtype is not type.dtype:
                raise TypeError(
                    located(
                        f"Input tensor '{start.name}' enters the loop with type {type.dtype.name}, "
                        f"but has type {tensor.dtype.name} after one iteration: cannot convert a "
                        f"tensor of type {tensor.dtype.name} to an input of type "
                        f"{type.dtype.name}; use tf.cast"
                    )
                )
            if not free and not is_within(tensor.type.shape, type.shape):
                raise ValueError(
                    located(
                        f"The shape for {start.name} is not an invariant for the loop. It enters "
                        f"the loop with shape {shape_text(type.shape)}, but has shape "
                        f"{shape_text(tensor.type.shape)} after one iteration. Provide shape "
                        "invariants using either the `shape_invariants` argument of tf.while_loop "
                        "or set_shape() on the loop variables."
                    )
                )


def _same(structure: Any, given: Any) -> bool:
    try:
        nest.assert_same_structure(_plain(structure), _plain(given))
    except (TypeError, ValueError):
        return False
    return True


def _plain(structure: Any) -> Any:
    """A structure whose outermost tuple counts as a list, as either may be given."""
    is_plain = type(structure) is tuple
    return list(structure) if is_plain else structure


def _loose(packing: Packing) -> list[bool]:
    """For each tensor whether its shape may change freely: tensor arrays' may."""
    found: list[bool] = []
    for value, (count, _) in zip(nest.flatten(packing.structure), packing.parts, strict=True):
        found += [hasattr(value, "_with_flow")] * count
    return found


def _carry_types(packing: Packing, starts: Sequence[Tensor], invariants: Any) -> list[TensorType]:
    """The types that loop variables have in all iterations.

    Raises:
        ValueError: a shape invariant does not fit; TypeError: it is no shape.
    """
    types = [t.type for t in starts]
    for number, free in enumerate(_loose(packing)):
        if free:
            value = starts[number]
            types[number] = TensorType(value.dtype, None)
    if invariants is None:
        return types
    listed = _invariants(packing.structure, invariants)
    if len(listed) != len(packing.parts):
        raise ValueError(
            located(
                f"shape_invariants has {len(listed)} shapes for {len(packing.parts)} loop variables"
            )
        )
    position = 0
    for shape, (count, _) in zip(listed, packing.parts, strict=True):
        if count == 1 and shape is not None and types[position].shape is not None:
            types[position] = _loosened(starts[position], shape)
        position += count
    return types


def _invariants(structure: Any, invariants: Any) -> list[Any]:
    """The shapes in a structure of shapes; a TensorShape is one."""
    try:
        nest.assert_same_structure(_plain(structure), _plain(invariants), check_types=False)
        return nest.flatten(invariants)
    except (TypeError, ValueError):
        found: list[Any] = []
        pending = [(structure, invariants)]
        while pending:
            value, shape = pending.pop()
            if nest.is_sequence(value) and nest.is_sequence(shape) and len(value) == len(shape):
                pending += reversed(
                    list(zip(nest.children(value), nest.children(shape), strict=True))
                )
            else:
                found.append(shape)
        return found


def _loosened(start: Tensor, shape: Any) -> TensorType:
    wanted = shape if isinstance(shape, TensorShape) else as_shape(shape)
    ours = to_ir(wanted)
    if not is_within(start.type.shape, ours):
        raise ValueError(
            located(
                f"The shape invariant specified for {start.name} is not compatible with the "
                f"initial shape of the loop variable. It enters the loop with shape "
                f"{shape_text(start.type.shape)}, but the specified shape invariant is {wanted}."
            )
        )
    return TensorType(start.dtype, ours)
