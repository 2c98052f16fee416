"""Reductions: accumulators, how a value is folded in, and the tree that joins a block's lanes."""

from __future__ import annotations

from graphc.codegen.cuda.printer import Printer
from graphc.codegen.cuda.scalar import combine, literal, read_text, written_text
from graphc.codegen.kernel import Reduce, Stage
from graphc.ir.dtypes import DType


def is_arg(reduce: Reduce) -> bool:
    """Whether a reduction folds pairs of value and position."""
    return reduce.kind in ("argmax", "argmin")


def folded_dtype(p: Printer, stage: Stage, reduce: Reduce) -> DType:
    """The dtype of the values that a reduction folds."""
    for part in (stage, *p.kernel.stages):
        for i in part.body:
            if i.number == reduce.value:
                return i.dtype
        for r in part.reduces:
            if r.number == reduce.value:
                return r.dtype
    raise AssertionError(reduce)


def start(p: Printer, stage: Stage, reduce: Reduce) -> None:
    dtype = folded_dtype(p, stage, reduce)
    p.types[reduce.number] = reduce.dtype
    p.line(f"r{reduce.number} = {_identity(reduce.kind, dtype)}")
    if is_arg(reduce):
        p.line(f"at{reduce.number} = int64(0)")


def step(p: Printer, stage: Stage, reduce: Reduce, position: str) -> None:
    dtype, value, name = folded_dtype(p, stage, reduce), p.names[reduce.value], reduce.number
    if not is_arg(reduce):
        p.line(f"r{name} = {combine(reduce.kind, dtype, f'r{name}', value)}")
        return
    with p.block(f"if {_better(reduce.kind, dtype, value, f'r{name}')}:"):
        p.line(f"r{name} = {value}")
        p.line(f"at{name} = int64({position})")


def tree(p: Printer, stage: Stage) -> None:
    """Join the lanes' partial results: lane l takes in lane l + half, and half is halved."""
    folds = [(r, folded_dtype(p, stage, r), is_arg(r)) for r in stage.reduces]
    for reduce, dtype, arg in folds:
        number = reduce.number
        p.line(f"shared_{number}[lane] = {written_text(dtype, f'r{number}')}")
        if arg:
            p.line(f"shared_at_{number}[lane] = at{number}")
    p.line("cuda.syncthreads()")
    p.line("half = lanes // 2")
    with p.block("while half > 0:"):
        with p.block("if lane < half:"):
            for reduce, dtype, arg in folds:
                _join(p, reduce, dtype, arg)
        p.line("cuda.syncthreads()")
        p.line("half = half // 2")
    for reduce, dtype, arg in folds:
        name, number = f"v{reduce.number}", reduce.number
        whole = f"shared_at_{number}[0]" if arg else read_text(dtype, f"shared_{number}[0]")
        p.line(f"{name} = {whole}")
        p.names[number] = name


def _join(p: Printer, reduce: Reduce, dtype: DType, arg: bool) -> None:
    n = reduce.number
    p.line(f"other_{n} = {read_text(dtype, f'shared_{n}[lane + half]')}")
    if not arg:
        p.line(f"r{n} = {combine(reduce.kind, dtype, f'r{n}', f'other_{n}')}")
        p.line(f"shared_{n}[lane] = {written_text(dtype, f'r{n}')}")
        return
    p.line(f"other_at_{n} = shared_at_{n}[lane + half]")
    same = f"other_{n} == r{n}"
    if dtype.is_floating:
        same = f"({same} or (other_{n} != other_{n} and r{n} != r{n}))"
    better = _better(reduce.kind, dtype, f"other_{n}", f"r{n}")
    with p.block(f"if ({better}) or ({same} and other_at_{n} < at{n}):"):
        p.line(f"r{n} = other_{n}")
        p.line(f"at{n} = other_at_{n}")
        p.line(f"shared_{n}[lane] = {written_text(dtype, f'r{n}')}")
        p.line(f"shared_at_{n}[lane] = at{n}")


def _identity(kind: str, dtype: DType) -> str:
    """The empty fold's result."""
    if kind in ("sum", "any"):
        return literal(0, dtype)
    if kind in ("prod", "all"):
        return literal(1, dtype)
    least = kind in ("max", "argmax")
    if dtype.is_floating:
        return literal(float("-inf" if least else "inf"), dtype)
    return literal(dtype.min if least else dtype.max, dtype)


def _better(kind: str, dtype: DType, new: str, old: str) -> str:
    """Whether `new` replaces `old`: strictly more extreme, or the first NaN."""
    if dtype.is_bool:
        return f"{new} and not {old}" if kind == "argmax" else f"{old} and not {new}"
    sign = ">" if kind == "argmax" else "<"
    if dtype.is_floating:
        return f"({new} {sign} {old} or {new} != {new}) and {old} == {old}"
    return f"{new} {sign} {old}"
