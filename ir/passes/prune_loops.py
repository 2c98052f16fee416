"""Prune loops: branches and loops lose results that nobody reads and inputs that they do not need.

A carry that every iteration hands on as it was becomes a capture. The walk goes from the last
operation to the first, so what a gradient loop does not read of a forward loop is not kept there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from graphc.ir.dims import Dim, Symbol, as_symbol, symbols
from graphc.ir.function import Function, Parameter, Rebuild
from graphc.ir.graph import Operation, Tensor
from graphc.ir.nested import nested_functions
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record


@record
class PruneLoops:
    """Drop what branches and loops compute, take and carry for nothing."""

    name: ClassVar[str] = "prune-loops"

    def run(self, function: Function) -> Function:
        if not any(nested_functions(op) for op in function.operations):
            return function
        plans = _plans(function)
        if not any(plan is not None and plan.changes for plan in plans.values()):
            return function
        rebuild = Transfer(function)
        for op in function.operations:
            if op not in plans:
                continue  # nobody needs it
            plan = plans[op]
            if plan is None or not plan.changes:
                rebuild.copy(op)
            else:
                plan.apply(rebuild)
        return rebuild.finish()


def _plans(function: Function) -> dict[Operation, _Plan | None]:
    """The operations that are needed; for branches and loops among them, what stays of each."""
    live = set(function.live) | {p.tensor for p in function.parameters}
    needed = set(function.effects)
    plans: dict[Operation, _Plan | None] = {}
    for op in reversed(function.operations):
        if op not in needed and live.isdisjoint(op.outputs):
            continue
        needed.update(op.control_inputs)
        plans[op] = None
        if nested_functions(op):
            plan = _Branches(op, live) if op.type == "If" else _Loop(op, live)
            plans[op] = plan
            live.update(plan.inputs)
        else:
            live.update(op.inputs)
    return plans


@dataclass
class _Plan:
    """What stays of an operation. `kept` are the numbers of its results that stay, but for the last
    one, the sizes; `names` the names of inputs that stay."""

    op: Operation
    live: set[Tensor]
    kept: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    parts: dict[str, Function] = field(default_factory=dict)
    stands: dict[int, str] = field(default_factory=dict)  # result -> the input that it is
    renamed: dict[str, str] = field(default_factory=dict)  # carries that became captures

    def __post_init__(self) -> None:
        # sizes that only the run knows are read from results, so these stay
        self.pinned = {number for number, _ in self.op.attrs["sizes"]}
        self.decide()

    def decide(self) -> None:
        """Choose what stays; each kind of operation says how."""
        raise NotImplementedError(f"{type(self).__name__} must define decide")

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs that stay."""
        by_name = dict(zip(self.op.attrs["names"], self.op.inputs, strict=True))
        old = {new: name for name, new in self.renamed.items()}
        return [by_name[old.get(name, name)] for name in self.names]

    @property
    def changes(self) -> bool:
        return len(self.kept) < len(self.op.outputs) - 1 or len(self.names) < len(self.op.inputs)

    def is_live(self, number: int) -> bool:
        return number in self.pinned or self.op.outputs[number] in self.live

    def attrs(self) -> dict[str, Any]:
        """The attributes of what stays."""
        sizes = tuple((self.kept.index(number), axis) for number, axis in self.op.attrs["sizes"])
        return {**self.op.attrs, **self.parts, "sizes": sizes, "names": tuple(self.names)}

    def apply(self, rebuild: Transfer) -> None:
        """Append what stays to a new body."""
        op = self.op
        inputs = tuple([rebuild[t] for t in self.inputs])
        kept = [*self.kept, len(op.outputs) - 1]
        new = rebuild.body.append(
            Operation(
                rebuild.body, op.definition, op.name, inputs, self.attrs(),
                [op.outputs[n].type for n in kept], rebuild.controls(op), op.source, op.role,
                op.device,
            )
        )  # fmt: skip
        by_name = dict(zip(op.attrs["names"], op.inputs, strict=True))
        for number, tensor in zip(kept, new.outputs, strict=True):
            rebuild.tensors[op.outputs[number]] = tensor
        for number, name in self.stands.items():
            rebuild.tensors[op.outputs[number]] = rebuild[by_name[name]]
        rebuild.adopt(op, new)


