"""Canonicalize: apply the tables of rewrites until nothing matches, in one walk.

Operations are visited in order, so whatever a pattern looks at has its final form already. What a
rewrite gives is tried again at once; rows are found by the type of the root.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import ClassVar

from graphc.ir.function import Function
from graphc.ir.graph import Operation, Tensor
from graphc.ir.passes.rewrites import TABLES
from graphc.ir.passes.rewrites.language import Match, Rewrite, Variable
from graphc.ir.passes.transfer import Transfer
from graphc.ir.records import record
from graphc.ir.shapes import ShapeEnvironment

# How often one operation's result may be rewritten again: more than any chain of rows needs.
_MOST_STEPS = 32


@record
class _Rows:
    """The rows of one root type, each with the producers it needs; `any_of` is all these together
    (None if some row needs none)."""

    rows: tuple[tuple[Rewrite, frozenset[str]], ...]
    any_of: frozenset[str] | None

    def candidates(self, op: Operation) -> Sequence[Rewrite]:
        """The rows whose patterns may match, by the types of the producers alone."""
        any_of = self.any_of
        if any_of is not None:
            for tensor in op.inputs:
                if tensor.op.definition.name in any_of:
                    break
            else:
                return ()
        if op.control_inputs or len(op.outputs) != 1:
            return ()
        producers = {t.op.definition.name for t in op.inputs}
        return [row for row, needed in self.rows if needed <= producers]


Index = dict[str, _Rows]


@record
class Canonicalize:
    """Apply all rewrites, or those whose names are in `only` (separated by spaces)."""

    name: ClassVar[str] = "canonicalize"
    only: str = ""

    def run(self, function: Function) -> Function:
        wanted = self.only.split()
        rows = tuple([row for row in TABLES if not wanted or row.name in wanted])
        unknown = set(wanted) - {row.name for row in rows}
        if unknown:
            raise ValueError(f"unknown rewrites: {', '.join(sorted(unknown))}")
        return rewrite(function, rows)


def rewrite(function: Function, rows: Sequence[Rewrite]) -> Function:
    """The function with these rewrites applied; the same function where none is."""
    index = index_by_root(tuple(rows))
    environment = function.environment
    if not any(
        _find(found, op, environment)
        for op in function.operations
        if (found := index.get(op.definition.name)) is not None
    ):
        return function
    rebuild = Transfer(function)
    changed = False
    for op in function.operations:
        new = rebuild.copy(op)
        if op.definition.name in index:
            outputs = _simplify(index, new, environment)
            if outputs is not None:
                changed = True
                rebuild.replace(op, [outputs])
    return rebuild.finish() if changed else function


@functools.lru_cache(maxsize=64)
def index_by_root(rows: tuple[Rewrite, ...]) -> Index:
    """Rows by the operation type of their patterns' roots."""
    index: dict[str, list[Rewrite]] = {}
    for row in rows:
        index.setdefault(row.pattern.type, []).append(row)
    return {name: _rows(found) for name, found in index.items()}


def _rows(rows: list[Rewrite]) -> _Rows:
    needs = [row.producers for row in rows]
    any_of = frozenset().union(*needs) if all(needs) else None
    return _Rows(tuple(zip(rows, needs, strict=True)), any_of)


def _find(rows: _Rows, op: Operation, environment: ShapeEnvironment) -> bool:
    """Whether some row seems to apply (one that builds may still refuse)."""
    for row in rows.candidates(op):
        match = row.match(op)
        if match is not None and _may_stand(row, match, environment):
            return True
    return False


def _simplify(index: Index, op: Operation, environment: ShapeEnvironment) -> Tensor | None:
    """Rewrite the last operation of a body; the tensor that stands for its result, or None."""
    first = op.number
    result: Tensor | None = None
    for _ in range(_MOST_STEPS):
        following = _step(index, op, environment)
        if following is None:
            break
        result = following
        op = following.op
        if op.number < first or op is not op.graph.operations[-1]:
            break
    return result


def _step(index: Index, op: Operation, environment: ShapeEnvironment) -> Tensor | None:
    """Apply one row to the last operation of a body, which then goes away."""
    rows = index.get(op.definition.name)
    candidates = rows.candidates(op) if rows is not None else ()
    body = op.graph
    for row in candidates:
        match = row.match(op)
        if match is None or not _may_stand(row, match, environment):
            continue
        assert body.operations[-1] is op, op
        body.operations.pop()
        if isinstance(row.replacement, Variable):
            return match.tensors[row.replacement.name]
        result = _build(row, match, environment)
        if result is not None:
            return result
        body.append(op)
    return None


def _build(row: Rewrite, match: Match, environment: ShapeEnvironment) -> Tensor | None:
    """Make a row's replacement at the end of the body; nothing is left there if it does not fit."""
    op = match.root
    body = op.graph
    start = len(body.operations)
    with body.provenance(op), body.role(op.role):
        result = row.build(match)
    if result is None or not _same_type(result, op.outputs[0], environment):
        del body.operations[start:]
        return None
    for made in body.operations[start:]:
        made.name = op.name
    return result


def _may_stand(row: Rewrite, match: Match, environment: ShapeEnvironment) -> bool:
    replacement = row.replacement
    return not isinstance(replacement, Variable) or _same_type(
        match.tensors[replacement.name], match.root.outputs[0], environment
    )


def _same_type(a: Tensor, b: Tensor, environment: ShapeEnvironment) -> bool:
    """Whether two types are the same up to sizes that are known to be equal."""
    if a.type == b.type:
        return True
    if a.dtype is not b.dtype or a.type.rank != b.type.rank or not environment.has_substitutions:
        return False
    canonical = environment.canonical
    return all(canonical(x) == canonical(y) for x, y in zip(a.type.dims, b.type.dims, strict=True))
