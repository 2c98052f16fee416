"""Reductions: accumulators, how a value is folded in, and the fixed tree that joins the lanes.

Results do not depend on threads or vector registers: element i of a vectorised fold goes to virtual
lane i mod 16, lanes are joined in halves (0+8, 1+9, ...; then 0+4, ...). Float sums are added up in
blocks (see `loops`) whose sums go to a compensated total, so that their error does not grow with
their length.
"""

from __future__ import annotations

from graphc.codegen.cpu.arith import maximum, minimum
from graphc.codegen.cpu.numeric import Code, Num, where
from graphc.codegen.cpu.points import Value, splat
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, Carried, element_type, float_literal, vector
from graphc.codegen.kernel import Reduce
from graphc.ir.dtypes import DType, int64
from graphc.ir.records import record


def blocks(kind: str, dtype: DType) -> bool:
    """Whether a fold's partial results are kept per block, for accuracy."""
    return kind == "sum" and dtype.is_floating


@record
class Fold:
    """One reduction being written: `source` is the dtype of the folded value, `width` the lanes of
    its accumulators (None: scalars).

    The state of a fold is one accumulator; (value, position) for arg-reductions; for a
    `compensated` sum (total, what its roundings lost). A block's partial sum is one accumulator
    again. `place` is the type of positions: i32 where they are known to fit.
    """

    reduce: Reduce
    source: DType
    width: int | None
    features: Features
    builder: Builder
    compensated: bool = False
    place: str = "i64"

    @property
    def arg(self) -> bool:
        return self.reduce.kind in ("argmax", "argmin")

    @property
    def blocked(self) -> bool:
        """Whether partial sums are kept per block, for accuracy."""
        return blocks(self.reduce.kind, self.source)

    @property
    def element(self) -> str:
        return element_type(self.source)

    def _code(self) -> Code:
        return Code(self.builder, self.features, self.width, self._hint)

    @property
    def _hint(self) -> str:
        return f"{self.reduce.kind}_{self.reduce.number}"

    def start(self) -> list[Carried]:
        """(name hint, type, initial value) of each accumulator: the empty fold's result."""
        kind = vector(self.element, self.width)
        first = splat(
            self.builder, _identity(self.reduce.kind, self.source), self.element, self.width
        )
        carried = [(self._hint, kind, first)]
        if self.arg:
            zero = splat(self.builder, "0", self.place, self.width)
            carried.append((f"{self._hint}.at", vector(self.place, self.width), zero))
        if self.compensated:
            carried.append((f"{self._hint}.lost", kind, first))
        return carried

    def step(
        self, state: tuple[str, ...], value: str, position: str, mask: str | None
    ) -> tuple[str, ...]:
        """Fold `value` in, in the lanes of `mask`; `position` matters to arg-reductions only."""
        code = self._code()
        old, new = code.num(state[0], self.element), code.num(value, self.element)
        if self.arg:
            better = _better(self.reduce.kind, self.source, new, old)
            if mask is not None:
                better = better & code.num(mask, "i1")
            spot = where(better, code.num(position, self.place), code.num(state[1], self.place))
            return where(better, new, old).name, spot.name
        result = _combine(self.reduce.kind, self.source, new, old)
        if mask is not None:
            result = where(code.num(mask, "i1"), result, old)
        return result.name, *state[1:]

    def merge(self, total: tuple[str, ...], part: tuple[str, ...]) -> tuple[str, ...]:
        """Add a block's partial sum to the total, noting what the rounding loses (Knuth's sum)."""
        code = self._code()
        x, y = code.num(total[0], self.element), code.num(part[0], self.element)
        both = x + y
        if len(total) == 1:
            return (both.name,)
        added = both - x
        lost = (x - (both - added)) + (y - added)
        return both.name, (code.num(total[1], self.element) + lost).name

    def result(self, state: tuple[str, ...], join: bool) -> Value:
        """The reduction's value; `join` folds the lanes of the accumulators into one."""
        if self.compensated:
            state = (self._completed(state),)
        if not join or self.width is None:
            return self._value(state[-1], self.width)
        width = self.width
        while width > 1:
            width //= 2
            state = self._halve(state, width)
        kind = self.place if self.arg else self.element
        text = f"extractelement <1 x {kind}> {state[-1]}, i64 0"
        return self._value(self.builder.let(self._hint, text), None)

    def _value(self, name: str, width: int | None) -> Value:
        if not self.arg:
            return Value(name, self.source, width)
        code = Code(self.builder, self.features, width, self._hint)
        return Value(code.num(name, self.place).cast("zext", "i64").name, int64, width)

    def _completed(self, state: tuple[str, ...]) -> str:
        """Total plus what was lost; where the total is infinite or NaN, that alone."""
        code = self._code()
        total, lost = (code.num(name, self.element) for name in state)
        return where(lost.is_nan(), total, total + lost).name

    def _halve(self, state: tuple[str, ...], width: int) -> tuple[str, ...]:
        """Join lanes l and l + width."""
        code = Code(self.builder, self.features, width, self._hint)
        kinds = [self.element, self.place][: len(state)]
        low, high = (
            [
                self._part(code, name, kind, width, start)
                for name, kind in zip(state, kinds, strict=True)
            ]
            for start in (0, width)
        )
        if not self.arg:
            return (_combine(self.reduce.kind, self.source, low[0], high[0]).name,)
        better = _better(self.reduce.kind, self.source, high[0], low[0])
        same = high[0].eq(low[0])
        if self.source.is_floating:
            same = same | (high[0].is_nan() & low[0].is_nan())
        take = better | (same & (high[1] < low[1]))
        return tuple(where(take, x, y).name for x, y in zip(high, low, strict=True))

    def _part(self, code: Code, name: str, kind: str, width: int, start: int) -> Num:
        lanes = ", ".join(f"i32 {start + lane}" for lane in range(width))
        whole = vector(kind, 2 * width)
        text = f"shufflevector {whole} {name}, {whole} poison, <{width} x i32> <{lanes}>"
        return code.let(text, kind)