class _Branches(_Plan):
    def decide(self) -> None:
        op = self.op
        then, other = op.attrs["then_branch"], op.attrs["else_branch"]
        common, middle = op.attrs["common"], len(then.results)
        self.kept = [n for n in range(len(op.outputs) - 1) if self.is_live(n)]
        both = [n for n in self.kept if n < common]
        mine = {
            "then_branch": (then, [n for n in self.kept if common <= n < middle], 0),
            "else_branch": (other, [n for n in self.kept if n >= middle], middle - common),
        }
        needed: dict[str, None] = {"pred": None}
        for name, (part, own, shift) in mine.items():
            results = [part.results[n] for n in both] + [part.results[n - shift] for n in own]
            self.parts[name] = reduced(part, results, ())
            needed.update(dict.fromkeys(p.name for p in self.parts[name].parameters))
        self.names = [name for name in op.attrs["names"] if name in needed]
        self.common = len(both)

    def attrs(self) -> dict[str, Any]:
        return {**super().attrs(), "common": self.common}


class _Loop(_Plan):
    def decide(self) -> None:
        op, body = self.op, self.op.attrs["body"]
        carries = op.attrs["carries"]
        lead = int(op.type == "While")
        cond: Function | None = op.attrs.get("cond")
        saves = [n for n in range(carries, len(op.outputs) - 2) if self.is_live(n)]
        saved = [body.results[lead + n - carries] for n in saves]
        roots = [*body.results[:lead], *saved]
        updates = dict(body.updates)
        fixed = {
            name for name, tensor in updates.items()
            if tensor.op.type == "Parameter" and tensor.op.attrs["name"] == name
        }  # fmt: skip
        wanted = [name for n, name in enumerate(updates) if self.is_live(n) and name not in fixed]
        used = [] if cond is None else [p.name for p in reduced(cond, cond.results, ()).parameters]
        wanted += [name for name in used if name in updates and name not in fixed]
        names = _needed(body, roots, updates, wanted, fixed)
        kept = [n for n, name in enumerate(updates) if name in names and name not in fixed]
        self.kept = [*kept, *saves, len(op.outputs) - 2]
        self.stands = {n: name for n, name in enumerate(updates) if name in fixed}
        self.saved, self.lead = saved, lead
        live = [(name, updates[name]) for name in updates if name in names and name not in fixed]
        self.carries = len(live)
        numbers = [int(name[1:]) for name in op.attrs["names"] if name[0] == "k"]
        fresh = max(numbers, default=-1) + 1
        for name in op.attrs["names"]:
            if name in fixed and (name in names or name in used):
                self.renamed[name] = f"k{fresh}"
                fresh += 1
        self._shrink(body, cond, roots, live)

    def _shrink(
        self,
        body: Function,
        cond: Function | None,
        roots: Sequence[Tensor],
        live: Sequence[tuple[str, Tensor]],
    ) -> None:
        self.parts["body"] = reduced(body, roots, live, self.renamed)
        needed = {p.name for p in self.parts["body"].parameters} | {name for name, _ in live}
        if cond is not None:
            self.parts["cond"] = reduced(cond, cond.results, (), self.renamed)
            needed |= {p.name for p in self.parts["cond"].parameters}
        needed.add("count")
        names = self.op.attrs["names"]
        carries = [n for n in names if n[0] == "c" and n in needed and n not in self.renamed]
        rest = [n for n in names if n[0] != "c" and n in needed]
        moved = [n for n in self.renamed.values() if n in needed]
        self.renamed = {old: new for old, new in self.renamed.items() if new in needed}
        captures = [n for n in rest if n[0] == "k"]
        self.names = [*carries, *captures, *moved, *(n for n in rest if n not in captures)]

    @property
    def changes(self) -> bool:
        return super().changes or bool(self.renamed)

    def attrs(self) -> dict[str, Any]:
        attrs = {**super().attrs(), "carries": self.carries}
        if "rows" in attrs:
            attrs["rows"] = sum(name[0] == "r" for name in self.names)
        return attrs


