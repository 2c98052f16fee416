"""The interpreter: what a function means, computed by its operations' NumPy references.

It is the oracle for every pass, backend and gradient: slow, plain, and without any cleverness
beyond freeing values that nobody reads again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from graphc.ir.dims import Dim, Symbol, as_symbol, evaluate, symbols
from graphc.ir.errors import FailedPreconditionError, InternalError, InvalidArgumentError
from graphc.ir.function import Function, Parameter
from graphc.ir.graph import Operation, Tensor
from graphc.ir.interpreter_nested import run_nested
from graphc.ir.lowering import Host
from graphc.ir.random import random_bits
from graphc.ir.records import record
from graphc.ir.shapes import Guard
from graphc.ir.types import TensorType

# (key, run counter) of a random operation.
RandomState = Callable[[Operation], tuple[int, int]]
# What becomes of a result: (operation, its operands, the result) -> the result as it is used.
Rounding = Callable[[Operation, Sequence[np.ndarray], np.ndarray], np.ndarray]


@record
class Results:
    """What a run gives: the results in order, the new values of variables by name, and how often
    each random operation drew."""

    results: list[np.ndarray]
    updates: dict[str, np.ndarray]
    draws: Counter[str]


class Sizes:
    """The values of symbols known so far in a run."""

    def __init__(self) -> None:
        self.values: dict[Symbol, int] = {}
        self._known: dict[Dim, int] = {}

    def bind(self, name: Symbol, value: int) -> None:
        self.values[name] = value

    def __getitem__(self, dim: Any) -> int:
        if not isinstance(dim, Dim):
            return int(dim)
        found = self._known.get(dim)
        if found is None:
            found = self._known[dim] = evaluate(dim, self.values)
        return found

    def knows(self, dim: Any) -> bool:
        return not isinstance(dim, Dim) or all(s in self.values for s in symbols(dim))

    def in_attribute(self, value: Any) -> Any:
        """An attribute with all sizes as numbers (in tuples and lists of any depth)."""
        if isinstance(value, Dim):
            return self[value]
        if isinstance(value, (tuple, list)):
            return type(value)([self.in_attribute(item) for item in value])
        return value

    def in_type(self, type: TensorType) -> TensorType:
        return TensorType(type.dtype, tuple([self[d] for d in type.dims]))


class ReferenceContext:
    """What a reference may ask besides its operands.

    Attributes: `op`, `attrs` (sizes are numbers), `types` (of the outputs, all sizes numbers),
    `key` and `run` (the state of a random operation).
    """

    __slots__ = ("_random", "_sizes", "attrs", "op")

    def __init__(self, op: Operation, sizes: Sizes, random: RandomState | None) -> None:
        self.op = op
        self.attrs = {name: sizes.in_attribute(value) for name, value in op.attrs.items()}
        self._sizes = sizes
        self._random = random

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple([self._sizes.in_type(t.type) for t in self.op.outputs])

    @property
    def key(self) -> int:
        return self._state()[0]

    @property
    def run(self) -> int:
        return self._state()[1]

    def _state(self) -> tuple[int, int]:
        assert self._random is not None, f"{self.op}: no random state was given"
        return self._random(self.op)

    def random_bits(self, elements: Any, stream: int = 0) -> np.ndarray:
        """32 random bits (uint32) for each element number."""
        key, run = self._state()
        return random_bits(elements, key, run, stream)

    def fail(self, message: str) -> NoReturn:
        raise InvalidArgumentError(None, self.op, f"{self.op.type}: {message}")


def run_function(
    function: Function,
    feeds: Mapping[str, Any],
    variables: Mapping[str, Any] | None = None,
    random: RandomState | None = None,
    initialized: Mapping[str, bool] | None = None,
    rounding: Rounding | None = None,
) -> Results:
    """Evaluate a function.

    Args:
        feeds: arrays by the fed tensors' names.
        variables: values at the start of the run by the variables' names.
        random: (key, run counter) for each operation whose effect is "random".
        initialized: which variables have a value (default: those in `variables`).
        rounding: changes the result of each operation, and each parameter, before it is used: tests
            learn so what rounding may do to the results.

    Raises:
        InvalidArgumentError: an operation failed, or a feed or size does not fit the function.
        FailedPreconditionError: a variable that is read has no value.
    """
    known = variables or {}
    flags = initialized if initialized is not None else dict.fromkeys(known, True)
    run = _Run(function, random, rounding)
    for parameter in function.parameters:
        run.bind(parameter, _parameter_value(parameter, feeds, known, flags))
    run.check_guards()
    last_uses = _last_uses(function)
    with np.errstate(all="ignore"):
        for op in function.operations:
            run.step(op)
            for tensor in last_uses.get(op, ()):
                run.values.pop(tensor, None)
    return Results(
        [run.values[t] for t in function.results],
        {name: run.values[t] for name, t in function.updates},
        run.draws,
    )


def run_operation(
    op: Operation,
    arrays: Sequence[np.ndarray],
    sizes: Sizes | None = None,
    random: RandomState | None = None,
) -> list[np.ndarray]:
    """Evaluate one operation by its reference (a host operation by its call).

    Raises:
        InvalidArgumentError: the reference fails; InternalError: the type has no reference.
    """
    context = ReferenceContext(op, sizes or Sizes(), random)
    reference = op.definition.reference
    if reference is not None:
        given = reference(context, *arrays)
    elif isinstance(op.definition.lowering, Host):
        given = op.definition.lowering.call(op, *arrays)
    else:
        raise InternalError(None, op, f"{op.type} has no reference")
    if given is None:
        given = ()
    if not isinstance(given, (tuple, list)):
        given = (given,)
    assert len(given) == len(op.outputs), f"{op}: the reference gives {len(given)} results"
    return [np.asarray(result) for result in given]


class _Run:
    """The state of one evaluation."""

    def __init__(
        self,
        function: Function,
        random: RandomState | None,
        rounding: Rounding | None = None,
    ) -> None:
        self.random = random
        self.rounding = rounding
        self.sizes = Sizes()
        self.values: dict[Tensor, np.ndarray] = {}
        self.dynamic: dict[Tensor, list[tuple[Symbol, int]]] = {}
        for name, tensor, element in function.sizes:
            self.dynamic.setdefault(tensor, []).append((name, element))
        self.guards: list[Guard] = list(function.environment.guards)
        self.draws: Counter[str] = Counter()
        self.late = frozenset(function.environment.dynamic)

    def bind(self, parameter: Parameter, value: np.ndarray) -> None:
        """Give a parameter its array, and its symbols their values."""
        tensor = parameter.tensor
        dims = tensor.type.dims
        if value.ndim != len(dims):
            raise InvalidArgumentError(
                None, tensor.op,
                f"{parameter.name} has rank {value.ndim}, but rank {len(dims)} is wanted",
            )  # fmt: skip
        for dim, size in zip(dims, value.shape, strict=True):
            self._bind_dim(dim, size)
        for dim, element in zip(tensor.op.attrs.get("_value", ()), value.ravel(), strict=False):
            self._bind_dim(dim, int(element))
        self._bind_elements(tensor, value)
        self._check(tensor, value)
        self.values[tensor] = (
            value if self.rounding is None else self.rounding(tensor.op, (), value)
        )

    def _bind_elements(self, tensor: Tensor, value: np.ndarray) -> bool:
        """Bind the mid-run sizes that a tensor holds; whether there are any."""
        names = self.dynamic.get(tensor, ())
        for name, element in names:
            self.sizes.bind(name, int(value.ravel()[element]))
        return bool(names)

    def _bind_dim(self, dim: Any, size: int) -> None:
        name = as_symbol(dim)
        if name is not None:
            self.sizes.values.setdefault(name, size)

    def step(self, op: Operation) -> None:
        """Evaluate one operation; sizes that it makes known are known afterwards."""
        if op.type == "Parameter":
            return
        arrays = [self.values[t] for t in op.inputs]
        if op.definition.effect == "nested":
            results = run_nested(op, arrays, self._evaluate, self.sizes)
        else:
            results = run_operation(op, arrays, self.sizes, self.random)
        if op.definition.effect == "random":
            self.draws[op.attrs["_random"]] += 1
        if self.rounding is not None:
            results = [self.rounding(op, arrays, result) for result in results]
        fresh = False
        for tensor, result in zip(op.outputs, results, strict=True):
            fresh |= self._bind_elements(tensor, result)
        for tensor, result in zip(op.outputs, results, strict=True):
            if self.late and result.ndim == len(tensor.type.dims):
                for dim, size in zip(tensor.type.dims, result.shape, strict=True):
                    self._bind_dim(dim, size)
            self._check(tensor, result)
            self.values[tensor] = result
        if fresh:
            self.check_guards(op)

    def _evaluate(self, function: Function, values: Mapping[str, Any]) -> Results:
        """Run a nested function; its random operations go on where they were."""
        draws = self.draws

        def state(op: Operation) -> tuple[int, int]:
            assert self.random is not None, f"{op}: no random state was given"
            key, run = self.random(op)
            return key, run + draws[op.attrs["_random"]]

        given = {p.name: values[p.name] for p in function.parameters}
        done = run_function(function, given, given, state, None, self.rounding)
        draws.update(done.draws)
        return done

    def _check(self, tensor: Tensor, value: np.ndarray) -> None:
        declared = self.sizes.in_type(tensor.type)
        assert value.dtype == declared.dtype.numpy, (
            f"{tensor.op}: output {tensor.index} is {value.dtype}, its type says {tensor.type}"
        )
        if value.shape != declared.shape:
            message = f"has shape {value.shape}, its type {tensor.type} says {declared.shape}"
            if tensor.op.type == "Parameter":
                raise InvalidArgumentError(None, tensor.op, f"the fed value {message}")
            raise AssertionError(f"{tensor.op}: output {tensor.index} {message}")

    def check_guards(self, op: Operation | None = None) -> None:
        """Check the decisions about sizes that are known by now."""
        waiting = []
        for guard in self.guards:
            if not (self.sizes.knows(guard.a) and self.sizes.knows(guard.b)):
                waiting.append(guard)
            elif not guard.holds(self.sizes[guard.a], self.sizes[guard.b]):
                raise self._broken(guard, op)
        self.guards = waiting

    def _broken(self, guard: Guard, op: Operation | None) -> Exception:
        a, b = self.sizes[guard.a], self.sizes[guard.b]
        if any(s in self.late for d in (guard.a, guard.b) for s in symbols(d)):
            return InvalidArgumentError(None, guard.op or op, guard.broken(a, b))
        return InternalError(
            None, op, f"the function was compiled for other sizes: {guard} does not hold ({a}, {b})"
        )


def _parameter_value(
    parameter: Parameter,
    feeds: Mapping[str, Any],
    variables: Mapping[str, Any],
    initialized: Mapping[str, bool],
) -> np.ndarray:
    op, name = parameter.tensor.op, parameter.name
    if parameter.kind == "initialized":
        return np.asarray(bool(initialized.get(name, False)))
    if parameter.kind == "feed":
        if name not in feeds:
            raise InvalidArgumentError(None, op, f"{name} is not fed")
        return np.asarray(feeds[name])
    if name not in variables:
        raise FailedPreconditionError(
            None, op, f"Attempting to use uninitialized value {name}; run its initializer first"
        )
    return np.asarray(variables[name])


def _last_uses(function: Function) -> dict[Operation, list[Tensor]]:
    """For each operation the tensors nobody reads after it."""
    kept = set(function.live)
    uses: dict[Operation, list[Tensor]] = {}
    for op in reversed(function.operations):
        for tensor in (*op.inputs, *op.outputs):
            if tensor not in kept:
                kept.add(tensor)
                uses.setdefault(op, []).append(tensor)
    return uses
