"""One case of the registry in TensorFlow and in graphc: results, gradients, gradients of gradients.

TensorFlow's operation is made from its own definition, so the names of inputs and attributes, and
the dtypes that it takes, come from TensorFlow and not from its Python wrappers. `outcome` is
written once for both sides.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from graphc.codegen.program import Options, Program
from graphc.ir.dtypes import DType, float64
from graphc.ir.gradients import gradients
from graphc.ir.graph import IndexedSlices, Tensor
from tests.registry.samples import Case, build, placeholder
from tests.registry.test_cpu import FixedRandom

Array = np.ndarray[Any, Any]


class RefusedError(Exception):
    """TensorFlow does not do this: it has no kernel, no gradient, or wants other operands."""


class Side(Protocol):
    """An operation in a graph of TensorFlow or graphc, and what can be done with it."""

    inputs: list[Any]  # those that are fed
    outputs: list[Any]

    def feed(self, array: Array) -> Any:
        """A placeholder that is fed `array`."""
        ...

    def run(self, fetches: Sequence[Any]) -> list[Array]: ...

    def gradients(self, ys: list[Any], xs: list[Any], dys: list[Any]) -> list[Any]:
        """Dense tensors, or None where ys do not depend on an x."""
        ...


@dataclass
class Outcome:
    """What came out of one case. `orders[n]` are the gradients of order n + 1, one per operand;
    there are none from the order on that TensorFlow refuses.
    """

    results: list[Array]
    orders: list[list[Array | None]] = field(default_factory=list)


def outcome(side: Side, case: Case) -> Outcome:
    """Results and gradients, the second order in float64 alone.

    Raises:
        RefusedError: this side does not compute the results.
    """
    generator = np.random.default_rng(zlib.crc32(case.id.encode()) + 1)
    results = side.run(side.outputs)
    found = Outcome(results)
    if case.definition.effect == "random":
        return found
    ys = [y for y, r in zip(side.outputs, results, strict=True) if r.dtype.kind == "f"]
    values = [r for r in results if r.dtype.kind == "f"]
    xs = [x for x in side.inputs if x.dtype.name in ("float32", "float64")]
    for _ in range(2 if case.dtype is float64 else 1):
        if not ys or not xs:
            break
        weights = [generator.standard_normal(v.shape).astype(v.dtype) for v in values]
        dys = [side.feed(weight) for weight in weights]
        try:
            dxs = side.gradients(ys, xs, dys)
            ys = [dx for dx in dxs if dx is not None]
            values = side.run(ys)
        except RefusedError:
            break
        rest = iter(values)
        found.orders.append([None if dx is None else next(rest) for dx in dxs])
        xs = [*xs, *dys]
    return found


def size_inputs(case: Case, count: int) -> set[int]:
    """The operands that only the type rule reads."""
    return {i % count for i in case.definition.shape_inputs if -count <= i < count}


# ------------------------------------------------------------------------------------ TensorFlow


class Theirs:
    """A case in TensorFlow, in the current default graph and session."""

    def __init__(self, tf: Any, session: Any, case: Case) -> None:
        self.tf, self.session = tf, session
        self.feeds: dict[Any, Array] = {}
        self.inputs: list[Any] = []
        arrays = case.arrays()
        sizes = size_inputs(case, len(arrays))
        operands = [tf.constant(a) if i in sizes else None for i, a in enumerate(arrays)]
        for index, array in enumerate(arrays):
            if operands[index] is None:
                operands[index] = self.feed(array)
                self.inputs.append(operands[index])
        try:
            self.outputs = apply(tf, case.definition.name, operands, case.sample.attrs)
        except (TypeError, ValueError) as error:
            raise RefusedError(str(error)) from error

    def feed(self, array: Array) -> Any:
        tensor = self.tf.placeholder(array.dtype, array.shape)
        self.feeds[tensor] = array
        return tensor

    def run(self, fetches: Sequence[Any]) -> list[Array]:
        errors = self.tf.errors
        try:
            return [np.asarray(found) for found in self.session.run(list(fetches), self.feeds)]
        except (
            errors.InvalidArgumentError,
            errors.NotFoundError,
            errors.UnimplementedError,
        ) as error:
            raise RefusedError(str(error)) from error

    def gradients(self, ys: list[Any], xs: list[Any], dys: list[Any]) -> list[Any]:
        try:
            found = self.tf.gradients(ys, xs, dys)
        except (LookupError, ValueError) as error:
            raise RefusedError(str(error)) from error
        return [None if dx is None else self.tf.convert_to_tensor(dx) for dx in found]


def definition_of(name: str) -> Any:
    """TensorFlow's definition of an operation, or None."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(name)


def apply(tf: Any, name: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> list[Any]:
    """The outputs of a new operation, made from TensorFlow's definition of it.

    Raises:
        TypeError, ValueError: TensorFlow does not take these inputs.
    """
    from tensorflow.python.framework import op_def_library

    found = definition_of(name)
    words = defaults_of(found)
    rest = list(inputs)
    for number, argument in enumerate(found.input_arg):
        following = len(found.input_arg) - number - 1
        if argument.number_attr or argument.type_list_attr:
            words[argument.name] = rest[: len(rest) - following]
            rest = rest[len(rest) - following :]
        else:
            words[argument.name] = rest.pop(0)
    for attr, value in attrs.items():
        words[attr] = tf.as_dtype(value.name) if isinstance(value, DType) else value
    made = op_def_library.apply_op(name, **words)
    return list(made) if isinstance(made, (list, tuple)) else [made]


def defaults_of(found: Any) -> dict[str, Any]:
    """The attributes' defaults, but for those that the inputs' dtypes and numbers give."""
    given = {a.type_attr for a in found.input_arg} | {a.number_attr for a in found.input_arg}
    defaults: dict[str, Any] = {}
    for attr in found.attr:
        if attr.HasField("default_value") and attr.name not in given:
            kind = attr.default_value.WhichOneof("value")
            value = getattr(attr.default_value, kind)
            defaults[attr.name] = list(value.i) if kind == "list" else value
    return defaults


# ---------------------------------------------------------------------------------------- graphc


class Ours:
    """A case in graphc, compiled for the CPU, with sizes that the graph does not know."""

    def __init__(self, case: Case) -> None:
        self.built = build(case, "dims")
        self.feeds = dict(self.built.feeds)
        self.inputs: list[Tensor] = list(self.feeds)
        self.outputs: list[Tensor] = list(self.built.op.outputs)

    def feed(self, array: Array) -> Tensor:
        tensor = placeholder(self.built.graph, array, "dims", f"weight{len(self.feeds)}")
        self.feeds[tensor] = array
        return tensor

    def run(self, fetches: Sequence[Tensor]) -> list[Array]:
        graph, target = self.built.graph, self.built.op
        program = Program(graph, fetches, [target], list(self.feeds), Options("cpu"))
        return program.run([np.asarray(a) for a in self.feeds.values()], FixedRandom())

    def gradients(self, ys: list[Tensor], xs: list[Tensor], dys: list[Tensor]) -> list[Any]:
        return list(map(dense, gradients(ys, xs, dys)))


def dense(dx: Tensor | IndexedSlices | None) -> Tensor | None:
    return dx.dense() if isinstance(dx, IndexedSlices) else dx


def both(tf: Any, case: Case) -> tuple[Outcome, Outcome]:
    """The case in graphc and in TensorFlow.

    Raises:
        RefusedError: TensorFlow does not run it.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        theirs = outcome(Theirs(tf, session, case), case)
    return outcome(Ours(case), case), theirs