def _needed(
    body: Function,
    roots: Iterable[Tensor],
    updates: dict[str, Tensor],
    wanted: Sequence[str],
    fixed: set[str],
) -> set[str]:
    """The names of parameters that the roots and the carries wanted need, over all iterations."""
    names = set(wanted)
    following = list(wanted)
    live: set[Operation] = set()
    ends = [*roots, *(t for _, t, _ in body.sizes), *(updates[name] for name in wanted)]
    starts = [*(t.op for t in ends), *body.effects]
    while starts:
        fresh = _ancestors(starts, live)
        following = [op.attrs["name"] for op in fresh if op.type == "Parameter"]
        following += binders(body, live)
        following = [name for name in dict.fromkeys(following) if name not in names]
        names.update(following)
        by_name = {p.name: p.tensor.op for p in body.parameters}
        starts = [by_name[name] for name in following]
        starts += [updates[n].op for n in following if n in updates and n not in fixed]
    return names


def _ancestors(starts: Sequence[Operation], live: set[Operation]) -> list[Operation]:
    """What the operations need and `live` does not hold yet, which it does then."""
    pending = [op for op in dict.fromkeys(starts) if op not in live]
    fresh = list(pending)
    live.update(pending)
    while pending:
        op = pending.pop()
        for source in (*(t.op for t in op.inputs), *op.control_inputs):
            if source not in live:
                live.add(source)
                fresh.append(source)
                pending.append(source)
    return fresh


def binders(function: Function, live: set[Operation]) -> list[str]:
    """Names of parameters that must stay because nothing else tells sizes that are used.

    Captures are preferred, then carries, then rows.
    """
    used: dict[Symbol, None] = {}
    for guard in function.environment.guards:
        used.update(dict.fromkeys((*symbols(guard.a), *symbols(guard.b))))
    for op in function.operations:
        if op in live:
            for dim in _sizes_of(op):
                used.update(dict.fromkeys(symbols(dim)))
    for parameter in function.parameters:
        if parameter.tensor.op in live:
            for bound in _bound(parameter):
                used.pop(bound, None)
    found: list[str] = []
    for parameter in sorted(function.parameters, key=lambda p: "kcr".find(p.name[0])):
        mine = [symbol for symbol in _bound(parameter) if symbol in used]
        if mine and parameter.tensor.op not in live:
            found.append(parameter.name)
            for symbol in mine:
                del used[symbol]
    return found


def _bound(parameter: Parameter) -> list[Symbol]:
    """The symbols whose values a parameter tells."""
    tensor = parameter.tensor
    found = [as_symbol(d) for d in (*tensor.type.dims, *tensor.op.attrs.get("_value", ()))]
    return list(dict.fromkeys(symbol for symbol in found if symbol is not None))


def _sizes_of(op: Operation) -> list[Dim]:
    """The sizes in an operation's attributes and types."""
    found: list[Dim] = []
    pending: list[Any] = [op.attrs[name] for name in op.attrs if name != "_value"]
    pending += [t.type.dims for t in op.outputs]
    while pending:
        value = pending.pop()
        if isinstance(value, Dim):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            pending += value
    return found


def reduced(
    function: Function,
    results: Sequence[Tensor],
    updates: Sequence[tuple[str, Tensor]],
    renamed: dict[str, str] | None = None,
) -> Function:
    """The function of other results and updates, with the operations and parameters they need."""
    renamed = renamed or {}
    wanted = dataclasses.replace(function, results=tuple(results), updates=tuple(updates))
    live: set[Operation] = set()
    _ancestors([*(t.op for t in wanted.live), *function.effects], live)
    parameters = {p.name: p.tensor.op for p in function.parameters}
    live.update(parameters[name] for name in binders(function, live))
    rebuild = Rebuild(wanted)
    for op in function.operations:
        if op in live:
            made = rebuild.copy(op)
            if op.type == "Parameter" and op.attrs["name"] in renamed:
                made.attrs = {**op.attrs, "name": renamed[op.attrs["name"]]}
                made.name = made.attrs["name"]
    done = rebuild.finish()
    kept = tuple(Parameter(p.tensor, p.kind, renamed.get(p.name, p.name)) for p in done.parameters)
    return dataclasses.replace(done, parameters=kept)
