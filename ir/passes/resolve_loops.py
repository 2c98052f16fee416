"""Resolving loops: body and condition become one function, traced until its carries stay the same.

Carries are those of the user's loop and the variables that the body writes; their sizes are those
that they start with, or varying. The function gives whether to go on (from the new carries), the
values that gradients ask for, and the new carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphc.ir import dtypes
from graphc.ir.bodies import Body
from graphc.ir.dims import Unknown
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.resolve import Resolver, size_tensors
from graphc.ir.passes.resolve_arrays import is_open, settle
from graphc.ir.passes.resolve_inner import COUNTED, Inner, Outputs, append_nested, sliced
from graphc.ir.types import TensorType, shape_text


def resolve_loop(outer: Resolver, op: Operation, seen: dict[Operation, int]) -> None:
    """Append what a `While` or `Scan` of the user's graph means."""
    loop = _Loop(outer, op, seen)
    loop.trace()
    loop.append()


@dataclass
class _Loop:
    """A loop in the making. `variables` are those it writes: they are carries after the user's."""

    outer: Resolver
    op: Operation
    seen: dict[Operation, int]
    variables: dict[Operation, None] = field(default_factory=dict)
    varying: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        op, outer = self.op, self.outer
        self.body: Body = op.attrs["body"]
        self.cond: Body | None = op.attrs.get("cond")
        self.explicit: int = op.attrs["carries"]
        rows: int = op.attrs.get("rows", 0)
        tail = rows + (self.cond is None)
        values = [outer.value(t, self.seen, op) for t in op.inputs[: self.explicit]]
        self.starts = values
        last = [outer.value(t, self.seen, op) for t in op.inputs[len(op.inputs) - tail :]]
        self.rows = last[:rows]
        self.count = last[rows] if self.cond is None else None
        self.saves = [s for s in outer.saves.get(op, []) if s.type == "Saved"]

    @cached_property
    def _slices(self) -> tuple[list[Operation], list[Operation]]:
        kept = [s.attrs["tensor"] for s in self.saves]
        body = sliced(self.body, [*self.body.results, *kept])
        cond = [] if self.cond is None else sliced(self.cond, self.cond.results)
        return body, cond

    @property
    def carries(self) -> list[Tensor]:
        """What the carries start from, in the outer function."""
        return [*self.starts, *(self.outer.latest(v, self.op) for v in self.variables)]

    def trace(self) -> None:
        """Trace the body until variables written and sizes that vary stay the same."""
        while not self._trace_once():
            pass

    def _inner(self) -> Inner:
        found: Any = [size_tensors(part) for part in self._slices]
        sizes, whole = (found[0][i] | found[1][i] for i in (0, 1))
        outer = self.outer
        return Inner({}, outer.variable_shape, sizes, whole, outer=outer, op=self.op,
                     seen=self.seen, taken=self.taken, has_arrays=outer.has_arrays)  # fmt: skip

    def _start(self, inner: Inner) -> list[Tensor]:
        """The parameters for carries; those of written variables are their values."""
        parameters = []
        for number, start in enumerate(self.carries):
            hint = self.outer.environment.hint
            shape = tuple([
                inner.varying(hint(d)) if (number, axis) in self.varying else inner.import_size(d)
                for axis, d in enumerate(start.type.dims)
            ])  # fmt: skip
            type = TensorType(start.dtype, shape)
            parameters.append(inner.parameter_of(f"c{number}", type, start, "variable"))
        inner.initial.update(zip(self.variables, parameters[self.explicit :], strict=True))
        inner.carried = set(self.variables)
        return parameters

    def _trace_once(self) -> bool:
        self.taken: dict[Tensor, int] = {}
        inner = self.inner = self._inner()
        parameters = self._start(inner)
        inner.enter(self.body)
        own = self.body.arguments[: self.explicit]
        inner.tensors.update(zip(own, parameters, strict=False))
        for number, rows in enumerate(self.rows):
            dims = [inner.import_size(d) for d in rows.type.dims[1:]]
            row = TensorType(rows.dtype, tuple(dims))
            inner.tensors[self.body.arguments[self.explicit + number]] = inner.parameter_of(
                f"r{number}", row, rows, "variable"
            )
        inner.visit_all(self._slices[0])
        fresh = [v for v in inner.versions if v not in self.variables]
        if fresh:
            self.variables.update(dict.fromkeys(fresh))
            return False
        self.outer.has_arrays |= inner.has_arrays
        results = [inner.value_at_end(t) for t in self.body.results]
        self.results = [*results, *(inner.latest(v, self.op) for v in self.variables)]
        self.saved = [inner.value_at_end(s.attrs["tensor"]) for s in self.saves]
        stable = self._is_stable(parameters)
        if stable and self.cond is not None:
            self.going = self._trace_cond(inner, results)
        return stable

    def _is_stable(self, parameters: list[Tensor]) -> bool:
        """Whether each iteration gives carries of the sizes it was given; notes what does not."""
        canonical = self.inner.environment.canonical
        before = len(self.varying)
        if self._settle_starts():
            return False
        for number, (old, new) in enumerate(zip(parameters, self.results, strict=True)):
            if len(old.type.dims) != len(new.type.dims):
                raise InvalidArgumentError(
                    None, self.op,
                    f"a loop variable has shape {shape_text(old.type.dims)} before and "
                    f"{shape_text(new.type.dims)} after an iteration; its rank must not change",
                )  # fmt: skip
            for axis, (a, b) in enumerate(zip(old.type.dims, new.type.dims, strict=True)):
                if (number, axis) not in self.varying and canonical(a) != canonical(b):
                    self.varying.add((number, axis))
        return len(self.varying) == before

    def _settle_starts(self) -> bool:
        """Settle open arrays that the body writes to; whether there are any."""
        found = False
        for number, start in enumerate(self.starts):
            if is_open(start) and not is_open(self.results[number]):
                sizes = [self.inner.export(d) for d in self.results[number].type.dims[1:]]
                if None in sizes:
                    raise InvalidArgumentError(
                        None, self.op, "the elements written to a TensorArray must have one shape, "
                        "known before the loop; pass element_shape to tf.TensorArray")  # fmt: skip
                self.starts[number] = settle(start, sizes)
                found = True
        return found

    def _trace_cond(self, inner: Inner, values: Sequence[Tensor]) -> Tensor:
        """Go on with the condition over the carries `values`; whether to do an iteration."""
        assert self.cond is not None
        inner.enter(self.cond)
        inner.base = {v: len(chain) for v, chain in inner.versions.items()}
        inner.tensors.update(zip(self.cond.arguments, values, strict=True))
        inner.visit_all(self._slices[1])
        going = inner.value_at_end(self.cond.results[0])
        if going.type.dims != ():
            raise InvalidArgumentError(None, self.op, f"The condition is no scalar: {going.type}")
        return going

    def append(self) -> None:
        """The operation of the outer function."""
        outer, op, inner = self.outer, self.op, self.inner
        attrs: dict[str, Any] = {"carries": len(self.results)}
        results = list(self.saved)
        if self.cond is not None:
            first = self._inner()
            going = self._trace_cond(first, self._start(first)[: self.explicit])
            attrs["cond"] = first.close(f"{op.name}/cond", [going])
            results.insert(0, self.going)
        else:
            attrs |= {"rows": len(self.rows), "reverse": op.attrs["reverse"]}
        updates = [(f"c{number}", t) for number, t in enumerate(self.results)]
        attrs["body"] = inner.close(f"{op.name}/body", results, updates)
        outputs = Outputs(op, count=len(self.results) + len(self.saved))
        for number, start in enumerate(self.carries):
            outputs.add(start.dtype, [None if (number, axis) in self.varying else d
                                      for axis, d in enumerate(start.type.dims)])  # fmt: skip
        length = self._length()
        for value in self.saved:
            outputs.add(value.dtype, [length, *(inner.export(d) for d in value.type.dims)])
        outputs.add(dtypes.int32, ())
        ends = [] if self.count is None else [*self.rows, self.count]
        attrs["names"] = (
            *(name for name, _ in updates),
            *(f"k{number}" for number in self.taken.values()),
            *(f"r{number}" for number in range(len(self.rows))),
            *(() if self.count is None else ("count",)),
        )
        new = append_nested(outer, op, (*self.carries, *self.taken, *ends), attrs, outputs)
        self._bind(new)

    def _length(self) -> Any:
        """How many iterations there are, as a size; COUNTED: only the run knows."""
        if self.count is None:
            return COUNTED
        value = self.outer.body.value_of(self.count)
        if value is None or isinstance(value.item(), Unknown):
            return COUNTED
        return value.item()

    def _bind(self, new: Operation) -> None:
        outer, op, count = self.outer, self.op, len(self.results)
        outer.tensors.update(zip(op.outputs[: self.explicit], new.outputs, strict=False))
        stacks = new.outputs[count : count + len(self.saved)]
        outer.tensors.update((s.outputs[0], t) for s, t in zip(self.saves, stacks, strict=True))
        for save in outer.saves.get(op, []):
            if save.type == "LoopCount":
                outer.tensors[save.outputs[0]] = new.outputs[-2]
        values = dict(zip(self.variables, new.outputs[self.explicit : count], strict=True))
        outer.written(op, self.seen, values)