def _combine(kind: str, dtype: DType, new: Num, old: Num) -> Num:
    match kind:
        case "sum":
            return old | new if dtype.is_bool else old + new
        case "prod":
            return old & new if dtype.is_bool else old * new
        case "any":
            return old | new
        case "all":
            return old & new
    greater = kind == "max"
    if dtype.is_floating:
        return maximum(new, old) if greater else minimum(new, old)
    if dtype.is_bool:
        return old | new if greater else old & new
    sign = "u" if dtype.is_unsigned else "s"
    return new.code.intrinsic(f"{sign}{kind}", new, old)


def _better(kind: str, dtype: DType, new: Num, old: Num) -> Num:
    """Whether `new` replaces `old`: strictly more extreme, or the first NaN."""
    side = "gt" if kind == "argmax" else "lt"
    if not dtype.is_floating:
        return new.compare(("u" if dtype.is_unsigned or dtype.is_bool else "s") + side, old)
    return new.compare("u" + side, old) & old.compare("ord", old)


def _identity(kind: str, dtype: DType) -> str:
    """The empty fold's result as a constant."""
    low = kind in ("max", "argmax")
    if kind in ("sum", "any", "prod", "all"):
        one = kind in ("prod", "all")
        if dtype.is_floating:
            return float_literal(float(one), element_type(dtype))
        return ("true" if one else "false") if dtype.is_bool else str(int(one))
    if dtype.is_floating:
        return float_literal(float("-inf" if low else "inf"), element_type(dtype))
    if dtype.is_bool:
        return "false" if low else "true"
    value = int(dtype.min) if low else int(dtype.max)
    bits = dtype.size * 8
    return str(value - (1 << bits) if value >> (bits - 1) == 1 else value)
